//! An event as one value: SQLite's driver copies each value of a row for its journey to another thread, and fifteen small copies cost
//! more than all the rest of reading it.

use std::str::FromStr;

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

use crate::error::LogError;
use crate::recorded::{Recorded, timestamp, unsigned};

/// The one column, of `events e`: numbers as text, a space after each (the lengths among them, -1 for what is null), then ids, digest
/// and texts, one after the other.
pub(super) const PACKED: &str = "cast(format('%d %d %d %d %d %d %d %d %d %d %d ', e.position, e.version, e.schema_version, \
     e.recorded_at, e.occurred_at, coalesce(octet_length(e.causation_id), -1), octet_length(e.stream), octet_length(e.event_type), \
     octet_length(e.actor), coalesce(octet_length(e.traceparent), -1), octet_length(e.payload)) \
     || e.event_id || e.correlation_id || e.command_id || e.digest || coalesce(e.causation_id, x'') || e.stream || e.event_type \
     || e.actor || coalesce(e.traceparent, '') || e.payload as blob)";

/// A row of [`PACKED`]; damage is told by the event, not by the driver.
pub(super) struct Packed(pub Result<Recorded, LogError>);

impl FromRow<'_, SqliteRow> for Packed {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self(unpacked(row.try_get(0)?)))
    }
}

fn unpacked(value: &[u8]) -> Result<Recorded, LogError> {
    let mut rest = Rest { value, position: 0 };
    rest.position = rest.number()?;
    let (version, schema_version, recorded_at, occurred_at) = (rest.number()?, rest.number()?, rest.number()?, rest.number()?);
    let (causation, stream, event_type, actor) = (rest.number()?, rest.number()?, rest.number()?, rest.number()?);
    let (traceparent, payload) = (rest.number()?, rest.number()?);
    let event = Recorded {
        position: unsigned(rest.position).ok_or_else(|| rest.damaged("the position"))?,
        version: unsigned(version).ok_or_else(|| rest.damaged("the version"))?,
        schema_version: u32::try_from(schema_version).map_err(|_| rest.damaged("the schema version"))?,
        recorded_at: timestamp(recorded_at)?,
        occurred_at: timestamp(occurred_at)?,
        event_id: rest.id()?,
        correlation_id: rest.id()?,
        command_id: rest.id()?,
        digest: rest.array("the digest")?,
        causation_id: if causation < 0 { None } else { Some(rest.id()?) },
        stream: rest.text(stream)?.parse()?,
        event_type: rest.text(event_type)?.to_owned(),
        actor: rest.text(actor)?.parse().map_err(|_| rest.damaged("the actor"))?,
        traceparent: if traceparent < 0 { None } else { Some(rest.text(traceparent)?.to_owned()) },
        payload: rest.text(payload)?.into(),
    };
    // An id or a digest of another length has moved all that follows it.
    if rest.value.is_empty() { Ok(event) } else { Err(rest.damaged("the length")) }
}

/// What is not yet read of a row.
struct Rest<'v> {
    value: &'v [u8],
    position: i64,
}

impl<'v> Rest<'v> {
    fn damaged(&self, what: &str) -> LogError {
        LogError::Damaged(format!("{what} of position {}", self.position))
    }

    /// A number and the space after it.
    fn number(&mut self) -> Result<i64, LogError> {
        let end = self.value.iter().position(|&byte| byte == b' ').ok_or_else(|| self.damaged("a number"))?;
        let number = std::str::from_utf8(&self.value[..end]).ok().and_then(|digits| i64::from_str(digits).ok());
        self.value = &self.value[end + 1..];
        number.ok_or_else(|| self.damaged("a number"))
    }

    fn bytes(&mut self, length: usize, what: &str) -> Result<&'v [u8], LogError> {
        let (bytes, rest) = self.value.split_at_checked(length).ok_or_else(|| self.damaged(what))?;
        self.value = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], LogError> {
        self.bytes(N, what)?.try_into().map_err(|_| self.damaged(what))
    }

    fn id(&mut self) -> Result<Uuid, LogError> {
        self.array("an id").map(Uuid::from_bytes)
    }

    fn text(&mut self, length: i64) -> Result<&'v str, LogError> {
        let length = usize::try_from(length).map_err(|_| self.damaged("a length"))?;
        std::str::from_utf8(self.bytes(length, "a text")?).map_err(|_| self.damaged("a text"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use kernel::{Actor, Timestamp};

    use super::*;

    /// What SQLite makes of an event with these parts.
    fn row(causation: Option<[u8; 16]>, traceparent: Option<&str>, payload: &str) -> Vec<u8> {
        let length = |length: Option<usize>| length.map_or("-1".to_owned(), |length| length.to_string());
        let lengths = [length(causation.map(|id| id.len())), "6 5 9".into(), length(traceparent.map(str::len)), payload.len().to_string()];
        let mut row = format!("7 2 1 1000000 -5 {} ", lengths.join(" ")).into_bytes();
        row.extend([[1; 16], [2; 16], [3; 16], [4; 16], [4; 16]].concat());
        row.extend(causation.into_iter().flatten());
        row.extend(b"call-1Addedanonymous");
        row.extend(traceparent.unwrap_or_default().bytes().chain(payload.bytes()));
        row
    }

    #[test]
    fn an_event_is_read_as_it_was_packed() {
        let (trace, payload) = ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", r#"{"text":"차 1"}"#);
        let full = unpacked(&row(Some([9; 16]), Some(trace), payload)).unwrap();
        let expected = Recorded {
            position: 7,
            stream: "call-1".parse().unwrap(),
            version: 2,
            event_id: Uuid::from_bytes([1; 16]),
            event_type: "Added".into(),
            schema_version: 1,
            recorded_at: Timestamp::from_microsecond(1_000_000).unwrap(),
            occurred_at: Timestamp::from_microsecond(-5).unwrap(),
            actor: Actor::Anonymous,
            correlation_id: Uuid::from_bytes([2; 16]),
            causation_id: Some(Uuid::from_bytes([9; 16])),
            command_id: Uuid::from_bytes([3; 16]),
            traceparent: Some(trace.into()),
            digest: [4; 32],
            payload: payload.into(),
        };
        assert_eq!(full, expected);
        assert_eq!(
            unpacked(&row(None, None, "{}")).unwrap(),
            Recorded { causation_id: None, traceparent: None, payload: "{}".into(), ..expected }
        );
    }

    /// Neither a shorter row nor a longer one passes for an event, wherever it is cut.
    #[test]
    fn a_row_of_another_length_is_damage() {
        let whole = row(Some([9; 16]), Some("00-1"), "{}");
        for end in 0..whole.len() {
            assert!(matches!(unpacked(&whole[..end]), Err(LogError::Damaged(_))), "{end}");
        }
        assert!(matches!(unpacked(&[&whole, b"}".as_slice()].concat()), Err(LogError::Damaged(_))));
    }
}
