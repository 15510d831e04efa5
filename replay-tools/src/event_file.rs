//! An event in a file, as GraphQL gives it.

use eventlog::{LeafError, LeafRecord, payload_digest};
use kernel::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What the leaf record needs of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub stream: String,
    pub event_type: String,
    position: u64,
    version: u64,
    event_id: Uuid,
    schema_version: u32,
    recorded_at: i64,
    occurred_at: i64,
    actor: String,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    command_id: Uuid,
    payload_digest: [u8; 32],
}

/// How deep an answer may nest the event.
const MAX_DEPTH: usize = 32;

impl Event {
    /// The event at a position: the file's only value, or somewhere within an answer.
    ///
    /// # Errors
    /// What is missing or wrong, in words.
    pub(crate) fn find(text: &str, position: u64) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let mut found = Vec::new();
        collect(&value, MAX_DEPTH, &mut found);
        let only = if found.len() == 1 { found.first() } else { None };
        let at = |event: &&&Map<String, Value>| number(event, "position").is_ok_and(|found| found == position);
        match found.iter().find(at).or(only) {
            Some(event) => Self::read(event).and_then(|event| {
                if event.position == position {
                    Ok(event)
                } else {
                    Err(format!("the event is that of position {}, the proof that of position {position}", event.position))
                }
            }),
            None => Err(format!("there is no event of position {position} with its payloadText")),
        }
    }

    fn read(event: &Map<String, Value>) -> Result<Self, String> {
        let payload = text(event, "payloadText")?;
        if let Some(shown) = event.get("payload").filter(|shown| !shown.is_null()) {
            // Only payloadText is committed to; a payload that says something else would deceive its reader.
            let stored: Value = serde_json::from_str(payload).map_err(|error| format!("payloadText is no JSON: {error}"))?;
            if stored != *shown {
                return Err("payload and payloadText say different things".to_owned());
            }
        }
        Ok(Self {
            position: number(event, "position")?,
            stream: text(event, "stream")?.to_owned(),
            version: number(event, "version")?,
            event_id: id(event, "id")?,
            event_type: text(event, "type")?.to_owned(),
            schema_version: u32::try_from(number(event, "schemaVersion")?).map_err(|_| "schemaVersion is too large".to_owned())?,
            recorded_at: micros(event, "recordedAt")?,
            occurred_at: micros(event, "occurredAt")?,
            actor: text(event, "actor")?.to_owned(),
            correlation_id: id(event, "correlationId")?,
            causation_id: match event.get("causationId") {
                Some(Value::Null) => None,
                Some(_) => Some(id(event, "causationId")?),
                None => return Err("causationId is missing".to_owned()),
            },
            command_id: id(event, "commandId")?,
            payload_digest: payload_digest(payload.as_bytes()),
        })
    }

    /// The hash of its leaf.
    pub(crate) fn leaf_hash(&self) -> Result<[u8; 32], LeafError> {
        let record = LeafRecord {
            position: self.position,
            stream: &self.stream,
            version: self.version,
            event_id: self.event_id,
            event_type: &self.event_type,
            schema_version: self.schema_version,
            recorded_at: self.recorded_at,
            occurred_at: self.occurred_at,
            actor: &self.actor,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            command_id: self.command_id,
            payload_digest: self.payload_digest,
        };
        record.hash()
    }
}

/// Every object that has a payload's text.
fn collect<'v>(value: &'v Value, depth: usize, found: &mut Vec<&'v Map<String, Value>>) {
    match value {
        _ if depth == 0 => {}
        Value::Object(object) if object.contains_key("payloadText") => found.push(object),
        Value::Object(object) => object.values().for_each(|value| collect(value, depth - 1, found)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, depth - 1, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn text<'v>(event: &'v Map<String, Value>, field: &str) -> Result<&'v str, String> {
    event.get(field).ok_or_else(|| format!("{field} is missing"))?.as_str().ok_or_else(|| format!("{field} is no text"))
}

/// A number as a JSON number, or as the text that GraphQL's BigInt is.
fn number(event: &Map<String, Value>, field: &str) -> Result<u64, String> {
    let value = event.get(field).ok_or_else(|| format!("{field} is missing"))?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).ok_or_else(|| format!("{field} is no whole number"))
}

