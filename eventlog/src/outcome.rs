//! What becomes of each command of a batch: one piece of logic for both stores, pure.
//!
//! It runs under the lock of the head row, over the receipts and stream versions read under that lock, and says what to
//! write. A command passes, or it is answered without a trace; it never fails its neighbours.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kernel::StreamName;
use uuid::Uuid;

use crate::codec::Encoded;
use crate::command::CommandMeta;

/// One command's decision, ready to be appended.
#[derive(Debug)]
pub(crate) struct Append {
    pub command: Arc<CommandMeta>,
    /// Kept when the command has a key.
    pub receipt: Option<ReceiptDraft>,
    /// The versions that must hold, written or not; each stream once, and each stream of `events` among them.
    pub expected: Vec<Expected>,
    pub events: Vec<Draft>,
    pub secrets: Vec<Secret>,
}

/// A stream and the version that it must have; 0: it must not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub stream: StreamName,
    pub version: u64,
}

/// An event before it has a place.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub stream: StreamName,
    pub event: Encoded,
}

/// A row of the vault to write, or to remove.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub name: String,
    pub value: Option<String>,
}

/// What a receipt says, before its command has a place. Either refusal or result, as JSON.
#[derive(Clone, Debug)]
pub(crate) struct ReceiptDraft {
    pub key: [u8; 32],
    pub fingerprint: [u8; 32],
    pub refusal: Option<String>,
    pub result: Option<String>,
}

/// A receipt as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredReceipt {
    pub fingerprint: [u8; 32],
    pub command_id: Uuid,
    pub correlation_id: Uuid,
    /// Position of the first event; the one after the head when there was none.
    pub first_position: u64,
    pub events: u64,
    pub refusal: Option<String>,
    pub result: Option<String>,
    /// Microseconds.
    pub recorded_at: i64,
}

/// The head row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub position: u64,
    /// Of the last event, in microseconds.
    pub recorded_at: i64,
}

/// A stream as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamHead {
    pub id: Uuid,
    pub version: u64,
}

/// What the store holds of a batch's keys and streams, read under the head lock.
#[derive(Debug)]
pub(crate) struct Found {
    pub head: Head,
    pub receipts: HashMap<[u8; 32], StoredReceipt>,
    pub streams: HashMap<StreamName, StreamHead>,
}

/// One command's own answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its versions held; its events and receipt are in.
    Appended(Placed),
    /// Its key was used before, with the same input.
    Replayed(StoredReceipt),
    /// Its key was used before, with another input.
    KeyReused,
    /// A version did not hold.
    Conflict,
}

/// Where a command's events went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Of the last event, or the head when there is none.
    pub position: u64,
    pub event_ids: Vec<Uuid>,
    /// Microseconds.
    pub recorded_at: i64,
}

/// An event's row.
#[derive(Debug)]
pub(crate) struct EventInsert<'b> {
    pub position: u64,
    pub stream_id: Uuid,
    pub version: u64,
    pub event_id: Uuid,
    pub draft: &'b Draft,
    pub command: &'b CommandMeta,
}

/// A receipt's row.
#[derive(Debug)]
pub(crate) struct ReceiptInsert<'b> {
    pub draft: &'b ReceiptDraft,
    pub command: &'b CommandMeta,
    pub first_position: u64,
    pub events: u64,
}

/// What to write, and what to answer.
#[derive(Debug)]
pub(crate) struct Plan<'b> {
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
    pub receipts: Vec<ReceiptInsert<'b>>,
    pub events: Vec<EventInsert<'b>>,
    /// New versions of the streams written, new ones among them.
    pub streams: BTreeMap<StreamName, StreamHead>,
    pub secrets: Vec<&'b Secret>,
    /// The head after the batch; `recorded_at` is that of every row of it.
    pub head: Head,
}

impl Plan<'_> {
    /// Is there nothing to write?
    pub(crate) fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.events.is_empty() && self.secrets.is_empty()
    }
}

