//! Importing the events of a postgres-es database: everything once, in one order, whatever interrupts it.

use std::collections::BTreeMap;

use cqrs_es::{AggregateContext, CqrsFramework, EventStore};
use daybook_eventlog::Log;
use daybook_eventlog::cqrs::import::{AggregateSum, ImportError, Mode, Observer, Report, Source, import};
use daybook_eventlog::cqrs::{Store, stream_of};
use kernel::Timestamp;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::book::Book;
use crate::example::{BankAccount, BankAccountCommand};

const ALL: Mode = Mode::Append { limit: None };
/// The table as postgres-es documents it.
const TABLE: &str = "create table events (aggregate_type text not null, aggregate_id text not null, \
     sequence bigint check (sequence >= 0) not null, event_type text not null, event_version text not null, \
     payload json not null, metadata json not null, primary key (aggregate_type, aggregate_id, sequence))";
/// 30 accounts with up to 60 deposits, and one with 2,500: more than a page, and more than a command takes.
const ACCOUNTS: &str = r#"insert into events
    select 'BankAccount', 'ACCT ' || a, n, 'CustomerDepositedMoney', '1.0',
        ('{"CustomerDepositedMoney":{"amount":' || a || ', "balance":' || a * n || '}}')::json, '{"user":"teller"}'
    from generate_series(1, 30) a, generate_series(1, 2500) n where n <= a * 2 or a = 30"#;
/// What else may stand there: an event without members, one of another shape, metadata that is no map of texts.
const ODD: &str = r#"insert into events values
    ('odd', 'x', 1, 'Opened', '1', '"Opened"', '{}'),
    ('odd', 'x', 2, 'Moved', '2.1.0', '{"type":"Moved", "to": 1e3}', '{"correlation_id":"0193a1b2-0000-7000-8000-000000000001"}'),
    ('odd', 'x', 3, 'Named', '1', ' {"Named":{"big":123456789012345678901234567890}} ', '{"nested":{"a":[null]}, "n":7}')"#;

/// A source database.
struct Origin {
    url: String,
    db: PgConnection,
}

impl Origin {
    async fn with(statements: &[&str]) -> Self {
        let server = std::env::var("DAYBOOK_TEST_DATABASE_URL").expect("the source of an import is on PostgreSQL");
        let name = format!("source_{}", Uuid::now_v7().simple());
        let (base, query) = server.split_once('?').unwrap_or((&server, ""));
        let url = format!("{}/{name}?{query}", base.rsplit_once('/').unwrap().0);
        run(&mut PgConnection::connect(&server).await.unwrap(), &format!("create database {name}")).await;
        let mut origin = Self { db: PgConnection::connect(&url).await.unwrap(), url };
        origin.run(TABLE).await;
        for statement in statements {
            origin.run(statement).await;
        }
        origin
    }

    async fn run(&mut self, sql: &str) {
        run(&mut self.db, sql).await;
    }

    fn source(&self) -> Source {
        let occurred_at = Timestamp::from_second(1_600_000_000).unwrap();
        Source { url: self.url.clone(), table: "public.events".into(), time_key: None, occurred_at }
    }

    async fn drop(self) {
        let server = std::env::var("DAYBOOK_TEST_DATABASE_URL").unwrap();
        let name = self.url.rsplit('/').next().unwrap().trim_end_matches('?').split('?').next().unwrap().to_owned();
        self.db.close().await.unwrap();
        run(&mut PgConnection::connect(&server).await.unwrap(), &format!("drop database {name} with (force)")).await;
    }
}

async fn run(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(db).await.unwrap();
}

#[derive(Default)]
struct Seen(Vec<AggregateSum>);

impl Observer for Seen {
    fn progress(&mut self, done: u64, all: u64) {
        assert!(done <= all);
    }
    fn aggregate(&mut self, sum: &AggregateSum) {
        self.0.push(sum.clone());
    }
}

async fn imported(log: &Log, source: &Source, mode: Mode) -> (Report, Vec<AggregateSum>) {
    let mut seen = Seen::default();
    (import(log, source, mode, &mut seen).await.unwrap(), seen.0)
}

