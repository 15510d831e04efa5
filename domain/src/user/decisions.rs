//! The rules, each in the order in which domain.md §3.1 lists them.

use std::collections::BTreeSet;

use kernel::{At, Personal, Timestamp};

use super::{Account, Command, Event, Licence, LicenceStatus, MAX_NAME_CHARS, Refusal, Role, Standing};
use crate::ids::{UserId, user_of};
use crate::inbox::{MandatoryKind, Preferences};
use crate::text::{self, Email, PASSWORD_CHARS};

/// Longest name of terms of use, in characters.
const MAX_TERMS_CHARS: usize = 50;

/// What may be asked of nobody.
pub(super) fn of_nobody(command: Command) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Register { user, email, name, phone, role, password_chars } => register(user, &email, &name, &phone, role, password_chars),
        Command::VerifyEmail { .. } | Command::ConfirmEmailChange { .. } => Err(Refusal::CodeNotValid),
        Command::ResetPassword { password_chars, .. } => {
            fits(password_chars)?;
            Err(Refusal::CodeNotValid)
        }
        Command::VerifyPhone { .. }
        | Command::GrantRole { .. }
        | Command::RevokeRole { .. }
        | Command::SignOutEverywhere {}
        | Command::ChangePassword { .. }
        | Command::UpdateProfile { .. }
        | Command::SetImage { .. }
        | Command::RequestEmailChange { .. }
        | Command::Suspend { .. }
        | Command::Reactivate {}
        | Command::Deactivate {}
        | Command::RequestErasure { .. }
        | Command::BlockErasure { .. }
        | Command::Erase { .. }
        | Command::SubmitLicence { .. }
        | Command::VerifyLicence {}
        | Command::RejectLicence { .. }
        | Command::ExpireLicence {}
        | Command::AcceptTerms { .. }
        | Command::SetConsent { .. }
        | Command::SetPreferences { .. }
        | Command::SetQuietHours { .. } => Err(Refusal::Unknown),
    }
}

/// The rules of IAM-05, in the order in which they are listed (a taken address was refused before, by its claim).
fn register(user: UserId, email: &Email, name: &str, phone: &str, role: Role, password_chars: usize) -> Result<Vec<Event>, Refusal> {
    fits(password_chars)?;
    if !matches!(role, Role::Guest | Role::Host) {
        return Err(Refusal::RoleNotAllowed);
    }
    let name = text::name(name, MAX_NAME_CHARS).map_err(|_| Refusal::BadName)?;
    let phone = text::phone(phone).map_err(|_| Refusal::BadPhone)?;
    let registered = Event::UserRegistered {
        email: own(user, email.shown().to_owned()),
        name: own(user, name),
        phone: own(user, phone),
        credential_version: 1,
    };
    Ok(vec![registered, Event::RoleGranted { role }])
}

fn fits(password_chars: usize) -> Result<(), Refusal> {
    if PASSWORD_CHARS.contains(&password_chars) { Ok(()) } else { Err(Refusal::PasswordLength) }
}

fn own(user: UserId, text: String) -> Personal<String> {
    Personal::profile(user.uuid(), text)
}

impl Account {
    pub(super) fn new(email: Personal<String>, phone: Personal<String>, credential_version: u32) -> Self {
        Self {
            standing: Standing::Active,
            roles: BTreeSet::new(),
            email,
            new_email: None,
            phone,
            email_verified: false,
            phone_verified: false,
            session_epoch: 0,
            credential_version,
            licence: None,
            terms: None,
            consents: BTreeSet::new(),
            preferences: Preferences::default(),
            email_claim: None,
        }
    }

