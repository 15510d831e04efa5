//! What operators see: metrics, readiness, log lines, traces.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use daybook_tests::server::{Daybook, PASSWORD, Socket, Variant};
use serde_json::{Value, json};

use crate::cast::{Cast, sign_up};

/// Every name of api.md §6.
const NAMES: [&str; 31] = [
    "daybook_commands_total",
    "daybook_command_duration_seconds",
    "daybook_events_appended_total",
    "daybook_append_conflicts_total",
    "daybook_append_batch_size",
    "daybook_log_position",
    "daybook_projection_position",
    "daybook_projection_lag_seconds",
    "daybook_projection_lag_events",
    "daybook_projection_errors_total",
    "daybook_graphql_requests_total",
    "daybook_graphql_duration_seconds",
    "daybook_graphql_cost",
    "daybook_subscriptions_active",
    "daybook_effects_total",
    "daybook_breaker_open",
    "daybook_trial_balance_nonzero",
    "daybook_db_pool_connections",
    "daybook_build_info",
    "daybook_start_time_seconds",
    "daybook_leases_total",
    "daybook_projection_parked_keys",
    "daybook_projection_halted",
    "daybook_projection_paused",
    "daybook_effects_queue",
    "daybook_timers_pending",
    "daybook_timer_overdue_seconds",
    "daybook_process_position",
    "daybook_hot_position",
    "daybook_hot_reads",
    "daybook_hot_resets",
];
/// Every label that any of ours may have.
const LABELS: [&str; 16] = [
    "command",
    "outcome",
    "type",
    "projection",
    "operation_type",
    "transport",
    "service",
    "state",
    "version",
    "rust_version",
    "kind",
    "name",
    "event_type",
    "reason",
    "process",
    "model",
];

/// The value of a series.
fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find(|line| line.starts_with(series) && line.as_bytes().get(series.len()) == Some(&b' '));
    line.unwrap_or_else(|| panic!("{series} is not in\n{metrics}")).rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn metrics_have_their_names_and_no_labels_but_bounded_ones() {
    // Behind breakers, as a server is that nobody's clock moves.
    let book = Daybook::start_with(Variant::Server, &[]);
    let guest = sign_up(&book, "guest", "GUEST");
    let _open = {
        let mut socket = Socket::open(&guest);
        socket.subscribe("mine", "subscription { myBookingUpdates { cursor } }", &json!({}));
        socket.subscribe("after", "{ __typename }", &json!({}));
        while socket.hear().unwrap()["type"] != "complete" {}
        socket
    };
    let _ = book.client().send("{ myBookings { nodes { id } } }", &json!({}));
    let (status, metrics) = book.client().get("/metrics").unwrap();
    assert_eq!(status, 200);
    let told: BTreeSet<_> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    // Filled by calls to services outside, which nobody has made here.
    let absent = ["daybook_effects_total"];
    let missing: Vec<_> = NAMES.iter().filter(|name| !told.contains(*name) && !absent.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} are missing in\n{metrics}");
    let ours = metrics.lines().filter(|line| line.starts_with("daybook_"));
    for label in
        ours.filter_map(|line| line.split_once('{')?.1.split_once('}')).flat_map(|(labels, _)| labels.split("\",").map(str::to_owned))
    {
        let name = label.split('=').next().unwrap_or_default();
        assert!(LABELS.contains(&name) || name == "le", "{label}");
    }
    assert!(value(&metrics, "daybook_commands_total{command=\"registerUser\",outcome=\"done\"}") >= 1.0);
    assert!(value(&metrics, "daybook_graphql_requests_total{operation_type=\"query\",outcome=\"error\"}") >= 1.0);
    assert!((value(&metrics, "daybook_subscriptions_active{transport=\"websocket\"}") - 1.0).abs() < f64::EPSILON, "{metrics}");
    assert!(value(&metrics, "daybook_log_position") > 0.0 && value(&metrics, "daybook_trial_balance_nonzero") < 1.0);
    let (status, ready) = book.client().get("/readyz").unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!((status, &ready["ready"]), (200, &json!(true)));
    for check in ["store", "migrations", "writes", "projections", "draining"] {
        assert_eq!(ready["checks"][check]["ok"], true, "{ready}");
    }
}

/// A collector that takes what comes; the bodies.
fn collector() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, bodies) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut heard = Vec::new();
            let mut part = [0; 65_536];
            loop {
                let text = String::from_utf8_lossy(&heard).into_owned();
                let length = text
                    .to_lowercase()
                    .split_once("content-length: ")
                    .and_then(|(_, rest)| rest.split("\r\n").next()?.parse::<usize>().ok());
                if let (Some(length), Some((_, body))) = (length, text.split_once("\r\n\r\n"))
                    && body.len() >= length
                {
                    let _ = sender.send(body.to_owned());
                    break;
                }
                match stream.read(&mut part) {
                    Ok(read) if read > 0 => heard.extend_from_slice(&part[..read]),
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        }
    });
    (address, bodies)
}

