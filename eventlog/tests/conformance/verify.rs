//! What verification finds: every alteration that somebody with all rights over the database may make, at its position.

use daybook_eventlog::verify::{Fault, Observer, Range, ReceiptsDigest, Verdict, Verified, receipts_digest, verify};
use daybook_eventlog::{Frontier, LeafRecord, Log, LogError, payload_digest};

use crate::book::{Book, Raw};
use crate::tally::{Command, add, command, decide, execute};

const TABLES: [&str; 4] = ["events", "event_types", "receipts", "log_head"];

/// Columns of an event from the stream's id on, as they are copied into another row.
const COPIED: &str =
    "event_type, schema_version, recorded_at, occurred_at, actor, correlation_id, causation_id, command_id, digest, leaf, payload";

pub async fn verdict(book: &Book, range: Range) -> Verdict {
    verify(&book.address().parse().unwrap(), range, &mut ()).await.unwrap()
}

pub async fn holds(book: &Book) -> Verified {
    match verdict(book, Range::default()).await {
        Verdict::Holds(verified) => verified,
        Verdict::Broken(fault) => panic!("{fault}"),
    }
}

pub async fn broken(book: &Book) -> Fault {
    match verdict(book, Range::default()).await {
        Verdict::Holds(verified) => panic!("it holds: {verified:?}"),
        Verdict::Broken(fault) => fault,
    }
}

/// Eight events on three streams; 1 has a receipt, 3 and 4 have one together, and there is a receipt of no events.
async fn eight(log: &Log) {
    execute(log, &command().keyed("one", ""), "a", Command::Add(1)).await.unwrap();
    add(log, "b", 1).await;
    let meta = command().keyed("two", "");
    let both = log.execute(&meta, |session| async move {
        decide(session.clone(), "a".into(), Command::Add(1)).await?;
        decide(session, "b".into(), Command::Add(1)).await
    });
    both.await.unwrap();
    log.execute(&command().keyed("none", ""), |_| async { Ok(()) }).await.unwrap();
    add(log, "a", 1).await;
    execute(log, &command(), "c", Command::Note("six".into())).await.unwrap();
    add(log, "c", 1).await;
    add(log, "b", 1).await;
}

pub async fn a_log_holds(book: &Book) {
    let missing = verify(&book.address().parse().unwrap(), Range::default(), &mut ()).await;
    assert!(matches!(missing, Err(LogError::Outdated { found: 0, .. })));
    let log = book.open().await;
    assert_eq!(
        holds(book).await,
        Verified { from: 1, to: 0, head: 0, streams: 0, receipts: 0, heads: 0, root: Some(Frontier::default().root()) }
    );
    eight(&log).await;
    let mut tree = Frontier::default();
    for event in log.read(0, 10).await.unwrap() {
        assert_eq!(event.digest, payload_digest(event.payload.as_bytes()));
        tree.push(event.leaf_hash().unwrap());
    }
    let verified = holds(book).await;
    assert_eq!(verified, Verified { from: 1, to: 8, head: 8, streams: 3, receipts: 3, heads: 0, root: Some(tree.root()) });
    let part = verdict(book, Range { from: 4, to: Some(6) }).await;
    assert!(matches!(part, Verdict::Holds(v) if (v.from, v.to, v.head, v.root) == (4, 6, 8, None)));
    log.close().await;
    assert_eq!(holds(book).await, verified);
}

/// Readers and writers go on while a log is verified; what comes after the start is not looked at.
pub async fn verifies_beside_a_writer(book: &Book) {
    let log = book.open().await;
    eight(&log).await;
    let writer = {
        let log = log.clone();
        tokio::spawn(async move {
            for i in 0..150 {
                execute(&log, &command().keyed(format!("k{i}"), ""), &format!("s{}", i % 7), Command::Add(1)).await.unwrap();
            }
        })
    };
    let mut last = 0;
    while !writer.is_finished() {
        let verified = holds(book).await;
        assert!(verified.to >= last.max(8));
        last = verified.to;
    }
    writer.await.unwrap();
    assert_eq!(holds(book).await.to, 158);
}

/// Judges an event beyond what the log promises.
struct NoNotes(Vec<u64>);

impl Observer for NoNotes {
    fn event(&mut self, record: &LeafRecord<'_>, payload: &str) -> Result<(), String> {
        self.0.push(record.position);
        if payload.contains("six") { Err(format!("a note on {}", record.stream)) } else { Ok(()) }
    }
}

