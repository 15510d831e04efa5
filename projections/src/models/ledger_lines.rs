//! The ledger: one row per posting. Balances as of any position, recording time or business date are sums of these.

use domain::ledger::{self, AccountClass};
use kernel::{Money, Side, Timestamp};
use serde::{Deserialize, Serialize};

use super::begin;
use super::journal::{entry_of, position_value};
use crate::known::Known;
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per posting; see [`key`].
#[derive(Debug)]
pub struct LedgerLines;

/// A posting with the dates of its entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerLineRow {
    /// Of the event that posted it; [`super::journal::key`] of it is the entry's key.
    pub position: u64,
    /// Its place in the entry, from 0.
    pub line: u32,
    /// Account by name.
    pub account: String,
    /// The account's class.
    #[serde(with = "StoredClass")]
    pub class: AccountClass,
    /// Debit or credit.
    pub side: Side,
    /// A positive amount.
    pub amount: Money,
    /// Is it the entry's first line on this account? Entries of an account are counted by these.
    pub first_of_account: bool,
    /// Business date.
    pub effective_at: Timestamp,
    /// When the log took it.
    pub recorded_at: Timestamp,
}

/// How a row stores the class of an account.
#[derive(Serialize, Deserialize)]
#[serde(remote = "AccountClass", rename_all = "snake_case")]
pub(super) enum StoredClass {
    Asset,
    Liability,
    Income,
    Expense,
}

/// The key of a line of the entry at a position; keys sort as positions and lines do.
#[must_use]
pub fn key(position: u64, line: usize) -> String {
    format!("{position:020}/{line:03}")
}

impl ReadModel for LedgerLines {
    const NAME: &'static str = "ledger_lines";
    const VERSION: u32 = 2;
    const POSTS_MONEY: bool = true;
    type Row = LedgerLineRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::text("account").listed_by("entry_position"),
                Column::text("currency"),
                Column::text("class"),
                Column::bigint("entry_position").indexed(),
                Column::timestamp("recorded_at"),
                Column::timestamp("effective_at"),
                Column::bool("first_of_account"),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        match event.event.entry() {
            Ok(None) => Vec::new(),
            Ok(Some(entry)) => (0..entry.postings().len()).map(|line| key(event.position(), line)).collect(),
            // Its poison halts the model.
            Err(_) => vec![key(event.position(), 0)],
        }
    }

    fn apply(line_key: &str, row: Option<LedgerLineRow>, event: &Known) -> Result<Option<LedgerLineRow>, Poison> {
        let (entry, position) = (entry_of(event)?, event.position());
        let of_key = |(line, _): &(usize, _)| key(position, *line) == line_key;
        let unknown = || Poison::new(format_args!("no line {line_key} in the entry"));
        let (line, posting) = entry.postings().iter().enumerate().find(of_key).ok_or_else(unknown)?;
        let posted = LedgerLineRow {
            position,
            line: u32::try_from(line).map_err(Poison::new)?,
            account: posting.account.clone(),
            class: ledger::class_of(&posting.account).ok_or_else(unknown)?,
            side: posting.side,
            amount: posting.amount,
            first_of_account: entry.postings().iter().position(|other| other.account == posting.account) == Some(line),
            effective_at: entry.effective_at(),
            recorded_at: event.recorded.recorded_at,
        };
        begin(row, event, posted)
    }

    fn index(_key: &str, row: &LedgerLineRow) -> Vec<Value> {
        vec![
            row.account.as_str().into(),
            row.amount.currency().code().into(),
            row.class.name().into(),
            position_value(row.position),
            row.recorded_at.into(),
            row.effective_at.into(),
            row.first_of_account.into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{Payment, Payout};

    use super::*;
    use crate::models::testing::{History, completed_late, id, payout_requested, recorded_at, unbalanced, won};

    #[test]
    fn one_row_per_posting() {
        let rows = History::default().on(id::<Payout>(60), payout_requested()).rows::<LedgerLines>();
        let lines: Vec<_> = rows.iter().map(|(key, row)| (key.as_str(), row.account.as_str(), row.side, row.amount)).collect();
        let host = ledger::host_payable(id(13));
        let (first, second) = (key(1, 0), key(1, 1));
        let expected = [
            (first.as_str(), host.as_str(), Side::Debit, won(20_400)),
            (second.as_str(), ledger::PAYOUT_IN_TRANSIT, Side::Credit, won(20_400)),
        ];
        assert_eq!(lines, expected);
        let row = &rows[&first];
        let index: [Value; 7] =
            [host.into(), "KRW".into(), "liability".into(), Value::BigInt(1), recorded_at(1).into(), row.effective_at.into(), true.into()];
        assert_eq!(LedgerLines::index("", row), index);
    }

    #[test]
    fn events_without_an_entry_have_no_line_and_broken_ones_poison() {
        let payment = id::<Payment>(7);
        let history = completed_late(payment);
        assert_eq!(history.0.len(), 4);
        assert_eq!(history.rows::<LedgerLines>().len(), 4, "two entries of two lines");
        assert!(history.on(payment, unbalanced()).is_poison::<LedgerLines>());
    }
}
