//! Signing in, staying signed in, signing out.
//!
//! Instants here are real time: tokens and sessions do not age with the business clock.

use std::collections::BTreeSet;

use domain::ids::{SessionId, UserId};
use domain::session::{self, RevokeReason, Session};
use domain::user::{self, Role, Standing, User, credential_name};
use eventlog::{ExecuteError, Executed, LogError, Stop};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::known::KnownSession;
use crate::{Caller, Context, access};

mod known;

/// What a token pair is made of: the refresh token is an HMAC over session and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// Who.
    pub user: UserId,
    /// On which device.
    pub session: SessionId,
    /// Of the refresh token.
    pub generation: u32,
    /// When that token stops working, in real time.
    pub expires_at: Timestamp,
}

/// Input of [`login`].
#[derive(Clone, Debug, Serialize)]
pub struct Login {
    /// The user whose password was found to match; `None` for an unknown address and for a wrong password alike.
    pub proven: Option<UserId>,
    /// What the device calls itself.
    pub device: Option<String>,
}

/// Another hash of a password that was just shown, for one that is not made so any more (K26). Never part of an input.
#[derive(Clone)]
pub struct RenewedHash {
    /// The hash that the password was found to match.
    pub replaces: String,
    /// The same password, hashed as it is done now.
    pub phc: String,
}

/// Signs in (IAM-06). A renewed hash takes the old one's place in the same append, unless the password was changed meanwhile.
///
/// # Errors
/// AUTH001, AUTH007; or the log's.
pub async fn login(
    ctx: &Context,
    caller: &Caller,
    input: &Login,
    renewed: Option<&RenewedHash>,
    now_real: Timestamp,
) -> Result<Executed<SignedIn>, ExecuteError> {
    let session = SessionId::new(ctx.ids.mint());
    ctx.execute("login", caller, input, |s| async move {
        let id = input.proven.ok_or(user::Refusal::WrongCredentials)?;
        let user = s.load::<User>(id.uuid()).await?;
        // Whoever knows the password may know that the account is locked; an erased one is like none.
        let refusal = match user.account().map(|account| account.standing) {
            Some(Standing::Suspended | Standing::Deactivated | Standing::Erasing) => user::Refusal::NotActive,
            Some(Standing::Active | Standing::Erased) | None => user::Refusal::WrongCredentials,
        };
        let epoch = user.session_epoch().ok_or(refusal)?;
        let credential = credential_name(id);
        // Whoever sets another password changes the user, too: this append then does not fit, and looks again.
        if let Some(renewed) = renewed
            && s.secret(&credential).await?.as_ref() == Some(&renewed.replaces)
        {
            s.put_secret(&credential, &renewed.phc);
        }
        start(&s, session, id, epoch, input.device.clone(), now_real).await
    })
    .await
}

/// Starts the session of a user as part of a greater command.
pub(crate) async fn start(
    s: &eventlog::Session,
    session: SessionId,
    user: UserId,
    epoch: u32,
    device: Option<String>,
    now_real: Timestamp,
) -> Result<SignedIn, Stop> {
    let mut loaded = s.fresh::<Session>(session.uuid()).await?;
    s.decide(&mut loaded, session::Command::Start { user, epoch, device, now_real })?;
    signed_in(session, &loaded)
}

/// Input of [`refresh_session`]: a refresh token that was found to be ours.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RefreshSession {
    /// Its session.
    pub session: SessionId,
    /// Its generation.
    pub generation: u32,
}

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefreshOutcome {
    /// The session goes on; the same pair again for the immediate predecessor within its grace.
    SignedIn(SignedIn),
    /// A superseded token was presented. The session was ended, and that is on record: the answer is AUTH009
    /// ([`session::Refusal::TokenReused`]).
    Reused,
}

/// Rotates the refresh token (IAM-07, IAM-13).
///
/// # Errors
/// AUTH003; or the log's.
pub async fn refresh_session(
    ctx: &Context,
    caller: &Caller,
    input: &RefreshSession,
    now_real: Timestamp,
) -> Result<Executed<RefreshOutcome>, ExecuteError> {
    ctx.execute("refreshSession", caller, input, |s| async move {
        let mut session = s.load::<Session>(input.session.uuid()).await?;
        let owner = session.user().ok_or(session::Refusal::Over)?;
        let user_epoch = s.load::<User>(owner.uuid()).await?.session_epoch();
        s.decide(&mut session, session::Command::Refresh { generation: input.generation, user_epoch, now_real })?;
        // A session that was live before and is not any more was ended by this very token.
        match session.live() {
            Some(_) => signed_in(input.session, &session).map(RefreshOutcome::SignedIn),
            None => Ok(RefreshOutcome::Reused),
        }
    })
    .await
}

/// Input of [`logout`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Logout {
    /// The session of the access token.
    pub session: SessionId,
    /// End the user's other sessions too.
    pub everywhere: bool,
}

/// Signs out, here or everywhere (IAM-08, IAM-14); the sessions' access tokens go to the deny-list outside.
///
/// # Errors
/// AUTH003; or the log's.
pub async fn logout(ctx: &Context, caller: &Caller, input: &Logout) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("logout", caller, input, |s| async move {
        let mut session = s.load::<Session>(input.session.uuid()).await?;
        let owner = session.user().ok_or(session::Refusal::Over)?;
        s.decide(&mut session, session::Command::Revoke { reason: RevokeReason::LoggedOut })?;
        if input.everywhere {
            let mut user = s.load::<User>(owner.uuid()).await?;
            s.decide(&mut user, user::Command::SignOutEverywhere {})?;
        }
        Ok(owner)
    })
    .await
}

/// Input of [`revoke_session`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RevokeSession {
    /// Which of the caller's.
    pub session: SessionId,
}

/// Ends one of the caller's sessions from another device (IAM-22).
///
/// # Errors
/// SYS007; or the log's.
pub async fn revoke_session(ctx: &Context, caller: &Caller, input: &RevokeSession) -> Result<Executed<SessionId>, ExecuteError> {
    ctx.execute("revokeSession", caller, input, |s| async move {
        let mut session = s.load::<Session>(input.session.uuid()).await?;
        if session.user() != Some(access::actor_of(&s)?) {
            return Err(session::Refusal::Unknown.into());
        }
        s.decide(&mut session, session::Command::Revoke { reason: RevokeReason::Dismissed })?;
        Ok(input.session)
    })
    .await
}

/// Who stands behind an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// The roles held now, not when the token was issued.
    pub roles: BTreeSet<Role>,
}

/// The user of a session, if the session still counts: the authority behind deny-lists and cached sessions (K28).
///
/// # Errors
/// When the log cannot be read.
pub async fn principal(ctx: &Context, session: SessionId, now_real: Timestamp) -> Result<Option<Principal>, LogError> {
    Ok(KnownSession::read(ctx, session).await?.and_then(|known| known.principal(now_real)))
}

fn signed_in(session: SessionId, state: &Session) -> Result<SignedIn, Stop> {
    let live = state.live().ok_or(session::Refusal::Over)?;
    Ok(SignedIn { user: live.user, session, generation: live.generation, expires_at: live.expires_at })
}

#[cfg(test)]
mod tests;