/// The log's line of a command; it is written after the answer.
fn line_of(book: &Daybook, command: &str) -> Value {
    for _ in 0..200 {
        let logged = book.logged();
        let mut lines = logged.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(line) = lines.find(|line| line["command_id"] == command) {
            return line;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("no line of {command}");
}

#[test]
fn a_request_can_be_followed_from_its_header_to_log_event_and_trace() {
    let (address, bodies) = collector();
    let settings = [("DAYBOOK_ADVANCE_CLOCK", "on"), ("DAYBOOK_OTLP_ENDPOINT", Box::leak(address.into_boxed_str()) as &'static str)];
    let book = Daybook::start_with(Variant::Server, &settings);
    let host = sign_up(&book, "owner", "HOST");
    let (trace, correlation) = ("0af7651916cd43dd8448eb211c80319c", "0e9a2b2e-6b1c-4a53-9d7d-9a3f1f6b7c11");
    let query = "mutation($input: CreateProductInput!) { createProduct(input: $input) { receipt { correlationId commandId } } }";
    let input = json!({ "name": "사과 010-8765-4321", "category": "식품", "price": { "amount": "1000", "currency": "KRW" } });
    let headers = [("traceparent", format!("00-{trace}-b7ad6b7169203331-01")), ("x-correlation-id", correlation.to_owned())];
    let answer = host.send_with(&headers, query, &json!({ "input": input }));
    let receipt = answer.data()["createProduct"]["receipt"].clone();
    assert_eq!(receipt["correlationId"], correlation);
    // the line
    let command = receipt["commandId"].as_str().unwrap();
    let lines: Vec<Value> = book.logged().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let line = lines.iter().find(|line| line["command_id"] == command).unwrap_or_else(|| panic!("no line of {command}"));
    for key in ["ts", "level", "msg", "target", "request_id", "trace_id", "correlation_id", "command_id", "user_id", "ip", "duration_s"] {
        assert!(!line[key].is_null(), "{key} is missing in {line}");
    }
    assert_eq!((line["trace_id"].as_str(), line["correlation_id"].as_str()), (Some(trace), Some(correlation)));
    let logged = book.logged();
    assert!(!logged.contains("010-8765-4321") && !logged.contains(PASSWORD) && !logged.contains(host.token().unwrap()));
    // the same over a socket, whose operations have names of their own
    let mut socket = Socket::open(&host);
    socket.subscribe(
        "one",
        query,
        &json!({ "input": { "name": "배", "category": "식품", "price": { "amount": "1", "currency": "KRW" } } }),
    );
    let over_socket = socket.hear().unwrap()["payload"]["data"]["createProduct"]["receipt"].clone();
    assert_eq!(socket.hear().unwrap()["type"], "complete");
    let line = line_of(&book, over_socket["commandId"].as_str().unwrap());
    for key in ["ts", "level", "msg", "target", "request_id", "trace_id", "correlation_id", "user_id", "ip", "duration_s"] {
        assert!(!line[key].is_null(), "{key} is missing in {line}");
    }
    assert_eq!((&line["method"], &line["correlation_id"]), (&json!("WEBSOCKET"), &over_socket["correlationId"]));
    // the spans: the request, and the read model that links to it
    let mut seen = (false, false);
    while seen != (true, true) {
        let body: Value = serde_json::from_str(&bodies.recv_timeout(Duration::from_secs(20)).expect("spans come")).unwrap();
        for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap() {
            seen.0 |= span["name"] == "request" && span["traceId"] == trace && span["parentSpanId"] == "b7ad6b7169203331";
            seen.1 |= span["name"] == "project" && span["links"].as_array().unwrap().iter().any(|link| link["traceId"] == trace);
        }
    }
}

#[test]
fn an_event_keeps_the_trace_of_its_command() {
    let cast = Cast::gather(Variant::Embedded);
    let trace = "1af7651916cd43dd8448eb211c80319d";
    let headers = [("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))];
    let query = "mutation($input: CreateProductInput!) { createProduct(input: $input) { receipt { position } } }";
    let input = json!({ "name": "배", "category": "식품", "price": { "amount": "1000", "currency": "KRW" } });
    let answer = cast.host.send_with(&headers, query, &json!({ "input": input })).data();
    let position: u64 = answer["createProduct"]["receipt"]["position"].as_str().unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let event = runtime.block_on(async {
        let log = eventlog::Log::open(cast.book.log_config()).await.unwrap();
        let event = log.read(position - 1, 1).await.unwrap().remove(0);
        log.close().await;
        event
    });
    assert!(event.traceparent.is_some_and(|kept| kept.contains(trace)));
}