/// The log's events by stream and version, in their order.
async fn order(log: &Log) -> Vec<(String, u64)> {
    let (mut order, mut after) = (Vec::new(), 0);
    loop {
        let page = log.read(after, 5_000).await.unwrap();
        let Some(last) = page.last() else { return order };
        after = last.position;
        order.extend(page.iter().map(|event| (event.stream.to_string(), event.version)));
    }
}

pub async fn everything_comes_once(book: &Book) {
    let origin = Origin::with(&[ACCOUNTS, ODD]).await;
    let (log, source) = (book.open().await, origin.source());
    let (look, sums) = imported(&log, &source, Mode::DryRun).await;
    // 29 accounts of 2, 4, … 58 events, one of 2,500, and the odd one.
    assert_eq!((look.aggregates, look.events, look.present, look.appended), (31, 870 + 2_500 + 3, 0, 0));
    assert!(look.log.is_none() && sums.len() == 31 && log.head().await.unwrap() == 0);
    // In three runs, the first two cut short.
    let (first, none) = imported(&log, &source, Mode::Append { limit: Some(700) }).await;
    assert!((first.appended, first.holds(), none.len()) == (700, false, 0) && log.head().await.unwrap() == 700);
    imported(&log, &source, Mode::Append { limit: Some(1) }).await;
    let (rest, sums) = imported(&log, &source, ALL).await;
    assert_eq!((rest.present, rest.appended, rest.differ, rest.holds()), (701, look.events - 701, 0, true));
    assert_eq!((rest.source, rest.log), (look.source, look.source));
    assert!(sums.iter().all(|sum| sum.log == Some(sum.source)));
    // By sequence, then type, then id; so it would have been in one run.
    let mut expected: Vec<_> =
        sums.iter().flat_map(|sum| (1..=sum.events).map(move |n| (n, &sum.aggregate_type, &sum.aggregate_id))).collect();
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(n, kind, id)| (stream_of(kind, id).unwrap().to_string(), n)).collect();
    assert_eq!(order(&log).await, expected);
    let (again, _) = imported(&log, &source, ALL).await;
    assert_eq!((again.present, again.appended, again.holds(), log.head().await.unwrap()), (look.events, 0, true, look.events));
    log.close().await;
    origin.drop().await;
}

pub async fn an_interrupted_import_goes_on(book: &Book) {
    let origin = Origin::with(&[ACCOUNTS]).await;
    let (log, source) = (book.open().await, origin.source());
    for _ in 0..3 {
        let (log, source, mut head) = (log.clone(), source.clone(), log.watch());
        head.mark_unchanged();
        let running = tokio::spawn(async move { import(&log, &source, ALL, &mut Seen::default()).await });
        // Killed somewhere behind its first command, unless it was quicker.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), head.changed()).await;
        running.abort();
        let _ = running.await;
    }
    let (report, _) = imported(&log, &source, ALL).await;
    assert!(report.holds() && log.head().await.unwrap() == report.events, "{report:?}");
    // The source goes on, and so does the log.
    let mut origin = origin;
    origin.run("insert into events values ('BankAccount', 'ACCT 1', 3, 'CustomerDepositedMoney', '1.0', '{}', '{}')").await;
    let (more, _) = imported(&log, &source, ALL).await;
    assert_eq!((more.present, more.appended, more.holds()), (report.events, 1, true));
    log.close().await;
    origin.drop().await;
}

pub async fn imported_aggregates_live_on(book: &Book) {
    let origin = Origin::with(&[ACCOUNTS]).await;
    let (log, source) = (book.open().await, origin.source());
    imported(&log, &source, ALL).await;
    let store = Store::<BankAccount>::new(log.clone());
    let mut expected = BTreeMap::new();
    for number in 1..=30_i64 {
        let count = if number == 30 { 2_500 } else { number * 2 };
        expected.insert(format!("ACCT {number}"), (u64::try_from(count).unwrap(), number * count));
    }
    for (id, (version, balance)) in &expected {
        let mut loaded = store.load_aggregate(id).await.unwrap();
        assert_eq!(loaded.version(), *version);
        let state = serde_json::to_value(loaded.aggregate()).unwrap();
        assert_eq!(state, serde_json::json!({"opened": false, "balance": balance}));
    }
    let events = store.load_events("ACCT 2").await.unwrap();
    assert_eq!(events[3].metadata, [("user".to_owned(), "teller".to_owned())].into());
    // It goes on here; the source stays what it is, and the comparison with it too.
    let cqrs = CqrsFramework::new(store.clone(), vec![], ());
    cqrs.execute("ACCT 2", BankAccountCommand::WithdrawMoney { amount: 8 }).await.unwrap();
    assert_eq!(store.load_events("ACCT 2").await.unwrap().len(), 5);
    let (again, _) = imported(&log, &source, ALL).await;
    assert!(again.holds() && again.appended == 0);
    log.close().await;
    origin.drop().await;
}

