//! A key by which a program acts for a person, in some of the person's roles. Whoever made it sees it once; its digest is in
//! the vault under [`digest_name`], and the log knows its first characters only.
//!
//! ```text
//! Absent ── issue ──▶ Live ── revoke ──▶ Revoked
//! ```

use std::collections::BTreeSet;

use kernel::{At, Decider, DomainEvent, Fact, Personal, Refused, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{ApiKeyId, UserId, user_of};
use crate::text;
use crate::user::Role;

/// Longest label, in characters.
pub const MAX_LABEL_CHARS: usize = 100;

/// Where the vault keeps the digest of a key's secret.
#[must_use]
pub fn digest_name(key: ApiKeyId) -> String {
    format!("apikey:{}", key.uuid())
}

// --- events -------------------------------------------------------------------------------------------------

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A person made it.
    ApiKeyIssued {
        /// Whose.
        user: UserId,
        /// What it is for, in their words.
        label: Personal<String>,
        /// Its first characters, to tell it from others.
        prefix: String,
        /// Name of the digest in the vault.
        digest_ref: String,
        /// The roles in which it may act.
        scopes: BTreeSet<Role>,
        /// Real time at which it stops working.
        expires_at: Option<Timestamp>,
    },
    /// It works no longer.
    ApiKeyRevoked {},
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::ApiKeyIssued { .. } => "ApiKeyIssued",
            Self::ApiKeyRevoked {} => "ApiKeyRevoked",
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

/// A key, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum ApiKey {
    /// Never made.
    #[default]
    Absent,
    /// It works, unless its time is over.
    Live(Grant),
    /// It works no longer.
    Revoked {
        /// Whose it was.
        user: UserId,
    },
}

/// What a key is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose it is.
    pub user: UserId,
    /// The roles in which it may act.
    pub scopes: BTreeSet<Role>,
    /// Real time at which it stops working.
    pub expires_at: Option<Timestamp>,
}

