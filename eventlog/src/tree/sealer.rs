//! The sealing worker: after commit, every second or every so many events; one node at a time, by a lease.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::head::TreeHead;
use super::lease::{Lease, RENEW};
use super::note::SigningKey;
use super::outside::{HeadsFolder, OutsideError};
use super::round::{SealError, Signer};
use crate::log::Log;
use crate::store::Store;

/// How often a head is signed, at least while there are new events.
const EVERY: Duration = Duration::from_secs(1);
/// So many new events are sealed at once.
const EVENTS: u64 = 10_000;
/// How long a node that does not hold the lease waits before it asks again.
const DENIED: Duration = Duration::from_secs(1);
/// Pauses after a failure: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a log is sealed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sealing {
    keys: Arc<Vec<SigningKey>>,
    heads: HeadsFolder,
    every: Duration,
    events: u64,
}

impl Sealing {
    /// Sealing with keys of one origin, the current one first, which keeps the last head in a folder outside of the database.
    ///
    /// # Errors
    /// [`OutsideError::Key`] when there is no key, or when they are of several origins.
    pub fn new(keys: Vec<SigningKey>, heads: impl Into<PathBuf>) -> Result<Self, OutsideError> {
        let of_one = keys.windows(2).all(|two| two[0].verifier().name() == two[1].verifier().name());
        if keys.is_empty() || !of_one {
            return Err(super::note::NoteError::Signer.into());
        }
        Ok(Self { keys: Arc::new(keys), heads: HeadsFolder::new(heads), every: EVERY, events: EVENTS })
    }

    /// Seals after this time, and at once after so many events.
    #[must_use]
    pub fn paced(self, every: Duration, events: u64) -> Self {
        Self { every: every.max(Duration::from_millis(10)), events: events.max(1), ..self }
    }

    /// The name of the log: that of its keys.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.keys.first().map_or("", |key| key.verifier().name())
    }

    pub(super) fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    pub(super) const fn heads(&self) -> &HeadsFolder {
        &self.heads
    }
}

/// What the worker of this node does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealingState {
    /// It waits: another node seals, or nothing was sealed yet.
    Waiting,
    /// It has sealed so many events.
    Sealed(u64),
    /// A round failed; it tries again.
    Failing(String),
    /// It signs nothing more: the log is not the one that was signed. An operator decides (docs/tree.md).
    Stopped(String),
}

/// The worker; it goes on until it is told to stop.
#[derive(Debug)]
pub struct Sealer {
    stop: watch::Sender<bool>,
    state: watch::Receiver<SealingState>,
    task: JoinHandle<()>,
}

impl Sealer {
    /// Starts to seal a log. Needs a tokio runtime.
    #[must_use]
    pub fn start(log: &Log, sealing: Sealing) -> Self {
        let (stop, stopping) = watch::channel(false);
        let (told, state) = watch::channel(SealingState::Waiting);
        let worker = Worker { store: log.inner.store.clone(), head: log.watch(), sealing, holder: Uuid::new_v4().to_string(), told };
        Self { stop, state, task: tokio::spawn(supervise(worker, stopping)) }
    }

    /// What it does; changes as it goes on.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<SealingState> {
        self.state.clone()
    }

    /// Finishes the round and lets the lease go.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A task that panicked has said so.
        let _ = self.task.await;
    }
}

/// Seals what is committed by now, once; none when another node seals this log.
///
/// # Errors
/// [`SealError`].
pub async fn seal_now(log: &Log, sealing: &Sealing) -> Result<Option<TreeHead>, SealError> {
    let store = &log.inner.store;
    let Some(lease) = Lease::take(store, &Uuid::new_v4().to_string()).await? else { return Ok(None) };
    let sealed = Signer::new(store.clone(), sealing.clone()).seal(&lease).await;
    lease.release(store).await?;
    sealed.map(Some)
}

#[derive(Clone)]
struct Worker {
    store: Store,
    head: watch::Receiver<u64>,
    sealing: Sealing,
    holder: String,
    told: watch::Sender<SealingState>,
}

/// Runs the worker, and again when it panics: one that is gone without a word would be missed late.
async fn supervise(worker: Worker, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match tokio::spawn(work(worker.clone(), stop.clone())).await {
            Ok(()) => return,
            Err(error) => tracing::error!(%error, "the sealing worker panicked, starting it again"),
        }
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
}

async fn work(mut worker: Worker, mut stop: watch::Receiver<bool>) {
    let mut signer = Signer::new(worker.store.clone(), worker.sealing.clone());
    let (mut lease, mut sealed, mut pause_after_failure) = (None, None::<(Instant, u64)>, FIRST_PAUSE);
    while !*stop.borrow() {
        let pause = match round(&worker, &mut signer, &mut lease, &mut sealed).await {
            Ok(pause) => {
                pause_after_failure = FIRST_PAUSE;
                pause
            }
            Err(SealError::Halt(halt)) => {
                tracing::error!(%halt, "sealing has stopped; an operator must look into it (docs/tree.md)");
                worker.told.send_replace(SealingState::Stopped(halt.to_string()));
                break;
            }
            Err(error) => {
                tracing::warn!(%error, "the log was not sealed, trying again");
                worker.told.send_replace(SealingState::Failing(error.to_string()));
                lease = None;
                let pause = pause_after_failure;
                pause_after_failure = (pause * 2).min(LONGEST_PAUSE);
                pause
            }
        };
        let enough = sealed.map_or(u64::MAX, |(_, size)| size.saturating_add(worker.sealing.events));
        tokio::select! {
            // An error: the sender is gone, which is the same news.
            _ = stop.wait_for(|stop| *stop) => {}
            () = full(&mut worker.head, enough) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Some(lease) = lease
        && let Err(error) = lease.release(&worker.store).await
    {
        tracing::debug!(%error, "the lease of sealing was not released, it will expire");
    }
}

/// Completes when the log has so many events, as far as this process knows.
async fn full(head: &mut watch::Receiver<u64>, events: u64) {
    if head.wait_for(|head| *head >= events).await.is_err() {
        // The log is closed; whoever closed it stops the worker, too.
        std::future::pending::<()>().await;
    }
}

/// Seals when it is due and the lease is ours; says how long to wait then.
async fn round(
    worker: &Worker,
    signer: &mut Signer,
    lease: &mut Option<Lease>,
    sealed: &mut Option<(Instant, u64)>,
) -> Result<Duration, SealError> {
    if let Some(held) = lease
        && !held.renew(&worker.store).await?
    {
        *lease = None;
    }
    if lease.is_none() {
        *lease = Lease::take(&worker.store, &worker.holder).await?;
    }
    let Some(held) = lease else {
        worker.told.send_replace(SealingState::Waiting);
        return Ok(DENIED);
    };
    let due = match *sealed {
        None => true,
        Some((at, size)) => at.elapsed() >= worker.sealing.every || *worker.head.borrow() >= size.saturating_add(worker.sealing.events),
    };
    if due {
        let (head, more) = signer.step(held).await?;
        worker.told.send_replace(SealingState::Sealed(head.size));
        if more {
            // Between two steps the worker may be told to stop.
            *sealed = None;
            return Ok(Duration::ZERO);
        }
        *sealed = Some((Instant::now(), head.size));
    }
    Ok(worker.sealing.every.min(RENEW))
}
