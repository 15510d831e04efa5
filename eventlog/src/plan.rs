//! What becomes of each command of a batch: one piece of logic for both stores, pure.
//!
//! It runs over the receipts and stream versions read under the lock of the head row, or remembered and then checked under
//! it, and says what to write. A command passes, or it is answered without a trace; it never fails its neighbours.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernel::StreamName;
use uuid::Uuid;

use crate::command::CommandMeta;
use crate::outcome::{Append, Draft, Expected, Found, Head, Outcome, Placed, ReceiptDraft, Secret, StoredReceipt};
use crate::states::Fate;

/// An event's row.
#[derive(Debug)]
pub(crate) struct EventInsert<'b> {
    pub position: u64,
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
    pub event_ids: Vec<Uuid>,
}

/// What to write, and what to answer.
#[derive(Debug)]
pub(crate) struct Plan<'b> {
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
    pub receipts: Vec<ReceiptInsert<'b>>,
    pub events: Vec<EventInsert<'b>>,
    /// New versions of the streams written, new ones among them.
    pub streams: BTreeMap<StreamName, u64>,
    /// The versions before the batch that the plan builds on: of all streams that its passing commands wrote or read.
    pub bases: BTreeMap<StreamName, u64>,
    pub secrets: Vec<&'b Secret>,
    /// The head that it was made on.
    pub base: Head,
    /// The head after the batch; `recorded_at` is that of every row of it.
    pub head: Head,
    /// The commands that do not pass: whatever rests on them must not either.
    pub dead: Vec<Arc<Fate>>,
}

impl Plan<'_> {
    /// Does a command pass, so that at least the versions that it expects must hold?
    pub(crate) fn passes(&self) -> bool {
        self.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Appended(_)))
    }

    /// Is there nothing to write?
    pub(crate) fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.events.is_empty() && self.secrets.is_empty()
    }

    /// The types of its events, each with the kind of its stream.
    pub(crate) fn types(&self) -> impl Iterator<Item = (&str, &str)> {
        self.events.iter().map(|event| (event.draft.stream.kind(), event.draft.event.event_type.as_str()))
    }

    /// The streams that were only read, with the version that each must have; 0: it must not exist.
    pub(crate) fn checked(&self) -> impl Iterator<Item = (&StreamName, u64)> {
        self.bases.iter().filter(|(stream, _)| !self.streams.contains_key(*stream)).map(|(stream, &version)| (stream, version))
    }
}

impl ReceiptInsert<'_> {
    /// The receipt as it is found once it is committed.
    pub(crate) fn stored(&self, recorded_at: i64) -> StoredReceipt {
        StoredReceipt {
            fingerprint: self.draft.fingerprint,
            command_id: self.command.command_id,
            correlation_id: self.command.correlation_id,
            first_position: self.first_position,
            events: self.event_ids.len() as u64,
            refused: self.draft.refused,
            answer: self.draft.answer.clone(),
            recorded_at,
            event_ids: Some(self.event_ids.clone()),
        }
    }
}

/// Decides each command's outcome in order, the later ones on what the earlier ones leave behind.
///
/// `clock` is the store's clock in microseconds; `dead` are commands of the batch before that do not pass; `mint` gives UUIDv7s.
pub(crate) fn plan<'b>(mut found: Found, clock: i64, batch: &'b [Append], dead: &[Arc<Fate>], mut mint: impl FnMut() -> Uuid) -> Plan<'b> {
    let mut plan = Plan::at(found.head, clock);
    for append in batch {
        let outcome = match rejected(&found, append, dead, &plan.dead) {
            Some(outcome) => {
                plan.dead.push(append.fate.clone());
                outcome
            }
            None => Outcome::Appended(plan.place(&mut found, append, &mut mint)),
        };
        plan.outcomes.push(outcome);
    }
    plan
}

/// Receipts come first: a retry must find its own first answer, not collide with its own events. A command that builds on
/// one that did not pass is decided again, also where somebody else's events have made the versions fit.
fn rejected(found: &Found, append: &Append, before: &[Arc<Fate>], dead: &[Arc<Fate>]) -> Option<Outcome> {
    for receipt in &append.receipts {
        if let Some(stored) = found.receipts.get(&receipt.key) {
            let same = stored.fingerprint == receipt.fingerprint;
            return Some(if same { Outcome::Replayed(stored.clone()) } else { Outcome::KeyReused });
        }
    }
    let failed = |fate: &Arc<Fate>| fate.has_failed() || before.iter().chain(dead).any(|dead| Arc::ptr_eq(dead, fate));
    let holds = |expected: &Expected| found.streams.get(&expected.stream).copied().unwrap_or_default() == expected.version;
    (append.expected.iter().filter_map(|expected| expected.rests_on.as_ref()).any(failed) || !append.expected.iter().all(holds))
        .then_some(Outcome::Conflict)
}

impl<'b> Plan<'b> {
    fn at(base: Head, clock: i64) -> Self {
        let head = Head { recorded_at: clock.max(base.recorded_at), ..base };
        let (streams, bases) = (BTreeMap::new(), BTreeMap::new());
        let (outcomes, receipts, events, secrets, dead) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { outcomes, receipts, events, streams, bases, secrets, base, head, dead }
    }

