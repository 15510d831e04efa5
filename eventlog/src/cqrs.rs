//! Our log under cqrs-es: an aggregate written for postgres-es, and the `CqrsFramework` around it, run unchanged.
//!
//! [`Store`] is a `cqrs_es::EventStore`: what it commits goes through [`Log::execute`], so through the same group commit, and
//! gets positions, versions and digests like every other event. It posts nothing: the log does not know what such events
//! mean. How names, payloads and metadata are kept is in docs/cqrs-es.md.
//!
//! The context that comes to `commit` has the new events applied already (`EventSink::write` does it); they are never applied
//! again here.

mod form;
pub mod import;

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use cqrs_es::{Aggregate, AggregateContext, AggregateError, DomainEvent, EventEnvelope, EventStore};
use kernel::{Actor, StreamName, Timestamp};

use crate::codec::{Encode, Encoded};
use crate::command::CommandMeta;
use crate::error::{ExecuteError, LogError, Stop};
use crate::log::Log;
use crate::recorded::Recorded;
use form::Parts;

pub use form::stream_of;

/// Events that a load reads at a time.
const PAGE: usize = 1_000;

/// The events of aggregates `A` in a log. Cheap to clone.
pub struct Store<A> {
    log: Log,
    upcasters: Arc<[Box<dyn EventUpcaster>]>,
    clock: fn() -> Timestamp,
    aggregate: PhantomData<fn() -> A>,
}

impl<A> Clone for Store<A> {
    fn clone(&self) -> Self {
        Self { log: self.log.clone(), upcasters: Arc::clone(&self.upcasters), clock: self.clock, aggregate: PhantomData }
    }
}

impl<A: Aggregate> Store<A> {
    /// The aggregates `A` of a log; their streams are named after `A::TYPE` and their id ([`stream_of`]).
    #[must_use]
    pub fn new(log: Log) -> Self {
        Self { log, upcasters: Arc::new([]), clock: Timestamp::now, aggregate: PhantomData }
    }

    /// The same with cqrs-es's upcasters, each offered every stored event, in order, as its own stores do it.
    #[must_use]
    pub fn with_upcasters(self, upcasters: Vec<Box<dyn EventUpcaster>>) -> Self {
        Self { upcasters: upcasters.into(), ..self }
    }

    /// The same with a business clock of one's own: `occurred_at` of what is committed. Otherwise it is the machine's.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Timestamp) -> Self {
        Self { clock, ..self }
    }

    /// Reads a stored event as cqrs-es wants it.
    fn envelope(&self, id: &str, recorded: &Recorded) -> Result<EventEnvelope<A>, AggregateError<A::Error>> {
        let parts = Parts::of(recorded).map_err(failed)?;
        let sequence = usize::try_from(recorded.version).map_err(|error| AggregateError::UnexpectedError(error.into()))?;
        let metadata = serde_json::from_str(parts.metadata).map_err(unfit)?;
        let claimed = self.upcasters.iter().any(|upcaster| upcaster.can_upcast(&recorded.event_type, &parts.version));
        let payload = if claimed {
            self.upcast(id, sequence, recorded, &parts).map_err(unfit)?
        } else {
            serde_json::from_str(&parts.event).map_err(unfit)?
        };
        Ok(EventEnvelope { aggregate_id: id.to_owned(), sequence, payload, metadata })
    }

    fn upcast(&self, id: &str, sequence: usize, recorded: &Recorded, parts: &Parts<'_>) -> Result<A::Event, serde_json::Error> {
        let (payload, metadata) = (serde_json::from_str(&parts.event)?, serde_json::from_str(parts.metadata)?);
        let (event_type, version) = (recorded.event_type.clone(), parts.version.to_string());
        let stored = SerializedEvent::new(id.to_owned(), sequence, A::TYPE.to_owned(), event_type, version, payload, metadata);
        let upcast = self.upcasters.iter().fold(stored, |event, upcaster| {
            if upcaster.can_upcast(&event.event_type, &event.event_version) { upcaster.upcast(event) } else { event }
        });
        serde_json::from_value(upcast.payload)
    }
}

/// An aggregate as `commit` gets it back: its id, the version at which it was loaded, and its state.
#[derive(Debug)]
pub struct Loaded<A> {
    id: String,
    version: u64,
    state: A,
}

impl<A> Loaded<A> {
    /// The version at which it was loaded; 0: there was none.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }
}

impl<A: Aggregate> AggregateContext<A> for Loaded<A> {
    fn aggregate(&mut self) -> &mut A {
        &mut self.state
    }
}

