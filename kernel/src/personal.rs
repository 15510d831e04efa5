//! Personal data inside events: open in memory, sealed wherever it is stored, erased once its key is gone.
//!
//! This module knows the forms and their JSON (docs/sealing.md), but no key and no cipher: whoever stores events brings a
//! [`Sealer`], whoever shows a value brings an [`Opener`].

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::ser::{Error as _, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Which of a subject's two keys a value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyClass {
    /// Destroyed on erasure.
    Profile,
    /// Kept as long as the law demands (five years), then destroyed.
    Retained,
}

impl KeyClass {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Profile, Self::Retained];

    /// Its name in stored values and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Retained => "retained",
        }
    }
}

/// A value about a person: a name, an e-mail address, a phone number, a plate, free text.
///
/// It names its subject and key class, so that sealing and erasure need no knowledge of the event that carries it.
/// `Debug` never shows the value. Serialised, it is never open: see [`sealing`].
#[derive(Clone, PartialEq, Eq)]
pub enum Personal<T> {
    /// Readable, and not stored yet.
    Open {
        /// The person whom the value is about.
        subject: Uuid,
        /// The key that it belongs to.
        class: KeyClass,
        /// The value.
        value: T,
    },
    /// As it is stored; readable for whoever has the subject's key.
    Sealed(Sealed),
    /// The subject's key was destroyed before the value was stored; there is nothing to bring back.
    Erased {},
}

/// A sealed value: what an event, a row and a copy of either hold. Copies are byte for byte the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed {
    /// The person whom the value is about.
    pub subject: Uuid,
    /// The key that it is sealed under.
    pub class: KeyClass,
    /// Its own associated data, base64url: names this one value, so that the bytes fit no other.
    pub associated: Box<str>,
    /// Nonce, ciphertext and tag, base64url.
    pub bytes: Box<str>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.class.name(), self.subject)
    }
}

/// What became of a value that somebody wants to read.
#[derive(Clone, PartialEq, Eq)]
pub enum Opened<T> {
    /// The value.
    Value(T),
    /// Its key was destroyed: show a tombstone.
    Erased,
}

impl<T> Opened<T> {
    /// The value, unless it was erased.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Erased => None,
        }
    }
}

impl<T> std::fmt::Debug for Opened<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Value(_) => "Opened(…)",
            Self::Erased => "Opened(erased)",
        })
    }
}

/// Why a value could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// An open value may be serialised within [`sealing`] only; anything else would store it readable.
    #[error("an open personal value was serialised outside of a sealer's scope")]
    OutOfScope,
    /// The subject's key is not at hand; it can be fetched.
    #[error("the key of a subject is not at hand")]
    KeyMissing,
    /// The bytes are not what was sealed, or the key is not the one.
    #[error("a sealed value is damaged: {0}")]
    Damaged(&'static str),
    /// The value's own form.
    #[error("a personal value does not fit its type")]
    Form,
}

/// Seals values. It has its keys already: no I/O, no waiting.
pub trait Sealer: Send + Sync {
    /// Seals the JSON of one value; `None` when the subject's key was destroyed, so that the value is stored as erased.
    ///
    /// # Errors
    /// [`SealError::KeyMissing`] when the key has to be fetched first.
    fn seal(&self, subject: Uuid, class: KeyClass, json: &[u8]) -> Result<Option<Sealed>, SealError>;
}

/// Opens values. It has its keys already: no I/O, no waiting.
pub trait Opener {
    /// The JSON that was sealed; `None` when the subject's key was destroyed.
    ///
    /// # Errors
    /// [`SealError::KeyMissing`] when the key has to be fetched first, [`SealError::Damaged`] when the bytes are not ours.
    fn open(&self, sealed: &Sealed) -> Result<Option<Vec<u8>>, SealError>;
}

thread_local! {
    static SEALER: RefCell<Option<Arc<dyn Sealer>>> = const { RefCell::new(None) };
}

/// Puts the sealer before this one back, also when the scope ends in a panic.
struct Restore(Option<Arc<dyn Sealer>>);

impl Drop for Restore {
    fn drop(&mut self) {
        SEALER.set(self.0.take());
    }
}

