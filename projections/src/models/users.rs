//! Who has an account: the source of `User` and `me`.

use std::collections::BTreeSet;

use domain::ids::{UploadId, UserId};
use domain::inbox::Preferences;
use domain::upload::ContentType;
use domain::user::{self, ConsentKind, LicenceStatus, Role, Standing};
use kernel::{Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign, own_id, own_key};
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
    /// Was the telephone number proved?
    pub phone_verified: bool,
    /// The address that waits to be proved.
    pub new_email: Option<Personal<String>>,
    /// Their picture.
    pub image: Option<ProfileImage>,
    /// May the account be used?
    pub standing: Standing,
    /// Why an administrator locked it, while it is.
    pub suspended_for: Option<Personal<String>>,
    /// Sessions of an earlier epoch are over.
    pub session_epoch: u32,
    /// The newest driver's licence.
    pub licence: Option<LicenceRow>,
    /// The terms that were agreed to last.
    pub terms: Option<AcceptedTerms>,
    /// What was agreed to.
    pub consents: BTreeSet<ConsentKind>,
    /// What the person wants to be told, by which way and when.
    pub preferences: Preferences,
    /// Business time of the registration.
    pub created_at: Timestamp,
}

/// A picture of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileImage {
    /// Where its bytes are.
    pub upload: UploadId,
    /// Its format.
    pub content_type: ContentType,
}

/// A driver's licence as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenceRow {
    /// Its number.
    pub number: Personal<String>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub status: LicenceStatus,
    /// Why it is not good, when it is not.
    pub rejected_for: Option<Personal<String>>,
}

/// Terms of use that a person agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedTerms {
    /// Which ones.
    pub version: String,
    /// Business time.
    pub at: Timestamp,
}

impl UserRow {
    /// The roles as the column `roles` has them: each between two bars.
    fn role_list(&self) -> String {
        self.roles.iter().fold("|".to_owned(), |list, role| list + role.name() + "|")
    }

    fn advance(&mut self, happened: &user::Event, at: Timestamp) {
        match happened {
            user::Event::UserRegistered { .. } | user::Event::PasswordChanged { .. } | user::Event::UserErasureBlocked { .. } => {}
            user::Event::RoleGranted { role } => _ = self.roles.insert(*role),
            user::Event::RoleRevoked { role } => _ = self.roles.remove(role),
            user::Event::EmailVerified {} => self.email_verified = true,
            user::Event::PhoneVerified {} => self.phone_verified = true,
            user::Event::SessionsRevoked { epoch } => self.session_epoch = *epoch,
            user::Event::ProfileUpdated { name, phone } => {
                if let Some(name) = name {
                    self.name = name.clone();
                }
                if let Some(phone) = phone {
                    (self.phone, self.phone_verified) = (phone.clone(), false);
                }
            }
            user::Event::ProfileImageSet { upload, content_type } => {
                self.image = Some(ProfileImage { upload: *upload, content_type: *content_type });
            }
            user::Event::EmailChangeRequested { email } => self.new_email = Some(email.clone()),
            user::Event::EmailChanged { email } => {
                (self.email, self.email_verified, self.new_email) = (email.clone(), true, None);
            }
            user::Event::UserSuspended { reason } => {
                (self.standing, self.suspended_for) = (Standing::Suspended, Some(reason.clone()));
            }
            user::Event::UserReactivated {} => (self.standing, self.suspended_for) = (Standing::Active, None),
            user::Event::UserDeactivated {} => (self.standing, self.suspended_for) = (Standing::Deactivated, None),
            user::Event::UserErasureRequested { .. } => self.standing = Standing::Erasing,
            user::Event::UserErased { .. } => {
                (self.standing, self.email_verified, self.phone_verified) = (Standing::Erased, false, false);
                (self.image, self.new_email, self.licence) = (None, None, None);
                self.roles.clear();
                self.consents.clear();
                self.preferences = Preferences::default();
            }
            user::Event::DriverLicenceSubmitted { number, expires_at } => {
                let (number, status) = (number.clone(), LicenceStatus::Submitted);
                self.licence = Some(LicenceRow { number, expires_at: *expires_at, status, rejected_for: None });
            }
            user::Event::DriverLicenceVerified { .. } => self.licence_is(LicenceStatus::Verified, None),
            user::Event::DriverLicenceRejected { reason } => self.licence_is(LicenceStatus::Rejected, Some(reason.clone())),
            user::Event::DriverLicenceExpired {} => self.licence_is(LicenceStatus::Expired, None),
            user::Event::TermsAccepted { version } => self.terms = Some(AcceptedTerms { version: version.clone(), at }),
            user::Event::ConsentGranted { kind } => _ = self.consents.insert(*kind),
            user::Event::ConsentWithdrawn { kind } => _ = self.consents.remove(kind),
            user::Event::PreferencesSet { preferences } => self.preferences = preferences.clone(),
        }
    }

