//! Rule tests read as sentences: `given(history).when(command).then(events)`, or `.refused(code)`.
//!
//! Beside the rule in question each sentence proves what holds everywhere: an event survives its storage format under its own
//! name, its journal entry balances, `evolve` takes it, and a refusal has its texts in the catalogue.

use std::sync::Arc;

use kernel::{Actor, At, Decider, DomainEvent, Fact, KeyClass, SealError, Sealed, Sealer, Timestamp};
use uuid::Uuid;

use crate::catalogue::{self, Language};

/// A history, and the circumstances of the command to come.
pub struct Given<D: Decider> {
    state: D,
    now: Timestamp,
    actor: Actor,
}

/// What a command led to.
pub struct Outcome<D: Decider> {
    state: D,
    result: Result<Vec<D::Event>, D::Refusal>,
}

/// Begins a sentence with what has happened before: at 2026-11-02T00:00:00Z, nobody signed in.
pub fn given<D: Decider>(history: impl IntoIterator<Item = D::Event>) -> Given<D> {
    let history: Vec<_> = history.into_iter().collect();
    Given { state: D::fold(&history), now: moment("2026-11-02T00:00:00Z"), actor: Actor::Anonymous }
}

/// An instant from its RFC 3339 text.
pub fn moment(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

impl<D: Decider> Given<D> {
    /// The business clock stands at this instant.
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// The command comes from this actor.
    pub fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// The command.
    pub fn when(self, command: D::Command) -> Outcome<D> {
        let result = self.state.decide(At { now: self.now, actor: self.actor, command });
        Outcome { state: self.state, result }
    }
}

impl<D: Decider> Outcome<D> {
    /// The command made exactly these events; gives the state after them.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = D::Event>) -> D {
        let events = self.result.unwrap_or_else(|refusal| panic!("refused: {refusal}"));
        assert_eq!(events, expected.into_iter().collect::<Vec<_>>());
        events.iter().for_each(holds_everywhere);
        events.iter().fold(self.state, D::evolve)
    }

    /// The command was refused with this code, because of this input field (a path with dots; empty: the whole command).
    #[track_caller]
    pub fn refused(self, code: &str, field: &str)
    where
        D::Refusal: kernel::Refusal,
    {
        let refusal = match self.result {
            Ok(events) => panic!("not refused: {events:?}"),
            Err(refusal) => kernel::Refusal::refused(&refusal),
        };
        assert_eq!((refusal.code.as_str(), refusal.field.join(".").as_str()), (code, field));
        for language in [Language::Ko, Language::En] {
            let text = catalogue::message(&refusal, language);
            assert!(catalogue::find(code).is_some() && !text.contains(['{', '?']), "{code} has no {language:?} text: {text}");
        }
    }
}

/// Seals nothing; it only gives values the stored form.
struct Marked;

impl Sealer for Marked {
    fn seal(&self, subject: Uuid, class: KeyClass, json: &[u8]) -> Result<Option<Sealed>, SealError> {
        let bytes: String = json.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(Sealed { subject, class, associated: "".into(), bytes: bytes.into() }))
    }
}

#[track_caller]
fn holds_everywhere<E: Fact + DomainEvent>(event: &E) {
    let stored = kernel::sealing(Arc::new(Marked), || serde_json::to_string(event));
    let stored = stored.unwrap_or_else(|error| panic!("{event:?}: {error}"));
    assert!(stored.starts_with(&format!(r#"{{"{}":{{"#, event.event_type())), "its type is not its name: {stored}");
    let read = serde_json::from_str::<E>(&stored).unwrap_or_else(|error| panic!("{stored}: {error}"));
    // Sealed values stay sealed: what was read is compared as it is stored.
    let again = serde_json::to_string(&read).unwrap_or_else(|error| panic!("{read:?}: {error}"));
    assert_eq!(again, stored, "it changed in storage");
    assert!(event.entry().is_ok(), "its journal entry does not balance: {stored}");
}
