//! Personal data inside events.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which of a subject's two keys a value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyClass {
    /// Destroyed on erasure.
    Profile,
    /// Kept as long as the law demands (five years), then destroyed.
    Retained,
}

/// A value about a person: a name, an e-mail address, a phone number, a plate, free text.
///
/// It names its subject and key class, so that sealing and erasure need no knowledge of the event that carries it.
/// `Debug` never shows the value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Personal<T> {
    /// Readable.
    Open {
        /// The person whom the value is about.
        subject: Uuid,
        /// The key that it belongs to.
        class: KeyClass,
        /// The value.
        value: T,
    },
    /// The subject's key was destroyed; nothing can bring the value back.
    Erased {},
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

    /// The value, unless it was erased.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Open { value, .. } => Some(value),
            Self::Erased {} => None,
        }
    }
}

impl<T> std::fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open { subject, class, .. } => write!(f, "Personal({class:?} of {subject})"),
            Self::Erased {} => f.write_str("Personal(erased)"),
        }
    }
}
