//! Traders' keys of exchanges: the source of `myExchangeKeys`.

use domain::exchange_key;
use domain::ids::{ExchangeKeyId, UserId};
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per registered key; the key of the row is its id.
#[derive(Debug)]
pub struct ExchangeKeys;

/// A registered key as its owner sees it: never the key itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExchangeKeyRow {
    /// Which.
    pub id: ExchangeKeyId,
    /// Whose.
    pub user: UserId,
    /// Of which exchange.
    pub exchange: String,
    /// The key's last four characters.
    pub last4: Personal<String>,
    /// Is it a key for play money?
    pub is_testnet: bool,
    /// Is it in use?
    pub active: bool,
    /// Business time at which it was registered.
    pub created_at: Timestamp,
    /// Business time at which another took its place.
    pub rotated_at: Option<Timestamp>,
}

impl ReadModel for ExchangeKeys {
    const NAME: &'static str = "exchange_keys";
    const VERSION: u32 = 1;
    type Row = ExchangeKeyRow;

    fn columns() -> &'static [Column] {
        const { &[Column::uuid("owner").indexed(), Column::bool("active"), Column::timestamp("created_at")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::ExchangeKey(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<ExchangeKeyRow>, event: &Known) -> Result<Option<ExchangeKeyRow>, Poison> {
        let Event::ExchangeKey(happened) = &event.event else { return Err(foreign(event)) };
        let at = event.recorded.occurred_at;
        match happened {
            exchange_key::Event::ExchangeKeyRegistered { user, exchange, fingerprint: _, last4, vault_ref: _, is_testnet } => {
                let registered = ExchangeKeyRow {
                    id: own_id(event)?,
                    user: *user,
                    exchange: exchange.clone(),
                    last4: last4.clone(),
                    is_testnet: *is_testnet,
                    active: true,
                    created_at: at,
                    rotated_at: None,
                };
                begin(row, event, registered)
            }
            exchange_key::Event::ExchangeKeyRotated { fingerprint: _, last4 } => change(row, event, |row| {
                (row.last4, row.rotated_at) = (last4.clone(), Some(at));
            }),
            exchange_key::Event::ExchangeKeyDeactivated {} => change(row, event, |row| row.active = false),
        }
    }

    fn index(_key: &str, row: &ExchangeKeyRow) -> Vec<Value> {
        vec![row.user.into(), row.active.into(), row.created_at.into()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::models::testing::{History, at, id, person};

    #[test]
    fn a_key_is_registered_rotated_and_ended() {
        let key: ExchangeKeyId = id(2);
        let registered = Event::ExchangeKey(exchange_key::Event::ExchangeKeyRegistered {
            user: id(1),
            exchange: "binance".to_owned(),
            fingerprint: "f1".to_owned(),
            last4: person(id::<domain::ids::User>(1), "9f3a"),
            vault_ref: "xkey:2".to_owned(),
            is_testnet: true,
        });
        let rotated =
            exchange_key::Event::ExchangeKeyRotated { fingerprint: "f2".to_owned(), last4: person(id::<domain::ids::User>(1), "beef") };
        let history = History::default().on(key, registered).on(key, Event::ExchangeKey(rotated));
        let row = history.row::<ExchangeKeys>(&key.to_string()).unwrap();
        assert_eq!((row.active, row.rotated_at), (true, Some(at(2))));
        assert_eq!(row.last4.sealed().map(|sealed| &*sealed.bytes), Some("beef"));
        let ended = Event::ExchangeKey(exchange_key::Event::ExchangeKeyDeactivated {});
        assert!(!history.on(key, ended.clone()).row::<ExchangeKeys>(&key.to_string()).unwrap().active);
        assert!(History::default().on(key, ended).is_poison::<ExchangeKeys>());
    }
}
