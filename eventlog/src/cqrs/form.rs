//! How events of cqrs-es stand in our log (docs/cqrs-es.md): names of streams, payloads with what belongs to them, and what
//! of the metadata becomes part of the envelope. Nothing is lost: what came in is given back byte for byte.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use kernel::{Actor, StreamName, Timestamp};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::codec::{self, Encoded};
use crate::command::CommandMeta;
use crate::cqrs::nobody;
use crate::error::LogError;
use crate::recorded::Recorded;

/// Metadata of an event that came with none.
pub(super) const NO_METADATA: &str = "{}";
/// Members that a payload may begin with, in this order.
const VERSION: &str = "$version";
const METADATA: &str = "$metadata";
/// All of the payload, where the event is no struct variant tagged with its own type.
const EVENT: &str = "$event";
/// Longest trace context that the envelope takes.
const MAX_TRACEPARENT_BYTES: usize = 128;

/// The stream of an aggregate. Type and id are kept as they are where our names allow it; else each byte that does not fit
/// is written as `__hh` (type, underscores too) or `%HH` (id), so that two aggregates never share a stream.
///
/// # Errors
/// [`LogError::Stream`] when the whole is longer than a stream's name.
pub fn stream_of(aggregate_type: &str, aggregate_id: &str) -> Result<StreamName, LogError> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let plain = !aggregate_type.contains("__") && aggregate_type.bytes().all(|byte| word(byte) || byte == b'_');
    let kind = if plain { Cow::Borrowed(aggregate_type) } else { escaped(aggregate_type, "__", word).into() };
    let id = escaped(aggregate_id, "%", |byte| byte.is_ascii_graphic() && byte != b'%');
    Ok(StreamName::new(&kind, id)?)
}

fn escaped(text: &str, mark: &str, stays: impl Fn(u8) -> bool) -> String {
    let mut name = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            name.push(byte.into());
        } else {
            // Writing to a string never fails.
            let _ = write!(name, "{mark}{byte:02x}");
        }
    }
    name
}

/// The stored form of an event: `text` is its JSON, `metadata` a JSON object.
pub(super) fn stored(event_type: &str, version: &str, text: &str, metadata: &str) -> Result<Encoded, LogError> {
    let schema_version = number(version);
    let mut payload = String::with_capacity(text.len() + metadata.len() + 32);
    payload.push('{');
    if version != schema_version.to_string() {
        member(&mut payload, VERSION, &serde_json::Value::from(version).to_string());
    }
    if metadata != NO_METADATA {
        member(&mut payload, METADATA, metadata);
    }
    match inner(event_type, text) {
        Some(members) if members.trim_start() == "}" => payload.push_str(members),
        Some(members) => {
            separate(&mut payload);
            payload.push_str(members);
        }
        None => {
            member(&mut payload, EVENT, text);
            payload.push('}');
        }
    }
    codec::opaque(event_type, schema_version, payload)
}

fn member(payload: &mut String, name: &str, value: &str) {
    separate(payload);
    // Writing to a string never fails.
    let _ = write!(payload, "\"{name}\":{value}");
}

fn separate(payload: &mut String) {
    if payload.len() > 1 {
        payload.push(',');
    }
}

/// What follows the opening brace of a struct variant's members.
fn inner<'t>(event_type: &str, text: &'t str) -> Option<&'t str> {
    let object = text.strip_prefix("{\"")?.strip_prefix(event_type)?.strip_prefix("\":")?.strip_suffix('}')?;
    let members = object.strip_prefix('{').filter(|members| !members.trim_start().starts_with("\"$"))?;
    // One object, and nothing behind it but its end.
    serde_json::from_str::<&RawValue>(object).is_ok_and(|found| found.get() == object).then_some(members)
}

/// The number that a version begins with; 0 when it begins with none. The whole of it is kept beside the event.
fn number(version: &str) -> u32 {
    let digits = version.len() - version.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    version[..digits].parse().ok().filter(|number| i32::try_from(*number).is_ok()).unwrap_or_default()
}

/// A stored event as it came in.
pub(super) struct Parts<'r> {
    pub version: Cow<'r, str>,
    /// A JSON object.
    pub metadata: &'r str,
    /// Its JSON.
    pub event: Cow<'r, str>,
}

