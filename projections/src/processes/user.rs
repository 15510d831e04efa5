//! Accounts: people who leave are forgotten step by step, and licences come to their end (domain.md §7).

use domain::ids::UserId;
use domain::user::Event as E;

use super::{Call, Intent, Reactions, id_of};
use crate::Known;
use crate::process::{Process, Reaction};

/// Carries out erasures and watches the ends of driver's licences.
#[derive(Debug)]
pub struct Accounts;

impl Process for Accounts {
    const NAME: &'static str = "accounts";
    type Intent = Intent;
    type Call = Call;

    fn react(event: &Known) -> Reactions {
        let domain::Event::User(happened) = &event.event else { return Vec::new() };
        let Some(user) = id_of(event).map(UserId::new) else { return Vec::new() };
        let timer = |what: &str, due, intent| Reaction::Timer { key: format!("{what}:{user}"), due, intent };
        match happened {
            E::UserErasureRequested { .. } => vec![Reaction::Command(Intent::EraseUser { user })],
            E::UserErasureBlocked { retry_at } => vec![timer("erase", *retry_at, Intent::EraseUser { user })],
            E::UserErased { email_free_at, retained_until } => vec![
                timer("email", *email_free_at, Intent::ReleaseEmail { user }),
                timer("retained", *retained_until, Intent::EraseRetained { user }),
                Reaction::CancelTimer { key: format!("licence:{user}") },
            ],
            E::DriverLicenceVerified { expires_at } => vec![timer("licence", *expires_at, Intent::ExpireLicence { user })],
            E::DriverLicenceSubmitted { .. } => vec![Reaction::CancelTimer { key: format!("licence:{user}") }],
            E::UserRegistered { .. }
            | E::RoleGranted { .. }
            | E::RoleRevoked { .. }
            | E::EmailVerified {}
            | E::PhoneVerified {}
            | E::SessionsRevoked { .. }
            | E::PasswordChanged { .. }
            | E::ProfileUpdated { .. }
            | E::ProfileImageSet { .. }
            | E::EmailChangeRequested { .. }
            | E::EmailChanged { .. }
            | E::UserSuspended { .. }
            | E::UserReactivated {}
            | E::UserDeactivated {}
            | E::DriverLicenceRejected { .. }
            | E::DriverLicenceExpired {}
            | E::TermsAccepted { .. }
            | E::ConsentGranted { .. }
            | E::ConsentWithdrawn { .. }
            | E::PreferencesSet { .. } => Vec::new(),
        }
    }
}
