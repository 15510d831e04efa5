//! W3C trace context: where a request belongs, and what is passed on of it.

use std::fmt;

use tracing::Span;
use tracing::field::Empty;
use uuid::Uuid;

/// A place in a trace, as `traceparent` says it (version 00).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The whole trace.
    pub trace: [u8; 16],
    /// The caller's span, or ours.
    pub span: [u8; 8],
    /// Does somebody keep it?
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a header; a malformed one, or one of zeros, is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version.len() != 2 || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let (trace, span, [flags]) = (bytes::<16>(trace)?, bytes::<8>(span)?, bytes::<1>(flags)?);
        (trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }

    /// A new span: within the caller's trace, or the first of a new one.
    #[must_use]
    pub fn within(caller: Option<Self>) -> Self {
        let trace = caller.map_or_else(|| Uuid::new_v4().into_bytes(), |caller| caller.trace);
        Self { trace, span: span(), sampled: caller.is_none_or(|caller| caller.sampled) }
    }

    /// The trace in hexadecimal.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex(&self.trace)
    }

    /// The span in hexadecimal.
    #[must_use]
    pub fn span_id(&self) -> String {
        hex(&self.span)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-0{}", self.trace_id(), self.span_id(), u8::from(self.sampled))
    }
}

/// Whatever is answered, with its names: what is logged within bears them (OBS-01, OBS-02), and whoever learns more records it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'n> {
    /// How it came: the HTTP method, or over a socket.
    pub method: &'n str,
    /// The correlation id.
    pub correlation_id: &'n str,
    /// Who asks for it within which trace.
    pub caller: Option<TraceContext>,
    /// Our own place in that trace.
    pub ours: TraceContext,
    /// The client's address.
    pub ip: &'n str,
}

impl Named<'_> {
    /// The span in which it is answered.
    #[must_use]
    pub fn span(&self) -> Span {
        let span = tracing::info_span!(
            target: "daybook::trace",
            "request",
            request_id = %Uuid::new_v4(),
            correlation_id = self.correlation_id,
            trace_id = %self.ours.trace_id(),
            span_id = %self.ours.span_id(),
            parent_span_id = Empty,
            method = self.method,
            ip = self.ip,
            user_id = Empty,
            command_id = Empty,
            operation = Empty,
            status = Empty,
        );
        if let Some(caller) = self.caller {
            span.record("parent_span_id", caller.span_id());
        }
        span
    }
}

/// The random half of a UUID.
fn span() -> [u8; 8] {
    let mut half = [0; 8];
    half.copy_from_slice(&Uuid::new_v4().as_bytes()[8..]);
    half
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lower-case hexadecimal of exactly so many bytes.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let plain = text.len() == 2 * N && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate().filter(|_| plain) {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    plain.then_some(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_is_read_is_written_the_same() {
        assert_eq!(TraceContext::parse(GIVEN).unwrap().to_string(), GIVEN);
        for bad in [
            "",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_span_stays_within_its_callers_trace() {
        let caller = TraceContext::parse(GIVEN).unwrap();
        let ours = TraceContext::within(Some(caller));
        assert!(ours.trace == caller.trace && ours.span != caller.span && ours.sampled);
        assert_ne!(TraceContext::within(None).trace, TraceContext::within(None).trace);
    }
}
