//! The tampering drill (docs/tampering-drill.md): what an owner of the database can do, with every trace in it covered up. Each deed is
//! found by `verify`, and by an auditor who has kept one signed head and has only what the log serves.

use daybook_eventlog::tree::{MirrorError, audit};
use daybook_eventlog::verify::{Fault, Keeper, Kept, Range, Verdict, Verified, Wrong, verify_against};
use daybook_eventlog::{Log, Recorded, payload_digest};
use uuid::Uuid;

use crate::book::{Book, Raw, on_postgres, on_sqlite};
use crate::tree::{ORIGIN, Seals, many, mirror};
use crate::verify::{broken, holds};

/// What was signed: 250 events, then 280, then 300. The auditor has kept the second head.
const SIZES: [u64; 3] = [250, 30, 20];
const KEPT: u64 = 280;

/// A book with its heads, closed; and the note that the auditor kept.
async fn signed(book: &Book, seals: &Seals) -> String {
    let log = book.open().await;
    for events in SIZES {
        many(&log, events).await;
        seals.seal(&log).await;
    }
    log.close().await;
    holds(book).await;
    let kept = book.raw().await.texts(&format!("select note from signed_heads where size = {KEPT}")).await;
    kept.into_iter().next().unwrap()
}

/// Takes the guards down, as the owner of the tables can.
async fn unguard(book: &Book, raw: &mut Raw) {
    if book.is_postgres() {
        for table in ["events", "log_head", "signed_heads", "tree_tiles"] {
            raw.run(&format!("alter table {table} disable trigger user")).await.unwrap();
        }
    } else {
        for trigger in raw.texts("select name from sqlite_schema where type = 'trigger'").await {
            raw.run(&format!("drop trigger {trigger}")).await.unwrap();
        }
    }
}

/// Writes another history in place of the one that was: positions, versions, digests, leaves, stream and head all agree.
async fn rewrite(book: &Book, change: impl FnOnce(&mut Vec<Recorded>)) {
    let log = book.open().await;
    let mut events = log.read(0, 1_000).await.unwrap();
    log.close().await;
    change(&mut events);
    let mut raw = book.raw().await;
    unguard(book, &mut raw).await;
    raw.run("delete from events").await.unwrap();
    let mut recorded_at = 0;
    for (position, event) in (1..).zip(&mut events) {
        recorded_at = recorded_at.max(event.recorded_at.as_microsecond());
        (event.position, event.version) = (position, position);
        event.recorded_at = kernel::Timestamp::from_microsecond(recorded_at).unwrap();
        event.digest = payload_digest(event.payload.as_bytes());
        raw.run(&insert(book, event)).await.unwrap();
    }
    let last = events.len();
    raw.run(&format!("update log_head set position = {last}, last_event_id = (select event_id from events where position = {last})"))
        .await
        .unwrap();
    raw.close().await;
}

fn insert(book: &Book, event: &Recorded) -> String {
    let bytes = |bytes: &[u8]| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if book.is_postgres() { format!("'\\x{hex}'") } else { format!("x'{hex}'") }
    };
    let uuid = |id: Uuid| if book.is_postgres() { format!("'{id}'") } else { bytes(id.as_bytes()) };
    format!(
        "insert into events(position, stream, version, event_id, event_type, schema_version, recorded_at, occurred_at, actor,
                            correlation_id, command_id, digest, leaf, payload)
         values ({}, 'tally-a', {}, {}, '{}', {}, {}, {}, '{}', {}, {}, {}, {}, '{}')",
        event.position,
        event.version,
        uuid(event.event_id),
        event.event_type,
        event.schema_version,
        event.recorded_at.as_microsecond(),
        event.occurred_at.as_microsecond(),
        event.actor,
        uuid(event.correlation_id),
        uuid(event.command_id),
        bytes(&event.digest),
        bytes(&event.leaf_hash().unwrap()),
        event.payload,
    )
}

