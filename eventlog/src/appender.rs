//! Group commit: one task per log appends what many commands have decided, in one database transaction.
//!
//! A batch forms by load alone: whatever waits while others are written goes into the next one, so an idle log adds no delay.
//! Each command gets its own answer.

mod commit;
mod failure;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fail::fail_point;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};

use crate::error::LogError;
use crate::memory::Memory;
use crate::newest::Newest;
use crate::outcome::{Append, Head, Outcome};
use crate::states::States;
use crate::store::Store;

/// Commands that may wait; more wait for room.
const QUEUE: usize = 1_024;
/// Commands of one batch.
const BATCH_COMMANDS: usize = 256;
/// Payload bytes of one batch; a single larger command makes a batch of its own.
const BATCH_BYTES: usize = 1 << 20;
/// Batches on their way to the store: one that is written, one that follows it.
pub(crate) const BATCHES_ON_THEIR_WAY: usize = 2;
/// How long a batch has been on its way, before another follows it: sooner, that one could arrive first.
const HEADWAY: Duration = Duration::from_micros(300);
/// Turns that the appender gives to others before it takes a batch: clients that have just been answered join it, instead
/// of waiting for the next one.
const GATHER_TURNS: usize = 2;

/// A command waiting for its place.
struct Waiting {
    append: Append,
    answer: oneshot::Sender<Result<Outcome, LogError>>,
}

/// Hands commands to the appender.
pub(crate) struct Appender {
    queue: mpsc::Sender<Waiting>,
    close: watch::Sender<bool>,
    ended: watch::Receiver<()>,
}

impl Appender {
    /// Starts the task; it raises `head` to the last position appended, settles the states that its commands made, and keeps the newest
    /// events.
    pub(crate) fn start(
        store: Store,
        memory: Arc<Memory>,
        states: Arc<States>,
        newest: Arc<Newest>,
        head: Arc<watch::Sender<u64>>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (close, closing) = watch::channel(false);
        let (running, ended) = watch::channel(());
        tokio::spawn(async move {
            let lane = Arc::new(Lane { store, memory, states, newest, head, on_their_way: AtomicUsize::new(0), landed: Notify::new() });
            lane.run(waiting, closing).await;
            drop(running);
        });
        Self { queue, close, ended }
    }

    /// A place in the queue; waits while it is full.
    pub(crate) async fn reserve(&self) -> Result<Place<'_>, LogError> {
        self.queue.reserve().await.map(Place).map_err(|_| LogError::Closed)
    }

    /// Answers what waits, takes nothing more, and ends.
    pub(crate) async fn close(&self) {
        self.close.send_replace(true);
        // An error says that the task has dropped its end: it is over.
        let _ = self.ended.clone().changed().await;
    }
}

/// A place in the queue.
pub(crate) struct Place<'a>(mpsc::Permit<'a, Waiting>);

impl Place<'_> {
    /// Puts one command's decision there; its outcome comes when it is durable.
    pub(crate) fn hand_over(self, append: Append) -> oneshot::Receiver<Result<Outcome, LogError>> {
        let (answer, outcome) = oneshot::channel();
        self.0.send(Waiting { append, answer });
        outcome
    }
}

type Answer = oneshot::Sender<Result<Outcome, LogError>>;

/// A batch and whom to answer.
#[derive(Default)]
struct Batch {
    appends: Vec<Append>,
    answers: Vec<Answer>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.append.bytes();
        self.appends.push(waiting.append);
        self.answers.push(waiting.answer);
    }

    fn is_full(&self) -> bool {
        self.appends.len() >= BATCH_COMMANDS || self.bytes >= BATCH_BYTES
    }

    fn fill(&mut self, queue: &mut mpsc::Receiver<Waiting>) {
        while !self.is_full() {
            let Ok(next) = queue.try_recv() else { break };
            self.push(next);
        }
    }
}

/// The batch before, while it may be on its way.
struct Previous {
    /// The head that it will leave; none when that cannot be told before it has ended.
    leaves: Option<Head>,
    /// Whether all that it had left in the memory came true. An error says that its task died.
    held: oneshot::Receiver<bool>,
}

type Before = Option<Previous>;

