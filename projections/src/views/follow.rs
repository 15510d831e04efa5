//! A row that is watched as the log goes on: read once, then moved in memory.

use std::time::Duration;

use tokio::sync::watch;

use crate::known::Event;
use crate::model::ReadModel;
use crate::tail::PAGE;
use crate::views::error::ViewError;
use crate::views::{Views, advance};

/// A pause before looking again for an event that was announced and not found.
const NOT_YET: Duration = Duration::from_millis(5);

/// A row with all events of its key up to a position.
pub struct Followed<M: ReadModel<E>, E: Send + Sync + 'static = Event> {
    views: Views<E>,
    news: watch::Receiver<u64>,
    key: String,
    row: Option<M::Row>,
    position: u64,
}

impl<E: Send + Sync + 'static> Views<E> {
    /// The row as [`Views::fresh`] has it, to be followed from there on.
    ///
    /// # Errors
    /// As [`Views::fresh`].
    pub async fn follow<M: ReadModel<E>>(&self, key: &str, at_least: u64) -> Result<Followed<M, E>, ViewError> {
        let news = self.inner.tail.news();
        let (row, position) = self.fresh_at::<M>(key, at_least).await?;
        Ok(Followed { views: self.clone(), news, key: key.to_owned(), row, position })
    }
}

impl<M: ReadModel<E>, E: Send + Sync + 'static> Followed<M, E> {
    /// The row as it is now.
    #[must_use]
    pub const fn row(&self) -> Option<&M::Row> {
        self.row.as_ref()
    }

    /// Up to where it is all that has happened to its key.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The row, no longer followed.
    #[must_use]
    pub fn into_row(self) -> Option<M::Row> {
        self.row
    }

    /// Waits for the next events of the log, and moves the row on with them. May be given up at any time: it then stands where it stood.
    ///
    /// # Errors
    /// [`ViewError::Parked`] behind a poison event; the log's.
    pub async fn next(&mut self) -> Result<(), ViewError> {
        let position = self.position;
        // Only a log that is closed tells no more; then nothing is found below.
        let _ = self.news.wait_for(|newest| *newest > position).await;
        let stretch = self.views.tail().read(position, PAGE).await?;
        if stretch.events.is_empty() {
            tokio::time::sleep(NOT_YET).await;
            return Ok(());
        }
        for (at, seen) in stretch.positions() {
            advance::<E, M>(&self.key, &mut self.row, seen)?;
            self.position = at;
        }
        Ok(())
    }
}
