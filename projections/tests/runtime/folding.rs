//! Rows equal the naive fold, at every checkpoint, whoever moves the model and however often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use daybook_projections::views::{ProjectionState, Projector, Query, Step, ViewError};
use daybook_projections::{Known, ReadModel};
use kernel::upcast::Decoded;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::book::Book;
use crate::toy::{Monies, Tallies, Tallies2, Tally, Toy, added, append, decode};

/// What the model should hold at a position: the fold, spelled out.
pub async fn naive(book: &Book, upto: u64) -> BTreeMap<String, Tally> {
    let (mut rows, mut parked) = (BTreeMap::new(), BTreeSet::new());
    for recorded in book.log.read(0, 5_000).await.unwrap().into_iter().filter(|event| event.position <= upto) {
        let Ok(Decoded::One(event)) = decode(&recorded) else { continue };
        let known = Known { recorded, event };
        for key in Tallies::keys(&known) {
            if parked.contains(&key) {
                continue;
            }
            match Tallies::apply(&key, rows.get(&key).cloned(), &known) {
                Ok(Some(row)) => drop(rows.insert(key, row)),
                Ok(None) => drop(rows.remove(&key)),
                Err(_) => drop(parked.insert(key)),
            }
        }
    }
    rows
}

pub fn some_event() -> impl Strategy<Value = (u8, Toy)> {
    let toy = prop_oneof![
        8 => (-50_i64..200).prop_map(added),
        2 => Just(Toy::Cleared {}),
        1 => Just(Toy::Calmed {}),
        1 => Just(Toy::Spoiled {}),
    ];
    (0_u8..7, toy)
}

/// How many random stories a property is tried on, each on a book of its own: `DAYBOOK_CASES`, or a few.
pub fn cases() -> std::ops::Range<u8> {
    0..std::env::var("DAYBOOK_CASES").map_or(5, |cases| cases.parse().expect("DAYBOOK_CASES is a number up to 255"))
}

/// The same number gives the same story everywhere.
pub fn runner(case: u8) -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[case; 32]))
}

pub async fn rows_equal_the_naive_fold_at_every_checkpoint(book: &Book, case: u8) {
    let mut runner = runner(case);
    let plan = (prop::collection::vec(some_event(), 80..200), prop::collection::vec((1_usize..20, 0_u8..4, 0_u64..3_000), 80));
    let (events, steps) = plan.new_tree(&mut runner).unwrap().current();
    for (i, event) in &events {
        append(&book.log, i, vec![event.clone()]).await;
    }
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    let head = book.log.head().await.unwrap();
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    let mut applied = 0;
    for (limit, accident, micros) in steps {
        match accident {
            // Another worker takes over where this one has let go.
            0 => {
                worker.release().await.unwrap();
                worker = Projector::new::<Tallies>(&views).unwrap();
            }
            // The worker is gone in the middle of a step, wherever that is, and its lease runs out.
            1 => {
                let _ = tokio::time::timeout(Duration::from_micros(micros), worker.step(limit)).await;
                worker = Projector::new::<Tallies>(&views).unwrap();
                expire_leases(book).await;
            }
            _ => {}
        }
        let mut step = worker.step(limit).await.unwrap();
        // A statement of the worker that is gone may reach the server after its lease ran out, and take it once more.
        for _ in 0..100 {
            if step != Step::Denied {
                break;
            }
            expire_leases(book).await;
            step = worker.step(limit).await.unwrap();
        }
        let position = views.status().await.unwrap()[0].position;
        assert!(position >= applied && (step == Step::Advanced(position) || (step, position) == (Step::Idle, head)));
        applied = position;
        let expected = naive(book, applied).await;
        assert_eq!(stored(book).await, expected.into_iter().map(|(key, row)| (key, row.sum)).collect(), "case {case} at {applied}");
    }
    assert_eq!(applied, head, "case {case}");
    let rows: BTreeMap<_, _> = views.all::<Tallies>(&Query::new(), 10_000).await.unwrap().into_iter().collect();
    assert_eq!(rows, naive(book, head).await);
}

pub async fn expire_leases(book: &Book) {
    let expire = |table: &str| format!("update {table} set leased_until = 0");
    book.sql(&expire("projections"), &expire("views.projections")).await;
}

/// The rows as anybody may find them, also while the model is not yet let to its readers.
async fn stored(book: &Book) -> BTreeMap<String, i64> {
    book.pairs("select key, sum from tallies_v1", "select key, sum from views.tallies_v1").await.into_iter().collect()
}

pub async fn redelivery_and_late_writers_change_nothing(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    append(&book.log, "a", vec![added(1), added(2), added(4)]).await;
    let (mut first, mut second) = (Projector::new::<Tallies>(&views).unwrap(), Projector::new::<Tallies>(&views).unwrap());
    assert_eq!(first.step(1).await.unwrap(), Step::Advanced(1));
    assert_eq!(second.step(1).await.unwrap(), Step::Denied);
    // The first one sleeps past the end of its lease, and the second takes over.
    expire_leases(book).await;
    assert_eq!(second.step(1).await.unwrap(), Step::Advanced(2));
    // It wakes up and writes what it holds for next: refused by the epoch.
    assert_eq!(first.step(1).await.unwrap(), Step::Denied);
    assert_eq!(views.get::<Tallies>("toy-a").await.unwrap().unwrap().sum, 3);
    assert_eq!(second.step(9).await.unwrap(), Step::Advanced(3));
    assert_eq!(second.step(9).await.unwrap(), Step::Idle);
    assert_eq!(stored(book).await, BTreeMap::from([("all".into(), 7), ("toy-a".into(), 7)]));
}

