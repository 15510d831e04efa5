//! Keys of programs: the source of `myApiKeys`.

use std::collections::BTreeSet;

use domain::api_key;
use domain::ids::{ApiKeyId, UserId};
use domain::user::Role;
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per key; the key of the row is the key's id.
#[derive(Debug)]
pub struct ApiKeys;

/// A key as its owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiKeyRow {
    /// Which.
    pub id: ApiKeyId,
    /// Whose.
    pub user: UserId,
    /// What it is for.
    pub label: Personal<String>,
    /// Its first characters.
    pub prefix: String,
    /// The roles in which it may act.
    pub scopes: BTreeSet<Role>,
    /// Real time at which it stops working.
    pub expires_at: Option<Timestamp>,
    /// Was it ended?
    pub revoked: bool,
    /// Business time at which it was made.
    pub created_at: Timestamp,
}

impl ReadModel for ApiKeys {
    const NAME: &'static str = "api_keys";
    const VERSION: u32 = 1;
    type Row = ApiKeyRow;

    fn columns() -> &'static [Column] {
        const { &[Column::uuid("owner").indexed(), Column::bool("revoked"), Column::timestamp("created_at")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::ApiKey(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<ApiKeyRow>, event: &Known) -> Result<Option<ApiKeyRow>, Poison> {
        let Event::ApiKey(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            api_key::Event::ApiKeyIssued { user, label, prefix, digest_ref: _, scopes, expires_at } => {
                let issued = ApiKeyRow {
                    id: own_id(event)?,
                    user: *user,
                    label: label.clone(),
                    prefix: prefix.clone(),
                    scopes: scopes.clone(),
                    expires_at: *expires_at,
                    revoked: false,
                    created_at: event.recorded.occurred_at,
                };
                begin(row, event, issued)
            }
            api_key::Event::ApiKeyRevoked {} => change(row, event, |row| row.revoked = true),
        }
    }

    fn index(_key: &str, row: &ApiKeyRow) -> Vec<Value> {
        vec![row.user.into(), row.revoked.into(), row.created_at.into()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::models::testing::{History, at, id, person};

    #[test]
    fn a_key_is_made_and_ended() {
        let key: ApiKeyId = id(2);
        let issued = Event::ApiKey(api_key::Event::ApiKeyIssued {
            user: id(1),
            label: person(id::<domain::ids::User>(1), "books"),
            prefix: "dbk_1".to_owned(),
            digest_ref: "apikey:2".to_owned(),
            scopes: BTreeSet::from([Role::Host]),
            expires_at: None,
        });
        let history = History::default().on(key, issued);
        let row = history.row::<ApiKeys>(&key.to_string()).unwrap();
        assert_eq!((row.user, row.revoked, row.created_at), (id(1), false, at(1)));
        let revoked = Event::ApiKey(api_key::Event::ApiKeyRevoked {});
        assert!(history.on(key, revoked.clone()).row::<ApiKeys>(&key.to_string()).unwrap().revoked);
        assert!(History::default().on(key, revoked).is_poison::<ApiKeys>());
    }
}
