//! Reactions that an operator has to look at, from any node: they stand in the log's database.

use eventlog::StoreUrl;

use crate::process::error::ProcessError;
use crate::process::figures::BookFigures;
use crate::process::probe::Probe;
use crate::process::store::{DeadLetter, Store};

/// The parked reactions of a book. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Letters {
    store: Store,
}

impl Letters {
    /// Opens them beside a log.
    ///
    /// # Errors
    /// When the log's database cannot be opened.
    pub async fn open(url: &StoreUrl) -> Result<Self, ProcessError> {
        Ok(Self { store: Store::open(url).await? })
    }

    /// Parked effects and commands, oldest first.
    ///
    /// # Errors
    /// When the log's database fails.
    pub async fn all(&self, limit: u64) -> Result<Vec<DeadLetter>, ProcessError> {
        Ok(self.store.dead_letters(limit).await?)
    }

    /// One of them; `None` when no such reaction is parked.
    ///
    /// # Errors
    /// When the log's database fails.
    pub async fn find(&self, id: &str) -> Result<Option<DeadLetter>, ProcessError> {
        Ok(self.store.dead_letter(id).await?)
    }

    /// Lets a worker try a reaction again, under the same id; false when it is not parked.
    ///
    /// # Errors
    /// When the log's database fails.
    pub async fn retry(&self, id: &str) -> Result<bool, ProcessError> {
        Ok(self.store.again(id).await?)
    }

    /// Puts a reaction away: it will not happen; false when it is not parked.
    ///
    /// # Errors
    /// When the log's database fails.
    pub async fn put_away(&self, id: &str) -> Result<bool, ProcessError> {
        Ok(self.store.put_away(id).await?)
    }

    /// What waits of all processes, and how far each has read, whichever worker runs it.
    ///
    /// # Errors
    /// When the log's database fails.
    pub async fn figures(&self) -> Result<BookFigures, ProcessError> {
        let (queue, processes) = (self.store.queue().await?, self.store.checkpoints().await?);
        Ok(BookFigures { queue, processes, next_timer_due: self.store.next_due().await? })
    }

    /// Tries whether their database takes writes.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe::of(self.store.clone())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.store.db().close().await;
    }
}