/// What somebody does to a history, and the first position that is then not the one that was sealed.
type Deed = (&'static str, fn(&mut Vec<Recorded>), Fault);

fn deeds() -> [Deed; 6] {
    let sealed = |position| Fault { position: Some(position), wrong: Wrong::Sealed { origin: ORIGIN.into() } };
    let since = Fault { position: Some(251), wrong: Wrong::SignedHead { origin: ORIGIN.into(), since: 251, size: KEPT } };
    [
        ("alter", |events| alter(&mut events[99]), sealed(100)),
        ("delete", |events| drop(events.remove(99)), sealed(100)),
        ("reorder", |events| events.swap(99, 149), sealed(100)),
        (
            "insert",
            |events| {
                let more = Recorded { event_id: Uuid::now_v7(), ..events[99].clone() };
                events.insert(100, more);
            },
            sealed(101),
        ),
        // No tile got full since: only the heads tell.
        ("alter a late one", |events| alter(&mut events[269]), since),
        (
            "cut the end",
            |events| events.truncate(290),
            Fault { position: Some(291), wrong: Wrong::Ahead { origin: ORIGIN.into(), size: 300 } },
        ),
    ]
}

fn alter(event: &mut Recorded) {
    event.payload = event.payload.replace("\"amount\":1", "\"amount\":1000000").into();
}

/// The whole drill but for the backup. The auditor's look comes twice: at what the log serves after the deed alone, and after everything
/// was signed anew with a stolen key, the heads in database and file gone.
async fn deeds_are_found(book: &Book) {
    let seals = Seals::new(ORIGIN);
    let kept = signed(book, &seals).await;
    for (name, deed, expected) in deeds() {
        book.back_up().await;
        rewrite(book, deed).await;
        assert_eq!(broken(book).await, expected, "{name}");
        let log = book.open().await;
        let cut = expected.wrong == Wrong::Ahead { origin: ORIGIN.into(), size: 300 };
        match look(&log, &seals, &kept).await {
            Err(MirrorError::Entry(found)) => assert_eq!(Some(found), expected.position, "{name}"),
            Err(MirrorError::Rewritten(KEPT)) => assert_eq!(name, "alter a late one"),
            Err(MirrorError::File { .. }) => assert!(cut, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        let mut raw = book.raw().await;
        unguard(book, &mut raw).await;
        raw.run("delete from signed_heads; delete from tree_tiles").await.unwrap();
        raw.close().await;
        std::fs::remove_dir_all(&seals.folder).ok();
        seals.seal(&log).await;
        let second = look(&log, &seals, &kept).await;
        match second {
            Err(MirrorError::Rewritten(KEPT)) => assert!(!cut, "{name}"),
            // What came after the head that the auditor kept is not vouched for by it.
            Ok(found) => assert!(cut && found.head.size == 290, "{name}"),
            Err(other) => panic!("{name}: {other}"),
        }
        log.close().await;
        let found = against(book, &kept).await;
        assert!(matches!(found, Verdict::Broken(_)) != cut, "{name}: {found:?}");
        book.restore().await;
        std::fs::remove_dir_all(&seals.folder).unwrap();
        holds(book).await;
    }
}

/// An old backup agrees with itself in everything; only what is outside of the database tells.
async fn a_restored_backup_is_found(book: &Book) {
    let seals = Seals::new(ORIGIN);
    let log = book.open().await;
    many(&log, 250).await;
    seals.seal(&log).await;
    log.close().await;
    book.back_up().await;
    let log = book.open().await;
    many(&log, 30).await;
    seals.seal(&log).await;
    let kept = log.tree().head().await.unwrap().unwrap().note;
    log.close().await;
    book.restore().await;
    assert_eq!(holds(book).await.to, 250);
    let ahead = Fault { position: Some(251), wrong: Wrong::Ahead { origin: ORIGIN.into(), size: 280 } };
    assert_eq!(against(book, &kept).await, Verdict::Broken(ahead));
    let log = book.open().await;
    assert!(matches!(look(&log, &seals, &kept).await, Err(MirrorError::Shorter { kept: 280, now: 250 })));
    log.close().await;
}

/// What an owner leaves alone is found alone: heads and tiles are compared, too.
async fn altered_heads_and_tiles_are_found(book: &Book) {
    let seals = Seals::new(ORIGIN);
    signed(book, &seals).await;
    let zeros = |bytes: usize| {
        let hex = "00".repeat(bytes);
        if book.is_postgres() { format!("'\\x{hex}'") } else { format!("x'{hex}'") }
    };
    let cases = [
        (format!("update signed_heads set root = {} where size = 280", zeros(32)), None, "its note says something else"),
        ("update signed_heads set note = replace(note, 'daybook', 'cookbook') where size = 280".to_owned(), None, "something else"),
        ("update signed_heads set note = 'x' where size = 280".to_owned(), None, "no signed note"),
        (
            "update signed_heads set note = substr(note, 1, length(note) - 9) || 'AAAAAAA=' || substr(note, length(note)) where size = 280"
                .to_owned(),
            None,
            "of 280 events",
        ),
        ("update signed_heads set size = 301 where size = 300".to_owned(), Some(301), "signed with 301"),
        ("delete from tree_keys".to_owned(), None, "none of the keys"),
        (format!("update tree_tiles set hashes = {}", zeros(8_192)), Some(1), "another one"),
        (format!("update tree_tiles set root = {}", zeros(32)), None, "tile 0 of level 0"),
    ];
    for (sql, position, text) in cases {
        book.back_up().await;
        let mut raw = book.raw().await;
        unguard(book, &mut raw).await;
        if book.is_postgres() {
            raw.run("alter table tree_keys disable trigger user").await.unwrap();
        }
        raw.run(&sql).await.unwrap();
        raw.close().await;
        let fault = broken(book).await;
        assert!(fault.position == position && fault.to_string().contains(text), "{sql}: {fault}");
        book.restore().await;
    }
    assert!(matches!(holds(book).await, Verified { heads: 3, to: 300, .. }));
}

/// `verify` with the head that the auditor kept.
async fn against(book: &Book, kept: &str) -> Verdict {
    let head = daybook_eventlog::tree::SignedHead::read(kept).unwrap().head;
    let kept = [Kept { head, by: Keeper::Auditor }];
    verify_against(&book.address().parse().unwrap(), Range::default(), &kept, &mut ()).await.unwrap()
}

/// The auditor's look at what the log serves.
async fn look(log: &Log, seals: &Seals, kept: &str) -> Result<daybook_eventlog::tree::Mirrored, MirrorError> {
    let folder = std::env::temp_dir().join(format!("daybook-mirror-{}", Uuid::now_v7().simple()));
    mirror(&log.tree(), &folder).await;
    let found = audit(&folder, std::slice::from_ref(&seals.key), &[kept.to_owned()], |_, _| ());
    std::fs::remove_dir_all(folder).unwrap();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deeds_are_found_on_sqlite() {
    on_sqlite(deeds_are_found).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deeds_are_found_on_postgres() {
    on_postgres(deeds_are_found).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_is_found_on_sqlite() {
    on_sqlite(a_restored_backup_is_found).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_is_found_on_postgres() {
    on_postgres(a_restored_backup_is_found).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn altered_heads_and_tiles_are_found_on_sqlite() {
    on_sqlite(altered_heads_and_tiles_are_found).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn altered_heads_and_tiles_are_found_on_postgres() {
    on_postgres(altered_heads_and_tiles_are_found).await;
}
