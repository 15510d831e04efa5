//! What one person is told (NTF-01…08): stream `inbox-{user}`, an event per notification, whoever or whatever causes it.
//!
//! ```text
//! Absent ── create ──▶ Unread ── read ──▶ Read ── archive ──▶ Archived
//! Absent ── create (at night, advertising) ──▶ Held ── release ──▶ Unread
//! ```
//! A notification's id is made of user, source and template, so that the same source tells the same person the same thing once.
//! The state remembers the newest [`KEPT`] notifications, whatever became of them. The one that is pushed out counts as archived, by
//! the event that pushes it out, so that unread = created − read − archived holds for every fold. A source that comes again after so
//! many others is stopped earlier: a process's reaction, and a call with a key, have their receipt for ever.

use std::collections::BTreeMap;

use kernel::{At, Decider, Personal, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{NotificationId, UserId};

mod event;
mod plan;
mod preferences;
mod refusal;
pub mod template;

pub use event::Event;
pub use plan::Recipient;
pub use preferences::{Channel, Choice, Kind, MandatoryKind, Preferences, QuietHours};
pub use refusal::Refusal;

/// Notifications that an inbox remembers.
pub const KEPT: usize = 200;
/// Longest mark of a source, in characters.
pub const MAX_SOURCE_CHARS: usize = 100;
/// Longest message written by hand, in characters.
pub const MAX_MESSAGE_CHARS: usize = 1_000;
/// Longest reason of a failed delivery that is kept, in characters.
const MAX_REASON_CHARS: usize = 200;
/// Where the ids of notifications are made.
const NAMES: Uuid = Uuid::from_u128(0x8a1f_60c3_6f0a_5d0e_9f57_11b2_0c51_7a10);

/// The id of what a source tells a person by a template.
#[must_use]
pub fn id_of(user: UserId, source: &str, template: &str) -> NotificationId {
    NotificationId::new(Uuid::new_v5(&NAMES, format!("{}\n{template}\n{source}", user.uuid()).as_bytes()))
}

// --- state --------------------------------------------------------------------------------------------------

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Kept back until the morning.
    Held,
    /// Not seen yet.
    Unread,
    /// Seen.
    Read,
    /// Put away.
    Archived,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is on its way, or waits for its time.
    Planned,
    /// A service took it.
    Succeeded,
    /// It was tried, and given up.
    Failed,
}

/// A notification, as far as decisions go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: NotificationId,
    /// How much the person may say about it.
    pub kind: Kind,
    /// Where it stands.
    pub standing: Standing,
    /// Does it wait for its time?
    pub deferred: bool,
    /// By which ways it goes out, and what became of that.
    pub deliveries: Vec<(Channel, Outcome)>,
}

impl Entry {
    /// What became of a delivery; `None` when there is none.
    #[must_use]
    pub fn delivery(&self, channel: Channel) -> Option<Outcome> {
        self.deliveries.iter().find(|(planned, _)| *planned == channel).map(|(_, outcome)| *outcome)
    }
}

/// An inbox, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    /// The newest notifications, oldest first; at most [`KEPT`].
    kept: Vec<Entry>,
}

impl Inbox {
    /// A notification that is remembered.
    #[must_use]
    pub fn entry(&self, notification: NotificationId) -> Option<&Entry> {
        self.kept.iter().find(|entry| entry.id == notification)
    }

    /// How many are unread.
    #[must_use]
    pub fn unread(&self) -> u32 {
        count(self.unread_entries())
    }

    fn unread_entries(&self) -> impl Iterator<Item = &Entry> {
        self.kept.iter().filter(|entry| entry.standing == Standing::Unread)
    }

    /// How many are unread without this one.
    fn unread_without(&self, notification: NotificationId) -> u32 {
        count(self.unread_entries().filter(|entry| entry.id != notification))
    }

    fn change(&mut self, notification: NotificationId, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.kept.iter_mut().find(|entry| entry.id == notification) {
            change(entry);
        }
    }
}

fn count<'e>(entries: impl Iterator<Item = &'e Entry>) -> u32 {
    u32::try_from(entries.count()).unwrap_or(u32::MAX)
}

// --- commands -----------------------------------------------------------------------------------------------

/// Something to be told to one person.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who.
    pub user: UserId,
    /// What causes it.
    pub source: String,
    /// What it says.
    pub template: template::Template,
    /// What it is about.
    pub about: Option<String>,
    /// The template's parameters.
    pub params: BTreeMap<String, String>,
    /// What was written by hand.
    pub message: Option<Personal<String>>,
    /// What there is to know of the person.
    pub recipient: Recipient,
}

