//! Every row of the table of statuses, and what a hostile or careless client sends.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use sha2::Digest as _;
use tower::ServiceExt;
use uuid::Uuid;

use super::Toy;
use crate::transport::router;

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

async fn send(toy: &Toy, request: Request<Body>) -> Answer {
    let response: Response<Body> = router(toy.endpoint.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 10_000_000).await.unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: serde_json::from_slice(&bytes).unwrap() }
}

fn post(accept: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/graphql").header(header::CONTENT_TYPE, JSON);
    let request = if accept.is_empty() { request } else { request.header(header::ACCEPT, accept) };
    request.body(body.into()).unwrap()
}

async fn query(toy: &Toy, accept: &str, body: Value) -> Answer {
    send(toy, post(accept, body.to_string())).await
}

fn get(query: &str) -> Request<Body> {
    Request::get(format!("/graphql?{query}")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_executed_request_is_200_in_either_format() {
    let toy = Toy::new();
    for (accept, media) in [("", JSON), ("*/*", JSON), (JSON, JSON), (GRAPHQL, GRAPHQL)] {
        let answer = query(&toy, accept, json!({"query": "{ me }"})).await;
        assert_eq!((answer.status, &answer.body["data"]), (200, &json!({"me": "nobody"})), "{accept}");
        assert_eq!(answer.body["extensions"]["cost"], json!({"price": 0, "maximum": 20_000}));
        assert_eq!(answer.header(header::CONTENT_TYPE), format!("{media}; charset=utf-8"));
        let failed = query(&toy, accept, json!({"query": "{ me signedIn }"})).await;
        assert_eq!((failed.status, failed.code(), &failed.body["data"]), (200, "AUTH002", &json!({"me": "nobody", "signedIn": null})));
    }
}

#[tokio::test]
async fn a_request_that_is_not_executed_has_no_data() {
    let toy = Toy::new();
    for (body, code) in [
        (json!({"query": "{"}), "GRAPHQL_PARSE_FAILED"),
        (json!({"query": ""}), "GRAPHQL_PARSE_FAILED"),
        (json!({"query": "{ unknown }"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "{ needs }"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "query Q($v: Int!) { needs(value: $v) }"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "query Q($v: Int!) { needs(value: $v) }", "variables": {"v": null}}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "query Q($v: Int!) { needs(value: $v) }", "variables": {"v": "one"}}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "query A { me } query B { me }"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "query A { me }", "operationName": "B"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "{ ...F } fragment F on Query { ...F }"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "subscription { count(to: 1) }"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": format!("{{ {} }}", "me ".repeat(9_000))}), "QUERY_TOO_EXPENSIVE"),
        (json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab"}}}), "PERSISTED_QUERY_NOT_FOUND"),
    ] {
        for (accept, status) in [(GRAPHQL, 400), (JSON, 200), ("", 200)] {
            let answer = query(&toy, accept, body.clone()).await;
            assert_eq!((answer.status, answer.code()), (status, code), "{accept} {body}");
            assert!(answer.body.get("data").is_none(), "{body}");
        }
    }
}

#[tokio::test]
async fn a_malformed_request_is_400_in_either_format() {
    let toy = Toy::new();
    for body in [
        "",
        "{",
        "nonsense",
        "[]",
        "[{\"query\":\"{ me }\"}]",
        "null",
        "1",
        "{}",
        r#"{"query":1}"#,
        r#"{"query":null}"#,
        r#"{"query":"{ me }","variables":"{}"}"#,
        r#"{"query":"{ me }","variables":[]}"#,
        r#"{"query":"{ me }","operationName":1}"#,
        r#"{"query":"{ me }","extensions":[]}"#,
        "{\"query\":\"\u{0}",
    ] {
        for accept in [GRAPHQL, JSON, ""] {
            let answer = send(&toy, post(accept, body)).await;
            assert_eq!((answer.status, answer.code()), (400, "SYS003"), "{accept} {body}");
        }
    }
    let answer = send(&toy, post("", vec![0xff, 0xfe, b'{'])).await;
    assert_eq!(answer.status, 400);
    for bad in ["", "variables=%7B%7D", "query=%7Bme%7D&variables=nonsense", "query=%7Bme%7D&variables=%5B%5D"] {
        assert_eq!(send(&toy, get(bad)).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn get_reads_and_never_changes() {
    let toy = Toy::new();
    let answer = send(&toy, get("query=query%20Q(%24v%3AInt)%7Becho(value%3A%24v)%7D&variables=%7B%22v%22%3A4%7D&operationName=Q")).await;
    assert_eq!(answer.body["data"]["echo"], "Some(4) false false false");
    for document in ["mutation{change}", "subscription{count(to:1)}", "query A{me}mutation B{change}&operationName=B"] {
        let answer = send(&toy, get(&format!("query={}", document.replace('{', "%7B").replace('}', "%7D").replace(' ', "%20")))).await;
        assert_eq!((answer.status, answer.header(header::ALLOW)), (405, "POST"), "{document}");
    }
    assert_eq!(toy.changes.count(), 0);
}

#[tokio::test]
async fn the_named_operation_runs_and_no_other() {
    let toy = Toy::new();
    let document = "query A { me } mutation B { change } query C { correlation }";
    let answer = query(&toy, "", json!({"query": document, "operationName": "A"})).await;
    assert_eq!((&answer.body["data"], toy.changes.count()), (&json!({"me": "nobody"}), 0));
    let answer = query(&toy, "", json!({"query": document, "operationName": "B"})).await;
    assert_eq!((&answer.body["data"], toy.changes.count()), (&json!({"change": 1}), 1));
    let answer = query(&toy, "", json!({"query": "{ me }", "operationName": ""})).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn other_methods_and_media_are_named() {
    let toy = Toy::new();
    for method in ["PUT", "DELETE", "PATCH"] {
        let request = Request::builder().method(method).uri("/graphql").body(Body::empty()).unwrap();
        let answer = send(&toy, request).await;
        assert_eq!((answer.status, answer.header(header::ALLOW)), (405, "GET, POST"));
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql"] {
        let request = Request::post("/graphql").header(header::CONTENT_TYPE, content_type);
        let answer = send(&toy, request.body(Body::from(r#"{"query":"mutation{change}"}"#)).unwrap()).await;
        assert_eq!(answer.status, 415, "{content_type}");
    }
    let answer = send(&toy, Request::post("/graphql").body(Body::from(r#"{"query":"{me}"}"#)).unwrap()).await;
    assert_eq!(answer.status, 415);
    let answer = query(&toy, "text/html", json!({"query": "{ me }"})).await;
    assert_eq!((answer.status, answer.header(header::CONTENT_TYPE)), (406, "application/json; charset=utf-8"));
    assert_eq!(toy.changes.count(), 0);
}

#[tokio::test]
async fn a_body_past_the_limit_is_413_announced_or_not() {
    let toy = Toy::new();
    let large = json!({"query": "{ me }", "variables": {"v": "x".repeat(256 * 1024)}}).to_string();
    let streamed = futures_util::stream::iter(large.clone().into_bytes().chunks(1_000).map(<[u8]>::to_vec).collect::<Vec<_>>());
    let streamed = futures_util::StreamExt::map(streamed, Ok::<_, std::io::Error>);
    let announced = Request::post("/graphql").header(header::CONTENT_TYPE, JSON).header(header::CONTENT_LENGTH, large.len());
    for request in [announced.body(Body::from(large)).unwrap(), post("", Body::from_stream(streamed))] {
        assert_eq!(send(&toy, request).await.status, StatusCode::PAYLOAD_TOO_LARGE.as_u16());
    }
}

#[tokio::test]
async fn the_door_decides_before_anything_runs() {
    let toy = Toy::new();
    let with = |credential: &str| {
        let request = post(GRAPHQL, r#"{"query":"mutation { change }"}"#);
        let (mut parts, body) = request.into_parts();
        parts.headers.insert(header::AUTHORIZATION, credential.parse().unwrap());
        Request::from_parts(parts, body)
    };
    for (credential, status, code) in [
        ("Bearer forged", 401, "AUTH003"),
        ("Bearer", 401, "AUTH003"),
        ("Bearer banned", 403, "AUTH010"),
        ("Bearer limited", 429, "SYS002"),
        ("Bearer unsure", 503, "SYS008"),
    ] {
        let answer = send(&toy, with(credential)).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{credential}");
    }
    assert_eq!(send(&toy, with("Bearer limited")).await.header(header::RETRY_AFTER), "7");
    assert_eq!(toy.changes.count(), 0);
    assert_eq!(send(&toy, with("Bearer good-ann")).await.body["data"]["change"], 1);
    toy.draining.send_replace(true);
    let answer = send(&toy, with("Bearer good-ann")).await;
    assert_eq!((answer.status, answer.code(), toy.changes.count()), (503, "SYS008", 1));
}

#[tokio::test]
async fn every_error_is_complete_and_hides_what_is_internal() {
    let toy = Toy::new();
    let id = Uuid::new_v4();
    let body = json!({"query": "{ nested { secretFailure untypedFailure lagging refused } }"}).to_string();
    let (mut parts, body) = post("", body).into_parts();
    parts.headers.insert("x-correlation-id", id.to_string().parse().unwrap());
    parts.headers.insert(header::ACCEPT_LANGUAGE, "en".parse().unwrap());
    let answer = send(&toy, Request::from_parts(parts, body)).await;
    assert_eq!(answer.headers.get("x-correlation-id").unwrap(), id.to_string().as_str());
    let errors = answer.body["errors"].as_array().unwrap();
    let codes: std::collections::BTreeMap<_, _> =
        errors.iter().map(|e| (e["path"][1].as_str().unwrap(), e["extensions"]["code"].as_str().unwrap())).collect();
    let expected = [("lagging", "PROJECTION_LAGGING"), ("refused", "SYS003"), ("secretFailure", "SYS001"), ("untypedFailure", "SYS001")];
    assert_eq!(codes, expected.into());
    for error in errors {
        let extensions = error["extensions"].as_object().unwrap();
        for name in ["code", "status", "message", "details", "path", "timestamp", "correlationId", "retryable"] {
            assert!(extensions.contains_key(name), "{name}");
        }
        assert_eq!((&extensions["path"], &extensions["correlationId"]), (&error["path"], &json!(id.to_string())));
        assert!(error["message"].as_str().unwrap().is_ascii(), "English was asked for: {error}");
    }
    let text = answer.body.to_string();
    assert!(!text.contains("hunter2") && !text.contains("users"));
    assert!(text.contains(r#""required":"5""#) && text.contains(r#""fields":["input.amount"]"#));
}

#[tokio::test]
async fn coercion_errors_name_the_field() {
    let toy = Toy::new();
    for (argument, named) in [
        ("price: {amount: 1000, currency: \"KRW\"}", "amount"),
        ("price: {amount: \"1e3\", currency: \"KRW\"}", "amount"),
        ("price: {amount: \"1\", currency: 5}", "currency"),
        ("at: \"yesterday\"", "at"),
        ("at: 5", "at"),
    ] {
        let answer = query(&toy, GRAPHQL, json!({"query": format!("{{ echo({argument}) }}")})).await;
        assert_eq!((answer.status, answer.code()), (400, "GRAPHQL_VALIDATION_FAILED"), "{argument}");
        assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains(named), "{}", answer.body);
    }
    let answer = query(&toy, GRAPHQL, json!({"query": "{ echo(value: 3000000000) }"})).await;
    assert_eq!(answer.code(), "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn a_panic_is_an_internal_error() {
    let toy = Toy::new();
    let answer = query(&toy, GRAPHQL, json!({"query": "{ panics }"})).await;
    assert_eq!((answer.status, answer.code()), (500, "SYS001"));
    assert!(!answer.body.to_string().contains("on purpose"));
}

#[tokio::test]
async fn a_mutation_ends_although_its_client_has_gone() {
    let toy = Toy::new();
    let request = post("", r#"{"query":"mutation { change(delayMs: 100) }"}"#);
    let answer = router(toy.endpoint.clone()).oneshot(request);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(20), answer).await.is_err());
    assert_eq!(toy.changes.count(), 0);
    toy.endpoint.idle().await;
    assert_eq!(toy.changes.count(), 1);
}

#[tokio::test]
async fn a_hostile_document_is_refused_at_once() {
    let toy = Toy::new();
    let mut document = String::from("{ ...F0 }");
    for i in 0..26 {
        let next = i + 1;
        document.push_str(&format!(" fragment F{i} on Query {{ ...F{next} ...F{next} }}"));
    }
    document.push_str(" fragment F26 on Query { me }");
    let cycle = "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }".to_owned();
    let deep = format!("{}me{}", "{nested".repeat(40), "}".repeat(40));
    let brackets = format!("{{ echo(json: {}{}) }}", "[".repeat(60_000), "]".repeat(60_000));
    for document in [document, cycle, deep, brackets] {
        let started = std::time::Instant::now();
        let answer = query(&toy, GRAPHQL, json!({"query": document})).await;
        assert_eq!(answer.status, 400);
        assert!(started.elapsed().as_millis() < 1_000, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn introspection_can_be_turned_off() {
    let mut toy = Toy::new();
    let document = json!({"query": "{ __schema { queryType { name } } }"});
    assert_eq!(query(&toy, "", document.clone()).await.body["data"]["__schema"]["queryType"]["name"], "Query");
    toy.endpoint = toy.endpoint.introspection(false);
    let answer = query(&toy, "", document).await;
    assert!(answer.body["data"]["__schema"].is_null(), "{}", answer.body);
}

#[tokio::test]
async fn the_language_is_korean_unless_english_is_preferred() {
    let toy = Toy::new();
    let answer = query(&toy, "", json!({"query": "{ signedIn }"})).await;
    assert_eq!(answer.body["errors"][0]["message"], "로그인이 필요합니다.");
}

#[tokio::test]
async fn near_misses_are_named() {
    let toy = Toy::new();
    for (document, meant) in [
        ("{ nestd { me } }", "nested"),
        ("{ needs(valu: 1) }", "value"),
        ("{ colour(of: GREAN) }", "GREEN"),
        ("{ echo(price: {amount: \"1\", currency: \"KRW\", amout: 1}) }", "amount"),
    ] {
        let answer = query(&toy, GRAPHQL, json!({"query": document})).await;
        assert_eq!((answer.status, answer.code()), (400, "GRAPHQL_VALIDATION_FAILED"), "{document}");
        let messages: Vec<_> = answer.body["errors"].as_array().unwrap().iter().map(|e| e["message"].to_string()).collect();
        assert!(messages.iter().any(|m| m.contains("Did you mean") && m.contains(meant)), "{messages:?}");
    }
    let variable = json!({"query": "query Q($c: Colour) { colour(of: $c) }", "variables": {"c": "blu"}});
    assert!(query(&toy, GRAPHQL, variable).await.body.to_string().contains("Did you mean \\\"BLUE"));
}

#[tokio::test]
async fn a_document_may_be_named_by_its_hash() {
    let toy = Toy::new();
    let named = |query: Option<&str>, hash: &str| {
        let mut body = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}});
        body["query"] = query.map_or(Value::Null, Value::from);
        body
    };
    let real: String = sha2::Sha256::digest("{ me }").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(query(&toy, "", named(None, &real)).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    let wrong = query(&toy, "", named(Some("{ me }"), "ab")).await;
    assert_eq!((wrong.status, wrong.code()), (400, "SYS003"));
    assert_eq!(query(&toy, "", named(Some("{ me }"), &real)).await.body["data"]["me"], "nobody");
    assert_eq!(query(&toy, "", named(None, &real)).await.body["data"]["me"], "nobody");
    let link = format!("extensions=%7B%22persistedQuery%22%3A%7B%22version%22%3A1%2C%22sha256Hash%22%3A%22{real}%22%7D%7D");
    assert_eq!(send(&toy, get(&link)).await.body["data"]["me"], "nobody");
}

#[tokio::test]
async fn whoever_spent_too_much_waits() {
    let mut toy = Toy::new();
    toy.endpoint = toy.endpoint.budget(Some(crate::transport::Budget::new(25, std::sync::Arc::new(projections::hot::Memory::new()))));
    let change = || post(GRAPHQL, r#"{"query":"mutation { change }"}"#);
    let with = |token: &str| {
        let (mut parts, body) = change().into_parts();
        parts.headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        Request::from_parts(parts, body)
    };
    let answer = send(&toy, with("good-ann")).await;
    assert_eq!(answer.body["extensions"]["cost"], json!({"price": 10, "maximum": 20_000, "remaining": 15, "perMinute": 25}));
    send(&toy, with("good-ann")).await;
    let refused = send(&toy, with("good-ann")).await;
    assert_eq!((refused.status, refused.code()), (429, "SYS002"));
    let wait: u64 = refused.header(header::RETRY_AFTER).parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.body["errors"][0]["extensions"]["retryable"], true);
    assert_eq!(toy.changes.count(), 2);
    assert_eq!(send(&toy, with("good-bob")).await.status, 200, "everybody has a bucket of their own");
}

#[tokio::test]
async fn a_page_out_of_range_is_refused_before_anything_is_read() {
    let toy = Toy::new();
    let answer = query(&toy, GRAPHQL, json!({"query": "{ pages(first: 101) { me } }"})).await;
    assert_eq!((answer.status, answer.code()), (400, "PAGE_SIZE_OUT_OF_RANGE"));
    assert_eq!(answer.body["errors"][0]["locations"][0], json!({"line": 1, "column": 16}));
    assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains("100"), "{}", answer.body);
}
