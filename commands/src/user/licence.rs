//! Driver's licences, terms of use and consents.

use domain::ids::UserId;
use domain::user::{self, ConsentKind, User};
use eventlog::{ExecuteError, Executed, Session, Stop};
use kernel::Timestamp;
use serde::Serialize;

use super::closing::known;
use super::{OfUser, on_own};
use crate::access::{self, Denied};
use crate::{Caller, Context};

/// Input of [`submit_licence`].
#[derive(Clone, Serialize)]
pub struct SubmitLicence {
    /// Its number as typed.
    pub number: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Shows a driver's licence.
///
/// # Errors
/// SYS003, AUTH007; or the log's.
pub async fn submit_licence(ctx: &Context, caller: &Caller, input: &SubmitLicence) -> Result<Executed<UserId>, ExecuteError> {
    let command = |user| user::Command::SubmitLicence { user, number: input.number.clone(), expires_at: input.expires_at };
    on_own(ctx, "submitDriverLicence", caller, input, command).await
}

/// Says that a licence is good. That support asks is checked before; nobody looks at their own.
///
/// # Errors
/// USER001, AUTH010 for one's own, SYS006 when none waits, SYS003 when it has expired; or the log's.
pub async fn verify_licence(ctx: &Context, caller: &Caller, input: &OfUser) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("verifyDriverLicence", caller, input, |s| async move {
        let mut user = of_another(&s, input.user).await?;
        s.decide(&mut user, user::Command::VerifyLicence {})?;
        Ok(input.user)
    })
    .await
}

/// Input of [`reject_licence`].
#[derive(Clone, Debug, Serialize)]
pub struct RejectLicence {
    /// Whose.
    pub user: UserId,
    /// Why.
    pub reason: String,
}

/// Says that a licence is not good. That support asks is checked before; nobody looks at their own.
///
/// # Errors
/// USER001, AUTH010 for one's own, SYS003 (reason), SYS006 when none waits; or the log's.
pub async fn reject_licence(ctx: &Context, caller: &Caller, input: &RejectLicence) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("rejectDriverLicence", caller, input, |s| async move {
        let mut user = of_another(&s, input.user).await?;
        let reason = access::note(input.user, "reason", &input.reason)?;
        s.decide(&mut user, user::Command::RejectLicence { reason })?;
        Ok(input.user)
    })
    .await
}

async fn of_another(s: &Session, user: UserId) -> Result<eventlog::Loaded<User>, Stop> {
    let loaded = known(s, user).await?;
    if access::actor_of(s)? == user { Err(Denied::Forbidden.into()) } else { Ok(loaded) }
}

/// Notes that a licence has come to its end, when it has.
///
/// # Errors
/// The log's.
pub async fn expire_licence(ctx: &Context, caller: &Caller, user: UserId) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("expireDriverLicence", caller, &user, |s| async move {
        let mut loaded = known(&s, user).await?;
        s.decide(&mut loaded, user::Command::ExpireLicence {})?;
        Ok(user)
    })
    .await
}

/// Input of [`accept_terms`].
#[derive(Clone, Debug, Serialize)]
pub struct AcceptTerms {
    /// Which ones.
    pub version: String,
}

/// Agrees to the terms of use.
///
/// # Errors
/// SYS003, AUTH007; or the log's.
pub async fn accept_terms(ctx: &Context, caller: &Caller, input: &AcceptTerms) -> Result<Executed<UserId>, ExecuteError> {
    on_own(ctx, "acceptTerms", caller, input, |_| user::Command::AcceptTerms { version: input.version.clone() }).await
}

/// Input of [`set_consent`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SetConsent {
    /// To what.
    pub kind: ConsentKind,
    /// Yes or no.
    pub granted: bool,
}

/// Agrees to something that is not needed to use the service, or no longer.
///
/// # Errors
/// AUTH007; or the log's.
pub async fn set_consent(ctx: &Context, caller: &Caller, input: &SetConsent) -> Result<Executed<UserId>, ExecuteError> {
    on_own(ctx, "setConsent", caller, input, |_| user::Command::SetConsent { kind: input.kind, granted: input.granted }).await
}
