//! A SQLite file with bytes that nobody wrote: each page, row and index that is damaged is found.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::book::{Book, on_sqlite};
use crate::tally::{Command, command, execute};
use crate::verify::{broken, holds};

const PAGE: usize = 4_096;
const EVENTS: usize = 60;

/// A log of [`EVENTS`] events, three to a page, each with a note that tells its position; and the bytes of its file.
async fn written(book: &Book) -> (PathBuf, Vec<u8>) {
    let log = book.open().await;
    for position in 1..=EVENTS {
        let note = Command::Note(format!("{}{}", needle(position), "x".repeat(900)));
        execute(&log, &command(), &format!("s{}", position % 5), note).await.unwrap();
    }
    log.close().await;
    // Pages that were split keep old copies of rows; in a file written anew each row is there once.
    let mut raw = book.raw().await;
    raw.run("vacuum; pragma wal_checkpoint(truncate)").await.unwrap();
    raw.close().await;
    let file = book.file();
    let bytes = std::fs::read(&file).unwrap();
    assert_eq!(bytes.len() % PAGE, 0);
    (file, bytes)
}

fn needle(position: usize) -> String {
    format!("needle-{position:03}-")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Writes a changed copy, looks at what is found, and writes the file back.
async fn found(book: &Book, file: &Path, bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> (Option<u64>, String) {
    let mut changed = bytes.to_vec();
    change(&mut changed);
    std::fs::write(file, changed).unwrap();
    let fault = broken(book).await;
    std::fs::write(file, bytes).unwrap();
    holds(book).await;
    (fault.position, fault.wrong.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_found_in_its_row() {
    on_sqlite(async |book: &Book| {
        let (file, bytes) = written(book).await;
        // Not the first: the root page keeps copies of the rows that it once held.
        for position in [7, 17, EVENTS] {
            let expected = Some(position as u64);
            let at = find(&bytes, needle(position).as_bytes()).unwrap();
            let (place, wrong) = found(book, &file, &bytes, |bytes| bytes[at + 20] ^= 1).await;
            assert_eq!((place, wrong.as_str()), (expected, "the payload does not have its digest"));
            // The actor stands before the note, in the same row.
            let actor = bytes[..at].windows(11).rposition(|window| window == b"system-test").unwrap() + 8;
            let (place, wrong) = found(book, &file, &bytes, |bytes| bytes[actor] ^= 1).await;
            assert!(place == expected && wrong.contains("leaf hash"), "{place:?} {wrong}");
            let (place, wrong) = found(book, &file, &bytes, |bytes| bytes[actor] = 0xff).await;
            assert!(place == expected && wrong.contains("cannot be read"), "{place:?} {wrong}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_page_is_found_at_its_first_event() {
    on_sqlite(async |book: &Book| {
        let (file, bytes) = written(book).await;
        for position in [2, 31, EVENTS] {
            let page = find(&bytes, needle(position).as_bytes()).unwrap() / PAGE * PAGE;
            let first = (1..=EVENTS).find(|p| find(&bytes[page..page + PAGE], needle(*p).as_bytes()).is_some()).unwrap() as u64;
            for garbage in [0xff, 0x5a] {
                let (place, wrong) = found(book, &file, &bytes, |bytes| bytes[page..page + PAGE].fill(garbage)).await;
                assert!(place == Some(first) && wrong.contains("cannot be read"), "{garbage:x}: {place:?} {wrong}, not {first}");
            }
            // A torn write: the page is half of what it was.
            let (place, _) = found(book, &file, &bytes, |bytes| bytes[page + 8..page + PAGE / 2].fill(0)).await;
            assert!(place.is_some_and(|place| place >= first && place < first + 4), "{place:?}, not near {first}");
        }
        let end = bytes.len() / 2;
        let (_, wrong) = found(book, &file, &bytes, |bytes| bytes.truncate(end)).await;
        assert!(wrong.contains("malformed") || wrong.contains("damaged"), "{wrong}");
        let (_, wrong) = found(book, &file, &bytes, |bytes| bytes[..16].fill(0)).await;
        assert!(wrong.contains("not a database"), "{wrong}");
    })
    .await;
}

/// Pages that hold no event: an index is compared with its table, and the table of receipts is looked through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_index_is_found() {
    on_sqlite(async |book: &Book| {
        let (file, bytes) = written(book).await;
        let mut raw = book.raw().await;
        let receipts = ["receipts", "sqlite_autoindex_receipts_1"];
        let indexes = ["events_type", "events_correlation", "sqlite_autoindex_events_1", "sqlite_autoindex_events_2"];
        let roots = "select name || ' ' || rootpage from sqlite_schema where rootpage > 0";
        let roots: Vec<_> = raw
            .texts(roots)
            .await
            .into_iter()
            .map(|row| row.split_once(' ').map(|(n, p)| (n.to_owned(), p.parse::<usize>().unwrap())).unwrap())
            .collect();
        let correlation = raw.texts("select hex(correlation_id) from events where position = 9").await.pop().unwrap();
        raw.close().await;
        let named: Vec<_> = roots.iter().filter(|(name, _)| indexes.iter().chain(&receipts).any(|index| index == name)).collect();
        assert_eq!(named.len(), indexes.len() + receipts.len(), "an index that is not there: {roots:?}");
        for (index, root) in named {
            let page = (root - 1) * PAGE;
            let (_, wrong) = found(book, &file, &bytes, |bytes| bytes[page..page + PAGE].fill(0xff)).await;
            assert!(wrong.contains("damaged"), "{index}: {wrong}");
        }
        let id = Uuid::parse_str(&correlation).unwrap();
        // Twice in the file: in the index, and in the row, where its command's note follows.
        let places: Vec<_> = bytes.windows(16).enumerate().filter(|(_, window)| window == id.as_bytes()).map(|(at, _)| at).collect();
        let row = find(&bytes, needle(9).as_bytes()).unwrap();
        let in_index = places.into_iter().find(|at| at / PAGE != row / PAGE).unwrap();
        let (place, wrong) = found(book, &file, &bytes, |bytes| bytes[in_index + 15] ^= 0xff).await;
        assert_eq!((place, wrong.contains("row 9 missing from index events_correlation")), (Some(9), true), "{wrong}");
    })
    .await;
}
