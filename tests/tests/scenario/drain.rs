//! The end of a server: SIGTERM with sockets open and mutations under way. Each mutation has its reply or left no event, never neither.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use daybook_tests::server::{Client, Socket, Variant};
use serde_json::{Value, json};

use crate::cast::Cast;

/// What became of one mutation, for its sender.
enum Heard {
    Done,
    /// Turned away: 503, with nothing done.
    TurnedAway,
    /// The connection ended without a reply.
    Nothing,
}

fn create(by: &Client, name: &str) -> Heard {
    let query = "mutation($input: CreateProductInput!) { createProduct(input: $input) { receipt { position } userErrors { code } } }";
    let input = json!({ "idempotencyKey": name, "name": name, "category": "식품", "price": { "amount": "1000", "currency": "KRW" } });
    match by.try_send(query, &json!({ "input": input })) {
        Some(answer) if answer.status == 200 && !answer.body["data"]["createProduct"]["receipt"].is_null() => Heard::Done,
        Some(answer) => {
            assert_eq!((answer.status, answer.code()), (503, "SYS008"), "{answer:?}");
            Heard::TurnedAway
        }
        None => Heard::Nothing,
    }
}

/// The same over a socket.
fn create_over(socket: &mut Socket, name: &str) -> Heard {
    let query = "mutation($input: CreateProductInput!) { createProduct(input: $input) { receipt { position } userErrors { code } } }";
    let input = json!({ "idempotencyKey": name, "name": name, "category": "식품", "price": { "amount": "1000", "currency": "KRW" } });
    socket.subscribe(name, query, &json!({ "input": input }));
    let mut heard = Heard::Nothing;
    while let Ok(message) = socket.hear() {
        match message["type"].as_str() {
            Some("next") if !message["payload"]["data"]["createProduct"]["receipt"].is_null() => heard = Heard::Done,
            Some("complete") => break,
            _ => {
                assert_eq!(message["payload"][0]["extensions"]["code"], "SYS008", "{message}");
                return Heard::TurnedAway;
            }
        }
    }
    heard
}

/// An event stream of somebody; ends when the server ends it.
fn streamed(by: &Client) -> String {
    let mut stream = TcpStream::connect(by.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let body = json!({ "query": "subscription { myBookingUpdates { cursor } }" }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\ncontent-type: application/json\r\nauthorization: Bearer {}\r\n\
         content-length: {}\r\n\r\n{body}",
        by.token().unwrap(),
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    String::from_utf8_lossy(&heard).into_owned()
}

/// How many products of these names the log has.
fn created(cast: &Cast, prefix: &str) -> usize {
    let mut count = 0;
    let mut after = Value::Null;
    loop {
        let query = "query($after: String) { events(filter: { types: [\"ProductCreated\"] }, first: 100, after: $after) {
            nodes { payloadText } pageInfo { hasNextPage endCursor } } }";
        let page = cast.auditor.query(query, json!({ "after": after }))["events"].clone();
        count += page["nodes"].as_array().unwrap().iter().filter(|node| node["payloadText"].as_str().unwrap().contains(prefix)).count();
        if page["pageInfo"]["hasNextPage"] != true {
            return count;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[test]
fn a_server_ends_in_order_under_load() {
    for variant in [Variant::Server, Variant::Embedded] {
        let mut cast = Cast::gather(variant);
        let mut watching = Socket::open(&cast.guest);
        watching.subscribe("mine", "subscription { myBookingUpdates { cursor } }", &json!({}));
        let stop = AtomicBool::new(false);
        let (host, stop) = (cast.host.clone(), &stop);
        let (heard, code, took) = thread::scope(|scope| {
            let reading = scope.spawn(|| streamed(&host));
            let senders: Vec<_> = (0..8)
                .map(|sender| {
                    let host = host.clone();
                    scope.spawn(move || {
                        let mut heard = (0, 0, 0);
                        // Half of them speak over sockets.
                        let mut socket = (sender % 2 == 1).then(|| Socket::open(&host));
                        for number in 0..100_000 {
                            let name = format!("drain {sender} {number}");
                            let outcome = match &mut socket {
                                Some(socket) => create_over(socket, &name),
                                None => create(&host, &name),
                            };
                            match outcome {
                                Heard::Nothing if socket.is_some() => {
                                    heard.2 += 1;
                                    break;
                                }
                                Heard::Done => heard.0 += 1,
                                Heard::TurnedAway => heard.1 += 1,
                                Heard::Nothing => heard.2 += 1,
                            }
                            if stop.load(Ordering::Relaxed) {
                                break;
                            }
                        }
                        heard
                    })
                })
                .collect();
            thread::sleep(Duration::from_secs(1));
            let begun = Instant::now();
            let code = cast.book.terminate();
            let took = begun.elapsed();
            stop.store(true, Ordering::Relaxed);
            let stream = reading.join().unwrap();
            assert!(stream.starts_with("HTTP/1.1 200"), "the event stream had begun, and was ended: {stream}");
            let heard = senders.into_iter().map(|sender| sender.join().unwrap());
            (heard.fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2)), code, took)
        });
        assert_eq!(code, Some(0), "{variant:?}");
        assert!(took < Duration::from_secs(10), "{variant:?} ended after {took:?}");
        assert!(heard.0 > 0, "{heard:?}");
        assert_eq!(watching.hear(), Err(Some(1001)), "{variant:?}: the socket is told that the server goes");
        cast.book.restart();
        cast.again();
        assert_eq!(created(&cast, "drain "), heard.0, "{variant:?}: a reply or no event, never neither: {heard:?}");
    }
}
