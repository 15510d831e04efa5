//! A person registers with an e-mail address, proves it, and acts in the roles granted to them.
//! The password itself is in the vault under [`credential_name`]; sign-ins are streams of their own ([`crate::session`]) that
//! carry the epoch below, so that one event here ends them all.
//!
//! ```text
//! Absent ── register ──▶ Active ⟲ verify e-mail, grant role, sign out everywhere
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use kernel::{At, Decider, DomainEvent, Fact, Personal, Refused, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{UserId, user_of};
use crate::text::{self, Email, PASSWORD_CHARS};

/// Longest name, in characters (IAM-01).
pub const MAX_NAME_CHARS: usize = 100;

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

/// Where the vault keeps a user's password hash (a PHC string); no event ever holds it.
#[must_use]
pub fn credential_name(user: UserId) -> String {
    format!("password:{}", user.uuid())
}

// --- events -------------------------------------------------------------------------------------------------

/// What happened to a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A person opened an account.
    UserRegistered {
        /// Address as written; unique by its claim stream.
        email: Personal<String>,
        /// Name.
        name: Personal<String>,
        /// Digits, or E.164.
        phone: Personal<String>,
        /// How many passwords this account has had; the hash is in the vault under [`credential_name`].
        credential_version: u32,
    },
    /// The person may act in one more role.
    RoleGranted {
        /// The role.
        role: Role,
    },
    /// The person proved to read the mail of their address.
    EmailVerified {},
    /// Every session of an earlier epoch is over.
    SessionsRevoked {
        /// Sessions that start from now on carry this number.
        epoch: u32,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::UserRegistered { .. } => "UserRegistered",
            Self::RoleGranted { .. } => "RoleGranted",
            Self::EmailVerified {} => "EmailVerified",
            Self::SessionsRevoked { .. } => "SessionsRevoked",
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

/// A user, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum User {
    /// Nobody.
    #[default]
    Absent,
    /// Somebody with an account.
    Active {
        /// Roles held.
        roles: BTreeSet<Role>,
        /// Was the address proved?
        email_verified: bool,
        /// Sessions of an earlier epoch are over.
        session_epoch: u32,
    },
}

impl User {
    /// Did the person prove their address? Needed to rent out and to book (K12).
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Active { email_verified, .. } => *email_verified,
        }
    }

    /// The roles held; none for nobody.
    #[must_use]
    pub fn roles(&self) -> BTreeSet<Role> {
        match self {
            Self::Absent => BTreeSet::new(),
            Self::Active { roles, .. } => roles.clone(),
        }
    }

    /// The epoch that a session must carry to count, if there is such a user.
    #[must_use]
    pub const fn session_epoch(&self) -> Option<u32> {
        match self {
            Self::Absent => None,
            Self::Active { session_epoch, .. } => Some(*session_epoch),
        }
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of a user.
#[derive(Clone, Debug)]
pub enum Command {
    /// Open an account.
    Register {
        /// The new user.
        user: UserId,
        /// Parsed before, since its claim is found by it.
        email: Email,
        /// Name as typed.
        name: String,
        /// Telephone number as typed.
        phone: String,
        /// Role asked for.
        role: Role,
        /// Length of the password in characters; all that a rule needs of it.
        password_chars: usize,
    },
    /// Count the address as proved; the code was found to be ours and for this user.
    VerifyEmail {
        /// When the code stops working.
        expires_at: Timestamp,
        /// Real time: codes do not age with the business clock.
        now_real: Timestamp,
    },
    /// Let the user act in one more role.
    GrantRole {
        /// The user.
        user: UserId,
        /// The role.
        role: Role,
    },
    /// End every session.
    SignOutEverywhere {},
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why a user's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such user.
    #[error("no such user")]
    Unknown,
    /// The id is in use.
    #[error("the user exists already")]
    Exists,
    /// The address is malformed.
    #[error("not an e-mail address")]
    BadEmail,
    /// The password has too few or too many characters.
    #[error("a password has {} to {} characters", PASSWORD_CHARS.start(), PASSWORD_CHARS.end())]
    PasswordLength,
    /// People sign up as guest or host only, and nobody raises themselves.
    #[error("role change not allowed")]
    RoleNotAllowed,
    /// The name is empty, too long or holds symbols.
    #[error("bad name")]
    BadName,
    /// Neither a Korean nor an international telephone number.
    #[error("bad telephone number")]
    BadPhone,
    /// The verification code is wrong, used or old.
    #[error("verification code wrong, used or old")]
    CodeNotValid,
    /// No such pair of address and password; never says which of the two.
    #[error("wrong e-mail address or password")]
    WrongCredentials,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Unknown => Refused::code("USER001"),
            Self::Exists => Refused::code("SYS006"),
            Self::BadEmail => Refused::at("SYS003", &["email"]),
            Self::PasswordLength => Refused::at("AUTH005", &["password"]),
            Self::RoleNotAllowed => Refused::at("AUTH011", &["role"]),
            Self::BadName => Refused::at("USER002", &["name"]),
            Self::BadPhone => Refused::at("USER002", &["phone"]),
            Self::CodeNotValid => Refused::at("AUTH008", &["code"]),
            Self::WrongCredentials => Refused::code("AUTH001"),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for User {
    const KIND: &'static str = "user";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match (self, at.command) {
            (Self::Absent, Command::Register { user, email, name, phone, role, password_chars }) => {
                register(user, &email, &name, &phone, role, password_chars)
            }
            (Self::Active { .. }, Command::Register { .. }) => Err(Refusal::Exists),
            (Self::Absent, Command::VerifyEmail { .. }) => Err(Refusal::CodeNotValid),
            (Self::Active { email_verified, .. }, Command::VerifyEmail { expires_at, now_real }) => {
                if *email_verified || expires_at <= now_real { Err(Refusal::CodeNotValid) } else { Ok(vec![Event::EmailVerified {}]) }
            }
            (Self::Absent, Command::GrantRole { .. } | Command::SignOutEverywhere {}) => Err(Refusal::Unknown),
            (Self::Active { .. }, Command::GrantRole { user, .. }) if user_of(&at.actor) == Some(user) => Err(Refusal::RoleNotAllowed),
            (Self::Active { roles, .. }, Command::GrantRole { role, .. }) => {
                Ok(if roles.contains(&role) { vec![] } else { vec![Event::RoleGranted { role }] })
            }
            (Self::Active { session_epoch, .. }, Command::SignOutEverywhere {}) => {
                Ok(vec![Event::SessionsRevoked { epoch: session_epoch.saturating_add(1) }])
            }
        }
    }

    fn evolve(self, event: &Event) -> Self {
        let (mut roles, mut verified, mut sessions) = match self {
            Self::Absent => (BTreeSet::new(), false, 0),
            Self::Active { roles, email_verified, session_epoch } => (roles, email_verified, session_epoch),
        };
        match event {
            Event::UserRegistered { .. } => {}
            Event::RoleGranted { role } => {
                roles.insert(*role);
            }
            Event::EmailVerified {} => verified = true,
            Event::SessionsRevoked { epoch } => sessions = *epoch,
        }
        Self::Active { roles, email_verified: verified, session_epoch: sessions }
    }
}

/// The rules of IAM-05, in the order in which they are listed (a taken address was refused before, by its claim).
fn register(user: UserId, email: &Email, name: &str, phone: &str, role: Role, password_chars: usize) -> Result<Vec<Event>, Refusal> {
    if !PASSWORD_CHARS.contains(&password_chars) {
        return Err(Refusal::PasswordLength);
    }
    if !matches!(role, Role::Guest | Role::Host) {
        return Err(Refusal::RoleNotAllowed);
    }
    let name = text::name(name, MAX_NAME_CHARS).map_err(|_| Refusal::BadName)?;
    let phone = text::phone(phone).map_err(|_| Refusal::BadPhone)?;
    let subject = user.uuid();
    let registered = Event::UserRegistered {
        email: Personal::profile(subject, email.shown().to_owned()),
        name: Personal::profile(subject, name),
        phone: Personal::profile(subject, phone),
        credential_version: 1,
    };
    Ok(vec![registered, Event::RoleGranted { role }])
}

#[cfg(test)]
mod tests;
