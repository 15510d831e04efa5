//! Accounts: opening one, proving its address and number, and finding it at a sign-in. What comes later is beside:
//! passwords, profile, roles, closing and erasing, licence and consents.

use domain::claim::{self, Claim};
use domain::ids::{SessionId, UserId, user_of};
use domain::text::Email;
use domain::user::{self, Role, User, credential_name};
use eventlog::{ExecuteError, Executed, LogError, Stop};
use kernel::jiff::SignedDuration;
use kernel::{Refused, Timestamp};
use serde::Serialize;

use crate::access::{self, Denied};
use crate::session::{self, SignedIn};
use crate::{Caller, Context};

mod address;
mod closing;
mod code;
mod erasure;
mod licence;
mod password;
mod preferences;
mod profile;
mod roles;
mod second_factor;

pub use address::{ChangeEmail, ConfirmEmailChange, change_email, confirm_email_change, email_change_code};
pub use closing::{Obligations, OfUser, SuspendUser, deactivate_user, reactivate_user, suspend_user};
pub use code::CODE_LIFETIME;
pub use erasure::{ErasureStep, begin_erasure, erase_profile, erase_retained, finish_erasure, release_email, request_erasure};
pub use licence::{
    AcceptTerms, RejectLicence, SetConsent, SubmitLicence, accept_terms, expire_licence, reject_licence, set_consent, submit_licence,
    verify_licence,
};
pub use password::{ChangePassword, Letter, ResetPassword, change_password, credential, password_reset, reset_code_fits, reset_password};
pub use preferences::{Quiet, SetPreferences, SetQuietHours, set_preferences, set_quiet_hours};
pub use profile::{SetProfileImage, UpdateProfile, VerifyPhone, phone_code, set_profile_image, update_profile, verify_phone};
pub use roles::{GrantRole, grant_role, revoke_role};
pub use second_factor::{second_factor, second_factor_fits};

use code::Purpose;

/// Input of [`register_user`], without the password.
#[derive(Clone, Serialize)]
pub struct RegisterUser {
    /// Address as typed.
    pub email: String,
    /// Name as typed.
    pub name: String,
    /// Telephone number as typed.
    pub phone: String,
    /// Role asked for.
    pub role: Role,
}

/// A password that was hashed already. Never part of an input: inputs are fingerprinted, and hashes are salted.
#[derive(Clone)]
pub struct NewPassword {
    /// Its length in characters, for the rule.
    pub chars: usize,
    /// Its hash as a PHC string; may be empty when the length is out of range, since the command is refused then.
    pub phc: String,
    /// Tells a retry from another wish: a keyed digest of what was typed, `Keys::mark`. Empty where nobody retries.
    pub mark: String,
}

/// Opens an account and signs in (IAM-05). The claim on the address makes two registrations of it meet.
///
/// # Errors
/// SYS003 (e-mail), AUTH004, AUTH005, AUTH011, USER002; or the log's.
pub async fn register_user(
    ctx: &Context,
    caller: &Caller,
    input: &RegisterUser,
    password: &NewPassword,
    now_real: Timestamp,
) -> Result<Executed<SignedIn>, ExecuteError> {
    let user = UserId::new(ctx.ids.mint());
    let session = SessionId::new(ctx.ids.mint());
    ctx.execute("registerUser", caller, &(input, &password.mark), |s| async move {
        let email = Email::parse(&input.email).map_err(|_| user::Refusal::BadEmail)?;
        let mut claim = s.load::<Claim>(email_stream(ctx, &email)).await?;
        s.decide(&mut claim, claim::Command::ClaimEmail { user })?;
        let mut account = s.fresh::<User>(user.uuid()).await?;
        let register = user::Command::Register {
            user,
            email,
            name: input.name.clone(),
            phone: input.phone.clone(),
            role: input.role,
            password_chars: password.chars,
        };
        s.decide(&mut account, register)?;
        s.put_secret(&credential_name(user), &password.phc);
        session::start(&s, session, user, account.session_epoch().unwrap_or_default(), None, now_real).await
    })
    .await
}

/// What a sign-in is checked against.
#[derive(Clone)]
pub struct Candidate {
    /// Who would be signed in.
    pub user: UserId,
    /// The hash to check the password against.
    pub phc: String,
}

/// The account of an address, if there is one. The caller checks the password, against a hash of its own where there is none
/// so that both take the same time, and goes on with [`session::login`].
///
/// # Errors
/// When the log cannot be read.
pub async fn candidate(ctx: &Context, email: &str) -> Result<Option<Candidate>, LogError> {
    let Ok(email) = Email::parse(email) else { return Ok(None) };
    let (claim, _) = ctx.log.load::<Claim>(email_stream(ctx, &email)).await?;
    let Some(user) = claim.user() else { return Ok(None) };
    let phc = ctx.log.secret(&credential_name(user)).await?;
    Ok(phc.map(|phc| Candidate { user, phc }))
}

