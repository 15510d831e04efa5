//! Personal data: sealed before it is stored, opened when it is shown, gone with its subject's key (docs/sealing.md).
//!
//! Each person has two keys, one that goes when they leave and one for what the law keeps. They are in the log's database,
//! wrapped by the key of an *epoch* that is only in a file outside of it. Erasing a person is an event and a new epoch.

mod cipher;
mod error;
mod folder;
mod keyring;
mod rotation;
mod store;
pub mod subject;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use kernel::{KeyClass, Opened, Personal};
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub use error::KeyError;
pub(crate) use keyring::Keyring;

use crate::command::{CommandMeta, Executed};
use crate::error::{ExecuteError, LogError, Stop};
use crate::log::Log;
use crate::session::Session;
use subject::{Command, SubjectKeys};

impl Log {
    /// Reads a personal value; an erased one is a tombstone. Values of people whose key is not at hand cost one query, and
    /// reads at the same time share it.
    ///
    /// # Errors
    /// [`LogError::Keys`] when the keys cannot be used or the value is damaged; the store's.
    pub async fn open_personal<T: Clone + DeserializeOwned>(&self, value: &Personal<T>) -> Result<Opened<T>, LogError> {
        let keys = self.inner.keyring.opener(value.sealed().into_iter()).await?;
        open_one(value, &keys)
    }

    /// Reads many personal values at the cost of one; in their order.
    ///
    /// # Errors
    /// Like [`Log::open_personal`].
    pub async fn open_all<T: Clone + DeserializeOwned>(&self, values: &[&Personal<T>]) -> Result<Vec<Opened<T>>, LogError> {
        let sealed = values.iter().filter_map(|value| value.sealed());
        let keys = self.inner.keyring.opener(sealed).await?;
        values.iter().map(|value| open_one(value, &keys)).collect()
    }

    /// Destroys one of a person's keys: records it, then makes what was sealed under the key unreadable in the database,
    /// its logs and its backups alike, by a new epoch. Done when this returns; a crash in between is made up for at the next
    /// opening. Whether the person may go is asked before (USER003).
    ///
    /// # Errors
    /// [`ExecuteError`]; when the event is recorded but the keys could not be replaced, calling it again goes on.
    pub async fn erase(&self, command: &CommandMeta, subject: Uuid, class: KeyClass) -> Result<Executed<()>, ExecuteError> {
        self.inner.keyring.folder().map_err(LogError::from)?;
        let done = self.execute(command, |session| destroy(session, subject, class)).await?;
        self.inner.keyring.carry_out(&self.inner.store, &|_| ControlFlow::Continue(())).await?;
        Ok(done)
    }
}

async fn destroy(session: Session, subject: Uuid, class: KeyClass) -> Result<(), Stop> {
    let mut keys = session.load::<SubjectKeys>(subject).await?;
    session.decide(&mut keys, Command::Destroy { subject, class })?;
    Ok(())
}

fn open_one<T: Clone + DeserializeOwned>(value: &Personal<T>, keys: &keyring::Keys) -> Result<Opened<T>, LogError> {
    value.open(keys).map_err(|error| KeyError::from(error).into())
}
