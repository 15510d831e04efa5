//! Codes that prove something by coming back: they need no row anywhere, since each carries its user, its end and a tag.
//! What a code is bound to (a password's number, an address) is under the tag, not in the code: when that changes, it is void.

use domain::ids::{SessionId, UserId};
use kernel::Timestamp;
use kernel::jiff::SignedDuration;
use uuid::Uuid;

use crate::Context;
use crate::access::same;

/// A code that came by mail stops working so long after it was made.
pub const CODE_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// Hexadecimal digits of a code's authentication tag: 128 bits.
const TAG_DIGITS: usize = 32;
/// A code that comes by SMS works for so long at least, and twice as long at most.
const SMS_SECONDS: i64 = 600;
/// Six digits: what people type without a mistake. Tries are counted at the door.
const SMS_CODES: u64 = 1_000_000;
/// What a code by SMS is good for: to prove a number…
const PROVE_PHONE: &str = "phone-verification";
/// …or to show that a proved one is at hand.
const SECOND_FACTOR: &str = "second-factor";

/// What a code is good for, and for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Prove an address.
    VerifyEmail,
    /// Set a password without knowing the present one.
    ResetPassword,
    /// Prove the address that is to take the place of another.
    ConfirmEmail,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::VerifyEmail => "email-verification",
            Self::ResetPassword => "password-reset",
            Self::ConfirmEmail => "email-change",
        }
    }
}

/// A code for one purpose, bound to something.
pub(super) fn write(ctx: &Context, purpose: Purpose, user: UserId, bound_to: &str, expires_at: Timestamp) -> String {
    let head = format!("{}.{}", user.uuid().simple(), expires_at.as_second());
    format!("{head}.{}", tag(ctx, purpose, &head, bound_to))
}

/// Whom a code names and when it ends, said by the code itself: to be believed once [`is_ours`] says so.
pub(super) fn parts(code: &str) -> Option<(UserId, Timestamp)> {
    let (head, _) = code.trim().rsplit_once('.')?;
    let (user, expires_at) = head.split_once('.')?;
    let expires_at = Timestamp::from_second(expires_at.parse().ok()?).ok()?;
    Some((UserId::new(Uuid::try_parse(user).ok()?), expires_at))
}

/// Did we make it, for this purpose and bound to this?
pub(super) fn is_ours(ctx: &Context, purpose: Purpose, code: &str, bound_to: &str) -> bool {
    let Some((head, presented)) = code.trim().rsplit_once('.') else { return false };
    same(tag(ctx, purpose, head, bound_to).as_bytes(), presented.as_bytes())
}

fn tag(ctx: &Context, purpose: Purpose, head: &str, bound_to: &str) -> String {
    let message = if bound_to.is_empty() { head.to_owned() } else { format!("{head}|{bound_to}") };
    let mut tag = ctx.keys.claim(purpose.label(), &message);
    tag.truncate(TAG_DIGITS);
    tag
}

/// The code that goes to a telephone now.
pub(super) fn sms(ctx: &Context, user: UserId, phone: &str, now_real: Timestamp) -> String {
    sms_of(ctx, PROVE_PHONE, &format!("{}|{phone}", user.uuid()), window(now_real))
}

/// Is it the code that went there not long ago?
pub(super) fn sms_fits(ctx: &Context, user: UserId, phone: &str, presented: &str, now_real: Timestamp) -> bool {
    fits(ctx, PROVE_PHONE, &format!("{}|{phone}", user.uuid()), presented, now_real)
}

/// The code that goes to a telephone now, for what a session asks for next.
pub(super) fn second_factor(ctx: &Context, session: SessionId, phone: &str, now_real: Timestamp) -> String {
    sms_of(ctx, SECOND_FACTOR, &format!("{}|{phone}", session.uuid()), window(now_real))
}

/// Is it the code that went there not long ago, for this session?
pub(super) fn second_factor_fits(ctx: &Context, session: SessionId, phone: &str, presented: &str, now_real: Timestamp) -> bool {
    fits(ctx, SECOND_FACTOR, &format!("{}|{phone}", session.uuid()), presented, now_real)
}

fn window(now_real: Timestamp) -> i64 {
    now_real.as_second().div_euclid(SMS_SECONDS)
}

fn fits(ctx: &Context, purpose: &str, bound_to: &str, presented: &str, now_real: Timestamp) -> bool {
    let (window, presented) = (window(now_real), presented.trim().as_bytes());
    // Both are always looked at: which of them it was takes no other time.
    let fits = [window, window - 1].map(|window| same(sms_of(ctx, purpose, bound_to, window).as_bytes(), presented));
    fits.contains(&true)
}

fn sms_of(ctx: &Context, purpose: &str, bound_to: &str, window: i64) -> String {
    let digest = ctx.keys.claim(purpose, &format!("{bound_to}|{window}"));
    let number = u64::from_str_radix(&digest[..15], 16).unwrap_or_default() % SMS_CODES;
    format!("{number:06}")
}
