//! Process managers: pure reactions from events to commands, timers and outside calls; and the runtime that lets each
//! reaction happen once.
//!
//! A reaction's id is derived from its cause, so doing it twice changes nothing: a command finds its receipt, a timer and
//! an effect their row. Commands go first; then timers, effects and the process's checkpoint are written in one
//! database transaction of the log's database.

mod effects;
mod error;
#[allow(dead_code, reason = "the macro drops what it is given unless some crate of the build turns failpoints on")]
mod failpoint;
mod figures;
mod lease;
mod letters;
mod probe;
mod reactor;
mod runtime;
mod settle;
mod store;
mod timers;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use eventlog::Recorded;
use futures_util::future::BoxFuture;
use kernel::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub use error::ProcessError;
pub use figures::{BookFigures, EffectOutcome, QueueFigures, RuntimeFigures};
pub use letters::Letters;
pub use probe::Probe;
pub use runtime::{Builder, Runtime};
pub use store::DeadLetter;

use crate::known::{Event, Known};

/// The mirror of an aggregate: events in; commands, timers and outside calls out. Pure.
///
/// A process that is new to a log starts at its first event.
pub trait Process<E = Event>: Send + Sync + 'static {
    /// Lower-case word of at most 40 characters, never changed: it is part of every reaction's id.
    const NAME: &'static str;
    /// A command that it may want.
    type Intent;
    /// An outside call that it may want.
    type Call;
    /// Events whose commands may be under way at once: more than one where nothing depends on their order. The checkpoint passes them in order
    /// all the same.
    const AT_ONCE: usize = 1;

    /// What should happen because of the event, in order. The order is part of the reactions' ids: only ever append to it.
    fn react(event: &Known<E>) -> Vec<Reaction<Self::Intent, Self::Call>>;
}

/// One thing that should happen because of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction<I, C> {
    /// A command, now.
    Command(I),
    /// A command when the business clock reaches a time. A timer of the same key takes its place.
    Timer {
        /// Names the timer within its process, for example a booking's id.
        key: String,
        /// When.
        due: Timestamp,
        /// What then.
        intent: I,
    },
    /// No longer that timer; nothing happens when there is none.
    CancelTimer {
        /// The timer's key.
        key: String,
    },
    /// An outside call, as soon as possible, beside the process's own pace.
    Effect(C),
}

/// The id of one reaction, the same however often it is tried, and what caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionId {
    text: String,
    /// The event that caused the reaction.
    pub causation: Option<Uuid>,
    /// The interaction that the event belongs to.
    pub correlation: Option<Uuid>,
    /// W3C trace context of the event's command.
    pub traceparent: Option<String>,
}

impl ReactionId {
    /// `process:position:index`, or `timer:process:key:due:position` with the time in microseconds: the idempotency key of what is done.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn new(text: String, cause: Option<&Recorded>) -> Self {
        Self {
            text,
            causation: cause.map(|event| event.event_id),
            correlation: cause.map(|event| event.correlation_id),
            traceparent: cause.and_then(|event| event.traceparent.clone()),
        }
    }
}

impl fmt::Display for ReactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The longest time of a call to the outside.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(80);

/// Does what processes want. Both functions take the id as idempotency key: the same id again changes nothing.
pub trait Work: Send + Sync + 'static {
    /// A command.
    type Intent: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// An outside call.
    type Call: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Performs a command. A refusal by the business is an answer, not an error.
    ///
    /// # Errors
    /// [`WorkError::Retry`] when it should be tried again, [`WorkError::Fatal`] when that makes no sense.
    fn perform(&self, intent: Self::Intent, id: ReactionId) -> impl Future<Output = Result<(), WorkError>> + Send;

    /// What the outside call is made to; a label of metrics.
    fn service(_call: &Self::Call) -> &'static str {
        "outside"
    }

    /// The longest time of a call, during which its lease is kept up; longer than the adapters' own time-outs: an adapter that gives up
    /// says *unknown*, which the business can act on, while a call that is cut off here is only tried again.
    fn patience(_call: &Self::Call) -> Duration {
        CALL_TIMEOUT
    }

    /// May the call be broken off when this node stops? It is then made again under the same id by whoever is there.
    fn breaks_off(_call: &Self::Call) -> bool {
        false
    }

    /// Makes an outside call and reports its result as a command. `attempt` counts from 1.
    ///
    /// # Errors
    /// [`WorkError::Retry`] when it should be tried again, [`WorkError::Fatal`] when that makes no sense.
    fn call(&self, call: Self::Call, id: ReactionId, attempt: u32) -> impl Future<Output = Result<(), WorkError>> + Send;
}

/// Why a reaction has not happened. Reasons are for operators and never hold personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkError {
    /// Nothing was tried yet, because a service is not to be asked now or our own store is out of reach. It is tried until it
    /// goes through and counts as no attempt.
    #[error("{reason}")]
    Postponed {
        /// Least time to wait; a pause of a few seconds when it is not given.
        after: Option<Duration>,
        /// What is in the way.
        reason: String,
    },
    /// Something was out of reach: try again. An effect is tried at most four times, then parked; commands and timers
    /// are tried until they go through.
    #[error("{reason}")]
    Retry {
        /// Least time to wait; a growing pause with jitter when it is not given.
        after: Option<Duration>,
        /// What was out of reach.
        reason: String,
    },
    /// It cannot work: parked at once, for an operator.
    #[error("{reason}")]
    Fatal {
        /// Why not.
        reason: String,
    },
}

/// The clock that deadlines go by; in `dev` and in tests it can be moved forward.
pub trait BusinessClock: Send + Sync + 'static {
    /// The present, to the microsecond.
    fn now(&self) -> Timestamp;

    /// Completes when the clock was moved rather than flowed. May miss a move: the time is looked at twice a second anyway.
    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

impl BusinessClock for commands::Clock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}
