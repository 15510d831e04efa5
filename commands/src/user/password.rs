//! Another password: by whoever knows the present one, or whoever reads the account's mail.

use domain::claim::Claim;
use domain::ids::{SessionId, UserId};
use domain::session::{self, Session as SignIn};
use domain::text::Email;
use domain::user::{self, User, credential_name};
use eventlog::{ExecuteError, Executed, LogError};
use kernel::Timestamp;
use kernel::jiff::SignedDuration;
use serde::Serialize;

use super::code::{self, Purpose};
use super::{NewPassword, after, email_stream};
use crate::{Caller, Context, access};

/// A code to set a password anew stops working so long after it was made.
const RESET_LIFETIME: SignedDuration = SignedDuration::from_mins(30);

/// The password of an account: how many there were with it, and its hash.
///
/// # Errors
/// When the log cannot be read.
pub async fn credential(ctx: &Context, user: UserId) -> Result<Option<(u32, String)>, LogError> {
    let (state, _) = ctx.log.load::<User>(user.uuid()).await?;
    let Some(account) = state.active() else { return Ok(None) };
    let phc = ctx.log.secret(&credential_name(user)).await?;
    Ok(phc.map(|phc| (account.credential_version, phc)))
}

/// Input of [`change_password`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ChangePassword {
    /// The session that asks; it goes on, all others end.
    pub session: SessionId,
    /// The number of the password that was found to be the one given as the present one; none: it was not. A retry finds another
    /// one, and is a retry all the same.
    #[serde(skip)]
    pub proven: Option<u32>,
}

/// Sets another password and ends every other session.
///
/// # Errors
/// AUTH001, AUTH005, AUTH007; or the log's.
pub async fn change_password(
    ctx: &Context,
    caller: &Caller,
    input: &ChangePassword,
    password: &NewPassword,
) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("changePassword", caller, &(input, &password.mark), |s| async move {
        let id = access::actor_of(&s)?;
        let mut user = s.load::<User>(id.uuid()).await?;
        let account = user.active().ok_or(user::Refusal::NotActive)?;
        let (before, known) = (account.session_epoch, input.proven == Some(account.credential_version));
        s.decide(&mut user, user::Command::ChangePassword { known, password_chars: password.chars })?;
        s.put_secret(&credential_name(id), &password.phc);
        let mut own = s.load::<SignIn>(input.session.uuid()).await?;
        let epoch = user.session_epoch().unwrap_or_default();
        s.decide(&mut own, session::Command::Keep { from: before, epoch })?;
        Ok(id)
    })
    .await
}

/// A code and where it goes.
#[derive(Clone)]
pub struct Letter {
    /// For whom.
    pub user: UserId,
    /// Address or number.
    pub to: String,
    /// The code.
    pub code: String,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Letter to {}", self.user)
    }
}

/// A code to set the password of an address anew, when there is such an account. Whoever asks hears nothing of that.
///
/// # Errors
/// When the log cannot be read.
pub async fn password_reset(ctx: &Context, email: &str, now_real: Timestamp) -> Result<Option<Letter>, LogError> {
    let Ok(email) = Email::parse(email) else { return Ok(None) };
    let (claim, _) = ctx.log.load::<Claim>(email_stream(ctx, &email)).await?;
    let Some(user) = claim.user() else { return Ok(None) };
    let (state, _) = ctx.log.load::<User>(user.uuid()).await?;
    let Some(account) = state.active() else { return Ok(None) };
    let to = ctx.log.open_personal(&account.email).await?.value();
    let bound_to = account.credential_version.to_string();
    let code = code::write(ctx, Purpose::ResetPassword, user, &bound_to, after(now_real, RESET_LIFETIME));
    Ok(to.map(|to| Letter { user, to, code }))
}

/// Would this code set a password? Asked before the dear work of hashing one is done for anybody.
///
/// # Errors
/// When the log cannot be read.
pub async fn reset_code_fits(ctx: &Context, code: &str, now_real: Timestamp) -> Result<bool, LogError> {
    let Some((user, _)) = code::parts(code) else { return Ok(false) };
    let (state, _) = ctx.log.load::<User>(user.uuid()).await?;
    Ok(replaced(ctx, &state, code, now_real).is_some())
}

/// The number of the password that the code is for, if we made it and it is not too old.
fn replaced(ctx: &Context, user: &User, code: &str, now_real: Timestamp) -> Option<u32> {
    let version = user.active()?.credential_version;
    let (_, expires_at) = code::parts(code)?;
    let good = now_real < expires_at && code::is_ours(ctx, Purpose::ResetPassword, code, &version.to_string());
    good.then_some(version)
}

/// Input of [`reset_password`].
#[derive(Clone, Serialize)]
pub struct ResetPassword {
    /// The code that came by mail.
    pub code: String,
}

/// Sets another password with a code, and ends every session.
///
/// # Errors
/// AUTH005, AUTH008; or the log's.
pub async fn reset_password(
    ctx: &Context,
    caller: &Caller,
    input: &ResetPassword,
    password: &NewPassword,
    now_real: Timestamp,
) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("resetPassword", caller, &(input, &password.mark), |s| async move {
        let named = code::parts(&input.code).map(|(user, _)| user);
        // A code that names nobody meets the same rules in the same order as one of somebody else.
        let id = named.unwrap_or_else(|| UserId::new(uuid::Uuid::nil()));
        let mut user = s.load::<User>(id.uuid()).await?;
        let replaces = replaced(ctx, &user, &input.code, now_real);
        s.decide(&mut user, user::Command::ResetPassword { replaces, password_chars: password.chars })?;
        s.put_secret(&credential_name(id), &password.phc);
        Ok(id)
    })
    .await
}
