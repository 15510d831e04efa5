//! What happened to a batch: the storage format.

use kernel::{Money, Personal, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{PayoutId, SettlementId, UserId};
use crate::payable::Earning;

/// How a payout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayoutOutcome {
    /// The money arrived.
    Completed,
    /// The bank refused.
    Failed,
    /// The money came back.
    Returned,
}

/// Why a payout waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deferral {
    /// Banks do not pay today.
    ClosedDay,
    /// Finance lets no money leave to the host.
    Held,
    /// What is left of the lines is less than what is paid out at all; it is looked at again every month.
    BelowMinimum,
}

/// What happened to a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A batch was opened; its lines follow.
    SettlementOpened {
        /// Its own id.
        settlement: SettlementId,
        /// Exclusive upper bound of what was earned.
        period_end: Timestamp,
        /// By whom.
        opened_by: UserId,
    },
    /// One earning is in the batch.
    LineAdded {
        /// Of which batch.
        settlement: SettlementId,
        /// Who earned it.
        host: UserId,
        /// The line, frozen.
        earning: Earning,
    },
    /// All lines are in.
    SettlementTotalled {
        /// Σ net of the lines.
        total: Money,
        /// How many lines.
        lines: usize,
        /// How many hosts.
        hosts: usize,
    },
    /// A second person agreed.
    SettlementApproved {
        /// Which batch.
        settlement: SettlementId,
        /// Who.
        by: UserId,
        /// Whom to pay.
        hosts: Vec<UserId>,
    },
    /// Called off; its lines are free again.
    SettlementCancelled {
        /// Which batch.
        settlement: SettlementId,
        /// Who.
        by: UserId,
        /// In their words.
        reason: Personal<String>,
    },
    /// A payout began.
    PayoutStarted {
        /// Which.
        payout: PayoutId,
        /// To whom.
        host: UserId,
        /// How much.
        amount: Money,
        /// 1, 2, ….
        attempt: u32,
    },
    /// A payout that was due waits.
    PayoutDeferred {
        /// To whom.
        host: UserId,
        /// How much it would have been.
        amount: Money,
        /// How often it was tried before.
        attempt: u32,
        /// Why.
        why: Deferral,
        /// Until when; while it is held: until the release.
        until: Option<Timestamp>,
    },
    /// A payout ended.
    PayoutFinished {
        /// To whom.
        host: UserId,
        /// Which.
        payout: PayoutId,
        /// How much.
        amount: Money,
        /// 1, 2, ….
        attempt: u32,
        /// How.
        outcome: PayoutOutcome,
    },
    /// Nothing was left to pay to this host: what they owed has used their lines up.
    HostSkipped {
        /// Whom.
        host: UserId,
    },
    /// Every host was paid.
    SettlementPaid {
        /// Which batch.
        settlement: SettlementId,
    },
    /// Every host was tried; some are still owed.
    SettlementPartlyPaid {
        /// Which batch.
        settlement: SettlementId,
    },
}

impl Event {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::SettlementOpened { .. } => "SettlementOpened",
            Self::LineAdded { .. } => "LineAdded",
            Self::SettlementTotalled { .. } => "SettlementTotalled",
            Self::SettlementApproved { .. } => "SettlementApproved",
            Self::SettlementCancelled { .. } => "SettlementCancelled",
            Self::PayoutStarted { .. } => "PayoutStarted",
            Self::PayoutDeferred { .. } => "PayoutDeferred",
            Self::PayoutFinished { .. } => "PayoutFinished",
            Self::HostSkipped { .. } => "HostSkipped",
            Self::SettlementPaid { .. } => "SettlementPaid",
            Self::SettlementPartlyPaid { .. } => "SettlementPartlyPaid",
        }
    }
}
