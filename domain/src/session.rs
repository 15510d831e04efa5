//! A signed-in device. Each refresh makes the next generation of its token, the one before it answers for ten seconds more (two
//! tabs, a lost response), and an older one is theft: the session ends. Tokens are an HMAC over session and generation, computed
//! outside; here only generations count. Times are real time, not the business clock, and come in with the command.
//!
//! ```text
//! Absent ── start ──▶ Live ⟲ refresh;  Live ── revoke | reuse detected ──▶ Ended
//! ```
//! "Sign out everywhere" raises the user's epoch ([`crate::user::Event::SessionsRevoked`]); a session that carries an older one is
//! over. Every command here is given the user's epoch and the user's stream is checked at its version in the same append, so that a
//! refresh in flight cannot slip past, and no list of sessions has to be kept or walked.

use kernel::jiff::SignedDuration;
use kernel::{At, Decider, DomainEvent, Fact, Personal, Refused, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{UserId, user_of};
use crate::text;

/// A refresh token that is not used for so long stops working (IAM-11).
pub const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A session ends so long after the sign-in, however often it was refreshed.
pub const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// For so long the immediate predecessor of a token is answered with the same new pair.
pub const GRACE: SignedDuration = SignedDuration::from_secs(10);
/// Longest name of a device, in characters; a longer or stranger one is not kept.
pub const MAX_DEVICE_CHARS: usize = 200;

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// Its user signed out.
    LoggedOut,
    /// A superseded token was presented.
    TokenReused,
    /// Its user ended it from another device.
    Dismissed,
}

// --- events -------------------------------------------------------------------------------------------------

/// What happened to a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Somebody signed in.
    SessionStarted {
        /// Who.
        user: UserId,
        /// The user's epoch at that time.
        epoch: u32,
        /// What the device calls itself.
        device: Option<Personal<String>>,
        /// Of the first token: 1.
        generation: u32,
        /// Real time.
        started_at: Timestamp,
        /// When the token stops working.
        expires_at: Timestamp,
    },
    /// The next token replaced the one before.
    SessionRefreshed {
        /// Of the new token.
        generation: u32,
        /// Real time; the predecessor's grace begins.
        refreshed_at: Timestamp,
        /// When the new token stops working.
        expires_at: Timestamp,
    },
    /// Every other session of its user ended, this one goes on: its user has just proved who they are.
    SessionKept {
        /// The user's epoch from now on.
        epoch: u32,
    },
    /// A superseded token was presented: one of the two who hold tokens of this session stole theirs.
    SessionReuseDetected {
        /// Of the token presented.
        presented: u32,
        /// Of the token that is valid.
        current: u32,
    },
    /// The session ended before its time.
    SessionRevoked {
        /// Why.
        reason: RevokeReason,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::SessionStarted { .. } => "SessionStarted",
            Self::SessionRefreshed { .. } => "SessionRefreshed",
            Self::SessionKept { .. } => "SessionKept",
            Self::SessionReuseDetected { .. } => "SessionReuseDetected",
            Self::SessionRevoked { .. } => "SessionRevoked",
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

/// A session, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Session {
    /// Never started.
    #[default]
    Absent,
    /// Started and not revoked; it may have expired.
    Live(Live),
    /// Revoked.
    Ended {
        /// Whose it was.
        user: UserId,
    },
}

/// What is known of a session that was not revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Whose it is.
    pub user: UserId,
    /// The user's epoch when it started.
    pub epoch: u32,
    /// Of the valid token.
    pub generation: u32,
    /// When that token replaced its predecessor.
    pub rotated_at: Timestamp,
    /// When that token stops working.
    pub expires_at: Timestamp,
    /// When the session ends, whatever happens.
    pub ends_at: Timestamp,
}

impl Live {
    /// Does it count, at this real time and with the user's epoch as it is now?
    #[must_use]
    pub fn is_valid(&self, user_epoch: Option<u32>, now_real: Timestamp) -> bool {
        user_epoch == Some(self.epoch) && now_real < self.expires_at
    }
}

