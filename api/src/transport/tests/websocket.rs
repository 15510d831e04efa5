//! graphql-transport-ws, spoken by a real socket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Toy;
use crate::transport::router;

/// Bound of everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What was heard: a message, or the code that the socket was closed with.
#[derive(Debug, PartialEq)]
enum Heard {
    Said(Value),
    Closed(u16),
}

pub(super) async fn start(toy: &Toy) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = router(toy.endpoint.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("ws://{address}/graphql")
}

impl Client {
    async fn connect(url: &str, protocol: Option<&str>, authorization: Option<&str>) -> Self {
        let mut request = url.into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        if let Some(value) = authorization {
            request.headers_mut().insert("authorization", value.parse().unwrap());
        }
        Self(connect_async(request).await.unwrap().0)
    }

    async fn open(url: &str) -> Self {
        Self::connect(url, Some("graphql-transport-ws"), None).await
    }

    /// Connected, acknowledged.
    pub(super) async fn ready(url: &str, token: &str) -> Self {
        let mut client = Self::open(url).await;
        client.say(json!({"type": "connection_init", "payload": {"Authorization": format!("Bearer {token}")}})).await;
        assert_eq!(client.hear().await, Heard::Said(json!({"type": "connection_ack"})));
        client
    }

    pub(super) async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(super) async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({"type": "subscribe", "id": id, "payload": {"query": query}})).await;
    }

    async fn hear(&mut self) -> Heard {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("heard in time") {
                Some(Ok(Message::Text(text))) => return Heard::Said(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Heard::Closed(frame.map_or(0, |f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Closed(0),
            }
        }
    }

    /// Answers pings until the socket is closed; with which code.
    pub(super) async fn closed(&mut self) -> u16 {
        loop {
            match self.hear().await {
                Heard::Said(_) => self.say(json!({"type": "pong"})).await,
                Heard::Closed(code) => return code,
            }
        }
    }

    pub(super) async fn said(&mut self) -> Value {
        match self.hear().await {
            Heard::Said(message) => message,
            Heard::Closed(code) => panic!("closed with {code}"),
        }
    }
}

#[tokio::test]
async fn queries_mutations_and_subscriptions_share_a_socket() {
    let toy = Toy::new();
    let url = start(&toy).await;
    let mut client = Client::ready(&url, "good-ann").await;
    client.subscribe("q", "{ me }").await;
    let answer = client.said().await;
    assert_eq!((&answer["type"], &answer["id"], &answer["payload"]["data"]), (&json!("next"), &json!("q"), &json!({"me": "ann"})));
    assert_eq!(client.said().await, json!({"type": "complete", "id": "q"}));
    client.subscribe("q", "mutation { change }").await;
    assert_eq!(client.said().await["payload"]["data"]["change"], 1);
    assert_eq!(client.said().await["type"], "complete");
    client.subscribe("s", "subscription { count(to: 3) }").await;
    for n in 0..3 {
        assert_eq!(client.said().await, json!({"type": "next", "id": "s", "payload": {"data": {"count": n}}}));
    }
    assert_eq!(client.said().await, json!({"type": "complete", "id": "s"}));
}

#[tokio::test]
async fn what_is_not_executed_is_an_error_message() {
    let toy = Toy::new();
    let url = start(&toy).await;
    let mut client = Client::ready(&url, "good-ann").await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { forbidden }", "AUTH010"),
    ] {
        client.subscribe("x", query).await;
        let message = client.said().await;
        assert_eq!((&message["type"], &message["payload"][0]["extensions"]["code"]), (&json!("error"), &json!(code)), "{query}");
    }
    client.subscribe("x", "{ me signedIn }").await;
    let message = client.said().await;
    assert_eq!((&message["type"], &message["payload"]["data"]["me"]), (&json!("next"), &json!("ann")));
    assert_eq!(client.said().await["type"], "complete");
}

#[tokio::test]
async fn pings_are_answered_with_their_payload() {
    let toy = Toy::new().sockets(|limits| limits.ping_every = Duration::from_millis(100));
    let url = start(&toy).await;
    let mut client = Client::open(&url).await;
    client.say(json!({"type": "ping", "payload": {"n": 1}})).await;
    assert_eq!(client.said().await, json!({"type": "pong", "payload": {"n": 1}}));
    client.say(json!({"type": "connection_init"})).await;
    assert_eq!(client.said().await, json!({"type": "connection_ack"}));
    for _ in 0..4 {
        assert_eq!(client.said().await, json!({"type": "ping"}));
        client.say(json!({"type": "pong"})).await;
    }
    assert_eq!(client.hear().await, Heard::Said(json!({"type": "ping"})));
    assert_eq!(client.hear().await, Heard::Said(json!({"type": "ping"})));
    assert_eq!(client.hear().await, Heard::Closed(1001), "a silent client is gone");
}

