//! The log for many listeners: read once in this process, handed to each through a bounded queue.
//!
//! A listener begins anywhere. Up to where the feed is, it reads for itself; from there on it is handed what it wants, in order,
//! nothing twice and nothing missed. Who does not keep up is told so with the last position that it got, and may come again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use eventlog::{Log, LogError, Recorded, StoreUrl};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// Events of one read.
const PAGE: usize = 500;
/// Events that wait for a listener at most, beside the one that it is at.
const QUEUE: usize = 512;
/// How often the log is looked at when nobody hints at news.
const POLL_POSTGRES: Duration = Duration::from_millis(250);
const POLL_SQLITE: Duration = Duration::from_secs(1);
/// How soon the feed comes to where a listener is that has read ahead of it.
const SOON: Duration = Duration::from_millis(2);
/// The pause after the log could not be read.
const PAUSE: Duration = Duration::from_millis(500);

/// What a listener wants of the log.
pub type Wanted = Arc<dyn Fn(&Recorded) -> bool + Send + Sync>;

/// Why a listener hears nothing more.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// It did not take what it wanted fast enough.
    #[error("too slow after position {last}")]
    Slow {
        /// The last position that it was given, or began after.
        last: u64,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// The log for the listeners of one process. Cheap to clone; every clone is the same. The log is read as long as somebody listens.
#[derive(Clone)]
pub struct Feed {
    hub: Arc<Hub>,
}

struct Hub {
    log: Log,
    state: Mutex<State>,
    /// Rings when there is somebody to read for.
    wanted: Notify,
}

struct State {
    /// What every listener has been handed up to.
    position: u64,
    serial: u64,
    listeners: BTreeMap<u64, Listener>,
}

struct Listener {
    wants: Wanted,
    queue: mpsc::Sender<Arc<Recorded>>,
}

/// How much the feed is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedFigures {
    /// How far it is.
    pub position: u64,
    /// Who listens now.
    pub listeners: usize,
}

impl Feed {
    /// A feed of a log. Needs a tokio runtime.
    #[must_use]
    pub fn start(log: Log) -> Self {
        let state = Mutex::new(State { position: 0, serial: 0, listeners: BTreeMap::new() });
        let hub = Arc::new(Hub { log, state, wanted: Notify::new() });
        let weak = Arc::downgrade(&hub);
        let task: JoinHandle<()> = tokio::spawn(read_on(weak));
        drop(task);
        Self { hub }
    }

    /// Listens from after a position on.
    #[must_use]
    pub fn listen(&self, after: u64, wants: Wanted) -> Listening {
        Listening { hub: Arc::clone(&self.hub), wants, last: after, known: 0, page: VecDeque::new(), joined: None }
    }

    /// How much it is used.
    #[must_use]
    pub fn figures(&self) -> FeedFigures {
        let state = self.hub.lock();
        FeedFigures { position: state.position, listeners: state.listeners.len() }
    }
}

impl Hub {
    /// Never held across an await; it guards plain data.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a listener in that stands where the feed is; it is told where that is when it stands elsewhere. `known` is a
    /// position that the log is known to have.
    fn join(self: &Arc<Self>, after: u64, known: u64, wants: &Wanted) -> Result<Joined, u64> {
        let within = after <= known.max(*self.log.watch().borrow());
        let mut state = self.lock();
        if state.listeners.is_empty() && after > state.position && within {
            // Nobody listened, so the feed stands where the last listener left it: it goes on from here.
            state.position = after;
        }
        if state.position != after {
            return Err(state.position);
        }
        state.serial += 1;
        let (serial, (queue, handed)) = (state.serial, mpsc::channel(QUEUE));
        state.listeners.insert(serial, Listener { wants: Arc::clone(wants), queue });
        drop(state);
        self.wanted.notify_one();
        Ok(Joined { hub: Arc::clone(self), serial, handed })
    }

