//! A trader's key of an exchange. The key itself and its secret are in the vault, encrypted ([`secret_name`]); the log knows
//! a fingerprint, by whose claim one key is registered once, and the key's last four characters.
//!
//! ```text
//! Absent ── register ──▶ Active ⟲ rotate;  Active ── deactivate ──▶ Inactive
//! ```

use kernel::{At, Decider, DomainEvent, Fact, Personal, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{ExchangeKeyId, UserId, user_of};
use crate::text;

/// Longest name of an exchange, in characters (IAM-19).
pub const MAX_EXCHANGE_CHARS: usize = 50;
/// Longest key or secret, in characters.
pub const MAX_KEY_CHARS: usize = 512;

/// Where the vault keeps a registered key with its secret, encrypted.
#[must_use]
pub fn secret_name(key: ExchangeKeyId) -> String {
    format!("xkey:{}", key.uuid())
}

/// What an exchange lets a key do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See balances and orders.
    Read,
    /// Place orders.
    Trade,
    /// Take money out.
    Withdraw,
}

// --- events -------------------------------------------------------------------------------------------------

/// What happened to a registered key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A trader registered it.
    ExchangeKeyRegistered {
        /// Who.
        user: UserId,
        /// Of which exchange.
        exchange: String,
        /// Keyed digest of exchange and key: its claim.
        fingerprint: String,
        /// The key's last four characters.
        last4: Personal<String>,
        /// Name of the encrypted key in the vault.
        vault_ref: String,
        /// Is it a key for play money?
        is_testnet: bool,
    },
    /// Another key took its place.
    ExchangeKeyRotated {
        /// Its claim.
        fingerprint: String,
        /// Its last four characters.
        last4: Personal<String>,
    },
    /// It is used no longer, and its secret is gone.
    ExchangeKeyDeactivated {},
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::ExchangeKeyRegistered { .. } => "ExchangeKeyRegistered",
            Self::ExchangeKeyRotated { .. } => "ExchangeKeyRotated",
            Self::ExchangeKeyDeactivated {} => "ExchangeKeyDeactivated",
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

// --- state --------------------------------------------------------------------------------------------------

/// A registered key, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExchangeKey {
    /// Never registered.
    #[default]
    Absent,
    /// In use.
    Active {
        /// Whose.
        user: UserId,
        /// Of which exchange.
        exchange: String,
        /// Its claim.
        fingerprint: String,
        /// Is it a key for play money?
        is_testnet: bool,
    },
    /// Used no longer.
    Inactive {
        /// Whose it was.
        user: UserId,
    },
}

impl ExchangeKey {
    /// Exchange and claim of the key, for its owner.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] for everybody else, [`Refusal::Inactive`] when it is used no longer.
    pub fn of(&self, owner: Option<UserId>) -> Result<(&str, &str, bool), Refusal> {
        match self {
            Self::Active { user, exchange, fingerprint, is_testnet } if owner == Some(*user) => Ok((exchange, fingerprint, *is_testnet)),
            Self::Inactive { user } if owner == Some(*user) => Err(Refusal::Inactive),
            Self::Absent | Self::Active { .. } | Self::Inactive { .. } => Err(Refusal::Unknown),
        }
    }

    /// Its claim, while it is in use.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        match self {
            Self::Active { fingerprint, .. } => Some(fingerprint),
            Self::Absent | Self::Inactive { .. } => None,
        }
    }
}

