//! The door of a server as it is by default: limited, guarded, and calm under whoever pushes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use daybook_tests::server::{Daybook, Socket, Variant};
use serde_json::json;

/// Says something to a server and hears its whole answer.
fn raw(book: &Daybook, text: &str) -> String {
    let mut stream = TcpStream::connect(book.client().url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    // A server that closes early has answered as well.
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{headers}\r\n")
}

#[test]
fn an_address_may_call_so_often_and_hears_when_to_come_back() {
    let settings = [("DAYBOOK_LIMITS", "on"), ("DAYBOOK_LIMIT_ADDRESS_PER_MINUTE", "30")];
    let book = Daybook::start_with(Variant::Server, &settings);
    let ask = || book.client().send("{ a: __typename me { id } b: me { id } }", &json!({}));
    // three fields a document; the tenth may be the last
    let answers: Vec<_> = (0..14).map(|_| ask()).collect();
    assert_eq!((answers[0].status, answers[9].status), (200, 200));
    let last = &answers[13];
    assert_eq!((last.status, last.code()), (429, "SYS002"), "{last:?}");
    assert!(last.body["data"].is_null() && last.body["errors"][0]["extensions"]["retryable"] == true, "{last:?}");
    // the readiness probes of a balancer go on
    assert_eq!(book.client().get("/readyz").unwrap().0, 200);
    let body = r#"{"query":"{ me { id } }"}"#;
    let post = format!(
        "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = raw(&book, &post).to_lowercase();
    assert!(answer.starts_with("http/1.1 429") && answer.contains("retry-after: "), "{answer}");
    // nobody becomes somebody else by saying so
    let answer = raw(&book, &post.replacen("host:", "x-forwarded-for: 198.51.100.7\r\nhost:", 1));
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
}

#[test]
fn an_address_holds_so_much_open_and_sends_so_much_nonsense() {
    let settings = [
        ("DAYBOOK_LIMITS", "on"),
        ("DAYBOOK_LIMIT_ADDRESS_PER_MINUTE", "40"),
        ("DAYBOOK_LIMIT_CONNECTIONS_PER_ADDRESS", "20"),
        ("DAYBOOK_LIMIT_SOCKETS_PER_ADDRESS", "2"),
    ];
    let book = Daybook::start_with(Variant::Server, &settings);
    let open = [Socket::open(&book.client()), Socket::open(&book.client())];
    let upgrade = "GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n";
    let mut third = TcpStream::connect(book.client().url().trim_start_matches("http://")).unwrap();
    third.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    third.write_all(upgrade.as_bytes()).unwrap();
    let mut status = [0; 12];
    third.read_exact(&mut status).unwrap();
    assert_eq!(status, *b"HTTP/1.1 429", "a third socket");
    drop(third);
    // Sockets are connections still: eighteen more, and no more.
    let mut idle: Vec<_> = (0..40).map(|_| TcpStream::connect(book.client().url().trim_start_matches("http://")).unwrap()).collect();
    let closed = |stream: &mut TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        matches!(stream.read(&mut [0]), Ok(0))
    };
    let refused = idle.iter_mut().filter_map(|stream| closed(stream).then_some(())).count();
    assert!((20..40).contains(&refused), "{refused} of 40 were refused");
    drop((idle, open));
    let until = Instant::now() + Duration::from_secs(20);
    while book.client().get("/livez").is_none() {
        assert!(Instant::now() < until, "the places were not given back");
    }
    // What cannot even be read counts like everything else.
    let nonsense = || book.client().raw("POST", "/graphql", &[("content-type", "application/json")], "{").unwrap().status;
    let heard: Vec<_> = (0..60).map(|_| nonsense()).collect();
    assert_eq!((heard[0], heard[59]), (400, 429), "{heard:?}");
}

#[test]
fn headers_and_origins_are_guarded() {
    let settings = [("DAYBOOK_LIMITS", "on"), ("DAYBOOK_CORS_ORIGINS", "https://app.example.org")];
    let book = Daybook::start_with(Variant::Server, &settings);
    let answer = raw(&book, &get("/livez", "")).to_lowercase();
    for header in ["content-security-policy:", "x-frame-options: deny", "x-content-type-options: nosniff"] {
        assert!(answer.contains(header), "{header} is missing:\n{answer}");
    }
    assert!(raw(&book, &get("/livez", "origin: https://evil.example\r\n")).starts_with("HTTP/1.1 403"));
    let answer = raw(&book, &get("/livez", "origin: https://app.example.org\r\n")).to_lowercase();
    assert!(answer.contains("access-control-allow-origin: https://app.example.org"), "{answer}");
    let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   sec-websocket-protocol: graphql-transport-ws\r\norigin: https://evil.example\r\n";
    let answer = raw(&book, &format!("GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\n{upgrade}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 403"), "a foreign page opens no socket: {answer}");
}

#[test]
fn slow_clients_hold_nobody_up() {
    let book = Daybook::start_with(Variant::Server, &[("DAYBOOK_LIMITS", "on")]);
    let address = book.client().url().trim_start_matches("http://").to_owned();
    let begun = Instant::now();
    let mut lame: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.write_all(b"POST /graphql HTTP/1.1\r\nhost: a\r\n").unwrap();
            stream
        })
        .collect();
    let asked = Instant::now();
    assert_eq!(book.client().get("/livez").unwrap().0, 200);
    assert!(asked.elapsed() < Duration::from_secs(5), "health checks wait for nobody");
    // One that never finishes its headers is let go.
    let one = lame.last_mut().unwrap();
    one.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut rest = Vec::new();
    let _ = one.read_to_end(&mut rest);
    assert!(begun.elapsed() < Duration::from_secs(55), "it was let go after {:?}", begun.elapsed());
}
