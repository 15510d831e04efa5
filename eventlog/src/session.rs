//! One run of a command's function: what it loads, decides and records.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::{Actor, At, Decider, DomainEvent, Fact, Refusal, StreamName, Timestamp};

use crate::codec::Encode;
use crate::command::CommandMeta;
use crate::error::{LogError, Stop};
use crate::outcome::{Draft, Secret};
use crate::snapshot::{self, Due, Renew};
use crate::states::{AnyState, Basis, Fate, Known, States};
use crate::store::Store;

/// A command's view of the log. Cheap to clone; every clone is the same session.
///
/// Whatever it loads is checked at its version when the command is appended, also when nothing is written to it; on a miss
/// the command's function runs again on a fresh session. Nothing leaves a session before that. A state may rest on a
/// command of this node that is not durable yet: this one is then answered after it, and decided again when it fails.
#[derive(Clone)]
pub struct Session {
    store: Store,
    states: Arc<States>,
    command: Arc<CommandMeta>,
    again: bool,
    work: Arc<Mutex<Work>>,
}

/// What a session has gathered.
#[derive(Default)]
pub(crate) struct Work {
    /// The streams loaded.
    pub loaded: BTreeMap<StreamName, Visit>,
    /// What was decided, in order.
    pub events: Vec<Decided>,
    /// Rows of the vault to write.
    pub secrets: Vec<Secret>,
    closed: bool,
}

/// A stream in a session.
pub(crate) struct Visit {
    /// The version at which it was first loaded.
    pub version: u64,
    /// The command on its way that made that version, if any.
    pub fate: Option<Arc<Fate>>,
    /// How many events this session has recorded on it.
    pub recorded: u64,
    /// Its state with them.
    pub state: AnyState,
    /// Renews its snapshot.
    pub renew: Renew,
}

/// An event as it was decided, before it is encoded.
pub(crate) struct Decided {
    pub stream: StreamName,
    pub event: Box<dyn Encode>,
    /// Its own circumstances, where they are not its command's.
    pub command: Option<Arc<CommandMeta>>,
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
    /// `again`: an attempt before this one met a conflict.
    pub(crate) fn new(store: Store, states: Arc<States>, command: Arc<CommandMeta>, again: bool) -> Self {
        Self { store, states, command, again, work: Arc::default() }
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

    /// A stream under an id that was minted for it: taken not to exist, without asking the store, which finds out when the
    /// command is appended. Where it does exist the command's function runs again, and loads it.
    ///
    /// # Errors
    /// [`Stop::Log`] when the stream cannot be read.
    pub async fn fresh<D: Decider>(&self, id: impl Display) -> Result<Loaded<D>, Stop> {
        let stream = StreamName::new(D::KIND, id).map_err(LogError::from)?;
        if !self.again && self.states.newest(&stream).is_none() {
            self.visit::<D>(&stream, Known { version: 0, state: Arc::new(D::default()), fate: None });
        }
        self.load_stream(stream).await
    }

    /// Like [`Session::load`], by the stream's whole name.
    ///
    /// # Errors
    /// [`Stop::Log`] when the stream cannot be read.
    pub async fn load_stream<D: Decider>(&self, stream: StreamName) -> Result<Loaded<D>, Stop> {
        if let Some(loaded) = self.visited(&stream)? {
            return Ok(loaded);
        }
        let known = self.states.newest(&stream).filter(|known| known.state.is::<D>());
        let known = match known {
            Some(known) => known,
            None => {
                let (state, version) = self.store.fold::<D>(&stream).await?;
                let state: AnyState = Arc::new(state);
                self.states.loaded(&stream, version, state.clone());
                Known { version, state, fate: None }
            }
        };
        self.visit::<D>(&stream, known);
        self.visited(&stream)?.ok_or_else(|| LogError::Session("its command has ended").into())
    }

    /// Notes a stream, unless another clone of this session was quicker: one session, one version.
    fn visit<D: Decider>(&self, stream: &StreamName, known: Known) {
        let visit = Visit { version: known.version, fate: known.fate, recorded: 0, state: known.state, renew: snapshot::renewal::<D>() };
        let mut work = self.work();
        if !work.closed {
            work.loaded.entry(stream.clone()).or_insert(visit);
        }
    }

    /// A stream that this session has loaded, as it has left it.
    fn visited<D: Decider>(&self, stream: &StreamName) -> Result<Option<Loaded<D>>, LogError> {
        let work = self.work();
        let Some(visit) = work.loaded.get(stream) else { return Ok(None) };
        let state = visit.state.downcast_ref::<D>().ok_or(LogError::Session("it has loaded the stream as something else"))?;
        Ok(Some(Loaded { stream: stream.clone(), version: visit.version + visit.recorded, state: state.clone() }))
    }

    /// Decides a command on a loaded state, records its events and moves the state on.
    ///
    /// # Errors
    /// [`Stop::Refused`] by the decider; [`Stop::Unbalanced`] when an event posts an entry that does not balance (L1);
    /// [`Stop::Log`] when the state is not this session's newest of its stream.
    pub fn decide<D: Decider>(&self, loaded: &mut Loaded<D>, command: D::Command) -> Result<Vec<D::Event>, Stop>
    where
        D::Refusal: Refusal,
    {
        let events = loaded.state.decide(At { now: self.now(), actor: self.actor().clone(), command })?;
        let state = events.iter().fold(loaded.state.clone(), D::evolve);
        self.append(loaded, &events, state)?;
        Ok(events)
    }

    /// Records events that a pure function of a loaded state has decided, with the state that they make of it: for deciders whose answer
    /// says more than their events do, or that have that state already.
    ///
    /// # Errors
    /// [`Stop::Unbalanced`] when an event posts an entry that does not balance (L1); [`Stop::Log`] when the state is not this session's
    /// newest of its stream.
    pub fn append<D: Decider>(&self, loaded: &mut Loaded<D>, events: &[D::Event], state: D) -> Result<(), Stop> {
        for event in events {
            event.entry().map_err(Stop::Unbalanced)?;
        }
        if !events.is_empty() {
            loaded.state = state;
            self.record(&loaded.stream, loaded.version, events, Arc::new(loaded.state.clone()))?;
            loaded.version += events.len() as u64;
        }
        Ok(())
    }

    fn record<E: DomainEvent + 'static>(&self, stream: &StreamName, version: u64, events: &[E], state: AnyState) -> Result<(), LogError> {
        let mut work = self.work();
        if work.closed {
            return Err(LogError::Session("its command has ended"));
        }
        let visit = work.loaded.get_mut(stream).filter(|visit| visit.version + visit.recorded == version);
        let visit = visit.ok_or(LogError::Session("decided on a state that is not its newest"))?;
        visit.recorded += events.len() as u64;
        visit.state = state;
        let decided = events.iter().map(|event| Decided { stream: stream.clone(), event: Box::new(event.clone()), command: None });
        work.events.extend(decided);
        Ok(())
    }

