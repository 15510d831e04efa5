//! The feed: whoever listens, however fast, and wherever it begins, gets what it wants once and in order.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use daybook_projections::feed::{Feed, FeedError, Wanted};
use eventlog::Recorded;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::book::{Book, on_postgres, on_sqlite};
use crate::toy::{Toy, added, append};

const LONG: Duration = Duration::from_secs(60);

/// One listener: what it wants, where it begins, how long it rests after each so many events, how many it takes before it hangs up.
#[derive(Clone, Debug)]
struct Plan {
    only: Option<u8>,
    begin: u64,
    rest_ms: u64,
    every: usize,
    hang_up: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    let only = prop_oneof![2 => Just(None), 1 => (0_u8..4).prop_map(Some)];
    (only, 0_u64..400, 0_u64..30, 1_usize..200, 1_usize..900).prop_map(|(only, begin, rest_ms, every, hang_up)| Plan {
        only,
        begin,
        rest_ms,
        every,
        hang_up,
    })
}

fn wants(only: Option<u8>) -> Wanted {
    Arc::new(move |event: &Recorded| only.is_none_or(|id| event.stream.id() == id.to_string()))
}

/// The whole log, once nothing more is written.
type Whole = Arc<OnceLock<Vec<Recorded>>>;

fn expected(plan: &Plan, log: &[Recorded]) -> Vec<u64> {
    let want = wants(plan.only);
    log.iter().filter(|event| event.position > plan.begin && want(event)).map(|event| event.position).collect()
}

/// Listens to whatever feed there is just now, from cursor to cursor, until it has all that it wants of the whole log.
async fn listen(plan: Plan, mut feeds: watch::Receiver<Feed>, whole: Whole, slow: Arc<AtomicU64>) -> (Plan, Vec<u64>) {
    let (mut seen, mut cursor) = (Vec::new(), plan.begin);
    loop {
        let mut listening = feeds.borrow_and_update().listen(cursor, wants(plan.only));
        let mut since = 0;
        while since < plan.hang_up {
            let next = tokio::select! {
                next = listening.next() => next,
                // The server was killed: what was under way is gone, only the cursor is left.
                Ok(()) = feeds.changed() => break,
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    if whole.get().is_some_and(|log| expected(&plan, log).last().is_none_or(|last| *last <= cursor)) {
                        return (plan, seen);
                    }
                    continue;
                }
            };
            match next {
                Ok(event) => {
                    seen.push(event.position);
                    cursor = event.position;
                    since += 1;
                    if seen.len() % plan.every == 0 {
                        tokio::time::sleep(Duration::from_millis(plan.rest_ms)).await;
                    }
                }
                Err(FeedError::Slow { last }) => {
                    assert!(last >= cursor, "the last cursor is not older than what was given");
                    cursor = last;
                    slow.fetch_add(1, SeqCst);
                    break;
                }
                Err(FeedError::Log(error)) => panic!("{error}"),
            }
        }
    }
}

async fn everybody_gets_everything_once(book: &Book) {
    let plans = prop::collection::vec(plan(), 14).new_tree(&mut TestRunner::deterministic()).unwrap().current();
    append(&book.log, 0, (0..300).map(added).collect()).await;
    let (publish, feeds) = watch::channel(Feed::start(book.log.clone()));
    let (whole, slow) = (Whole::default(), Arc::new(AtomicU64::new(0)));
    let mut listeners = JoinSet::new();
    let special = [
        // Slow, and never hanging up; and one that begins beyond the log's end, where there is nothing to hear.
        Plan { only: None, begin: 0, rest_ms: 60, every: 20, hang_up: usize::MAX },
        Plan { only: None, begin: 100_000, rest_ms: 0, every: 1, hang_up: 9 },
    ];
    for plan in plans.into_iter().chain(special) {
        listeners.spawn(listen(plan, feeds.clone(), whole.clone(), slow.clone()));
    }
    for round in 0..30_u64 {
        append(&book.log, round % 4, (0..=(round % 7) * 20).map(|_| added(1)).collect()).await;
        append(&book.log, "x", vec![Toy::Calmed {}]).await;
        if round % 10 == 9 {
            // The server is killed and started again: another feed, over a log that remembers nothing.
            publish.send_replace(Feed::start(book.another().await));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let head = book.log.head().await.unwrap();
    let mut log = Vec::new();
    while (log.len() as u64) < head {
        log.extend(book.log.read(log.len() as u64, 1_000).await.unwrap());
    }
    whole.set(log.clone()).unwrap();
    let heard = async {
        while let Some(heard) = listeners.join_next().await {
            let (plan, seen) = heard.unwrap();
            assert_eq!(seen, expected(&plan, &log), "{plan:?}");
        }
    };
    tokio::time::timeout(LONG, heard).await.expect("everybody hears everything in time");
}

async fn who_is_too_slow_is_told_where_to_go_on(book: &Book) {
    let feed = Feed::start(book.log.clone());
    let mut slow = feed.listen(0, wants(None));
    let first = append(&book.log, 0, vec![added(1)]).await;
    assert_eq!(slow.next().await.unwrap().position, first);
    let mut fast = feed.listen(first, wants(None));
    let mut selective = feed.listen(first, wants(Some(3)));
    // Both are in: they have to be asked once to be.
    let _ = tokio::time::timeout(Duration::from_millis(50), fast.next()).await;
    let _ = tokio::time::timeout(Duration::from_millis(50), selective.next()).await;
    assert_eq!(feed.figures().listeners, 3);
    let mut last = first;
    for _ in 0..8 {
        last = append(&book.log, 0, (0..100).map(added).collect()).await;
        while fast.next().await.unwrap().position < last {}
    }
    // What is queued is still given; then it hears that it was too slow, and where it stopped.
    let mut given = first;
    let told = loop {
        match slow.next().await {
            Ok(event) => {
                assert_eq!(event.position, given + 1);
                given = event.position;
            }
            Err(told) => break told,
        }
    };
    assert!(matches!(told, FeedError::Slow { last } if last == given), "{told}");
    assert!(given < last);
    // Nothing was queued for the one that wanted none of it.
    let third = append(&book.log, 3, vec![added(1)]).await;
    assert_eq!(selective.next().await.unwrap().position, third);
    let mut again = feed.listen(given, wants(None));
    for position in given + 1..=third {
        assert_eq!(again.next().await.unwrap().position, position);
    }
    drop((slow, fast, selective, again));
    assert_eq!(feed.figures().listeners, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_everything_once_on_sqlite() {
    on_sqlite(everybody_gets_everything_once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_everything_once_on_postgres() {
    on_postgres(everybody_gets_everything_once).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_slow_is_told_where_to_go_on_anywhere() {
    on_sqlite(who_is_too_slow_is_told_where_to_go_on).await;
    on_postgres(who_is_too_slow_is_told_where_to_go_on).await;
}