impl<'r> Parts<'r> {
    pub(super) fn of(recorded: &'r Recorded) -> Result<Self, LogError> {
        let parts = Self::split(&recorded.event_type, recorded.schema_version, &recorded.payload);
        parts.ok_or_else(|| LogError::Damaged(format!("the payload of position {}", recorded.position)))
    }

    fn split(event_type: &str, schema_version: u32, payload: &'r str) -> Option<Self> {
        let rest = payload.strip_prefix('{')?;
        let (version, rest) = taken(rest, VERSION)?;
        let (metadata, rest) = taken(rest, METADATA)?;
        let (event, rest) = taken(rest, EVENT)?;
        let version = match version {
            Some(version) => Cow::Owned(serde_json::from_str(version).ok()?),
            None => Cow::Owned(schema_version.to_string()),
        };
        let event = match event {
            Some(event) => Cow::Borrowed(event),
            None => Cow::Owned(format!("{{\"{event_type}\":{{{rest}}}")),
        };
        Some(Self { version, metadata: metadata.unwrap_or(NO_METADATA), event })
    }
}

/// A member's value and what follows, if the object goes on with that member; `None` when the rest is no JSON.
fn taken<'p>(rest: &'p str, name: &str) -> Option<(Option<&'p str>, &'p str)> {
    let Some(value) = rest.strip_prefix('"').and_then(|rest| rest.strip_prefix(name)?.strip_prefix("\":")) else {
        return Some((None, rest));
    };
    let mut values = serde_json::Deserializer::from_str(value).into_iter::<&RawValue>();
    let found = values.next()?.ok()?.get();
    let rest = &value[values.byte_offset()..];
    Some((Some(found), rest.strip_prefix(',').unwrap_or(rest)))
}

