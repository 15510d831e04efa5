//! What an operator did about something that the program could not do by itself: an event that a read model cannot apply, a
//! reaction of a process that does not go through. The stream `deadletter-…` is the record of it; who and when stand in its events.
//!
//! ```text
//! open ── retry ──▶ open          tried again
//!      ── skip ───▶ open          left out the event that is in the way, and went on after it
//!      ── resolve ─▶ open         left out all that waits: it was seen to by other means
//! ```
//!
//! What is left out of a read model is left out by every rebuild of that version too.

use kernel::{At, Decider, DomainEvent, Fact, Personal, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

/// Events of the log that a version of a read model does not apply to a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The read model.
    pub projection: String,
    /// Its version.
    pub version: u32,
    /// The row's key.
    pub key: String,
    /// The first position.
    pub from: u64,
    /// The last one.
    pub upto: u64,
}

// --- events -------------------------------------------------------------------------------------------------

/// What was done about a dead letter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// It was to be tried again.
    DeadLetterRetried {
        /// Its name.
        letter: String,
        /// Why it should work now, in the operator's words.
        reason: Personal<String>,
    },
    /// What is in the way was left out.
    DeadLetterSkipped {
        /// Its name.
        letter: String,
        /// Of a read model: what is not applied.
        left_out: Option<LeftOut>,
        /// Why, in the operator's words.
        reason: Personal<String>,
    },
    /// It was seen to by other means.
    DeadLetterResolved {
        /// Its name.
        letter: String,
        /// Of a read model: what is not applied.
        left_out: Option<LeftOut>,
        /// How, in the operator's words.
        reason: Personal<String>,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::DeadLetterRetried { .. } => "DeadLetterRetried",
            Self::DeadLetterSkipped { .. } => "DeadLetterSkipped",
            Self::DeadLetterResolved { .. } => "DeadLetterResolved",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

// --- state --------------------------------------------------------------------------------------------------

/// A dead letter, as far as decisions go: how often something was done about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Times that it was retried.
    pub retried: u32,
    /// Times that something was left out.
    pub left_out: u32,
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be done about a dead letter.
#[derive(Clone, Debug)]
pub enum Command {
    /// Try again.
    Retry {
        /// Its name.
        letter: String,
        /// Why it should work now.
        reason: Personal<String>,
    },
    /// Leave out what is in the way.
    Skip {
        /// Its name.
        letter: String,
        /// Of a read model: what is not to be applied.
        left_out: Option<LeftOut>,
        /// Why.
        reason: Personal<String>,
    },
    /// It was seen to by other means.
    Resolve {
        /// Its name.
        letter: String,
        /// Of a read model: what is not to be applied.
        left_out: Option<LeftOut>,
        /// How.
        reason: Personal<String>,
    },
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What is left out ends before it begins.
    #[error("nothing would be left out")]
    Nothing,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Nothing => Refused::at("SYS003", &["id"]),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for DeadLetter {
    const KIND: &'static str = "deadletter";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let some = |left_out: &Option<LeftOut>| left_out.as_ref().is_none_or(|left_out| left_out.from <= left_out.upto);
        match at.command {
            Command::Retry { letter, reason } => Ok(vec![Event::DeadLetterRetried { letter, reason }]),
            Command::Skip { left_out, .. } | Command::Resolve { left_out, .. } if !some(&left_out) => Err(Refusal::Nothing),
            Command::Skip { letter, left_out, reason } => Ok(vec![Event::DeadLetterSkipped { letter, left_out, reason }]),
            Command::Resolve { letter, left_out, reason } => Ok(vec![Event::DeadLetterResolved { letter, left_out, reason }]),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::DeadLetterRetried { .. } => Self { retried: self.retried.saturating_add(1), ..self },
            Event::DeadLetterSkipped { .. } | Event::DeadLetterResolved { .. } => {
                Self { left_out: self.left_out.saturating_add(1), ..self }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Actor, Timestamp};

    use super::*;

    fn at(command: Command) -> At<Command> {
        At { now: Timestamp::UNIX_EPOCH, actor: Actor::Anonymous, command }
    }

    fn reason() -> Personal<String> {
        Personal::retained(uuid::Uuid::nil(), "the car was sold".to_owned())
    }

    #[test]
    fn an_empty_range_is_refused_and_anything_else_recorded() {
        let left_out = |from, upto| Some(LeftOut { projection: "bookings".into(), version: 1, key: "booking-1".into(), from, upto });
        let skip = |left_out| Command::Skip { letter: "a".into(), left_out, reason: reason() };
        let letter = DeadLetter::default();
        assert_eq!(letter.decide(at(skip(left_out(3, 2)))), Err(Refusal::Nothing));
        let skipped = letter.decide(at(skip(left_out(3, 3)))).unwrap_or_default();
        assert_eq!(skipped, [Event::DeadLetterSkipped { letter: "a".into(), left_out: left_out(3, 3), reason: reason() }]);
        assert_eq!(DeadLetter::fold(&skipped), DeadLetter { retried: 0, left_out: 1 });
    }
}