impl Session {
    /// Whose session it is or was.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::Absent => None,
            Self::Live(live) => Some(live.user),
            Self::Ended { user } => Some(*user),
        }
    }

    /// The session, unless it was never started or was revoked.
    #[must_use]
    pub const fn live(&self) -> Option<&Live> {
        match self {
            Self::Live(live) => Some(live),
            Self::Absent | Self::Ended { .. } => None,
        }
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of a session.
#[derive(Clone, Debug)]
pub enum Command {
    /// Sign in; the password was checked.
    Start {
        /// Who.
        user: UserId,
        /// The user's epoch.
        epoch: u32,
        /// What the device calls itself.
        device: Option<String>,
        /// Real time.
        now_real: Timestamp,
    },
    /// Replace the token; the one presented was found to be ours.
    Refresh {
        /// Of the token presented.
        generation: u32,
        /// The user's epoch as it is now.
        user_epoch: Option<u32>,
        /// Real time.
        now_real: Timestamp,
    },
    /// Go on although every session of the user ends in the same append.
    Keep {
        /// The user's epoch before it.
        from: u32,
        /// The user's epoch after it.
        epoch: u32,
    },
    /// Sign out.
    Revoke {
        /// Why.
        reason: RevokeReason,
    },
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why a session's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Unknown, expired, revoked, or another's; never says which.
    #[error("session unknown or over")]
    Over,
    /// No such session of the caller's, where they name it themselves.
    #[error("no such session")]
    Unknown,
    /// The id is in use.
    #[error("the session exists already")]
    Exists,
    /// A superseded token came back. Never returned by `decide`, which records it and ends the session: the public form of that outcome.
    #[error("superseded token presented")]
    TokenReused,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Over => Refused::code("AUTH003"),
            Self::Unknown => Refused::at("SYS007", &["sessionId"]),
            Self::Exists => Refused::code("SYS006"),
            Self::TokenReused => Refused::code("AUTH009"),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for Session {
    const KIND: &'static str = "session";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match (self, at.command) {
            (Self::Absent, Command::Start { user, epoch, device, now_real }) => Ok(vec![start(user, epoch, device, now_real)]),
            (Self::Live(_) | Self::Ended { .. }, Command::Start { .. }) => Err(Refusal::Exists),
            (Self::Live(live), Command::Refresh { generation, user_epoch, now_real }) => refresh(live, generation, user_epoch, now_real),
            (Self::Absent | Self::Ended { .. }, Command::Refresh { .. }) | (Self::Absent, Command::Revoke { .. }) => Err(Refusal::Over),
            (Self::Live(Live { user, .. }) | Self::Ended { user }, Command::Revoke { .. }) if user_of(&at.actor) != Some(*user) => {
                Err(Refusal::Over)
            }
            (Self::Live(_), Command::Revoke { reason }) => Ok(vec![Event::SessionRevoked { reason }]),
            (Self::Ended { .. }, Command::Revoke { .. }) => Ok(vec![]),
            (Self::Live(live), Command::Keep { from, epoch }) if user_of(&at.actor) == Some(live.user) && live.epoch == from => {
                Ok(vec![Event::SessionKept { epoch }])
            }
            (Self::Absent | Self::Live(_) | Self::Ended { .. }, Command::Keep { .. }) => Err(Refusal::Over),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::SessionStarted { user, epoch, generation, started_at, expires_at, device: _ }) => Self::Live(Live {
                user: *user,
                epoch: *epoch,
                generation: *generation,
                rotated_at: *started_at,
                expires_at: *expires_at,
                ends_at: later(*started_at, SESSION_LIFETIME),
            }),
            (Self::Live(live), Event::SessionRefreshed { generation, refreshed_at, expires_at }) => {
                Self::Live(Live { generation: *generation, rotated_at: *refreshed_at, expires_at: *expires_at, ..live })
            }
            (Self::Live(live), Event::SessionKept { epoch }) => Self::Live(Live { epoch: *epoch, ..live }),
            (Self::Live(live), Event::SessionRevoked { .. }) => Self::Ended { user: live.user },
            (
                state,
                Event::SessionReuseDetected { .. }
                | Event::SessionRefreshed { .. }
                | Event::SessionKept { .. }
                | Event::SessionRevoked { .. },
            ) => state,
        }
    }
}

fn start(user: UserId, epoch: u32, device: Option<String>, now_real: Timestamp) -> Event {
    let device = device.and_then(|name| text::line(&name, MAX_DEVICE_CHARS).ok());
    Event::SessionStarted {
        user,
        epoch,
        device: device.map(|name| Personal::profile(user.uuid(), name)),
        generation: 1,
        started_at: now_real,
        expires_at: later(now_real, REFRESH_LIFETIME),
    }
}

/// Rotation with reuse detection (IAM-13, domain.md §5).
fn refresh(live: &Live, presented: u32, user_epoch: Option<u32>, now_real: Timestamp) -> Result<Vec<Event>, Refusal> {
    if !live.is_valid(user_epoch, now_real) || presented > live.generation {
        return Err(Refusal::Over);
    }
    if presented == live.generation {
        let expires_at = later(now_real, REFRESH_LIFETIME).min(live.ends_at);
        return Ok(vec![Event::SessionRefreshed { generation: live.generation.saturating_add(1), refreshed_at: now_real, expires_at }]);
    }
    let predecessor = presented.checked_add(1) == Some(live.generation);
    if predecessor && now_real < later(live.rotated_at, GRACE) {
        return Ok(vec![]);
    }
    let reuse = Event::SessionReuseDetected { presented, current: live.generation };
    Ok(vec![reuse, Event::SessionRevoked { reason: RevokeReason::TokenReused }])
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
