//! Spans to an OpenTelemetry collector: OTLP over HTTP in its JSON form, in batches, and never in anybody's way.
//!
//! Spans of the target [`TARGET`] are collected. Their fields `trace_id`, `span_id` and `parent_span_id` say where they belong, `links`
//! names other spans by their `traceparent`; a span without ids begins a trace of its own. When the collector is slow or away, spans
//! are dropped: a trace is worth no request.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::trace::TraceContext;

/// The target of the spans that are collected.
pub const TARGET: &str = "daybook::trace";
/// Spans that wait to be sent; beyond, they are dropped.
const QUEUE: usize = 4_096;
/// Spans in one request.
const BATCH: usize = 512;
/// How long spans wait for company.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Links of one span.
const MAX_LINKS: usize = 32;

/// The address of a collector cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of a collector such as http://collector:4318")]
pub struct BadEndpoint(String);

/// Where spans go: host with port, and path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    authority: String,
    path: String,
}

impl Endpoint {
    /// Plain HTTP only: a collector is beside the server, or a sidecar talks TLS.
    fn parse(url: &str) -> Result<Self, BadEndpoint> {
        let bad = || BadEndpoint(url.to_owned());
        let rest = url.trim_end_matches('/').strip_prefix("http://").ok_or_else(bad)?;
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        if authority.is_empty() || authority.contains(['@', ' ']) {
            return Err(bad());
        }
        let authority = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:4318") };
        let path = if path.is_empty() { "/v1/traces".to_owned() } else { format!("/{path}") };
        Ok(Self { authority, path })
    }
}

/// The layer that collects spans, and a task that sends them to `url`. Needs a tokio runtime.
///
/// # Errors
/// [`BadEndpoint`].
pub(super) fn layer(url: &str) -> Result<Spans, BadEndpoint> {
    let endpoint = Endpoint::parse(url)?;
    let (queue, spans) = mpsc::channel(QUEUE);
    tokio::spawn(send(endpoint, spans));
    Ok(Spans { queue })
}

/// Collects finished spans.
pub(super) struct Spans {
    queue: mpsc::Sender<Value>,
}

/// What is known of a span under way.
struct Open {
    begun: SystemTime,
    fields: Map<String, Value>,
}

impl Visit for Open {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id).filter(|span| span.metadata().target() == TARGET) else { return };
        let mut open = Open { begun: SystemTime::now(), fields: Map::new() };
        attributes.record(&mut open);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        // A full queue drops the span.
        let _ = self.queue.try_send(finished(span.name(), open));
    }
}

/// A span as OTLP writes it. A phone number or an address of a person is in no field of ours.
fn finished(name: &str, Open { begun, mut fields }: Open) -> Value {
    let mut text = |name: &str| fields.remove(name).and_then(|value| value.as_str().map(str::to_owned));
    let own = TraceContext::within(None);
    let (trace, id) = (text("trace_id").unwrap_or_else(|| own.trace_id()), text("span_id").unwrap_or_else(|| own.span_id()));
    let (parent, links) = (text("parent_span_id").unwrap_or_default(), text("links").unwrap_or_default());
    let links = links.split(',').filter_map(TraceContext::parse).take(MAX_LINKS);
    let links: Vec<_> = links.map(|link| json!({ "traceId": link.trace_id(), "spanId": link.span_id() })).collect();
    fields.remove("ip");
    let attribute = |(name, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| json!({ "intValue": value.to_string() }), |text| json!({ "stringValue": text }));
        json!({ "key": name, "value": value })
    };
    json!({
        "traceId": trace, "spanId": id, "parentSpanId": parent, "name": name,
        "kind": if parent.is_empty() && !links.is_empty() { 5 } else { 2 },
        "startTimeUnixNano": nanos(begun), "endTimeUnixNano": nanos(SystemTime::now()),
        "attributes": fields.iter().map(attribute).collect::<Vec<_>>(), "links": links,
    })
}

fn nanos(at: SystemTime) -> String {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}

async fn send(endpoint: Endpoint, mut spans: mpsc::Receiver<Value>) {
    let mut away = false;
    let mut batch = Vec::with_capacity(BATCH);
    while spans.recv_many(&mut batch, BATCH).await > 0 {
        if batch.len() < BATCH {
            tokio::time::sleep(GATHER).await;
            while batch.len() < BATCH
                && let Ok(span) = spans.try_recv()
            {
                batch.push(span);
            }
        }
        let sent = tokio::time::timeout(PATIENCE, post(&endpoint, &body(std::mem::take(&mut batch)))).await;
        let failed = !matches!(sent, Ok(Ok(true)));
        if failed != away {
            away = failed;
            if failed {
                tracing::warn!(collector = endpoint.authority, "traces cannot be delivered and are dropped");
            } else {
                tracing::info!(collector = endpoint.authority, "traces are delivered again");
            }
        }
    }
}

fn body(spans: Vec<Value>) -> String {
    let service = json!([
        { "key": "service.name", "value": { "stringValue": "daybook" } },
        { "key": "service.version", "value": { "stringValue": env!("CARGO_PKG_VERSION") } },
    ]);
    json!({ "resourceSpans": [{ "resource": { "attributes": service }, "scopeSpans": [{ "scope": { "name": "daybook" }, "spans": spans }] }] })
        .to_string()
}

/// One request; did the collector take it?
async fn post(Endpoint { authority, path }: &Endpoint, body: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(authority).await?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(&status[..9] == b"HTTP/1.1 " && status[9] == b'2')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn collectors_have_plain_addresses() {
        let endpoint = |url| Endpoint::parse(url).map(|endpoint| format!("{}{}", endpoint.authority, endpoint.path));
        assert_eq!(endpoint("http://collector"), Ok("collector:4318/v1/traces".to_owned()));
        assert_eq!(endpoint("http://127.0.0.1:9/custom/"), Ok("127.0.0.1:9/custom".to_owned()));
        for bad in ["collector:4318", "https://collector", "http://", "http://user@collector"] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_finished_span_reaches_the_collector() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let spans = layer(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let subscriber = tracing_subscriber::registry().with(spans);
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!(target: TARGET, "request", trace_id = "0af7651916cd43dd8448eb211c80319c",
                span_id = "b7ad6b7169203331", parent_span_id = "00f067aa0ba902b7", ip = "203.0.113.9", status = tracing::field::Empty,
                links = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01,nonsense");
            span.record("status", 200_u64);
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains("\"resourceSpans\"") || !heard.ends_with(b"}") {
            let mut part = [0; 4_096];
            let length = stream.read(&mut part).await.unwrap();
            heard.extend_from_slice(&part[..length]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        let heard = String::from_utf8(heard).unwrap();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        let span = &body["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!((span["name"].as_str(), span["parentSpanId"].as_str()), (Some("request"), Some("00f067aa0ba902b7")));
        assert_eq!(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span["links"][0]["spanId"], "c7ad6b7169203331");
        let attributes = span["attributes"].to_string();
        assert!(attributes.contains("\"intValue\":\"200\"") && !attributes.contains("203.0.113.9"), "{attributes}");
    }
}
