//! What people may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a person may do: every operation names the roles that may call it; none includes another (K5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Books cars.
    Guest,
    /// Offers cars.
    Host,
    /// Opens funding projects.
    Creator,
    /// Trades on exchanges.
    Trader,
    /// Keeps maintenance records.
    Mechanic,
    /// Moderates posts and reviews.
    Moderator,
    /// Helps users.
    Support,
    /// Settles, refunds and adjusts.
    Finance,
    /// Reads every record, changes none.
    Auditor,
    /// Operates the read models.
    Engineer,
    /// Administers users.
    Admin,
    /// Another program.
    Service,
    /// A display.
    Device,
}

impl Role {
    /// Every role there is.
    pub const ALL: [Self; 13] = [
        Self::Guest,
        Self::Host,
        Self::Creator,
        Self::Trader,
        Self::Mechanic,
        Self::Moderator,
        Self::Support,
        Self::Finance,
        Self::Auditor,
        Self::Engineer,
        Self::Admin,
        Self::Service,
        Self::Device,
    ];

    /// Its name in tokens and read models, for example `guest`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Host => "host",
            Self::Creator => "creator",
            Self::Trader => "trader",
            Self::Mechanic => "mechanic",
            Self::Moderator => "moderator",
            Self::Support => "support",
            Self::Finance => "finance",
            Self::Auditor => "auditor",
            Self::Engineer => "engineer",
            Self::Admin => "admin",
            Self::Service => "service",
            Self::Device => "device",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role: {0:?}")]
pub struct NotARole(String);

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(name: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| NotARole(name.to_owned()))
    }
}
