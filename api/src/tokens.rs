//! Everything signed that leaves the house: access tokens, refresh tokens, one-purpose codes, upload tickets.
//!
//! One configured secret; every kind of token has a key of its own, derived from it by a label, so that none can pass for
//! another. All of it runs on real time, never on the business clock.

mod access;
mod refresh;
mod signed;

#[cfg(test)]
mod tests;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

pub use access::{ACCESS_MINUTES, Claims, Lifetime};
pub use signed::Purpose;

/// Bytes of the configured secret.
pub const SECRET_BYTES: usize = 32;

/// Why a token is not one of ours, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not shaped like a token of this kind, or its signature is not ours.
    #[error("the token is malformed or forged")]
    Forged,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

/// The secret could not be used to sign: it never happens with keys of our own making, and is not worth a panic.
#[derive(Debug, thiserror::Error)]
#[error("a token could not be signed: {0}")]
pub struct SigningError(#[from] jsonwebtoken::errors::Error);

/// Signs and verifies tokens. `Debug` shows no key.
#[derive(Clone)]
pub struct Tokens {
    access: access::Keys,
    refresh: [u8; 32],
    codes: [u8; 32],
    endless: bool,
}

impl Tokens {
    /// With the keys that follow from a secret.
    #[must_use]
    pub fn new(secret: &[u8; SECRET_BYTES]) -> Self {
        Self {
            access: access::Keys::new(&derived(secret, "daybook access token v1")),
            refresh: derived(secret, "daybook refresh token v1"),
            codes: derived(secret, "daybook signed codes v1"),
            endless: false,
        }
    }

    /// Accepts tokens without an end too: for `dev` alone.
    #[must_use]
    pub const fn with_endless(mut self) -> Self {
        self.endless = true;
        self
    }

    /// A new access token.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn access(&self, claims: &Claims) -> Result<String, SigningError> {
        self.access.sign(claims)
    }

    /// The claims of an access token, as of an instant of real time (Unix seconds).
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_access(&self, token: &str, now: i64) -> Result<Claims, TokenError> {
        let claims = self.access.verify(token, now)?;
        if claims.exp.is_none() && !self.endless { Err(TokenError::Forged) } else { Ok(claims) }
    }

    /// The refresh token of a session's generation: the same for the same input, so that a retry hears the same answer.
    #[must_use]
    pub fn refresh(&self, session: Uuid, generation: u32) -> String {
        refresh::write(&self.refresh, session, generation)
    }

    /// Session and generation of a refresh token.
    ///
    /// # Errors
    /// [`TokenError::Forged`]; whether the session lives is for its stream to say.
    pub fn verify_refresh(&self, token: &str) -> Result<(Uuid, u32), TokenError> {
        refresh::read(&self.refresh, token)
    }

    /// A code for one purpose and one subject, good until an instant of real time (Unix seconds).
    #[must_use]
    pub fn code(&self, purpose: Purpose, subject: Uuid, expires_at: i64) -> String {
        signed::write(&self.codes, purpose, subject, expires_at)
    }

    /// The subject of a code for this purpose.
    ///
    /// # Errors
    /// [`TokenError`]; whether it was used before is for the subject's stream to say.
    pub fn verify_code(&self, purpose: Purpose, code: &str, now: i64) -> Result<Uuid, TokenError> {
        signed::read(&self.codes, purpose, code, now)
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

type HmacSha256 = Hmac<Sha256>;

/// An HMAC over `message`, ready to be finalised or compared in constant time.
fn mac(key: &[u8], message: &[u8]) -> HmacSha256 {
    let mut mac = HmacSha256::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(message);
    mac
}

/// HKDF's expand step for one block: the secret is uniformly random already.
fn derived(secret: &[u8], label: &str) -> [u8; 32] {
    mac(secret, &[label.as_bytes(), &[1]].concat()).finalize().into_bytes().into()
}

fn to_text(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// One text per token: padding and stray bits are refused by the engine.
fn from_text(text: &str, length: usize) -> Option<Vec<u8>> {
    use base64::Engine as _;
    if text.len() > 2 * length + 4 {
        return None;
    }
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == length)
}
