//! What one caller may hold open, and how much nonsense they may send.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use futures_util::future::BoxFuture;
use serde_json::json;
use tower::ServiceExt;

use super::websocket::{Client, start};
use super::{Gate, Toy};
use crate::crowd::Room;
use crate::transport::{Admitted, Door, RequestMeta, TurnedAway, router};

async fn stream(toy: &Toy, token: &str, query: &str) -> Response<Body> {
    let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, "text/event-stream");
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    router(toy.endpoint.clone()).oneshot(request.body(Body::from(json!({ "query": query }).to_string())).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_caller_holds_so_many_subscriptions_over_whatever_connections() {
    let mut toy = Toy::new();
    toy.endpoint = toy.endpoint.room(Room { subscriptions_per_caller: 2, ..Room::default() });
    let url = start(&toy).await;
    let never = "subscription { never }";
    let first = stream(&toy, "good-ann", never).await;
    assert_eq!(first.status(), StatusCode::OK);
    let mut socket = Client::ready(&url, "good-ann").await;
    socket.subscribe("1", never).await;
    socket.subscribe("2", never).await;
    let refused = socket.said().await;
    assert_eq!((&refused["id"], &refused["payload"][0]["extensions"]["code"]), (&json!("2"), &json!("SYS002")));
    let third = stream(&toy, "good-ann", never).await;
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(third.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(stream(&toy, "good-bob", never).await.status(), StatusCode::OK, "others are not meant");
    // A question holds nothing; what ends gives its place back.
    socket.subscribe("3", "{ me }").await;
    assert_eq!(socket.said().await["payload"]["data"]["me"], "ann");
    assert_eq!(socket.said().await["type"], "complete");
    drop(first);
    socket.subscribe("4", never).await;
    socket.say(json!({"type": "complete", "id": "1"})).await;
    socket.subscribe("5", "subscription { count(to: 1) }").await;
    let said = socket.said().await;
    assert_eq!((&said["type"], &said["payload"]["data"]["count"]), (&json!("next"), &json!(0)), "{said}");
}

#[tokio::test]
async fn an_address_holds_so_many_sockets() {
    let mut toy = Toy::new();
    toy.endpoint = toy.endpoint.room(Room { sockets_per_address: 1, ..Room::default() });
    let url = start(&toy).await;
    let held = Client::ready(&url, "good-ann").await;
    let refused = tokio_tungstenite::connect_async(&url).await.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("429"), "{refused}");
    drop(held);
    // The server notices soon.
    let mut tries = 0;
    while tokio_tungstenite::connect_async(&url).await.is_err() {
        tries += 1;
        assert!(tries < 500, "the place was not given back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Has enough after two refusals.
#[derive(Default)]
struct Patient(AtomicUsize);

impl Door for Patient {
    fn enter<'a>(&'a self, bearer: Option<&'a str>, meta: &'a RequestMeta) -> BoxFuture<'a, Result<Admitted, TurnedAway>> {
        Gate.enter(bearer, meta)
    }

    fn refused<'a>(&'a self, _: &'a RequestMeta) -> BoxFuture<'a, Option<Duration>> {
        let over = self.0.fetch_add(1, Ordering::SeqCst) >= 2;
        Box::pin(std::future::ready(over.then_some(Duration::from_secs(9))))
    }
}

#[tokio::test]
async fn whoever_sends_nonsense_is_counted() {
    for nonsense in ["{", "{ nothing", "subscription { never count(to: 1) }"] {
        let toy = Toy::behind(Patient::default());
        let url = start(&toy).await;
        for (times, status) in [(1, StatusCode::OK), (2, StatusCode::OK), (3, StatusCode::TOO_MANY_REQUESTS)] {
            let answer = stream(&toy, "good-ann", nonsense).await;
            assert_eq!(answer.status(), status, "{nonsense}: {times}");
        }
        let mut socket = Client::ready(&url, "good-ann").await;
        socket.subscribe("1", nonsense).await;
        assert_eq!(socket.said().await["payload"][0]["extensions"]["code"], "SYS002");
    }
    // Guessing tokens is nonsense, too; what is executed is counted elsewhere.
    let toy = Toy::behind(Patient::default());
    for status in [401, 401, 429] {
        assert_eq!(stream(&toy, "guess", "{ me }").await.status().as_u16(), status);
        assert_eq!(stream(&toy, "good-ann", "{ me }").await.status(), StatusCode::OK);
    }
}