    fn place(&mut self, found: &mut Found, append: &'b Append, mint: &mut impl FnMut() -> Uuid) -> Placed {
        let first_position = self.head.position + 1;
        for expected in &append.expected {
            // Whatever the batch has written before is in the map already.
            self.bases.entry(expected.stream.clone()).or_insert(expected.version);
        }
        let mut event_ids = Vec::with_capacity(append.events.len());
        for draft in &append.events {
            let version = found.streams.entry(draft.stream.clone()).or_default();
            *version += 1;
            self.streams.insert(draft.stream.clone(), *version);
            let event_id = mint();
            self.head.position += 1;
            self.head.last_event = Some(event_id);
            event_ids.push(event_id);
            self.events.push(EventInsert {
                position: self.head.position,
                version: *version,
                event_id,
                draft,
                command: draft.command.as_deref().unwrap_or(&append.command),
            });
        }
        self.secrets.extend(&append.secrets);
        for draft in &append.receipts {
            let command = draft.command.as_deref().unwrap_or(&append.command);
            let first_position = first_position + draft.events.start as u64;
            let event_ids = event_ids.get(draft.events.clone()).unwrap_or_default().to_vec();
            let receipt = ReceiptInsert { draft, command, first_position, event_ids };
            found.receipts.insert(draft.key, receipt.stored(self.head.recorded_at));
            self.receipts.push(receipt);
        }
        Placed { position: self.head.position, event_ids, recorded_at: self.head.recorded_at }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use std::collections::HashMap;
    use std::ops::Range;

    use kernel::{Actor, Timestamp};

    use super::*;
    use crate::codec::Encoded;

    fn stream(id: &str) -> StreamName {
        StreamName::new("tally", id).unwrap()
    }

    /// A command that expects versions and writes one event to each of `writes`.
    fn append(expected: &[(&str, u64)], writes: &[&str]) -> Append {
        let event = Encoded { event_type: "Added".into(), schema_version: 1, payload: "{}".into(), digest: [0; 32] };
        Append {
            command: Arc::new(CommandMeta::new("test", Actor::Anonymous, Timestamp::UNIX_EPOCH)),
            receipts: Vec::new(),
            expected: expected.iter().map(|&(id, version)| Expected { stream: stream(id), version, rests_on: None }).collect(),
            events: writes.iter().map(|id| Draft { stream: stream(id), event: event.clone(), command: None }).collect(),
            secrets: Vec::new(),
            fate: Arc::default(),
        }
    }

    fn keyed(mut append: Append, key: u128, fingerprint: u128) -> Append {
        let (key, fingerprint) = (Uuid::from_u128(key), Uuid::from_u128(fingerprint));
        let events = 0..append.events.len();
        append.receipts.push(ReceiptDraft { key, fingerprint, refused: false, answer: "1".into(), command: None, events });
        append
    }

    /// Head at position 10 and time 100; `a` at version 3.
    fn found() -> Found {
        let head = Head { position: 10, recorded_at: 100, last_event: Some(Uuid::from_u128(1)) };
        Found { head, receipts: HashMap::new(), streams: HashMap::from([(stream("a"), 3)]) }
    }

    fn planned(found: Found, clock: i64, batch: &[Append]) -> Plan<'_> {
        let mut next = 1_000;
        plan(found, clock, batch, &[], move || {
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
        assert_eq!(plan.streams.iter().map(|(name, version)| (name.id(), *version)).collect::<Vec<_>>(), [("a", 5), ("b", 2)]);
        assert_eq!(plan.head, Head { position: 14, recorded_at: 200, last_event: Some(plan.events[3].event_id) });
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
        let receipts: Vec<_> = plan.receipts.iter().map(|r| (r.draft.key.as_u128(), r.first_position, r.event_ids.len())).collect();
        assert_eq!(receipts, [(1, 11, 1), (2, 12, 0)]);
    }

    /// Commands that were decided together: each receipt names its own events, in order; a known key keeps all of them out.
    #[test]
    fn several_commands_of_one_append_have_receipts_of_their_own() {
        let own = |key: u128, events: Range<usize>| ReceiptDraft {
            key: Uuid::from_u128(key),
            fingerprint: Uuid::nil(),
            refused: events.is_empty(),
            answer: "1".into(),
            command: Some(Arc::new(CommandMeta::new("test", Actor::Anonymous, Timestamp::UNIX_EPOCH))),
            events,
        };
        let mut together = append(&[("a", 3)], &["a", "a", "a"]);
        together.receipts = vec![own(1, 0..1), own(2, 1..1), own(3, 1..3)];
        let mut late = append(&[("a", 6)], &["a"]);
        late.receipts = vec![own(4, 0..1), own(3, 1..1)];
        let batch = [together, late];
        let plan = planned(found(), 200, &batch);
        assert_eq!(words(&plan), ["at 13", "replayed 12+2"]);
        let receipts: Vec<_> = plan.receipts.iter().map(|r| (r.first_position, r.event_ids.clone(), r.command.command_id)).collect();
        let ids: Vec<_> = plan.events.iter().map(|event| event.event_id).collect();
        let commands: Vec<_> = batch[0].receipts.iter().filter_map(|receipt| Some(receipt.command.as_ref()?.command_id)).collect();
        let expected = [(11, &ids[..1], commands[0]), (12, &ids[1..1], commands[1]), (12, &ids[1..], commands[2])];
        assert_eq!(receipts, expected.map(|(first, ids, command)| (first, ids.to_vec(), command)));
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
