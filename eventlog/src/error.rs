//! What can go wrong between a command and its receipt.

use std::sync::Arc;

use kernel::stream::NotAStream;
use kernel::upcast::Unreadable;
use kernel::{Refusal, Refused, Unbalanced};

use crate::codec::DecodeError;
use crate::config::InvalidUrl;
use crate::seal::KeyError;

/// The log could not do its work.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The store failed; nothing of the command was appended.
    #[error("the store failed: {0}")]
    Store(#[source] Arc<sqlx::Error>),
    /// The store failed while it committed: the command may or may not have been appended. Safe to retry under its key.
    #[error("the store failed while committing, the outcome is unknown: {0}")]
    Unknown(#[source] Arc<sqlx::Error>),
    /// The log was closed, or its appender has ended.
    #[error("the log is closed")]
    Closed,
    /// An event or a result does not serialise into the stored form.
    #[error("cannot encode {what}: {reason}")]
    Encode {
        /// The event type, or `result`.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A stored event or receipt cannot be read.
    #[error(transparent)]
    Decode(Arc<DecodeError>),
    /// A stored event has no path to today's shapes, or does not fit its own.
    #[error(transparent)]
    Unreadable(Arc<Unreadable>),
    /// A stored row holds what no version of this program wrote.
    #[error("the log is damaged: {0}")]
    Damaged(String),
    /// No such stream can exist.
    #[error(transparent)]
    Stream(#[from] NotAStream),
    /// The command exceeds a limit of the log.
    #[error("a command is limited to {limit} {of}")]
    Limit {
        /// What is limited.
        of: &'static str,
        /// The most that is allowed.
        limit: usize,
    },
    /// The command's function misused its session; a defect of the caller.
    #[error("misuse of a session: {0}")]
    Session(&'static str),
    /// The address names no store.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The data folder cannot be made or looked into.
    #[error("cannot use the data folder: {0}")]
    Folder(#[source] Arc<std::io::Error>),
    /// The owner's address does not go with the application's.
    #[error("{0}")]
    Owner(&'static str),
    /// The database was written by a newer program.
    #[error("the database's schema ({found}) is newer than this program ({known}): use the newer program")]
    Newer {
        /// Version of the schema found.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// The database waits for its migration.
    #[error("the database's schema ({found}) is older than this program needs ({known}): migrate it first")]
    Outdated {
        /// Version of the schema found; 0 when there is none.
        found: i64,
        /// The version needed.
        known: i64,
    },
    /// What was applied to the database are not the migrations of this program: another build made it, or somebody altered its record.
    #[error(
        "migration {version} of the database is not the one of this program: another build has made this schema, or its record was altered; \
         use the program that made it, or a new database"
    )]
    Altered {
        /// The first migration that is another one.
        version: i64,
    },
    /// A migration failed; none of it was applied.
    #[error("migration failed: {0}")]
    Migration(#[source] Arc<sqlx::migrate::MigrateError>),
    /// Personal data cannot be sealed, opened or erased.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl LogError {
    /// Might the same call succeed later?
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(error) => is_passing(error),
            Self::Unknown(_) | Self::Keys(KeyError::Busy) => true,
            Self::Closed
            | Self::Encode { .. }
            | Self::Decode(_)
            | Self::Unreadable(_)
            | Self::Damaged(_)
            | Self::Stream(_)
            | Self::Limit { .. }
            | Self::Session(_)
            | Self::Url(_)
            | Self::Owner(_)
            | Self::Folder(_)
            | Self::Newer { .. }
            | Self::Outdated { .. }
            | Self::Altered { .. }
            | Self::Migration(_)
            | Self::Keys(
                KeyError::Absent
                | KeyError::Folder { .. }
                | KeyError::Missing { .. }
                | KeyError::Foreign { .. }
                | KeyError::Damaged(_)
                | KeyError::Random(_)
                | KeyError::Value(_),
            ) => false,
        }
    }
}

/// Errors of the connection or of a busy server, which a later call may not meet. (sqlx's own enum: open-ended.)
pub(crate) fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
        // Classes 08 connection, 40 rollback, 53 resources, 57 shutdown of PostgreSQL; 55P03 waited too long for the head's lock,
        // 25P03 was idle for too long under it, 25006 is a standby; 5 busy, 6 locked, 13 full of SQLite.
        sqlx::Error::Database(e) => e.code().is_some_and(|code| match code.len() {
            5 => ["08", "40", "53", "57", "55P03", "25P03", "25006"].iter().any(|class| code.starts_with(class)),
            _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 13)),
        }),
        _ => false,
    }
}

impl From<sqlx::Error> for LogError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<DecodeError> for LogError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(Arc::new(error))
    }
}

/// Why a command's function ends early; `?` makes one of any module's refusal.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Stop {
    /// A business no.
    #[error("refused: {}", .0.code)]
    Refused(Refused),
    /// An event of the command posts an entry that does not balance (L1): a defect, nothing is appended.
    #[error(transparent)]
    Unbalanced(Unbalanced),
    /// The log failed.
    #[error(transparent)]
    Log(LogError),
}

impl<R: Refusal> From<R> for Stop {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.refused())
    }
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// Why a command has no receipt.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExecuteError {
    /// A business no, decided on versions that were still current when it was confirmed.
    #[error("refused: {}", .refused.code)]
    Refused {
        /// What to say.
        refused: Refused,
        /// This is the answer to an earlier command with the same key.
        replayed: bool,
    },
    /// The key was used before with another input (SYS004).
    #[error("the idempotency key was used with another input")]
    KeyReused,
    /// Others kept changing what the command decided on; nothing was appended.
    #[error("too many concurrent changes")]
    Conflict,
    /// An event of the command posts an entry that does not balance (L1); nothing was appended.
    #[error(transparent)]
    Unbalanced(Unbalanced),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl ExecuteError {
    /// Might the same command, under the same key, succeed later?
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Conflict => true,
            Self::Log(error) => error.retryable(),
            Self::Refused { .. } | Self::KeyReused | Self::Unbalanced(_) => false,
        }
    }
}