pub async fn an_observer_sees_what_holds(book: &Book) {
    let log = book.open().await;
    eight(&log).await;
    let mut observer = NoNotes(Vec::new());
    let verdict = verify(&book.address().parse().unwrap(), Range::default(), &mut observer).await.unwrap();
    assert!(matches!(verdict, Verdict::Broken(fault) if fault.to_string() == "position 6: a note on tally-c"));
    assert_eq!(observer.0, [1, 2, 3, 4, 5, 6]);
}

/// Takes all guards down and keeps a copy of every row.
async fn unguard(book: &Book, raw: &mut Raw) {
    for table in TABLES {
        raw.run(&format!("create table kept_{table} as select * from {table}")).await.unwrap();
        if book.is_postgres() {
            raw.run(&format!("alter table {table} disable trigger user")).await.unwrap();
        }
    }
    if !book.is_postgres() {
        for trigger in raw.texts("select name from sqlite_schema where type = 'trigger'").await {
            raw.run(&format!("drop trigger {trigger}")).await.unwrap();
        }
    }
}

async fn restore(raw: &mut Raw) {
    for table in TABLES {
        raw.run(&format!("delete from {table}; insert into {table} select * from kept_{table}")).await.unwrap();
    }
}

pub async fn alterations_are_found_where_they_are(book: &Book) {
    let log = book.open().await;
    eight(&log).await;
    log.close().await;
    let mut raw = book.raw().await;
    unguard(book, &mut raw).await;
    let hex = payload_digest(b"{}").iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let digest = if book.is_postgres() { format!("'\\x{hex}'") } else { format!("x'{hex}'") };
    let id = if book.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
    let extra = format!(
        "insert into events(position, stream, version, event_id, {COPIED})
         select 9, stream, version + 1, {id}, {COPIED} from events where position = 8"
    );
    let cases = [
        ("update events set payload = '{}' where position = 2".to_owned(), Some(2), "the payload does not have its digest"),
        (format!("update events set payload = '{{}}', digest = {digest} where position = 2"), Some(2), "leaf hash"),
        ("update events set event_type = 'Claimed' where position = 3".to_owned(), Some(3), "leaf hash"),
        ("update events set actor = 'anonymous' where position = 4".to_owned(), Some(4), "leaf hash"),
        ("update events set actor = '' where position = 4".to_owned(), Some(4), "the actor has 0 bytes"),
        ("update events set occurred_at = occurred_at + 1 where position = 5".to_owned(), Some(5), "leaf hash"),
        ("update events set recorded_at = recorded_at - 1 where position = 6".to_owned(), Some(6), "leaf hash"),
        ("update events set version = 9 where position = 7".to_owned(), Some(7), "leaf hash"),
        ("update events set schema_version = 2 where position = 7".to_owned(), Some(7), "leaf hash"),
        (format!("update events set causation_id = {id} where position = 8"), Some(8), "leaf hash"),
        (format!("update events set correlation_id = {id} where position = 1"), Some(1), "leaf hash"),
        ("update events set stream = 'tally-x' where position = 6".to_owned(), Some(6), "leaf hash"),
        ("update event_types set kind = 'tall'".to_owned(), Some(1), "searches by kind miss it"),
        (format!("update log_head set last_event_id = {id}"), Some(8), "the head row's last event"),
        ("delete from events where position = 4".to_owned(), Some(4), "there is no event"),
        ("delete from events where position = 8".to_owned(), Some(8), "there is no event"),
        ("delete from events where position = 1".to_owned(), Some(1), "there is no event"),
        (
            "update events set position = -2 where position = 2; update events set position = 2 where position = 6;
             update events set position = 6 where position = -2"
                .to_owned(),
            Some(2),
            "leaf hash",
        ),
        ("update events set position = 0 where position = 8".to_owned(), Some(0), "an event too many"),
        (extra.clone(), Some(9), "the head row says that 8"),
        (format!("{extra}; update log_head set position = 9"), Some(9), "leaf hash"),
        ("update log_head set position = 7".to_owned(), Some(8), "the head row says that 7"),
        ("update log_head set position = 12".to_owned(), Some(9), "there is no event"),
        ("update receipts set events = 1 where events = 2".to_owned(), Some(4), "names fewer events"),
        ("update receipts set events = 3 where events = 2".to_owned(), Some(5), "names an event of another command"),
        ("update receipts set events = 9 where events = 2".to_owned(), Some(9), "names more events than there are"),
        ("update receipts set first_position = 2 where first_position = 1".to_owned(), Some(2), "names an event of another command"),
        (format!("update receipts set command_id = {id} where first_position = 3"), Some(3), "names an event of another command"),
    ];
    for (sql, position, text) in cases {
        raw.run(&sql).await.unwrap();
        let fault = broken(book).await;
        assert!(fault.position == position && fault.wrong.to_string().contains(text), "{sql}: {fault}");
        restore(&mut raw).await;
        holds(book).await;
    }
}

