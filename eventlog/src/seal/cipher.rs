//! The one cipher, XChaCha20-Poly1305, over the two things that it seals: values and keys. Bytes: docs/sealing.md.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use kernel::{KeyClass, SealError, Sealed};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroize;

use super::error::KeyError;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// Bytes of a value's own associated data: command id, place within the command.
const ASSOCIATED_BYTES: usize = 18;

const VALUE_DOMAIN: &[u8] = b"daybook personal value v1";
const KEY_DOMAIN: &[u8] = b"daybook subject key v1";
const CHECK_DOMAIN: &[u8] = b"daybook epoch key check v1";

/// Whose key, and which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId {
    pub subject: Uuid,
    pub class: KeyClass,
}

/// 32 secret bytes, gone from memory with the last handle.
pub(super) struct SecretKey([u8; KEY_BYTES]);

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SecretKey {
    pub(super) fn random() -> Result<Self, KeyError> {
        Ok(Self(random()?))
    }

    pub(super) const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Tells this epoch key from another, and nothing else about it.
    pub(super) fn check_value(&self, epoch: u64) -> Vec<u8> {
        Sha256::new().chain_update(CHECK_DOMAIN).chain_update(epoch.to_be_bytes()).chain_update(self.0).finalize().to_vec()
    }

    /// A subject's key under this epoch key.
    pub(super) fn wrap(&self, epoch: u64, id: KeyId, key: &Self) -> Result<Vec<u8>, KeyError> {
        self.encrypt(&key.0, &key_context(epoch, id))
    }

    /// A subject's key that was wrapped under this epoch key.
    pub(super) fn unwrap_key(&self, epoch: u64, id: KeyId, wrapped: &[u8]) -> Result<Self, KeyError> {
        let mut bytes = self
            .decrypt(wrapped, &key_context(epoch, id))
            .ok_or_else(|| KeyError::Damaged(format!("the {} key of subject {} is not of epoch {epoch}", id.class.name(), id.subject)))?;
        let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map(Self);
        bytes.zeroize();
        key.map_err(|_| KeyError::Damaged(format!("the {} key of subject {} has another length", id.class.name(), id.subject)))
    }

    /// One value under this subject's key.
    pub(super) fn seal(&self, id: KeyId, name: ValueName, json: &[u8]) -> Result<Sealed, KeyError> {
        let associated = name.bytes();
        let bytes = self.encrypt(json, &value_context(id, &associated))?;
        Ok(Sealed {
            subject: id.subject,
            class: id.class,
            associated: URL_SAFE_NO_PAD.encode(associated).into(),
            bytes: URL_SAFE_NO_PAD.encode(bytes).into(),
        })
    }

    /// What was sealed under this subject's key.
    pub(super) fn open(&self, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        let id = KeyId { subject: sealed.subject, class: sealed.class };
        let read = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Damaged("not base64url"));
        let (associated, bytes) = (read(&sealed.associated)?, read(&sealed.bytes)?);
        self.decrypt(&bytes, &value_context(id, &associated)).ok_or(SealError::Damaged("it is not under its subject's key"))
    }

    /// Nonce, ciphertext, tag.
    fn encrypt(&self, text: &[u8], context: &[u8]) -> Result<Vec<u8>, KeyError> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: text, aad: context });
        let sealed = sealed.map_err(|_| KeyError::Value(SealError::Damaged("too long to seal")))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn decrypt(&self, bytes: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: context }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

/// Names one sealed value: the command that sealed it, and the how manyth of that command's values it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValueName {
    pub command: Uuid,
    pub place: u16,
}

impl ValueName {
    fn bytes(self) -> [u8; ASSOCIATED_BYTES] {
        let mut bytes = [0; ASSOCIATED_BYTES];
        bytes[..16].copy_from_slice(self.command.as_bytes());
        bytes[16..].copy_from_slice(&self.place.to_be_bytes());
        bytes
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeyError::Random(error.to_string()))?;
    Ok(bytes)
}

/// Every part has a length of its own that never changes, so nothing can be shifted from one to the next.
fn key_context(epoch: u64, id: KeyId) -> Vec<u8> {
    [KEY_DOMAIN, id.subject.as_bytes(), &[class_byte(id.class)], &epoch.to_be_bytes()].concat()
}