pub async fn times_of_the_metadata_make_the_order(book: &Book) {
    let events = r#"insert into events values
        ('a', '1', 1, 'E', '1', '{"E":{}}', '{"at":"2020-01-01T00:00:03Z"}'),
        ('a', '1', 2, 'E', '1', '{"E":{}}', '{"at":"2020-01-01T00:00:01Z"}'),
        ('a', '2', 1, 'E', '1', '{"E":{}}', '{"at":"1577836802"}'),
        ('a', '2', 2, 'E', '1', '{"E":{}}', '{"at":"1577836803500", "traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}'),
        ('a', '3', 1, 'E', '1', '{"E":{}}', '{}'),
        ('a', '3', 2, 'E', '1', '{"E":{}}', '{"at":"2020-01-01 00:00:00.000001"}')"#;
    let origin = Origin::with(&[events]).await;
    let (log, source) = (book.open().await, Source { time_key: Some("at".into()), ..origin.source() });
    let (report, _) = imported(&log, &source, ALL).await;
    assert!(report.holds(), "{report:?}");
    // Where a clock went back, its aggregate's order stands.
    let expected = [("a-3", 1), ("a-3", 2), ("a-2", 1), ("a-1", 1), ("a-1", 2), ("a-2", 2)];
    assert_eq!(order(&log).await, expected.map(|(stream, version)| (stream.to_owned(), version)));
    let events = log.read(0, 10).await.unwrap();
    let micros: Vec<_> = events.iter().map(|event| event.occurred_at.as_microsecond() - 1_577_836_800_000_000).collect();
    assert_eq!(micros, [1_600_000_000_000_000 - 1_577_836_800_000_000, 1, 2_000_000, 3_000_000, 1_000_000, 3_500_000]);
    assert_eq!(events[5].traceparent.as_deref().map(str::len), Some(55));
    assert!(events.iter().all(|event| event.actor.to_string() == "system-import-postgres-es"));
    log.close().await;
    origin.drop().await;
}

pub async fn what_does_not_fit_is_named(book: &Book) {
    let mut origin = Origin::with(&[ODD]).await;
    let (log, source) = (book.open().await, origin.source());
    imported(&log, &source, ALL).await;
    origin.run("update events set payload = '\"Closed\"' where sequence = 1").await;
    let (report, sums) = imported(&log, &source, ALL).await;
    assert_eq!((report.holds(), report.differ, report.differing), (false, 1, vec!["odd x".to_owned()]));
    assert!(sums[0].log.is_some_and(|log| log != sums[0].source));
    origin.run("insert into events values ('odd', 'y', 0, 'E', '1', '{}', '{}')").await;
    let gap = import(&log, &source, ALL, &mut Seen::default()).await.unwrap_err();
    assert!(matches!(&gap, ImportError::Gap { aggregate, first: 0, .. } if aggregate == "odd y"), "{gap}");
    origin.run("delete from events where aggregate_id = 'y'").await;
    origin.run("insert into events values ('odd', repeat('y', 200), 1, 'E', '1', '{}', '{}')").await;
    let long = import(&log, &source, ALL, &mut Seen::default()).await.unwrap_err();
    assert!(matches!(long, ImportError::Event { sequence: 1, .. }), "{long}");
    let absent = Source { table: "nowhere".into(), ..source };
    assert!(matches!(import(&log, &absent, ALL, &mut Seen::default()).await, Err(ImportError::Source(_))));
    assert_eq!(log.head().await.unwrap(), 3);
    log.close().await;
    origin.drop().await;
}