impl<A: Aggregate + 'static> EventStore<A> for Store<A>
where
    A::Event: 'static,
{
    type AC = Loaded<A>;

    async fn load_events(&self, aggregate_id: &str) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let stream = stream_of(A::TYPE, aggregate_id).map_err(failed)?;
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let page = self.log.read_stream(&stream, after, PAGE).await.map_err(failed)?;
            for recorded in &page {
                after += 1;
                if recorded.version != after {
                    return Err(failed(LogError::Damaged(format!("{stream} has no version {after}"))));
                }
                events.push(self.envelope(aggregate_id, recorded)?);
            }
            if page.len() < PAGE {
                return Ok(events);
            }
        }
    }

    async fn load_aggregate(&self, aggregate_id: &str) -> Result<Loaded<A>, AggregateError<A::Error>> {
        let events = self.load_events(aggregate_id).await?;
        let (version, mut state) = (events.len() as u64, A::default());
        for event in events {
            state.apply(event.payload);
        }
        Ok(Loaded { id: aggregate_id.to_owned(), version, state })
    }

    async fn commit(
        &self,
        events: Vec<A::Event>,
        context: Loaded<A>,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<A>>, AggregateError<A::Error>> {
        let stream = stream_of(A::TYPE, &context.id).map_err(failed)?;
        let sequence = |at: usize| usize::try_from(context.version).unwrap_or(usize::MAX).saturating_add(at + 1);
        let envelope = |(at, payload): (usize, A::Event)| EventEnvelope {
            aggregate_id: context.id.clone(),
            sequence: sequence(at),
            payload,
            metadata: metadata.clone(),
        };
        if !events.is_empty() {
            let command = form::command("cqrs-es", &metadata, (self.clock)());
            let kept = form::metadata(&metadata);
            let new: Vec<_> = events.iter().map(|event| Committed { event: event.clone(), metadata: kept.clone() }).collect();
            append(&self.log, &command, &stream, context.version, &new).await?;
        }
        Ok(events.into_iter().enumerate().map(envelope).collect())
    }
}

/// An event with what was committed beside it.
#[derive(Clone)]
struct Committed<E> {
    event: E,
    /// A JSON object.
    metadata: Arc<str>,
}

impl<E: DomainEvent> Committed<E> {
    /// Encoded where personal values are sealed, like every other event.
    fn stored(&self) -> Result<Encoded, LogError> {
        let event_type = self.event.event_type();
        let wrong = |error: serde_json::Error| LogError::Encode { what: event_type.clone(), reason: error.to_string() };
        let text = serde_json::to_string(&self.event).map_err(wrong)?;
        form::stored(&event_type, &self.event.event_version(), &text, &self.metadata)
    }
}

/// A committed event without its type.
struct Opaque(Box<dyn Fn() -> Result<Encoded, LogError> + Send + Sync>);

impl Encode for Opaque {
    fn encode(&self) -> Result<Encoded, LogError> {
        (self.0)()
    }
}

/// Appends events to a stream that is still at a version; when it is not, that is the caller's to hear.
async fn append<E: DomainEvent + 'static, R: std::error::Error>(
    log: &Log,
    command: &CommandMeta,
    stream: &StreamName,
    version: u64,
    events: &[Committed<E>],
) -> Result<(), AggregateError<R>> {
    let (tried, moved) = (AtomicBool::new(false), AtomicBool::new(false));
    let done = log.execute(command, async |session| {
        // Run again: either the stream has moved on, or another commit was on its way to it and has failed.
        if tried.swap(true, Ordering::Relaxed) && !log.read_stream(stream, version, 1).await?.is_empty() {
            moved.store(true, Ordering::Relaxed);
            return Err(Stop::Log(LogError::Session("its stream has moved on")));
        }
        for (at, event) in (0..).zip(events.iter().cloned()) {
            session.record_opaque(stream, version + at, Opaque(Box::new(move || event.stored())), None)?;
        }
        Ok(())
    });
    match done.await {
        Ok(_) => Ok(()),
        Err(_) if moved.load(Ordering::Relaxed) => Err(AggregateError::AggregateConflict),
        Err(ExecuteError::Conflict) => Err(AggregateError::AggregateConflict),
        Err(ExecuteError::Log(error)) => Err(failed(error)),
        Err(error @ (ExecuteError::Refused { .. } | ExecuteError::KeyReused | ExecuteError::Unbalanced(_))) => {
            Err(AggregateError::UnexpectedError(error.into()))
        }
    }
}

/// In cqrs-es's words.
fn failed<R: std::error::Error>(error: LogError) -> AggregateError<R> {
    let unreadable = matches!(error, LogError::Decode(_) | LogError::Unreadable(_) | LogError::Damaged(_));
    match (error.retryable(), unreadable) {
        (true, _) => AggregateError::DatabaseConnectionError(error.into()),
        (false, true) => AggregateError::DeserializationError(error.into()),
        (false, false) => AggregateError::UnexpectedError(error.into()),
    }
}

fn unfit<R: std::error::Error>(error: serde_json::Error) -> AggregateError<R> {
    AggregateError::DeserializationError(error.into())
}

/// Who is said to have acted when the metadata does not say it.
fn nobody(name: &str) -> Actor {
    Actor::system(name)
}
