//! An event that read models and processes understand.

use std::sync::Arc;

use eventlog::Recorded;
use kernel::StreamName;

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

/// Reads a stored event; `None` when it is of a kind that no model and no process looks at.
pub type Decode<E = Event> = fn(&Recorded) -> Result<Option<E>, Unreadable>;

/// The decoder of the business's events.
///
/// # Errors
/// [`Unreadable`] when the kind is one of ours and the payload does not fit it.
pub fn decode(recorded: &Recorded) -> Result<Option<Event>, Unreadable> {
    domain::Event::decode(recorded.stream.kind(), &recorded.event_type, &recorded.payload).map_err(|error| Unreadable(error.to_string()))
}

/// One place of the log as a reader sees it.
#[derive(Debug)]
pub(crate) enum Seen<E> {
    /// Understood.
    Known(Arc<Known<E>>),
    /// Of a kind that nobody here looks at.
    Foreign,
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
            Self::Foreign => Self::Foreign,
            Self::Unreadable { event_type, reason } => Self::Unreadable { event_type: event_type.clone(), reason: reason.clone() },
        }
    }
}

impl<E> Seen<E> {
    pub(crate) fn of(recorded: Recorded, decode: Decode<E>) -> Self {
        match decode(&recorded) {
            Ok(Some(event)) => Self::Known(Arc::new(Known { recorded, event })),
            Ok(None) => Self::Foreign,
            Err(error) => Self::Unreadable { event_type: recorded.event_type, reason: error.to_string() },
        }
    }
}
