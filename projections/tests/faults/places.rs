//! The places, and what is made to happen at each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use daybook_projections::process::Runtime;
use daybook_projections::views::Views;
use tokio::sync::Mutex;

use crate::book::{Book, on_postgres, on_sqlite};
use crate::echo::{Hand, Set, answers};
use crate::models;
use crate::toy::{Toy, added, append};

const SOURCES: [&str; 4] = [
    include_str!("../../src/process/reactor.rs"),
    include_str!("../../src/process/store.rs"),
    include_str!("../../src/process/effects.rs"),
    include_str!("../../src/process/timers.rs"),
];

/// Places belong to the whole process: one check at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Reactions of one [`feed`]: two commands, a timer and an effect.
const REACTIONS: usize = 4;

/// The places of processes.
fn places() -> Vec<&'static str> {
    named_in(&SOURCES)
}

/// The places that sources name: a new one is tried without anybody having to remember it.
pub fn named_in(sources: &[&'static str]) -> Vec<&'static str> {
    let named = sources.iter().flat_map(|source| source.split("fail_point!(\"").skip(1));
    let places: Vec<_> = named.map(|text| text.split_once('"').expect("a place has a name").0).collect();
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len(), "a place is named twice");
    places
}

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
    let known = places().len() + models::places().len();
    assert_eq!(found, known, "a named place in a file that no check knows");
}

/// What asks for everything: two commands, a timer that is due, an outside call.
async fn feed(book: &Book, name: usize) {
    append(&book.log, name, vec![added(2), Toy::Alarmed { due: 1 }, Toy::Asked { what: "it".into() }]).await;
}

/// A worker that does what it can until something happens to it; then it is gone without a word, and its leases run out.
async fn work(book: &Book, set: &Set, views: &Views<Toy>) -> bool {
    let runtime: Arc<Runtime<Hand, Toy>> = Arc::new(set.manual(views).await);
    let working = Arc::clone(&runtime);
    let outcome = tokio::spawn(async move { working.settle().await }).await;
    drop(runtime);
    book.log_sql("update leases set expires_at = 0; update effects set leased_until = 0").await;
    matches!(outcome, Ok(Ok(())))
}

/// Each reaction is in the log once, and each effect was asked for under one key, however often.
async fn all_happened_once(book: &Book, set: &Set, feeds: usize) {
    let mut times = BTreeMap::<String, usize>::new();
    for id in answers(book).await {
        *times.entry(id).or_default() += 1;
    }
    assert_eq!((times.len(), times.values().max()), (feeds * REACTIONS, Some(&1)));
    let keys: BTreeSet<String> = set.desk.calls().into_iter().map(|(id, _)| id).collect();
    assert_eq!(keys.len(), feeds, "{keys:?}");
    // Nothing is left to do.
    assert!(work(book, set, &book.views().await).await);
    assert_eq!(answers(book).await.len(), feeds * REACTIONS);
}

/// The work passes every place, or trying it would show nothing.
async fn every_place_is_passed(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    set.clock.0.store(10, SeqCst);
    for (n, place) in places().into_iter().enumerate() {
        let passed = Arc::new(AtomicUsize::new(0));
        let seen = passed.clone();
        fail::cfg_callback(place, move || _ = seen.fetch_add(1, SeqCst)).unwrap();
        feed(book, n).await;
        assert!(work(book, &set, &views).await);
        fail::remove(place);
        assert!(passed.load(SeqCst) > 0, "{place}");
    }
    all_happened_once(book, &set, places().len()).await;
}

/// A step fails, or the worker dies, at every place, the first time that it comes there and later.
async fn everything_breaks_off_everywhere(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    set.clock.0.store(10, SeqCst);
    let mut feeds = 0;
    for place in places() {
        for action in ["return", "panic"] {
            for passes in [0, 1] {
                for _ in 0..2 {
                    feed(book, feeds).await;
                    feeds += 1;
                }
                fail::cfg(place, &format!("{passes}*off->1*{action}->off")).unwrap();
                let quiet = work(book, &set, &views).await;
                fail::remove(place);
                assert!(!quiet || passes > 0, "nothing broke off at {place}");
                // The next worker finds what was left.
                while !work(book, &set, &views).await {}
                let told = answers(book).await;
                assert_eq!(told.len(), feeds * REACTIONS, "{place} {action} {passes}: {told:?}");
            }
        }
    }
    all_happened_once(book, &set, feeds).await;
}

/// Rows of read models are thrown away: no process, no timer and no effect goes back.
async fn rebuilt_views_rewind_nothing(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    set.clock.0.store(10, SeqCst);
    feed(book, 0).await;
    assert!(work(book, &set, &views).await);
    let calls = set.desk.calls();
    book.sql("update projections set position = 0", "update views.projections set position = 0").await;
    let again = book.views().await;
    assert!(work(book, &set, &again).await);
    assert_eq!(set.desk.calls(), calls);
    all_happened_once(book, &set, 1).await;
}

pub async fn alone(check: impl AsyncFnOnce()) {
    let _alone = ALONE.lock().await;
    let scenario = fail::FailScenario::setup();
    check().await;
    scenario.teardown();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_is_passed_on_sqlite() {
    alone(async || on_sqlite(every_place_is_passed).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_is_passed_on_postgres() {
    alone(async || on_postgres(every_place_is_passed).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_breaks_off_everywhere_on_sqlite() {
    alone(async || on_sqlite(everything_breaks_off_everywhere).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_breaks_off_everywhere_on_postgres() {
    alone(async || on_postgres(everything_breaks_off_everywhere).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilt_views_rewind_nothing_anywhere() {
    alone(async || {
        on_sqlite(rebuilt_views_rewind_nothing).await;
        on_postgres(rebuilt_views_rewind_nothing).await;
    })
    .await;
}
