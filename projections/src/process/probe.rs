//! Does the log's database take writes? A full disk and a standby answer every question, and refuse whatever changes something.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::db::Sql;
use crate::process::error::ProcessError;
use crate::process::store::Store;

/// What was found holds for so long: however often somebody asks, the database is written to this seldom.
const HOLDS: Duration = Duration::from_secs(2);
/// The one row that is written again and again, among the leases that nobody holds.
const ROW: &str = "probe";

/// Tries to write now and then. Clones share what was found.
#[derive(Clone, Debug)]
pub struct Probe {
    store: Store,
    found: Arc<Mutex<Option<Instant>>>,
}

impl Probe {
    /// On the database of a log.
    pub(crate) fn of(store: Store) -> Self {
        Self { store, found: Arc::default() }
    }

    /// Writes something of no meaning and commits it, unless that was done a moment ago. Those who ask at once share one try.
    ///
    /// # Errors
    /// When the database takes no writes, or does not answer.
    pub async fn writes(&self) -> Result<(), ProcessError> {
        let mut found = self.found.lock().await;
        if found.is_some_and(|at| at.elapsed() < HOLDS) {
            return Ok(());
        }
        *found = None;
        let sql = "insert into leases (name, holder, epoch, expires_at) values ($1, $1, 1, 0)
                   on conflict (name) do update set epoch = leases.epoch + 1";
        self.store.db().execute(Sql::new(sql).bind(ROW)).await?;
        *found = Some(Instant::now());
        Ok(())
    }
}
