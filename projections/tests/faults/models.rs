//! The places of read models: a step fails, or its process dies, at every one. The rows are the fold of the log at every checkpoint,
//! and go on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use daybook_projections::views::{Projector, Query, Step, ViewError, Views, Workers};

use crate::book::{Book, on_postgres, on_sqlite};
use crate::folding::{expire_leases, naive};
use crate::letters::leave_out;
use crate::places::{alone, named_in};
use crate::toy::{Tallies, Tally, Toy, added, append};

const SOURCES: [&str; 9] = [
    include_str!("../../src/views/projector.rs"),
    include_str!("../../src/views/lead.rs"),
    include_str!("../../src/views/parked.rs"),
    include_str!("../../src/views/rebuild.rs"),
    include_str!("../../src/views/rebuild/build.rs"),
    include_str!("../../src/views/rebuild/load.rs"),
    include_str!("../../src/views/rebuild/part.rs"),
    include_str!("../../src/views/rebuild/switch.rs"),
    include_str!("../../src/hot/worker.rs"),
];

/// Places that only who comes back for what was passed comes to.
const PASSING: [&str; 2] = ["view::passed", "view::passing_stored"];
/// Events of one step: batches that write, delete and park.
const LIMIT: usize = 3;
/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(60);

/// Every place of read models, rebuilds and hot rows.
pub fn places() -> Vec<&'static str> {
    named_in(&SOURCES)
}

/// The places of one kind.
pub fn places_of(kind: &str) -> Vec<&'static str> {
    let places: Vec<_> = places().into_iter().filter(|place| place.starts_with(kind)).collect();
    assert!(places.len() > 3, "the places of {kind} are not where they were");
    places
}

/// Something happens at a place the next time, or the time after that.
pub fn breaks(place: &str, action: &str, passes: usize) {
    fail::cfg(place, &format!("{passes}*off->1*{action}->off")).unwrap();
}

/// Toys that are added to, cleared and spoiled.
pub async fn feed(book: &Book, name: usize) {
    append(&book.log, name, vec![added(2), added(3)]).await;
    append(&book.log, format!("{name}-cleared"), vec![added(1), Toy::Cleared {}]).await;
    append(&book.log, format!("{name}-spoiled"), vec![added(1), Toy::Spoiled {}, added(9)]).await;
}

/// The read side as another process opens it.
pub async fn tallies(book: &Book) -> Views<Toy> {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    views
}

/// The rows that readers see.
pub async fn rows(views: &Views<Toy>) -> BTreeMap<String, Tally> {
    views.all::<Tallies>(&Query::new(), 10_000).await.unwrap().into_iter().collect()
}

/// Steps until nothing is left to do, or something happens: then the worker is gone without a word, and its lease runs out.
pub async fn work(book: &Book, views: &Views<Toy>) -> bool {
    let views = views.clone();
    let working = async move {
        let mut worker = Projector::new::<Tallies>(&views)?;
        while worker.step(LIMIT).await? != Step::Idle {}
        Ok::<_, ViewError>(())
    };
    let outcome = tokio::spawn(working).await;
    expire_leases(book).await;
    matches!(outcome, Ok(Ok(())))
}

/// Whoever looks into the tables finds the fold up to the checkpoint that stands beside the rows.
async fn stored_rows_are_the_fold(book: &Book, what: &str) {
    let position = book.number("select position from projections", "select position from views.projections").await;
    let found =
        book.pairs("select key || ' ' || doc, 0 from tallies_v1", "select key || ' ' || doc, 0::bigint from views.tallies_v1").await;
    let expected = naive(book, u64::try_from(position).unwrap()).await;
    let expected = expected.iter().map(|(key, row)| format!("{key} {}", serde_json::to_string(row).unwrap()));
    assert_eq!(found.into_iter().map(|(row, _)| row).collect::<BTreeSet<_>>(), expected.collect(), "{what}, at {position}");
}

