//! What stands between the network and the routes: who is calling, over what, and how often (SEC-03 to SEC-08).
//!
//! [`Edge`] is one layer around every route. In the order of API-16: the caller's own address, HTTPS, origins, the request with a
//! clock on its body, and on the way out the headers that a browser obeys. How many operations somebody may call is counted
//! where operations are known ([`Allowance`]).

mod address;
mod allowance;
mod body;
mod headers;
mod metered;
mod named;
mod origin;
mod settings;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use kernel::Refused;
use tracing::Instrument as _;

use crate::errors;
use crate::side::failure;

pub use address::{BadNetwork, Network};
pub(crate) use allowance::data;
pub use allowance::{Allowance, Meter};
pub use metered::Metered;
pub use origin::{BadOrigin, Origin};
pub use settings::EdgeSettings;

/// Never counted: who asks how we are must always hear.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// The layer's settings, shared by all requests.
#[derive(Clone)]
pub struct Edge {
    settings: Arc<EdgeSettings>,
    meter: Option<Meter>,
}

impl Edge {
    /// The layer with these settings; without a meter nobody is counted.
    #[must_use]
    pub fn new(settings: EdgeSettings, meter: Option<Meter>) -> Self {
        Self { settings: Arc::new(settings), meter }
    }

    /// Puts the layer around routes.
    pub fn around(self, routes: Router) -> Router {
        routes.layer(middleware::from_fn_with_state(self, pass))
    }
}

/// Was the request made over TLS, here or at a proxy that is trusted to say so?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverTls(pub bool);

async fn pass(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let settings = &edge.settings;
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let trusted = peer.is_some_and(|peer| settings.trusts(peer.ip()));
    if let Some(peer) = peer.filter(|_| trusted) {
        let client = address::client(peer, request.headers(), |address| settings.trusts(address));
        request.extensions_mut().insert(ConnectInfo(client));
    }
    let span = named::named(&mut request);
    let probe = PROBES.contains(&request.uri().path());
    async {
        let response = answer(&edge, request, next, trusted).await;
        let (status, duration_s) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
        tracing::Span::current().record("status", status);
        if status >= 500 {
            tracing::warn!(target: "daybook::access", status, duration_s, "answered");
        } else if !probe {
            tracing::info!(target: "daybook::access", status, duration_s, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

async fn answer(edge: &Edge, request: Request, next: Next, trusted: bool) -> Response {
    let settings = &edge.settings;
    let https = is_https(&request, trusted);
    let origin = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut response = match settings.refusal(&request, https, trusted) {
        Some(refused) => refused,
        None if origin::is_preflight(&request) => StatusCode::NO_CONTENT.into_response(),
        None => match edge.over_limit(edge.counted(&request)).await {
            Some(seconds) => too_often(seconds, request.uri().path(), request.headers()),
            None => next.run(body::timed(request)).await,
        },
    };
    limited(&mut response);
    headers::write(settings, https, origin.as_deref(), &mut response);
    response
}

impl Edge {
    /// Whose visit counts here, as one: operations are counted where they are known.
    fn counted(&self, request: &Request) -> Option<IpAddr> {
        let path = request.uri().path();
        let operation = path == crate::transport::PATH && !request.headers().contains_key(header::UPGRADE);
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        peer.filter(|_| self.meter.is_some() && !operation && !PROBES.contains(&path))
    }

    async fn over_limit(&self, counted: Option<IpAddr>) -> Option<u64> {
        self.meter.as_ref()?.visit(counted?).await
    }
}

fn too_often(seconds: u64, path: &str, asked: &HeaderMap) -> Response {
    let mut response = failure(errors::limited(seconds), path, asked);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

impl EdgeSettings {
    /// Why the request goes no further, if it does not.
    fn refusal(&self, request: &Request, https: bool, trusted: bool) -> Option<Response> {
        if self.https_only && !https && trusted {
            return Some(self.to_https(request.uri()));
        }
        let path = request.uri().path();
        if !origin::is_welcome(self, request) || origin::is_foreign_with_cookies(request) {
            return Some(failure(Refused::code(errors::FORBIDDEN), path, request.headers()));
        }
        None
    }

    /// The same address over HTTPS; the method is kept.
    fn to_https(&self, uri: &Uri) -> Response {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        match HeaderValue::from_str(&format!("{}{path}", self.public_url)) {
            Ok(location) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response(),
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        }
    }
}

/// Over TLS here, or so says a proxy that is trusted.
fn is_https(request: &Request, trusted: bool) -> bool {
    let here = request.extensions().get::<OverTls>().is_some_and(|over| over.0);
    let said = request.headers().get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    here || (trusted && said.is_some_and(|said| said.eq_ignore_ascii_case("https")))
}

/// A GraphQL response that says when to come back was limited: its status says so, too (api.md §3).
fn limited(response: &mut Response) {
    let answered = matches!(response.status(), StatusCode::OK | StatusCode::BAD_REQUEST);
    if answered && response.headers().contains_key(header::RETRY_AFTER) {
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    }
}
