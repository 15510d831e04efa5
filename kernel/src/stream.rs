//! Names of streams.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest stream name in bytes; the leaf record of the log relies on it.
pub const MAX_STREAM_BYTES: usize = 128;

/// The name of a stream: `{kind}-{id}`, printable ASCII, at most 128 bytes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<str>);

/// The text names no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a stream name: {0:?}")]
pub struct NotAStream(String);

impl StreamName {
    /// The stream of `kind` with this id.
    ///
    /// # Errors
    /// [`NotAStream`] when the kind is not a lower-case word or the whole is too long or not printable ASCII.
    pub fn new(kind: &str, id: impl fmt::Display) -> Result<Self, NotAStream> {
        format!("{kind}-{id}").parse()
    }

    /// The stream's kind: everything before the first hyphen.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// What follows the kind.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.split_once('-').map_or("", |(_, id)| id)
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamName {
    type Err = NotAStream;

    fn from_str(text: &str) -> Result<Self, NotAStream> {
        let word = |kind: &str| !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let fits = text.len() <= MAX_STREAM_BYTES
            && text.bytes().all(|b| b.is_ascii_graphic())
            && text.split_once('-').is_some_and(|(kind, id)| word(kind) && !id.is_empty());
        if fits { Ok(Self(text.into())) } else { Err(NotAStream(text.to_owned())) }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for StreamName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StreamName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kind_and_id() {
        let name = StreamName::new("vehcal", "0193-ab").map(|n| (n.kind().to_owned(), n.id().to_owned()));
        assert_eq!(name, Ok(("vehcal".into(), "0193-ab".into())));
        for wrong in ["", "booking", "-1", "Booking-1", "booking-", "booking-한글", "booking-a b"] {
            assert!(wrong.parse::<StreamName>().is_err(), "{wrong}");
        }
        assert!(StreamName::new("a", "x".repeat(127)).is_err());
    }
}
