//! The stream `subject-{uuid}`: which of a person's keys were destroyed. Personal data end with an event as they began.
//!
//! ```text
//! both keys ── destroy a class ──▶ that class is gone for good
//! ```

use kernel::{At, Decider, DomainEvent, Fact, JournalEntry, KeyClass, Refused, Unbalanced};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The type of its only event.
pub(super) const DESTROYED: &str = "SubjectKeyDestroyed";

/// What happened to a person's keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// From here on nothing that was sealed under this key can be read, in this log, in its copies and its backups.
    SubjectKeyDestroyed {
        /// The person.
        subject: Uuid,
        /// Which of their keys.
        class: KeyClass,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::SubjectKeyDestroyed { .. } => DESTROYED.to_owned(),
        }
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        Ok(None)
    }
}

/// Which of a person's keys are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectKeys {
    profile_destroyed: bool,
    retained_destroyed: bool,
}

impl SubjectKeys {
    /// Is the key of this class gone?
    #[must_use]
    pub const fn is_destroyed(&self, class: KeyClass) -> bool {
        match class {
            KeyClass::Profile => self.profile_destroyed,
            KeyClass::Retained => self.retained_destroyed,
        }
    }
}

/// What may be asked.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Destroy one key; once it is gone, nothing happens.
    Destroy {
        /// The person.
        subject: Uuid,
        /// Which key.
        class: KeyClass,
    },
}

/// Nothing is refused: whether a person may be erased is their module's question (USER003).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match *self {}
    }
}

impl Decider for SubjectKeys {
    const KIND: &'static str = "subject";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::Destroy { class, .. } if self.is_destroyed(class) => Ok(Vec::new()),
            Command::Destroy { subject, class } => Ok(vec![Event::SubjectKeyDestroyed { subject, class }]),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::SubjectKeyDestroyed { class: KeyClass::Profile, .. } => Self { profile_destroyed: true, ..self },
            Event::SubjectKeyDestroyed { class: KeyClass::Retained, .. } => Self { retained_destroyed: true, ..self },
        }
    }
}
