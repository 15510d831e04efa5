//! What can go wrong on the read side.

use eventlog::LogError;

/// A read model could not answer.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The database of the read models failed.
    #[error("the read models' database failed: {0}")]
    Store(#[from] sqlx::Error),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The model has not yet applied what the reader requires; try again a little later.
    #[error("projection {projection} has applied {applied}, {required} is required")]
    Lagging {
        /// The model.
        projection: String,
        /// Up to where it is.
        applied: u64,
        /// Up to where it should be.
        required: u64,
    },
    /// A poison event parked the key: the row is older than it should be until an operator has resolved it.
    #[error("key {key} of projection {projection} is parked")]
    Parked {
        /// The model.
        projection: &'static str,
        /// The key.
        key: String,
    },
    /// The model has applied more than the log holds: it belongs to another log, or the log has lost its end.
    #[error("projection {projection} has applied {position} events, but the log ends at {head}")]
    AheadOfLog {
        /// The model.
        projection: &'static str,
        /// Up to where it is.
        position: u64,
        /// The log's last position.
        head: u64,
    },
    /// The model was not installed; a defect of the caller.
    #[error("projection {0} is not installed")]
    NotInstalled(&'static str),
    /// Nothing of this name stands still, or this program does not have the model.
    #[error("this program does not know {0}")]
    Unknown(String),
    /// A model's definition is impossible, or was changed without raising its version.
    #[error("projection {projection}: {reason}")]
    Definition {
        /// The model.
        projection: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A stored row cannot be read, or a folded one not be stored.
    #[error("row {key} of projection {projection}: {reason}")]
    Row {
        /// The model.
        projection: &'static str,
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The query names a column that the model has not, or a value of another type; a defect of the caller.
    #[error("query of projection {projection}: {reason}")]
    Query {
        /// The model.
        projection: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The page asked for is impossible.
    #[error(transparent)]
    Page(#[from] PageError),
}

/// A page that a client may not ask for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// `first` and `last` at once.
    #[error("first and last exclude each other")]
    FirstWithLast,
    /// More rows than a page may have, or none.
    #[error("a page has 1 to {max} rows, not {asked}")]
    Size {
        /// What was asked for.
        asked: u32,
        /// The most that is allowed.
        max: u32,
    },
    /// No cursor of this order, or damaged.
    #[error("the cursor is malformed or belongs to another order")]
    Cursor,
}

impl ViewError {
    /// Might the same call succeed later?
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(_) | Self::Lagging { .. } => true,
            Self::Log(error) => error.retryable(),
            Self::Parked { .. }
            | Self::AheadOfLog { .. }
            | Self::NotInstalled(_)
            | Self::Unknown(_)
            | Self::Definition { .. }
            | Self::Row { .. }
            | Self::Query { .. }
            | Self::Page(_) => false,
        }
    }
}
