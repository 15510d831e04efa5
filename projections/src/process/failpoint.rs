//! What a step of the runtime meets at a named place (`fail::fail_point!`) when a test says so. Such places are nothing in a
//! build without the feature `failpoints`; a test may also stop or kill the process there.

pub(crate) use crate::failpoint::broken;
use crate::process::error::ProcessError;

/// The step broke off here.
pub(crate) fn failed() -> ProcessError {
    ProcessError::Store(broken())
}
