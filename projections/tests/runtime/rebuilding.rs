//! A model is rebuilt beside the live one: whoever interrupts it, whatever is written meanwhile, and whoever reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daybook_projections::views::rebuild::{Difference, Pace, RebuildError, RebuildOptions, Stage, Watch};
use daybook_projections::views::{Direction, PageArgs, ProjectionState, Projector, Query, Step, Views, Workers};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::book::Book;
use crate::folding::{expire_leases, naive, some_event};
use crate::toy::{Monies, Tallies, Tally, Toy, added, append};

/// Small steps: many pages, many writes, and rows that are forgotten and read again.
fn small() -> RebuildOptions {
    let pace = Pace { page: 7, write_rows: 3, write_events: 10, kept_rows: 2 };
    RebuildOptions { jobs: 3, pace, ..RebuildOptions::default() }
}

#[derive(Default)]
struct Noted {
    stages: Vec<Stage>,
    keys: Vec<String>,
}

impl Watch for Noted {
    fn stage(&mut self, stage: Stage) {
        self.stages.push(stage);
    }
    fn progress(&mut self, done: u64, all: u64) {
        assert!(done <= all);
    }
    fn difference(&mut self, difference: &Difference) {
        self.keys.push(difference.key.clone());
    }
}

async fn append_some(book: &Book, count: usize) {
    let mut runner = TestRunner::deterministic();
    let events = prop::collection::vec(some_event(), count).new_tree(&mut runner).unwrap().current();
    for (i, event) in events {
        append(&book.log, i, vec![event]).await;
    }
}

/// A read side whose tallies have been moved to the log's end.
async fn caught_up(book: &Book) -> Views<Toy> {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    while worker.step(100).await.unwrap() != Step::Idle {}
    worker.release().await.unwrap();
    views
}

async fn rows(views: &Views<Toy>) -> BTreeMap<String, Tally> {
    views.all::<Tallies>(&Query::new(), 10_000).await.unwrap().into_iter().collect()
}

async fn by_people(book: &Book) -> BTreeMap<String, i64> {
    book.pairs("select key, sum from tallies", "select key, sum from views.tallies").await.into_iter().collect()
}

pub async fn a_rebuild_during_live_writes_ends_equal(book: &Book) {
    append_some(book, 120).await;
    let views = caught_up(book).await;
    let workers = Workers::start(&views);
    let rebuilt = AtomicBool::new(false);
    let writing = async {
        let mut written = 0;
        while !rebuilt.load(Ordering::Relaxed) || written < 20 {
            append(&book.log, written % 5, vec![added(i64::from(written)), added(1)]).await;
            written += 1;
        }
    };
    // Another process rebuilds twice; nobody tells this one, which reads and moves the model all the time.
    let rebuilding = async {
        let elsewhere = book.views().await;
        elsewhere.install::<Tallies>().await.unwrap();
        for generation in [1, 2] {
            let mut noted = Noted::default();
            let done = elsewhere.rebuild("tallies", &small(), &mut noted).await.unwrap();
            assert_eq!((done.generation, done.switched, noted.keys.len()), (generation, true, 0));
            let comparison = done.comparison.unwrap();
            assert_eq!((comparison.live_rows, comparison.live_digest), (comparison.built_rows, comparison.built_digest));
            assert!(comparison.live_rows > 0 && noted.stages.ends_with(&[Stage::Comparing, Stage::Switching]));
        }
        rebuilt.store(true, Ordering::Relaxed);
    };
    let reading = async {
        // A row that is there stays there, and a caller sees what was written before.
        while !rebuilt.load(Ordering::Relaxed) {
            let head = book.log.head().await.unwrap();
            views.wait::<Tallies>(head, Duration::from_secs(20)).await.unwrap();
            let all = views.get::<Tallies>("all").await.unwrap().unwrap();
            let counted = naive(book, head).await["all"].events;
            assert!(all.events >= counted, "{} of {counted} events", all.events);
        }
    };
    tokio::join!(writing, rebuilding, reading);
    let head = book.log.head().await.unwrap();
    views.wait::<Tallies>(head, Duration::from_secs(20)).await.unwrap();
    let expected = naive(book, head).await;
    assert_eq!(rows(&views).await, expected);
    assert_eq!(by_people(book).await, expected.into_iter().map(|(key, row)| (key, row.sum)).collect());
    assert_eq!(views.checkpoint::<Tallies>().await.unwrap(), head);
    // The one before is kept, and no other.
    let tables = book.number("select count(*) from projections", "select count(*) from views.projections").await;
    assert_eq!(tables, 2);
    assert_eq!(views.status().await.unwrap().len(), 1);
    workers.stop().await;
}

pub async fn a_rebuild_that_is_killed_anywhere_goes_on(book: &Book) {
    append_some(book, 250).await;
    let views = caught_up(book).await;
    let expected = naive(book, book.log.head().await.unwrap()).await;
    let mut pause = 0;
    let done = loop {
        // Each try is another process, gone in the middle of whatever it does.
        let elsewhere = book.views().await;
        elsewhere.install::<Tallies>().await.unwrap();
        pause += 4;
        let tried = tokio::time::timeout(Duration::from_millis(pause), elsewhere.rebuild("tallies", &small(), &mut ())).await;
        assert_eq!(rows(&views).await, expected);
        match tried {
            Ok(done) => break done.unwrap(),
            Err(_) => expire_leases(book).await,
        }
    };
    assert!(done.switched && done.comparison.unwrap().differences == 0 && pause > 4);
    assert_eq!(rows(&views).await, expected);
    assert_eq!(views.status().await.unwrap()[0].parked_keys, 7);
}

