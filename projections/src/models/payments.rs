//! The money side of bookings and shop orders: the source of `Payment` and `myPayments`, and of what a replayed `confirmPayment` answers.

use domain::ids::{PaymentId, PayoutId, RefundId, SettlementId, UserId};
use domain::payment::{self, RefundCause};
use domain::purpose::Purpose;
use kernel::{Money, Personal, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod fold;
mod status;

use super::{begin, existing, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};
pub use status::{AttemptOutcome, PaymentPhase, PaymentStatus, RefundStatus};

/// One row per payment; the key is the payment's id.
#[derive(Debug)]
pub struct Payments;

/// One try to have the provider capture the money.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptRow {
    /// 1, 2, …
    pub number: u32,
    /// The event that began it; the receipt of the command that did names it.
    pub event_id: Uuid,
    /// That event's place in the log.
    pub position: u64,
    /// How it went.
    pub outcome: AttemptOutcome,
    /// Business time.
    pub started_at: Timestamp,
}

/// Money going back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefundRow {
    /// Which refund.
    pub id: RefundId,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub status: RefundStatus,
    /// The platform's share that goes with it, VAT included; nothing while it is proposed.
    pub fee_share: Money,
    /// Why.
    pub cause: RefundCause,
    /// In somebody's words.
    pub reason: Option<Personal<String>>,
    /// Who asked, when a person did.
    pub requested_by: Option<UserId>,
    /// Who agreed, above the limit.
    pub approved_by: Option<UserId>,
    /// How often the provider was told to.
    pub attempt: u32,
    /// The provider's code, when it refused last.
    pub failure: Option<String>,
    /// When a refused one is tried again.
    pub retry_at: Option<Timestamp>,
    /// Since when the provider has not answered, while it has not.
    pub unknown_since: Option<Timestamp>,
    /// Not answered for so long that an operator must look.
    pub escalated: bool,
    /// Business time at which it was first asked for.
    pub requested_at: Timestamp,
    /// Business time at which the money went back.
    pub completed_at: Option<Timestamp>,
}

/// What was left in escrow went to the host and the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscrowRelease {
    /// All that was left.
    pub amount: Money,
    /// The platform's share of it, VAT included.
    pub fee: Money,
    /// The VAT in that share.
    pub vat: Money,
    /// The host's share.
    pub net: Money,
    /// Business date.
    pub at: Timestamp,
}

/// The host was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// In which batch.
    pub settlement: SettlementId,
    /// By which payout.
    pub payout: PayoutId,
    /// Business time.
    pub at: Timestamp,
}

/// A payment as its payer, its host or seller, and finance see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentRow {
    /// Which payment.
    pub id: PaymentId,
    /// For what.
    pub purpose: Purpose,
    /// Who pays.
    pub payer: UserId,
    /// Who earns: the host or the seller.
    pub host: UserId,
    /// Our order number at the provider.
    pub order_id: String,
    /// The whole amount.
    pub amount: Money,
    /// The platform's share of it, VAT included.
    pub fee: Money,
    /// End of the payment window.
    pub due_at: Timestamp,
    /// Where it stands, in full.
    pub phase: PaymentPhase,
    /// Tries so far, oldest first.
    pub attempts: Vec<AttemptRow>,
    /// The provider's code of the last decline, until the next try begins.
    pub last_failure: Option<String>,
    /// Since when the outcome is unknown, while it is.
    pub unknown_since: Option<Timestamp>,
    /// Unknown for so long that an operator must look.
    pub escalated: bool,
    /// Card, transfer, …, once captured.
    pub method: Option<String>,
    /// The provider's own key, once captured.
    pub reference: Option<String>,
    /// When the provider captured.
    pub paid_at: Option<Timestamp>,
    /// Captured after what it was for had ended.
    pub late: bool,
    /// Money going back, oldest first.
    pub refunds: Vec<RefundRow>,
    /// Σ of the refunds that were completed.
    pub refunded: Money,
    /// When the rest of the escrow went to host and platform, and how.
    pub release: Option<EscrowRelease>,
    /// The payout that paid the host, while it stands.
    pub settled: Option<Settled>,
    /// Business time at which it was asked for.
    pub created_at: Timestamp,
}

impl PaymentRow {
    /// Where it stands, in the four words of clients (K16).
    #[must_use]
    pub const fn status(&self) -> PaymentStatus {
        self.phase.status()
    }

    /// The host's share of the whole amount.
    #[must_use]
    pub const fn host_amount(&self) -> Money {
        self.amount.with_minor(self.amount.minor() - self.fee.minor())
    }

    /// When the host was paid, while that stands.
    #[must_use]
    pub fn settled_at(&self) -> Option<Timestamp> {
        self.settled.map(|settled| settled.at)
    }

    /// The try that began with the event at this position: what a replayed confirmation asks for.
    #[must_use]
    pub fn attempt_at(&self, position: u64) -> Option<&AttemptRow> {
        self.attempts.iter().find(|attempt| attempt.position == position)
    }

    /// A refund by its id.
    #[must_use]
    pub fn refund(&self, refund: RefundId) -> Option<&RefundRow> {
        self.refunds.iter().find(|row| row.id == refund)
    }
}

impl ReadModel for Payments {
    const NAME: &'static str = "payments";
    const VERSION: u32 = 3;
    type Row = PaymentRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::uuid("payer").listed_by("created_at"),
                Column::uuid("host"),
                Column::uuid("purpose").indexed(),
                Column::text("order_id").indexed(),
                Column::text("status"),
                Column::timestamp("created_at"),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Payment(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<PaymentRow>, event: &Known) -> Result<Option<PaymentRow>, Poison> {
        let Event::Payment(happened) = &event.event else { return Err(foreign(event)) };
        if let payment::Event::PaymentRequested { order } = happened {
            return begin(row, event, fold::requested(own_id(event)?, order, event.recorded.occurred_at));
        }
        let mut row = existing(row, event)?;
        row.advance(happened, event)?;
        Ok(Some(row))
    }

    fn index(_key: &str, row: &PaymentRow) -> Vec<Value> {
        vec![
            row.payer.into(),
            row.host.into(),
            row.purpose.uuid().into(),
            row.order_id.as_str().into(),
            row.status().name().into(),
            row.created_at.into(),
        ]
    }
}

#[cfg(test)]
mod tests;
