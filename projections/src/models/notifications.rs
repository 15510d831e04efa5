//! What people were told: the source of `notifications`.

use std::collections::BTreeMap;

use domain::ids::{NotificationId, UserId};
use domain::inbox::{self, Channel, Kind, Outcome, Standing};
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per notification; the key is its id.
#[derive(Debug)]
pub struct Notifications;

/// A notification. What was written by hand stays as the event holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotificationRow {
    /// Which.
    pub id: NotificationId,
    /// Whose.
    pub user: UserId,
    /// What caused it.
    pub source: String,
    /// What it says.
    pub template: String,
    /// How much a person may say about it.
    pub kind: Kind,
    /// The id of the thing that it is about.
    pub about: Option<String>,
    /// The template's parameters.
    pub params: BTreeMap<String, String>,
    /// What was written by hand.
    pub message: Option<Personal<String>>,
    /// Where it stands.
    pub standing: Standing,
    /// Business time before which it does not go out.
    pub deliver_at: Option<Timestamp>,
    /// By which ways it goes out, and what became of that.
    pub deliveries: Vec<DeliveryRow>,
    /// Business time.
    pub created_at: Timestamp,
    /// Business time at which its person saw it.
    pub read_at: Option<Timestamp>,
}

/// A delivery of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// By which way.
    pub channel: Channel,
    /// What became of it.
    pub outcome: Outcome,
    /// Business time of that.
    pub at: Timestamp,
}

/// The name of a standing in the column `standing`.
#[must_use]
pub const fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Held => "held",
        Standing::Unread => "unread",
        Standing::Read => "read",
        Standing::Archived => "archived",
    }
}

impl NotificationRow {
    fn plan(&mut self, channels: &[Channel], at: Timestamp) {
        let planned = |channel: &Channel| DeliveryRow { channel: *channel, outcome: Outcome::Planned, at };
        self.deliveries = channels.iter().map(planned).collect();
    }

    fn reported(&mut self, channel: Channel, outcome: Outcome, at: Timestamp) {
        if let Some(delivery) = self.deliveries.iter_mut().find(|delivery| delivery.channel == channel) {
            (delivery.outcome, delivery.at) = (outcome, at);
        }
    }

    fn read(&mut self, at: Timestamp) {
        (self.standing, self.read_at) = (Standing::Read, Some(at));
    }
}

