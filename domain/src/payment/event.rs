//! What happened to a payment: the storage format.

use kernel::{DomainEvent, Money, Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Attempt, Order, RefundCause};
use crate::ids::{PayoutId, RefundId, SettlementId, UserId};
use crate::purpose::Purpose;

/// What happened to a payment. Amounts are frozen, so that no posting is ever computed again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Something that is bought asked for its payment.
    PaymentRequested {
        /// What is to be paid.
        order: Box<Order>,
    },
    /// The payer confirmed; the provider is to be asked.
    PaymentConfirmStarted {
        /// The attempt.
        attempt: Attempt,
    },
    /// The provider declined; the payment is pending again.
    PaymentFailed {
        /// Which attempt.
        attempt: u32,
        /// The provider's code.
        code: String,
    },
    /// The provider did not answer: it may have captured, and is asked again.
    PaymentOutcomeUnknown {
        /// Which attempt.
        attempt: u32,
        /// Since when.
        since: Timestamp,
        /// How often it was asked again.
        asked: u32,
        /// When it will be asked next.
        ask_again_at: Timestamp,
        /// Unknown for so long that an operator must look (L8).
        escalated: bool,
    },
    /// The provider captured the money; it is in escrow now.
    PaymentCompleted {
        /// Whose escrow.
        #[serde(alias = "booking")]
        purpose: Purpose,
        /// Captured.
        amount: Money,
        /// The platform's share, VAT included.
        fee: Money,
        /// When the provider captured.
        paid_at: Timestamp,
        /// Card, transfer, ….
        method: String,
        /// The provider's own key.
        reference: String,
        /// What it was for had ended before: refunded in full beside this event.
        late: bool,
    },
    /// The provider told us that something has changed; it is asked what. What the notice says is not believed, and not kept.
    ProviderNoticeReceived {
        /// Tells this notice from others: a digest, 32 hexadecimal digits.
        notice: String,
    },
    /// Not paid in time.
    PaymentExpired {
        /// For what.
        #[serde(alias = "booking")]
        purpose: Purpose,
    },
    /// No longer wanted.
    PaymentVoided {
        /// For what.
        #[serde(alias = "booking")]
        purpose: Purpose,
    },
    /// A refund above the limit waits for a second person.
    RefundProposed {
        /// Its id.
        refund: RefundId,
        /// How much.
        amount: Money,
        /// Who asked.
        by: UserId,
        /// In their words.
        reason: Option<Personal<String>>,
    },
    /// Money is to go back.
    RefundRequested {
        /// Its id.
        refund: RefundId,
        /// Whose escrow.
        #[serde(alias = "booking")]
        purpose: Purpose,
        /// Whose earning, when the escrow was released before.
        host: UserId,
        /// How much.
        amount: Money,
        /// The platform's share of it, by cumulative rounding (L2).
        fee_share: Money,
        /// The VAT in that share.
        vat_share: Money,
        /// After the escrow was released: host and platform give it back.
        released: bool,
        /// Why.
        cause: RefundCause,
        /// In somebody's words.
        reason: Option<Personal<String>>,
        /// Who asked, when a person did.
        requested_by: Option<UserId>,
        /// Who agreed, above the limit.
        approved_by: Option<UserId>,
        /// Business date.
        at: Timestamp,
    },
    /// A refund that the provider refused is tried again.
    RefundRetried {
        /// Which.
        refund: RefundId,
        /// 2, 3, …
        attempt: u32,
    },
    /// The money went back.
    RefundCompleted {
        /// Which.
        refund: RefundId,
        /// How much.
        amount: Money,
        /// The provider's own key.
        reference: String,
        /// Business date.
        at: Timestamp,
    },
    /// The provider refused.
    RefundFailed {
        /// Which.
        refund: RefundId,
        /// The provider's code.
        code: String,
        /// Which attempt.
        attempt: u32,
        /// When it is tried again; none: finance has to look.
        retry_at: Option<Timestamp>,
    },
    /// The provider did not answer; it is asked again.
    RefundUnknown {
        /// Which.
        refund: RefundId,
        /// Since when.
        since: Timestamp,
        /// How often it was asked again.
        asked: u32,
        /// When it will be asked next.
        ask_again_at: Timestamp,
        /// Unknown for so long that an operator must look.
        escalated: bool,
    },
    /// What was left in escrow went to the host or seller and the platform.
    EscrowReleased {
        /// Whose escrow.
        #[serde(alias = "booking")]
        purpose: Purpose,
        /// Whose earning.
        host: UserId,
        /// All that was left.
        amount: Money,
        /// The platform's share of it, VAT included.
        fee: Money,
        /// The VAT in that share.
        vat: Money,
        /// The host's share.
        net: Money,
        /// Business date.
        at: Timestamp,
    },
    /// The host was paid.
    PaymentSettled {
        /// In which batch.
        settlement: SettlementId,
        /// By which payout.
        payout: PayoutId,
    },
    /// The payout came back.
    PaymentUnsettled {
        /// Which payout.
        payout: PayoutId,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::PaymentRequested { .. } => "PaymentRequested",
            Self::PaymentConfirmStarted { .. } => "PaymentConfirmStarted",
            Self::PaymentFailed { .. } => "PaymentFailed",
            Self::PaymentOutcomeUnknown { .. } => "PaymentOutcomeUnknown",
            Self::PaymentCompleted { .. } => "PaymentCompleted",
            Self::ProviderNoticeReceived { .. } => "ProviderNoticeReceived",
            Self::PaymentExpired { .. } => "PaymentExpired",
            Self::PaymentVoided { .. } => "PaymentVoided",
            Self::RefundProposed { .. } => "RefundProposed",
            Self::RefundRequested { .. } => "RefundRequested",
            Self::RefundRetried { .. } => "RefundRetried",
            Self::RefundCompleted { .. } => "RefundCompleted",
            Self::RefundFailed { .. } => "RefundFailed",
            Self::RefundUnknown { .. } => "RefundUnknown",
            Self::EscrowReleased { .. } => "EscrowReleased",
            Self::PaymentSettled { .. } => "PaymentSettled",
            Self::PaymentUnsettled { .. } => "PaymentUnsettled",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
