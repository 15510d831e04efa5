//! Traders' keys of exchanges (IAM-19). Key and secret are encrypted before they reach the vault, and never reach an event.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use domain::claim::{self, Claim};
use domain::exchange_key::{self, ExchangeKey, Offered, Permission, secret_name};
use domain::ids::{ExchangeKeyId, user_of};
use eventlog::{ExecuteError, Executed, LogError};
use serde::{Deserialize, Serialize};

use crate::{Caller, Context, access};

/// What the key of the vault's entries is derived by.
const CIPHER_PURPOSE: &str = "exchange keys v1";
const NONCE_BYTES: usize = 24;
/// Shorter keys show nothing of themselves.
const MIN_SHOWN_CHARS: usize = 12;

/// A key with its secret, as its owner gave it. Not part of any input that is fingerprinted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPair {
    /// The key.
    pub key: String,
    /// Its secret.
    pub secret: String,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair(…)")
    }
}

impl KeyPair {
    fn offered(&self, ctx: &Context, exchange: &str, permissions: &[Permission]) -> Offered {
        let shown = self.key.chars().count();
        let last4 = if shown < MIN_SHOWN_CHARS { String::new() } else { self.key.chars().skip(shown - 4).collect() };
        let (key, secret) = (shown, self.secret.chars().count());
        Offered {
            fingerprint: ctx.keys.claim(claim::Kind::ExchangeKey.name(), &format!("{}\n{}", exchange.trim().to_lowercase(), self.key)),
            last4,
            chars: if key == 0 || secret == 0 { 0 } else { key.max(secret) },
            permissions: permissions.to_vec(),
        }
    }
}

/// No randomness, or a key that cannot be encrypted: nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key could not be encrypted")]
struct NotEncrypted;

impl kernel::Refusal for NotEncrypted {
    fn refused(&self) -> kernel::Refused {
        kernel::Refused::code("SYS001")
    }
}

/// Input of [`register_exchange_key`].
#[derive(Clone, Debug, Serialize)]
pub struct RegisterExchangeKey {
    /// Of which exchange.
    pub exchange: String,
    /// What the exchange lets the key do.
    pub permissions: Vec<Permission>,
    /// Is it a key for play money?
    pub is_testnet: bool,
}

/// Registers a key. The claim on its fingerprint lets it be registered once. That a trader asks, and whether they have shown a second
/// factor, is checked before.
///
/// # Errors
/// KEY001, SYS003, KEY002, KEY003; or the log's.
pub async fn register_exchange_key(
    ctx: &Context,
    caller: &Caller,
    input: &RegisterExchangeKey,
    pair: &KeyPair,
    second_factor: bool,
) -> Result<Executed<ExchangeKeyId>, ExecuteError> {
    let id = ExchangeKeyId::new(ctx.ids.mint());
    ctx.execute("registerExchangeKey", caller, input, |s| async move {
        let user = access::actor_of(&s)?;
        let offered = pair.offered(ctx, &input.exchange, &input.permissions);
        let mut claim = s.load::<Claim>(claim::Kind::ExchangeKey.stream_id(&offered.fingerprint)).await?;
        s.decide(&mut claim, claim::Command::ClaimExchangeKey { key: id })?;
        let mut key = s.fresh::<ExchangeKey>(id.uuid()).await?;
        let (exchange, is_testnet) = (input.exchange.clone(), input.is_testnet);
        s.decide(&mut key, exchange_key::Command::Register { key: id, user, exchange, offered, is_testnet, second_factor })?;
        s.put_secret(&secret_name(id), &encrypted(ctx, id, pair)?);
        Ok(id)
    })
    .await
}

/// Input of [`rotate_exchange_key`].
#[derive(Clone, Debug, Serialize)]
pub struct RotateExchangeKey {
    /// Which.
    pub key: ExchangeKeyId,
    /// What the exchange lets the new one do.
    pub permissions: Vec<Permission>,
}

