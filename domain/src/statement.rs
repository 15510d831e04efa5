//! A report of the provider or the bank, imported once: its stream is found by the digest of its bytes (RECON001).

use kernel::{At, Decider, DomainEvent, Fact, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::StatementId;

/// Whose report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementSource {
    /// The payment provider's settlement rows.
    Provider,
    /// Our bank's statement.
    Bank,
}

/// What happened to a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was imported. Who did it is in the event's envelope.
    StatementImported {
        /// Its own id.
        statement: StatementId,
        /// Whose.
        source: StatementSource,
        /// SHA-256 of its bytes, 64 hexadecimal digits.
        sha256: String,
        /// How many rows it has.
        rows: u64,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::StatementImported { .. } => "StatementImported",
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

/// A report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Was it imported?
    pub imported: bool,
}

/// What may be asked of a report.
#[derive(Clone, Debug)]
pub enum Command {
    /// Import it.
    Import {
        /// Its own id.
        statement: StatementId,
        /// Whose.
        source: StatementSource,
        /// Digest of its bytes.
        sha256: String,
        /// How many rows.
        rows: u64,
    },
}

/// Why a report says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The same bytes were imported before.
    #[error("the file was imported before")]
    Imported,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Imported => Refused::at("RECON001", &["content"]),
        }
    }
}

/// The id of the report with this digest.
#[must_use]
pub fn id_of(sha256: &str) -> StatementId {
    StatementId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("daybook statement {sha256}").as_bytes()))
}

impl Decider for Statement {
    const KIND: &'static str = "statement";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let Command::Import { statement, source, sha256, rows } = at.command;
        if self.imported {
            return Err(Refusal::Imported);
        }
        Ok(vec![Event::StatementImported { statement, source, sha256, rows }])
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::StatementImported { .. } => Self { imported: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::given;

    #[test]
    fn the_same_bytes_are_imported_once() {
        let (statement, sha256) = (id_of("ab"), "ab".to_owned());
        let import = || Command::Import { statement, source: StatementSource::Bank, sha256: sha256.clone(), rows: 3 };
        let imported = Event::StatementImported { statement, source: StatementSource::Bank, sha256: sha256.clone(), rows: 3 };
        given::<Statement>([]).when(import()).then([imported.clone()]);
        given::<Statement>([imported]).when(import()).refused("RECON001", "content");
    }
}
