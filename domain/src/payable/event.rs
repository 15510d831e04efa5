//! What happened to a payable: the storage format.

use kernel::{DomainEvent, Fact, Money, Personal, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use super::Earning;
use crate::ids::{PaymentId, PayoutId, RefundId, SettlementId, UserId};

/// What happened to a payable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A booking or order ended and left something to the host or seller.
    EarningCredited {
        /// The line.
        earning: Earning,
    },
    /// A refund after the earning took part of it back.
    EarningReversed {
        /// Of which payment.
        payment: PaymentId,
        /// By which refund.
        refund: RefundId,
        /// The host's part of the refund.
        amount: Money,
        /// The guest's refund.
        gross: Money,
    },
    /// Lines went into a batch.
    LinesClaimed {
        /// Which batch.
        settlement: SettlementId,
        /// Which lines.
        lines: Vec<PaymentId>,
    },
    /// The batch was cancelled: its lines are free again.
    LinesReleased {
        /// Which batch.
        settlement: SettlementId,
    },
    /// The batch paid nothing to this host: what they owed has used its lines up.
    LinesOffset {
        /// Which batch.
        settlement: SettlementId,
    },
    /// Money is leaving.
    PayoutReserved {
        /// By which payout.
        payout: PayoutId,
        /// For which batch.
        settlement: SettlementId,
        /// How much.
        amount: Money,
    },
    /// The money arrived.
    PayoutClosed {
        /// By which payout.
        payout: PayoutId,
    },
    /// The payout failed or came back.
    Recredited {
        /// Which payout.
        payout: PayoutId,
        /// How much.
        amount: Money,
    },
    /// Finance lets no money leave to this host for the time being.
    PayoutHeld {
        /// Whom.
        host: UserId,
        /// Who says so.
        by: UserId,
        /// In their words.
        reason: Personal<String>,
        /// Business time.
        at: Timestamp,
    },
    /// A batch was about to pay, and waits for the release.
    PayoutHeldBack {
        /// Which batch.
        settlement: SettlementId,
    },
    /// Money may leave again.
    PayoutReleased {
        /// To whom.
        host: UserId,
        /// Who says so.
        by: UserId,
        /// In their words.
        reason: Personal<String>,
        /// Batches that were about to pay: they pay now.
        settlements: Vec<SettlementId>,
        /// Business time.
        at: Timestamp,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::EarningCredited { .. } => "EarningCredited",
            Self::EarningReversed { .. } => "EarningReversed",
            Self::LinesClaimed { .. } => "LinesClaimed",
            Self::LinesReleased { .. } => "LinesReleased",
            Self::LinesOffset { .. } => "LinesOffset",
            Self::PayoutReserved { .. } => "PayoutReserved",
            Self::PayoutClosed { .. } => "PayoutClosed",
            Self::Recredited { .. } => "Recredited",
            Self::PayoutHeld { .. } => "PayoutHeld",
            Self::PayoutHeldBack { .. } => "PayoutHeldBack",
            Self::PayoutReleased { .. } => "PayoutReleased",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}