    /// Records an event whose meaning the log does not know, on a stream that is at a version, with circumstances of its own
    /// if it has any. The log then has no state of that stream at hand: whoever loads it reads it from the store.
    pub(crate) fn record_opaque(
        &self,
        stream: &StreamName,
        version: u64,
        event: impl Encode + 'static,
        command: Option<Arc<CommandMeta>>,
    ) -> Result<(), LogError> {
        let mut work = self.work();
        if work.closed {
            return Err(LogError::Session("its command has ended"));
        }
        let renew: Renew = |_, _| Box::pin(std::future::ready(()));
        let first = || Visit { version, fate: None, recorded: 0, state: Arc::new(()), renew };
        let visit = work.loaded.entry(stream.clone()).or_insert_with(first);
        if visit.version + visit.recorded != version {
            return Err(LogError::Session("an event does not follow the one before"));
        }
        visit.recorded += 1;
        work.events.push(Decided { stream: stream.clone(), event: Box::new(event), command });
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
    /// Of a refused command only what it was decided on counts.
    pub(crate) fn refuse(&mut self) {
        self.events.clear();
        self.secrets.clear();
        self.loaded.values_mut().for_each(|visit| visit.recorded = 0);
    }

    /// What the command was decided on, and the states that it leaves.
    pub(crate) fn bases(&mut self, fate: &Arc<Fate>) -> (Vec<Basis>, Vec<(StreamName, Known)>) {
        let (mut bases, mut written) = (Vec::with_capacity(self.loaded.len()), Vec::new());
        for (stream, visit) in std::mem::take(&mut self.loaded) {
            if visit.recorded > 0 {
                let version = visit.version + visit.recorded;
                written.push((stream.clone(), Known { version, state: visit.state, fate: Some(fate.clone()) }));
            }
            bases.push(Basis { stream, version: visit.version, fate: visit.fate });
        }
        (bases, written)
    }

    /// The streams that the command carries past the next snapshot.
    pub(crate) fn due(&self) -> Due {
        let due = self.loaded.iter().filter(|(_, visit)| snapshot::is_due(visit.version, visit.version + visit.recorded));
        due.map(|(stream, visit)| (stream.clone(), visit.renew)).collect()
    }

    /// The events in their stored form.
    pub(crate) fn encode(&self) -> Result<Vec<Draft>, LogError> {
        let draft = |decided: &Decided| {
            let Decided { stream, event, command } = decided;
            Ok(Draft { stream: stream.clone(), event: event.encode()?, command: command.clone() })
        };
        self.events.iter().map(draft).collect()
    }
}