async fn steps_break_off_everywhere(book: &Book) {
    // Its tables are there.
    tallies(book).await;
    let mut feeds = 0;
    for place in places_of("view::").into_iter().filter(|place| !PASSING.contains(place)) {
        for (action, passes) in [("return", 0), ("return", 1), ("panic", 0), ("panic", 1)] {
            let what = format!("{place} {action} {passes}");
            feed(book, feeds).await;
            feeds += 1;
            // As after a start on a log without its read models: readers are let in once more.
            book.sql("update projections set ready = false", "update views.projections set ready = false").await;
            let views = tallies(book).await;
            breaks(place, action, passes);
            let quiet = work(book, &views).await;
            fail::remove(place);
            assert!(!quiet || passes > 0, "nothing broke off: {what}");
            stored_rows_are_the_fold(book, &what).await;
            // The process goes on where a step failed; where it died, another one does.
            let next = if action == "return" { views } else { tallies(book).await };
            assert!(work(book, &next).await, "{what}");
            let head = book.log.head().await.unwrap();
            assert_eq!(next.wait::<Tallies>(head, LONG).await.unwrap(), head);
            stored_rows_are_the_fold(book, &what).await;
            assert_eq!(rows(&next).await, naive(book, head).await, "{what}");
            // Of each spoiled toy, the poison and what came after it.
            assert_eq!(next.status().await.unwrap()[0].parked_keys, feeds as u64, "{what}");
            let parked = book.number("select count(*) from parked", "select count(*) from views.parked").await;
            assert_eq!(parked, 2 * i64::try_from(feeds).unwrap(), "{what}");
        }
    }
}

/// What is passed without a change is told at once and stored later; whatever happens in between, it is stored soon.
async fn what_is_passed_is_stored_whatever_happens(book: &Book) {
    let views = tallies(book).await;
    let workers = Workers::start(&views);
    for (n, place) in PASSING.into_iter().enumerate() {
        for action in ["return", "panic"] {
            // Written on its own, or both would go in one step, which changes a row.
            let head = append(&book.log, n, vec![added(1)]).await;
            views.wait::<Tallies>(head, LONG).await.unwrap();
            breaks(place, action, 0);
            let head = append(&book.log, n, vec![Toy::Calmed {}]).await;
            views.wait::<Tallies>(head, LONG).await.unwrap();
            let stored = async || book.number("select position from projections", "select position from views.projections").await;
            let waiting = async {
                while stored().await < i64::try_from(head).unwrap() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(LONG, waiting).await.expect("it is stored in the end");
            fail::remove(place);
            stored_rows_are_the_fold(book, place).await;
        }
        assert_eq!(views.counts()[0].steps_failed, n as u64 + 1, "nothing broke off at {place}");
    }
    workers.stop().await;
}

/// A row is taken up again, and whatever happens in between, it is taken up once.
async fn parked_rows_go_on_from_everywhere(book: &Book) {
    let mut all = Vec::new();
    for (n, place) in places_of("unpark::").into_iter().enumerate() {
        for action in ["return", "panic"] {
            let what = format!("{place} {action}");
            let key = format!("toy-{n}-{action}");
            let head = append(&book.log, format!("{n}-{action}"), vec![added(1), Toy::Spoiled {}, added(2)]).await;
            let views = tallies(book).await;
            assert!(work(book, &views).await);
            let letter = views.parked(10).await.unwrap().pop().unwrap();
            assert_eq!((letter.key.as_deref(), letter.position), (Some(key.as_str()), head - 1));
            leave_out(&book.log, &key, head - 1, head - 1).await;
            breaks(place, action, 0);
            let (elsewhere, asked) = (tallies(book).await, letter.clone());
            let tried = tokio::spawn(async move { elsewhere.try_again(&asked).await }).await;
            fail::remove(place);
            assert!(!matches!(tried, Ok(Ok(_))), "nothing broke off: {what}");
            expire_leases(book).await;
            // Written or not: asking again changes nothing more.
            assert!(views.try_again(&letter).await.unwrap(), "{what}");
            assert!(work(book, &views).await, "{what}");
            assert_eq!(views.parked(10).await.unwrap(), [], "{what}");
            all.push(key);
        }
    }
    let views = tallies(book).await;
    let found = views.get_many::<Tallies>(&all).await.unwrap();
    assert_eq!(found.values().map(|row| (row.sum, row.events)).collect::<Vec<_>>(), vec![(3, 2); all.len()]);
    assert_eq!(views.diff("tallies", &mut ()).await.unwrap().differences, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_break_off_everywhere_on_sqlite() {
    alone(async || on_sqlite(steps_break_off_everywhere).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_break_off_everywhere_on_postgres() {
    alone(async || on_postgres(steps_break_off_everywhere).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_passed_is_stored_whatever_happens_anywhere() {
    alone(async || {
        on_sqlite(what_is_passed_is_stored_whatever_happens).await;
        on_postgres(what_is_passed_is_stored_whatever_happens).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_rows_go_on_from_everywhere_anywhere() {
    alone(async || {
        on_sqlite(parked_rows_go_on_from_everywhere).await;
        on_postgres(parked_rows_go_on_from_everywhere).await;
    })
    .await;
}
