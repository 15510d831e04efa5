//! Forgetting a person (domain.md §3.1, §7): the account is closed for good at once; when nothing is open any more, its keys
//! to programs and exchanges end, the person's key is destroyed, and the address is free 30 days later. What the law keeps is
//! destroyed five years later. Every step may be the last one before a crash: the process takes it again.

use domain::claim::{self, Claim};
use domain::ids::UserId;
use domain::user::{self, Standing, User, credential_name};
use eventlog::{ExecuteError, Executed};
use kernel::KeyClass;
use kernel::jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::closing::known;
use super::{Obligations, OfUser, after, claimed, roles, self_or_admin};
use crate::{Caller, Context};

/// The address of an erased account is free after so long (domain.md §6).
const EMAIL_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What the law keeps is destroyed after so long: five years (domain.md §5).
const RETAINED: SignedDuration = SignedDuration::from_hours(1_826 * 24);
/// An erasure that something stands in the way of is looked at again after so long.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// Asks for a person to be forgotten: by themselves or an administrator.
///
/// # Errors
/// AUTH010, USER001, USER003, USER004; or the log's.
pub async fn request_erasure(
    ctx: &Context,
    caller: &Caller,
    input: &OfUser,
    found: &Obligations,
) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("eraseUser", caller, input, |s| async move {
        self_or_admin(caller, input.user)?;
        let mut user = known(&s, input.user).await?;
        if found.are_open(&s, input.user).await? {
            return Err(user::Refusal::Obliged.into());
        }
        let email = user.account().map(|account| account.email.clone());
        let email_claim = match &email {
            Some(email) => claimed(ctx, email).await?,
            None => None,
        };
        roles::leaves(&s, &user, input.user).await?;
        s.decide(&mut user, user::Command::RequestErasure { email_claim: email_claim.unwrap_or_default() })?;
        Ok(input.user)
    })
    .await
}

/// How far an erasure may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErasureStep {
    /// Nothing is in its way.
    Clear,
    /// Something is open; a timer looks again.
    Blocked,
    /// It is not under way.
    Over,
}

/// Looks again whether something is open, now that nothing new can begin: a booking may have slipped in before the account was
/// closed.
///
/// # Errors
/// The log's.
pub async fn begin_erasure(
    ctx: &Context,
    caller: &Caller,
    input: &OfUser,
    found: &Obligations,
) -> Result<Executed<ErasureStep>, ExecuteError> {
    ctx.execute("beginErasure", caller, input, |s| async move {
        let mut user = s.load::<User>(input.user.uuid()).await?;
        if user.account().is_none_or(|account| account.standing != Standing::Erasing) {
            return Ok(ErasureStep::Over);
        }
        if !found.are_open(&s, input.user).await? {
            return Ok(ErasureStep::Clear);
        }
        s.decide(&mut user, user::Command::BlockErasure { retry_at: after(s.now(), PATIENCE) })?;
        Ok(ErasureStep::Blocked)
    })
    .await
}

/// Destroys the key of what goes with the person; again, it changes nothing.
///
/// # Errors
/// The log's.
pub async fn erase_profile(ctx: &Context, caller: &Caller, user: UserId) -> Result<Executed<()>, ExecuteError> {
    ctx.log.erase(&ctx.meta("eraseProfile", caller, &user), user.uuid(), KeyClass::Profile).await
}

/// Notes that the person is forgotten, and forgets the password.
///
/// # Errors
/// The log's.
pub async fn finish_erasure(ctx: &Context, caller: &Caller, input: &OfUser) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("finishErasure", caller, input, |s| async move {
        let mut user = s.load::<User>(input.user.uuid()).await?;
        let (email_free_at, retained_until) = (after(s.now(), EMAIL_KEPT), after(s.now(), RETAINED));
        if !s.decide(&mut user, user::Command::Erase { email_free_at, retained_until })?.is_empty() {
            s.remove_secret(&credential_name(input.user));
        }
        Ok(input.user)
    })
    .await
}

/// Lets another person have the address of an erased account.
///
/// # Errors
/// The log's.
pub async fn release_email(ctx: &Context, caller: &Caller, user: UserId) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("releaseEmail", caller, &user, |s| async move {
        let erased = s.load::<User>(user.uuid()).await?;
        let account = erased.account().filter(|account| account.standing == Standing::Erased);
        if let Some(stream) = account.and_then(|account| account.email_claim.clone()).filter(|stream| !stream.is_empty()) {
            let mut claim = s.load::<Claim>(stream).await?;
            s.decide(&mut claim, claim::Command::ReleaseEmail { user })?;
        }
        Ok(user)
    })
    .await
}

/// Destroys the key of what the law kept.
///
/// # Errors
/// The log's.
pub async fn erase_retained(ctx: &Context, caller: &Caller, user: UserId) -> Result<Executed<()>, ExecuteError> {
    ctx.log.erase(&ctx.meta("eraseRetained", caller, &user), user.uuid(), KeyClass::Retained).await
}
