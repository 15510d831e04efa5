//! Destroying keys. Deleted rows live on in write-ahead logs, free pages and backups, so a subject's key is destroyed by
//! destroying what it was wrapped with: all other keys are rewrapped under the next epoch's key, then the old epoch's file
//! goes. Every step may be the last one before a crash: the next opening of the log goes on.

use std::ops::ControlFlow;

use kernel::Decider as _;

use super::cipher::KeyId;
use super::error::KeyError;
use super::keyring::Keyring;
use super::store::Hold;
use super::subject::{DESTROYED, Event, SubjectKeys};
use crate::error::LogError;
use crate::filter::{EventFilter, EventPage, Order, search};
use crate::recorded::Recorded;
use crate::store::Store;

/// Destructions carried out by one rotation; the next one takes the rest.
const BATCH: usize = 1_000;
/// Rotations of one call.
const MAX_ROTATIONS: usize = 1_000;

/// What a rotation has just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The keys to destroy are no longer in their rows.
    Forgot,
    /// The next epoch's key is in its file.
    MadeKey,
    /// New keys are wrapped under the next epoch's key.
    BeganEpoch,
    /// Some of the old keys were rewrapped.
    Rewrapped,
    /// The old epochs' keys are gone.
    DestroyedOld,
}

/// Called between two steps; a test ends there as a crash would.
pub(crate) type Between<'b> = &'b (dyn Fn(Step) -> ControlFlow<()> + Send + Sync);

/// The test's crash.
struct Stopped;

enum Failure {
    Log(LogError),
    Stopped,
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::Log(error.into())
    }
}

impl From<Stopped> for Failure {
    fn from(Stopped: Stopped) -> Self {
        Self::Stopped
    }
}

fn pass(between: Between<'_>, step: Step) -> Result<(), Stopped> {
    match between(step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stopped),
    }
}

impl Keyring {
    /// Gets the first epoch going, or checks that the folder's key is the database's; then finishes what an earlier
    /// process has left undone. Without a key folder nothing is done, and nothing can be sealed.
    pub(crate) async fn start(&self, log: &Store) -> Result<(), LogError> {
        if self.inner.folder.is_none() {
            return Ok(());
        }
        let epochs = self.inner.store.epochs().await?;
        if epochs.current == 0 {
            self.begin_epoch(0).await?;
        } else {
            self.check(epochs.current, epochs.check_value.as_deref())?;
            self.note(epochs.current);
        }
        let head = log.head().await?;
        if epochs.destroyed_to > head {
            let mut tx = self.inner.store.begin().await?;
            tx.destroyed_at_most(head).await?;
            tx.commit().await?;
        }
        self.carry_out(log, &|_| ControlFlow::Continue(())).await
    }

    /// Is the folder's key of this epoch the one that the database is wrapped with?
    fn check(&self, epoch: u64, check_value: Option<&[u8]>) -> Result<(), KeyError> {
        let key = self.epoch_key(epoch)?.ok_or_else(|| self.missing_epoch(epoch))?;
        if check_value == Some(&key.check_value(epoch)) {
            return Ok(());
        }
        Err(KeyError::Foreign { epoch, folder: self.folder()?.path().to_path_buf() })
    }

    /// Carries out every destruction that the log has recorded, and whatever an earlier rotation has left undone.
    pub(crate) async fn carry_out(&self, log: &Store, between: Between<'_>) -> Result<(), LogError> {
        let _alone = self.inner.rotating.lock().await;
        for _ in 0..MAX_ROTATIONS {
            match self.rotate(log, between).await {
                Ok(true) => {}
                Ok(false) | Err(Failure::Stopped) => return Ok(()),
                Err(Failure::Log(error)) => return Err(error),
            }
        }
        Err(KeyError::Busy.into())
    }

