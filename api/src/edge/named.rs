//! Every request has its names before anybody looks at it: correlation, request, trace (OBS-01, OBS-06).

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;
use uuid::Uuid;

use crate::observe::trace::{Named, TraceContext};
use crate::transport::CORRELATION_HEADER;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Gives the request its names, in its headers for whoever reads it next, and the span in which it is answered. The caller's
/// correlation id (a UUIDv4) and trace are kept; where they are missing or malformed, ours stand in.
pub(super) fn named(request: &mut Request) -> Span {
    let correlation = text(request.headers(), &CORRELATION_HEADER).and_then(uuid_v4).unwrap_or_else(Uuid::new_v4).to_string();
    let caller = text(request.headers(), &TRACEPARENT).and_then(TraceContext::parse);
    let ours = TraceContext::within(caller);
    let ip = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical().to_string());
    let (method, ip) = (request.method().to_string(), ip.unwrap_or_default());
    let span = Named { method: &method, correlation_id: &correlation, caller, ours, ip: &ip }.span();
    for (name, value) in [(CORRELATION_HEADER, correlation), (TRACEPARENT, ours.to_string())] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            request.headers_mut().insert(name, value);
        }
    }
    span
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn uuid_v4(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.get_version_num() == 4)
}
