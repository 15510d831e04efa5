//! One answer per key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use daybook_eventlog::ExecuteError;
use kernel::{Actor, Timestamp};
use tokio::task::JoinSet;

use crate::book::Book;
use crate::tally::{Command, Tally, add, command, execute};

/// E3: the same key and input give the first receipt and result again, also after a restart.
pub async fn a_retry_hears_the_first_answer(book: &Book) {
    let log = book.open().await;
    let first = execute(&log, &command().keyed("k", "in"), "a", Command::Add(5)).await.unwrap();
    add(&log, "a", 1).await;
    log.close().await;
    let log = book.open().await;
    let mut later = command().keyed("k", "in");
    later.now = Timestamp::UNIX_EPOCH;
    let again = execute(&log, &later, "a", Command::Add(5)).await.unwrap();
    assert!(again.receipt.replayed && !first.receipt.replayed);
    assert_eq!(again.value, 5);
    assert_eq!(daybook_eventlog::Receipt { replayed: false, ..again.receipt }, first.receipt);
    assert_eq!(log.head().await.unwrap(), 2);
}

pub async fn another_input_or_name_is_reuse(book: &Book) {
    let log = book.open().await;
    execute(&log, &command().keyed("k", "in"), "a", Command::Add(5)).await.unwrap();
    let other = execute(&log, &command().keyed("k", "other"), "a", Command::Add(6)).await;
    assert!(matches!(other, Err(ExecuteError::KeyReused)));
    let mut renamed = command().keyed("k", "in");
    renamed.name = "another";
    assert!(matches!(execute(&log, &renamed, "a", Command::Add(5)).await, Err(ExecuteError::KeyReused)));
    let mut stranger = command().keyed("k", "in");
    stranger.actor = Actor::system("stranger");
    assert!(!execute(&log, &stranger, "a", Command::Add(5)).await.unwrap().receipt.replayed);
}

/// A stored refusal stays, whatever happens to what it was decided on, and burns no position.
pub async fn a_refusal_is_stored(book: &Book) {
    let log = book.open().await;
    execute(&log, &command(), "a", Command::Claim).await.unwrap();
    let claim = command().keyed("k", "in");
    let Err(ExecuteError::Refused { refused, replayed: false }) = execute(&log, &claim, "a", Command::Claim).await else {
        panic!("not refused")
    };
    assert_eq!((refused.code.as_str(), refused.params["by"].as_str()), ("TALLY001", "system-test"));
    assert_eq!(log.head().await.unwrap(), 1);
    // The same key on a stream where nothing would refuse it: the answer is the stored one.
    let again = execute(&log, &claim, "free", Command::Claim).await;
    assert!(matches!(again, Err(ExecuteError::Refused { refused: r, replayed: true }) if r == refused));
    let other = execute(&log, &command().keyed("k", "else"), "free", Command::Claim).await;
    assert!(matches!(other, Err(ExecuteError::KeyReused)));
    assert_eq!(log.head().await.unwrap(), 1);
}

pub async fn a_command_without_events_names_the_head(book: &Book) {
    let log = book.open().await;
    let empty = log.execute(&command().keyed("k0", ""), async |_| Ok(())).await.unwrap();
    assert_eq!((empty.receipt.position, empty.receipt.event_ids.len()), (0, 0));
    add(&log, "a", 1).await;
    let meta = command().keyed("k", "");
    let first = log.execute(&meta, |session| async move { Ok(session.load::<Tally>("a").await?.total) }).await.unwrap();
    add(&log, "a", 1).await;
    let again = log.execute(&meta, |session| async move { Ok(session.load::<Tally>("a").await?.total) }).await.unwrap();
    assert_eq!((first.receipt.position, first.value), (1, 1));
    assert_eq!((again.receipt.position, again.value, again.receipt.replayed), (1, 1, true));
}

/// Fifty at once with one key, on two nodes: one set of events, one answer, forty-nine replays.
pub async fn duplicates_in_flight_are_replayed(book: &Book) {
    let nodes = [book.open().await, book.open().await];
    let ran = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for i in 0..50 {
        let (log, ran) = (nodes[i % 2].clone(), ran.clone());
        clients.spawn(async move {
            ran.fetch_add(1, SeqCst);
            execute(&log, &command().keyed("one", "in"), "a", Command::Add(7)).await.unwrap()
        });
    }
    let answers = clients.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.receipt.replayed).count(), 49);
    let first = &answers[0].receipt;
    assert!(answers.iter().all(|a| a.value == 7 && a.receipt.command_id == first.command_id && a.receipt.event_ids == first.event_ids));
    assert_eq!(nodes[0].head().await.unwrap(), 1);
}
