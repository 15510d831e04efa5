//! A ticket to put the bytes of one photo: asked for, filled once with exactly the announced bytes, used once.
//! The bytes are kept outside; their digest is what the photo's event proves.
//!
//! ```text
//! Absent ── request ──▶ Requested ── store ──▶ Stored ── use ──▶ Used
//! ```

use std::fmt;
use std::str::FromStr;

use kernel::jiff::SignedDuration;
use kernel::{At, Decider, DomainEvent, Fact, Refused, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{BookingId, UserId, VehicleId, user_of};

/// A ticket stops working so long after it was asked for (VEH-09).
pub const TICKET_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// No photo is larger: 10 MiB.
pub const MAX_BYTES: u32 = 10 * 1024 * 1024;

/// The formats that a photo may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContentType {
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// WebP.
    #[serde(rename = "image/webp")]
    Webp,
}

impl ContentType {
    /// Every format there is.
    pub const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::Webp];

    /// The media type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ContentType {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|t| t.name() == name).ok_or(Refusal::BadType)
    }
}

/// What a photo is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A vehicle's listing.
    Vehicle(VehicleId),
    /// A trip's condition record.
    Booking(BookingId),
    /// Whoever uploads it: their picture, or a paper of their business.
    Person(UserId),
}

// --- events -------------------------------------------------------------------------------------------------

/// What happened to an upload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Somebody was given a ticket.
    UploadRequested {
        /// Who.
        by: UserId,
        /// What the photo is to be of.
        target: Target,
        /// Its announced format.
        content_type: ContentType,
        /// Its announced size.
        bytes: u32,
        /// Its announced digest, 64 lower-case hexadecimal digits.
        sha256: String,
        /// Real time at which the ticket stops working.
        expires_at: Timestamp,
    },
    /// The announced bytes arrived and are kept.
    UploadStored {
        /// Their digest.
        sha256: String,
        /// Their number.
        bytes: u32,
    },
    /// A photo was attached with it; no second one can be.
    UploadUsed {
        /// To what.
        target: Target,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::UploadRequested { .. } => "UploadRequested",
            Self::UploadStored { .. } => "UploadStored",
            Self::UploadUsed { .. } => "UploadUsed",
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

/// An upload, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Upload {
    /// Never asked for.
    #[default]
    Absent,
    /// Waiting for the bytes.
    Requested(Ticket),
    /// The bytes are there.
    Stored(Ticket),
    /// A photo was attached with it.
    Used(Ticket),
}

/// What was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// By whom.
    pub by: UserId,
    /// What the photo is of.
    pub target: Target,
    /// Format.
    pub content_type: ContentType,
    /// Size.
    pub bytes: u32,
    /// Digest, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Real time at which the ticket stops working.
    pub expires_at: Timestamp,
}

impl Upload {
    /// What was announced, if anything was.
    #[must_use]
    pub const fn ticket(&self) -> Option<&Ticket> {
        match self {
            Self::Absent => None,
            Self::Requested(ticket) | Self::Stored(ticket) | Self::Used(ticket) => Some(ticket),
        }
    }

