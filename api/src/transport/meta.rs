//! What is known about a request before anybody looks at its document.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use uuid::Uuid;

use crate::errors::Language;

/// Names the request in logs and in every event that it causes; echoed in the answer.
pub const CORRELATION_HEADER: HeaderName = HeaderName::from_static("x-correlation-id");
/// The token that a query waits for.
pub const CONSISTENCY_HEADER: HeaderName = HeaderName::from_static("daybook-consistency");

/// Longest consistency token and trace context that are looked at, in bytes.
const MAX_HEADER_BYTES: usize = 256;

/// The circumstances of one request; resolvers find it in the request's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMeta {
    /// The caller's UUIDv4, or one of ours.
    pub correlation_id: Uuid,
    /// The language of messages.
    pub language: Language,
    /// The caller's `Daybook-Consistency` token.
    pub consistency: Option<String>,
    /// The W3C trace context.
    pub traceparent: Option<String>,
    /// The client's address. Personal data: in a log line only as `ip`, for operators.
    pub remote: Option<IpAddr>,
    /// Does it come over a WebSocket?
    pub socket: bool,
}

impl RequestMeta {
    /// Reads the headers; whatever is malformed there counts as absent.
    #[must_use]
    pub fn read(parts: &Parts) -> Self {
        let headers = &parts.headers;
        Self {
            correlation_id: text(headers, &CORRELATION_HEADER).and_then(uuid_v4).unwrap_or_else(Uuid::new_v4),
            language: preferred_language(headers),
            consistency: text(headers, &CONSISTENCY_HEADER).map(str::to_owned),
            traceparent: text(headers, &HeaderName::from_static("traceparent")).filter(|t| is_traceparent(t)).map(str::to_owned),
            socket: headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket")),
            remote: parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()),
        }
    }

    /// The same caller's next operation on one socket: a correlation id of its own.
    #[must_use]
    pub fn next_operation(&self) -> Self {
        Self { correlation_id: Uuid::new_v4(), ..self.clone() }
    }
}

/// The token of `Authorization: Bearer …`; other schemes and no header are no token.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?;
    // A header that is not even text was presented as a credential: it must be refused, not ignored.
    value.to_str().map_or(Some(""), bearer_token)
}

/// The token in an `Authorization` value.
#[must_use]
pub fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|t| !t.is_empty() && t.len() <= MAX_HEADER_BYTES)
}

fn uuid_v4(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.get_version_num() == 4)
}

fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    let mut parts = text.split('-');
    [2, 32, 16, 2].into_iter().all(|len| parts.next().is_some_and(|part| hex(part, len))) && parts.next().is_none()
}

/// The language that a request prefers.
#[must_use]
pub fn preferred_language(headers: &HeaderMap) -> Language {
    text(headers, &header::ACCEPT_LANGUAGE).map_or(Language::Ko, language)
}

/// Korean, unless English is weighted higher than Korean.
fn language(accept: &str) -> Language {
    let mut best = (0, 0);
    for range in accept.split(',') {
        let (tag, weight) = super::negotiation::weighted(range);
        let primary = tag.split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("ko") {
            best.0 = best.0.max(weight);
        } else if primary.eq_ignore_ascii_case("en") {
            best.1 = best.1.max(weight);
        }
    }
    if best.1 > best.0 { Language::En } else { first_named(accept, best) }
}

/// With equal weights the one that is named first is meant.
fn first_named(accept: &str, (ko, en): (u16, u16)) -> Language {
    let starts = |tag: &str| accept.to_ascii_lowercase().find(tag).unwrap_or(usize::MAX);
    if ko == en && en > 0 && starts("en") < starts("ko") { Language::En } else { Language::Ko }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_unless_english_is_preferred() {
        for (accept, expected) in [
            ("en", Language::En),
            ("en-US,en;q=0.9,ko;q=0.8", Language::En),
            ("ko-KR,ko;q=0.9,en;q=0.8", Language::Ko),
            ("fr", Language::Ko),
            ("en;q=0", Language::Ko),
            ("en,ko", Language::En),
            ("*", Language::Ko),
            ("", Language::Ko),
        ] {
            assert_eq!(language(accept), expected, "{accept}");
        }
    }

    #[test]
    fn only_bearer_counts_as_a_token() {
        for (value, token) in [("Bearer abc", Some("abc")), ("bearer  abc ", Some("abc")), ("Bearer", Some("")), ("Basic abc", None)] {
            assert_eq!(bearer_token(value), token, "{value}");
        }
    }

    #[test]
    fn foreign_ids_are_replaced() {
        assert!(uuid_v4("0e9a2b2e-6b1c-4a53-9d7d-9a3f1f6b7c11").is_some());
        assert!(uuid_v4("0193a0a0-0000-7000-8000-000000000000").is_none());
        assert!(is_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(!is_traceparent("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    }
}