/// Decides each command's outcome in order, the later ones on what the earlier ones leave behind.
///
/// `clock` is the store's clock in microseconds; `mint` gives UUIDv7s.
pub(crate) fn plan<'b>(mut found: Found, clock: i64, batch: &'b [Append], mut mint: impl FnMut() -> Uuid) -> Plan<'b> {
    let head = Head { position: found.head.position, recorded_at: clock.max(found.head.recorded_at) };
    let mut plan =
        Plan { outcomes: Vec::new(), receipts: Vec::new(), events: Vec::new(), streams: BTreeMap::new(), secrets: Vec::new(), head };
    for append in batch {
        let outcome = match rejected(&found, append) {
            Some(outcome) => outcome,
            None => Outcome::Appended(plan.place(&mut found, append, &mut mint)),
        };
        plan.outcomes.push(outcome);
    }
    plan
}

/// Receipts come first: a retry must find its own first answer, not collide with its own events.
fn rejected(found: &Found, append: &Append) -> Option<Outcome> {
    if let Some(receipt) = &append.receipt
        && let Some(stored) = found.receipts.get(&receipt.key)
    {
        let same = stored.fingerprint == receipt.fingerprint;
        return Some(if same { Outcome::Replayed(stored.clone()) } else { Outcome::KeyReused });
    }
    let holds = |expected: &Expected| found.streams.get(&expected.stream).map_or(0, |head| head.version) == expected.version;
    (!append.expected.iter().all(holds)).then_some(Outcome::Conflict)
}

impl<'b> Plan<'b> {
    fn place(&mut self, found: &mut Found, append: &'b Append, mint: &mut impl FnMut() -> Uuid) -> Placed {
        let first_position = self.head.position + 1;
        let mut event_ids = Vec::with_capacity(append.events.len());
        for draft in &append.events {
            let stream = found.streams.entry(draft.stream.clone()).or_insert_with(|| StreamHead { id: mint(), version: 0 });
            stream.version += 1;
            self.streams.insert(draft.stream.clone(), *stream);
            self.head.position += 1;
            let event_id = mint();
            event_ids.push(event_id);
            self.events.push(EventInsert {
                position: self.head.position,
                stream_id: stream.id,
                version: stream.version,
                event_id,
                draft,
                command: &append.command,
            });
        }
        self.secrets.extend(&append.secrets);
        if let Some(draft) = &append.receipt {
            let events = append.events.len() as u64;
            self.receipts.push(ReceiptInsert { draft, command: &append.command, first_position, events });
            found.receipts.insert(draft.key, stored(draft, &append.command, first_position, events, self.head.recorded_at));
        }
        Placed { position: self.head.position, event_ids, recorded_at: self.head.recorded_at }
    }
}