    fn licence_is(&mut self, status: LicenceStatus, rejected_for: Option<Personal<String>>) {
        if let Some(licence) = &mut self.licence {
            (licence.status, licence.rejected_for) = (status, rejected_for);
        }
    }
}

impl ReadModel for Users {
    const NAME: &'static str = "users";
    const VERSION: u32 = 3;
    type Row = UserRow;

    fn columns() -> &'static [Column] {
        const { &[Column::timestamp("created_at"), Column::text("roles").searched(), Column::text("standing"), Column::uuid("id").indexed()] }
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
                    phone_verified: false,
                    new_email: None,
                    image: None,
                    standing: Standing::Active,
                    suspended_for: None,
                    session_epoch: 0,
                    licence: None,
                    terms: None,
                    consents: BTreeSet::new(),
                    preferences: Preferences::default(),
                    created_at: event.recorded.occurred_at,
                };
                begin(row, event, registered)
            }
            user::Event::RoleGranted { .. }
            | user::Event::RoleRevoked { .. }
            | user::Event::EmailVerified {}
            | user::Event::PhoneVerified {}
            | user::Event::SessionsRevoked { .. }
            | user::Event::PasswordChanged { .. }
            | user::Event::ProfileUpdated { .. }
            | user::Event::ProfileImageSet { .. }
            | user::Event::EmailChangeRequested { .. }
            | user::Event::EmailChanged { .. }
            | user::Event::UserSuspended { .. }
            | user::Event::UserReactivated {}
            | user::Event::UserDeactivated {}
            | user::Event::UserErasureRequested { .. }
            | user::Event::UserErasureBlocked { .. }
            | user::Event::UserErased { .. }
            | user::Event::DriverLicenceSubmitted { .. }
            | user::Event::DriverLicenceVerified { .. }
            | user::Event::DriverLicenceRejected { .. }
            | user::Event::DriverLicenceExpired {}
            | user::Event::TermsAccepted { .. }
            | user::Event::ConsentGranted { .. }
            | user::Event::ConsentWithdrawn { .. }
            | user::Event::PreferencesSet { .. } => change(row, event, |row| row.advance(happened, event.recorded.occurred_at)),
        }
    }

    fn index(_key: &str, row: &UserRow) -> Vec<Value> {
        vec![row.created_at.into(), row.role_list().into(), row.standing.name().into(), row.id.into()]
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
        assert_eq!(Users::index("", &row), [Value::Timestamp(at(1)), "|host|".into(), "active".into(), user.into()]);
        assert_eq!(row.session_epoch, 1);
    }

    #[test]
    fn a_life_from_proof_to_erasure() {
        let user = id(1);
        let event = |event: user::Event| Event::User(event);
        let history = History::default()
            .on(user, registered(user))
            .on(user, event(user::Event::PhoneVerified {}))
            .on(user, event(user::Event::ProfileUpdated { name: Some(person(user, "Eve")), phone: None }))
            .on(user, event(user::Event::EmailChangeRequested { email: person(user, "b@example.com") }))
            .on(user, event(user::Event::EmailChanged { email: person(user, "b@example.com") }))
            .on(user, event(user::Event::DriverLicenceSubmitted { number: person(user, "11"), expires_at: at(99) }))
            .on(user, event(user::Event::DriverLicenceVerified { expires_at: at(99) }))
            .on(user, event(user::Event::TermsAccepted { version: "1".to_owned() }))
            .on(user, event(user::Event::ConsentGranted { kind: ConsentKind::Location }));
        let row = history.row::<Users>(&user.to_string()).unwrap();
        assert!(row.email_verified && row.phone_verified && row.new_email.is_none());
        let shown = |value: &Personal<String>| value.sealed().map(|sealed| sealed.bytes.to_string());
        assert_eq!((shown(&row.name).as_deref(), shown(&row.email).as_deref()), (Some("Eve"), Some("b@example.com")));
        assert_eq!(row.licence.as_ref().map(|licence| licence.status), Some(LicenceStatus::Verified));
        assert_eq!((row.terms.as_ref().map(|terms| terms.at), row.consents.len()), (Some(at(8)), 1));
        let locked = history.on(user, event(user::Event::UserSuspended { reason: person(user, "why") }));
        let row = locked.row::<Users>(&user.to_string()).unwrap();
        assert_eq!((row.standing, row.suspended_for.is_some()), (Standing::Suspended, true));
        let gone = locked
            .on(user, event(user::Event::UserErasureRequested { email_claim: "c".to_owned() }))
            .on(user, event(user::Event::UserErased { email_free_at: at(99), retained_until: at(99) }));
        let row = gone.row::<Users>(&user.to_string()).unwrap();
        assert_eq!((row.standing, row.licence, row.consents.len()), (Standing::Erased, None, 0));
    }

    #[test]
    fn what_makes_no_sense_is_a_poison() {
        let user = id(1);
        assert!(History::default().on(user, Event::User(user::Event::EmailVerified {})).is_poison::<Users>());
        assert!(History::default().on(user, registered(user)).on(user, registered(user)).is_poison::<Users>());
    }
}
