//! Signed-in devices: the source of `mySessions`. Whether a session counts is the log's to say; this shows people theirs.

use domain::ids::{SessionId, UserId};
use domain::session::{self, RevokeReason};
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, existing, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per session; the key is the session's id.
#[derive(Debug)]
pub struct Sessions;

/// A session as its user sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// It is over when the user's epoch is a later one.
    pub epoch: u32,
    /// What the device calls itself.
    pub device: Option<Personal<String>>,
    /// Real time of the sign-in.
    pub started_at: Timestamp,
    /// Real time at which its token was renewed last.
    pub refreshed_at: Timestamp,
    /// Real time at which its token stops working.
    pub expires_at: Timestamp,
    /// Why it ended before its time, if it did.
    pub revoked: Option<RevokeReason>,
}

impl ReadModel for Sessions {
    const NAME: &'static str = "sessions";
    const VERSION: u32 = 1;
    type Row = SessionRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::uuid("owner").indexed(),
                Column::bigint("epoch"),
                Column::bool("revoked"),
                Column::timestamp("started_at"),
                Column::timestamp("expires_at"),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Session(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<SessionRow>, event: &Known) -> Result<Option<SessionRow>, Poison> {
        let Event::Session(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            session::Event::SessionStarted { user, epoch, device, generation: _, started_at, expires_at } => {
                let started = SessionRow {
                    id: own_id(event)?,
                    user: *user,
                    epoch: *epoch,
                    device: device.clone(),
                    started_at: *started_at,
                    refreshed_at: *started_at,
                    expires_at: *expires_at,
                    revoked: None,
                };
                begin(row, event, started)
            }
            session::Event::SessionRefreshed { generation: _, refreshed_at, expires_at } => change(row, event, |row| {
                (row.refreshed_at, row.expires_at) = (*refreshed_at, *expires_at);
            }),
            session::Event::SessionKept { epoch } => change(row, event, |row| row.epoch = *epoch),
            session::Event::SessionRevoked { reason } => change(row, event, |row| row.revoked = Some(*reason)),
            // What follows from it is an event of its own.
            session::Event::SessionReuseDetected { .. } => existing(row, event).map(Some),
        }
    }

    fn index(_key: &str, row: &SessionRow) -> Vec<Value> {
        vec![row.user.into(), row.epoch.into(), row.revoked.is_some().into(), row.started_at.into(), row.expires_at.into()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::models::testing::{History, at, id, person};

    fn started() -> Event {
        let device = Some(person(id::<domain::ids::User>(1), "Pixel 11"));
        let (started_at, expires_at) = (at(1), at(9));
        Event::Session(session::Event::SessionStarted { user: id(1), epoch: 0, device, generation: 1, started_at, expires_at })
    }

    #[test]
    fn a_session_is_renewed_kept_and_revoked() {
        let session: SessionId = id(2);
        let refreshed = session::Event::SessionRefreshed { generation: 2, refreshed_at: at(2), expires_at: at(10) };
        let history = History::default()
            .on(session, started())
            .on(session, Event::Session(refreshed))
            .on(session, Event::Session(session::Event::SessionKept { epoch: 1 }))
            .on(session, Event::Session(session::Event::SessionReuseDetected { presented: 1, current: 2 }));
        let row = history.row::<Sessions>(&session.to_string()).unwrap();
        assert_eq!((row.epoch, row.refreshed_at, row.expires_at, row.revoked), (1, at(2), at(10), None));
        let ended = history.on(session, Event::Session(session::Event::SessionRevoked { reason: RevokeReason::TokenReused }));
        assert_eq!(ended.row::<Sessions>(&session.to_string()).unwrap().revoked, Some(RevokeReason::TokenReused));
    }

    #[test]
    fn what_makes_no_sense_is_a_poison() {
        let session: SessionId = id(2);
        assert!(History::default().on(session, started()).on(session, started()).is_poison::<Sessions>());
        let kept = Event::Session(session::Event::SessionKept { epoch: 1 });
        assert!(History::default().on(session, kept).is_poison::<Sessions>());
    }
}
