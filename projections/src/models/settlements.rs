//! Batches that pay hosts: the source of `Settlement` and `settlements`. Lines and payouts are models of their own.

use std::collections::BTreeSet;
use std::fmt;

use domain::ids::{SettlementId, UserId};
use domain::settlement::{self, Deferral, PayoutOutcome};
use kernel::{Money, Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, existing, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per batch; the key is the settlement's id.
#[derive(Debug)]
pub struct Settlements;

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SettlementStatus {
    /// Under review.
    Open,
    /// Two people agreed.
    Approved,
    /// Money is leaving.
    Paying,
    /// Every host was paid.
    Paid,
    /// Every host was tried; some are still owed.
    PartlyPaid,
    /// Called off.
    Cancelled,
}

impl SettlementStatus {
    /// The value of the column `status`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Approved => "APPROVED",
            Self::Paying => "PAYING",
            Self::Paid => "PAID",
            Self::PartlyPaid => "PARTLY_PAID",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl fmt::Display for SettlementStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A batch as finance sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettlementRow {
    /// Which batch.
    pub id: SettlementId,
    /// Exclusive upper bound of what was earned.
    pub period_end: Timestamp,
    /// Where it stands.
    pub status: SettlementStatus,
    /// By whom it was opened.
    pub opened_by: UserId,
    /// Who agreed.
    pub approved_by: Option<UserId>,
    /// Who called it off.
    pub cancelled_by: Option<UserId>,
    /// In their words.
    pub cancel_reason: Option<Personal<String>>,
    /// Σ net of its lines; none only while the lines of its opening are still being read.
    pub total: Option<Money>,
    /// What arrived at hosts, less what came back; none until something did.
    pub paid: Option<Money>,
    /// How many lines.
    pub lines: u64,
    /// How many hosts.
    pub hosts: u64,
    /// Hosts that were paid.
    pub hosts_paid: u64,
    /// Hosts whose last payout failed, came back or waits for long.
    pub hosts_unpaid: u64,
    /// Those of them whose first payout waits: held, or below the minimum.
    pub waiting: BTreeSet<UserId>,
    /// Until when payouts wait for banks to open, when they do.
    pub payouts_due_at: Option<Timestamp>,
    /// Hosts to whom nothing was left to pay.
    pub hosts_skipped: u64,
    /// Business time of the opening.
    pub opened_at: Timestamp,
    /// Business time of the second person's agreement.
    pub approved_at: Option<Timestamp>,
}

impl ReadModel for Settlements {
    const NAME: &'static str = "settlements";
    const VERSION: u32 = 2;
    type Row = SettlementRow;

    fn columns() -> &'static [Column] {
        const { &[Column::timestamp("opened_at"), Column::text("status")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        let Event::Settlement(happened) = &event.event else { return Vec::new() };
        // A line is a row of its own and changes nothing here: a batch of thousands would write this row as often.
        if matches!(happened, settlement::Event::LineAdded { .. }) { Vec::new() } else { own_key(event) }
    }

    fn apply(_key: &str, row: Option<SettlementRow>, event: &Known) -> Result<Option<SettlementRow>, Poison> {
        use settlement::Event as E;
        let Event::Settlement(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            E::SettlementOpened { settlement: _, period_end, opened_by } => {
                begin(row, event, opened(own_id(event)?, *period_end, *opened_by, event.recorded.occurred_at))
            }
            E::LineAdded { .. } => existing(row, event).map(Some),
            E::SettlementTotalled { total, lines, hosts } => change(row, event, |row| {
                row.total = Some(*total);
                (row.lines, row.hosts) = (*lines as u64, *hosts as u64);
            }),
            E::SettlementApproved { by, .. } => change(row, event, |row| {
                row.status = SettlementStatus::Approved;
                (row.approved_by, row.approved_at) = (Some(*by), Some(event.recorded.occurred_at));
            }),
            E::SettlementCancelled { by, reason, .. } => change(row, event, |row| {
                row.status = SettlementStatus::Cancelled;
                (row.cancelled_by, row.cancel_reason) = (Some(*by), Some(reason.clone()));
            }),
            E::PayoutStarted { host, attempt, .. } => change(row, event, |row| {
                row.status = SettlementStatus::Paying;
                row.payouts_due_at = None;
                // A repeated payout is one to a host that had stayed unpaid; so is one that waited.
                let unpaid = row.waiting.remove(host) || *attempt > 1;
                row.hosts_unpaid = row.hosts_unpaid.saturating_sub(u64::from(unpaid));
            }),
            E::PayoutDeferred { host, why, until, attempt, .. } => change(row, event, |row| match why {
                Deferral::ClosedDay => row.payouts_due_at = *until,
                Deferral::Held | Deferral::BelowMinimum => {
                    row.hosts_unpaid += u64::from(*attempt == 0 && row.waiting.insert(*host));
                }
            }),
            E::PayoutFinished { amount, outcome, .. } => {
                let mut row = existing(row, event)?;
                row.finish(*amount, *outcome)?;
                Ok(Some(row))
            }
            E::HostSkipped { host } => change(row, event, |row| {
                row.hosts_skipped += 1;
                row.hosts_unpaid = row.hosts_unpaid.saturating_sub(u64::from(row.waiting.remove(host)));
            }),
            E::SettlementPaid { .. } => change(row, event, |row| row.status = SettlementStatus::Paid),
            E::SettlementPartlyPaid { .. } => change(row, event, |row| row.status = SettlementStatus::PartlyPaid),
        }
    }

    fn index(_key: &str, row: &SettlementRow) -> Vec<Value> {
        vec![row.opened_at.into(), row.status.name().into()]
    }
}

fn opened(id: SettlementId, period_end: Timestamp, opened_by: UserId, opened_at: Timestamp) -> SettlementRow {
    SettlementRow {
        id,
        period_end,
        status: SettlementStatus::Open,
        opened_by,
        approved_by: None,
        cancelled_by: None,
        cancel_reason: None,
        total: None,
        paid: None,
        lines: 0,
        hosts: 0,
        hosts_paid: 0,
        hosts_unpaid: 0,
        waiting: BTreeSet::new(),
        payouts_due_at: None,
        hosts_skipped: 0,
        opened_at,
        approved_at: None,
    }
}

impl SettlementRow {
    fn finish(&mut self, amount: Money, outcome: PayoutOutcome) -> Result<(), Poison> {
        let paid = self.paid.unwrap_or(Money::zero(amount.currency()));
        match outcome {
            PayoutOutcome::Completed => {
                self.hosts_paid += 1;
                self.paid = Some(paid.plus(amount).map_err(Poison::new)?);
            }
            PayoutOutcome::Failed => self.hosts_unpaid += 1,
            PayoutOutcome::Returned => {
                self.hosts_paid = self.hosts_paid.saturating_sub(1);
                self.hosts_unpaid += 1;
                self.paid = Some(paid.minus(amount).map_err(Poison::new)?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use settlement::Event as E;

    use super::*;
    use crate::models::testing::{History, at, earning, id, person, won};

    const BATCH: u128 = 1;

    fn after(events: impl IntoIterator<Item = E>) -> SettlementRow {
        let settlement: SettlementId = id(BATCH);
        let opening = [
            E::SettlementOpened { settlement, period_end: at(0), opened_by: id(50) },
            E::LineAdded { settlement, host: id(13), earning: earning(id(7)) },
            E::SettlementTotalled { total: won(20_400), lines: 1, hosts: 1 },
        ];
        let history = opening.into_iter().chain(events).fold(History::default(), |h, event| h.on(settlement, Event::Settlement(event)));
        history.row::<Settlements>(&settlement.to_string()).unwrap()
    }

    fn approved() -> E {
        E::SettlementApproved { settlement: id(BATCH), by: id(51), hosts: vec![id(13)] }
    }

    fn started(attempt: u32) -> E {
        E::PayoutStarted { payout: id(60), host: id(13), amount: won(20_400), attempt }
    }

    fn finished(attempt: u32, outcome: PayoutOutcome) -> E {
        E::PayoutFinished { host: id(13), payout: id(60), amount: won(20_400), attempt, outcome }
    }

    #[test]
    fn opened_and_called_off() {
        let row = after([]);
        assert_eq!((row.status, row.total, row.lines, row.hosts), (SettlementStatus::Open, Some(won(20_400)), 1, 1));
        assert_eq!((row.opened_by, row.opened_at, row.period_end), (id(50), at(1), at(0)));
        assert_eq!(Settlements::index("", &row), [at(1).into(), "OPEN".into()]);
        let cancelled = E::SettlementCancelled { settlement: id(BATCH), by: id(51), reason: person(id::<u8>(51), "wrong date") };
        let row = after([cancelled]);
        assert_eq!((row.status, row.cancelled_by, row.cancel_reason.is_some()), (SettlementStatus::Cancelled, Some(id(51)), true));
    }

    #[test]
    fn paid_at_the_second_try_and_returned() {
        use PayoutOutcome::{Completed, Failed, Returned};
        let settlement = id(BATCH);
        let row = after([approved(), started(1)]);
        assert_eq!((row.status, row.approved_by, row.approved_at), (SettlementStatus::Paying, Some(id(51)), Some(at(4))));
        let partly = [approved(), started(1), finished(1, Failed), E::SettlementPartlyPaid { settlement }];
        let row = after(partly.clone());
        assert_eq!((row.status, row.hosts_unpaid, row.paid), (SettlementStatus::PartlyPaid, 1, None));
        let paid = [started(2), finished(2, Completed), E::SettlementPaid { settlement }];
        let row = after(partly.clone().into_iter().chain(paid.clone()));
        assert_eq!((row.status, row.hosts_paid, row.hosts_unpaid, row.paid), (SettlementStatus::Paid, 1, 0, Some(won(20_400))));
        let back = [finished(2, Returned), E::SettlementPartlyPaid { settlement }];
        let row = after(partly.into_iter().chain(paid).chain(back));
        assert_eq!((row.status, row.hosts_paid, row.hosts_unpaid, row.paid), (SettlementStatus::PartlyPaid, 0, 1, Some(won(0))));
        assert_eq!(after([approved(), E::HostSkipped { host: id(13) }]).hosts_skipped, 1);
    }

    #[test]
    fn names_are_those_of_storage() {
        use SettlementStatus::{Approved, Cancelled, Open, Paid, PartlyPaid, Paying};
        for status in [Open, Approved, Paying, Paid, PartlyPaid, Cancelled] {
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
    }
}
