//! One opened book: its reads, and what its writes share.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use kernel::{Decider, StreamName};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::appender::Appender;
use crate::config::{Config, StoreUrl};
use crate::error::LogError;
use crate::filter::{self, EventFilter, EventPage, Order, Searched};
use crate::hint;
use crate::memory::Memory;
use crate::newest::Newest;
use crate::recorded::Recorded;
use crate::seal::Keyring;
use crate::states::States;
use crate::store::Store;
use crate::together::Lanes;
use crate::turns::Turns;
use crate::versions::Versions;

/// Most events that one call reads.
pub const MAX_READ: usize = 5_000;

/// The log of one book. Cheap to clone; every clone is the same log.
#[derive(Clone)]
pub struct Log {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub store: Store,
    pub secret: [u8; 32],
    pub appender: Appender,
    pub memory: Arc<Memory>,
    pub states: Arc<States>,
    pub turns: Turns,
    pub lanes: Lanes,
    versions: Versions,
    newest: Arc<Newest>,
    pub keyring: Keyring,
    url: StoreUrl,
    listen: Option<String>,
    head: Arc<watch::Sender<u64>>,
    hints: Vec<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_hints();
    }
}

impl Inner {
    fn stop_hints(&self) {
        for hint in &self.hints {
            hint.abort();
        }
    }
}

impl Log {
    /// Opens a book, bringing its schema up to date when the configuration says so. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the store cannot be reached, or its schema is newer than this program, or older and not to be migrated.
    pub async fn open(config: Config) -> Result<Self, LogError> {
        Self::open_listening(config, None).await
    }

    /// The same where a pooling proxy stands before PostgreSQL: `listen` is the address of the same database past the
    /// proxy, for LISTEN, which such a proxy cannot do. Nothing is then set for a session either.
    ///
    /// # Errors
    /// As [`Log::open`]; or when the address is none.
    pub async fn open_listening(config: Config, listen: Option<String>) -> Result<Self, LogError> {
        let store = Store::open(&config, listen.is_some()).await?;
        let keyring = Keyring::new(&config.url, &config.keys)?;
        keyring.start(&store).await?;
        let head = Arc::new(watch::Sender::new(store.head().await?));
        let hints = match &store {
            Store::Sqlite(_) => Vec::new(),
            Store::Postgres(postgres) => hint::start(postgres.readers(), listen.as_deref(), &head)?,
        };
        let (memory, states) = (Arc::new(Memory::default()), Arc::new(States::default()));
        let newest = Arc::new(Newest::default());
        let appender = Appender::start(store.clone(), memory.clone(), states.clone(), newest.clone(), head.clone());
        let (turns, lanes, versions) = (Turns::default(), Lanes::default(), Versions::default());
        let (secret, url) = (config.secret, config.url);
        let inner = Inner { store, secret, appender, memory, states, turns, lanes, versions, newest, keyring, url, listen, head, hints };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The address for LISTEN, where it is another one than the book's.
    #[must_use]
    pub fn listen_url(&self) -> Option<&str> {
        self.inner.listen.as_deref()
    }

    /// Where the book is kept.
    #[must_use]
    pub fn url(&self) -> &StoreUrl {
        &self.inner.url
    }

    /// State and version of the stream `{D::KIND}-{id}`, where `id` is what follows the kind; version 0: it does not exist.
    ///
    /// # Errors
    /// When the stream cannot be read or has no such name.
    pub async fn load<D: Decider>(&self, id: impl Display) -> Result<(D, u64), LogError> {
        self.load_stream(&StreamName::new(D::KIND, id)?).await
    }

    /// The versions of those of these streams that exist, as of some moment of this call; at most a few thousand. Many who ask at
    /// once share a query.
    ///
    /// # Errors
    /// When the streams cannot be looked at.
    pub async fn versions(&self, streams: &[StreamName]) -> Result<HashMap<StreamName, u64>, LogError> {
        self.inner.versions.ask(&self.inner.store, streams).await
    }

    /// State and version of a stream; version 0: it does not exist.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn load_stream<D: Decider>(&self, stream: &StreamName) -> Result<(D, u64), LogError> {
        self.inner.store.fold(stream).await
    }

