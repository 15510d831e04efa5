//! What the database itself refuses, whoever asks: to change what is in, to go back, and on PostgreSQL to let the application's role
//! do more than it needs.

use daybook_eventlog::{Config, KeySource, Log, LogError, StoreUrl, migrate};
use uuid::Uuid;

use crate::book::{Book, Raw};
use crate::tally::{Command, add, command, execute};
use crate::tree::{ORIGIN, Seals};
use crate::verify::holds;

/// Columns of an event, for a row that is put in place of another.
const COLUMNS: &str = "position, version, recorded_at, occurred_at, event_id, correlation_id, command_id, causation_id, schema_version, \
     digest, leaf, stream, event_type, actor, traceparent, payload";

async fn refused(raw: &mut Raw, sql: &str, because: &str) {
    let error = raw.run(sql).await.expect_err(sql).to_string();
    assert!(error.contains(because), "{sql}: {error}");
}

async fn two_events(log: &Log) {
    execute(log, &command().keyed("k", "in"), "a", Command::Add(1)).await.unwrap();
    add(log, "a", 1).await;
}

pub async fn the_database_refuses_changes(book: &Book) {
    let log = book.open().await;
    two_events(&log).await;
    let before = log.read(0, 10).await.unwrap();
    let mut raw = book.raw().await;
    let mut attempts = vec![
        ("update events set actor = 'somebody'", "append-only"),
        ("update events set payload = '{}' where position = 1", "append-only"),
        ("delete from events where position = 2", "append-only"),
        ("update receipts set events = 0", "append-only"),
        ("delete from receipts", "append-only"),
        ("update log_head set position = 1", "forward"),
        ("update log_head set recorded_at = 0", "forward"),
        ("delete from log_head", "forward"),
    ];
    if book.is_postgres() {
        // An ordinary trigger would sleep in this role.
        raw.run("set session_replication_role = replica").await.unwrap();
        attempts.extend([
            ("truncate events", "append-only"),
            ("truncate receipts", "append-only"),
            ("truncate events, receipts cascade", "append-only"),
            ("truncate log_head", "only move forward"),
            ("insert into receipts select * from receipts on conflict (key) do update set events = 0", "append-only"),
        ]);
    }
    for (attempt, because) in attempts {
        refused(&mut raw, attempt, because).await;
    }
    assert_eq!(log.read(0, 10).await.unwrap(), before);
    raw.close().await;
    add(&log, "a", 1).await;
    holds(book).await;
}

/// SQLite's `insert or replace` deletes what is in its way, and tells no trigger unless the connection asks for it.
pub async fn nothing_is_replaced(book: &Book) {
    let log = book.open().await;
    two_events(&log).await;
    let mut raw = book.raw().await;
    let like = |change: &str| {
        let columns = COLUMNS.split(", ").map(|column| change.split(" as ").last().filter(|c| *c == column).map_or(column, |_| change));
        format!("insert or replace into events({COLUMNS}) select {} from events where position = 2", columns.collect::<Vec<_>>().join(", "))
    };
    let attempts = [
        (like("'x' as actor"), "append-only"),
        (like("1 as position"), "append-only"),
        (like("9 as position"), "append-only"),
        (like("3 as version").replace("select position", "select 9"), "append-only"),
        (like("randomblob(16) as event_id").replace("select position", "select 9"), "append-only"),
        ("insert or replace into receipts select key, fingerprint, command_id, 2, recorded_at, events, refused, correlation_id, answer from receipts".to_owned(), "append-only"),
        ("insert or replace into log_head values (1, 0, 0, null)".to_owned(), "forward"),
    ];
    for (attempt, because) in attempts {
        refused(&mut raw, &attempt, because).await;
    }
    raw.close().await;
    add(&log, "a", 1).await;
    holds(book).await;
}

