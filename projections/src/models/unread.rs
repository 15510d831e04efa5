//! How many notifications nobody has seen yet, kept hot (domain.md §3.5, `unread:{user}`).

use domain::ids::UserId;
use domain::inbox;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::foreign;
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per person with unread notifications; the key is the person's id. Whoever has no row has read everything.
#[derive(Debug)]
pub struct Unread;

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadRow {
    /// Unread notifications.
    pub unread: u32,
}

impl ReadModel for Unread {
    const NAME: &'static str = "unread";
    const VERSION: u32 = 1;
    type Row = UnreadRow;

    fn columns() -> &'static [Column] {
        const { &[Column::bigint("unread")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        let Event::Inbox(happened) = &event.event else { return Vec::new() };
        let person = || Uuid::try_parse(event.stream().id()).ok().map(|uuid| UserId::new(uuid).to_string());
        left(happened).and_then(|_| person()).into_iter().collect()
    }

    fn apply(_key: &str, row: Option<UnreadRow>, event: &Known) -> Result<Option<UnreadRow>, Poison> {
        let Event::Inbox(happened) = &event.event else { return Err(foreign(event)) };
        Ok(match left(happened) {
            Some(0) => None,
            Some(unread) => Some(UnreadRow { unread }),
            None => row,
        })
    }

    fn index(_key: &str, row: &UnreadRow) -> Vec<Value> {
        vec![row.unread.into()]
    }
}

/// What an event says of the number.
const fn left(happened: &inbox::Event) -> Option<u32> {
    match happened {
        inbox::Event::NotificationCreated { unread, .. }
        | inbox::Event::NotificationReleased { unread, .. }
        | inbox::Event::NotificationRead { unread, .. }
        | inbox::Event::AllNotificationsRead { unread, .. }
        | inbox::Event::NotificationArchived { unread, .. } => Some(*unread),
        inbox::Event::NotificationDeferred { .. } | inbox::Event::DeliverySucceeded { .. } | inbox::Event::DeliveryFailed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::models::notifications::tests::created;
    use crate::models::testing::{History, id};

    #[test]
    fn the_newest_event_says_how_many() {
        let (stream, key) = ("inbox-00000000-0000-0000-0000-000000000001", id::<domain::ids::User>(1).to_string());
        let history = History::default().on(stream, created(11, None, false, 1)).on(stream, created(12, None, false, 2));
        assert_eq!(history.row::<Unread>(&key), Some(UnreadRow { unread: 2 }));
        let delivered = inbox::Event::DeliverySucceeded { notification: id(11), channel: inbox::Channel::Push };
        let history = history.on(stream, Event::Inbox(delivered));
        assert_eq!(history.row::<Unread>(&key), Some(UnreadRow { unread: 2 }));
        let all = inbox::Event::AllNotificationsRead { notifications: vec![id(11), id(12)], unread: 0 };
        assert_eq!(history.on(stream, Event::Inbox(all)).row::<Unread>(&key), None);
    }
}
