//! One run of a command's function: what it loads, decides and records.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::{Actor, At, Decider, Fact, Refusal, StreamName, Timestamp};

use crate::codec::{self, Encoded};
use crate::command::CommandMeta;
use crate::error::{LogError, Stop};
use crate::outcome::{Draft, Expected, Secret};
use crate::store::Store;

/// A command's view of the log. Cheap to clone; every clone is the same session.
///
/// Whatever it loads is checked at its version when the command is appended, also when nothing is written to it; on a miss
/// the command's function runs again on a fresh session. Nothing leaves a session before that.
#[derive(Clone)]
pub struct Session {
    store: Store,
    command: Arc<CommandMeta>,
    work: Arc<Mutex<Work>>,
}

/// What a session has gathered.
#[derive(Default)]
pub(crate) struct Work {
    /// The version at which each stream was first loaded.
    expected: BTreeMap<StreamName, u64>,
    /// What was decided, in order.
    pub events: Vec<Draft>,
    /// Rows of the vault to write.
    pub secrets: Vec<Secret>,
    closed: bool,
}

/// A stream's state at a version, as one session sees it.
#[derive(Clone, Debug)]
pub struct Loaded<D> {
    /// The stream.
    pub stream: StreamName,
    /// Its version, with what this session has recorded; 0 when it does not exist.
    pub version: u64,
    /// Its state.
    pub state: D,
}

impl<D> Deref for Loaded<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.state
    }
}

impl Session {
    pub(crate) fn new(store: Store, command: Arc<CommandMeta>) -> Self {
        Self { store, command, work: Arc::default() }
    }

    /// The business clock, read once for the whole command.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.command.now
    }

    /// Who asks.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.command.actor
    }

    /// The command's circumstances.
    #[must_use]
    pub fn command(&self) -> &CommandMeta {
        &self.command
    }

    /// The state of the stream `{D::KIND}-{id}`, where `id` is what follows the kind: `load::<Booking>(id.uuid())`.
    /// A stream loaded again shows what this session has recorded on it.
    ///
    /// # Errors
    /// [`Stop::Log`] when the stream cannot be read.
    pub async fn load<D: Decider>(&self, id: impl Display) -> Result<Loaded<D>, Stop> {
        let stream = StreamName::new(D::KIND, id).map_err(LogError::from)?;
        self.load_stream(stream).await
    }

    /// Like [`Session::load`], by the stream's whole name.
    ///
    /// # Errors
    /// [`Stop::Log`] when the stream cannot be read.
    pub async fn load_stream<D: Decider>(&self, stream: StreamName) -> Result<Loaded<D>, Stop> {
        let mut up_to = self.work().expected.get(&stream).copied().unwrap_or(u64::MAX);
        let (mut state, version, recorded) = loop {
            let (state, version) = self.store.fold::<D>(&stream, up_to).await?;
            let mut work = self.work();
            let expected = *work.expected.entry(stream.clone()).or_insert(version);
            if expected == version {
                break (state, version, work.recorded_on(&stream));
            }
            // Another clone of this session loaded it meanwhile at another version: one session, one version.
            up_to = expected;
        };
        for event in &recorded {
            let event = codec::decode::<D::Event>(&event.event_type, event.schema_version, &event.payload).map_err(LogError::from)?;
            state = state.evolve(&event);
        }
        Ok(Loaded { stream, version: version + recorded.len() as u64, state })
    }

    /// Decides a command on a loaded state, records its events and moves the state on.
    ///
    /// # Errors
    /// [`Stop::Refused`] by the decider; [`Stop::Unbalanced`] when an event posts an entry that does not balance (L1);
    /// [`Stop::Log`] when an event does not encode, or the state is not this session's newest of its stream.
    pub fn decide<D: Decider>(&self, loaded: &mut Loaded<D>, command: D::Command) -> Result<Vec<D::Event>, Stop>
    where
        D::Refusal: Refusal,
    {
        let events = loaded.state.decide(At { now: self.now(), actor: self.actor().clone(), command })?;
        let mut drafts = Vec::with_capacity(events.len());
        for event in &events {
            event.entry().map_err(Stop::Unbalanced)?;
            drafts.push(Draft { stream: loaded.stream.clone(), event: codec::encode(event)? });
        }
        self.record(&loaded.stream, loaded.version, drafts)?;
        loaded.version += events.len() as u64;
        loaded.state = events.iter().fold(std::mem::take(&mut loaded.state), D::evolve);
        Ok(events)
    }

    fn record(&self, stream: &StreamName, version: u64, drafts: Vec<Draft>) -> Result<(), LogError> {
        let mut work = self.work();
        if work.closed {
            return Err(LogError::Session("its command has ended"));
        }
        let newest = work.expected.get(stream).map(|expected| expected + work.recorded_on(stream).len() as u64);
        if newest != Some(version) {
            return Err(LogError::Session("decided on a state that is not its newest"));
        }
        work.events.extend(drafts);
        Ok(())
    }

    /// Writes a row of the vault (a secret by name, at most 64 KiB) in the database transaction of the command's events.
    pub fn put_secret(&self, name: &str, value: &str) {
        self.work().secrets.push(Secret { name: name.to_owned(), value: Some(value.to_owned()) });
    }

    /// Removes a row of the vault in the database transaction of the command's events.
    pub fn remove_secret(&self, name: &str) {
        self.work().secrets.push(Secret { name: name.to_owned(), value: None });
    }

    /// A secret by its name, with what this session has put. Not covered by the version check.
    ///
    /// # Errors
    /// [`Stop::Log`] when the vault cannot be read.
    pub async fn secret(&self, name: &str) -> Result<Option<String>, Stop> {
        let put = self.work().secrets.iter().rev().find(|secret| secret.name == name).map(|secret| secret.value.clone());
        match put {
            Some(value) => Ok(value),
            None => Ok(self.store.secret(name).await?),
        }
    }

    /// Names of committed streams of a kind, in order, after a name. Not covered by the version check.
    ///
    /// # Errors
    /// [`Stop::Log`] when the log cannot be read.
    pub async fn streams_of_kind(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<StreamName>, Stop> {
        Ok(self.store.streams_of_kind(kind, after, limit).await?)
    }

    /// Ends the session and takes what it gathered.
    pub(crate) fn finish(&self) -> Work {
        let mut work = self.work();
        std::mem::replace(&mut *work, Work { closed: true, ..Work::default() })
    }

    /// Never held across an await; a panic in another clone leaves plain data behind.
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    /// The versions that must still hold.
    pub(crate) fn expected(&self) -> Vec<Expected> {
        self.expected.iter().map(|(stream, &version)| Expected { stream: stream.clone(), version }).collect()
    }

    fn recorded_on(&self, stream: &StreamName) -> Vec<Encoded> {
        self.events.iter().filter(|draft| draft.stream == *stream).map(|draft| draft.event.clone()).collect()
    }
}
