//! The page at `/`: what runs here and how to talk to it. Server-rendered, no script, nothing from elsewhere.

use std::collections::BTreeMap;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#667;--line:#dde;--paper:#fbfaf7;--card:#fff;--mark:#2f5d50}
@media(prefers-color-scheme:dark){:root{--ink:#e8e6e1;--soft:#9aa;--line:#333a40;--paper:#15181b;--card:#1d2125;--mark:#8fc7b5}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,sans-serif}
main{max-width:46rem;margin:0 auto;padding:3rem 1.25rem}
h1{margin:0;font:600 2rem/1.2 Georgia,serif;color:var(--mark)}
h2{margin:2.5rem 0 .5rem;font-size:1rem;color:var(--soft);font-weight:600}
p{margin:.5rem 0;color:var(--soft)}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:6px}
td{padding:.5rem .75rem;border-top:1px solid var(--line);vertical-align:top}tr:first-child td{border-top:0}
a{color:var(--mark)}code,pre{font:14px/1.5 ui-monospace,monospace}
pre{overflow-x:auto;padding:1rem;background:var(--card);border:1px solid var(--line);border-radius:6px;user-select:all}";

/// Nothing but the page's own style may load, and nobody may frame it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// How clients reach this server, without a slash at its end.
    pub url: String,
    /// For example `dev, SQLite`.
    pub mode: String,
    /// Rows to show under the addresses: what, and its value.
    pub rows: Vec<(String, String)>,
    /// A command to copy; a query of the schema's name without one.
    pub example: Option<String>,
    /// What stands in the places of the examples at `/graphiql`, by name.
    pub fills: BTreeMap<String, String>,
}

/// The page at `/`.
pub fn router(facts: &Facts) -> Router {
    let page = page(facts);
    Router::new().route("/", get(move || std::future::ready(answer(page.clone()))))
}

fn answer(page: String) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Html(page))
}

/// The page's HTML.
#[must_use]
pub fn page(facts: &Facts) -> String {
    let url = escaped(facts.url.trim_end_matches('/'));
    let address = |path: &str, about: &str| format!("<tr><td><a href=\"{url}{path}\"><code>{path}</code></a></td><td>{about}</td></tr>");
    let addresses = [
        address("/graphql", "GraphQL: POST, GET for queries, WebSocket (<code>graphql-transport-ws</code>), server-sent events"),
        address("/graphiql", "GraphiQL, with examples to start from"),
        address("/livez", "is the process alive"),
        address("/readyz", "may it be sent requests"),
        address(
            "/log/checkpoint",
            "the signed head of the log's tree; its keys: <code>/log/vkey</code>, its tiles: <code>/log/tile/…</code>",
        ),
    ];
    let rows =
        facts.rows.iter().map(|(name, value)| format!("<tr><td>{}</td><td><code>{}</code></td></tr>", escaped(name), escaped(value)));
    let example = facts.example.as_ref().map_or_else(|| curl(&facts.url), Clone::clone);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Daybook</title><style>{STYLE}</style></head><body><main><h1>Daybook</h1>\
         <p>The book of original entry: bookings, payments and settlements in one ordered log. Running: {mode}, version {version}.</p>\
         <h2>Addresses</h2><table>{addresses}{rows}</table><h2>Try it</h2><pre>{example}</pre></main></body></html>\n",
        mode = escaped(&facts.mode),
        version = env!("CARGO_PKG_VERSION"),
        addresses = addresses.concat(),
        rows = rows.collect::<String>(),
        example = escaped(&example),
    )
}

fn curl(url: &str) -> String {
    format!("curl -s {}/graphql -H 'content-type: application/json' -d '{{\"query\":\"{{ __typename }}\"}}'", url.trim_end_matches('/'))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_addresses_and_escapes_what_it_is_told() {
        let facts = Facts {
            url: "http://127.0.0.1:4480/".to_owned(),
            mode: "dev <SQLite>".to_owned(),
            rows: vec![("data".to_owned(), "/tmp/\"x\"".to_owned())],
            example: None,
            fills: BTreeMap::new(),
        };
        let html = page(&facts);
        for part in
            ["http://127.0.0.1:4480/graphql", "/graphiql", "/livez", "/readyz", "dev &lt;SQLite&gt;", "/tmp/&quot;x&quot;", "curl -s"]
        {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("<script") && !html.contains("https://") && !html.contains("4480//"));
    }
}