    /// The ticket, for the person who asked for it; to anybody else there is none.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub fn ticket_of(&self, user: Option<UserId>) -> Result<&Ticket, Refusal> {
        self.ticket().filter(|ticket| Some(ticket.by) == user).ok_or(Refusal::Unknown)
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of an upload.
#[derive(Clone, Debug)]
pub enum Command {
    /// Get a ticket.
    Request {
        /// What the photo is to be of; the caller may put photos there.
        target: Target,
        /// Media type as given.
        content_type: String,
        /// Size as given.
        bytes: i64,
        /// Digest as given.
        sha256: String,
        /// Real time.
        now_real: Timestamp,
    },
    /// Keep the bytes that came with the ticket.
    Store {
        /// Digest of what came.
        sha256: String,
        /// Size of what came.
        bytes: u64,
        /// Real time.
        now_real: Timestamp,
    },
    /// Attach a photo with it, in the same append as the photo's own event.
    Use {
        /// To what.
        target: Target,
    },
}

// --- refusals -----------------------------------------------------------------------------------------------

/// Why an upload's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such upload, or another's.
    #[error("no such upload")]
    Unknown,
    /// The id is in use.
    #[error("the upload exists already")]
    Exists,
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// Not exactly one of a vehicle, a booking and oneself.
    #[error("a photo is of a vehicle, of a booking or of oneself")]
    BadTarget,
    /// Not one of the formats.
    #[error("format not supported")]
    BadType,
    /// Empty or too large.
    #[error("size out of range")]
    BadSize,
    /// Not 64 lower-case hexadecimal digits.
    #[error("not a SHA-256 digest")]
    BadDigest,
    /// The ticket is too old.
    #[error("the ticket has expired")]
    Expired,
    /// What came is not what was announced.
    #[error("the bytes are not the announced ones")]
    OtherBytes,
    /// The bytes have not come yet.
    #[error("no bytes yet")]
    NotStored,
    /// Announced for something else.
    #[error("the upload is for something else")]
    OtherTarget,
    /// A photo was attached with it already.
    #[error("the upload is used")]
    Used,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Unknown => Refused::at("SYS007", &["uploadId"]),
            Self::Exists => Refused::code("SYS006"),
            Self::NotSignedIn => Refused::code("AUTH002"),
            Self::BadTarget => Refused::code("SYS003"),
            Self::BadType => Refused::at("FILE001", &["contentType"]),
            Self::BadSize => Refused::at("FILE001", &["bytes"]),
            Self::BadDigest => Refused::at("FILE001", &["sha256"]),
            Self::Expired | Self::OtherBytes => Refused::code("FILE001"),
            Self::NotStored | Self::OtherTarget | Self::Used => Refused::at("FILE001", &["uploadId"]),
        }
    }
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for Upload {
    const KIND: &'static str = "upload";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let user = user_of(&at.actor);
        match at.command {
            Command::Request { target, content_type, bytes, sha256, now_real } => match self {
                Self::Absent => {
                    let by = user.ok_or(Refusal::NotSignedIn)?;
                    Ok(vec![request(by, target, &content_type, bytes, sha256, now_real)?])
                }
                Self::Requested(_) | Self::Stored(_) | Self::Used(_) => Err(Refusal::Exists),
            },
            Command::Store { sha256, bytes, now_real } => self.store(sha256, bytes, now_real),
            Command::Use { target } => match (self, self.ticket_of(user)?) {
                (_, ticket) if ticket.target != target => Err(Refusal::OtherTarget),
                (Self::Absent | Self::Requested(_), _) => Err(Refusal::NotStored),
                (Self::Stored(_), _) => Ok(vec![Event::UploadUsed { target }]),
                (Self::Used(_), _) => Err(Refusal::Used),
            },
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::UploadRequested { by, target, content_type, bytes, sha256, expires_at }) => Self::Requested(Ticket {
                by: *by,
                target: *target,
                content_type: *content_type,
                bytes: *bytes,
                sha256: sha256.clone(),
                expires_at: *expires_at,
            }),
            (Self::Requested(ticket), Event::UploadStored { .. }) => Self::Stored(ticket),
            (Self::Stored(ticket), Event::UploadUsed { .. }) => Self::Used(ticket),
            (state, Event::UploadStored { .. } | Event::UploadUsed { .. }) => state,
        }
    }
}

impl Upload {
    /// Whoever holds the signed ticket may fill it, once; the same bytes again change nothing.
    fn store(&self, sha256: String, bytes: u64, now_real: Timestamp) -> Result<Vec<Event>, Refusal> {
        let ticket = self.ticket().ok_or(Refusal::Unknown)?;
        let bytes = u32::try_from(bytes).ok().filter(|&n| n == ticket.bytes).ok_or(Refusal::OtherBytes)?;
        if sha256 != ticket.sha256 {
            return Err(Refusal::OtherBytes);
        }
        match self {
            Self::Requested(_) if ticket.expires_at <= now_real => Err(Refusal::Expired),
            Self::Absent | Self::Requested(_) => Ok(vec![Event::UploadStored { sha256, bytes }]),
            Self::Stored(_) | Self::Used(_) => Ok(vec![]),
        }
    }
}

fn request(by: UserId, target: Target, content_type: &str, bytes: i64, sha256: String, now_real: Timestamp) -> Result<Event, Refusal> {
    let content_type = content_type.parse()?;
    let bytes = u32::try_from(bytes).ok().filter(|n| (1..=MAX_BYTES).contains(n)).ok_or(Refusal::BadSize)?;
    if sha256.len() != 64 || !sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Refusal::BadDigest);
    }
    let expires_at = now_real.checked_add(TICKET_LIFETIME).unwrap_or(Timestamp::MAX);
    Ok(Event::UploadRequested { by, target, content_type, bytes, sha256, expires_at })
}

#[cfg(test)]
mod tests;
