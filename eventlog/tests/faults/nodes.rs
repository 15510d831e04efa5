//! Many writers: nodes in one process, processes, one hot stream, clocks that are wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use daybook_eventlog::{Log, Recorded};
use kernel::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::book::{Book, on_postgres, on_sqlite};
use crate::chain::{Heard, Op, Words, link};
use crate::check::{check, everything};
use crate::load::Load;
use crate::random::seed;

const ANSWERS: usize = 400;

/// Follows the log by position until it is told the end.
async fn tail(log: Log, page: usize, mut end: oneshot::Receiver<u64>) -> Vec<Recorded> {
    let (mut seen, mut last) = (Vec::<Recorded>::new(), None);
    while last.is_none_or(|last| (seen.len() as u64) < last) {
        let found = log.read(seen.last().map_or(0, |event| event.position), page).await.unwrap();
        if found.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        seen.extend(found);
        last = last.or_else(|| end.try_recv().ok());
    }
    seen
}

/// Nodes that write the same streams at once, and readers that follow them.
async fn nodes_write_the_same_streams(book: &Book, nodes: usize) {
    let mut logs = Vec::new();
    for _ in 0..nodes {
        logs.push(book.open().await);
    }
    let readers: Vec<_> = [3, 1_000]
        .map(|page| {
            let (end, told) = oneshot::channel();
            (end, tokio::spawn(tail(logs[nodes - 1].clone(), page, told)))
        })
        .into();
    let mut load = Load::start(&logs, nodes * 6, "op", seed(), |_, _| ());
    load.more(ANSWERS).await;
    let words = load.finish().await;
    assert!(words.values().all(|(_, heard)| matches!(heard, Heard::In(_) | Heard::Refused(_))), "nothing has failed here");
    let events = check(book, &words).await;
    for (end, reader) in readers {
        end.send(events.len() as u64).unwrap();
        assert!(reader.await.unwrap() == events, "a reader saw another log");
    }
}

/// Everybody on one aggregate: nobody hears of a conflict, and everybody is in once.
async fn a_hot_stream(book: &Book) {
    const CLIENTS: usize = 256;
    let log = book.open().await;
    let runs = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (log, runs) = (log.clone(), runs.clone());
        clients.spawn(async move {
            let mut words = Words::new();
            for n in 0..3 {
                let op = Op::add(format!("hot-{client}-{n}"), "hot");
                let heard = op.run(&log).await;
                runs.fetch_add(1, SeqCst);
                words.insert(op.name.clone(), (op, heard));
            }
            words
        });
    }
    let words: Words = clients.join_all().await.into_iter().flatten().collect();
    assert!(words.values().all(|(_, heard)| matches!(heard, Heard::In(receipt) if !receipt.replayed)));
    assert_eq!((runs.load(SeqCst), check(book, &words).await.len()), (3 * CLIENTS, 3 * CLIENTS));
}

/// Clocks that go back, the client's and the store's, change no order.
async fn clocks_going_backwards(book: &Book) {
    let nodes = [book.open().await, book.open().await];
    let mut words = Words::new();
    let future = Timestamp::from_second(4_000_000_000).unwrap();
    for n in 0..30_i64 {
        if n == 10 {
            // As if every clock had been set back by decades since the last append.
            book.raw().await.run(&format!("update log_head set recorded_at = {}", future.as_microsecond())).await;
        }
        let op = Op::add(format!("op-{n}"), if n % 3 == 0 { "a" } else { "b" });
        let heard = op.run_at(&nodes[n as usize % 2], Timestamp::from_second(1_000_000 - n).unwrap()).await;
        heard.receipt();
        words.insert(op.name.clone(), (op, heard));
    }
    let events = check(book, &words).await;
    assert!(events.iter().enumerate().all(|(n, event)| link(event).op == format!("op-{n}")));
    assert!(events.windows(2).all(|pair| pair[0].occurred_at > pair[1].occurred_at));
    assert!(events.iter().skip(10).all(|event| event.recorded_at == future));
    assert_eq!(everything(&nodes[1]).await, events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_sqlite() {
    on_sqlite(async |book| nodes_write_the_same_streams(book, 2).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_postgres() {
    on_postgres(async |book| nodes_write_the_same_streams(book, 2).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_on_sqlite() {
    on_sqlite(async |book| nodes_write_the_same_streams(book, 3).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_on_postgres() {
    on_postgres(async |book| nodes_write_the_same_streams(book, 3).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_stream_on_sqlite() {
    on_sqlite(a_hot_stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_stream_on_postgres() {
    on_postgres(a_hot_stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_going_backwards_on_sqlite() {
    on_sqlite(clocks_going_backwards).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_going_backwards_on_postgres() {
    on_postgres(clocks_going_backwards).await;
}