impl ApiKey {
    /// What it is good for at this real time.
    #[must_use]
    pub fn grant(&self, now_real: Timestamp) -> Option<&Grant> {
        match self {
            Self::Live(grant) => Some(grant).filter(|grant| grant.expires_at.is_none_or(|end| now_real < end)),
            Self::Absent | Self::Revoked { .. } => None,
        }
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of a key.
#[derive(Clone, Debug)]
pub enum Command {
    /// Make it.
    Issue {
        /// Its id.
        key: ApiKeyId,
        /// Whose.
        user: UserId,
        /// The roles that the person holds.
        held: BTreeSet<Role>,
        /// The roles in which it is to act.
        scopes: BTreeSet<Role>,
        /// What it is for.
        label: String,
        /// Its first characters.
        prefix: String,
        /// Real time at which it is to stop working.
        expires_at: Option<Timestamp>,
        /// Real time.
        now_real: Timestamp,
    },
    /// Have it work no longer.
    Revoke {},
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why a key's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such key, or another's.
    #[error("no such API key")]
    Unknown,
    /// The id is in use.
    #[error("the API key exists already")]
    Exists,
    /// A role that the person does not hold, or none at all.
    #[error("a scope above one's own roles")]
    ScopeNotHeld,
    /// Empty or too long.
    #[error("bad label")]
    BadLabel,
    /// It would never work.
    #[error("the end is past")]
    BadEnd,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Unknown => Refused::at("SYS007", &["apiKeyId"]),
            Self::Exists => Refused::code("SYS006"),
            Self::ScopeNotHeld => Refused::at("AUTH011", &["scopes"]),
            Self::BadLabel => Refused::at("SYS003", &["label"]),
            Self::BadEnd => Refused::at("SYS003", &["expiresAt"]),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for ApiKey {
    const KIND: &'static str = "apikey";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match (self, at.command) {
            (Self::Absent, Command::Issue { key, user, held, scopes, label, prefix, expires_at, now_real }) => {
                if scopes.is_empty() || !scopes.is_subset(&held) {
                    return Err(Refusal::ScopeNotHeld);
                }
                let label = text::line(&label, MAX_LABEL_CHARS).map_err(|_| Refusal::BadLabel)?;
                if expires_at.is_some_and(|end| end <= now_real) {
                    return Err(Refusal::BadEnd);
                }
                let (label, digest_ref) = (Personal::profile(user.uuid(), label), digest_name(key));
                Ok(vec![Event::ApiKeyIssued { user, label, prefix, digest_ref, scopes, expires_at }])
            }
            (Self::Live(_) | Self::Revoked { .. }, Command::Issue { .. }) => Err(Refusal::Exists),
            (Self::Absent, Command::Revoke {}) => Err(Refusal::Unknown),
            // A process of our own ends the keys of whoever leaves.
            (Self::Live(Grant { user, .. }) | Self::Revoked { user }, Command::Revoke {})
                if user_of(&at.actor).is_some_and(|other| other != *user) =>
            {
                Err(Refusal::Unknown)
            }
            (Self::Live(_), Command::Revoke {}) => Ok(vec![Event::ApiKeyRevoked {}]),
            (Self::Revoked { .. }, Command::Revoke {}) => Ok(vec![]),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::ApiKeyIssued { user, scopes, expires_at, label: _, prefix: _, digest_ref: _ }) => {
                Self::Live(Grant { user: *user, scopes: scopes.clone(), expires_at: *expires_at })
            }
            (Self::Live(Grant { user, .. }) | Self::Revoked { user }, Event::ApiKeyRevoked {}) => Self::Revoked { user },
            (Self::Absent, Event::ApiKeyRevoked {}) => Self::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::Actor;
    use uuid::Uuid;

    use super::*;
    use crate::testing::{given, moment};

    const USER: UserId = UserId::new(Uuid::from_u128(1));
    const KEY: ApiKeyId = ApiKeyId::new(Uuid::from_u128(7));

    fn issue(scopes: &[Role], label: &str, expires_at: Option<&str>) -> Command {
        Command::Issue {
            key: KEY,
            user: USER,
            held: BTreeSet::from([Role::Guest, Role::Host]),
            scopes: scopes.iter().copied().collect(),
            label: label.to_owned(),
            prefix: "dbk_1".to_owned(),
            expires_at: expires_at.map(moment),
            now_real: moment("2026-11-02T00:00:00Z"),
        }
    }

    fn issued() -> Event {
        Event::ApiKeyIssued {
            user: USER,
            label: Personal::profile(USER.uuid(), "장부".to_owned()),
            prefix: "dbk_1".to_owned(),
            digest_ref: digest_name(KEY),
            scopes: BTreeSet::from([Role::Host]),
            expires_at: Some(moment("2026-12-01T00:00:00Z")),
        }
    }

    #[test]
    fn a_key_acts_in_roles_that_its_maker_holds() {
        given::<ApiKey>([]).when(issue(&[Role::Host], "장부", Some("2026-12-01T00:00:00Z"))).then([issued()]);
        given::<ApiKey>([]).when(issue(&[Role::Host, Role::Admin], "", None)).refused("AUTH011", "scopes");
        given::<ApiKey>([]).when(issue(&[], "장부", None)).refused("AUTH011", "scopes");
        given::<ApiKey>([]).when(issue(&[Role::Host], " ", None)).refused("SYS003", "label");
        given::<ApiKey>([]).when(issue(&[Role::Host], "장부", Some("2026-11-02T00:00:00Z"))).refused("SYS003", "expiresAt");
        given::<ApiKey>([issued()]).when(issue(&[Role::Host], "장부", None)).refused("SYS006", "");
    }

    #[test]
    fn a_key_ends_by_its_owner_by_us_and_by_time() {
        let by = |user: u128| Actor::User(Uuid::from_u128(user));
        given::<ApiKey>([issued()]).by(by(1)).when(Command::Revoke {}).then([Event::ApiKeyRevoked {}]);
        given::<ApiKey>([issued()]).by(Actor::system("erasures")).when(Command::Revoke {}).then([Event::ApiKeyRevoked {}]);
        given::<ApiKey>([issued(), Event::ApiKeyRevoked {}]).by(by(1)).when(Command::Revoke {}).then([]);
        given::<ApiKey>([issued()]).by(by(2)).when(Command::Revoke {}).refused("SYS007", "apiKeyId");
        given::<ApiKey>([]).by(by(1)).when(Command::Revoke {}).refused("SYS007", "apiKeyId");
        let live = ApiKey::fold([&issued()]);
        assert!(live.grant(moment("2026-11-30T23:59:59Z")).is_some() && live.grant(moment("2026-12-01T00:00:00Z")).is_none());
        assert!(live.evolve(&Event::ApiKeyRevoked {}).grant(moment("2026-11-02T00:00:00Z")).is_none());
    }
}
