//! Domain events to stored payloads and back.
//!
//! An event is an externally tagged enum of struct variants: `{"BookingApproved":{…}}`. Its tag is its type and has a
//! column of its own; the payload is the inner object, byte for byte as it was serialised.

use std::sync::Arc;

use kernel::DomainEvent;

use crate::error::LogError;
use crate::leaf::payload_digest;

/// Longest event type in bytes; the leaf record relies on it.
pub(crate) const MAX_TYPE_BYTES: usize = 64;

/// An event ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub event_type: String,
    pub schema_version: u32,
    pub payload: Arc<str>,
    /// [`payload_digest`] of the payload.
    pub digest: [u8; 32],
}

/// A stored event is not of the type asked for, or no longer readable.
#[derive(Debug, thiserror::Error)]
#[error("cannot read event {event_type} of schema {schema_version}: {source}")]
pub struct DecodeError {
    /// Type of the stored event.
    pub event_type: String,
    /// Its schema version.
    pub schema_version: u32,
    /// What is wrong.
    pub source: serde_json::Error,
}

/// An event that can be encoded, whatever its type.
pub(crate) trait Encode: Send + Sync {
    fn encode(&self) -> Result<Encoded, LogError>;
}

impl<E: DomainEvent> Encode for E {
    fn encode(&self) -> Result<Encoded, LogError> {
        encode(self)
    }
}

/// Serialises an event and takes its tag off.
pub(crate) fn encode<E: DomainEvent>(event: &E) -> Result<Encoded, LogError> {
    let event_type = event.event_type();
    let wrong = |reason: String| LogError::Encode { what: event_type.clone(), reason };
    if event_type.is_empty() || event_type.len() > MAX_TYPE_BYTES {
        return Err(wrong(format!("an event type has 1 to {MAX_TYPE_BYTES} bytes")));
    }
    let schema_version = event.event_version().parse().map_err(|_| wrong("its version is not a number".into()))?;
    let text = serde_json::to_string(event).map_err(|e| wrong(e.to_string()))?;
    let inner = text
        .strip_prefix("{\"")
        .and_then(|rest| rest.strip_prefix(event_type.as_str()))
        .and_then(|rest| rest.strip_prefix("\":"))
        .and_then(|rest| rest.strip_suffix('}'))
        .filter(|inner| inner.starts_with('{'));
    match inner {
        Some(inner) => Ok(Encoded { schema_version, payload: inner.into(), digest: payload_digest(inner.as_bytes()), event_type }),
        None => Err(wrong("it is not a struct variant tagged with its own type".into())),
    }
}

/// An event that was serialised elsewhere; the payload is a JSON object.
pub(crate) fn opaque(event_type: &str, schema_version: u32, payload: String) -> Result<Encoded, LogError> {
    if event_type.is_empty() || event_type.len() > MAX_TYPE_BYTES {
        let reason = format!("an event type has 1 to {MAX_TYPE_BYTES} bytes");
        return Err(LogError::Encode { what: event_type.to_owned(), reason });
    }
    let digest = payload_digest(payload.as_bytes());
    Ok(Encoded { event_type: event_type.to_owned(), schema_version, payload: payload.into(), digest })
}

/// Puts the tag back on and reads the event.
pub(crate) fn decode<E: DomainEvent>(event_type: &str, schema_version: u32, payload: &str) -> Result<E, DecodeError> {
    let text = format!("{{\"{event_type}\":{payload}}}");
    serde_json::from_str(&text).map_err(|source| DecodeError { event_type: event_type.to_owned(), schema_version, source })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Event {
        Named { text: String, amount: i128 },
        Unit,
        Renamed { a: u8 },
    }

    impl DomainEvent for Event {
        fn event_type(&self) -> String {
            match self {
                Self::Named { .. } => "Named".into(),
                Self::Unit => "Unit".into(),
                Self::Renamed { .. } => "Other".into(),
            }
        }
        fn event_version(&self) -> String {
            "1".into()
        }
    }

    #[test]
    fn payload_is_the_inner_object() {
        let event = Event::Named { text: "차\n\"}".into(), amount: i128::MAX };
        let encoded = encode(&event).unwrap();
        assert_eq!(&*encoded.payload, format!(r#"{{"text":"차\n\"}}","amount":{}}}"#, i128::MAX));
        assert_eq!(decode::<Event>("Named", 1, &encoded.payload).unwrap(), event);
    }

    #[test]
    fn anything_else_is_an_error() {
        assert!(encode(&Event::Unit).is_err());
        assert!(encode(&Event::Renamed { a: 1 }).is_err());
        assert!(decode::<Event>("Unknown", 1, "{}").is_err());
    }
}
