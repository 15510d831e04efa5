//! What a batch that was not appended tells.

use std::sync::Arc;

use crate::error::{LogError, is_passing};
use crate::store::AppendFailure;

impl AppendFailure {
    /// Can one command be the reason, so that the others may well be appended without it?
    pub(super) fn may_be_of_one(&self) -> bool {
        match self {
            Self::Nothing(error) => !is_passing(error),
            Self::Damaged(_) => true,
            Self::Unknown(_) => false,
        }
    }
}

impl From<AppendFailure> for LogError {
    fn from(failure: AppendFailure) -> Self {
        match failure {
            AppendFailure::Nothing(error) => Self::Store(Arc::new(error)),
            AppendFailure::Damaged(error) => error,
            AppendFailure::Unknown(error) => Self::Unknown(Arc::new(error)),
        }
    }
}

/// Did the connection go, rather than the database say no? (sqlx's own enum: open-ended.)
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // PostgreSQL says goodbye: shut down, crashed, or starting up again.
        sqlx::Error::Database(e) => e.code().is_some_and(|code| code.starts_with("57P") || code == "25P03"),
        _ => false,
    }
}