    /// Events after a position, in order: at most `limit`, and never more than [`MAX_READ`]. No committed event is ever skipped (E1).
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn read(&self, after: u64, limit: usize) -> Result<Vec<Recorded>, LogError> {
        self.inner.store.read(after, limit.min(MAX_READ)).await
    }

    /// The same for whoever follows the log: the newest events come from memory where this process has appended them, so that it does
    /// not read what it has just written. A page may end where these end; an empty one says that there is nothing more.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn follow(&self, after: u64, limit: usize) -> Result<Vec<Recorded>, LogError> {
        match self.inner.newest.after(after, limit.min(MAX_READ)) {
            Some(events) => Ok(events),
            None => self.read(after, limit).await,
        }
    }

    /// Events of a stream after a version, in order: at most `limit`, and never more than [`MAX_READ`].
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn read_stream(&self, stream: &StreamName, after_version: u64, limit: usize) -> Result<Vec<Recorded>, LogError> {
        self.inner.store.read_stream(stream, after_version, u64::MAX, limit.min(MAX_READ)).await
    }

    /// One page of the events that a filter finds, and how far was looked for them: whoever asks again goes on from there.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn search(&self, filter: &EventFilter, page: EventPage) -> Result<Searched, LogError> {
        // Read first: what is appended while the page is read is not said to have been looked at.
        let end = self.head().await?.saturating_add(1).min(page.before.unwrap_or(u64::MAX));
        let page = EventPage { before: Some(end), limit: page.limit.min(MAX_READ), ..page };
        let events = match self.types(filter).await? {
            Some(types) => {
                self.inner.store.events(filter::search(filter, &types, &page, page.limit, self.inner.store.of_interaction())).await?
            }
            None => Vec::new(),
        };
        let scanned_to = match (events.last(), page.order) {
            (Some(last), _) if events.len() >= page.limit => last.position,
            (None, Order::Ascending) if page.limit == 0 => page.after.unwrap_or(0),
            (None, Order::Descending) if page.limit == 0 => end,
            (_, Order::Ascending) => (end - 1).min(filter.up_to.unwrap_or(u64::MAX)).max(page.after.unwrap_or(0)),
            (_, Order::Descending) => page.after.map_or(1, |after| after.saturating_add(1)),
        };
        Ok(Searched { events, scanned_to })
    }

    /// How many events a filter finds; costs a scan of what it finds.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn count(&self, filter: &EventFilter) -> Result<u64, LogError> {
        match self.types(filter).await? {
            Some(types) => self.inner.store.number(filter::count(filter, &types, self.inner.store.of_interaction())).await,
            None => Ok(0),
        }
    }

    /// The types to look for, empty for any; none when there are no events of the filter's kind at all.
    async fn types(&self, filter: &EventFilter) -> Result<Option<Vec<String>>, LogError> {
        let named = filter::named(filter);
        let Some(kind) = filter.stream_kind.as_ref().filter(|_| named.is_empty()) else { return Ok(Some(named)) };
        let types = self.inner.store.texts(filter::types_of(kind)).await?;
        Ok(Some(types).filter(|types| !types.is_empty()))
    }

    /// Names of the streams of a kind, in order, after a name; at most 10,000.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn streams_of_kind(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<StreamName>, LogError> {
        self.inner.store.streams_of_kind(kind, after, limit).await
    }

    /// The last position; 0 when the log is empty.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn head(&self) -> Result<u64, LogError> {
        self.inner.store.head().await
    }

    /// The last position that this process knows of: its own appends at once, another node's when PostgreSQL's
    /// notification comes through. A hint: poll as well.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.head.subscribe()
    }

    /// Is the schema still the one that this program knows? A newer program may have migrated it meanwhile.
    ///
    /// # Errors
    /// [`LogError::Newer`], [`LogError::Outdated`], [`LogError::Altered`], or the database's.
    pub async fn check_schema(&self) -> Result<(), LogError> {
        self.inner.store.check_schema().await
    }

    /// A secret of the vault by its name.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn secret(&self, name: &str) -> Result<Option<String>, LogError> {
        self.inner.store.secret(name).await
    }

    /// Appends what waits, takes nothing more, and closes the store. A log that is only dropped loses nothing either.
    pub async fn close(&self) {
        self.inner.appender.close().await;
        self.inner.stop_hints();
        self.inner.keyring.close().await;
        self.inner.store.close().await;
    }
}