    pub(super) fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let oneself = user_of(&at.actor);
        match at.command {
            Command::Register { .. } => Err(Refusal::Exists),
            Command::VerifyEmail { expires_at, now_real } => {
                let usable = self.standing == Standing::Active && !self.email_verified && now_real < expires_at;
                if usable { Ok(vec![Event::EmailVerified {}]) } else { Err(Refusal::CodeNotValid) }
            }
            Command::VerifyPhone { code_fits } => {
                self.usable()?;
                if code_fits && !self.phone_verified { Ok(vec![Event::PhoneVerified {}]) } else { Err(Refusal::CodeNotValid) }
            }
            Command::GrantRole { user, role } => self.change_role(oneself == Some(user), role, true),
            Command::RevokeRole { user, role } => self.change_role(oneself == Some(user), role, false),
            Command::SignOutEverywhere {} => Ok(vec![self.next_epoch()]),
            Command::ChangePassword { known, password_chars } => {
                self.usable()?;
                if known { self.new_password(password_chars) } else { Err(Refusal::WrongPassword) }
            }
            Command::ResetPassword { replaces, password_chars } => {
                fits(password_chars)?;
                let usable = self.standing == Standing::Active && replaces == Some(self.credential_version);
                if usable { self.new_password(password_chars) } else { Err(Refusal::CodeNotValid) }
            }
            Command::UpdateProfile { user, name, phone } => self.update_profile(user, name.as_deref(), phone.as_deref()),
            Command::SetImage { upload, content_type } => {
                self.usable()?;
                Ok(vec![Event::ProfileImageSet { upload, content_type }])
            }
            Command::RequestEmailChange { user, email } => {
                self.usable()?;
                Ok(vec![Event::EmailChangeRequested { email: own(user, email.shown().to_owned()) }])
            }
            Command::ConfirmEmailChange { code_fits } => match &self.new_email {
                Some(email) if code_fits && self.standing == Standing::Active => Ok(vec![Event::EmailChanged { email: email.clone() }]),
                Some(_) | None => Err(Refusal::CodeNotValid),
            },
            Command::Suspend { reason } => self.close(Standing::Suspended, Event::UserSuspended { reason }),
            Command::Deactivate {} => self.close(Standing::Deactivated, Event::UserDeactivated {}),
            Command::Reactivate {} => {
                self.present()?;
                Ok(if self.standing == Standing::Active { vec![] } else { vec![Event::UserReactivated {}] })
            }
            Command::RequestErasure { email_claim } => match self.standing {
                Standing::Active | Standing::Suspended | Standing::Deactivated => {
                    Ok(vec![Event::UserErasureRequested { email_claim }, self.next_epoch()])
                }
                Standing::Erasing => Ok(vec![]),
                Standing::Erased => Err(Refusal::Unknown),
            },
            Command::BlockErasure { retry_at } => self.while_erasing(Event::UserErasureBlocked { retry_at }),
            Command::Erase { email_free_at, retained_until } => self.while_erasing(Event::UserErased { email_free_at, retained_until }),
            Command::SubmitLicence { user, number, expires_at } => self.submit_licence(user, &number, expires_at, at.now),
            Command::VerifyLicence {} => {
                let licence = self.licence_that_waits()?;
                if licence.expires_at <= at.now {
                    return Err(Refusal::LicenceOver);
                }
                Ok(vec![Event::DriverLicenceVerified { expires_at: licence.expires_at }])
            }
            Command::RejectLicence { reason } => {
                self.licence_that_waits()?;
                Ok(vec![Event::DriverLicenceRejected { reason }])
            }
            Command::ExpireLicence {} => {
                let over = |licence: &Licence| licence.status == LicenceStatus::Verified && licence.expires_at <= at.now;
                Ok(if self.licence.as_ref().is_some_and(over) { vec![Event::DriverLicenceExpired {}] } else { vec![] })
            }
            Command::AcceptTerms { version } => self.accept_terms(&version),
            Command::SetConsent { kind, granted } => {
                self.usable()?;
                Ok(match (self.consents.contains(&kind), granted) {
                    (false, true) => vec![Event::ConsentGranted { kind }],
                    (true, false) => vec![Event::ConsentWithdrawn { kind }],
                    (true, true) | (false, false) => vec![],
                })
            }
            Command::SetPreferences { choices, language } => {
                self.usable()?;
                let chosen = self.preferences.with(&choices).map_err(|MandatoryKind| Refusal::MandatoryKind)?;
                Ok(self.prefer(Preferences { language: language.unwrap_or(chosen.language), ..chosen }))
            }
            Command::SetQuietHours { quiet } => {
                self.usable()?;
                Ok(self.prefer(Preferences { quiet, ..self.preferences.clone() }))
            }
        }
    }

    fn prefer(&self, preferences: Preferences) -> Vec<Event> {
        if preferences == self.preferences { vec![] } else { vec![Event::PreferencesSet { preferences }] }
    }

    /// An account that may be used by its person.
    fn usable(&self) -> Result<(), Refusal> {
        match self.standing {
            Standing::Active => Ok(()),
            Standing::Suspended | Standing::Deactivated | Standing::Erasing => Err(Refusal::NotActive),
            Standing::Erased => Err(Refusal::Unknown),
        }
    }

    /// An account that an administrator may change.
    fn present(&self) -> Result<(), Refusal> {
        match self.standing {
            Standing::Active | Standing::Suspended | Standing::Deactivated => Ok(()),
            Standing::Erasing => Err(Refusal::Leaving),
            Standing::Erased => Err(Refusal::Unknown),
        }
    }

    fn next_epoch(&self) -> Event {
        Event::SessionsRevoked { epoch: self.session_epoch.saturating_add(1) }
    }

    fn change_role(&self, own: bool, role: Role, grant: bool) -> Result<Vec<Event>, Refusal> {
        self.present()?;
        if own {
            return Err(Refusal::RoleNotAllowed);
        }
        Ok(match (self.roles.contains(&role), grant) {
            (false, true) => vec![Event::RoleGranted { role }],
            (true, false) => vec![Event::RoleRevoked { role }],
            (true, true) | (false, false) => vec![],
        })
    }

    fn new_password(&self, password_chars: usize) -> Result<Vec<Event>, Refusal> {
        fits(password_chars)?;
        Ok(vec![Event::PasswordChanged { credential_version: self.credential_version.saturating_add(1) }, self.next_epoch()])
    }

    fn update_profile(&self, user: UserId, name: Option<&str>, phone: Option<&str>) -> Result<Vec<Event>, Refusal> {
        self.present()?;
        let name = name.map(|name| text::name(name, MAX_NAME_CHARS)).transpose().map_err(|_| Refusal::BadName)?;
        let phone = phone.map(text::phone).transpose().map_err(|_| Refusal::BadPhone)?;
        if name.is_none() && phone.is_none() {
            return Ok(vec![]);
        }
        Ok(vec![Event::ProfileUpdated { name: name.map(|name| own(user, name)), phone: phone.map(|phone| own(user, phone)) }])
    }

    fn close(&self, to: Standing, closed: Event) -> Result<Vec<Event>, Refusal> {
        self.present()?;
        Ok(if self.standing == to { vec![] } else { vec![closed, self.next_epoch()] })
    }

    fn while_erasing(&self, event: Event) -> Result<Vec<Event>, Refusal> {
        Ok(if self.standing == Standing::Erasing { vec![event] } else { vec![] })
    }

    fn submit_licence(&self, user: UserId, number: &str, expires_at: Timestamp, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        self.usable()?;
        let number = text::licence_number(number).map_err(|_| Refusal::BadLicence)?;
        if expires_at <= now {
            return Err(Refusal::LicenceOver);
        }
        Ok(vec![Event::DriverLicenceSubmitted { number: own(user, number), expires_at }])
    }

    fn licence_that_waits(&self) -> Result<Licence, Refusal> {
        self.present()?;
        self.licence.filter(|licence| licence.status == LicenceStatus::Submitted).ok_or(Refusal::NoLicence)
    }

    fn accept_terms(&self, version: &str) -> Result<Vec<Event>, Refusal> {
        self.usable()?;
        let version = text::line(version, MAX_TERMS_CHARS).map_err(|_| Refusal::BadTerms)?;
        Ok(if self.terms.as_ref() == Some(&version) { vec![] } else { vec![Event::TermsAccepted { version }] })
    }

    /// The account after one more event.
    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::UserRegistered { .. } | Event::ProfileImageSet { .. } | Event::UserErasureBlocked { .. } => {}
            Event::RoleGranted { role } => {
                self.roles.insert(*role);
            }
            Event::RoleRevoked { role } => {
                self.roles.remove(role);
            }
            Event::EmailVerified {} => self.email_verified = true,
            Event::PhoneVerified {} => self.phone_verified = true,
            Event::SessionsRevoked { epoch } => self.session_epoch = *epoch,
            Event::PasswordChanged { credential_version } => self.credential_version = *credential_version,
            Event::ProfileUpdated { phone, name: _ } => {
                if let Some(phone) = phone {
                    self.phone = phone.clone();
                    self.phone_verified = false;
                }
            }
            Event::EmailChangeRequested { email } => self.new_email = Some(email.clone()),
            Event::EmailChanged { email } => {
                self.email = email.clone();
                self.new_email = None;
                self.email_verified = true;
            }
            Event::UserSuspended { .. } => self.standing = Standing::Suspended,
            Event::UserReactivated {} => self.standing = Standing::Active,
            Event::UserDeactivated {} => self.standing = Standing::Deactivated,
            Event::UserErasureRequested { email_claim } => {
                self.standing = Standing::Erasing;
                self.email_claim = Some(email_claim.clone());
            }
            Event::UserErased { .. } => self.forget(),
            Event::DriverLicenceSubmitted { expires_at, number: _ } => {
                self.licence = Some(Licence { status: LicenceStatus::Submitted, expires_at: *expires_at });
            }
            Event::DriverLicenceVerified { .. } => self.licence_is(LicenceStatus::Verified),
            Event::DriverLicenceRejected { .. } => self.licence_is(LicenceStatus::Rejected),
            Event::DriverLicenceExpired {} => self.licence_is(LicenceStatus::Expired),
            Event::TermsAccepted { version } => self.terms = Some(version.clone()),
            Event::ConsentGranted { kind } => {
                self.consents.insert(*kind);
            }
            Event::ConsentWithdrawn { kind } => {
                self.consents.remove(kind);
            }
            Event::PreferencesSet { preferences } => self.preferences = preferences.clone(),
        }
    }

    fn licence_is(&mut self, status: LicenceStatus) {
        if let Some(licence) = &mut self.licence {
            licence.status = status;
        }
    }

    /// Also what is still open in memory goes.
    fn forget(&mut self) {
        self.standing = Standing::Erased;
        (self.email, self.phone, self.new_email) = (Personal::Erased {}, Personal::Erased {}, None);
        (self.licence, self.consents, self.preferences) = (None, BTreeSet::new(), Preferences::default());
        self.roles = BTreeSet::new();
    }
}