    /// Hands a page to whoever wants some of it. Who has no room left is let go: its queue ends.
    fn hand_out(&self, page: Vec<Recorded>) {
        let mut state = self.lock();
        for event in page.into_iter().map(Arc::new) {
            state.position = event.position;
            state.listeners.retain(|_, listener| !(listener.wants)(&event) || listener.queue.try_send(Arc::clone(&event)).is_ok());
        }
    }
}

/// Reads the log for all who listen, until nobody can any more.
async fn read_on(hub: Weak<Hub>) {
    let Some(mut news) = hub.upgrade().map(|hub| hub.log.watch()) else { return };
    loop {
        let Some(here) = hub.upgrade() else { return };
        let every = match here.log.url() {
            StoreUrl::Sqlite(_) => POLL_SQLITE,
            StoreUrl::Postgres(_) => POLL_POSTGRES,
        };
        let from = Some(here.lock()).filter(|state| !state.listeners.is_empty()).map(|state| state.position);
        let Some(position) = from else {
            // Looked at again after a while, so that a feed without owner ends.
            let _ = tokio::time::timeout(every, here.wanted.notified()).await;
            continue;
        };
        news.borrow_and_update();
        match here.log.follow(position, PAGE).await {
            Ok(page) => {
                let upto = page.last().map_or(position, |last| last.position);
                here.hand_out(page);
                drop(here);
                // What nobody has announced is looked for now and then.
                if *news.borrow() <= upto {
                    let _ = tokio::time::timeout(every, news.changed()).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the log could not be read for those who listen, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A place among the listeners, given back when it is dropped.
struct Joined {
    hub: Arc<Hub>,
    serial: u64,
    handed: mpsc::Receiver<Arc<Recorded>>,
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.hub.lock().listeners.remove(&self.serial);
    }
}

/// The events that a listener wants, one after the other.
pub struct Listening {
    hub: Arc<Hub>,
    wants: Wanted,
    last: u64,
    /// A position that the log is known to have; where a listener begins may be beyond.
    known: u64,
    page: VecDeque<Recorded>,
    joined: Option<Joined>,
}

impl Listening {
    /// The last position that was given, or begun after.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// The next event that is wanted; waits for it. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// [`FeedError::Slow`] when the listener did not keep up; the log's.
    pub async fn next(&mut self) -> Result<Arc<Recorded>, FeedError> {
        loop {
            if let Some(joined) = &mut self.joined {
                let event = joined.handed.recv().await.ok_or(FeedError::Slow { last: self.last })?;
                self.last = event.position;
                return Ok(event);
            }
            if let Some(event) = self.caught_up() {
                return Ok(event);
            }
            self.join_or_read().await?;
        }
    }

    /// The next wanted event of the page at hand.
    fn caught_up(&mut self) -> Option<Arc<Recorded>> {
        while let Some(event) = self.page.pop_front() {
            self.last = event.position;
            if (self.wants)(&event) {
                return Some(Arc::new(event));
            }
        }
        None
    }

    /// Joins the others where they are, or reads on towards them.
    async fn join_or_read(&mut self) -> Result<(), FeedError> {
        match self.hub.join(self.last, self.known, &self.wants) {
            Ok(joined) => self.joined = Some(joined),
            // The feed is further: read up to it, and not beyond.
            Err(position) if position > self.last => {
                let most = usize::try_from(position - self.last).unwrap_or(PAGE).min(PAGE);
                self.page = self.hub.log.follow(self.last, most).await?.into();
            }
            // The feed is about to come here, or this is beyond the log's end.
            Err(_) if self.last <= self.known => tokio::time::sleep(SOON).await,
            Err(_) => {
                self.known = self.hub.log.head().await?;
                if self.known < self.last {
                    let _ = tokio::time::timeout(POLL_POSTGRES, self.hub.log.watch().changed()).await;
                }
            }
        }
        Ok(())
    }
}
