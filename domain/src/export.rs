//! Copies of the books for people and programs outside: who took which, and the digest of what they were given.
//!
//! ```text
//! Absent ── start ──▶ Running ── finish ──▶ Finished
//! ```
//!
//! The start is on record before the first byte leaves, so that a reading that was broken off is on record, too.

use kernel::{At, Decider, DomainEvent, Fact, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::ExportId;

/// What happened to a copy. Who took it is in the event's envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Somebody asked for a copy, and is being given it.
    ExportStarted {
        /// Its own id.
        export: ExportId,
        /// In which form, for example `hledger`.
        format: String,
        /// The first position that it covers.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// All of it was given.
    ExportFinished {
        /// Its own id.
        export: ExportId,
        /// How many entries (or events) it holds.
        records: u64,
        /// Its size.
        bytes: u64,
        /// SHA-256 of its bytes, 64 lower-case hexadecimal digits.
        sha256: String,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::ExportStarted { .. } => "ExportStarted",
            Self::ExportFinished { .. } => "ExportFinished",
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

/// Where a copy stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Export {
    /// No such copy.
    #[default]
    Absent,
    /// It is being given.
    Running(ExportId),
    /// It was given.
    Finished(ExportId),
}

/// What may be asked of a copy.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin.
    Start {
        /// Its own id.
        export: ExportId,
        /// In which form.
        format: String,
        /// The first position.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// End.
    Finish {
        /// How many entries (or events).
        records: u64,
        /// How many bytes.
        bytes: u64,
        /// Their SHA-256.
        sha256: String,
    },
}

/// Why a copy says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such copy.
    #[error("no such export")]
    NotFound,
    /// It ends before it begins, or begins before the log does.
    #[error("the range is empty")]
    Range,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotFound => Refused::code("SYS007"),
            Self::Range => Refused::at("SYS003", &["from"]),
        }
    }
}

impl Decider for Export {
    const KIND: &'static str = "export";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match (at.command, self) {
            (Command::Start { from, to, .. }, Self::Absent) if from == 0 || from > to.saturating_add(1) => Err(Refusal::Range),
            (Command::Start { export, format, from, to }, Self::Absent) => Ok(vec![Event::ExportStarted { export, format, from, to }]),
            (Command::Start { .. }, Self::Running(_) | Self::Finished(_)) | (Command::Finish { .. }, Self::Finished(_)) => Ok(Vec::new()),
            (Command::Finish { records, bytes, sha256 }, Self::Running(export)) => {
                Ok(vec![Event::ExportFinished { export: *export, records, bytes, sha256 }])
            }
            (Command::Finish { .. }, Self::Absent) => Err(Refusal::NotFound),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::ExportStarted { export, .. } => Self::Running(*export),
            Event::ExportFinished { export, .. } => Self::Finished(*export),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::testing::given;

    fn id() -> ExportId {
        ExportId::new(Uuid::from_u128(1))
    }

    fn start(from: u64, to: u64) -> Command {
        Command::Start { export: id(), format: "csv".into(), from, to }
    }

    fn finish() -> Command {
        Command::Finish { records: 2, bytes: 3, sha256: "ab".into() }
    }

    fn started() -> Event {
        Event::ExportStarted { export: id(), format: "csv".into(), from: 1, to: 9 }
    }

    fn finished() -> Event {
        Event::ExportFinished { export: id(), records: 2, bytes: 3, sha256: "ab".into() }
    }

    #[test]
    fn a_copy_is_on_record_from_its_start_to_its_digest() {
        given::<Export>([]).when(start(1, 9)).then([started()]);
        given::<Export>([started()]).when(finish()).then([finished()]);
        given::<Export>([started(), finished()]).when(finish()).then([]);
        given::<Export>([]).when(finish()).refused("SYS007", "");
    }

    #[test]
    fn an_empty_log_can_be_copied_and_a_range_of_nothing_cannot() {
        given::<Export>([]).when(start(1, 0)).then([Event::ExportStarted { export: id(), format: "csv".into(), from: 1, to: 0 }]);
        given::<Export>([]).when(start(0, 9)).refused("SYS003", "from");
        given::<Export>([]).when(start(9, 7)).refused("SYS003", "from");
    }
}