pub async fn a_poison_parks_its_key_and_nothing_else(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    append(&book.log, "a", vec![added(1), Toy::Spoiled {}, added(2)]).await;
    append(&book.log, "b", vec![added(8)]).await;
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    assert_eq!(worker.step(3).await.unwrap(), Step::Advanced(3));
    worker.release().await.unwrap();
    // Another worker knows of it too.
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    append(&book.log, "a", vec![added(4)]).await;
    while worker.step(9).await.unwrap() != Step::Idle {}
    let rows = views.get_many::<Tallies>(&["toy-a".into(), "toy-b".into(), "all".into(), "none".into()]).await.unwrap();
    assert_eq!((rows.len(), rows["toy-a"].sum, rows["toy-b"].sum, rows["all"].sum, rows["all"].events), (3, 1, 8, 15, 5));
    assert!(matches!(views.fresh::<Tallies>("toy-a", 5).await, Err(ViewError::Parked { .. })));
    let status = views.status().await.unwrap();
    assert_eq!((status[0].state, status[0].parked_keys, status[0].position), (ProjectionState::Running, 1, 5));
    assert_eq!(status[0].last_error.as_deref(), Some("spoiled"));
    let parked = book.number("select count(*) from parked", "select count(*) from views.parked").await;
    assert_eq!(parked, 3);
}

pub async fn a_model_of_money_halts_before_a_poison(book: &Book) {
    let views = book.views().await;
    views.install::<Monies>().await.unwrap();
    append(&book.log, "a", vec![added(1)]).await;
    append(&book.log, "b", vec![added(2), Toy::Spoiled {}, added(4)]).await;
    append(&book.log, "a", vec![added(8), Toy::Spoiled {}]).await;
    let mut worker = Projector::new::<Monies>(&views).unwrap();
    assert_eq!(worker.step(100).await.unwrap(), Step::Halted);
    assert_eq!(worker.step(100).await.unwrap(), Step::Halted);
    let status = views.status().await.unwrap();
    assert_eq!((status[0].state, status[0].position, status[0].lag_events), (ProjectionState::Halted, 2, 4));
    assert!(status[0].last_error.as_deref().unwrap().contains("position 3"));
    let rows =
        book.number("select count(*) from monies_v1 where position <= 2", "select count(*) from views.monies_v1 where position <= 2");
    assert_eq!(rows.await, 3);
    assert!(matches!(views.wait::<Monies>(3, Duration::from_millis(60)).await, Err(ViewError::Lagging { applied: 2, required: 3, .. })));
}

pub async fn an_unreadable_event_halts_every_model(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    append(&book.log, "a", vec![added(1), Toy::Garbled {}, added(2)]).await;
    let mut worker = Projector::new::<Tallies>(&views).unwrap();
    assert_eq!(worker.step(100).await.unwrap(), Step::Halted);
    let status = views.status().await.unwrap();
    assert_eq!((status[0].state, status[0].position), (ProjectionState::Halted, 1));
    assert!(status[0].lag_ms < 60_000);
}

pub async fn a_new_version_is_built_beside_and_takes_over(book: &Book) {
    let views = book.views().await;
    views.install::<Tallies>().await.unwrap();
    append(&book.log, "a", vec![added(1), added(2)]).await;
    let mut old = Projector::new::<Tallies>(&views).unwrap();
    old.step(9).await.unwrap();
    let next = book.views().await;
    next.install::<Tallies2>().await.unwrap();
    // Nobody reads what is half built.
    assert!(matches!(next.get::<Tallies2>("toy-a").await, Err(ViewError::Lagging { applied: 0, required: 2, .. })));
    let states = async || views.status().await.unwrap().into_iter().map(|s| (s.version, s.state)).collect::<Vec<_>>();
    assert_eq!(states().await, [(1, ProjectionState::Running), (2, ProjectionState::Rebuilding)]);
    let by_people = async |column: &str| {
        let of = |table: &str| format!("select {column} from {table} where key = 'toy-a'");
        book.number(&of("tallies"), &of("views.tallies")).await
    };
    assert_eq!(by_people("sum").await, 3);
    let mut new = Projector::new::<Tallies2>(&next).unwrap();
    assert_eq!(new.step(1).await.unwrap(), Step::Advanced(1));
    assert_eq!(by_people("sum").await, 3);
    assert_eq!(new.step(9).await.unwrap(), Step::Advanced(2));
    assert_eq!(by_people("total").await, 3);
    assert_eq!(next.get::<Tallies2>("toy-a").await.unwrap(), Some(3));
    // The old one goes on for those who still read it.
    append(&book.log, "a", vec![added(4)]).await;
    old.step(9).await.unwrap();
    assert_eq!(views.get::<Tallies>("toy-a").await.unwrap().unwrap().sum, 7);
    assert_eq!(by_people("total").await, 3);
}
