//! Headers that a browser obeys (SEC-06, SEC-07).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;

use super::{EdgeSettings, origin};

/// A page of ours loads nothing from elsewhere, and nobody frames it. A route that needs something else says so itself.
const PAGE_POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// Whatever is no page has nothing to load.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// HTTPS for a year, here and below.
const HTTPS_ONLY: &str = "max-age=31536000; includeSubDomains";
/// What a web page may send…
const ALLOWED_HEADERS: &str =
    "authorization, content-type, accept, accept-language, daybook-consistency, x-correlation-id, traceparent, last-event-id";
/// …by which methods…
const ALLOWED_METHODS: &str = "GET, POST, PUT, OPTIONS";
/// …and read.
const EXPOSED_HEADERS: &str = "x-correlation-id, retry-after";
/// How long a browser may remember that it may, in seconds.
const REMEMBER_S: &str = "600";

/// Writes them.
pub(super) fn write(settings: &EdgeSettings, https: bool, from: Option<&str>, response: &mut Response) {
    if !settings.guarded {
        return;
    }
    let page = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    set(headers, header::CONTENT_SECURITY_POLICY, if page { PAGE_POLICY } else { DATA_POLICY });
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    if https || settings.https_only {
        set(headers, header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let from = from.and_then(|from| HeaderValue::from_str(from).ok());
    if let Some(from) = from.filter(|from| origin::is_listed(settings, from)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, from);
        set(headers, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
        set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        set(headers, header::ACCESS_CONTROL_MAX_AGE, REMEMBER_S);
    }
}

/// What the route said itself stays.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}
