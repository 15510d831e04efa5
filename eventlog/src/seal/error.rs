//! What can go wrong with keys.

use std::path::PathBuf;
use std::sync::Arc;

use kernel::SealError;

/// Personal data cannot be sealed, opened or erased.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// The log was opened without keys: it can be read and verified, but nothing personal is sealed or opened.
    #[error("the log was opened without keys: name the key folder")]
    Absent,
    /// The key folder cannot be used.
    #[error("the key folder {folder} cannot be used: {cause}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        cause: Arc<std::io::Error>,
    },
    /// The key that the database's keys are wrapped with is not in the folder. Without it what is sealed stays sealed.
    #[error("the key folder {folder} has no key of epoch {epoch}: bring the folder back that belongs to this database")]
    Missing {
        /// The epoch.
        epoch: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// The folder's key is another one than the database's.
    #[error("the key folder {folder} belongs to another database: its key of epoch {epoch} is not this one's")]
    Foreign {
        /// The epoch.
        epoch: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// A stored key or key file is not what this program wrote.
    #[error("a key is damaged: {0}")]
    Damaged(String),
    /// The system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
    /// A value cannot be sealed or opened.
    #[error(transparent)]
    Value(#[from] SealError),
    /// Keys kept being replaced while they were read; a later call will find them.
    #[error("the keys are being replaced, try again")]
    Busy,
}
