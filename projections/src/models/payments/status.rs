//! Where a payment, its tries and its refunds stand.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a payment stands, in the four words of clients (K16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// To be paid, being paid, or not known yet.
    Pending,
    /// Paid, and not given back in full.
    Completed,
    /// Not paid, and no longer wanted.
    Failed,
    /// Given back in full.
    Refunded,
}

impl PaymentStatus {
    /// The value of the column `status`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Refunded => "REFUNDED",
        }
    }
}

impl fmt::Display for PaymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a payment stands, in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentPhase {
    /// To be paid.
    Pending,
    /// The provider is being asked.
    Confirming,
    /// The provider did not answer; it may have captured.
    Unknown,
    /// Captured.
    Completed,
    /// Captured, and part of it given back.
    PartiallyRefunded,
    /// Captured, and all of it given back.
    Refunded,
    /// Not paid in time.
    Expired,
    /// No longer wanted.
    Voided,
}

impl PaymentPhase {
    /// In the four words of clients.
    #[must_use]
    pub const fn status(self) -> PaymentStatus {
        match self {
            Self::Pending | Self::Confirming | Self::Unknown => PaymentStatus::Pending,
            Self::Completed | Self::PartiallyRefunded => PaymentStatus::Completed,
            Self::Refunded => PaymentStatus::Refunded,
            Self::Expired | Self::Voided => PaymentStatus::Failed,
        }
    }

    /// Its name for operators, for example `partially_refunded`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirming => "confirming",
            Self::Unknown => "unknown",
            Self::Completed => "completed",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Expired => "expired",
            Self::Voided => "voided",
        }
    }
}

/// How a try to capture went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The provider is being asked (PAY008).
    Confirming,
    /// The provider did not answer; it is asked again (PAY008).
    Unknown,
    /// The provider declined (PAY001).
    Declined {
        /// Its code.
        code: String,
    },
    /// Captured.
    Completed,
}

impl AttemptOutcome {
    /// May it still turn out either way?
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self {
            Self::Confirming | Self::Unknown => true,
            Self::Declined { .. } | Self::Completed => false,
        }
    }
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Above the limit; a second person must approve.
    Proposed,
    /// The provider is being asked.
    Requested,
    /// The provider did not answer; it is asked again.
    Unknown,
    /// The provider refused.
    Failed,
    /// Given back.
    Completed,
}

impl RefundStatus {
    /// Its name, for example `requested`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Requested => "requested",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Completed => "completed",
        }
    }
}
