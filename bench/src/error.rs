//! What stops a measurement.

use eventlog::{ExecuteError, LogError};

/// A measurement that is worth nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The log could not be opened or read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A command of ours went wrong.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// A command of the peer went wrong.
    #[error("postgres-es: {0}")]
    Peer(String),
    /// The read side failed.
    #[error(transparent)]
    View(#[from] projections::views::ViewError),
    /// A rebuild of ours went wrong.
    #[error(transparent)]
    Rebuild(#[from] projections::views::rebuild::RebuildError),
    /// The server said no to the bench itself.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A folder cannot be made or removed.
    #[error(transparent)]
    Folder(#[from] std::io::Error),
    /// A line cannot be printed.
    #[error(transparent)]
    Print(#[from] serde_json::Error),
    /// A contestant answered what it must not answer.
    #[error("wrong answer: {0}")]
    Wrong(String),
    /// Something that was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
}
