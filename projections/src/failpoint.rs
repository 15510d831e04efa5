//! What a step of the read side meets at a named place (`fail::fail_point!`) when a test says so. Such places are nothing in a
//! build without the feature `failpoints`; a test may also stop or kill the process there.

/// The database broke off here.
pub(crate) fn broken() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other("failpoint"))
}
