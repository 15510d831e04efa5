//! Server-sent events: what the protocol says, and coming back.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, header};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::Toy;
use crate::transport::router;

const EVENTS: &str = "text/event-stream";
/// Bound of everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(10);

fn request(method: Method, uri: &str, body: Body) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri).header(header::ACCEPT, EVENTS);
    request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap()
}

fn post(query: &str) -> Request<Body> {
    request(Method::POST, "/graphql", Body::from(json!({ "query": query }).to_string()))
}

fn get(query: &str) -> Request<Body> {
    let escaped: String =
        query.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
    request(Method::GET, &format!("/graphql?query={escaped}"), Body::empty())
}

fn with(request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    parts.headers.insert(name, value.parse().unwrap());
    Request::from_parts(parts, body)
}

/// An event: its name, its id, its data.
type Event = (String, Option<String>, Value);

fn event(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim_start().to_owned());
    let data = field("data:")?;
    Some((field("event:")?, field("id:"), serde_json::from_str(&data).unwrap_or(Value::Null)))
}

/// The whole stream of a request.
async fn events(toy: &Toy, request: Request<Body>) -> (u16, Vec<Event>) {
    let response = router(toy.endpoint.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = tokio::time::timeout(PATIENCE, axum::body::to_bytes(response.into_body(), 10_000_000)).await.unwrap().unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    (status, text.split("\n\n").filter_map(event).collect())
}

fn complete() -> Event {
    ("complete".to_owned(), None, Value::Null)
}

fn next(id: Option<&str>, data: Value) -> Event {
    ("next".to_owned(), id.map(str::to_owned), json!({ "data": data }))
}

#[tokio::test]
async fn a_subscription_is_a_stream_by_post_and_by_get() {
    let toy = Toy::new();
    for request in [post("subscription { count(to: 2) }"), get("subscription { count(to: 2) }")] {
        let response = router(toy.endpoint.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream; charset=utf-8");
        assert!(response.headers().contains_key("x-correlation-id"));
    }
    for request in [post("subscription { count(to: 2) }"), get("subscription { count(to: 2) }")] {
        let heard = events(&toy, request).await;
        assert_eq!(heard, (200, vec![next(None, json!({"count": 0})), next(None, json!({"count": 1})), complete()]));
    }
    let both = with(post("subscription { count(to: 0) }"), "accept", "application/json, text/event-stream");
    assert_eq!(events(&toy, both).await, (200, vec![complete()]));
}

#[tokio::test]
async fn queries_and_mutations_are_streams_of_one() {
    let toy = Toy::new();
    let (status, heard) = events(&toy, get("{ me }")).await;
    assert_eq!((status, heard.len(), &heard[0].2["data"]), (200, 2, &json!({"me": "nobody"})));
    let (_, heard) = events(&toy, post("mutation { change }")).await;
    assert_eq!((&heard[0].2["data"], toy.changes.count()), (&json!({"change": 1}), 1));
    let refused = router(toy.endpoint.clone()).oneshot(get("mutation { change }")).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()[header::ALLOW].to_str().unwrap()), (405, "POST"));
    assert_eq!(toy.changes.count(), 1);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_stream() {
    let toy = Toy::new();
    for (document, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { count }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ pages(first: 1000) { me } }", "PAGE_SIZE_OUT_OF_RANGE"),
        ("subscription { forbidden }", "AUTH010"),
        ("subscription { ticks(to: 1) }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { ticks(to: 1, after: \"x\") { number } }", "SYS003"),
    ] {
        let (status, heard) = events(&toy, post(document)).await;
        assert_eq!((status, heard.len()), (200, 2), "{document}: {heard:?}");
        assert_eq!(heard[0].2["errors"][0]["extensions"]["code"], code, "{document}");
        assert_eq!(heard[1], complete());
    }
    for (request, status) in [
        (request(Method::POST, "/graphql", Body::from("[]")), 400),
        (with(post("{ me }"), "content-type", "text/plain"), 415),
        (with(post("{ me }"), "authorization", "Bearer forged"), 401),
        (with(post("{ me }"), "authorization", "Bearer limited"), 429),
    ] {
        assert_eq!(router(toy.endpoint.clone()).oneshot(request).await.unwrap().status().as_u16(), status);
    }
}

#[tokio::test]
async fn whoever_comes_back_goes_on_where_they_were() {
    let toy = Toy::new();
    let plain = "subscription { ticks(to: 3) { number } }";
    let (_, heard) = events(&toy, post(plain)).await;
    let expected = |from: i32| {
        let ticks = (from..=3).map(|n| next(Some(&n.to_string()), json!({"ticks": {"number": n}})));
        ticks.chain([complete()]).collect::<Vec<_>>()
    };
    assert_eq!(heard, expected(1));
    let variable = json!({"query": "subscription S($a: String) { ticks(to: 3, after: $a) { number } }", "variables": {"a": "1"}});
    let variable = request(Method::POST, "/graphql", Body::from(variable.to_string()));
    for again in [post(plain), get(plain), post("subscription { ticks(to: 3, after: \"1\") { number } }"), variable] {
        assert_eq!(events(&toy, with(again, "last-event-id", "2")).await.1, expected(3));
    }
    let (_, heard) = events(&toy, post("subscription { t: ticks(to: 1) { cursor n: number } }")).await;
    assert_eq!(heard[0], next(Some("1"), json!({"t": {"cursor": "1", "n": 1}})));
    let (_, heard) = events(&toy, with(post(plain), "last-event-id", "nonsense")).await;
    assert_eq!(heard[0].2["errors"][0]["extensions"]["code"], "SYS003");
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_with_the_server() {
    let toy = Toy::new();
    let (_, heard) = events(&toy, with(post("subscription { never }"), "authorization", "Bearer short")).await;
    assert_eq!(heard[0].2["errors"][0]["extensions"]["code"], "AUTH003");
    assert_eq!(heard[1], complete());

    let open = router(toy.endpoint.clone()).oneshot(post("subscription { never }")).await.unwrap();
    let mut body = open.into_body().into_data_stream();
    assert_eq!(body.next().await.unwrap().unwrap(), "retry: 1000\n\n");
    toy.draining.send_replace(true);
    assert!(tokio::time::timeout(PATIENCE, body.next()).await.unwrap().is_none(), "it ends without a word: the client comes back");
    drop(body);
    tokio::time::timeout(PATIENCE, toy.endpoint.idle()).await.unwrap();
}