/// Runs `encode` with a sealer at hand: open values that it serialises are sealed. Only on this thread, and not across
/// an await; scopes may be nested.
pub fn sealing<R>(sealer: Arc<dyn Sealer>, encode: impl FnOnce() -> R) -> R {
    let _before = Restore(SEALER.replace(Some(sealer)));
    encode()
}

impl<T> Personal<T> {
    /// A value under the key that goes when the person leaves.
    pub const fn profile(subject: Uuid, value: T) -> Self {
        Self::Open { subject, class: KeyClass::Profile, value }
    }

    /// A value that the law makes us keep for a time.
    pub const fn retained(subject: Uuid, value: T) -> Self {
        Self::Open { subject, class: KeyClass::Retained, value }
    }

    /// The value where it is readable as it stands: not once it was stored.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Open { value, .. } => Some(value),
            Self::Sealed(_) | Self::Erased {} => None,
        }
    }

    /// The sealed form, if that is what this is.
    pub const fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::Sealed(sealed) => Some(sealed),
            Self::Open { .. } | Self::Erased {} => None,
        }
    }
}

impl<T: Clone + DeserializeOwned> Personal<T> {
    /// The value, read with the keys of an opener.
    ///
    /// # Errors
    /// The opener's, or [`SealError::Form`].
    pub fn open(&self, opener: &impl Opener) -> Result<Opened<T>, SealError> {
        match self {
            Self::Open { value, .. } => Ok(Opened::Value(value.clone())),
            Self::Erased {} => Ok(Opened::Erased),
            Self::Sealed(sealed) => match opener.open(sealed)? {
                Some(json) => serde_json::from_slice(&json).map(Opened::Value).map_err(|_| SealError::Form),
                None => Ok(Opened::Erased),
            },
        }
    }
}

impl<T> std::fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open { subject, class, .. } => write!(f, "Personal({} of {subject})", class.name()),
            Self::Sealed(sealed) => write!(f, "Personal(sealed, {sealed:?})"),
            Self::Erased {} => f.write_str("Personal(erased)"),
        }
    }
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sealed = match self {
            Self::Sealed(sealed) => Some(Cow::Borrowed(sealed)),
            Self::Erased {} => None,
            Self::Open { subject, class, value } => seal(*subject, *class, value).map_err(S::Error::custom)?.map(Cow::Owned),
        };
        match sealed {
            Some(sealed) => sealed.serialize(serializer),
            None => {
                let mut object = serializer.serialize_struct("Personal", 1)?;
                object.serialize_field("erased", &true)?;
                object.end()
            }
        }
    }
}

fn seal<T: Serialize>(subject: Uuid, class: KeyClass, value: &T) -> Result<Option<Sealed>, SealError> {
    // A handle of its own: the value may serialise others.
    let sealer = SEALER.with_borrow(Clone::clone).ok_or(SealError::OutOfScope)?;
    let json = serde_json::to_vec(value).map_err(|_| SealError::Form)?;
    sealer.seal(subject, class, &json)
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Sealed", 4)?;
        object.serialize_field("of", &self.subject)?;
        object.serialize_field("key", &self.class)?;
        object.serialize_field("ad", &self.associated)?;
        object.serialize_field("sealed", &self.bytes)?;
        object.end()
    }
}

/// Both stored forms; which one it is, its fields tell.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    of: Option<Uuid>,
    key: Option<KeyClass>,
    ad: Option<Box<str>>,
    sealed: Option<Box<str>>,
    #[serde(default)]
    erased: bool,
}

impl<'de, T> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Stored::deserialize(deserializer)? {
            Stored { of: Some(subject), key: Some(class), ad: Some(associated), sealed: Some(bytes), erased: false } => {
                Ok(Self::Sealed(Sealed { subject, class, associated, bytes }))
            }
            Stored { of: None, key: None, ad: None, sealed: None, erased: true } => Ok(Self::Erased {}),
            Stored { .. } => Err(serde::de::Error::custom("neither a sealed nor an erased value")),
        }
    }
}

#[cfg(test)]
mod tests;
