//! A value that only one may have (an e-mail address, a licence plate) is a stream of its own, `claim-{kind}-{hmac}`:
//! appended together with its holder, it makes two registrations of the same value meet. The name holds a digest, never the value.
//!
//! ```text
//! Free ── claim ──▶ Held ── release ──▶ Free
//! ```

use kernel::{At, Decider, DomainEvent, Fact, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{ExchangeKeyId, UserId, VehicleId};

/// What kinds of values are claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// E-mail addresses of users.
    Email,
    /// Licence plates of vehicles.
    Plate,
    /// Registration numbers of businesses.
    BusinessNumber,
    /// Keys of exchanges, by their fingerprint.
    ExchangeKey,
}

impl Kind {
    /// Its word in stream names and under the digest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Plate => "plate",
            Self::BusinessNumber => "brn",
            Self::ExchangeKey => "xkey",
        }
    }

    /// What follows `claim-` in the name of the stream, from the digest of the normalised value.
    #[must_use]
    pub fn stream_id(self, digest: &str) -> String {
        format!("{}-{digest}", self.name())
    }
}

// --- events -------------------------------------------------------------------------------------------------

/// What happened to a unique value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A user has this address.
    EmailClaimed {
        /// Its holder.
        user: UserId,
    },
    /// The address is free again.
    EmailReleased {
        /// Who had it.
        user: UserId,
    },
    /// A vehicle has this plate.
    PlateClaimed {
        /// Its holder.
        vehicle: VehicleId,
    },
    /// A person's business has this registration number.
    BusinessNumberClaimed {
        /// Its holder.
        user: UserId,
    },
    /// The registration number is free again.
    BusinessNumberReleased {
        /// Who had it.
        user: UserId,
    },
    /// Somebody registered this key of an exchange.
    ExchangeKeyClaimed {
        /// As which.
        key: ExchangeKeyId,
    },
    /// The key may be registered again.
    ExchangeKeyReleased {
        /// As which it was registered.
        key: ExchangeKeyId,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::EmailClaimed { .. } => "EmailClaimed",
            Self::EmailReleased { .. } => "EmailReleased",
            Self::PlateClaimed { .. } => "PlateClaimed",
            Self::BusinessNumberClaimed { .. } => "BusinessNumberClaimed",
            Self::BusinessNumberReleased { .. } => "BusinessNumberReleased",
            Self::ExchangeKeyClaimed { .. } => "ExchangeKeyClaimed",
            Self::ExchangeKeyReleased { .. } => "ExchangeKeyReleased",
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

/// A unique value, as far as decisions go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    /// Nobody has it.
    #[default]
    Free,
    /// A user has it.
    HeldByUser(UserId),
    /// A vehicle has it.
    HeldByVehicle(VehicleId),
    /// A registered key of an exchange has it.
    HeldByKey(ExchangeKeyId),
}

impl Claim {
    /// The user who has the value: how an e-mail address finds its account.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::HeldByUser(user) => Some(*user),
            Self::Free | Self::HeldByVehicle(_) | Self::HeldByKey(_) => None,
        }
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of a unique value.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Take an address.
    ClaimEmail {
        /// For whom.
        user: UserId,
    },
    /// Give an address back.
    ReleaseEmail {
        /// Whose it is.
        user: UserId,
    },
    /// Take a plate.
    ClaimPlate {
        /// For which vehicle.
        vehicle: VehicleId,
    },
    /// Take a registration number; the same person's is theirs already.
    ClaimBusinessNumber {
        /// For whom.
        user: UserId,
    },
    /// Give a registration number back.
    ReleaseBusinessNumber {
        /// Whose it is.
        user: UserId,
    },
    /// Take a key of an exchange.
    ClaimExchangeKey {
        /// As which.
        key: ExchangeKeyId,
    },
    /// Give a key of an exchange back.
    ReleaseExchangeKey {
        /// As which it was registered.
        key: ExchangeKeyId,
    },
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why a claim is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another user has the address.
    #[error("e-mail address taken")]
    EmailTaken,
    /// Another vehicle has the plate.
    #[error("licence plate taken")]
    PlateTaken,
    /// Another business has the number.
    #[error("registration number taken")]
    BusinessNumberTaken,
    /// The key is registered.
    #[error("exchange key registered already")]
    ExchangeKeyTaken,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::EmailTaken => Refused::at("AUTH004", &["email"]),
            Self::PlateTaken => Refused::at("VEH001", &["licensePlate"]),
            Self::BusinessNumberTaken => Refused::at("CORP002", &["businessRegistrationNumber"]),
            Self::ExchangeKeyTaken => Refused::at("KEY001", &["apiKey"]),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for Claim {
    const KIND: &'static str = "claim";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let free = *self == Self::Free;
        let when = |mine: bool, event: Event| Ok(if mine { vec![event] } else { vec![] });
        match at.command {
            Command::ClaimEmail { user } if free => Ok(vec![Event::EmailClaimed { user }]),
            Command::ClaimPlate { vehicle } if free => Ok(vec![Event::PlateClaimed { vehicle }]),
            Command::ClaimBusinessNumber { user } if free => Ok(vec![Event::BusinessNumberClaimed { user }]),
            Command::ClaimExchangeKey { key } if free => Ok(vec![Event::ExchangeKeyClaimed { key }]),
            Command::ClaimEmail { .. } => Err(Refusal::EmailTaken),
            Command::ClaimPlate { .. } => Err(Refusal::PlateTaken),
            Command::ClaimBusinessNumber { user } if *self == Self::HeldByUser(user) => Ok(vec![]),
            Command::ClaimBusinessNumber { .. } => Err(Refusal::BusinessNumberTaken),
            Command::ClaimExchangeKey { .. } => Err(Refusal::ExchangeKeyTaken),
            Command::ReleaseEmail { user } => when(*self == Self::HeldByUser(user), Event::EmailReleased { user }),
            Command::ReleaseBusinessNumber { user } => when(*self == Self::HeldByUser(user), Event::BusinessNumberReleased { user }),
            Command::ReleaseExchangeKey { key } => when(*self == Self::HeldByKey(key), Event::ExchangeKeyReleased { key }),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::EmailClaimed { user } | Event::BusinessNumberClaimed { user } => Self::HeldByUser(*user),
            Event::PlateClaimed { vehicle } => Self::HeldByVehicle(*vehicle),
            Event::ExchangeKeyClaimed { key } => Self::HeldByKey(*key),
            Event::EmailReleased { .. } | Event::BusinessNumberReleased { .. } | Event::ExchangeKeyReleased { .. } => Self::Free,
        }
    }
}

#[cfg(test)]
mod tests;
