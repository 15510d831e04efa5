//! A second factor beside the password: a code that goes to the telephone that its owner has proved.

use domain::ids::{SessionId, UserId};
use domain::user::User;
use eventlog::LogError;
use kernel::Timestamp;

use super::{Letter, code};
use crate::Context;

/// A code for what a session asks for next, to the account's proved number; nothing where no number is proved.
///
/// # Errors
/// When the log cannot be read.
pub async fn second_factor(ctx: &Context, user: UserId, session: SessionId, now_real: Timestamp) -> Result<Option<Letter>, LogError> {
    let to = proved_number(ctx, user).await?;
    Ok(to.map(|to| Letter { user, code: code::second_factor(ctx, session, &to, now_real), to }))
}

/// Is it the code that went there not long ago, for this session?
///
/// # Errors
/// When the log cannot be read.
pub async fn second_factor_fits(
    ctx: &Context,
    user: UserId,
    session: SessionId,
    presented: &str,
    now_real: Timestamp,
) -> Result<bool, LogError> {
    let number = proved_number(ctx, user).await?;
    Ok(number.is_some_and(|number| code::second_factor_fits(ctx, session, &number, presented, now_real)))
}

async fn proved_number(ctx: &Context, user: UserId) -> Result<Option<String>, LogError> {
    let (state, _) = ctx.log.load::<User>(user.uuid()).await?;
    match state.active().filter(|account| account.phone_verified) {
        Some(account) => Ok(ctx.log.open_personal(&account.phone).await?.value()),
        None => Ok(None),
    }
}
