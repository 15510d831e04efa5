//! Schema evolution: what an old book says is read as if it had been written today.
//!
//! A stored event is never changed. Its (type, schema version) leads, by one or more [`Step`]s, to events of today's shapes:
//! to one, to several, or to none at all. A table of today's shapes and of the steps from all older ones ([`Upcasts`]) comes
//! with the event's type ([`Fact::upcasts`]), so that nobody who reads a log can forget it. An event of today's shape costs
//! one search in that table; a shape that has no path is an error with its name, never skipped.

mod fields;
mod table;

use std::borrow::Cow;
use std::slice;

use serde::de::DeserializeOwned;

use crate::decider::Fact;

pub use fields::Fields;
pub use table::{Defect, Step, Upcasts};

/// Most events that one stored event may become, and most steps that may take: beyond it a table runs in a circle.
const MAX_STEPS: usize = 1_000;

/// An event on its way from its stored shape to today's.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its type.
    pub event_type: Cow<'static, str>,
    /// Its schema version.
    pub version: u32,
    /// What it says.
    pub fields: Fields,
}

impl Shape {
    /// An event of this type and version.
    #[must_use]
    pub const fn new(event_type: &'static str, version: u32, fields: Fields) -> Self {
        Self { event_type: Cow::Borrowed(event_type), version, fields }
    }
}

/// A stored event does not hold what its shape promises; the reason is for operators and holds no value of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failed(String);

impl Failed {
    /// It cannot be upcast because of this.
    #[must_use]
    pub fn new(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// What one stored event says today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded<E> {
    /// One event: as good as always.
    One(E),
    /// Another number of events, in order; none, when it no longer means anything.
    Many(Vec<E>),
}

impl<E> Decoded<E> {
    /// Nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self::Many(Vec::new())
    }

    /// The events, in order.
    #[must_use]
    pub const fn as_slice(&self) -> &[E] {
        match self {
            Self::One(event) => slice::from_ref(event),
            Self::Many(events) => events.as_slice(),
        }
    }

    /// Each event made another.
    #[must_use]
    pub fn map<F>(self, make: impl FnMut(E) -> F) -> Decoded<F> {
        let mut make = make;
        match self {
            Self::One(event) => Decoded::One(make(event)),
            Self::Many(events) => Decoded::Many(events.into_iter().map(make).collect()),
        }
    }

    /// The events, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<E> {
        match self {
            Self::One(event) => vec![event],
            Self::Many(events) => events,
        }
    }
}

/// Why a stored event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// No shape of today, and no step leads from it to one.
    #[error("no path leads from event {event_type} of schema {version} to today's")]
    NoPath {
        /// Type of the stored event, or of what it became on its way.
        event_type: String,
        /// Its schema version.
        version: u32,
    },
    /// A step did not find what it needs.
    #[error("cannot upcast event {event_type} of schema {version}: {reason}")]
    Failed {
        /// Type of the event that the step was for.
        event_type: String,
        /// Its schema version.
        version: u32,
        /// What is wrong.
        reason: Failed,
    },
    /// A step made a shape that it does not declare, or its table runs in a circle.
    #[error("the step from event {event_type} of schema {version} goes where it does not say")]
    Astray {
        /// Type of the event that the step was for.
        event_type: String,
        /// Its schema version.
        version: u32,
    },
    /// The payload is not what its type says.
    #[error("cannot read event {event_type} of schema {version}: {source}")]
    Payload {
        /// Type of the event.
        event_type: String,
        /// Its schema version.
        version: u32,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// What a table knows of a stored (type, version).
enum Known<'t> {
    Today,
    Old(&'t Step),
}

/// Reads a stored event: its payload is the inside of an externally tagged enum, its type the tag.
///
/// # Errors
/// [`Unreadable`] when the table of `E` has no path for it, a step on that path fails, or the payload does not fit its type.
pub fn decode<E: Fact>(event_type: &str, version: u32, payload: &str) -> Result<Decoded<E>, Unreadable> {
    // An event type without a table has had one shape only.
    let Some(table) = E::upcasts() else { return today(event_type, version, payload).map(Decoded::One) };
    match table.find(event_type, version) {
        Some(Known::Today) => today(event_type, version, payload).map(Decoded::One),
        Some(Known::Old(_)) => {
            let fields = Fields::parse(payload).map_err(|source| unfit(event_type, version, source))?;
            let shapes = table.apply(Shape { event_type: Cow::Owned(event_type.to_owned()), version, fields })?;
            let events = shapes.iter().map(|shape| today(&shape.event_type, shape.version, &shape.fields.to_json()));
            events.collect::<Result<Vec<_>, _>>().map(Decoded::Many)
        }
        None => Err(no_path(event_type, version)),
    }
}

/// Reads an event of today's shape, whatever version it says it has.
///
/// # Errors
/// [`Unreadable::Payload`] when the payload does not fit the type.
pub fn today<E: DeserializeOwned>(event_type: &str, version: u32, payload: &str) -> Result<E, Unreadable> {
    serde_json::from_str(&format!("{{\"{event_type}\":{payload}}}")).map_err(|source| unfit(event_type, version, source))
}

impl Upcasts {
    /// Brings an event to shapes of today, in order.
    ///
    /// # Errors
    /// [`Unreadable`] when a shape on its way has no path, or a step fails.
    pub fn apply(&self, stored: Shape) -> Result<Vec<Shape>, Unreadable> {
        let (mut done, mut waiting) = (Vec::new(), vec![stored]);
        for _ in 0..MAX_STEPS {
            let Some(shape) = waiting.pop() else { return Ok(done) };
            match self.find(&shape.event_type, shape.version) {
                Some(Known::Today) => done.push(shape),
                Some(Known::Old(step)) => waiting.extend(step.take(shape)?.into_iter().rev()),
                None => return Err(no_path(&shape.event_type, shape.version)),
            }
        }
        match waiting.pop() {
            None => Ok(done),
            Some(shape) => Err(Unreadable::Astray { event_type: shape.event_type.into_owned(), version: shape.version }),
        }
    }
}

fn no_path(event_type: &str, version: u32) -> Unreadable {
    Unreadable::NoPath { event_type: event_type.to_owned(), version }
}

fn unfit(event_type: &str, version: u32, source: serde_json::Error) -> Unreadable {
    Unreadable::Payload { event_type: event_type.to_owned(), version, source }
}

#[cfg(test)]
mod tests;