impl ReadModel for Notifications {
    const NAME: &'static str = "notifications";
    const VERSION: u32 = 1;
    type Row = NotificationRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::uuid("owner").listed_by("created_at"),
                Column::timestamp("created_at"),
                Column::text("standing"),
                // Only while it is unread, so that these are counted and listed without looking at the others.
                Column::uuid("unread_of").nullable().listed_by("created_at"),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        use inbox::Event as E;
        let Event::Inbox(happened) = &event.event else { return Vec::new() };
        match happened {
            E::NotificationCreated { notification, retires, .. } => {
                [Some(*notification), *retires].into_iter().flatten().map(|id| id.to_string()).collect()
            }
            E::AllNotificationsRead { notifications, .. } => notifications.iter().map(ToString::to_string).collect(),
            E::NotificationDeferred { notification, .. }
            | E::NotificationReleased { notification, .. }
            | E::NotificationRead { notification, .. }
            | E::NotificationArchived { notification, .. }
            | E::DeliverySucceeded { notification, .. }
            | E::DeliveryFailed { notification, .. } => vec![notification.to_string()],
        }
    }

    fn apply(key: &str, row: Option<NotificationRow>, event: &Known) -> Result<Option<NotificationRow>, Poison> {
        use inbox::Event as E;
        let Event::Inbox(happened) = &event.event else { return Err(foreign(event)) };
        let at = event.recorded.occurred_at;
        match happened {
            // The oldest one, which made room.
            E::NotificationCreated { notification, .. } if notification.to_string() != key => {
                change(row, event, |row| row.standing = Standing::Archived)
            }
            E::NotificationCreated {
                notification,
                user,
                source,
                template,
                kind,
                about,
                params,
                message,
                channels,
                deliver_at,
                held,
                retires: _,
                unread: _,
            } => {
                let mut created = NotificationRow {
                    id: *notification,
                    user: *user,
                    source: source.clone(),
                    template: template.clone(),
                    kind: *kind,
                    about: about.clone(),
                    params: params.clone(),
                    message: message.clone(),
                    standing: if *held { Standing::Held } else { Standing::Unread },
                    deliver_at: *deliver_at,
                    deliveries: Vec::new(),
                    created_at: at,
                    read_at: None,
                };
                created.plan(channels, at);
                begin(row, event, created)
            }
            E::NotificationDeferred { until, .. } => change(row, event, |row| row.deliver_at = Some(*until)),
            E::NotificationReleased { channels, .. } => change(row, event, |row| {
                row.plan(channels, at);
                if row.standing == Standing::Held {
                    row.standing = Standing::Unread;
                }
            }),
            E::NotificationRead { .. } | E::AllNotificationsRead { .. } => change(row, event, |row| row.read(at)),
            E::NotificationArchived { .. } => change(row, event, |row| row.standing = Standing::Archived),
            E::DeliverySucceeded { channel, .. } => change(row, event, |row| row.reported(*channel, Outcome::Succeeded, at)),
            E::DeliveryFailed { channel, .. } => change(row, event, |row| row.reported(*channel, Outcome::Failed, at)),
        }
    }

    fn index(_key: &str, row: &NotificationRow) -> Vec<Value> {
        let unread_of = (row.standing == Standing::Unread).then_some(row.user);
        vec![row.user.into(), row.created_at.into(), standing_name(row.standing).into(), unread_of.into()]
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::models::testing::{History, at, id};

    pub(crate) fn created(number: u128, retires: Option<u128>, held: bool, unread: u32) -> Event {
        Event::Inbox(inbox::Event::NotificationCreated {
            notification: id(number),
            user: id(1),
            source: format!("event-{number}"),
            template: "BOOKING_REQUESTED".to_owned(),
            kind: Kind::Transactional,
            about: None,
            params: BTreeMap::new(),
            message: None,
            channels: vec![Channel::Push],
            deliver_at: None,
            held,
            retires: retires.map(id),
            unread,
        })
    }

    #[test]
    fn a_notification_from_its_creation_to_its_end() {
        let (stream, notification) = ("inbox-00000000-0000-0000-0000-000000000001", id(11));
        let event = |event| Event::Inbox(event);
        let history = History::default().on(stream, created(11, None, false, 1)).on(stream, created(12, None, true, 1));
        let rows = history.rows::<Notifications>();
        let row =
            |rows: &BTreeMap<String, NotificationRow>, number: u128| rows[&id::<domain::ids::Notification>(number).to_string()].clone();
        assert_eq!((row(&rows, 11).standing, row(&rows, 12).standing), (Standing::Unread, Standing::Held));
        assert_eq!(Notifications::index("", &row(&rows, 11))[3], Value::from(id::<domain::ids::User>(1)));
        assert_eq!(Notifications::index("", &row(&rows, 12))[3], Value::Null);
        let released = inbox::Event::NotificationReleased { notification: id(12), created: 2, channels: vec![], unread: 2 };
        let all = inbox::Event::AllNotificationsRead { notifications: vec![id(11), id(12)], unread: 0 };
        let succeeded = inbox::Event::DeliverySucceeded { notification, channel: Channel::Push };
        let history = history.on(stream, event(released)).on(stream, event(all)).on(stream, event(succeeded));
        let rows = history.rows::<Notifications>();
        assert_eq!((row(&rows, 11).read_at, row(&rows, 12).read_at), (Some(at(4)), Some(at(4))));
        assert_eq!(row(&rows, 11).deliveries, [DeliveryRow { channel: Channel::Push, outcome: Outcome::Succeeded, at: at(5) }]);
        let history = history.on(stream, created(13, Some(11), false, 1));
        assert_eq!(row(&history.rows::<Notifications>(), 11).standing, Standing::Archived, "pushed out");
    }
}
