//! A value that only one may have (an e-mail address, a licence plate) is a stream of its own, `claim-{kind}-{hmac}`:
//! appended together with its holder, it makes two registrations of the same value meet. The name holds a digest, never the value.
//!
//! ```text
//! Free ── claim ──▶ Held
//! ```

use kernel::{At, Decider, DomainEvent, Fact, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{UserId, VehicleId};

/// What kinds of values are claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// E-mail addresses of users.
    Email,
    /// Licence plates of vehicles.
    Plate,
}

impl Kind {
    /// Its word in stream names and under the digest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Plate => "plate",
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
    /// A vehicle has this plate.
    PlateClaimed {
        /// Its holder.
        vehicle: VehicleId,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::EmailClaimed { .. } => "EmailClaimed",
            Self::PlateClaimed { .. } => "PlateClaimed",
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
}

impl Claim {
    /// The user who has the value: how an e-mail address finds its account.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::HeldByUser(user) => Some(*user),
            Self::Free | Self::HeldByVehicle(_) => None,
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
    /// Take a plate.
    ClaimPlate {
        /// For which vehicle.
        vehicle: VehicleId,
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
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::EmailTaken => Refused::at("AUTH004", &["email"]),
            Self::PlateTaken => Refused::at("VEH001", &["licensePlate"]),
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
        match (self, at.command) {
            (Self::Free, Command::ClaimEmail { user }) => Ok(vec![Event::EmailClaimed { user }]),
            (Self::Free, Command::ClaimPlate { vehicle }) => Ok(vec![Event::PlateClaimed { vehicle }]),
            (Self::HeldByUser(_) | Self::HeldByVehicle(_), Command::ClaimEmail { .. }) => Err(Refusal::EmailTaken),
            (Self::HeldByUser(_) | Self::HeldByVehicle(_), Command::ClaimPlate { .. }) => Err(Refusal::PlateTaken),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::EmailClaimed { user } => Self::HeldByUser(*user),
            Event::PlateClaimed { vehicle } => Self::HeldByVehicle(*vehicle),
        }
    }
}

#[cfg(test)]
mod tests;
