//! Accounts: opening one, proving its address, granting roles, and finding it at a sign-in.

use domain::claim::{self, Claim};
use domain::ids::{SessionId, UserId};
use domain::text::Email;
use domain::user::{self, Role, User, credential_name};
use eventlog::{ExecuteError, Executed, LogError};
use kernel::Timestamp;
use kernel::jiff::SignedDuration;
use serde::Serialize;
use uuid::Uuid;

use crate::session::{self, SignedIn};
use crate::{Caller, Context};

/// A verification code stops working so long after it was made.
pub const CODE_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// Hexadecimal digits of a code's authentication tag: 128 bits.
const TAG_DIGITS: usize = 32;

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
    ctx.execute("registerUser", caller, input, |s| async move {
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
        let (id, expires_at) = read_code(ctx, &input.code).ok_or(user::Refusal::CodeNotValid)?;
        let mut user = s.load::<User>(id.uuid()).await?;
        s.decide(&mut user, user::Command::VerifyEmail { expires_at, now_real })?;
        Ok(id)
    })
    .await
}

/// A code that proves its user's address for [`CODE_LIFETIME`] from now. It needs no row anywhere: it carries its user, its end and a tag.
#[must_use]
pub fn verification_code(ctx: &Context, user: UserId, now_real: Timestamp) -> String {
    let expires_at = now_real.checked_add(CODE_LIFETIME).unwrap_or(Timestamp::MAX);
    let head = format!("{}.{}", user.uuid().simple(), expires_at.as_second());
    format!("{head}.{}", tag(ctx, &head))
}

/// User and end of a code, if we made it.
fn read_code(ctx: &Context, code: &str) -> Option<(UserId, Timestamp)> {
    let (head, presented) = code.trim().rsplit_once('.')?;
    if !same(tag(ctx, head).as_bytes(), presented.as_bytes()) {
        return None;
    }
    let (user, expires_at) = head.split_once('.')?;
    let expires_at = Timestamp::from_second(expires_at.parse().ok()?).ok()?;
    Some((UserId::new(Uuid::try_parse(user).ok()?), expires_at))
}

fn tag(ctx: &Context, head: &str) -> String {
    let mut tag = ctx.keys.claim("email-verification", head);
    tag.truncate(TAG_DIGITS);
    tag
}

/// Compares in the same time wherever the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

/// Input of [`grant_role`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GrantRole {
    /// To whom.
    pub user: UserId,
    /// Which.
    pub role: Role,
}

/// Grants a role (IAM-04). That an administrator or the program itself asks is checked before.
///
/// # Errors
/// USER001, AUTH011; or the log's.
pub async fn grant_role(ctx: &Context, caller: &Caller, input: &GrantRole) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("grantRole", caller, input, |s| async move {
        let mut user = s.load::<User>(input.user.uuid()).await?;
        s.decide(&mut user, user::Command::GrantRole { user: input.user, role: input.role })?;
        Ok(input.user)
    })
    .await
}

fn email_stream(ctx: &Context, email: &Email) -> String {
    claim::Kind::Email.stream_id(&ctx.keys.claim(claim::Kind::Email.name(), &email.claimed()))
}

#[cfg(test)]
mod tests;
