//! Workers that are killed, put to sleep and woken up again, and a PostgreSQL server that falls over: the rows stay the fold of the
//! log. Needs `DAYBOOK_TEST_DATABASE_URL` and PostgreSQL's programs (scripts/test provides both).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

// The name under which the shared file knows it.
extern crate eventlog as daybook_eventlog;

mod book;
#[path = "../../../eventlog/tests/faults/cluster.rs"]
#[expect(dead_code, reason = "its other ways to fall over are the log's matter")]
mod cluster;
mod ticks;
mod worker;

use std::time::{Duration, Instant};

use daybook_projections::views::{Views, Workers};

use crate::book::Book;
use crate::cluster::Cluster;
use crate::ticks::{Sums, Tick, append, fold, rows};
use crate::worker::Worker;

/// Longer than any lease and any pause of a worker that is denied one.
const PATIENCE: Duration = Duration::from_secs(60);

async fn views(book: &Book) -> Views<Tick> {
    let views = Views::open(book.log().await, ticks::decode).await.unwrap();
    views.install::<Sums>().await.unwrap();
    views
}

/// Everything that was appended is in the rows, once.
async fn ends_equal(views: &Views<Tick>) {
    // The server may just have come back: what waited on a dead connection is told so once.
    let head = loop {
        match views.log().head().await {
            Ok(head) => break head,
            Err(error) => assert!(error.retryable(), "{error}"),
        }
    };
    views.wait::<Sums>(head, PATIENCE).await.unwrap();
    assert_eq!(rows(views).await, fold(views.log()).await);
    assert_eq!(views.diff("sums", &mut ()).await.unwrap().differences, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_of_a_killed_worker_move_within_ten_seconds() {
    let book = Book::on_server().await;
    let views = views(&book).await;
    let worker = Worker::start(&book);
    let first = append(views.log(), 1, 5).await;
    views.wait::<Sums>(first, PATIENCE).await.unwrap();
    let workers = Workers::start(&views);
    // The second one is refused, says so and counts it.
    while views.counts()[0].leases_denied == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    worker.kill();
    let killed = Instant::now();
    let next = append(views.log(), 2, 7).await;
    views.wait::<Sums>(next, PATIENCE).await.unwrap();
    println!("the models moved {} ms after their worker was killed", killed.elapsed().as_millis());
    assert!(killed.elapsed() < Duration::from_secs(10));
    ends_equal(&views).await;
    workers.stop().await;
    book.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_wakes_up_cannot_write() {
    let book = Book::on_server().await;
    let views = views(&book).await;
    let worker = Worker::start(&book);
    for round in 0..20 {
        append(views.log(), round % 3, 1).await;
    }
    let workers = Workers::start(&views);
    for round in 0..3 {
        // Asleep in the middle of whatever it does; the other one takes over and goes on.
        worker.signal("STOP");
        for tick in 0..50 {
            append(views.log(), tick % 3, i64::from(round)).await;
        }
        ends_equal(&views).await;
        worker.signal("CONT");
        for tick in 0..50 {
            append(views.log(), tick % 5, 2).await;
        }
        ends_equal(&views).await;
    }
    worker.kill();
    ends_equal(&views).await;
    workers.stop().await;
    book.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_outlive_their_server() {
    let mut cluster = Cluster::start().await;
    let book = cluster.book("workers", "").await;
    let views = views(&book).await;
    let workers = Workers::start(&views);
    for round in 0..3 {
        for tick in 0..20 {
            append(views.log(), tick % 4, 1).await;
        }
        if round % 2 == 0 {
            cluster.kill_all()
        } else {
            cluster.stop_immediately()
        }
        cluster.restart().await;
        ends_equal(&views).await;
    }
    workers.stop().await;
    views.close().await;
    views.log().close().await;
}

/// Not a test: what [`Worker`] runs in a process of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process that the other tests start"]
async fn works_until_killed() {
    let Some(book) = Book::of_parent() else { return };
    let views = views(&book).await;
    let _workers = Workers::start(&views);
    tokio::time::sleep(Duration::from_secs(600)).await;
}
