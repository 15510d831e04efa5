//! GraphiQL at `/graphiql`: everything that it loads is in this binary, and its page may load nothing from elsewhere.

mod examples;

use std::collections::BTreeMap;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

pub use examples::{EXAMPLES, Example, parse};

/// Its files, by their names under `/graphiql/`; `assets/graphiql/LICENSES.txt` says whose they are.
const FILES: [(&str, &str, &str); 6] = [
    ("graphiql.min.js", JAVASCRIPT, include_str!("../assets/graphiql/graphiql.min.js")),
    ("graphiql.min.css", "text/css; charset=utf-8", include_str!("../assets/graphiql/graphiql.min.css")),
    ("react.production.min.js", JAVASCRIPT, include_str!("../assets/graphiql/react.production.min.js")),
    ("react-dom.production.min.js", JAVASCRIPT, include_str!("../assets/graphiql/react-dom.production.min.js")),
    ("start.js", JAVASCRIPT, include_str!("../assets/graphiql/start.js")),
    ("LICENSES.txt", "text/plain; charset=utf-8", include_str!("../assets/graphiql/LICENSES.txt")),
];

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Scripts of this server alone, none in the page. The editor puts its measures into `style` attributes; its fonts are in its
/// style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src data:; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Daybook GraphiQL</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/graphiql/graphiql.min.css">
<style>body{margin:0}#graphiql{height:100vh}</style></head><body><div id="graphiql">Loading</div>
<script src="/graphiql/react.production.min.js"></script><script src="/graphiql/react-dom.production.min.js"></script>
<script src="/graphiql/graphiql.min.js"></script><script src="/graphiql/start.js"></script></body></html>
"#;

/// The page and its files. `fills` stands in the examples' places: a car, and the `Authorization` of demo users by their names.
pub fn router(fills: &BTreeMap<String, String>) -> Router {
    let examples = json!({ "examples": parse(EXAMPLES), "fills": fills }).to_string();
    let mut router = Router::new()
        .route("/graphiql", get(|| std::future::ready(page())))
        .route("/graphiql/examples.json", get(move || std::future::ready(file("application/json", "no-store", examples.clone()))));
    for (name, media, text) in FILES {
        router = router.route(&format!("/graphiql/{name}"), get(move || std::future::ready(file(media, "public, max-age=3600", text))));
    }
    router
}

fn page() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Html(PAGE)).into_response()
}

fn file(media: &'static str, caching: &'static str, content: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media)),
        (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn got(path: &str) -> (u16, axum::http::HeaderMap, String) {
        let fills = BTreeMap::from([("guest".to_owned(), "Bearer x".to_owned())]);
        let response = router(&fills).oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 10_000_000).await.unwrap();
        (parts.status.as_u16(), parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_page_loads_nothing_but_what_is_served_here() {
        let (status, headers, html) = got("/graphiql").await;
        assert_eq!(status, 200);
        assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("<script>"), "{html}");
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';") && !policy.contains("unsafe-eval"));
        let named = html.split('"').filter(|part| part.starts_with("/graphiql/")).collect::<Vec<_>>();
        assert_eq!(named.len(), 5);
        for path in named {
            let (status, headers, text) = got(path).await;
            assert!(status == 200 && !text.is_empty() && headers.contains_key(header::X_CONTENT_TYPE_OPTIONS), "{path}");
        }
    }

    #[tokio::test]
    async fn the_styles_bring_their_own_fonts() {
        let (_, _, css) = got("/graphiql/graphiql.min.css").await;
        let foreign = css.split("url(").skip(1).filter(|rest| !rest.trim_start_matches(['"', '\'']).starts_with("data:"));
        assert_eq!(foreign.count(), 0);
        assert!(!css.contains("@import"));
    }

    #[tokio::test]
    async fn the_examples_come_with_what_fills_them() {
        let (_, _, text) = got("/graphiql/examples.json").await;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["fills"]["guest"], "Bearer x");
        assert!(json["examples"].as_array().unwrap().len() >= 8);
    }
}
