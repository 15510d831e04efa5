//! Who administers: the one stream `roles-admin`, appended to together with the user's own, so that the last administrator
//! stays whatever happens at once (USER004).
//!
//! ```text
//! {…} ── add ──▶ {…, user};  {…, user} ── remove, while another is left ──▶ {…}
//! ```

use std::collections::BTreeSet;

use kernel::{At, Decider, DomainEvent, Fact, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::UserId;

/// The id of the only stream of its kind.
pub const ADMINS_ID: &str = "admin";

// --- events -------------------------------------------------------------------------------------------------

/// What happened to the circle of administrators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// One more administers.
    AdminAdded {
        /// Who.
        user: UserId,
    },
    /// One administers no longer.
    AdminRemoved {
        /// Who.
        user: UserId,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::AdminAdded { .. } => "AdminAdded",
            Self::AdminRemoved { .. } => "AdminRemoved",
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

/// Everybody who holds the role of an administrator and may use their account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admins {
    /// Who.
    pub users: BTreeSet<UserId>,
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of the circle.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Take somebody in.
    Add(UserId),
    /// Let somebody go.
    Remove(UserId),
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why the circle stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody would be left.
    #[error("the last administrator")]
    Last,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Last => Refused::code("USER004"),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for Admins {
    const KIND: &'static str = "roles";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::Add(user) => Ok(if self.users.contains(&user) { vec![] } else { vec![Event::AdminAdded { user }] }),
            // A book from before this guard knows of no administrator: granting the role again counts its holder in.
            Command::Remove(user) if self.users.iter().all(|other| *other == user) => Err(Refusal::Last),
            Command::Remove(user) => Ok(if self.users.contains(&user) { vec![Event::AdminRemoved { user }] } else { vec![] }),
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::AdminAdded { user } => self.users.insert(*user),
            Event::AdminRemoved { user } => self.users.remove(user),
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::given;
    use uuid::Uuid;

    const A: UserId = UserId::new(Uuid::from_u128(1));
    const B: UserId = UserId::new(Uuid::from_u128(2));

    #[test]
    fn the_last_administrator_stays() {
        let added = |user| Event::AdminAdded { user };
        given::<Admins>([]).when(Command::Add(A)).then([added(A)]);
        given::<Admins>([added(A)]).when(Command::Add(A)).then([]);
        given::<Admins>([added(A), added(B)]).when(Command::Remove(A)).then([Event::AdminRemoved { user: A }]);
        given::<Admins>([added(A), added(B), Event::AdminRemoved { user: B }]).when(Command::Remove(A)).refused("USER004", "");
        given::<Admins>([added(A)]).when(Command::Remove(B)).then([]);
        given::<Admins>([]).when(Command::Remove(A)).refused("USER004", "");
    }
}
