//! Every named place between the steps of an append, tried with everything that can happen there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use daybook_eventlog::Log;

use crate::book::{Book, alone, alone_on_postgres, alone_on_sqlite, on_postgres, on_sqlite};
use crate::chain::{Heard, Op, Words};
use crate::check::{check, retries_hear_the_same};
use crate::child;
use crate::load;

const BOTH: [&str; 5] = [
    include_str!("../../src/appender.rs"),
    include_str!("../../src/appender/commit.rs"),
    include_str!("../../src/execute.rs"),
    include_str!("../../src/store/mod.rs"),
    include_str!("../../src/together/group.rs"),
];
const SQLITE: &str = include_str!("../../src/store/sqlite.rs");
const POSTGRES: &str = include_str!("../../src/store/postgres.rs");

/// A place, by what can be made to happen there.
#[derive(Clone, Debug)]
struct Place {
    name: String,
    /// Can the step fail?
    fails: bool,
    /// Is it past the commit? Then no step may say that nothing is in.
    late: bool,
}

/// The places that the source names: a new one is tried without anybody having to remember it.
fn places(book: &Book) -> Vec<Place> {
    let store = if book.is_postgres() { POSTGRES } else { SQLITE };
    let mut places = Vec::<Place>::new();
    for source in BOTH.into_iter().chain([store]) {
        for text in source.split("fail_point!(\"").skip(1) {
            let (name, rest) = text.split_once('"').expect("a place has a name");
            let (fails, late) = (rest.starts_with(", |"), name.starts_with("append::after_"));
            assert!(rest.starts_with([')', ',']) && places.iter().all(|place| place.name != name), "{name} is named twice");
            places.push(Place { name: name.to_owned(), fails, late });
        }
    }
    places
}

/// Every place of the crate is in one of the files that are looked into.
#[test]
fn no_place_is_forgotten() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![root], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found += std::fs::read_to_string(path).unwrap().matches("fail_point!(\"").count(),
            }
        }
    }
    let known = BOTH.into_iter().chain([SQLITE, POSTGRES]).map(|source| source.matches("fail_point!(\"").count());
    assert_eq!(found, known.sum::<usize>(), "a named place in a file that no check knows");
}

/// Commands of a round: on chains of their own and on shared ones, by one call and under the head's lock.
fn ops(round: &str) -> [Vec<Op>; 2] {
    let op = |kind: &str, n: usize| {
        let chain = if n.is_multiple_of(2) { "shared".to_owned() } else { format!("own-{n}") };
        Op::add(format!("{round}-{kind}-{n}"), &chain)
    };
    let unkeyed = |kind: &str| op(kind, 5).unkeyed();
    let called = (0..5).map(|n| op("called", n)).chain([unkeyed("called")]).collect();
    let locked = (0..5).map(|n| op("locked", n).locked()).chain([unkeyed("locked").locked()]).collect();
    [called, locked]
}

/// Runs a round while something happens at a place; gives what was heard.
async fn round(log: &Log, name: &str, place: &Place, action: &str) -> Words {
    let mut words = Words::new();
    for ops in ops(name) {
        // The head is remembered again, so that a call is tried.
        let warm = Op::add(format!("{name}-warm-{}", ops[0].name), "warm");
        words.extend(load::all(log, vec![warm]).await);
        fail::cfg(&place.name, action).unwrap();
        words.extend(load::all(log, ops).await);
        fail::remove(&place.name);
    }
    words
}

/// Whoever heard nothing certain asks again under the key.
async fn ask_again(log: &Log, words: &mut Words) {
    for (op, heard) in words.values_mut().filter(|(op, heard)| op.keyed && unanswered(heard)) {
        *heard = op.insist(log).await;
    }
}

fn unanswered(heard: &Heard) -> bool {
    matches!(heard, Heard::Failed(_) | Heard::Unknown)
}

/// The load passes every place, or trying it would show nothing.
async fn every_place_is_passed(book: &Book) {
    let log = book.open().await;
    let mut words = Words::new();
    for place in places(book) {
        let passed = Arc::new(AtomicUsize::new(0));
        let seen = passed.clone();
        fail::cfg_callback(&place.name, move || _ = seen.fetch_add(1, SeqCst)).unwrap();
        for ops in ops(&place.name) {
            words.extend(load::all(&log, ops).await);
        }
        fail::remove(&place.name);
        assert!(passed.load(SeqCst) > 0, "{}", place.name);
    }
    check(book, &words).await;
}

