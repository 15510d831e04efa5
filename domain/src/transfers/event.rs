//! What happened to a transfer ledger: one event for each batch.

use kernel::{DomainEvent, Fact, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use super::record::{Account, Expiry, Movement};
use super::rows::Rows;

/// What happened to a transfer ledger. Amounts and flags are what they came to, so that nothing is decided again when it is folded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Accounts were created.
    AccountsCreated {
        /// Which.
        accounts: Rows<Account>,
    },
    /// Transfers were recorded, or their ids refused for ever.
    TransfersCreated {
        /// Which.
        transfers: Rows<Movement>,
        /// The ids that are refused from now on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        refused: Vec<RefusedId>,
        /// When to look for expired transfers next, if that has changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        look_again: Option<LookAgain>,
    },
    /// Pending transfers expired.
    TransfersExpired {
        /// Which, in the order of their ends.
        expired: Rows<Expiry>,
        /// When to look for expired transfers next.
        look_again: LookAgain,
    },
}

/// An id that was refused for a reason that may pass: it stays refused, so that a retry cannot change the outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedId {
    /// Which.
    #[serde(with = "decimal")]
    pub id: u128,
    /// Why, for example `exceeds_credits`.
    pub why: String,
}

/// When to look for expired transfers next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LookAgain {
    /// Nothing is pending that could expire.
    Never {},
    /// At the earliest end, rounded up to the clock's microsecond.
    At {
        /// Then.
        at: Timestamp,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::AccountsCreated { .. } => "AccountsCreated",
            Self::TransfersCreated { .. } => "TransfersCreated",
            Self::TransfersExpired { .. } => "TransfersExpired",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

/// A transfer ledger is a book of its own with its own trial balance: none of its events posts into the journal.
impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

/// Numbers of 128 bits as strings: most readers of JSON would round them.
pub(super) mod decimal {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