/// Metadata as it is kept: in the order of its names, so that the same map always has the same bytes.
pub(super) fn metadata(map: &HashMap<String, String>) -> Arc<str> {
    let ordered: BTreeMap<_, _> = map.iter().collect();
    let members = ordered.into_iter().map(|(name, value)| {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        format!("{}:{}", text(name), text(value))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into()
}

/// The envelope of what comes with this metadata: correlation, causation, trace context and actor where they parse, under the
/// names that are usual.
pub(super) fn command(name: &'static str, metadata: &HashMap<String, String>, now: Timestamp) -> CommandMeta {
    let id = |names| id_of(metadata, names);
    let actor = metadata.get("actor").and_then(|text| text.parse::<Actor>().ok());
    let actor = actor.filter(|actor| actor.to_string().len() <= kernel::actor::MAX_ACTOR_BYTES);
    let mut command = CommandMeta::new(name, actor.unwrap_or_else(|| nobody(name)), now);
    command.correlation_id = id(CORRELATION).unwrap_or(command.correlation_id);
    command.causation_id = id(["causation_id", "causationId"]);
    command.traceparent = metadata.get("traceparent").filter(|text| is_traceparent(text)).cloned();
    command
}

const CORRELATION: [&str; 2] = ["correlation_id", "correlationId"];

fn id_of(metadata: &HashMap<String, String>, names: [&str; 2]) -> Option<Uuid> {
    let found = names.into_iter().find_map(|name| metadata.get(name));
    found.and_then(|text| Uuid::try_parse(text).ok())
}

/// Does the metadata say which interaction its event belongs to?
pub(super) fn names_interaction(metadata: &HashMap<String, String>) -> bool {
    id_of(metadata, CORRELATION).is_some()
}

/// `version-trace-parent-flags` in lower-case hexadecimal (W3C trace context).
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let parts: Vec<_> = text.split('-').collect();
    text.len() <= MAX_TRACEPARENT_BYTES
        && parts.iter().all(|part| hex(part))
        && parts.iter().map(|part| part.len()).take(4).eq([2, 32, 16, 2])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn two_aggregates_never_share_a_stream() {
        let name = |aggregate_type, id| stream_of(aggregate_type, id).unwrap().to_string();
        assert_eq!(name("bank_account", "ACCT-1"), "bank_account-ACCT-1");
        assert_eq!(name("Account", "1"), "__41ccount-1");
        assert_eq!(name("a_B", "1"), "a__5f__42-1");
        assert_eq!(name("a__5f__42", "1"), "a__5f__5f5f__5f__5f42-1");
        assert_eq!(name("bank-account", "a b%c차"), "bank__2daccount-a%20b%25c%ec%b0%a8");
        assert!(stream_of("account", "").is_err() && stream_of("", "1").is_err() && stream_of("a", &"x".repeat(127)).is_err());
    }

    /// What is stored, and that it comes back as it was.
    fn there_and_back(event_type: &str, version: &str, text: &str, metadata: &str) -> (u32, String) {
        let encoded = stored(event_type, version, text, metadata).unwrap();
        assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&encoded.payload).is_ok(), "{}", encoded.payload);
        let parts = Parts::split(event_type, encoded.schema_version, &encoded.payload).unwrap();
        assert_eq!((&*parts.event, &*parts.version, parts.metadata), (text, version, metadata), "{}", encoded.payload);
        (encoded.schema_version, encoded.payload.to_string())
    }

    #[test]
    fn every_payload_comes_back_byte_for_byte() {
        let text = r#"{"Paid":{"minor": 7 , "note":"}\""}}"#;
        assert_eq!(there_and_back("Paid", "1", text, "{}"), (1, r#"{"minor": 7 , "note":"}\""}"#.into()));
        let kept = there_and_back("Paid", "1.0", text, r#"{"by":"a"}"#);
        assert_eq!(kept, (1, r#"{"$version":"1.0","$metadata":{"by":"a"},"minor": 7 , "note":"}\""}"#.into()));
        assert_eq!(there_and_back("Paid", "12.3.4", r#"{"Paid":{}}"#, "{}"), (12, r#"{"$version":"12.3.4"}"#.into()));
        assert_eq!(there_and_back("Paid", "1", r#"{"Paid":{}}"#, r#"{"by":"a"}"#), (1, r#"{"$metadata":{"by":"a"}}"#.into()));
        // Unit, tuple and internally tagged variants, foreign spacing, and members that look like ours.
        for text in [
            r#""Paid""#,
            r#"{"Paid":[1,2]}"#,
            r#"{"Paid":7}"#,
            r#"{"type":"Paid","minor":1}"#,
            r#"{ "Paid": {"minor":1}}"#,
            r#"{"Paid":{"minor":1} }"#,
            r#"{"Paid":{"$event":1}}"#,
            r#"{"Paid":{ "$version":1}}"#,
            r#"{"Paid":{"a":{}},"Also":{}}"#,
            r#"{"Paid":{ }}"#,
            "null",
        ] {
            for (version, metadata) in [("1", "{}"), ("v2", "{}"), ("1", r#"{"a":[{"b":"}"}]}"#), ("", r#"{"a":1}"#)] {
                there_and_back("Paid", version, text, metadata);
            }
        }
    }

    #[test]
    fn the_envelope_takes_what_parses() {
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect::<HashMap<_, _>>();
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let id = "0193a1b2-0000-7000-8000-000000000001";
        let full = map(&[("correlation_id", id), ("causationId", id), ("traceparent", trace), ("actor", "system-billing")]);
        let command = command("test", &full, Timestamp::UNIX_EPOCH);
        let expected = (Uuid::parse_str(id).unwrap(), Uuid::parse_str(id).ok(), Some(trace), "system-billing");
        assert_eq!((command.correlation_id, command.causation_id, command.traceparent.as_deref(), &*command.actor.to_string()), expected);
        let wrong = map(&[("correlation_id", "order 7"), ("causation_id", ""), ("traceparent", "00-1-2-3"), ("actor", "somebody")]);
        let command = super::command("test", &wrong, Timestamp::UNIX_EPOCH);
        assert_eq!((command.causation_id, command.traceparent, command.actor.to_string()), (None, None, "system-test".into()));
        assert_eq!(&*metadata(&map(&[("b", "\""), ("a", "1")])), r#"{"a":"1","b":"\""}"#);
    }
}
