//! The leaf record: the bytes that the log commits to for one event. `docs/leaf.md` defines them; they never change.
//!
//! Pure: no store, no clock. The record is fixed or length-prefixed throughout, so that two events never share one.

use kernel::actor::MAX_ACTOR_BYTES;
use kernel::stream::MAX_STREAM_BYTES;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::codec::MAX_TYPE_BYTES;
use crate::plan::EventInsert;

/// The format that [`LeafRecord`] writes; a change of any byte needs another number.
pub const LEAF_FORMAT: u8 = 1;
/// Longest record in bytes.
pub const MAX_LEAF_BYTES: usize = 512;

/// What sets a leaf apart from an inner node (RFC 6962, 2.1).
const LEAF_PREFIX: u8 = 0;
/// An event without a cause, and one with.
const NO_CAUSE: u8 = 0;
const CAUSE: u8 = 1;

/// A text that has no place in the record; no event with it may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} has {bytes} bytes; 1 to {limit} are possible")]
pub struct LeafError {
    /// Which text.
    pub field: &'static str,
    /// Its length in bytes.
    pub bytes: usize,
    /// The most that the record takes.
    pub limit: usize,
}

/// Digest of a payload's stored bytes (SHA-256): of the ciphertext where fields are sealed, so that erasure keeps it true.
#[must_use]
pub fn payload_digest(payload: &[u8]) -> [u8; 32] {
    Sha256::digest(payload).into()
}

/// One event as the log commits to it. `traceparent` is no part of it: it is a hint for operators, not a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafRecord<'a> {
    /// Place in the log, from 1.
    pub position: u64,
    /// Name of the stream, at most 128 bytes.
    pub stream: &'a str,
    /// Place in the stream, from 1.
    pub version: u64,
    /// Id of the event.
    pub event_id: Uuid,
    /// Type of the event, at most 64 bytes.
    pub event_type: &'a str,
    /// Shape of the payload.
    pub schema_version: u32,
    /// The store's clock, in microseconds since 1970.
    pub recorded_at: i64,
    /// The business clock, in microseconds since 1970.
    pub occurred_at: i64,
    /// Who caused it, at most 64 bytes.
    pub actor: &'a str,
    /// The interaction.
    pub correlation_id: Uuid,
    /// What caused its command.
    pub causation_id: Option<Uuid>,
    /// The command.
    pub command_id: Uuid,
    /// [`payload_digest`] of the payload.
    pub payload_digest: [u8; 32],
}

impl LeafRecord<'_> {
    /// The record's bytes.
    ///
    /// # Errors
    /// [`LeafError`] when a text is empty or too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LeafError> {
        let mut bytes = Vec::with_capacity(MAX_LEAF_BYTES);
        self.write_to(&mut bytes)?;
        Ok(bytes)
    }

    /// The leaf's hash: SHA-256 of a zero byte and the record.
    ///
    /// # Errors
    /// [`LeafError`] when a text is empty or too long.
    pub fn hash(&self) -> Result<[u8; 32], LeafError> {
        self.hash_in(&mut Vec::with_capacity(MAX_LEAF_BYTES))
    }

    /// [`Self::hash`] with a buffer that is used again and again.
    pub(crate) fn hash_in(&self, buffer: &mut Vec<u8>) -> Result<[u8; 32], LeafError> {
        buffer.clear();
        buffer.push(LEAF_PREFIX);
        self.write_to(buffer)?;
        Ok(Sha256::digest(buffer).into())
    }

    fn write_to(&self, out: &mut Vec<u8>) -> Result<(), LeafError> {
        out.push(LEAF_FORMAT);
        out.extend(self.position.to_be_bytes());
        text(out, "the stream", self.stream, MAX_STREAM_BYTES)?;
        out.extend(self.version.to_be_bytes());
        out.extend(self.event_id.as_bytes());
        text(out, "the type", self.event_type, MAX_TYPE_BYTES)?;
        out.extend(self.schema_version.to_be_bytes());
        out.extend(self.recorded_at.to_be_bytes());
        out.extend(self.occurred_at.to_be_bytes());
        text(out, "the actor", self.actor, MAX_ACTOR_BYTES)?;
        out.extend(self.correlation_id.as_bytes());
        match &self.causation_id {
            None => out.push(NO_CAUSE),
            Some(id) => {
                out.push(CAUSE);
                out.extend(id.as_bytes());
            }
        }
        out.extend(self.command_id.as_bytes());
        out.extend(self.payload_digest);
        Ok(())
    }
}

/// The leaf hashes of events on their way into the log.
///
/// # Errors
/// [`LeafError`] when a text does not fit; the limits of commands let none come this far.
pub(crate) fn hashes(events: &[EventInsert<'_>], recorded_at: i64) -> Result<Vec<[u8; 32]>, LeafError> {
    let mut buffer = Vec::with_capacity(MAX_LEAF_BYTES);
    let hash = |event: &EventInsert<'_>| {
        let record = LeafRecord {
            position: event.position,
            stream: event.draft.stream.as_str(),
            version: event.version,
            event_id: event.event_id,
            event_type: &event.draft.event.event_type,
            schema_version: event.draft.event.schema_version,
            recorded_at,
            occurred_at: event.command.now.as_microsecond(),
            actor: &event.command.actor.to_string(),
            correlation_id: event.command.correlation_id,
            causation_id: event.command.causation_id,
            command_id: event.command.command_id,
            payload_digest: event.draft.event.digest,
        };
        record.hash_in(&mut buffer)
    };
    events.iter().map(hash).collect()
}

