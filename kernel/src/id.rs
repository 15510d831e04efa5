//! Typed ids: one type per kind of thing, so that a vehicle's id never stands where a booking's belongs.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Names a kind of thing; its `PREFIX` is the stream kind and the start of the id that clients see.
pub trait Kind {
    /// Lower-case word, for example `booking`.
    const PREFIX: &'static str;
}

/// The id of one thing of kind `K`. Text form: `booking-0193…`; the same text names its stream and its GraphQL node.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// Wraps a UUID that is known to name a thing of this kind.
    #[must_use]
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The bare UUID.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", K::PREFIX, self.0)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of a {0}")]
pub struct WrongId(&'static str);

impl<K: Kind> FromStr for Id<K> {
    type Err = WrongId;

    fn from_str(text: &str) -> Result<Self, WrongId> {
        text.strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|uuid| Uuid::try_parse(uuid).ok())
            // One text per id: braces, upper case and missing hyphens would name the same thing twice.
            .filter(|uuid| text.get(K::PREFIX.len() + 1..) == Some(&*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer())))
            .map(Self::new)
            .ok_or(WrongId(K::PREFIX))
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reading(PhantomData))
    }
}

/// Reads an id where its text lies: a row has several, and a page many rows.
struct Reading<K>(PhantomData<fn() -> K>);

impl<K: Kind> Visitor<'_> for Reading<K> {
    type Value = Id<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an id of a {}", K::PREFIX)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id<K>, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Car {}
    impl Kind for Car {
        const PREFIX: &'static str = "car";
    }

    #[test]
    fn only_its_own_canonical_text_is_accepted() {
        let id = Id::<Car>::new(Uuid::from_u128(0xabc));
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in [
            "",
            "car",
            "car-",
            "van-00000000-0000-0000-0000-000000000abc",
            "car-00000000000000000000000000000abc",
            "car-00000000-0000-0000-0000-000000000ABC",
            "00000000-0000-0000-0000-000000000abc",
        ] {
            assert!(wrong.parse::<Id<Car>>().is_err(), "{wrong}");
        }
    }
}