fn value_context(id: KeyId, associated: &[u8]) -> Vec<u8> {
    [VALUE_DOMAIN, id.subject.as_bytes(), &[class_byte(id.class)], associated].concat()
}

const fn class_byte(class: KeyClass) -> u8 {
    match class {
        KeyClass::Profile => 1,
        KeyClass::Retained => 2,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    const ID: KeyId = KeyId { subject: Uuid::from_u128(7), class: KeyClass::Profile };
    const NAME: ValueName = ValueName { command: Uuid::from_u128(9), place: 2 };

    #[test]
    fn a_value_opens_under_its_own_key_and_nowhere_else() {
        let (key, other) = (SecretKey::random().unwrap(), SecretKey::random().unwrap());
        let sealed = key.seal(ID, NAME, b"\"Ada\"").unwrap();
        assert_eq!(key.open(&sealed).unwrap(), b"\"Ada\"");
        assert_ne!(key.seal(ID, NAME, b"\"Ada\"").unwrap().bytes, sealed.bytes, "another nonce each time");
        assert!(other.open(&sealed).is_err());
        let moved = [
            Sealed { subject: Uuid::from_u128(8), ..sealed.clone() },
            Sealed { class: KeyClass::Retained, ..sealed.clone() },
            Sealed { associated: key.seal(ID, ValueName { place: 3, ..NAME }, b"1").unwrap().associated, ..sealed.clone() },
            Sealed { bytes: sealed.bytes[..sealed.bytes.len() - 4].into(), ..sealed.clone() },
            Sealed { bytes: "".into(), ..sealed.clone() },
            Sealed { bytes: "ä".into(), ..sealed },
        ];
        assert!(moved.iter().all(|moved| key.open(moved).is_err()));
    }

    #[test]
    fn a_key_unwraps_in_its_own_epoch_and_for_its_own_subject() {
        let (epoch, key) = (SecretKey::random().unwrap(), SecretKey::random().unwrap());
        let wrapped = epoch.wrap(3, ID, &key).unwrap();
        assert_eq!(epoch.unwrap_key(3, ID, &wrapped).unwrap().bytes(), key.bytes());
        assert!(epoch.unwrap_key(4, ID, &wrapped).is_err());
        assert!(epoch.unwrap_key(3, KeyId { class: KeyClass::Retained, ..ID }, &wrapped).is_err());
        assert!(key.unwrap_key(3, ID, &wrapped).is_err());
        assert_ne!(epoch.check_value(3), epoch.check_value(4));
    }

    /// The examples of docs/sealing.md, computed by another implementation.
    #[test]
    fn the_documented_bytes_are_ours() {
        let bytes = |first: u8| std::array::from_fn(|i| first + u8::try_from(i).unwrap());
        let (key, epoch_key) = (SecretKey::from_bytes(bytes(0)), SecretKey::from_bytes(bytes(0x80)));
        let sealed: kernel::Personal<String> = serde_json::from_str(VALUE).unwrap();
        assert_eq!(key.open(sealed.sealed().unwrap()).unwrap(), "\"김영희\"".as_bytes());
        let id = KeyId { subject: sealed.sealed().unwrap().subject, class: KeyClass::Profile };
        let wrapped: Vec<u8> = (0..KEY.len()).step_by(2).map(|i| u8::from_str_radix(&KEY[i..i + 2], 16).unwrap()).collect();
        assert_eq!(epoch_key.unwrap_key(3, id, &wrapped).unwrap().bytes(), key.bytes());
        assert_eq!(epoch_key.check_value(3)[..4], [0x94, 0x56, 0x6b, 0xca]);
    }

    const VALUE: &str = concat!(
        r#"{"of":"01a1c0de-0000-7000-8000-000000000001","key":"profile","ad":"AaHA3gAAcACAAAAAAAAAwAAC","#,
        r#""sealed":"QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX9tO88Dx4-PsSWKVSxePqeTtPCRJpHbhx9dBA"}"#
    );
    const KEY: &str = "404142434445464748494a4b4c4d4e4f5051525354555657f10d71f75ff5f25df31b7dd8faa3935a2256607d11518afbd2a3ef175e4813d7\
                       949bdc7473545ea51c2a20e56da7b536";
}
