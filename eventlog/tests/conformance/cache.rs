//! What is only remembered never decides: snapshots of long streams, and streams that are taken not to exist.

use std::time::Duration;

use daybook_eventlog::{Log, Session};
use kernel::StreamName;
use sha2::{Digest, Sha256};

use crate::book::{Book, Raw};
use crate::tally::{Command, Tally, add, command};

/// Long enough for a snapshot, and for events after it.
const EVENTS: i64 = 1_010;

async fn total(log: &Log) -> i64 {
    log.load::<Tally>("long").await.unwrap().0.total
}

/// A stream of [`EVENTS`] times one, and its snapshot's schema hash, version and state.
async fn long(book: &Book, raw: &mut Raw) -> (String, u64, String) {
    let log = book.open().await;
    let many = |session: Session| async move {
        let mut tally = session.load::<Tally>("long").await?;
        for _ in 0..EVENTS {
            session.decide(&mut tally, Command::Add(1))?;
        }
        Ok(())
    };
    log.execute(&command(), many).await.unwrap();
    let hash = if book.is_postgres() { "encode(schema_hash, 'hex')" } else { "lower(hex(schema_hash))" };
    let row = format!("select {hash} || ' ' || version || ' ' || state from snapshots");
    for _ in 0..1_000 {
        if let Some(text) = raw.texts(&row).await.pop() {
            log.close().await;
            let mut parts = text.splitn(3, ' ').map(str::to_owned);
            let (schema, version, state) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            return (schema, version.parse().unwrap(), state);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no snapshot was made");
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The checksum that the log expects of a snapshot of our stream.
fn checksum(version: u64, schema: &str, state: &str) -> String {
    let name = StreamName::new("tally", "long").unwrap();
    let name = name.as_str();
    let sum = Sha256::new().chain_update((name.len() as u64).to_be_bytes()).chain_update(name);
    hex(&sum.chain_update(version.to_be_bytes()).chain_update(bytes(schema)).chain_update(state).finalize())
}

/// A snapshot that fits is used; one whose checksum or schema hash does not is as if there were none.
pub async fn a_snapshot_counts_only_when_it_fits(book: &Book) {
    book.open().await.close().await;
    let mut raw = book.raw().await;
    let (schema, version, state) = long(book, &mut raw).await;
    assert_eq!(version, EVENTS as u64);
    let forged = state.replace(&EVENTS.to_string(), "7");
    assert_ne!(forged, state);
    let blob = |hex: &str| if book.is_postgres() { format!("decode('{hex}', 'hex')") } else { format!("x'{hex}'") };
    let other = "00".repeat(32);
    for (schema, sum, expected) in [
        (&schema, checksum(version, &schema, &forged), 7),
        (&schema, checksum(version, &schema, &state), EVENTS),
        (&other, checksum(version, &other, &forged), EVENTS),
    ] {
        let forge = format!("update snapshots set state = '{forged}', schema_hash = {}, checksum = {}", blob(schema), blob(&sum));
        raw.run(&forge).await.unwrap();
        let log = book.open().await;
        assert_eq!(total(&log).await, expected);
        log.close().await;
    }
    raw.run("delete from snapshots").await.unwrap();
    let log = book.open().await;
    add(&log, "long", 1).await;
    assert_eq!(total(&log).await, EVENTS + 1);
}

/// A stream that was taken not to exist, and does, is loaded before the command gets its answer.
pub async fn a_stream_taken_for_fresh_is_found_out(book: &Book) {
    let (first, second) = (book.open().await, book.open().await);
    add(&first, "a", 5).await;
    for node in [&second, &first] {
        let claim = |session: Session| async move {
            let mut tally = session.fresh::<Tally>("a").await?;
            session.decide(&mut tally, Command::Add(1))?;
            Ok(tally.total)
        };
        let done = node.execute(&command(), claim).await.unwrap();
        assert_eq!(done.value, first.load::<Tally>("a").await.unwrap().0.total);
    }
    let fresh = |session: Session| async move {
        let mut tally = session.fresh::<Tally>("b").await?;
        session.decide(&mut tally, Command::Add(2))?;
        Ok(tally.total)
    };
    assert_eq!(second.execute(&command(), fresh).await.unwrap().value, 2);
    assert_eq!(first.load::<Tally>("a").await.unwrap().0.total, 7);
}