/// A length in one byte, then the text.
fn text(out: &mut Vec<u8>, field: &'static str, text: &str, limit: usize) -> Result<(), LeafError> {
    match u8::try_from(text.len()) {
        Ok(length) if (1..=limit).contains(&text.len()) => {
            out.push(length);
            out.extend(text.as_bytes());
            Ok(())
        }
        Ok(_) | Err(_) => Err(LeafError { field, bytes: text.len(), limit }),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use std::fmt::Write as _;

    use super::*;

    /// The document with the vectors, which were made by another program.
    const DOCUMENT: &str = include_str!("../../docs/leaf.md");

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    fn id(last: u128) -> Uuid {
        Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 | last)
    }

    /// The document's three events, each with its payload.
    fn events() -> [(LeafRecord<'static>, &'static str); 3] {
        let least = LeafRecord {
            position: 1,
            stream: "booking-1",
            version: 1,
            event_id: id(1),
            event_type: "BookingRequested",
            schema_version: 1,
            recorded_at: 0,
            occurred_at: -1,
            actor: "anonymous",
            correlation_id: id(0xc1),
            causation_id: None,
            command_id: id(0xd1),
            payload_digest: payload_digest(b"{}"),
        };
        let payload = r#"{"amount":"12000","note":"서울"}"#;
        let usual = LeafRecord {
            position: 2,
            stream: "payment-01980000-0000-7000-8000-00000000abcd",
            version: 3,
            event_id: id(2),
            event_type: "PaymentCompleted",
            schema_version: 2,
            recorded_at: 1_785_542_400_123_456,
            occurred_at: 1_785_542_400_000_000,
            actor: "user-01980000-0000-7000-8000-0000000000aa",
            causation_id: Some(id(1)),
            command_id: id(0xd2),
            payload_digest: payload_digest(payload.as_bytes()),
            ..least
        };
        let most = LeafRecord {
            position: i64::MAX as u64,
            stream: concat!(
                "s-",
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            ),
            version: i64::MAX as u64,
            event_id: Uuid::max(),
            event_type: "TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT",
            schema_version: i32::MAX as u32,
            recorded_at: 253_402_207_199_999_999,
            occurred_at: -377_705_023_201_000_000,
            actor: concat!("system-", "yyyyyyyyyyyyyyyyyyy", "yyyyyyyyyyyyyyyyyyy", "yyyyyyyyyyyyyyyyyyy"),
            correlation_id: Uuid::max(),
            causation_id: Some(Uuid::nil()),
            command_id: Uuid::max(),
            payload_digest: payload_digest(b""),
        };
        [(least, "{}"), (usual, payload), (most, "")]
    }

    #[test]
    fn the_vectors_of_the_document_hold() {
        let (_, vectors) = DOCUMENT.split_once("## Test vectors").unwrap();
        let lines: Vec<_> = vectors.split("```text\n").nth(1).unwrap().lines().take(9).collect();
        for ((record, payload), vector) in events().iter().zip(lines.chunks(3)) {
            let bytes = record.to_bytes().unwrap();
            assert_eq!(format!("{} {}", bytes.len(), hex(&bytes)), vector[0]);
            assert_eq!(hex(&payload_digest(payload.as_bytes())), vector[1]);
            assert_eq!(hex(&record.hash().unwrap()), vector[2]);
        }
    }

    #[test]
    fn the_longest_record_fits() {
        let [.., (most, _)] = events();
        assert_eq!(most.to_bytes().unwrap().len(), 393);
    }

    #[test]
    fn every_field_counts() {
        let [(least, _), (usual, _), _] = events();
        let hashes = [
            least,
            LeafRecord { position: 2, ..least },
            LeafRecord { stream: usual.stream, ..least },
            LeafRecord { version: 2, ..least },
            LeafRecord { event_id: id(9), ..least },
            LeafRecord { event_type: usual.event_type, ..least },
            LeafRecord { schema_version: 2, ..least },
            LeafRecord { recorded_at: 1, ..least },
            LeafRecord { occurred_at: 1, ..least },
            LeafRecord { actor: usual.actor, ..least },
            LeafRecord { correlation_id: id(9), ..least },
            LeafRecord { causation_id: Some(Uuid::nil()), ..least },
            LeafRecord { causation_id: Some(id(9)), ..least },
            LeafRecord { command_id: id(9), ..least },
            LeafRecord { payload_digest: [0; 32], ..least },
        ]
        .map(|record| record.hash().unwrap());
        assert_eq!(std::collections::HashSet::from(hashes).len(), hashes.len());
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        let [(least, _), ..] = events();
        let long = "x".repeat(300);
        for (record, field, bytes, limit) in [
            (LeafRecord { stream: &long[..129], ..least }, "the stream", 129, 128),
            (LeafRecord { event_type: &long[..65], ..least }, "the type", 65, 64),
            (LeafRecord { actor: &long, ..least }, "the actor", 300, 64),
            (LeafRecord { actor: "", ..least }, "the actor", 0, 64),
        ] {
            assert_eq!(record.hash(), Err(LeafError { field, bytes, limit }));
        }
    }
}