/// What may be asked of an inbox.
#[derive(Clone, Debug)]
pub enum Command {
    /// Tell the person something; nothing happens when they were told already, or never agreed to advertising.
    Create(Box<Draft>),
    /// The time of one that was kept back has come.
    Release {
        /// Which.
        notification: NotificationId,
        /// Position of the event that created it.
        created: u64,
        /// What there is to know of the person now; none: nobody is to be told any more.
        recipient: Option<Box<Recipient>>,
    },
    /// The person has seen one.
    Read {
        /// Which.
        notification: NotificationId,
    },
    /// The person has seen all.
    ReadAll {},
    /// Put one away.
    Archive {
        /// Which.
        notification: NotificationId,
    },
    /// What became of a delivery.
    Report {
        /// Of which notification.
        notification: NotificationId,
        /// By which way.
        channel: Channel,
        /// Why it failed; none: it did not.
        failure: Option<String>,
    },
}

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for Inbox {
    const KIND: &'static str = "inbox";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::Create(draft) => Ok(self.create(*draft, at.now)),
            Command::Release { notification, created, recipient } => Ok(self.release(notification, created, recipient.as_deref(), at.now)),
            Command::Read { notification } => {
                let unread = self.unread_without(notification);
                Ok(match self.shown(notification)? {
                    Standing::Unread => vec![Event::NotificationRead { notification, unread }],
                    Standing::Held | Standing::Read | Standing::Archived => vec![],
                })
            }
            Command::ReadAll {} => {
                let notifications: Vec<_> = self.unread_entries().map(|entry| entry.id).collect();
                Ok(if notifications.is_empty() { vec![] } else { vec![Event::AllNotificationsRead { notifications, unread: 0 }] })
            }
            Command::Archive { notification } => {
                let unread = self.unread_without(notification);
                Ok(match self.shown(notification)? {
                    Standing::Archived => vec![],
                    Standing::Held | Standing::Unread | Standing::Read => vec![Event::NotificationArchived { notification, unread }],
                })
            }
            Command::Report { notification, channel, failure } => Ok(self.report(notification, channel, failure)),
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::NotificationCreated { notification, kind, channels, deliver_at, held, .. } => {
                if self.kept.len() >= KEPT {
                    self.kept.remove(0);
                }
                let standing = if *held { Standing::Held } else { Standing::Unread };
                let deliveries = channels.iter().map(|channel| (*channel, Outcome::Planned)).collect();
                self.kept.push(Entry { id: *notification, kind: *kind, standing, deferred: deliver_at.is_some(), deliveries });
            }
            Event::NotificationDeferred { .. } => {}
            Event::NotificationReleased { notification, channels, .. } => self.change(*notification, |entry| {
                entry.deferred = false;
                entry.deliveries = channels.iter().map(|channel| (*channel, Outcome::Planned)).collect();
                if entry.standing == Standing::Held {
                    entry.standing = Standing::Unread;
                }
            }),
            Event::NotificationRead { notification, .. } => self.change(*notification, |entry| entry.standing = Standing::Read),
            Event::AllNotificationsRead { notifications, .. } => {
                for notification in notifications {
                    self.change(*notification, |entry| entry.standing = Standing::Read);
                }
            }
            Event::NotificationArchived { notification, .. } => self.change(*notification, |entry| {
                entry.standing = Standing::Archived;
            }),
            Event::DeliverySucceeded { notification, channel } => self.reported(*notification, *channel, Outcome::Succeeded),
            Event::DeliveryFailed { notification, channel, reason: _ } => self.reported(*notification, *channel, Outcome::Failed),
        }
        self
    }
}

impl Inbox {
    fn create(&self, draft: Draft, now: Timestamp) -> Vec<Event> {
        let Draft { user, source, template, about, params, message, recipient } = draft;
        let notification = id_of(user, &source, template.code);
        let Some(plan) = recipient.plan(template.kind, now).filter(|_| self.entry(notification).is_none()) else { return Vec::new() };
        let retires = self.kept.first().filter(|_| self.kept.len() >= KEPT).map(|oldest| oldest.id);
        let before = retires.map_or_else(|| self.unread(), |oldest| self.unread_without(oldest));
        let unread = before.saturating_add(u32::from(!plan.held));
        vec![Event::NotificationCreated {
            notification,
            user,
            source,
            template: template.code.to_owned(),
            kind: template.kind,
            about,
            params,
            message,
            channels: plan.channels,
            deliver_at: plan.deliver_at,
            held: plan.held,
            retires,
            unread,
        }]
    }

    /// Consents, preferences and addresses are looked at again: the person may have thought better of it meanwhile.
    fn release(&self, notification: NotificationId, created: u64, recipient: Option<&Recipient>, now: Timestamp) -> Vec<Event> {
        let waits = |entry: &&Entry| entry.deferred && entry.standing != Standing::Archived;
        let Some(entry) = self.entry(notification).filter(waits) else { return Vec::new() };
        match recipient.and_then(|recipient| recipient.plan(entry.kind, now)) {
            Some(plan::Plan { deliver_at: Some(until), .. }) => vec![Event::NotificationDeferred { notification, created, until }],
            Some(plan) => {
                let unread = self.unread().saturating_add(u32::from(entry.standing == Standing::Held));
                vec![Event::NotificationReleased { notification, created, channels: plan.channels, unread }]
            }
            None => vec![Event::NotificationArchived { notification, unread: self.unread_without(notification) }],
        }
    }

    fn report(&self, notification: NotificationId, channel: Channel, failure: Option<String>) -> Vec<Event> {
        let outcome = self.entry(notification).and_then(|entry| entry.delivery(channel));
        match (outcome, failure) {
            // Pushed out meanwhile, or never planned: there is nothing to note it on.
            (None | Some(Outcome::Succeeded), _) | (Some(Outcome::Failed), Some(_)) => Vec::new(),
            (Some(Outcome::Planned | Outcome::Failed), None) => vec![Event::DeliverySucceeded { notification, channel }],
            (Some(Outcome::Planned), Some(reason)) => {
                let reason = reason.chars().take(MAX_REASON_CHARS).collect();
                vec![Event::DeliveryFailed { notification, channel, reason }]
            }
        }
    }

    /// Where one that its person can see stands.
    fn shown(&self, notification: NotificationId) -> Result<Standing, Refusal> {
        let entry = self.entry(notification).filter(|entry| entry.standing != Standing::Held);
        entry.map(|entry| entry.standing).ok_or(Refusal::NotFound)
    }

    fn reported(&mut self, notification: NotificationId, channel: Channel, outcome: Outcome) {
        self.change(notification, |entry| {
            if let Some(delivery) = entry.deliveries.iter_mut().find(|(planned, _)| *planned == channel) {
                delivery.1 = outcome;
            }
        });
    }
}

#[cfg(test)]
mod tests;
