//! The places of rebuilds and of hot rows: whoever dies at one leaves readers with the rows that they had, or with the right ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybook_projections::hot::rows::{Advance, Ask, HotRows, Mark, MemoryRows, RedisRows};
use daybook_projections::hot::{HotFault, HotProjector, HotStep, HotViews};
use daybook_projections::views::rebuild::{Pace, RebuildOptions};

use crate::book::{Book, on_postgres, on_sqlite};
use crate::folding::{expire_leases, naive};
use crate::models::{breaks, feed, places_of, rows, tallies, work};
use crate::places::alone;
use crate::redis_server::RedisServer;
use crate::toy::{Tallies, Toy, added, append};

const MODEL: &str = "tallies_v1";

/// Several parts with several pages and writes each.
fn options() -> RebuildOptions {
    let pace = Pace { page: 25, write_rows: 9, write_events: 50, kept_rows: 8 };
    RebuildOptions { jobs: 2, pace, ..RebuildOptions::default() }
}

async fn rebuilds_go_on_from_everywhere(book: &Book) {
    for n in 0..6 {
        feed(book, n).await;
    }
    let live = tallies(book).await;
    for (n, place) in places_of("rebuild::").into_iter().enumerate() {
        feed(book, 100 + n).await;
        assert!(work(book, &live).await);
        let expected = naive(book, book.log.head().await.unwrap()).await;
        for (action, passes) in [("return", 0), ("panic", 0), ("panic", 1)] {
            let what = format!("{place} {action} {passes}");
            let elsewhere = tallies(book).await;
            breaks(place, action, passes);
            let done = tokio::spawn(async move { elsewhere.rebuild("tallies", &options(), &mut ()).await }).await;
            fail::remove(place);
            let broke = !matches!(done, Ok(Ok(_)));
            assert!(broke || passes > 0, "nothing broke off: {what}");
            assert_eq!(rows(&live).await, expected, "{what}");
            expire_leases(book).await;
            // Another process goes on with what was built.
            if broke {
                let done = tallies(book).await.rebuild("tallies", &options(), &mut ()).await.unwrap();
                assert!(done.switched && done.comparison.unwrap().differences == 0, "{what}");
            }
            assert_eq!(rows(&live).await, expected, "{what}");
            let by_people = book.pairs("select key, sum from tallies", "select key, sum from views.tallies").await;
            let sums: BTreeMap<String, i64> = expected.iter().map(|(key, row)| (key.clone(), row.sum)).collect();
            assert_eq!(by_people.into_iter().collect::<BTreeMap<_, _>>(), sums, "{what}");
        }
        let left = book.number("select count(*) from projections", "select count(*) from views.projections").await;
        assert_eq!(left, 2, "{place}: the live generation and the one before");
    }
}

/// Rows in the place of the log's, as after a failover to another log's.
async fn strangers_rows(keeper: &Arc<dyn HotRows>) {
    free(keeper).await;
    let mark = keeper.take(MODEL, "stranger").await.unwrap().unwrap();
    let step = Advance { from: &mark, position: mark.position + 1, hash: &"00".repeat(32), changes: &[] };
    assert!(keeper.advance(MODEL, step).await.unwrap());
    free(keeper).await;
}

/// Whoever holds the rows is taken for dead.
async fn free(keeper: &Arc<dyn HotRows>) {
    keeper.release(MODEL, &mark(keeper).await).await.unwrap();
}

async fn mark(keeper: &Arc<dyn HotRows>) -> Mark {
    keeper.ask(MODEL, Ask::Count("nothing:1:x:")).await.unwrap().0
}

/// Another process's face of the hot rows.
async fn hot(book: &Book, keeper: &Arc<dyn HotRows>) -> HotViews<Toy> {
    HotViews::new(&book.views().await, Arc::clone(keeper)).install::<Tallies>().unwrap()
}

/// Steps until nothing is left to do, or something happens: then the worker is gone without a word.
async fn work_hot(keeper: &Arc<dyn HotRows>, hot: &HotViews<Toy>) -> bool {
    let mut worker = HotProjector::all(hot).pop().unwrap();
    let working = async move {
        while worker.step(3).await? != HotStep::Idle {}
        Ok::<_, HotFault>(())
    };
    let outcome = tokio::spawn(working).await;
    free(keeper).await;
    matches!(outcome, Ok(Ok(())))
}

/// Whoever gets an answer gets the right one; says whether everybody got one.
async fn answers_are_right(book: &Book, hot: &HotViews<Toy>, what: &str) -> bool {
    let head = book.log.head().await.unwrap();
    let mut all = true;
    for (key, row) in naive(book, head).await {
        match hot.get::<Tallies>(&key, head).await {
            Some(found) => assert_eq!(found, Some(row), "{what}: {key}"),
            None => all = false,
        }
    }
    all
}

async fn hot_rows_break_off_everywhere(book: &Book, keeper: Arc<dyn HotRows>) {
    for (n, place) in places_of("hot::").into_iter().enumerate() {
        for (action, passes) in [("return", 0), ("return", 1), ("panic", 0), ("panic", 1)] {
            let what = format!("{place} {action} {passes}");
            append(&book.log, n, vec![added(1), added(2), Toy::Cleared {}, added(4)]).await;
            strangers_rows(&keeper).await;
            let here = hot(book, &keeper).await;
            breaks(place, action, passes);
            let quiet = work_hot(&keeper, &here).await;
            fail::remove(place);
            assert!(!quiet || passes > 0, "nothing broke off: {what}");
            answers_are_right(book, &here, &what).await;
            let next = if action == "return" { here } else { hot(book, &keeper).await };
            assert!(work_hot(&keeper, &next).await, "{what}");
            assert!(answers_are_right(book, &next, &what).await, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilds_go_on_from_everywhere_on_sqlite() {
    alone(async || on_sqlite(rebuilds_go_on_from_everywhere).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilds_go_on_from_everywhere_on_postgres() {
    alone(async || on_postgres(rebuilds_go_on_from_everywhere).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_rows_break_off_everywhere_in_memory() {
    alone(async || on_sqlite(async |book| hot_rows_break_off_everywhere(book, Arc::new(MemoryRows::new())).await).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_rows_break_off_everywhere_in_redis() {
    alone(async || {
        on_sqlite(async |book| {
            let server = RedisServer::start().await;
            hot_rows_break_off_everywhere(book, Arc::new(RedisRows::open(&server.url(), "book").unwrap())).await;
        })
        .await;
    })
    .await;
}
