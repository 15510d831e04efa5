//! The two ways of saying no: a refused command answers with [`UserError`]s, everything else is a top-level error.
//!
//! Resolvers return [`ApiError`] by `?`; the transport's last pass ([`finish`]) writes its text in the caller's language and
//! fills the extensions. Whatever is not an [`ApiError`] is an internal error: it is logged and hidden.

mod catalogue;
mod finish;
mod user_error;

use std::sync::Arc;

use async_graphql::Pos;
use eventlog::LogError;
use kernel::{Refused, Timestamp};

pub use catalogue::{Facts, Language, facts, text};
pub use finish::{finish, finished, missing_data};
pub use user_error::UserError;

/// The document is no GraphQL.
pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
/// The document does not fit the schema, or a value does not fit its type.
pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
/// The document would cost more than one request may.
pub const QUERY_TOO_EXPENSIVE: &str = "QUERY_TOO_EXPENSIVE";
/// `first` or `last` is not between 0 and 100, or both are there.
pub const PAGE_SIZE_OUT_OF_RANGE: &str = "PAGE_SIZE_OUT_OF_RANGE";
/// A read model did not reach the required position in time.
pub const PROJECTION_LAGGING: &str = "PROJECTION_LAGGING";
/// A subscriber did not take what it had asked for fast enough.
pub const SLOW_CONSUMER: &str = "SLOW_CONSUMER";
/// The document was named by its hash alone, and is not known.
pub const PERSISTED_QUERY_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";
/// Something broke that is not the caller's fault.
pub const INTERNAL: &str = "SYS001";
/// Too many requests.
pub const LIMITED: &str = "SYS002";
/// A value is malformed by meaning.
pub const MALFORMED: &str = "SYS003";
/// Not taking requests now.
pub const UNAVAILABLE: &str = "SYS008";
/// Nobody is signed in.
pub const SIGN_IN: &str = "AUTH002";
/// The presented token is malformed, forged, expired or revoked.
pub const TOKEN_REFUSED: &str = "AUTH003";
/// Signed in, but not allowed.
pub const FORBIDDEN: &str = "AUTH010";

/// What a resolver answers instead of a value. Goes through `?` into async-graphql's error as its source.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// A rule of the domain or of the edge says no.
    #[error("{}", .0.code)]
    Refused(Refused),
    /// A read model is behind.
    #[error("{projection} has applied {applied} of {required}")]
    Lagging {
        /// Its name.
        projection: String,
        /// The position that it has applied.
        applied: u64,
        /// The position that was asked for.
        required: u64,
        /// When to try again, in milliseconds.
        retry_after_ms: u64,
    },
    /// A subscriber did not keep up.
    #[error("too slow after {cursor}")]
    Slow {
        /// Where to go on.
        cursor: String,
    },
    /// Something broke; the cause is for the log alone.
    #[error("{0}")]
    Internal(Arc<dyn std::error::Error + Send + Sync>),
}

impl ApiError {
    /// A refusal without parameters.
    #[must_use]
    pub fn code(code: &str) -> Self {
        Self::Refused(Refused::code(code))
    }

    /// Nobody is signed in, and the field needs somebody (AUTH002).
    #[must_use]
    pub fn sign_in() -> Self {
        Self::code(SIGN_IN)
    }

    /// The caller's roles do not allow it (AUTH010).
    #[must_use]
    pub fn forbidden() -> Self {
        Self::code(FORBIDDEN)
    }

    /// Anything unexpected, to be logged and hidden (SYS001). A log that cannot be reached now is no defect: come again (SYS008).
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let cause = cause.into();
        match cause.downcast_ref::<LogError>() {
            Some(error) if error.retryable() => {
                tracing::warn!(%error, "a question found the log unavailable");
                Self::code(UNAVAILABLE)
            }
            Some(_) | None => Self::Internal(Arc::from(cause)),
        }
    }

    /// The public code.
    #[must_use]
    pub fn public_code(&self) -> &str {
        match self {
            Self::Refused(refused) => &refused.code,
            Self::Lagging { .. } => PROJECTION_LAGGING,
            Self::Slow { .. } => SLOW_CONSUMER,
            Self::Internal(_) => INTERNAL,
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// A request that is not executed at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// What the caller is told.
    pub refused: Refused,
    /// What exactly is wrong with the request, in English, for the developer of the client.
    pub reason: Option<String>,
    /// Where in the document.
    pub locations: Vec<Pos>,
}

impl RequestError {
    /// A fault of the request, with what exactly is wrong.
    #[must_use]
    pub fn new(code: &str, reason: impl Into<String>) -> Self {
        Self { refused: Refused::code(code), reason: Some(reason.into()), locations: Vec::new() }
    }
}

impl From<Refused> for RequestError {
    fn from(refused: Refused) -> Self {
        Self { refused, reason: None, locations: Vec::new() }
    }
}

/// The refusal of a caller who asked too often (SYS002).
#[must_use]
pub fn limited(seconds: u64) -> Refused {
    Refused::code(LIMITED).with("seconds", seconds)
}

/// The present instant as clients read it: RFC 3339 in UTC with six decimals.
#[must_use]
pub fn timestamp() -> String {
    format!("{:.6}", Timestamp::now())
}

#[cfg(test)]
mod tests;