/// A key as its owner gave it, as far as rules need it: the secret part never comes here.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Keyed digest of exchange and key.
    pub fingerprint: String,
    /// The key's last four characters.
    pub last4: String,
    /// Characters of key and secret, whichever has more; 0: one of them is empty.
    pub chars: usize,
    /// What the exchange lets it do.
    pub permissions: Vec<Permission>,
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of a registered key.
#[derive(Clone, Debug)]
pub enum Command {
    /// Register it. Its claim was taken before.
    Register {
        /// Its id.
        key: ExchangeKeyId,
        /// Whose.
        user: UserId,
        /// Of which exchange, as typed.
        exchange: String,
        /// The key.
        offered: Offered,
        /// Is it a key for play money?
        is_testnet: bool,
        /// Was a second factor shown?
        second_factor: bool,
    },
    /// Put another in its place.
    Rotate {
        /// The other key.
        offered: Offered,
        /// Was a second factor shown?
        second_factor: bool,
    },
    /// Use it no longer.
    Deactivate {},
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why a registered key's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such key, or another's.
    #[error("no such exchange key")]
    Unknown,
    /// The id is in use.
    #[error("the exchange key exists already")]
    Exists,
    /// It is used no longer.
    #[error("the exchange key is not used any more")]
    Inactive,
    /// Empty or too long.
    #[error("bad name of an exchange")]
    BadExchange,
    /// Empty or too long.
    #[error("bad key or secret")]
    BadKey,
    /// It could take money out.
    #[error("the key permits withdrawals")]
    Withdraws,
    /// Real money needs more than a password.
    #[error("a live key without a second factor")]
    NoSecondFactor,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Unknown => Refused::at("SYS007", &["exchangeKeyId"]),
            Self::Exists | Self::Inactive => Refused::code("SYS006"),
            Self::BadExchange => Refused::at("SYS003", &["exchange"]),
            Self::BadKey => Refused::at("SYS003", &["apiKey"]),
            Self::Withdraws => Refused::at("KEY002", &["permissions"]),
            Self::NoSecondFactor => Refused::at("KEY003", &["secondFactor"]),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for ExchangeKey {
    const KIND: &'static str = "xkey";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let owner = user_of(&at.actor);
        match (self, at.command) {
            (Self::Absent, Command::Register { key, user, exchange, offered, is_testnet, second_factor }) => {
                let exchange = text::line(&exchange, MAX_EXCHANGE_CHARS).map_err(|_| Refusal::BadExchange)?;
                allowed(&offered, is_testnet || second_factor)?;
                let (last4, vault_ref) = (Personal::profile(user.uuid(), offered.last4), secret_name(key));
                Ok(vec![Event::ExchangeKeyRegistered { user, exchange, fingerprint: offered.fingerprint, last4, vault_ref, is_testnet }])
            }
            (Self::Active { .. } | Self::Inactive { .. }, Command::Register { .. }) => Err(Refusal::Exists),
            (Self::Absent, Command::Deactivate {}) => Err(Refusal::Unknown),
            (Self::Absent | Self::Active { .. } | Self::Inactive { .. }, Command::Rotate { offered, second_factor }) => {
                let (_, _, is_testnet) = self.of(owner)?;
                let Some(user) = owner else { return Err(Refusal::Unknown) };
                allowed(&offered, is_testnet || second_factor)?;
                let last4 = Personal::profile(user.uuid(), offered.last4);
                Ok(vec![Event::ExchangeKeyRotated { fingerprint: offered.fingerprint, last4 }])
            }
            // A process of our own ends the keys of whoever leaves.
            (Self::Active { user, .. } | Self::Inactive { user }, Command::Deactivate {}) if owner.is_some_and(|other| other != *user) => {
                Err(Refusal::Unknown)
            }
            (Self::Active { .. }, Command::Deactivate {}) => Ok(vec![Event::ExchangeKeyDeactivated {}]),
            (Self::Inactive { .. }, Command::Deactivate {}) => Ok(vec![]),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::ExchangeKeyRegistered { user, exchange, fingerprint, is_testnet, last4: _, vault_ref: _ }) => {
                Self::Active { user: *user, exchange: exchange.clone(), fingerprint: fingerprint.clone(), is_testnet: *is_testnet }
            }
            (Self::Active { user, exchange, is_testnet, .. }, Event::ExchangeKeyRotated { fingerprint, last4: _ }) => {
                Self::Active { user, exchange, is_testnet, fingerprint: fingerprint.clone() }
            }
            (Self::Active { user, .. }, Event::ExchangeKeyDeactivated {}) => Self::Inactive { user },
            (state @ (Self::Absent | Self::Inactive { .. }), Event::ExchangeKeyRotated { .. } | Event::ExchangeKeyDeactivated {}) => state,
        }
    }
}

fn allowed(offered: &Offered, safe: bool) -> Result<(), Refusal> {
    if !(1..=MAX_KEY_CHARS).contains(&offered.chars) {
        return Err(Refusal::BadKey);
    }
    if offered.permissions.contains(&Permission::Withdraw) {
        return Err(Refusal::Withdraws);
    }
    if safe { Ok(()) } else { Err(Refusal::NoSecondFactor) }
}

#[cfg(test)]
mod tests;