/// Puts another key in the place of one.
///
/// # Errors
/// SYS007, SYS006, KEY001, SYS003, KEY002, KEY003; or the log's.
pub async fn rotate_exchange_key(
    ctx: &Context,
    caller: &Caller,
    input: &RotateExchangeKey,
    pair: &KeyPair,
    second_factor: bool,
) -> Result<Executed<ExchangeKeyId>, ExecuteError> {
    ctx.execute("rotateExchangeKey", caller, input, |s| async move {
        let mut key = s.load::<ExchangeKey>(input.key.uuid()).await?;
        let (exchange, before, _) = key.of(user_of(s.actor()))?;
        let (offered, before) = (pair.offered(ctx, exchange, &input.permissions), before.to_owned());
        // The same key with another secret keeps its claim.
        if offered.fingerprint != before {
            let mut claim = s.load::<Claim>(claim::Kind::ExchangeKey.stream_id(&offered.fingerprint)).await?;
            s.decide(&mut claim, claim::Command::ClaimExchangeKey { key: input.key })?;
            let mut claim = s.load::<Claim>(claim::Kind::ExchangeKey.stream_id(&before)).await?;
            s.decide(&mut claim, claim::Command::ReleaseExchangeKey { key: input.key })?;
        }
        s.decide(&mut key, exchange_key::Command::Rotate { offered, second_factor })?;
        s.put_secret(&secret_name(input.key), &encrypted(ctx, input.key, pair)?);
        Ok(input.key)
    })
    .await
}

/// Input of [`deactivate_exchange_key`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DeactivateExchangeKey {
    /// Which.
    pub key: ExchangeKeyId,
}

/// Uses a key no longer, and forgets it: by its owner, or by us when they leave.
///
/// # Errors
/// SYS007; or the log's.
pub async fn deactivate_exchange_key(
    ctx: &Context,
    caller: &Caller,
    input: &DeactivateExchangeKey,
) -> Result<Executed<ExchangeKeyId>, ExecuteError> {
    ctx.execute("deactivateExchangeKey", caller, input, |s| async move {
        let mut key = s.load::<ExchangeKey>(input.key.uuid()).await?;
        let fingerprint = key.fingerprint().map(str::to_owned);
        s.decide(&mut key, exchange_key::Command::Deactivate {})?;
        if let Some(fingerprint) = fingerprint {
            let mut claim = s.load::<Claim>(claim::Kind::ExchangeKey.stream_id(&fingerprint)).await?;
            s.decide(&mut claim, claim::Command::ReleaseExchangeKey { key: input.key })?;
        }
        s.remove_secret(&secret_name(input.key));
        Ok(input.key)
    })
    .await
}

/// A registered key with its secret, for the adapter that trades with it.
///
/// # Errors
/// When the vault cannot be read, or its entry is damaged.
pub async fn key_pair(ctx: &Context, key: ExchangeKeyId) -> Result<Option<KeyPair>, LogError> {
    let Some(stored) = ctx.log.secret(&secret_name(key)).await? else { return Ok(None) };
    let opened = decrypted(ctx, key, &stored);
    opened.map(Some).ok_or_else(|| LogError::Damaged(format!("the vault's entry of {key} is not under our key")))
}

fn cipher(ctx: &Context) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&ctx.keys.derived(CIPHER_PURPOSE).into())
}

/// Hexadecimal digits of nonce, ciphertext and tag. The id is authenticated along: an entry fits no other key.
fn encrypted(ctx: &Context, id: ExchangeKeyId, pair: &KeyPair) -> Result<String, NotEncrypted> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|_| NotEncrypted)?;
    let text = serde_json::to_vec(pair).map_err(|_| NotEncrypted)?;
    let id = id.uuid();
    let payload = Payload { msg: &text, aad: id.as_bytes() };
    let sealed = cipher(ctx).encrypt(&XNonce::from(nonce), payload).map_err(|_| NotEncrypted)?;
    Ok(nonce.iter().chain(&sealed).map(|byte| format!("{byte:02x}")).collect())
}

fn decrypted(ctx: &Context, id: ExchangeKeyId, stored: &str) -> Option<KeyPair> {
    let digits = (0..stored.len()).step_by(2).map(|at| stored.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()));
    let bytes = digits.collect::<Option<Vec<u8>>>()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    let id = id.uuid();
    let payload = Payload { msg: sealed, aad: id.as_bytes() };
    serde_json::from_slice(&cipher(ctx).decrypt(&XNonce::from(*nonce), payload).ok()?).ok()
}

#[cfg(test)]
mod tests;
