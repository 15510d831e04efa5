//! An event that read models and processes understand.

use std::slice;
use std::sync::Arc;

use eventlog::Recorded;
use kernel::StreamName;
use kernel::upcast::Decoded;

/// The business's events: what [`Known`] carries unless a test says otherwise.
pub type Event = domain::Event;

/// A stored event with what it says, decoded once and shared by all who read it.
#[derive(Clone, Debug)]
pub struct Known<E = Event> {
    /// The envelope.
    pub recorded: Recorded,
    /// What happened.
    pub event: E,
}

impl<E> Known<E> {
    /// Its place in the log.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.recorded.position
    }

    /// The stream that it belongs to.
    #[must_use]
    pub const fn stream(&self) -> &StreamName {
        &self.recorded.stream
    }
}

/// A stored event that this program cannot read; every model and process halts before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Reads a stored event: what it says today, which may be several events or none (kernel's `upcast`), and is none when it is
/// of a kind that no model and no process looks at.
pub type Decode<E = Event> = fn(&Recorded) -> Result<Decoded<E>, Unreadable>;

/// The decoder of the business's events.
///
/// # Errors
/// [`Unreadable`] when the kind is one of ours, and its shape has no path to today's or the payload does not fit it.
pub fn decode(recorded: &Recorded) -> Result<Decoded<Event>, Unreadable> {
    let decoded = domain::Event::decode(recorded.stream.kind(), &recorded.event_type, recorded.schema_version, &recorded.payload);
    decoded.map(|event| event.unwrap_or_else(Decoded::none)).map_err(|error| Unreadable(error.to_string()))
}

/// One place of the log as a reader sees it.
#[derive(Debug)]
pub(crate) enum Seen<E> {
    /// Understood, as one event.
    Known(Arc<Known<E>>),
    /// Understood as another number of events of today, all of them at this one position; none, also of a kind that nobody
    /// here looks at.
    Several(Vec<Arc<Known<E>>>),
    /// Ours, and not readable.
    Unreadable {
        /// Type of the event.
        event_type: String,
        /// What is wrong.
        reason: String,
    },
}

impl<E> Clone for Seen<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Known(known) => Self::Known(Arc::clone(known)),
            Self::Several(known) => Self::Several(known.clone()),
            Self::Unreadable { event_type, reason } => Self::Unreadable { event_type: event_type.clone(), reason: reason.clone() },
        }
    }
}

impl<E> Seen<E> {
    pub(crate) fn of(recorded: Recorded, decode: Decode<E>) -> Self {
        match decode(&recorded) {
            Ok(Decoded::One(event)) => Self::Known(Arc::new(Known { recorded, event })),
            Ok(Decoded::Many(events)) => {
                let known = |event| Arc::new(Known { recorded: recorded.clone(), event });
                Self::Several(events.into_iter().map(known).collect())
            }
            Err(error) => Self::Unreadable { event_type: recorded.event_type, reason: error.to_string() },
        }
    }

    /// The events of this place, in order; else the type of what cannot be read, and why not.
    pub(crate) fn events(&self) -> Result<&[Arc<Known<E>>], (&str, &str)> {
        match self {
            Self::Known(event) => Ok(slice::from_ref(event)),
            Self::Several(events) => Ok(events),
            Self::Unreadable { event_type, reason } => Err((event_type, reason)),
        }
    }
}
