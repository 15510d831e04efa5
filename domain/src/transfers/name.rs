//! The names of transfer ledgers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name, in bytes.
const MAX_BYTES: usize = 32;

/// The name of a transfer ledger: a lower-case letter, then letters, digits and underscores, at most 32 in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerName(String);

/// The text names no transfer ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ledger's name is a lower-case letter, then letters, digits and underscores, at most 32 in all")]
pub struct NotALedger;

impl kernel::Refusal for NotALedger {
    fn refused(&self) -> kernel::Refused {
        kernel::Refused::at("SYS003", &["book"])
    }
}

impl LedgerName {
    /// The one that is meant where none is named.
    #[must_use]
    pub fn main() -> Self {
        Self("main".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LedgerName {
    type Err = NotALedger;

    fn from_str(text: &str) -> Result<Self, NotALedger> {
        let word = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let fits = word && text.len() <= MAX_BYTES && text.starts_with(|first: char| first.is_ascii_lowercase());
        if fits { Ok(Self(text.to_owned())) } else { Err(NotALedger) }
    }
}

impl fmt::Display for LedgerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for LedgerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LedgerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word() {
        assert_eq!("cards_2".parse().as_ref().map(LedgerName::as_str), Ok("cards_2"));
        for wrong in ["", "2cards", "Cards", "a-b", "장부", &"a".repeat(33)] {
            assert_eq!(wrong.parse::<LedgerName>(), Err(NotALedger), "{wrong}");
        }
    }
}