pub async fn a_damaged_row_is_named_and_mended(book: &Book) {
    append_some(book, 60).await;
    let views = caught_up(book).await;
    let good = rows(&views).await;
    let damage = |table: &str| format!("update {table} set sum = sum + 1 where key = 'all'");
    book.sql(&damage("tallies_v1"), &damage("views.tallies_v1")).await;
    let mut noted = Noted::default();
    let diff = views.diff("tallies", &mut noted).await.unwrap();
    assert_eq!((diff.differences, noted.keys.as_slice(), diff.position), (1, &["all".to_owned()][..], 60));
    let refused = views.rebuild("tallies", &small(), &mut ()).await.unwrap();
    assert_eq!((refused.switched, refused.comparison.unwrap().differences), (false, 1));
    let accepted = views.rebuild("tallies", &RebuildOptions { accept: true, ..small() }, &mut ()).await.unwrap();
    // What the first one has built was not built again.
    assert_eq!((accepted.switched, accepted.generation, accepted.events), (true, 1, 0));
    assert_eq!(views.diff("tallies", &mut ()).await.unwrap().differences, 0);
    assert_eq!(rows(&views).await, good);
    // And back: the damaged one, with all that has happened since.
    append(&book.log, 1, vec![added(5)]).await;
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    while worker.step(100).await.unwrap() != Step::Idle {}
    let back = views.roll_back("tallies", &mut ()).await.unwrap();
    assert_eq!((back.before, back.generation, back.switched, back.position), (1, 0, true, 61));
    assert_eq!(views.diff("tallies", &mut ()).await.unwrap().differences, 0);
    assert_eq!(worker.step(9).await.unwrap(), Step::Idle);
}

pub async fn a_dry_run_changes_nothing(book: &Book) {
    append_some(book, 60).await;
    let views = caught_up(book).await;
    let done = views.rebuild("tallies", &RebuildOptions { dry_run: true, ..small() }, &mut ()).await.unwrap();
    assert_eq!((done.switched, done.comparison.unwrap().differences), (false, 0));
    let tables = async || book.number("select count(*) from projections", "select count(*) from views.projections").await;
    assert_eq!(tables().await, 1);
    let keep = RebuildOptions { dry_run: true, keep: true, ..small() };
    let kept = views.rebuild("tallies", &keep, &mut ()).await.unwrap();
    assert_eq!((kept.events, tables().await), (60, 2));
    let again = views.rebuild("tallies", &small(), &mut ()).await.unwrap();
    assert_eq!((again.events, again.switched), (0, true));
    let fresh = views.rebuild("tallies", &RebuildOptions { restart: true, ..small() }, &mut ()).await.unwrap();
    assert_eq!((fresh.events, fresh.generation), (60, 2));
    assert!(matches!(views.rebuild("nothing", &small(), &mut ()).await, Err(RebuildError::Unknown(_))));
}

pub async fn cursors_survive_a_rebuild(book: &Book) {
    for i in 0..9 {
        append(&book.log, i, vec![added(i)]).await;
    }
    let views = caught_up(book).await;
    let query = Query::new().order_by("sum", Direction::Desc);
    let first = views.page::<Tallies>(&query, &PageArgs::first(4)).await.unwrap();
    let elsewhere = book.views().await;
    elsewhere.install::<Tallies>().await.unwrap();
    elsewhere.rebuild("tallies", &small(), &mut ()).await.unwrap();
    let after = first.items.last().map(|item| item.cursor.clone());
    let rest = views.page::<Tallies>(&query, &PageArgs { after, ..PageArgs::first(100) }).await.unwrap();
    let sums: Vec<i64> = first.items.iter().chain(&rest.items).map(|item| item.row.sum).collect();
    assert_eq!(sums, [36, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert!(rest.has_previous && !rest.has_next);
}

pub async fn a_model_without_readers_is_built_at_once(book: &Book) {
    append_some(book, 60).await;
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    assert_eq!(views.status().await.unwrap()[0].state, ProjectionState::Rebuilding);
    let done = views.rebuild("tallies", &small(), &mut ()).await.unwrap();
    assert!(done.comparison.is_none() && done.switched && done.position == 60);
    assert_eq!(rows(&views).await, naive(book, 60).await);
}

pub async fn a_rebuild_halts_where_the_model_does(book: &Book) {
    append(&book.log, "a", vec![added(1), added(2)]).await;
    let views = book.views().await;
    views.install::<Monies>().await.unwrap();
    append(&book.log, "a", vec![Toy::Spoiled {}]).await;
    let halted = views.rebuild("monies", &small(), &mut ()).await;
    assert!(matches!(halted, Err(RebuildError::Halted { position: 3, .. })), "{halted:?}");
    append(&book.log, "b", vec![Toy::Garbled {}]).await;
    views.install::<Tallies>().await.unwrap();
    let halted = views.rebuild("tallies", &small(), &mut ()).await;
    assert!(matches!(halted, Err(RebuildError::Halted { position: 4, .. })), "{halted:?}");
}
