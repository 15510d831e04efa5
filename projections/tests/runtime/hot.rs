//! The hot store, in memory and in Redis, and in a Redis that is not there.

use std::sync::Arc;
use std::time::Duration;

use daybook_projections::hot::{Bucket, Hot, Memory, Redis};
use uuid::Uuid;

const NO_REDIS: &str =
    "the Redis half of the hot store's tests needs DAYBOOK_TEST_REDIS_URL, the address of a Redis; scripts/test starts one and sets it";

const HOUR: Duration = Duration::from_secs(3_600);
const BUCKET: Bucket = Bucket { points: 10, window: HOUR };

async fn suite(hot: Arc<dyn Hot>, shared: bool) {
    assert!(!hot.is_denied("s").await);
    hot.deny("s", HOUR).await;
    hot.deny("short", Duration::from_millis(20)).await;
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert!(hot.is_denied("s").await && !hot.is_denied("short").await && !hot.is_denied("t").await);
    assert_eq!(hot.kept_session("s").await, None);
    hot.keep_session("s", "known", HOUR).await;
    hot.keep_session("s", "known anew", HOUR).await;
    hot.keep_session("short", "known", Duration::from_millis(20)).await;
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert_eq!((hot.kept_session("s").await.as_deref(), hot.kept_session("short").await), (Some("known anew"), None));
    assert_eq!(hot.acknowledged("u").await, None);
    for position in [5, 9, 7] {
        hot.acknowledge("u", position).await;
    }
    // Without Redis nobody knows what another node has acknowledged: the log's present end is taken.
    assert_eq!((hot.acknowledged("u").await, hot.acknowledged("v").await), (shared.then_some(9), None));
    assert_eq!(hot.count("c").await, 0);
    for expected in 1..=3 {
        assert_eq!(hot.increment("c", HOUR).await, expected);
    }
    assert_eq!(hot.count("c").await, 3);
    hot.reset("c").await;
    assert_eq!((hot.count("c").await, hot.increment("c", HOUR).await), (0, 1));
    assert_eq!(hot.increment("brief", Duration::from_millis(20)).await, 1);
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert_eq!(hot.increment("brief", HOUR).await, 1);
    assert_eq!(hot.spend("b", BUCKET, 4).await, Ok(6));
    assert!(hot.spend("b", BUCKET, 7).await.is_err_and(|wait| wait <= HOUR / 10));
    assert_eq!(hot.spend("b", BUCKET, 6).await, Ok(0), "what was refused took nothing");
    assert_eq!(hot.hinted("h").await, None);
    for number in [Some(7), Some(3), None, Some(4)] {
        hot.hint("h", number).await;
        assert_eq!(hot.hinted("h").await, number);
    }
}

#[tokio::test]
async fn in_memory() {
    suite(Arc::new(Memory::new()), true).await;
}

#[tokio::test]
async fn in_redis() {
    let url = std::env::var("DAYBOOK_TEST_REDIS_URL").expect(NO_REDIS);
    let book = Uuid::new_v4().to_string();
    suite(Arc::new(Redis::open(&url, &book).unwrap()), true).await;
    // Another node knows it too, and another book does not.
    let node = Redis::open(&url, &book).unwrap();
    assert!(node.is_denied("s").await);
    assert_eq!(node.kept_session("s").await.as_deref(), Some("known anew"));
    assert_eq!((node.acknowledged("u").await, node.increment("c", HOUR).await), (Some(9), 2));
    assert!(node.spend("b", BUCKET, 1).await.is_err(), "a caller of several nodes has one bucket");
    node.hint("h", None).await;
    assert_eq!(Redis::open(&url, &book).unwrap().hinted("h").await, None);
    node.acknowledge("u", 3).await;
    assert_eq!(Redis::open(&url, &book).unwrap().acknowledged("u").await, Some(9));
    assert!(!Redis::open(&url, "other").unwrap().is_denied("s").await);
}

#[tokio::test]
async fn in_a_redis_that_is_gone() {
    // A port that nobody listens on: bound, asked for its number, and let go.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    suite(Arc::new(Redis::open(&format!("redis://127.0.0.1:{port}"), "book").unwrap()), false).await;
    assert!(Redis::open("http://nowhere", "book").is_err());
}