/// A batch on its way, until it has landed, one way or the other.
struct OnItsWay {
    lane: Arc<Lane>,
    appends: Arc<[Append]>,
}

impl OnItsWay {
    fn new(lane: Arc<Lane>, appends: Vec<Append>) -> Self {
        lane.on_their_way.fetch_add(appends.len(), Ordering::AcqRel);
        Self { lane, appends: appends.into() }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody can tell what is in: nothing may build on it.
            self.lane.memory.forget();
            self.appends.iter().filter(|append| append.fate.is_open()).for_each(|append| self.lane.settle(append, false));
        }
        self.lane.on_their_way.fetch_sub(self.appends.len(), Ordering::AcqRel);
        self.lane.landed.notify_one();
    }
}

/// The one lane in which commands are appended. While a batch is being written, the next one is planned on what that will
/// leave and sent after it: the store takes it up where the first one ends, or finds that it does not fit.
struct Lane {
    store: Store,
    memory: Arc<Memory>,
    states: Arc<States>,
    newest: Arc<Newest>,
    head: Arc<watch::Sender<u64>>,
    /// Commands on their way.
    on_their_way: AtomicUsize,
    landed: Notify,
}

impl Lane {
    async fn run(self: &Arc<Self>, mut queue: mpsc::Receiver<Waiting>, mut closing: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(BATCHES_ON_THEIR_WAY));
        let (mut before, mut sent): (Before, _) = (None, None);
        loop {
            let first = tokio::select! {
                first = queue.recv() => first,
                _ = async { closing.wait_for(|&closing| closing).await.is_ok() } => {
                    queue.close();
                    queue.recv().await
                }
            };
            let Some(first) = first else { break };
            let mut batch = Batch::default();
            batch.push(first);
            self.gather(&mut batch, &mut queue, sent).await;
            // Never closed.
            let Ok(place) = places.clone().acquire_owned().await else { break };
            batch.fill(&mut queue);
            fail_point!("append::gathered");
            let (planned, next) = oneshot::channel();
            let (ended, after) = oneshot::channel();
            let (lane, previous) = (self.clone(), before.take());
            sent = Some(Instant::now());
            let way = OnItsWay::new(self.clone(), batch.appends);
            tokio::spawn(async move {
                let held = lane.commit(&way.appends, batch.answers, previous, planned).await;
                // There may be no next batch.
                let _ = ended.send(held);
                drop((way, place));
            });
            // Until the memory holds what the batch will leave, or has left.
            before = Some(Previous { leaves: next.await.ok(), held: after });
        }
        // An error says that the semaphore is closed, which it never is.
        let _ = places.acquire_many(u32::try_from(BATCHES_ON_THEIR_WAY).unwrap_or(u32::MAX)).await;
    }

    /// Takes what waits. Behind a batch on its way it waits until there is half as much, or that one has landed: two batches of
    /// about one size take turns, instead of a large one and a crumb.
    async fn gather(&self, batch: &mut Batch, queue: &mut mpsc::Receiver<Waiting>, sent: Option<Instant>) {
        loop {
            for _ in 0..GATHER_TURNS {
                tokio::task::yield_now().await;
            }
            batch.fill(queue);
            let landed = self.landed.notified();
            let ahead = self.on_their_way.load(Ordering::Acquire);
            let enough = batch.appends.len() >= ahead.div_ceil(2) && sent.is_none_or(|sent| sent.elapsed() >= HEADWAY);
            if ahead == 0 || batch.is_full() || enough {
                return;
            }
            tokio::select! {
                () = landed => {}
                next = queue.recv() => match next {
                    Some(next) => batch.push(next),
                    None => return,
                },
            }
        }
    }
}

impl Append {
    /// Bytes that it brings to a batch, near enough.
    pub(crate) fn bytes(&self) -> usize {
        let events = self.events.iter().map(|draft| draft.event.payload.len());
        let secrets = self.secrets.iter().map(|secret| secret.name.len() + secret.value.as_ref().map_or(0, String::len));
        let receipts = self.receipts.iter().map(|receipt| receipt.answer.len());
        events.chain(secrets).chain(receipts).sum()
    }
}