/// The stored bytes of a command whose receipt was deleted are those of a command that never had a key; a digest that was kept tells.
pub async fn a_kept_digest_shows_that_a_receipt_is_gone(book: &Book) {
    let digest = async |to| receipts_digest(&book.address().parse().unwrap(), to).await.unwrap();
    let log = book.open().await;
    let empty = digest(None).await;
    assert_eq!((empty.to, empty.count), (0, 0));
    eight(&log).await;
    let kept = digest(None).await;
    assert_eq!((kept.to, kept.count), (8, 3));
    assert_eq!((digest(Some(1)).await.count, digest(Some(99)).await), (1, kept.clone()));
    // What comes later changes nothing of it.
    execute(&log, &command().keyed("later", ""), "a", Command::Add(1)).await.unwrap();
    log.execute(&command().keyed("later still", ""), |_| async { Ok(()) }).await.unwrap();
    assert_eq!(digest(Some(8)).await, kept);
    log.close().await;
    let mut raw = book.raw().await;
    unguard(book, &mut raw).await;
    for (deed, count) in [
        ("delete from receipts where first_position = 1", 2),
        ("delete from receipts where events = 0", 2),
        ("update receipts set answer = 'null ' where first_position = 3", 3),
        ("update receipts set first_position = 9 where first_position = 1", 2),
    ] {
        raw.run(deed).await.unwrap();
        let found = digest(Some(8)).await;
        assert!(found != kept && found.count == count, "{deed}: {found}");
        restore(&mut raw).await;
        assert_eq!(digest(Some(8)).await, kept);
    }
    raw.run("delete from receipts where first_position = 1").await.unwrap();
    assert_eq!(holds(book).await.receipts, 4, "nothing else shows it");
    restore(&mut raw).await;
    assert_eq!(kept.to_string().parse::<ReceiptsDigest>(), Ok(kept));
}

/// Another server takes over that has not all that was committed, or a backup is restored, under a running node: it notices, writes on
/// where the log stands, and answers no key with a receipt that is gone.
pub async fn a_log_that_lost_events_is_written_on_where_it_stands(book: &Book) {
    let log = book.open().await;
    eight(&log).await;
    execute(&log, &command().keyed("lost", ""), "b", Command::Add(1)).await.unwrap();
    let mut raw = book.raw().await;
    unguard(book, &mut raw).await;
    raw.run("delete from receipts where first_position > 3 or events = 0; delete from events where position > 4").await.unwrap();
    raw.run("update log_head set position = 4, last_event_id = (select event_id from events where position = 4)").await.unwrap();
    for stream in ["a", "b", "c", "d"] {
        add(&log, stream, 1).await;
    }
    let again = execute(&log, &command().keyed("lost", ""), "b", Command::Add(1)).await.unwrap();
    assert!(!again.receipt.replayed, "a receipt that is gone was given as an answer");
    let versions = raw.texts("select cast(version as text) from events where stream = 'tally-b' order by position").await;
    assert_eq!(versions, ["1", "2", "3", "4"]);
    log.close().await;
    for table in TABLES {
        raw.run(&format!("drop table kept_{table}")).await.unwrap();
    }
    holds(book).await;
}

/// Ids are compared here where no index does it; rows are copied with leaves of their own, so that nothing else is wrong.
pub async fn an_id_may_not_come_twice(book: &Book) {
    let log = book.open().await;
    eight(&log).await;
    let events = log.read(0, 10).await.unwrap();
    log.close().await;
    let mut raw = book.raw().await;
    unguard(book, &mut raw).await;
    if !book.is_postgres() {
        let text = raw.texts("select sql from sqlite_schema where name = 'events'").await.pop().unwrap();
        let text = text.replace("CREATE TABLE events", "create table copy");
        let text = text.replace("constraint events_event_id unique (event_id)", "check (true)");
        raw.run(&format!("{text}; insert into copy select * from events; drop table events; alter table copy rename to events"))
            .await
            .unwrap();
    }
    holds(book).await;
    let (first, later) = (&events[1], &events[6]);
    let record = daybook_eventlog::Recorded { event_id: first.event_id, ..later.clone() };
    let hex = record.leaf_hash().unwrap().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let leaf = if book.is_postgres() { format!("'\\x{hex}'") } else { format!("x'{hex}'") };
    let id = "(select event_id from events where position = 2)";
    raw.run(&format!("update events set event_id = {id}, leaf = {leaf} where position = 7")).await.unwrap();
    let fault = broken(book).await;
    assert_eq!(fault.to_string(), "position 7: its id is that of an earlier event");
}
