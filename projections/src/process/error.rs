//! What can go wrong in the runtime of processes.

use eventlog::LogError;

/// A process, timer or effect could not go on; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The log's database failed.
    #[error("the log's database failed: {0}")]
    Store(#[from] sqlx::Error),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A reaction could not be done yet.
    #[error("reaction {id}: {reason}")]
    Work {
        /// The reaction.
        id: String,
        /// Why not.
        reason: String,
    },
    /// An event of ours that this program cannot read: the process stands before it.
    #[error("process {process} cannot read event {event_type} at position {position}: {reason}")]
    Unreadable {
        /// The process.
        process: &'static str,
        /// Where.
        position: u64,
        /// Type of the event.
        event_type: String,
        /// What is wrong.
        reason: String,
    },
    /// An intent or call does not serialise.
    #[error("reaction {id} cannot be stored: {reason}")]
    Encode {
        /// The reaction.
        id: String,
        /// Why not.
        reason: String,
    },
    /// Not everything came to rest in time.
    #[error("not settled: {0}")]
    Unsettled(String),
    /// Two processes of one name; a defect of the caller.
    #[error("two processes are named {0}")]
    Duplicate(&'static str),
}
