//! An event as it stands in the log.

use std::sync::Arc;

use kernel::{Actor, DomainEvent, StreamName, Timestamp};
use uuid::Uuid;

use crate::codec::{self, DecodeError};
use crate::error::LogError;
use crate::leaf::{LeafError, LeafRecord};

/// One stored event with its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the log, dense from 1 in commit order.
    pub position: u64,
    /// The stream that it belongs to.
    pub stream: StreamName,
    /// Its place in the stream, dense from 1.
    pub version: u64,
    /// Its own id (UUIDv7).
    pub event_id: Uuid,
    /// What happened.
    pub event_type: String,
    /// Which shape the payload has.
    pub schema_version: u32,
    /// The store's clock; never falls along the log.
    pub recorded_at: Timestamp,
    /// The business clock.
    pub occurred_at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
    /// The interaction that it belongs to.
    pub correlation_id: Uuid,
    /// The event or command that caused its command.
    pub causation_id: Option<Uuid>,
    /// The command that it came from.
    pub command_id: Uuid,
    /// W3C trace context of the command.
    pub traceparent: Option<String>,
    /// Digest of the payload, as it was stored (`docs/leaf.md`).
    pub digest: [u8; 32],
    /// The stored bytes: a JSON object.
    pub payload: Arc<str>,
}

impl Recorded {
    /// The event itself.
    ///
    /// # Errors
    /// [`DecodeError`] when `E` has no such type, or the payload does not fit it.
    pub fn decode<E: DomainEvent>(&self) -> Result<E, DecodeError> {
        codec::decode(&self.event_type, self.schema_version, &self.payload)
    }

    /// Hash of the event's leaf in the log's tree (`docs/leaf.md`).
    ///
    /// # Errors
    /// [`LeafError`] when a text does not fit: no such event was ever appended.
    pub fn leaf_hash(&self) -> Result<[u8; 32], LeafError> {
        self.record(&self.actor.to_string()).hash()
    }

    /// The bytes of the event's leaf record (`docs/leaf.md`).
    ///
    /// # Errors
    /// [`LeafError`] when a text does not fit: no such event was ever appended.
    pub fn leaf_bytes(&self) -> Result<Vec<u8>, LeafError> {
        self.record(&self.actor.to_string()).to_bytes()
    }

    fn record<'a>(&'a self, actor: &'a str) -> LeafRecord<'a> {
        LeafRecord {
            position: self.position,
            stream: self.stream.as_str(),
            version: self.version,
            event_id: self.event_id,
            event_type: &self.event_type,
            schema_version: self.schema_version,
            recorded_at: self.recorded_at.as_microsecond(),
            occurred_at: self.occurred_at.as_microsecond(),
            actor,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            command_id: self.command_id,
            payload_digest: self.digest,
        }
    }
}

/// The columns of [`EventRow`], of `events e`.
pub(crate) const COLUMNS: &str = "e.position, e.stream, e.version, e.event_id, e.event_type, e.schema_version, e.recorded_at, \
     e.occurred_at, e.actor, e.correlation_id, e.causation_id, e.command_id, e.traceparent, e.digest, \
     e.payload";

/// An event's row, in the order of [`COLUMNS`].
pub(crate) type EventRow =
    (i64, String, i64, Uuid, String, i32, i64, i64, String, Uuid, Option<Uuid>, Uuid, Option<String>, Vec<u8>, String);

impl TryFrom<EventRow> for Recorded {
    type Error = LogError;

    fn try_from(row: EventRow) -> Result<Self, LogError> {
        let (position, stream, version, event_id, event_type, schema_version, recorded, occurred, actor, ..) = row;
        let damaged = |what: &str| LogError::Damaged(format!("{what} of position {position}"));
        Ok(Self {
            position: unsigned(position).ok_or_else(|| damaged("the position"))?,
            stream: stream.parse()?,
            version: unsigned(version).ok_or_else(|| damaged("the version"))?,
            event_id,
            event_type,
            schema_version: u32::try_from(schema_version).map_err(|_| damaged("the schema version"))?,
            recorded_at: timestamp(recorded)?,
            occurred_at: timestamp(occurred)?,
            actor: actor.parse().map_err(|_| damaged("the actor"))?,
            correlation_id: row.9,
            causation_id: row.10,
            command_id: row.11,
            traceparent: row.12,
            digest: row.13.try_into().map_err(|_| damaged("the digest"))?,
            payload: row.14.into(),
        })
    }
}

/// A stored position, version or count.
pub(crate) fn unsigned(stored: i64) -> Option<u64> {
    u64::try_from(stored).ok()
}

/// A position, version or limit as the stores bind it; beyond `i64` nothing is stored, so the ends meet.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A stored time in microseconds.
pub(crate) fn timestamp(micros: i64) -> Result<Timestamp, LogError> {
    Timestamp::from_microsecond(micros).map_err(|_| LogError::Damaged(format!("{micros} µs is no time")))
}
