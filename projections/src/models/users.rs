//! Who has an account: the source of `User` and `me`.

use std::collections::BTreeSet;

use domain::ids::UserId;
use domain::user::{self, Role};
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, existing, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per user; the key is the user's id.
#[derive(Debug)]
pub struct Users;

/// A user as clients see one. Personal values stay as the event holds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserRow {
    /// Whose account.
    pub id: UserId,
    /// Name.
    pub name: Personal<String>,
    /// Address as written.
    pub email: Personal<String>,
    /// Digits, or E.164.
    pub phone: Personal<String>,
    /// Roles held.
    pub roles: BTreeSet<Role>,
    /// Was the address proved?
    pub email_verified: bool,
    /// Business time of the registration.
    pub created_at: Timestamp,
}

impl ReadModel for Users {
    const NAME: &'static str = "users";
    const VERSION: u32 = 1;
    type Row = UserRow;

    fn columns() -> &'static [Column] {
        const { &[Column::timestamp("created_at")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::User(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<UserRow>, event: &Known) -> Result<Option<UserRow>, Poison> {
        let Event::User(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            user::Event::UserRegistered { email, name, phone, credential_version: _ } => {
                let registered = UserRow {
                    id: own_id(event)?,
                    name: name.clone(),
                    email: email.clone(),
                    phone: phone.clone(),
                    roles: BTreeSet::new(),
                    email_verified: false,
                    created_at: event.recorded.occurred_at,
                };
                begin(row, event, registered)
            }
            user::Event::RoleGranted { role } => change(row, event, |row| {
                row.roles.insert(*role);
            }),
            user::Event::EmailVerified {} => change(row, event, |row| row.email_verified = true),
            // Sessions are no part of the row.
            user::Event::SessionsRevoked { .. } => existing(row, event).map(Some),
        }
    }

    fn index(_key: &str, row: &UserRow) -> Vec<Value> {
        vec![row.created_at.into()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use crate::models::testing::{History, at, id, person};

    fn registered(user: UserId) -> Event {
        let (email, name, phone) = (person(user, "a@example.com"), person(user, "Ada"), person(user, "01012345678"));
        Event::User(user::Event::UserRegistered { email, name, phone, credential_version: 1 })
    }

    #[test]
    fn a_registration_with_its_roles_and_proof() {
        let user = id(1);
        let history = History::default()
            .on(user, registered(user))
            .on(user, Event::User(user::Event::RoleGranted { role: Role::Host }))
            .on(user, Event::User(user::Event::EmailVerified {}))
            .on(user, Event::User(user::Event::SessionsRevoked { epoch: 1 }));
        let row = history.row::<Users>(&user.to_string()).unwrap();
        assert_eq!((row.id, row.created_at, row.email_verified), (user, at(1), true));
        assert_eq!((row.roles.len(), row.name.sealed().map(|name| &*name.bytes)), (1, Some("Ada")));
        assert_eq!(Users::index("", &row), [Value::Timestamp(at(1))]);
    }

    #[test]
    fn what_makes_no_sense_is_a_poison() {
        let user = id(1);
        assert!(History::default().on(user, Event::User(user::Event::EmailVerified {})).is_poison::<Users>());
        assert!(History::default().on(user, registered(user)).on(user, registered(user)).is_poison::<Users>());
    }
}
