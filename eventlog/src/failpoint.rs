//! What an append meets at a named place between its steps (`fail::fail_point!`) when a test says so. Such places are
//! nothing in a build without the feature `failpoints`; a test may also stop or kill the process there.

use crate::store::AppendFailure;

/// A failure of the store: `unknown` as after a lost answer, anything else as before the first write.
pub(crate) fn failed(what: Option<&str>) -> AppendFailure {
    let error = sqlx::Error::Io(std::io::Error::other("failpoint"));
    match what {
        Some("unknown") => AppendFailure::Unknown(error),
        Some(_) | None => AppendFailure::Nothing(error),
    }
}
