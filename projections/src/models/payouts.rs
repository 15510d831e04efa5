//! Money leaving to hosts: the source of `Payout` and `Settlement.payouts`.

use std::fmt;

use domain::ids::{PaymentId, PayoutId, SettlementId, UserId};
use domain::payout;
use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per payout; the key is the payout's id.
#[derive(Debug)]
pub struct Payouts;

/// Where a payout stands, as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayoutStatus {
    /// The bank is being asked, or does not answer.
    Requested,
    /// The money arrived.
    Completed,
    /// The bank refused.
    Failed,
    /// The money came back.
    Returned,
}

impl PayoutStatus {
    /// Its name for clients.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Returned => "RETURNED",
        }
    }
}

impl fmt::Display for PayoutStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A payout as finance and its host see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PayoutRow {
    /// Which payout.
    pub id: PayoutId,
    /// In which batch.
    pub settlement: SettlementId,
    /// To whom.
    pub host: UserId,
    /// How much.
    pub amount: Money,
    /// For which payments.
    pub lines: Vec<PaymentId>,
    /// 1, 2, …: how often this host was tried in this batch.
    pub attempt: u32,
    /// Where it stands.
    pub status: PayoutStatus,
    /// Since when the bank has not answered, while it has not.
    pub unknown_since: Option<Timestamp>,
    /// Not answered for so long that an operator must look.
    pub escalated: bool,
    /// The bank's code, when it refused.
    pub failure: Option<String>,
    /// The bank's own key, once paid.
    pub reference: Option<String>,
    /// Business time at which it was asked for.
    pub requested_at: Timestamp,
    /// Business time at which the money arrived.
    pub completed_at: Option<Timestamp>,
    /// Business time at which it failed or came back.
    pub undone_at: Option<Timestamp>,
}

impl ReadModel for Payouts {
    const NAME: &'static str = "payouts";
    const VERSION: u32 = 1;
    type Row = PayoutRow;

    fn columns() -> &'static [Column] {
        const { &[Column::uuid("settlement").indexed(), Column::uuid("host"), Column::timestamp("requested_at")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Payout(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<PayoutRow>, event: &Known) -> Result<Option<PayoutRow>, Poison> {
        use payout::Event as E;
        let Event::Payout(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            E::PayoutRequested { payout: _, settlement, host, amount, lines, attempt, at } => {
                let requested = PayoutRow {
                    id: own_id(event)?,
                    settlement: *settlement,
                    host: *host,
                    amount: *amount,
                    lines: lines.clone(),
                    attempt: *attempt,
                    status: PayoutStatus::Requested,
                    unknown_since: None,
                    escalated: false,
                    failure: None,
                    reference: None,
                    requested_at: *at,
                    completed_at: None,
                    undone_at: None,
                };
                begin(row, event, requested)
            }
            E::PayoutUnknown { since, escalated, .. } => {
                change(row, event, |row| (row.unknown_since, row.escalated) = (Some(*since), *escalated))
            }
            // Only a reason to ask.
            E::PayoutNoticeReceived { .. } => change(row, event, |_| {}),
            E::PayoutCompleted { reference, at, .. } => change(row, event, |row| {
                row.answered(PayoutStatus::Completed);
                (row.reference, row.completed_at) = (Some(reference.clone()), Some(*at));
            }),
            E::PayoutFailed { code, at, .. } => change(row, event, |row| {
                row.answered(PayoutStatus::Failed);
                (row.failure, row.undone_at) = (Some(code.clone()), Some(*at));
            }),
            E::PayoutReturned { at, .. } => change(row, event, |row| {
                row.answered(PayoutStatus::Returned);
                row.undone_at = Some(*at);
            }),
        }
    }

    fn index(_key: &str, row: &PayoutRow) -> Vec<Value> {
        vec![row.settlement.into(), row.host.into(), row.requested_at.into()]
    }
}

impl PayoutRow {
    fn answered(&mut self, status: PayoutStatus) {
        self.status = status;
        (self.unknown_since, self.escalated) = (None, false);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use payout::Event as E;

    use super::*;
    use crate::models::testing::{History, at, id, payout_completed, payout_requested, won};

    fn after(events: impl IntoIterator<Item = E>) -> PayoutRow {
        let payout: PayoutId = id(60);
        let history = History::default().on(payout, payout_requested());
        let history = events.into_iter().fold(history, |history, event| history.on(payout, Event::Payout(event)));
        history.row::<Payouts>(&payout.to_string()).unwrap()
    }

    fn completed() -> E {
        let Event::Payout(event) = payout_completed() else { panic!("not a payout's event") };
        event
    }

    #[test]
    fn unknown_then_paid_then_returned() {
        let unknown = E::PayoutUnknown { since: at(1), asked: 0, ask_again_at: at(2), escalated: true };
        let row = after([unknown.clone()]);
        assert_eq!((row.status, row.unknown_since, row.escalated), (PayoutStatus::Requested, Some(at(1)), true));
        assert_eq!(Payouts::index("", &row), [row.settlement.into(), row.host.into(), row.requested_at.into()]);
        let row = after([unknown.clone(), completed()]);
        assert_eq!((row.status, row.unknown_since, row.escalated), (PayoutStatus::Completed, None, false));
        assert!(row.completed_at.is_some() && row.reference.is_some());
        let (payout, settlement, host, amount, lines) = (row.id, row.settlement, row.host, row.amount, row.lines.clone());
        let row = after([unknown, completed(), E::PayoutReturned { payout, settlement, host, amount, lines, attempt: 1, at: at(9) }]);
        assert_eq!((row.status, row.undone_at), (PayoutStatus::Returned, Some(at(9))));
    }

    #[test]
    fn refused() {
        let (payout, settlement, host, amount) = (id(60), id(1), id(13), won(20_400));
        let row = after([E::PayoutFailed { payout, settlement, host, amount, code: "CLOSED".into(), attempt: 1, at: at(3) }]);
        assert_eq!((row.status, row.failure.as_deref(), row.undone_at), (PayoutStatus::Failed, Some("CLOSED"), Some(at(3))));
        for status in [PayoutStatus::Requested, PayoutStatus::Completed, PayoutStatus::Failed, PayoutStatus::Returned] {
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
    }
}
