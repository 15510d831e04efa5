//! Who issued a command.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Longest text form of an actor in bytes; the leaf record of the log relies on it.
pub const MAX_ACTOR_BYTES: usize = 64;

/// Who issued a command, kept with each of its events. Also the scope of idempotency keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Actor {
    /// Nobody signed in (registration, login).
    Anonymous,
    /// A signed-in person.
    User(Uuid),
    /// A process manager, timer or seed of our own, by its name (at most 56 ASCII characters).
    System(String),
}

impl Actor {
    /// A process of our own; the name is cut to what fits the log's actor field.
    #[must_use]
    pub fn system(name: &str) -> Self {
        Self::System(name.chars().filter(char::is_ascii_graphic).take(MAX_ACTOR_BYTES - 8).collect())
    }

    /// The person behind the command, if it was a person.
    #[must_use]
    pub const fn user(&self) -> Option<Uuid> {
        match self {
            Self::User(id) => Some(*id),
            Self::Anonymous | Self::System(_) => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::User(id) => write!(f, "user-{id}"),
            Self::System(name) => write!(f, "system-{name}"),
        }
    }
}

/// The text is no actor.
#[derive(Debug, thiserror::Error)]
#[error("not an actor: {0}")]
pub struct NotAnActor(String);

impl FromStr for Actor {
    type Err = NotAnActor;

    fn from_str(text: &str) -> Result<Self, NotAnActor> {
        if text == "anonymous" {
            return Ok(Self::Anonymous);
        }
        if let Some(id) = text.strip_prefix("user-").and_then(|id| Uuid::from_str(id).ok()) {
            return Ok(Self::User(id));
        }
        match text.strip_prefix("system-") {
            Some(name) => Ok(Self::System(name.to_owned())),
            None => Err(NotAnActor(text.to_owned())),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        for actor in [Actor::Anonymous, Actor::User(Uuid::from_u128(7)), Actor::system("booking-payment")] {
            assert_eq!(actor.to_string().parse::<Actor>().ok(), Some(actor));
        }
        assert!("nobody".parse::<Actor>().is_err());
    }

    #[test]
    fn text_form_fits_the_leaf_record() {
        assert!(Actor::system(&"x".repeat(200)).to_string().len() <= MAX_ACTOR_BYTES);
    }
}
