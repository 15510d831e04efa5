//! Whose payouts finance holds, and why: the source of `payoutHolds`.

use domain::ids::{SettlementId, UserId};
use domain::payable;
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{change, foreign, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per host whose payouts were ever held; the key is the stream of their payable.
#[derive(Debug)]
pub struct PayoutHolds;

/// The newest hold of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PayoutHoldRow {
    /// Whose.
    pub host: UserId,
    /// Who said so.
    pub held_by: UserId,
    /// Why.
    pub reason: Personal<String>,
    /// Since when.
    pub held_at: Timestamp,
    /// Batches whose payout waits for the release.
    pub waiting: Vec<SettlementId>,
    /// Who released it.
    pub released_by: Option<UserId>,
    /// Why.
    pub release_reason: Option<Personal<String>>,
    /// When.
    pub released_at: Option<Timestamp>,
}

impl ReadModel for PayoutHolds {
    const NAME: &'static str = "payout_holds";
    const VERSION: u32 = 1;
    type Row = PayoutHoldRow;

    fn columns() -> &'static [Column] {
        const { &[Column::bool("held").indexed(), Column::timestamp("held_at")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        use payable::Event as E;
        match &event.event {
            Event::Payable(E::PayoutHeld { .. } | E::PayoutHeldBack { .. } | E::PayoutReleased { .. }) => own_key(event),
            _ => Vec::new(),
        }
    }

    fn apply(_key: &str, row: Option<PayoutHoldRow>, event: &Known) -> Result<Option<PayoutHoldRow>, Poison> {
        use payable::Event as E;
        let Event::Payable(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            E::PayoutHeld { host, by, reason, at } => Ok(Some(PayoutHoldRow {
                host: *host,
                held_by: *by,
                reason: reason.clone(),
                held_at: *at,
                waiting: Vec::new(),
                released_by: None,
                release_reason: None,
                released_at: None,
            })),
            E::PayoutHeldBack { settlement } => change(row, event, |row| row.waiting.push(*settlement)),
            E::PayoutReleased { by, reason, at, .. } => change(row, event, |row| {
                row.waiting.clear();
                (row.released_by, row.release_reason, row.released_at) = (Some(*by), Some(reason.clone()), Some(*at));
            }),
            E::EarningCredited { .. }
            | E::EarningReversed { .. }
            | E::LinesClaimed { .. }
            | E::LinesReleased { .. }
            | E::LinesOffset { .. }
            | E::PayoutReserved { .. }
            | E::PayoutClosed { .. }
            | E::Recredited { .. } => Err(foreign(event)),
        }
    }

    fn index(_key: &str, row: &PayoutHoldRow) -> Vec<Value> {
        vec![row.released_at.is_none().into(), row.held_at.into()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use payable::Event as E;

    use super::*;
    use crate::models::testing::{History, at, id, person};

    #[test]
    fn a_hold_remembers_who_and_why_until_the_next_one() {
        let (host, by, second): (UserId, UserId, UserId) = (id(13), id(50), id(51));
        let stream = "payable-00000000-0000-0000-0000-00000000000d";
        let held = || Event::Payable(E::PayoutHeld { host, by, reason: person(by, "account"), at: at(1) });
        let waits = Event::Payable(E::PayoutHeldBack { settlement: id(1) });
        let reason = person(second, "checked");
        let released = Event::Payable(E::PayoutReleased { host, by: second, reason, settlements: vec![id(1)], at: at(3) });
        let history = History::default().on(stream, held()).on(stream, waits);
        let row = history.row::<PayoutHolds>(stream).unwrap();
        assert_eq!((row.waiting.len(), row.released_at), (1, None));
        let history = history.on(stream, released);
        let row = history.row::<PayoutHolds>(stream).unwrap();
        assert_eq!((row.waiting.len(), row.released_by, row.released_at), (0, Some(second), Some(at(3))));
        let row = history.on(stream, held()).row::<PayoutHolds>(stream).unwrap();
        assert_eq!(row.released_at, None);
    }
}