/// A step fails, once so that it is mended unseen, or for good.
async fn errors(book: &Book) {
    let log = book.open().await;
    let mut words = Words::new();
    for place in places(book).into_iter().filter(|place| place.fails && !place.late) {
        let healed = round(&log, &format!("{}-once", place.name), &place, "1*return").await;
        assert!(healed.values().all(|(_, heard)| matches!(heard, Heard::In(_))), "{}: tried once more", place.name);
        let failed = round(&log, &format!("{}-twice", place.name), &place, "2*return").await;
        // After a call that failed, everything goes under the head's lock.
        let another_way = place.name == "append::before_call";
        assert_eq!(failed.values().any(|(_, heard)| matches!(heard, Heard::Failed(_))), !another_way, "{}", place.name);
        assert!(failed.values().all(|(_, heard)| !matches!(heard, Heard::Unknown)), "{}: nothing is in", place.name);
        words.extend(healed.into_iter().chain(failed));
        check(book, &words).await;
        ask_again(&log, &mut words).await;
    }
    retries_hear_the_same(&log, &words).await;
    check(book, &words).await;
}

/// The outcome of a step is unknown: whoever has a key hears the first outcome all the same, the others hear that nobody knows.
async fn unknown_outcomes(book: &Book) {
    let log = book.open().await;
    let mut words = Words::new();
    for place in places(book).into_iter().filter(|place| place.fails) {
        let heard = round(&log, &place.name, &place, "1*return(unknown)").await;
        assert!(heard.values().all(|(op, heard)| matches!(heard, Heard::In(_)) || !op.keyed), "{}: {heard:?}", place.name);
        if place.late {
            let told = |heard: &Heard| matches!(heard, Heard::Unknown) || matches!(heard, Heard::In(receipt) if receipt.replayed);
            assert!(heard.values().any(|(_, heard)| told(heard)), "{}: the batch was in", place.name);
        }
        words.extend(heard);
    }
    retries_hear_the_same(&log, &words).await;
    check(book, &words).await;
}

/// Time passes at a place, or it stands still until all have come: nobody fails.
async fn delays(book: &Book) {
    let log = book.open().await;
    let mut words = Words::new();
    for place in places(book) {
        words.extend(round(&log, &format!("{}-late", place.name), &place, "3*delay(5)->5*yield").await);
        fail::cfg(&place.name, "pause").unwrap();
        let tasks: Vec<_> = ops(&format!("{}-stopped", place.name))
            .map(|ops| {
                let log = log.clone();
                tokio::spawn(async move { load::all(&log, ops).await })
            })
            .into();
        // Whoever stands there goes on when it is removed; nothing could be answered before, unless the place is past that.
        tokio::task::yield_now().await;
        fail::remove(&place.name);
        for task in tasks {
            words.extend(task.await.unwrap());
        }
    }
    assert!(words.values().all(|(_, heard)| matches!(heard, Heard::In(_))));
    retries_hear_the_same(&log, &words).await;
    check(book, &words).await;
}

/// The process dies at a place.
async fn aborts(book: &Book) {
    let mut words = Words::new();
    for (n, place) in places(book).into_iter().enumerate() {
        let prefix = format!("died{n}");
        let died = child::Child::start(book, &prefix, Some(&format!("{}=12*off->panic", place.name))).ended().await;
        assert!(died.aborted, "{}: {:?}", place.name, died.heard.len());
        words.extend(died.heard);
        check(book, &words).await;
        let log = book.open().await;
        retries_hear_the_same(&log, &words).await;
        ask_again(&log, &mut words).await;
        check(book, &words).await;
    }
}

/// The task of a batch dies: its clients hear the truth or an error, and the log goes on. Where the lane itself dies, the log says
/// no from then on.
async fn panics(book: &Book) {
    let mut words = Words::new();
    for place in places(book).into_iter().filter(|place| place.name != "append::decided") {
        let log = book.open().await;
        let mut heard = load::all(&log, vec![Op::add(format!("{}-warm", place.name), "warm")]).await;
        fail::cfg(&place.name, "1*panic").unwrap();
        for ops in ops(&place.name) {
            heard.extend(load::all(&log, ops).await);
        }
        fail::remove(&place.name);
        let after = round(&log, &format!("{}-after", place.name), &place, "off").await;
        match place.name == "append::gathered" {
            true => assert!(after.values().all(|(_, heard)| unanswered(heard)), "{}", place.name),
            false => assert!(after.values().all(|(_, heard)| matches!(heard, Heard::In(_))), "{}", place.name),
        }
        heard.extend(after);
        words.extend(heard);
        check(book, &words).await;
        let again = book.open().await;
        retries_hear_the_same(&again, &words).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_place_on_sqlite() {
    let _alone = alone().await;
    alone_on_sqlite(every_place_is_passed).await;
    alone_on_sqlite(errors).await;
    alone_on_sqlite(unknown_outcomes).await;
    alone_on_sqlite(delays).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_place_on_postgres() {
    let _alone = alone().await;
    alone_on_postgres(every_place_is_passed).await;
    alone_on_postgres(errors).await;
    alone_on_postgres(unknown_outcomes).await;
    alone_on_postgres(delays).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panics_on_sqlite() {
    let _alone = alone().await;
    alone_on_sqlite(panics).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panics_on_postgres() {
    let _alone = alone().await;
    alone_on_postgres(panics).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborts_on_sqlite() {
    on_sqlite(aborts).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborts_on_postgres() {
    on_postgres(aborts).await;
}