/// A UUID; an event's global id has its kind before it.
fn id(event: &Map<String, Value>, field: &str) -> Result<Uuid, String> {
    let given = text(event, field)?;
    Uuid::try_parse(given.strip_prefix("event-").unwrap_or(given)).map_err(|_| format!("{field} is no UUID"))
}

/// An instant in whole microseconds; finer ones are not the log's.
fn micros(event: &Map<String, Value>, field: &str) -> Result<i64, String> {
    let at: Timestamp = text(event, field)?.parse().map_err(|_| format!("{field} is no instant of RFC 3339"))?;
    if at.as_nanosecond() % 1_000 == 0 { Ok(at.as_microsecond()) } else { Err(format!("{field} is finer than microseconds")) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use serde_json::json;

    use super::*;

    /// The second vector of docs/leaf.md, as GraphQL would give it.
    fn event() -> Value {
        json!({
            "id": "event-01980000-0000-7000-8000-000000000002",
            "position": "2",
            "stream": "payment-01980000-0000-7000-8000-00000000abcd",
            "version": 3,
            "type": "PaymentCompleted",
            "schemaVersion": 2,
            "recordedAt": "2026-08-01T00:00:00.123456Z",
            "occurredAt": "2026-08-01T00:00:00.000000Z",
            "actor": "user-01980000-0000-7000-8000-0000000000aa",
            "correlationId": "01980000-0000-7000-8000-0000000000c1",
            "causationId": "01980000-0000-7000-8000-000000000001",
            "commandId": "01980000-0000-7000-8000-0000000000d2",
            "payloadText": "{\"amount\":\"12000\",\"note\":\"서울\"}",
            "payload": { "note": "서울", "amount": "12000" },
        })
    }

    const LEAF: &str = "bee38fc02e3d37be989fc4bbaf5ac4fcb2c7cb32bb1234af3d685bb3dc01ab9a";

    fn hash(value: &Value) -> Result<String, String> {
        let leaf = Event::find(&value.to_string(), 2)?.leaf_hash().unwrap();
        Ok(leaf.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    #[test]
    fn it_has_the_leaf_of_the_document_alone_or_within_an_answer() {
        assert_eq!(hash(&event()).unwrap(), LEAF);
        let other = json!({ "position": "1", "payloadText": "{}" });
        assert_eq!(hash(&json!({ "data": { "events": { "nodes": [other, event()] } } })).unwrap(), LEAF);
    }

    #[test]
    fn whatever_is_changed_changes_the_leaf_or_is_refused() {
        for (field, value) in [
            ("stream", json!("payment-x")),
            ("version", json!(4)),
            ("type", json!("PaymentFailed")),
            ("schemaVersion", json!(1)),
            ("recordedAt", json!("2026-08-01T00:00:00.123457Z")),
            ("occurredAt", json!("2026-08-01T00:00:00.000001Z")),
            ("actor", json!("anonymous")),
            ("causationId", Value::Null),
            ("id", json!("event-01980000-0000-7000-8000-000000000003")),
        ] {
            let mut changed = event();
            changed[field] = value;
            assert_ne!(hash(&changed).unwrap(), LEAF, "{field}");
        }
        for (field, value, said) in [
            ("position", json!("3"), "position 3"),
            ("payloadText", json!("{\"amount\":\"1\"}"), "different things"),
            ("payload", json!({ "amount": "1" }), "different things"),
            ("recordedAt", json!("2026-08-01T00:00:00.1234567Z"), "finer"),
            ("recordedAt", json!("yesterday"), "RFC 3339"),
            ("commandId", json!("x"), "no UUID"),
            ("version", json!(-1), "whole number"),
        ] {
            let mut changed = event();
            changed[field] = value;
            assert!(hash(&changed).unwrap_err().contains(said), "{field}");
        }
        for field in ["id", "stream", "causationId", "commandId", "actor", "occurredAt"] {
            let mut changed = event();
            changed.as_object_mut().unwrap().remove(field);
            assert_eq!(hash(&changed).unwrap_err(), format!("{field} is missing"));
        }
        assert!(Event::find("not json", 2).unwrap_err().contains("no JSON"));
        assert!(Event::find("{}", 2).unwrap_err().contains("no event"));
    }
}
