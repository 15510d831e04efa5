//! The journal: one row per entry, in the order of the log. The source of `journal` and `JournalEntry`.

use domain::ledger;
use kernel::{JournalEntry, Posting, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{begin, foreign};
use crate::known::Known;
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per journal entry; see [`key`].
#[derive(Debug)]
pub struct Journal;

/// An entry with where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalRow {
    /// Of the event that posted it; an event posts at most one entry.
    pub position: u64,
    /// The event that posted it.
    pub event_id: Uuid,
    /// For example `payment_completed`.
    pub kind: String,
    /// The payment, refund, booking or payout that it is about.
    pub reference: String,
    /// The reference of the entry that it reverses.
    pub reverses: Option<String>,
    /// Business date.
    pub effective_at: Timestamp,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// Who caused the event, as the log names them.
    pub actor: String,
    /// The command that the event came from.
    pub command_id: Uuid,
    /// The provider's or bank's own key of what it did, when the event says so.
    pub provider_reference: Option<String>,
    /// Its lines, in the order of the rule.
    pub postings: Vec<Posting>,
}

/// The key of the entry that the event at a position posted; keys sort as positions do.
#[must_use]
pub fn key(position: u64) -> String {
    format!("{position:020}")
}

impl ReadModel for Journal {
    const NAME: &'static str = "journal";
    const VERSION: u32 = 2;
    const POSTS_MONEY: bool = true;
    type Row = JournalRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::bigint("entry_position").indexed(),
                Column::timestamp("effective_at"),
                Column::timestamp("recorded_at"),
                Column::text("reference").indexed(),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        // An entry that does not balance gets its key too: its poison halts the model.
        if event.event.entry().is_ok_and(|entry| entry.is_none()) { Vec::new() } else { vec![key(event.position())] }
    }

    fn apply(_key: &str, row: Option<JournalRow>, event: &Known) -> Result<Option<JournalRow>, Poison> {
        let entry = entry_of(event)?;
        let posted = JournalRow {
            position: event.position(),
            event_id: event.recorded.event_id,
            kind: entry.kind().to_owned(),
            reference: entry.reference().to_owned(),
            reverses: entry.reverses().map(str::to_owned),
            effective_at: entry.effective_at(),
            recorded_at: event.recorded.recorded_at,
            actor: event.recorded.actor.to_string(),
            command_id: event.recorded.command_id,
            provider_reference: event.event.provider_reference().map(str::to_owned),
            postings: entry.postings().to_vec(),
        };
        begin(row, event, posted)
    }

    fn index(_key: &str, row: &JournalRow) -> Vec<Value> {
        vec![position_value(row.position), row.effective_at.into(), row.recorded_at.into(), row.reference.as_str().into()]
    }
}

/// What an event posts, when it posts to accounts of the chart.
pub(super) fn entry_of(event: &Known) -> Result<JournalEntry, Poison> {
    let entry = event.event.entry().map_err(Poison::new)?.ok_or_else(|| foreign(event))?;
    match entry.postings().iter().find(|posting| ledger::class_of(&posting.account).is_none()) {
        None => Ok(entry),
        Some(posting) => Err(Poison::new(format_args!("the chart has no account {}", posting.account))),
    }
}

/// A position as a column holds it; no log is longer than 63 bits.
pub(super) fn position_value(position: u64) -> Value {
    Value::BigInt(i64::try_from(position).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use domain::ids::PayoutId;

    use super::*;
    use crate::models::testing::{History, at, id, payout_completed, payout_failed, payout_requested, recorded_at, unbalanced};

    #[test]
    fn one_row_per_entry_in_the_order_of_the_log() {
        let payout: PayoutId = id(60);
        let unknown = domain::payout::Event::PayoutUnknown { since: at(1), asked: 0, ask_again_at: at(2), escalated: false };
        let rows = History::default()
            .on(payout, payout_requested())
            .on(payout, crate::Event::Payout(unknown))
            .on(payout, payout_failed())
            .rows::<Journal>();
        assert_eq!(rows.keys().cloned().collect::<Vec<_>>(), [key(1), key(3)]);
        let (first, second) = (&rows[&key(1)], &rows[&key(3)]);
        assert_eq!((first.kind.as_str(), first.position, first.event_id), ("payout_requested", 1, Uuid::from_u128(1)));
        assert_eq!((first.postings.len(), first.recorded_at, first.reverses.as_deref()), (2, recorded_at(1), None));
        assert_eq!(second.reverses.as_deref(), Some(first.reference.as_str()));
        let expected: [Value; 4] = [Value::BigInt(1), first.effective_at.into(), recorded_at(1).into(), payout.to_string().into()];
        assert_eq!(Journal::index("", first), expected);
        assert!(key(9) < key(10), "keys sort as positions do");
    }

    #[test]
    fn an_entry_that_does_not_balance_is_a_poison() {
        assert!(History::default().on(id::<domain::ids::Payment>(7), unbalanced()).is_poison::<Journal>());
        assert!(!History::default().on(id::<domain::ids::Payout>(60), payout_completed()).is_poison::<Journal>());
    }
}
