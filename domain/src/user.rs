//! A person registers with an e-mail address, proves it, and acts in the roles granted to them.
//! The password itself is in the vault under [`credential_name`]; sign-ins are streams of their own ([`crate::session`]) that
//! carry the epoch below, so that one event here ends them all.
//!
//! ```text
//! Absent ── register ──▶ Active ⟲ prove address and number, change password, profile and roles
//! Active ◀── reactivate ── Suspended | Deactivated ◀── suspend | deactivate ── Active
//! Active | Suspended | Deactivated ── request erasure ──▶ Erasing ── erase ──▶ Erased
//! ```

use kernel::{At, Decider};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::ids::UserId;

mod account;
mod command;
mod decisions;
mod event;
mod refusal;
mod role;

pub use account::{Account, ConsentKind, Licence, LicenceStatus, Standing};
pub use command::Command;
pub use event::Event;
pub use refusal::Refusal;
pub use role::{NotARole, Role};

/// Longest name, in characters (IAM-01).
pub const MAX_NAME_CHARS: usize = 100;

/// Where the vault keeps a user's password hash (a PHC string); no event ever holds it.
#[must_use]
pub fn credential_name(user: UserId) -> String {
    format!("password:{}", user.uuid())
}

// --- state --------------------------------------------------------------------------------------------------

/// A user, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum User {
    /// Nobody.
    #[default]
    Absent,
    /// Somebody with an account.
    Known(Box<Account>),
}

impl User {
    /// The account, if there is one; also one that was erased.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Absent => None,
            Self::Known(account) => Some(account),
        }
    }

    /// The account, if it may be used.
    #[must_use]
    pub fn active(&self) -> Option<&Account> {
        self.account().filter(|account| account.standing == Standing::Active)
    }

    /// May the person act, and did they prove their address? Needed to rent out and to book (K12).
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.active().is_some_and(|account| account.email_verified)
    }

    /// The roles held; none for nobody.
    #[must_use]
    pub fn roles(&self) -> BTreeSet<Role> {
        self.account().map_or_else(BTreeSet::new, |account| account.roles.clone())
    }

    /// The epoch that a session must carry to count, if the account may be used.
    #[must_use]
    pub fn session_epoch(&self) -> Option<u32> {
        self.active().map(|account| account.session_epoch)
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for User {
    const KIND: &'static str = "user";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match self {
            Self::Absent => decisions::of_nobody(at.command),
            Self::Known(account) => account.decide(at),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (Self::Absent, Event::UserRegistered { email, phone, credential_version, name: _ }) => {
                Self::Known(Box::new(Account::new(email.clone(), phone.clone(), *credential_version)))
            }
            // Nothing else comes first.
            (Self::Absent, _) => Self::Absent,
            (Self::Known(mut account), event) => {
                account.follow(event);
                Self::Known(account)
            }
        }
    }
}

#[cfg(test)]
mod tests;
