//! What happens in an inbox: the storage format.

use std::collections::BTreeMap;

use kernel::{DomainEvent, Fact, Personal, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use super::{Channel, Kind};
use crate::ids::{NotificationId, UserId};

/// What happened in an inbox. Each event that changes how many are unread says how many are left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "the payload is stored flat, and nearly all of them are of the large kind")]
pub enum Event {
    /// Somebody is told something.
    NotificationCreated {
        /// Its own id, made of user, source and template.
        notification: NotificationId,
        /// Who.
        user: UserId,
        /// What caused it: an event's id, or the mark of whoever sent it.
        source: String,
        /// What it says ([`super::template`]).
        template: String,
        /// How much a person may say about it.
        kind: Kind,
        /// The id of the thing that it is about.
        about: Option<String>,
        /// The template's parameters; nothing personal.
        params: BTreeMap<String, String>,
        /// What was written by hand.
        message: Option<Personal<String>>,
        /// By which ways it goes out.
        channels: Vec<Channel>,
        /// Business time before which it does not go out.
        deliver_at: Option<Timestamp>,
        /// Until then the inbox does not show it either, and it does not count as unread.
        held: bool,
        /// The oldest one, which this one pushes out of the inbox: it counts as archived.
        retires: Option<NotificationId>,
        /// How many are unread now.
        unread: u32,
    },
    /// Its time has come, and is now another one: the person is quiet at other hours, or agrees to less.
    NotificationDeferred {
        /// Which.
        notification: NotificationId,
        /// Position of the event that created it.
        created: u64,
        /// Business time before which it does not go out.
        until: Timestamp,
    },
    /// What was kept back goes out.
    NotificationReleased {
        /// Which.
        notification: NotificationId,
        /// Position of the event that created it.
        created: u64,
        /// By which ways, as the person wants it now.
        channels: Vec<Channel>,
        /// How many are unread now.
        unread: u32,
    },
    /// The person has seen it.
    NotificationRead {
        /// Which.
        notification: NotificationId,
        /// How many are unread now.
        unread: u32,
    },
    /// The person has seen all that were unread.
    AllNotificationsRead {
        /// Which.
        notifications: Vec<NotificationId>,
        /// How many are unread now.
        unread: u32,
    },
    /// The person put it away.
    NotificationArchived {
        /// Which.
        notification: NotificationId,
        /// How many are unread now.
        unread: u32,
    },
    /// A service took it.
    DeliverySucceeded {
        /// Which.
        notification: NotificationId,
        /// By which way.
        channel: Channel,
    },
    /// No service took it, however often it was tried.
    DeliveryFailed {
        /// Which.
        notification: NotificationId,
        /// By which way.
        channel: Channel,
        /// The adapter's reason, for operators; nothing personal.
        reason: String,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::NotificationCreated { .. } => "NotificationCreated",
            Self::NotificationDeferred { .. } => "NotificationDeferred",
            Self::NotificationReleased { .. } => "NotificationReleased",
            Self::NotificationRead { .. } => "NotificationRead",
            Self::AllNotificationsRead { .. } => "AllNotificationsRead",
            Self::NotificationArchived { .. } => "NotificationArchived",
            Self::DeliverySucceeded { .. } => "DeliverySucceeded",
            Self::DeliveryFailed { .. } => "DeliveryFailed",
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
