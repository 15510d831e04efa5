//! What provider and bank reported, beside our books: the source of `reconLines`, and of what is open and how old it is.

use domain::ids::{PaymentId, PayoutId, ReconId, UserId};
use domain::recon::{self, BankSide, ReconOutcome};
use kernel::{Money, Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per movement; the key is its id.
#[derive(Debug)]
pub struct ReconLines;

/// How an exception was explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    /// Who.
    pub by: UserId,
    /// In their words.
    pub reason: Personal<String>,
    /// When.
    pub at: Timestamp,
}

/// A movement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReconLineRow {
    /// Its own id.
    pub id: ReconId,
    /// How it compares.
    pub outcome: ReconOutcome,
    /// Is there something to explain?
    pub open: bool,
    /// The provider's key of the payment.
    pub payment_key: Option<String>,
    /// The provider's key of the movement, or the bank's reference.
    pub movement_key: Option<String>,
    /// Our payment.
    pub payment: Option<PaymentId>,
    /// Our payout.
    pub payout: Option<PayoutId>,
    /// What our books say.
    pub ours: Option<Money>,
    /// What the report says.
    pub theirs: Option<Money>,
    /// Since when it is as it is; the age of an exception counts from here.
    pub since: Timestamp,
    /// How it was explained.
    pub resolution: Option<Resolution>,
}

impl ReadModel for ReconLines {
    const NAME: &'static str = "recon_lines";
    const VERSION: u32 = 1;
    type Row = ReconLineRow;

    fn columns() -> &'static [Column] {
        const { &[Column::bool("open").indexed(), Column::text("outcome").indexed(), Column::timestamp("since").indexed()] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Recon(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<ReconLineRow>, event: &Known) -> Result<Option<ReconLineRow>, Poison> {
        let Event::Recon(happened) = &event.event else { return Err(foreign(event)) };
        let fresh = ReconLineRow {
            id: own_id(event)?,
            outcome: ReconOutcome::Matched,
            open: false,
            payment_key: None,
            movement_key: None,
            payment: None,
            payout: None,
            ours: None,
            theirs: None,
            since: event.recorded.occurred_at,
            resolution: None,
        };
        let mut row = row.unwrap_or(fresh);
        match happened {
            recon::Event::ProviderRowRecorded { row: reported, ours, .. } => {
                row.payment_key = Some(reported.payment_key.clone());
                row.movement_key = Some(reported.movement_key.clone());
                row.payment = ours.map(|ours| ours.payment);
                (row.ours, row.theirs) = (ours.map(|ours| ours.amount), Some(reported.amount));
            }
            recon::Event::BankLineRecorded { line, side, .. } => {
                row.movement_key = Some(line.reference.clone());
                row.theirs = Some(line.amount);
                match side {
                    BankSide::ProviderDay { expected, .. } => row.ours = Some(*expected),
                    BankSide::Payout { payout, expected, .. } => (row.payout, row.ours) = (Some(*payout), Some(*expected)),
                    BankSide::Unknown => {}
                }
            }
            recon::Event::LineMatched { .. } => (row.outcome, row.open) = (ReconOutcome::Matched, false),
            recon::Event::ExceptionRaised { outcome, ours, theirs, at, .. } => {
                (row.outcome, row.open, row.since, row.resolution) = (*outcome, true, *at, None);
                (row.ours, row.theirs) = (*ours, *theirs);
            }
            recon::Event::ExceptionResolved { by, reason, at, .. } => {
                row.open = false;
                row.resolution = Some(Resolution { by: *by, reason: reason.clone(), at: *at });
            }
        }
        Ok(Some(row))
    }

    fn index(_key: &str, row: &ReconLineRow) -> Vec<Value> {
        vec![row.open.into(), outcome_name(row.outcome).into(), row.since.into()]
    }
}

/// Lower-case name of an outcome, as the column has it.
#[must_use]
pub const fn outcome_name(outcome: ReconOutcome) -> &'static str {
    match outcome {
        ReconOutcome::Matched => "matched",
        ReconOutcome::AmountMismatch => "amount_mismatch",
        ReconOutcome::FeeMismatch => "fee_mismatch",
        ReconOutcome::MissingAtPsp => "missing_at_psp",
        ReconOutcome::MissingHere => "missing_here",
        ReconOutcome::Duplicate => "duplicate",
        ReconOutcome::DateShift => "date_shift",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::testing::{History, at, id, person, won};

    #[test]
    fn an_exception_is_open_until_it_is_explained() {
        let recon: ReconId = id(17);
        let raised =
            recon::Event::ExceptionRaised { recon, outcome: ReconOutcome::MissingAtPsp, ours: Some(won(5)), theirs: None, at: at(1) };
        let history = History::default().on(recon, Event::Recon(raised));
        let row = history.row::<ReconLines>(&recon.to_string());
        assert!(row.is_some_and(|row| row.open && row.outcome == ReconOutcome::MissingAtPsp && row.since == at(1)));
        let by: UserId = id(4);
        let resolved = recon::Event::ExceptionResolved { recon, by, reason: person(by, "next cycle"), at: at(9) };
        let row = history.on(recon, Event::Recon(resolved)).row::<ReconLines>(&recon.to_string());
        assert!(row.is_some_and(|row| !row.open && row.resolution.is_some_and(|resolution| resolution.by == by)));
    }
}