/// A client that does not insist on the protocol that it asked for.
async fn raw(url: &str, protocol: Option<&str>) -> Client {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = url.trim_start_matches("ws://").trim_end_matches("/graphql");
    let mut stream = TcpStream::connect(host).await.unwrap();
    let protocol = protocol.map_or_else(String::new, |p| format!("Sec-WebSocket-Protocol: {p}\r\n"));
    let request = format!(
        "GET /graphql HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    let role = tokio_tungstenite::tungstenite::protocol::Role::Client;
    Client(WebSocketStream::from_raw_socket(MaybeTlsStream::Plain(stream), role, None).await)
}

#[tokio::test]
async fn closes_with_the_codes_of_the_protocol() {
    let toy = Toy::new().sockets(|limits| limits.init_timeout = Duration::from_millis(200));
    let url = start(&toy).await;
    for protocol in [None, Some("graphql-ws")] {
        let mut stream = raw(&url, protocol).await;
        assert_eq!(stream.hear().await, Heard::Closed(4406), "{protocol:?}");
    }
    assert_eq!(Client::open(&url).await.hear().await, Heard::Closed(4408));
    for (first, code) in [
        (json!({"type": "subscribe", "id": "1", "payload": {"query": "{ me }"}}), 4401),
        (json!({"type": "connection_init", "payload": {"Authorization": "Bearer forged"}}), 4403),
        (json!({"type": "connection_init", "payload": {"authorization": "Bearer banned"}}), 4403),
        (json!({"type": "connection_init", "payload": {"authorization": 5}}), 4400),
        (json!({"type": "connection_init", "payload": "x"}), 4400),
        (json!({"type": "start"}), 4400),
        (json!({"id": "1"}), 4400),
        (json!(["connection_init"]), 4400),
        (json!({"type": "subscribe", "payload": {"query": "{ me }"}}), 4400),
        (json!({"type": "subscribe", "id": "1"}), 4400),
    ] {
        let mut client = Client::open(&url).await;
        client.say(first.clone()).await;
        assert_eq!(client.hear().await, Heard::Closed(code), "{first}");
    }
    let mut client = Client::open(&url).await;
    client.0.send(Message::binary(vec![1, 2])).await.unwrap();
    assert_eq!(client.hear().await, Heard::Closed(4400));
}

#[tokio::test]
async fn a_ready_socket_closes_on_breaches() {
    let toy = Toy::new();
    let url = start(&toy).await;
    let mut client = Client::ready(&url, "good-ann").await;
    client.say(json!({"type": "connection_init"})).await;
    assert_eq!(client.hear().await, Heard::Closed(4429));
    let mut client = Client::ready(&url, "good-ann").await;
    client.subscribe("1", "subscription { never }").await;
    client.subscribe("1", "{ me }").await;
    assert_eq!(client.hear().await, Heard::Closed(4409));
    let mut client = Client::ready(&url, "short").await;
    assert_eq!(client.hear().await, Heard::Closed(4403), "the token ended");
    let mut client = Client::ready(&url, "good-ann").await;
    client.subscribe("1", &"x".repeat(300_000)).await;
    assert!(matches!(client.hear().await, Heard::Closed(1009 | 0)));
}

#[tokio::test]
async fn a_completed_operation_says_nothing_more_and_frees_its_id() {
    let toy = Toy::new();
    let url = start(&toy).await;
    let mut client = Client::ready(&url, "good-ann").await;
    client.subscribe("1", "subscription { never }").await;
    client.say(json!({"type": "complete", "id": "1"})).await;
    client.say(json!({"type": "complete", "id": "unknown"})).await;
    client.subscribe("1", "{ me }").await;
    assert_eq!(client.said().await["payload"]["data"]["me"], "ann");
    assert_eq!(client.said().await, json!({"type": "complete", "id": "1"}));
}

#[tokio::test]
async fn a_socket_holds_so_many_operations_and_no_more() {
    let toy = Toy::new().sockets(|limits| limits.operations = 2);
    let url = start(&toy).await;
    let mut client = Client::ready(&url, "good-ann").await;
    for id in ["1", "2", "3"] {
        client.subscribe(id, "subscription { never }").await;
    }
    let message = client.said().await;
    assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("3")));
    assert_eq!(message["payload"][0]["extensions"]["code"], "SYS002");
}

#[tokio::test]
async fn a_reader_who_stops_holds_up_nobody_else() {
    let toy = Toy::new().sockets(|limits| limits.write_timeout = Duration::from_millis(300));
    let url = start(&toy).await;
    let mut lazy = Client::ready(&url, "good-lazy").await;
    lazy.subscribe("1", "subscription { flood }").await;
    let mut client = Client::ready(&url, "good-ann").await;
    client.subscribe("1", "{ me }").await;
    assert_eq!(client.said().await["payload"]["data"]["me"], "ann");
    drop(client);
    // Nobody reads the flood: the socket is given up, and the endpoint is idle again.
    tokio::time::timeout(PATIENCE, toy.endpoint.idle()).await.unwrap();
    drop(lazy);
}

#[tokio::test]
async fn draining_lets_a_mutation_answer_and_then_goes_away() {
    let toy = Toy::new();
    let url = start(&toy).await;
    let mut busy = Client::ready(&url, "good-ann").await;
    let mut idle = Client::ready(&url, "good-ann").await;
    idle.subscribe("1", "subscription { never }").await;
    busy.subscribe("1", "mutation { change(delayMs: 300) }").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    toy.draining.send_replace(true);
    assert_eq!(idle.hear().await, Heard::Closed(1001));
    assert_eq!(busy.said().await["payload"]["data"]["change"], 1);
    assert_eq!(busy.said().await["type"], "complete");
    assert_eq!(busy.hear().await, Heard::Closed(1001));
    drop((busy, idle));
    tokio::time::timeout(PATIENCE, toy.endpoint.idle()).await.unwrap();
}

#[tokio::test]
async fn the_upgrade_may_carry_the_token() {
    let toy = Toy::new();
    let url = start(&toy).await;
    let mut client = Client::connect(&url, Some("graphql-transport-ws"), Some("Bearer good-bob")).await;
    client.say(json!({"type": "connection_init"})).await;
    assert_eq!(client.said().await, json!({"type": "connection_ack"}));
    client.subscribe("1", "{ me }").await;
    assert_eq!(client.said().await["payload"]["data"]["me"], "bob");
}
