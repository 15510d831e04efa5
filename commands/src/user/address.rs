//! Another address: it is proved first; then its claim is taken and the old one's given back in one append.

use domain::claim::{self, Claim};
use domain::ids::UserId;
use domain::text::Email;
use domain::user::{self, User};
use eventlog::{ExecuteError, Executed, LogError};
use kernel::{Personal, Timestamp};
use serde::Serialize;

use super::code::{self, CODE_LIFETIME, Purpose};
use super::{Letter, after, claimed, email_stream};
use crate::{Caller, Context, access};

/// Input of [`change_email`].
#[derive(Clone, Serialize)]
pub struct ChangeEmail {
    /// The new address as typed.
    pub email: String,
}

/// Notes the address at which a person wants to be reached; it counts once it is proved.
///
/// # Errors
/// SYS003, AUTH004, AUTH007; or the log's.
pub async fn change_email(ctx: &Context, caller: &Caller, input: &ChangeEmail) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("changeEmail", caller, input, |s| async move {
        let id = access::actor_of(&s)?;
        let email = Email::parse(&input.email).map_err(|_| user::Refusal::BadEmail)?;
        if s.load::<Claim>(email_stream(ctx, &email)).await?.user().is_some() {
            return Err(claim::Refusal::EmailTaken.into());
        }
        let mut user = s.load::<User>(id.uuid()).await?;
        s.decide(&mut user, user::Command::RequestEmailChange { user: id, email })?;
        Ok(id)
    })
    .await
}

/// The address that waits to be proved, with the code that proves it; and the one that it is to replace, to be told so.
///
/// # Errors
/// When the log cannot be read.
pub async fn email_change_code(ctx: &Context, user: UserId, now_real: Timestamp) -> Result<Option<(Letter, Option<String>)>, LogError> {
    let (state, _) = ctx.log.load::<User>(user.uuid()).await?;
    let Some(account) = state.active() else { return Ok(None) };
    let Some(waiting) = &account.new_email else { return Ok(None) };
    let (Some(to), Some(bound_to)) = (ctx.log.open_personal(waiting).await?.value(), claimed(ctx, waiting).await?) else { return Ok(None) };
    let code = code::write(ctx, Purpose::ConfirmEmail, user, &bound_to, after(now_real, CODE_LIFETIME));
    let old = ctx.log.open_personal(&account.email).await?.value();
    Ok(Some((Letter { user, to, code }, old)))
}

/// Input of [`confirm_email_change`].
#[derive(Clone, Serialize)]
pub struct ConfirmEmailChange {
    /// The code that came to the new address.
    pub code: String,
}

/// Changes the address, and with it the claim.
///
/// # Errors
/// AUTH004 when somebody took it in the meantime, AUTH008; or the log's.
pub async fn confirm_email_change(
    ctx: &Context,
    caller: &Caller,
    input: &ConfirmEmailChange,
    now_real: Timestamp,
) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("confirmEmailChange", caller, input, |s| async move {
        let id = access::actor_of(&s)?;
        let mut user = s.load::<User>(id.uuid()).await?;
        let (new, old) = match user.active() {
            Some(account) => (account.new_email.clone(), Some(account.email.clone())),
            None => (None, None),
        };
        let (new, old) = (named(ctx, new.as_ref()).await?, named(ctx, old.as_ref()).await?);
        let good = |bound_to: &String| {
            let timely = code::parts(&input.code).is_some_and(|(of, end)| of == id && now_real < end);
            timely && code::is_ours(ctx, Purpose::ConfirmEmail, &input.code, bound_to)
        };
        let good = new.filter(good);
        if let Some(new) = &good {
            let mut claim = s.load::<Claim>(new).await?;
            s.decide(&mut claim, claim::Command::ClaimEmail { user: id })?;
        }
        s.decide(&mut user, user::Command::ConfirmEmailChange { code_fits: good.is_some() })?;
        if let Some(old) = old {
            let mut claim = s.load::<Claim>(old).await?;
            s.decide(&mut claim, claim::Command::ReleaseEmail { user: id })?;
        }
        Ok(id)
    })
    .await
}

async fn named(ctx: &Context, email: Option<&Personal<String>>) -> Result<Option<String>, LogError> {
    match email {
        Some(email) => claimed(ctx, email).await,
        None => Ok(None),
    }
}