/// Whose an address is.
///
/// # Errors
/// When the log cannot be read.
pub async fn holder(ctx: &Context, email: &str) -> Result<Option<UserId>, LogError> {
    let Ok(email) = Email::parse(email) else { return Ok(None) };
    Ok(ctx.log.load::<Claim>(email_stream(ctx, &email)).await?.0.user())
}

/// The receipt of a command that appends nothing: its work is a message. `asked` tells a retry from another wish, beside the answer; `limit`
/// counts what is asked for and refuses what is too much, but for a retry.
///
/// # Errors
/// What `limit` says; or the log's.
pub async fn nothing_but_a_receipt<T, F, Fut>(
    ctx: &Context,
    name: &'static str,
    caller: &Caller,
    (asked, value): (&str, T),
    limit: F,
) -> Result<Executed<T>, ExecuteError>
where
    T: Serialize + serde::de::DeserializeOwned + Clone + Send + Sync,
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = Option<Refused>> + Send,
{
    let (value, limit) = (&value, &limit);
    let run = |_| async move { limit().await.map_or_else(|| Ok(value.clone()), |refused| Err(Stop::Refused(refused))) };
    ctx.execute(name, caller, &asked, run).await
}

/// Input of [`verify_email`].
#[derive(Clone, Serialize)]
pub struct VerifyEmail {
    /// The code that came by mail.
    pub code: String,
}

/// Counts an address as proved by whoever has its code (IAM-18).
///
/// # Errors
/// AUTH008; or the log's.
pub async fn verify_email(
    ctx: &Context,
    caller: &Caller,
    input: &VerifyEmail,
    now_real: Timestamp,
) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("verifyEmail", caller, input, |s| async move {
        let (id, expires_at) = code::parts(&input.code).ok_or(user::Refusal::CodeNotValid)?;
        if !code::is_ours(ctx, Purpose::VerifyEmail, &input.code, "") {
            return Err(user::Refusal::CodeNotValid.into());
        }
        let mut user = s.load::<User>(id.uuid()).await?;
        s.decide(&mut user, user::Command::VerifyEmail { expires_at, now_real })?;
        Ok(id)
    })
    .await
}

/// A code that proves its user's address for [`CODE_LIFETIME`] from now. It needs no row anywhere: it carries its user, its end and a tag.
#[must_use]
pub fn verification_code(ctx: &Context, user: UserId, now_real: Timestamp) -> String {
    code::write(ctx, Purpose::VerifyEmail, user, "", after(now_real, CODE_LIFETIME))
}

/// The address of an account with a new code to prove it, when there is something to prove.
///
/// # Errors
/// When the log cannot be read.
pub async fn unproved_email(ctx: &Context, user: UserId, now_real: Timestamp) -> Result<Option<Letter>, LogError> {
    let (state, _) = ctx.log.load::<User>(user.uuid()).await?;
    let Some(account) = state.active().filter(|account| !account.email_verified) else { return Ok(None) };
    let to = ctx.log.open_personal(&account.email).await?.value();
    Ok(to.map(|to| Letter { user, to, code: verification_code(ctx, user, now_real) }))
}

fn after(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Nobody but the person and administrators.
fn self_or_admin(caller: &Caller, user: UserId) -> Result<(), Denied> {
    let oneself = user_of(&caller.actor) == Some(user);
    if oneself || caller.is_any(&[Role::Admin]) { Ok(()) } else { Err(Denied::Forbidden) }
}

/// One command on the signed-in person's own account.
async fn on_own<I: Serialize + Sync>(
    ctx: &Context,
    name: &'static str,
    caller: &Caller,
    input: &I,
    command: impl Fn(UserId) -> user::Command + Send + Sync,
) -> Result<Executed<UserId>, ExecuteError> {
    let command = &command;
    ctx.execute(name, caller, input, |s| async move {
        let id = access::actor_of(&s)?;
        let mut user = s.load::<User>(id.uuid()).await?;
        s.decide(&mut user, command(id))?;
        Ok(id)
    })
    .await
}

/// The claim on an address that stands in an account, by the name of its stream; none once it was erased.
async fn claimed(ctx: &Context, email: &kernel::Personal<String>) -> Result<Option<String>, LogError> {
    let shown = ctx.log.open_personal(email).await?.value();
    Ok(shown.and_then(|shown| Email::parse(&shown).ok()).map(|email| email_stream(ctx, &email)))
}

fn email_stream(ctx: &Context, email: &Email) -> String {
    claim::Kind::Email.stream_id(&ctx.keys.claim(claim::Kind::Email.name(), &email.claimed()))
}

#[cfg(test)]
mod tests;
