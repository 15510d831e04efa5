//! Whoever stays is asked after again, and goes when they may no longer.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Request;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::websocket::{Client, start};
use super::{Toy, Viewer};
use crate::transport::welcome::{Stay, first};
use crate::transport::{Admitted, Door, RequestMeta, TurnedAway};

/// Lets everybody in with the rights that there are now, and counts how often it was asked.
#[derive(Clone, Default)]
struct Counting {
    asked: Arc<AtomicUsize>,
    rights: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Counting {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn now(&self, rights: &[&'static str]) {
        *self.rights.lock().unwrap() = rights.iter().copied().collect();
    }
}

impl Door for Counting {
    fn enter<'a>(&'a self, bearer: Option<&'a str>, _: &'a RequestMeta) -> BoxFuture<'a, Result<Admitted, TurnedAway>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let rights = self.rights.lock().unwrap().clone();
        let admitted = Admitted::new(Viewer(bearer.unwrap_or("nobody").to_owned()), None).holding(rights);
        Box::pin(std::future::ready(Ok(admitted)))
    }
}

#[tokio::test]
async fn many_of_one_token_ask_once() {
    let door = Counting::default();
    let toy = Toy::behind(door.clone());
    let meta = RequestMeta::read(&Request::new(()).into_parts().0);
    let before = door.enter(Some("ann"), &meta).await.unwrap();
    for _ in 0..1_000 {
        assert!(matches!(toy.endpoint.may_stay(Some("ann"), &before, &meta).await, Stay::As(_)));
    }
    assert_eq!(door.asked(), 2, "when she came, and once more for all");
    assert!(matches!(toy.endpoint.may_stay(Some("bob"), &before, &meta).await, Stay::As(_)));
    assert_eq!(door.asked(), 3, "another token is another question");
    toy.endpoint.asked_anew(Some("ann"), &before, &meta).await;
    assert_eq!(door.asked(), 4, "who wants something new is looked at anew");
    assert!(matches!(toy.endpoint.may_stay(None, &before, &meta).await, Stay::As(_)));
    assert_eq!(door.asked(), 5);
}

#[tokio::test]
async fn what_was_begun_with_a_right_ends_with_it() {
    let door = Counting::default();
    door.now(&["auditor", "guest"]);
    let toy = Toy::behind(door.clone()).sockets(|limits| limits.ping_every = Duration::from_millis(100));
    let url = start(&toy).await;
    let mut client = Client::ready(&url, "ann").await;
    client.subscribe("1", "subscription { never }").await;
    door.now(&["auditor", "finance", "guest"]);
    assert_eq!(client.said().await, json!({"type": "ping"}), "one more is no reason to go");
    door.now(&["guest"]);
    assert_eq!(client.closed().await, 4403);
}

#[test]
fn those_who_came_together_are_not_asked_together() {
    let every = Duration::from_secs(50);
    let firsts: Vec<_> = (0..100).map(|_| first(every)).collect();
    assert!(firsts.iter().all(|first| (every / 2..every).contains(first)));
    let seconds: BTreeSet<_> = firsts.iter().map(Duration::as_secs).collect();
    assert!(seconds.len() >= 20, "{} of 25 seconds", seconds.len());
}