    /// One rotation, if there is a reason for one; says whether there was.
    async fn rotate(&self, log: &Store, between: Between<'_>) -> Result<bool, Failure> {
        let epochs = self.inner.store.epochs().await?;
        let destroyed = recorded_after(log, epochs.destroyed_to).await?;
        let Some(last) = destroyed.last().map(|event| event.position) else {
            if self.inner.store.has_before(epochs.current).await? || self.folder()?.has_before(epochs.current)? {
                self.drain(epochs.current, between).await?;
            }
            return Ok(false);
        };
        self.forget(&destroyed).await?;
        pass(between, Step::Forgot)?;
        self.folder()?.read_or_make(epochs.current + 1)?;
        pass(between, Step::MadeKey)?;
        self.begin_epoch(epochs.current).await?;
        pass(between, Step::BeganEpoch)?;
        self.drain(epochs.current + 1, between).await?;
        let mut tx = self.inner.store.begin().await?;
        tx.destroyed_to(last).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Empties the rows of the keys to destroy: from here on they are tombstones on every node that looks.
    async fn forget(&self, destroyed: &[Recorded]) -> Result<(), LogError> {
        let mut tx = self.inner.store.begin().await?;
        let epochs = tx.epochs(Hold::Alone).await?;
        for event in destroyed {
            let Event::SubjectKeyDestroyed { subject, class } = event.decode()?;
            tx.forget(KeyId { subject, class }, epochs.current).await?;
        }
        tx.commit().await?;
        self.drop_all();
        Ok(())
    }

    /// Makes the epoch after this one the current one, unless another node has.
    async fn begin_epoch(&self, after: u64) -> Result<(), LogError> {
        let key = self.folder()?.read_or_make(after + 1)?;
        let mut tx = self.inner.store.begin().await?;
        let epochs = tx.epochs(Hold::Alone).await?;
        if epochs.current == after {
            tx.begin_epoch(after + 1, key.check_value(after + 1)).await?;
        } else if epochs.current == after + 1 {
            self.check(epochs.current, epochs.check_value.as_deref())?;
        }
        tx.commit().await?;
        self.note(epochs.current.max(after + 1));
        Ok(())
    }

    /// Rewraps every key of an earlier epoch, some at a time, then destroys the earlier epochs' keys.
    async fn drain(&self, epoch: u64, between: Between<'_>) -> Result<(), Failure> {
        while self.rewrap_some(epoch).await? {
            pass(between, Step::Rewrapped)?;
        }
        // Within the hold: nobody adds or rewraps keys while those of earlier epochs go.
        let mut tx = self.inner.store.begin().await?;
        let epochs = tx.epochs(Hold::Alone).await?;
        if tx.before(epoch).await?.is_empty() && epochs.current >= epoch {
            let folder = self.folder()?.clone();
            let destroyed = tokio::task::spawn_blocking(move || folder.destroy_before(epoch)).await;
            destroyed.map_err(|_| KeyError::Busy)??;
        }
        tx.commit().await?;
        pass(between, Step::DestroyedOld)?;
        Ok(())
    }

    /// False when there was nothing left.
    async fn rewrap_some(&self, epoch: u64) -> Result<bool, LogError> {
        let mut tx = self.inner.store.begin().await?;
        tx.epochs(Hold::Alone).await?;
        let old = tx.before(epoch).await?;
        let new_key = self.epoch_key(epoch)?.ok_or_else(|| self.missing_epoch(epoch))?;
        for stored in &old {
            let wrapped = match &stored.wrapped {
                None => None,
                Some(wrapped) => {
                    let old_key = self.epoch_key(stored.epoch)?.ok_or_else(|| self.missing_epoch(stored.epoch))?;
                    Some(new_key.wrap(epoch, stored.id, &old_key.unwrap_key(stored.epoch, stored.id, wrapped)?)?)
                }
            };
            tx.rewrap(stored.id, epoch, wrapped).await?;
        }
        tx.commit().await?;
        Ok(!old.is_empty())
    }
}

/// Destructions that the log has recorded after a position, oldest first.
async fn recorded_after(log: &Store, position: u64) -> Result<Vec<Recorded>, LogError> {
    let types = vec![DESTROYED.to_owned()];
    let filter = EventFilter { stream_kind: Some(SubjectKeys::KIND.to_owned()), types, ..EventFilter::default() };
    let page = EventPage { after: Some(position), before: None, order: Order::Ascending, limit: BATCH };
    log.events(search(&filter, &filter.types, &page, BATCH, log.of_interaction())).await
}
