//! Codes for one purpose: base64url(subject ‖ expiry ‖ HMAC(purpose ‖ subject ‖ expiry)).

use hmac::Mac;
use uuid::Uuid;

use super::{TokenError, from_text, mac, to_text};

const NAMED: usize = 16 + 8;
const WHOLE: usize = NAMED + 32;

/// What a code is good for, and for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The subject is a user whose e-mail address is proved by it.
    VerifyEmail,
    /// The subject is an upload whose bytes may be put with it.
    Upload,
    /// The subject is an upload whose bytes may be read with it.
    Document,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::VerifyEmail => b"verify-email\0",
            Self::Upload => b"upload\0",
            Self::Document => b"document\0",
        }
    }
}

pub(super) fn write(key: &[u8], purpose: Purpose, subject: Uuid, expires_at: i64) -> String {
    let mut bytes = [subject.as_bytes().as_slice(), &expires_at.to_be_bytes()].concat();
    let tag = mac(key, &[purpose.label(), &bytes].concat()).finalize().into_bytes();
    bytes.extend_from_slice(&tag);
    to_text(&bytes)
}

pub(super) fn read(key: &[u8], purpose: Purpose, code: &str, now: i64) -> Result<Uuid, TokenError> {
    let bytes = from_text(code, WHOLE).ok_or(TokenError::Forged)?;
    let (named, tag) = bytes.split_at(NAMED);
    mac(key, &[purpose.label(), named].concat()).verify_slice(tag).map_err(|_| TokenError::Forged)?;
    let (subject, expires_at) = named.split_at(16);
    let subject = Uuid::from_slice(subject).map_err(|_| TokenError::Forged)?;
    let expires_at = expires_at.try_into().map(i64::from_be_bytes).map_err(|_| TokenError::Forged)?;
    if expires_at <= now { Err(TokenError::Expired) } else { Ok(subject) }
}
