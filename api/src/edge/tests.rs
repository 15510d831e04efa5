//! The edge around plain routes.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method};
use axum::routing::{get, post};
use projections::hot::Memory;
use tower::ServiceExt as _;

use super::*;

const PAGE: &str = "https://app.example.org";

fn settings() -> EdgeSettings {
    EdgeSettings {
        guarded: true,
        trusted: vec!["10.0.0.0/8".parse().unwrap()],
        origins: vec![PAGE.parse().unwrap()],
        public_url: "https://api.example.org".to_owned(),
        https_only: true,
    }
}

async fn whoami(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
    peer.ip().to_string()
}

/// Routes that know who calls, and that change something.
fn routes(settings: EdgeSettings, meter: Option<Meter>) -> Router {
    let routes = Router::new().route("/who", get(whoami)).route("/livez", get(async || "ok")).route("/graphql", post(async || "changed"));
    Edge::new(settings, meter).around(routes)
}

struct Asked<'a> {
    method: Method,
    path: &'a str,
    peer: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

const PLAIN: Asked<'static> = Asked { method: Method::GET, path: "/who", peer: "203.0.113.9:5000", headers: &[] };

async fn ask(routes: &Router, asked: Asked<'_>) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(asked.method).uri(asked.path);
    for (name, value) in asked.headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(asked.peer.parse::<SocketAddr>().unwrap()));
    let response = routes.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn only_a_trusted_proxy_says_whose_request_it_is() {
    let routes = routes(settings(), None);
    let forwarded = [("x-forwarded-for", "1.1.1.1, 198.51.100.7"), ("x-forwarded-proto", "https")];
    let (_, _, liar) = ask(&routes, Asked { headers: &forwarded, ..PLAIN }).await;
    assert_eq!(liar, "203.0.113.9");
    let (_, _, client) = ask(&routes, Asked { headers: &forwarded, peer: "10.1.2.3:80", ..PLAIN }).await;
    assert_eq!(client, "198.51.100.7");
}

#[tokio::test]
async fn a_browser_is_told_what_to_obey() {
    let (status, headers, _) = ask(&routes(settings(), None), PLAIN).await;
    assert_eq!(status, StatusCode::OK);
    for (name, part) in [
        ("strict-transport-security", "max-age=31536000"),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert!(headers[name].to_str().unwrap().contains(part), "{name}: {headers:?}");
    }
    assert!(!headers.contains_key("access-control-allow-origin"));
    let (_, headers, _) = ask(&routes(EdgeSettings::default(), None), PLAIN).await;
    assert!(!headers.contains_key("strict-transport-security") && !headers.contains_key("content-security-policy"), "dev: {headers:?}");
}

#[tokio::test]
async fn only_listed_pages_and_our_own_may_call() {
    let routes = routes(settings(), None);
    let from = async |origin: &str| {
        let headers = [("origin", origin), ("host", "10.9.9.9:4480")];
        ask(&routes, Asked { method: Method::POST, path: "/graphql", headers: &headers, ..PLAIN }).await
    };
    let (status, headers, body) = from(PAGE).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "changed"));
    assert_eq!(headers["access-control-allow-origin"], PAGE);
    assert_eq!(headers["access-control-allow-credentials"], "true");
    for own in ["https://api.example.org", "http://10.9.9.9:4480"] {
        assert_eq!(from(own).await.0, StatusCode::OK, "{own}");
    }
    for foreign in ["https://evil.example", "null", "https://app.example.org.evil.example", "http://app.example.org"] {
        let (status, headers, body) = from(foreign).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{foreign}");
        assert!(body.contains("AUTH010") && !headers.contains_key("access-control-allow-origin"), "{foreign}: {body}");
    }
}

#[tokio::test]
async fn a_browser_may_ask_beforehand() {
    let routes = routes(settings(), None);
    let before = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        ask(&routes, Asked { method: Method::OPTIONS, path: "/graphql", headers: &headers, ..PLAIN }).await
    };
    let (status, headers, _) = before(PAGE).await;
    assert_eq!((status, &headers["access-control-allow-origin"]), (StatusCode::NO_CONTENT, &HeaderValue::from_static(PAGE)));
    assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    assert_eq!(before("https://evil.example").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn cookies_that_another_site_sent_are_refused() {
    let routes = routes(settings(), None);
    let headers = [("cookie", "session=1"), ("sec-fetch-site", "cross-site")];
    assert_eq!(ask(&routes, Asked { headers: &headers, ..PLAIN }).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ask(&routes, Asked { headers: &headers[..1], ..PLAIN }).await.0, StatusCode::OK);
    assert_eq!(ask(&routes, Asked { headers: &headers[1..], ..PLAIN }).await.0, StatusCode::OK);
}

#[tokio::test]
async fn plain_http_behind_a_proxy_is_sent_to_https() {
    let routes = routes(settings(), None);
    let plain = [("x-forwarded-proto", "http"), ("x-forwarded-for", "198.51.100.7")];
    let asked = Asked { headers: &plain, peer: "10.0.0.1:80", path: "/who?a=b", ..PLAIN };
    let (status, headers, _) = ask(&routes, asked).await;
    assert_eq!(status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(headers["location"], "https://api.example.org/who?a=b");
}

#[tokio::test]
async fn who_visits_too_often_waits_and_probes_never_do() {
    let allowance = Allowance { address_per_minute: 3, ..Allowance::default() };
    let routes = routes(settings(), Some(Meter::new(Arc::new(Memory::new()), allowance)));
    for _ in 0..3 {
        assert_eq!(ask(&routes, PLAIN).await.0, StatusCode::OK);
    }
    let (status, headers, body) = ask(&routes, PLAIN).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait) && body.contains("SYS002"), "{wait} {body}");
    assert_eq!(ask(&routes, Asked { path: "/livez", ..PLAIN }).await.0, StatusCode::OK);
    assert_eq!(ask(&routes, Asked { peer: "203.0.113.10:1", ..PLAIN }).await.0, StatusCode::OK, "others are not meant");
}
