//! `daybook-replay rebuild` is stopped half way, by Ctrl-C and by `kill -9`, goes on where it was, and ends equal; whoever reads
//! meanwhile sees the whole live model.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod book;

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use book::Book;
use domain::ids::{PayoutId, SettlementId, UserId};
use domain::payout::{Command as Change, Order, Payout};
use eventlog::CommandMeta;
use kernel::{Actor, Currency, Money, Timestamp};
use projections::models::Payouts;
use projections::views::{Projector, Step, Views};
use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

const PAYOUTS: i64 = 8_000;
/// Payouts of one append.
const AT_ONCE: usize = 2_000;
const REBUILD: [&str; 7] = ["rebuild", "payouts", "--json", "--jobs", "2", "--checkpoint", "100"];

/// A book of many payouts, each asked for and paid, made by a few large appends.
async fn book() -> Book {
    let book = Book::with_payouts("rebuild", 0).await;
    let log = book.log().await;
    let all = u128::try_from(PAYOUTS).unwrap();
    for first in (1..=all).step_by(AT_ONCE) {
        let meta = CommandMeta::new("payouts", Actor::system("test"), Timestamp::from_second(1_767_225_600).unwrap());
        let run = |s: eventlog::Session| async move {
            for number in (first..=all).take(AT_ONCE) {
                let (payout, host) = (PayoutId::new(Uuid::from_u128(number)), UserId::new(Uuid::from_u128(7)));
                let (settlement, amount) = (SettlementId::new(Uuid::from_u128(1)), Money::new(10_000, Currency::Krw));
                let order = Order { payout, settlement, host, amount, lines: Vec::new(), attempt: 1 };
                let mut state = s.fresh::<Payout>(payout.uuid()).await?;
                s.decide(&mut state, Change::Request(Box::new(order)))?;
                s.decide(&mut state, Change::Complete { reference: format!("bank-{number}") })?;
            }
            Ok(())
        };
        log.execute::<(), _, _>(&meta, run).await.unwrap();
    }
    log.close().await;
    book
}

/// Moves the live model to the log's end.
async fn build(book: &Book) {
    let log = book.log().await;
    let views = Views::open(log.clone(), projections::decode).await.unwrap();
    views.install::<Payouts>().await.unwrap();
    let mut worker = Projector::new::<Payouts>(&views).unwrap();
    while worker.step(1_000).await.unwrap() != Step::Idle {}
    worker.release().await.unwrap();
    views.close().await;
    log.close().await;
}

/// Whoever reads the stable SQL view.
struct Reader(SqliteConnection);

impl Reader {
    async fn of(book: &Book) -> Self {
        Self(SqliteConnection::connect(&format!("sqlite://{}/views.db", book.folder().display())).await.unwrap())
    }

    async fn number(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.0).await.unwrap()
    }

    /// Rows of the view, every one of which has been paid: never half of a model.
    async fn sees_the_whole_model(&mut self) {
        assert_eq!(self.number("select count(*) from payouts where json_extract(doc, '$.status') = 'COMPLETED'").await, PAYOUTS);
    }

    /// How far the slowest part of the load is.
    async fn loaded(&mut self) -> i64 {
        self.number("select coalesce(min(position), 0) from parts where name = 'payouts'").await
    }
}

/// Starts a rebuild, and sends it a signal once it has come beyond a position.
async fn stopped(book: &Book, reader: &mut Reader, beyond: i64, signal: &str) -> (ExitStatus, i64) {
    let mut child: Child = book.tool(&REBUILD).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while reader.loaded().await <= beyond {
        assert!(child.try_wait().unwrap().is_none(), "the rebuild ended before it could be stopped");
        assert!(began.elapsed() < Duration::from_secs(120), "the rebuild does not come beyond {beyond}");
        reader.sees_the_whole_model().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    reader.sees_the_whole_model().await;
    (status, reader.loaded().await)
}

/// What a rebuild has no business with: events, receipts, timers, effects and how far processes are.
async fn everything_else(book: &Book) -> Vec<i64> {
    let mut log = SqliteConnection::connect(&format!("sqlite://{}/log.db", book.folder().display())).await.unwrap();
    let mut counts = Vec::new();
    for sql in [
        "select count(*) from events",
        "select count(*) from receipts",
        "select count(*) from timers",
        "select count(*) from effects",
        "select count(*) from process_checkpoints",
    ] {
        counts.push(sqlx::query_scalar(sql).fetch_one(&mut log).await.unwrap());
    }
    counts
}

fn answer(output: &Output) -> serde_json::Value {
    let last = output.stdout.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default();
    serde_json::from_slice(last).unwrap_or_else(|_| panic!("{output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_goes_on_after_ctrl_c_and_after_kill_and_ends_equal() {
    let book = book().await;
    build(&book).await;
    let mut reader = Reader::of(&book).await;
    let events = 2 * PAYOUTS;
    let written = everything_else(&book).await;

    let (status, first) = stopped(&book, &mut reader, 0, "-INT").await;
    assert_eq!((status.code(), status.signal()), (Some(130), None), "Ctrl-C ends with 130");
    assert!(first > 0 && first < events, "{first} of {events}");

    let (status, second) = stopped(&book, &mut reader, first, "-KILL").await;
    assert_eq!((status.code(), status.signal()), (None, Some(9)));
    assert!(second > first && second < events, "{second} of {events}, after {first}");

    // Nobody but the two has built anything: the third run does the rest, in the same generation.
    let done = book.replay(&REBUILD);
    let rebuilt = answer(&done);
    assert!(done.status.success(), "{done:?}");
    let folded = rebuilt["events"].as_i64().unwrap();
    assert!(folded <= events - second, "{folded} events folded again, {second} of {events} were done");
    assert_eq!((rebuilt["generation"].as_i64(), rebuilt["switched"].as_bool()), (Some(1), Some(true)), "{rebuilt}");
    let compared = &rebuilt["comparison"];
    assert_eq!((compared["live_rows"].as_i64(), compared["differences"].as_i64()), (Some(PAYOUTS), Some(0)), "{compared}");
    assert_eq!(compared["live_digest"], compared["built_digest"]);

    reader.sees_the_whole_model().await;
    assert_eq!(reader.number("select generation from live where name = 'payouts'").await, 1);
    let diff = book.replay(&["diff", "payouts", "--json"]);
    assert!(diff.status.success() && answer(&diff)["comparison"]["differences"].as_i64() == Some(0), "{diff:?}");
    assert_eq!(everything_else(&book).await, written, "a rebuild appends nothing, and asks nobody for anything");
    // And back again: the old one was kept.
    assert!(book.replay(&["rebuild", "payouts", "--rollback"]).status.success());
    assert_eq!(reader.number("select generation from live where name = 'payouts'").await, 0);
    reader.sees_the_whole_model().await;
}
