//! What is in stays in, unaltered.

use std::io::{BufRead, BufReader};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use daybook_eventlog::{Config, ExecuteError, KeySource, Log, LogError};
use kernel::Timestamp;

use crate::book::Book;
use crate::tally::{Command, Tally, add, command, execute};

const CHILD_URL: &str = "DAYBOOK_LOG_CHILD_URL";

/// A process that appends as fast as it can is killed without warning: all that it acknowledged is there.
pub async fn a_killed_writer_loses_nothing(book: &Book) {
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_until_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD_URL, book.address())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let acknowledged = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
    let last = acknowledged.take(40).last().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let log = book.open().await;
    let events = log.read(0, 5_000).await.unwrap();
    assert!(last >= 40 && events.len() as u64 >= last);
    assert!(events.iter().map(|e| e.position).eq(1..=events.len() as u64));
    assert_eq!(log.load::<Tally>("child").await.unwrap().1, events.len() as u64);
    assert_eq!(add(&log, "child", 1).await.receipt.position, events.len() as u64 + 1);
}

/// The body of the process that is killed; does nothing when nobody asks for it.
pub async fn write_until_killed() {
    let Ok(url) = std::env::var(CHILD_URL) else { return };
    let config = Config { url: url.parse().unwrap(), secret: [9; 32], migrate: true, keys: KeySource::Absent };
    let log = Log::open(config).await.unwrap();
    for _ in 0..4_000 {
        println!("\nacknowledged {}", add(&log, "child", 1).await.receipt.position);
    }
}

pub async fn reopening_keeps_everything(book: &Book) {
    let log = book.open().await;
    add(&log, "a", 1).await;
    add(&log, "b", 2).await;
    let before = log.read(0, 10).await.unwrap();
    log.close().await;
    let closed = execute(&log, &command(), "a", Command::Add(1)).await;
    assert!(matches!(closed, Err(ExecuteError::Log(LogError::Closed | LogError::Store(_)))));
    let log = book.try_open(false).await.unwrap();
    assert_eq!(log.read(0, 10).await.unwrap(), before);
    assert_eq!(*log.watch().borrow(), 2);
    assert_eq!(add(&log, "a", 1).await.receipt.position, 3);
}

/// The store's clock may be set back; what is recorded later never looks earlier.
pub async fn recorded_at_never_falls(book: &Book) {
    let log = book.open().await;
    add(&log, "a", 1).await;
    let future = Timestamp::from_second(4_000_000_000).unwrap();
    book.raw().await.run(&format!("update log_head set recorded_at = {}", future.as_microsecond())).await.unwrap();
    for _ in 0..3 {
        assert_eq!(add(&log, "a", 1).await.receipt.committed_at, future);
    }
    let events = log.read(0, 10).await.unwrap();
    assert!(events.windows(2).all(|w| w[0].recorded_at <= w[1].recorded_at));
}

pub async fn a_newer_schema_is_refused(book: &Book) {
    assert!(matches!(book.try_open(false).await.err(), Some(LogError::Outdated { found: 0, .. })));
    book.open().await.close().await;
    book.try_open(false).await.unwrap().close().await;
    let newer = "insert into log_migrations(version, description, success, checksum, execution_time) values (999, 'later', true, '', 0)";
    book.raw().await.run(newer).await.unwrap();
    for migrate in [true, false] {
        assert!(matches!(book.try_open(migrate).await.err(), Some(LogError::Newer { found: 999, .. })));
    }
}

/// What was applied is this program's to the letter, or the book is not opened; a server that runs already says so when it is asked.
pub async fn other_migrations_are_refused(book: &Book) {
    let running = book.open().await;
    add(&running, "a", 1).await;
    let altered = if book.is_postgres() { "'\\x01'" } else { "x'01'" };
    book.raw().await.run(&format!("update log_migrations set checksum = {altered} where version = 4")).await.unwrap();
    for migrate in [true, false] {
        assert!(matches!(book.try_open(migrate).await.err(), Some(LogError::Altered { version: 4 })));
    }
    assert!(matches!(running.check_schema().await, Err(LogError::Altered { version: 4 })));
    assert!(matches!(daybook_eventlog::schema_status(&book.address().parse().unwrap()).await, Err(LogError::Altered { version: 4 })));
}

/// Nodes that start together on an empty database migrate it once.
pub async fn nodes_start_together(book: &Book) {
    let (a, b, c) = tokio::join!(book.try_open(true), book.try_open(true), book.try_open(true));
    for log in [a.unwrap(), b.unwrap(), c.unwrap()] {
        add(&log, "a", 1).await;
    }
}

/// A connection that went away while idle costs nobody an answer.
pub async fn a_lost_connection_is_replaced(book: &Book) {
    let log = book.open().await;
    add(&log, "a", 1).await;
    if book.is_postgres() {
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
        book.raw().await.run(cut).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    assert_eq!(add(&log, "a", 1).await.value, 2);
}

/// The connection goes while PostgreSQL commits, made certain by a trigger: under the head's lock it is found out that
/// nothing was written, and the command goes in once, with a key or without.
pub async fn a_commit_without_an_answer_is_looked_up(book: &Book) {
    let log = book.open().await;
    add(&log, "a", 1).await;
    let mut raw = book.raw().await;
    raw.run(
        "create sequence cut;
         create function cut() returns trigger language plpgsql as $$
         begin if nextval('cut') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if; return null; end $$;
         create constraint trigger cut after insert on events deferrable initially deferred for each row execute function cut();",
    )
    .await
    .unwrap();
    assert_eq!(add(&log, "a", 1).await.value, 2);
    raw.run("alter sequence cut restart").await.unwrap();
    let done = execute(&log, &command().keyed("k", "in"), "a", Command::Add(1)).await.unwrap();
    let again = execute(&log, &command().keyed("k", "in"), "a", Command::Add(1)).await.unwrap();
    assert_eq!((done.value, again.value, again.receipt.replayed), (3, 3, true));
    assert_eq!(log.head().await.unwrap(), 3);
}
