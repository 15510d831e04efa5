//! Access tokens: JWT, HS256.

use hmac::Mac;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{SigningError, TokenError, mac};

/// How long an access token is good.
pub const ACCESS_MINUTES: i64 = 30;

/// Longest token that is looked at, in bytes.
const MAX_BYTES: usize = 4_096;

/// How long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Thirty minutes.
    Usual,
    /// For ever: the seeded users of `dev`, and nobody else.
    Endless,
}

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: Uuid,
    /// The roles at the time of signing, by name.
    pub roles: Vec<String>,
    /// The session, for its revocation.
    pub sid: Uuid,
    /// This token, for its own revocation.
    pub jti: Uuid,
    /// Signed at (Unix seconds).
    pub iat: i64,
    /// Good until (Unix seconds); without it, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
}

impl Claims {
    /// Claims of a new token with an id of its own, as of an instant of real time (Unix seconds).
    #[must_use]
    pub fn new(user: Uuid, session: Uuid, roles: Vec<String>, now: i64, lifetime: Lifetime) -> Self {
        let exp = match lifetime {
            Lifetime::Usual => Some(now + ACCESS_MINUTES * 60),
            Lifetime::Endless => None,
        };
        Self { sub: user, roles, sid: session, jti: Uuid::new_v4(), iat: now, exp }
    }
}

#[derive(Clone)]
pub(super) struct Keys {
    sign: EncodingKey,
    verify: DecodingKey,
}

impl Keys {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        // A second installation is refused, and would be the same provider.
        let _ = PROVIDER.install_default();
        Self { sign: EncodingKey::from_secret(key), verify: DecodingKey::from_secret(key) }
    }

    pub(super) fn sign(&self, claims: &Claims) -> Result<String, SigningError> {
        Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.sign)?)
    }

    pub(super) fn verify(&self, token: &str, now: i64) -> Result<Claims, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::Forged);
        }
        // The library reads the clock itself and allows a minute of leeway: expiry is checked here, by the caller's instant.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verify, &validation).map_err(|_| TokenError::Forged)?.claims;
        if claims.exp.is_some_and(|exp| exp <= now) { Err(TokenError::Expired) } else { Ok(claims) }
    }
}

/// HS256 by the hmac and sha2 of the workspace: the library's own provider brings RSA and three elliptic curves along.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256(key.as_bytes().to_vec()))),
        _ => Err(Error::from(ErrorKind::InvalidAlgorithm)),
    },
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::HS256 => Ok(Box::new(Hs256(key.try_get_as_bytes()?.to_vec()))),
        _ => Err(Error::from(ErrorKind::InvalidAlgorithm)),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(Vec<u8>);

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(mac(&self.0, message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        mac(&self.0, message).verify_slice(signature).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}