/// PostgreSQL: the owner migrates, the application's role can do its work and no more.
pub async fn the_application_owns_nothing(book: &Book) {
    let mut owner = book.raw().await;
    let role = format!("app_{}", Uuid::now_v7().simple());
    owner.run(&format!("create role {role} login")).await.unwrap();
    let (_, place) = book.address().split_once('@').map(|(user, place)| (user.to_owned(), place.to_owned())).unwrap();
    let app: StoreUrl = format!("postgres://{role}@{place}").parse().unwrap();
    let open = |migrate| {
        let keys = KeySource::Folder(std::env::temp_dir().join(format!("daybook-keys-{role}")));
        Log::open(Config { url: app.clone(), secret: [9; 32], migrate, keys })
    };
    assert!(matches!(open(false).await.err(), Some(LogError::Outdated { found: 0, .. })));
    assert!(open(true).await.is_err(), "the application's role cannot migrate");
    for _ in 0..2 {
        migrate(&app, Some(&book.address().parse().unwrap())).await.unwrap();
    }
    let log = open(false).await.unwrap();
    two_events(&log).await;
    log.execute(&command(), |session| async move {
        session.put_secret("s", "x");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(log.secret("s").await.unwrap().as_deref(), Some("x"));
    assert_eq!(Seals::new(ORIGIN).seal(&log).await.size, 2, "it seals");
    let mut raw = Raw::connect(&format!("postgres://{role}@{place}")).await;
    raw.run("create table views.model (key text); drop table views.model").await.unwrap();
    raw.run("delete from timers; update effects set attempts = 0; delete from leases; delete from process_checkpoints").await.unwrap();
    raw.run("delete from vault; delete from snapshots; update subject_keys set epoch = epoch").await.unwrap();
    for (attempt, because) in [
        ("update events set actor = 'somebody'", "permission denied"),
        ("delete from events", "permission denied"),
        ("truncate events", "permission denied"),
        ("update receipts set events = 0", "permission denied"),
        ("delete from receipts", "permission denied"),
        ("truncate receipts", "permission denied"),
        ("delete from event_types", "permission denied"),
        ("update event_types set kind = 'x'", "permission denied"),
        ("update log_head set position = 0", "only move forward"),
        ("insert into log_head values (1, 0, 0, null)", "permission denied"),
        ("delete from log_head", "permission denied"),
        ("delete from log_migrations", "permission denied"),
        ("update signed_heads set size = 1", "permission denied"),
        ("delete from signed_heads", "permission denied"),
        ("update tree_tiles set number = 1", "permission denied"),
        ("delete from tree_keys", "permission denied"),
        ("set session_replication_role = replica", "permission denied"),
        ("drop trigger events_append_only on events", "must be owner"),
        ("alter table events disable trigger all", "must be owner"),
        ("drop table events", "must be owner"),
        ("create or replace function refuse_change() returns trigger language plpgsql as $$ begin return new; end $$", "permission denied"),
        ("create table here (a int)", "permission denied"),
    ] {
        refused(&mut raw, attempt, because).await;
    }
    raw.close().await;
    log.close().await;
    assert_eq!(holds(book).await.to, 2);
    owner.run(&format!("drop owned by {role}; drop role {role}")).await.unwrap();
}

/// A table that a later migration adds must be granted, or the application stops at it.
pub async fn every_table_is_granted(book: &Book) {
    book.open().await.close().await;
    let mut owner = book.raw().await;
    let role = format!("app_{}", Uuid::now_v7().simple());
    owner.run(&format!("create role {role} login")).await.unwrap();
    let (_, place) = book.address().split_once('@').map(|(user, place)| (user.to_owned(), place.to_owned())).unwrap();
    migrate(&format!("postgres://{role}@{place}").parse().unwrap(), Some(&book.address().parse().unwrap())).await.unwrap();
    let hidden = format!(
        "select relname::text from pg_class
         where relkind = 'r' and relnamespace = 'public'::regnamespace and not has_table_privilege('{role}', oid, 'select')"
    );
    assert_eq!(owner.texts(&hidden).await, Vec::<String>::new());
    owner.run(&format!("drop owned by {role}; drop role {role}")).await.unwrap();
}
