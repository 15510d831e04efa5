//! The log's tail in memory: read once and decoded once, however many models and processes follow it.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use eventlog::{Log, LogError, StoreUrl};
use tokio::sync::{Mutex, watch};

use crate::known::{Decode, Seen};

/// Most events of one page.
pub(crate) const PAGE: usize = 1_000;
/// Most events kept.
const KEPT_EVENTS: usize = 20_000;
/// Most payload bytes kept.
const KEPT_BYTES: usize = 64 << 20;
/// Events that are read at a time: where each of them is a batch of thousands, a whole page would be gigabytes.
const CHUNK: usize = 250;
/// Payload bytes after which a page ends, whatever its length.
const PAGE_BYTES: usize = 4 << 20;

/// How often to look for what other nodes have appended, beside their hints.
const POLL_POSTGRES: Duration = Duration::from_millis(100);
/// How often to look for what a tool has appended beside the server.
const POLL_SQLITE: Duration = Duration::from_secs(1);

/// The decoded events that follow one another in the log, from some position to the newest that anybody asked for.
pub(crate) struct Tail<E> {
    log: Log,
    decode: Decode<E>,
    ring: Mutex<Ring<E>>,
    news: watch::Sender<u64>,
}

struct Ring<E> {
    /// The position before the first one kept.
    before: u64,
    kept: VecDeque<(Seen<E>, usize)>,
    bytes: usize,
}

/// Events that follow one another; `events[0]` stands at `after + 1`.
pub(crate) struct Stretch<E> {
    pub after: u64,
    pub events: Vec<Seen<E>>,
}

impl<E> Stretch<E> {
    /// Each event with its position.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (u64, &Seen<E>)> {
        (self.after + 1..).zip(&self.events)
    }
}

impl<E: Send + Sync + 'static> Tail<E> {
    /// A tail that hears of new positions for as long as it lives. Needs a tokio runtime.
    pub(crate) fn start(log: Log, decode: Decode<E>) -> Arc<Self> {
        let heads = log.watch();
        let every = match log.url() {
            StoreUrl::Sqlite(_) => POLL_SQLITE,
            StoreUrl::Postgres(_) => POLL_POSTGRES,
        };
        let ring = Mutex::new(Ring { before: 0, kept: VecDeque::new(), bytes: 0 });
        let tail = Arc::new(Self { log, decode, ring, news: watch::Sender::new(*heads.borrow()) });
        tokio::spawn(listen(Arc::downgrade(&tail), heads, every));
        tail
    }

    pub(crate) const fn log(&self) -> &Log {
        &self.log
    }

    /// How events are read.
    pub(crate) const fn decode(&self) -> Decode<E> {
        self.decode
    }

    /// The newest position that this process has heard of; a hint, the log itself decides.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The next events after a position, at most `limit` and at most one page.
    pub(crate) async fn read(&self, after: u64, limit: usize) -> Result<Stretch<E>, LogError> {
        let limit = limit.min(PAGE);
        let mut ring = self.ring.lock().await;
        if after < ring.before {
            // Someone far behind: read beside the ring, and let the others go on meanwhile.
            drop(ring);
            let events = self.fetch(after, limit).await?.into_iter().map(|(seen, _)| seen).collect();
            return Ok(Stretch { after, events });
        }
        if after > ring.newest() {
            ring.restart(after);
        }
        if after == ring.newest() {
            // Under the lock on purpose: whoever waits for it finds these events kept and reads nothing.
            ring.keep(self.fetch(after, PAGE).await?);
        }
        Ok(Stretch { after, events: ring.after(after, limit) })
    }

    async fn fetch(&self, after: u64, limit: usize) -> Result<Vec<(Seen<E>, usize)>, LogError> {
        let (mut fetched, mut bytes, mut chunk) = (Vec::new(), 0, CHUNK);
        while fetched.len() < limit && bytes < PAGE_BYTES {
            let wanted = chunk.min(limit - fetched.len());
            let recorded = self.log.follow(after + fetched.len() as u64, wanted).await?;
            let full = recorded.len() == wanted;
            for recorded in recorded {
                let size = recorded.payload.len();
                bytes += size;
                fetched.push((Seen::of(recorded, self.decode), size));
            }
            if !full {
                break;
            }
            chunk = limit;
        }
        Ok(fetched)
    }
}

impl<E> Ring<E> {
    fn newest(&self) -> u64 {
        self.before + self.kept.len() as u64
    }

    fn restart(&mut self, before: u64) {
        *self = Self { before, kept: VecDeque::new(), bytes: 0 };
    }

    fn keep(&mut self, fetched: Vec<(Seen<E>, usize)>) {
        // What was just read always stays: those who waited for it come next.
        let least = fetched.len();
        self.bytes += fetched.iter().map(|(_, bytes)| bytes).sum::<usize>();
        self.kept.extend(fetched);
        while self.kept.len() > least && (self.kept.len() > KEPT_EVENTS || self.bytes > KEPT_BYTES) {
            if let Some((_, bytes)) = self.kept.pop_front() {
                self.before += 1;
                self.bytes -= bytes;
            }
        }
    }

    fn after(&self, after: u64, limit: usize) -> Vec<Seen<E>> {
        let skip = usize::try_from(after - self.before).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let within = |(_, size): &&(Seen<E>, usize)| {
            let room = bytes < PAGE_BYTES;
            bytes += size;
            room
        };
        self.kept.iter().skip(skip).take(limit).take_while(within).map(|(seen, _)| seen.clone()).collect()
    }
}

/// Passes on what the log says of itself, and looks at it in between for what other processes have appended.
async fn listen<E: Send + Sync + 'static>(tail: Weak<Tail<E>>, mut heads: watch::Receiver<u64>, every: Duration) {
    let tell = |tail: &Tail<E>, head: u64| {
        tail.news.send_if_modified(|newest| std::mem::replace(newest, head.max(*newest)) < head);
    };
    loop {
        let told = tokio::time::timeout(every, heads.changed()).await;
        let Some(tail) = tail.upgrade() else { return };
        match told {
            Ok(Ok(())) => tell(&tail, *heads.borrow_and_update()),
            Ok(Err(_)) => return,
            Err(_) => match tail.log.head().await {
                Ok(head) => tell(&tail, head),
                Err(error) => tracing::debug!(%error, "cannot look at the log's head"),
            },
        }
    }
}

/// A shared tail.
pub(crate) type SharedTail<E> = Arc<Tail<E>>;