/// The receipt as a later command of the same batch finds it.
fn stored(draft: &ReceiptDraft, command: &CommandMeta, first_position: u64, events: u64, recorded_at: i64) -> StoredReceipt {
    StoredReceipt {
        fingerprint: draft.fingerprint,
        command_id: command.command_id,
        correlation_id: command.correlation_id,
        first_position,
        events,
        refusal: draft.refusal.clone(),
        result: draft.result.clone(),
        recorded_at,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use kernel::{Actor, Timestamp};

    use super::*;

    fn stream(id: &str) -> StreamName {
        StreamName::new("tally", id).unwrap()
    }

    /// A command that expects versions and writes one event to each of `writes`.
    fn append(expected: &[(&str, u64)], writes: &[&str]) -> Append {
        let event = Encoded { event_type: "Added".into(), schema_version: 1, payload: "{}".into() };
        Append {
            command: Arc::new(CommandMeta::new("test", Actor::Anonymous, Timestamp::UNIX_EPOCH)),
            receipt: None,
            expected: expected.iter().map(|&(id, version)| Expected { stream: stream(id), version }).collect(),
            events: writes.iter().map(|id| Draft { stream: stream(id), event: event.clone() }).collect(),
            secrets: Vec::new(),
        }
    }

    fn keyed(mut append: Append, key: u8, fingerprint: u8) -> Append {
        append.receipt = Some(ReceiptDraft { key: [key; 32], fingerprint: [fingerprint; 32], refusal: None, result: Some("1".into()) });
        append
    }

    /// Head at position 10 and time 100; `a` at version 3.
    fn found() -> Found {
        let streams = HashMap::from([(stream("a"), StreamHead { id: Uuid::from_u128(1), version: 3 })]);
        Found { head: Head { position: 10, recorded_at: 100 }, receipts: HashMap::new(), streams }
    }

    fn planned(found: Found, clock: i64, batch: &[Append]) -> Plan<'_> {
        let mut next = 1_000;
        plan(found, clock, batch, move || {
            next += 1;
            Uuid::from_u128(next)
        })
    }

    fn words(plan: &Plan<'_>) -> Vec<String> {
        let word = |outcome: &Outcome| match outcome {
            Outcome::Appended(placed) => format!("at {}", placed.position),
            Outcome::Replayed(stored) => format!("replayed {}+{}", stored.first_position, stored.events),
            Outcome::KeyReused => "reused".into(),
            Outcome::Conflict => "conflict".into(),
        };
        plan.outcomes.iter().map(word).collect()
    }

    #[test]
    fn each_command_has_its_own_outcome() {
        let batch = [
            append(&[("a", 3)], &["a", "a"]),
            append(&[("a", 3)], &["a"]),
            append(&[("b", 0)], &["b"]),
            append(&[("b", 0), ("c", 0)], &["c"]),
            append(&[("a", 5), ("b", 1)], &["b"]),
        ];
        let plan = planned(found(), 200, &batch);
        assert_eq!(words(&plan), ["at 12", "conflict", "at 13", "conflict", "at 14"]);
        let rows: Vec<_> = plan.events.iter().map(|e| (e.position, e.draft.stream.id(), e.version)).collect();
        assert_eq!(rows, [(11, "a", 4), (12, "a", 5), (13, "b", 1), (14, "b", 2)]);
        assert_eq!(plan.streams.iter().map(|(name, head)| (name.id(), head.version)).collect::<Vec<_>>(), [("a", 5), ("b", 2)]);
        assert_eq!(plan.streams[&stream("a")].id, Uuid::from_u128(1));
        assert_eq!(plan.head, Head { position: 14, recorded_at: 200 });
    }

    #[test]
    fn receipts_come_before_versions() {
        let batch = [
            keyed(append(&[("a", 3)], &["a"]), 1, 1),
            keyed(append(&[("a", 3)], &["a"]), 1, 1),
            keyed(append(&[("a", 4)], &["a"]), 1, 2),
            keyed(append(&[("a", 3)], &["a"]), 2, 1),
            keyed(append(&[("a", 4)], &[]), 2, 1),
        ];
        let plan = planned(found(), 200, &batch);
        assert_eq!(words(&plan), ["at 11", "replayed 11+1", "reused", "conflict", "at 11"]);
        let receipts: Vec<_> = plan.receipts.iter().map(|r| (r.draft.key[0], r.first_position, r.events)).collect();
        assert_eq!(receipts, [(1, 11, 1), (2, 12, 0)]);
    }

    #[test]
    fn versions_alone_are_only_checked() {
        let batch = [append(&[("a", 3), ("none", 0)], &[]), append(&[("none", 1)], &[]), append(&[("a", 2)], &[])];
        let plan = planned(found(), 200, &batch);
        assert_eq!(words(&plan), ["at 10", "conflict", "conflict"]);
        assert!(plan.is_empty() && plan.streams.is_empty());
    }

    #[test]
    fn recorded_at_never_falls() {
        let batch = [append(&[("a", 3)], &["a"])];
        assert_eq!(planned(found(), 99, &batch).head.recorded_at, 100);
        assert_eq!(planned(found(), 101, &batch).head.recorded_at, 101);
    }
}
