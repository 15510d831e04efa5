//! Hot rows: one suite that memory and Redis pass, and what becomes of readers when Redis is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_projections::ReadModel;
use daybook_projections::hot::rows::{Advance, Ask, Change, HotRow, HotRows, Mark, MemoryRows, RedisRows, Told, term};
use daybook_projections::hot::{HotProjector, HotStep, HotViews, HotWorkers};
use domain::geo::GeoPoint;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::book::{Book, on_sqlite};
use crate::folding::{self, naive};
use crate::redis_server::RedisServer;
use crate::toy::{Tallies, Tally, Toy, added, append};

const MODEL: &str = "tallies_v1";
const LONG: Duration = Duration::from_secs(30);

/// A keeper of rows, and a way to have it lose everything.
struct Keeper {
    rows: Arc<dyn HotRows>,
    memory: Option<Arc<MemoryRows>>,
    server: Option<RedisServer>,
}

impl Keeper {
    fn memory() -> Self {
        let memory = Arc::new(MemoryRows::new());
        Self { rows: memory.clone(), memory: Some(memory), server: None }
    }

    async fn redis() -> Self {
        let server = RedisServer::start().await;
        Self { rows: Arc::new(RedisRows::open(&server.url(), "book").unwrap()), memory: None, server: Some(server) }
    }

    async fn lose_everything(&self) {
        if let Some(memory) = &self.memory {
            memory.clear();
        }
        if let Some(server) = &self.server {
            server.say(&["FLUSHALL"]).await;
        }
    }

    async fn mark(&self) -> Mark {
        self.rows.ask(MODEL, Ask::Count("nothing:1:x:")).await.unwrap().0
    }

    /// Whoever holds the rows is taken for dead.
    async fn free(&self) {
        self.rows.release(MODEL, &self.mark().await).await.unwrap();
    }
}

fn only(hot: &HotViews<Toy>) -> HotProjector<Toy> {
    HotProjector::all(hot).pop().unwrap()
}

/// Rows, index and places are those of the naive fold at the mark.
async fn equal_the_fold(book: &Book, keeper: &Keeper) {
    let position = keeper.mark().await.position;
    let rows: BTreeMap<String, Tally> = naive(book, position).await;
    let keys: Vec<String> = rows.keys().cloned().chain(["toy-none".to_owned()]).collect();
    let (mark, told) = keeper.rows.ask(MODEL, Ask::Keys(&keys)).await.unwrap();
    assert_eq!(mark.position, position);
    let Told::Docs(docs) = told else { panic!("asked for rows") };
    let docs: Vec<Option<Tally>> = docs.into_iter().map(|doc| doc.map(|doc| serde_json::from_str(&doc).unwrap())).collect();
    assert_eq!(docs, rows.values().cloned().map(Some).chain([None]).collect::<Vec<_>>());
    let mut by_term = BTreeMap::<String, BTreeSet<String>>::new();
    for (key, row) in &rows {
        let terms = [term("sum", &row.sum.into()), term("label", &key.as_str().into()), term("owner", &row.owner.into())];
        for term in terms.into_iter().flatten() {
            by_term.entry(term).or_default().insert(key.clone());
        }
    }
    for (term, keys) in &by_term {
        let (_, count) = keeper.rows.ask(MODEL, Ask::Count(term)).await.unwrap();
        assert_eq!(count, Told::Count(keys.len() as u64), "{term}");
        let (_, found) = keeper.rows.ask(MODEL, Ask::Find(term)).await.unwrap();
        assert_eq!(found, Told::Keys(keys.iter().cloned().collect()), "{term}");
    }
    for (lat_e7, radius_m) in [(370_000_000, 1_000), (370_500_000, 9_000)] {
        let (_, near) = keeper.rows.ask(MODEL, Ask::Near(GeoPoint::new(lat_e7, 1_270_000_000).unwrap(), radius_m)).await.unwrap();
        let Told::Keys(near) = near else { panic!("asked for places") };
        let within = |row: &Tally, metres: f64| {
            // 0.001 degrees of a meridian are 111.19 m.
            Tallies::place(row).is_some_and(|at| f64::from((at.lat_e7() - lat_e7).abs()) / 10_000.0 * 111.19 <= metres)
        };
        let near: BTreeSet<String> = near.into_iter().collect();
        let reach = f64::from(radius_m);
        let must = rows.iter().filter(|(_, row)| within(row, reach - 60.0)).map(|(key, _)| key.clone()).collect::<BTreeSet<_>>();
        let may = rows.iter().filter(|(_, row)| within(row, reach + 60.0)).map(|(key, _)| key.clone()).collect::<BTreeSet<_>>();
        assert!(must.is_subset(&near) && near.is_subset(&may), "{must:?} {near:?} {may:?}");
    }
}

fn some_event() -> impl Strategy<Value = (u8, Toy)> {
    let toy = prop_oneof![8 => (-50_i64..90).prop_map(added), 2 => Just(Toy::Cleared {}), 1 => Just(Toy::Calmed {})];
    (0_u8..7, toy)
}

/// Random events, random steps; workers that are overtaken, forgotten or wake up late, and rows that are lost.
async fn conform(book: &Book, keeper: &Keeper, case: u8) {
    let mut runner = folding::runner(case);
    let plan = (prop::collection::vec(some_event(), 60..120), prop::collection::vec((1_usize..20, 0_u8..6), 60));
    let (events, steps) = plan.new_tree(&mut runner).unwrap().current();
    for (i, event) in &events {
        append(&book.log, i, vec![event.clone()]).await;
    }
    let hot = HotViews::new(&book.views().await, Arc::clone(&keeper.rows)).install::<Tallies>().unwrap();
    let mut worker = only(&hot);
    for (limit, accident) in steps {
        match accident {
            // It is forgotten in the middle of its work, and another one takes over.
            0 => {
                keeper.free().await;
                worker = only(&hot);
            }
            // It sleeps, is taken for dead, and wakes up: nothing that it writes counts.
            1 => {
                keeper.free().await;
                let mut other = only(&hot);
                other.step(limit).await.unwrap();
                let stands = keeper.mark().await;
                assert!(matches!(worker.step(limit).await.unwrap(), HotStep::Denied | HotStep::Idle));
                assert_eq!(keeper.mark().await, stands);
                other.release().await;
            }
            2 => keeper.lose_everything().await,
            _ => {}
        }
        let _ = worker.step(limit).await.unwrap();
        equal_the_fold(book, keeper).await;
    }
    // A worker that rests finds out that its rows are gone when it renews.
    let (head, began) = (book.log.head().await.unwrap(), Instant::now());
    while keeper.mark().await.position < head {
        assert!(began.elapsed() < LONG, "case {case} stands at {:?}", keeper.mark().await);
        worker.step(50).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    equal_the_fold(book, keeper).await;
}

/// The same step twice, or from anywhere but the mark, changes nothing.
async fn steps_count_once(keeper: &Keeper) {
    let rows = &keeper.rows;
    let begin = rows.take(MODEL, "a").await.unwrap().unwrap();
    assert_eq!((begin.position, begin.hash.as_str()), (0, ""));
    assert_eq!(rows.take(MODEL, "b").await.unwrap(), None, "somebody else holds it");
    let row = |doc: &str| HotRow { doc: doc.to_owned(), terms: vec!["c:1:x:".into(), "c:2:xy:".into()], place: None };
    let change = [Change { key: "k".into(), old_terms: Vec::new(), new: Some(row("1")) }];
    let step = Advance { from: &begin, position: 5, hash: "aa", changes: &change };
    assert!(rows.advance(MODEL, step.clone()).await.unwrap());
    assert!(!rows.advance(MODEL, step).await.unwrap(), "again");
    let wrong = [Mark { hash: "bb".into(), ..keeper.mark().await }, Mark { epoch: 1, ..keeper.mark().await }];
    let other = [Change { key: "k".into(), old_terms: vec!["c:1:x:".into()], new: None }];
    for from in wrong {
        assert!(!rows.advance(MODEL, Advance { from: &from, position: 6, hash: "cc", changes: &other }).await.unwrap());
        assert!(!rows.reset(MODEL, &from).await.unwrap());
    }
    let keys = ["k".to_owned()];
    let (mark, docs) = rows.ask(MODEL, Ask::Keys(&keys)).await.unwrap();
    assert_eq!((mark.position, mark.hash.as_str(), docs), (5, "aa", Told::Docs(vec![Some("1".into())])));
    // No term begins another one.
    for (term, count) in [("c:1:x:", 1), ("c:2:xy:", 1), ("d:1:x:", 0)] {
        assert_eq!(rows.ask(MODEL, Ask::Count(term)).await.unwrap().1, Told::Count(count), "{term}");
    }
    let again = rows.take(MODEL, "a").await.unwrap().unwrap();
    assert!(again.epoch > begin.epoch);
    assert!(rows.reset(MODEL, &again).await.unwrap());
    assert_eq!(rows.ask(MODEL, Ask::Keys(&keys)).await.unwrap().1, Told::Docs(vec![None]));
    keeper.free().await;
    let next = rows.take(MODEL, "b").await.unwrap().unwrap();
    assert!(next.epoch > again.epoch && next.position == 0);
}

/// Rows that are behind, or of another past, are not answered from; the worker makes them anew.
async fn strangers_are_noticed(book: &Book, keeper: &Keeper) {
    let head = append(&book.log, "a", vec![added(1), added(2)]).await;
    let hot = HotViews::new(&book.views().await, Arc::clone(&keeper.rows)).install::<Tallies>().unwrap();
    assert_eq!(hot.get::<Tallies>("toy-a", 0).await, None, "nothing is there yet");
    let mut worker = only(&hot);
    assert_eq!(worker.step(9).await.unwrap(), HotStep::Advanced(head));
    let sum = async |at_least| hot.get::<Tallies>("toy-a", at_least).await.map(|row| row.map(|row| row.sum));
    assert_eq!((sum(head).await, sum(head + 1).await), (Some(Some(3)), None));
    assert_eq!(hot.get::<Tallies>("toy-b", head).await, Some(None));
    assert_eq!(hot.count::<Tallies>("sum", 3, head).await, Some(2));
    assert_eq!(hot.find::<Tallies>("sum", 3, head).await, Some(vec!["all".to_owned(), "toy-a".to_owned()]));
    let here = GeoPoint::new(370_000_000, 1_270_000_000).unwrap();
    let near = hot.near::<Tallies>(here, 5_000, head).await.map(|near| near.into_iter().collect::<BTreeSet<_>>());
    assert_eq!(near, Some(["all".to_owned(), "toy-a".to_owned()].into()));
    assert_eq!(hot.near::<Tallies>(GeoPoint::new(849_900_000, 0).unwrap(), 50_000, head).await, None, "no index so far north");
    // As after a failover to the copy of another log: the position fits, the hash does not.
    keeper.free().await;
    let mark = keeper.rows.take(MODEL, "stranger").await.unwrap().unwrap();
    let lie = [Change { key: "toy-a".into(), old_terms: Vec::new(), new: None }];
    let wrong = "00".repeat(32);
    assert!(keeper.rows.advance(MODEL, Advance { from: &mark, position: head, hash: &wrong, changes: &lie }).await.unwrap());
    assert_eq!(sum(head).await, None);
    keeper.free().await;
    let mut worker = only(&hot);
    while !matches!(worker.step(9).await.unwrap(), HotStep::Idle) {}
    assert_eq!(sum(head).await, Some(Some(3)));
    // Beyond the log's end: the log lost its last events.
    keeper.free().await;
    let mark = keeper.rows.take(MODEL, "stranger").await.unwrap().unwrap();
    assert!(keeper.rows.advance(MODEL, Advance { from: &mark, position: head + 7, hash: &wrong, changes: &lie }).await.unwrap());
    assert_eq!(sum(head).await, None);
    keeper.free().await;
    let mut other = only(&hot);
    while !matches!(other.step(9).await.unwrap(), HotStep::Idle) {}
    assert_eq!(sum(head).await, Some(Some(3)));
    assert!(hot.figures()[0].resets >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    for case in folding::cases() {
        on_sqlite(async |book| conform(book, &Keeper::memory(), case).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_conforms() {
    for case in folding::cases() {
        on_sqlite(async |book| conform(book, &Keeper::redis().await, case).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_count_once_everywhere() {
    steps_count_once(&Keeper::memory()).await;
    steps_count_once(&Keeper::redis().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_noticed_everywhere() {
    on_sqlite(async |book| strangers_are_noticed(book, &Keeper::memory()).await).await;
    on_sqlite(async |book| strangers_are_noticed(book, &Keeper::redis().await).await).await;
}

/// Asks until the rows answer again. No answer on the way may be a wrong one.
async fn healed(hot: &HotViews<Toy>, at_least: u64, sum: i64) {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        let told = hot.get::<Tallies>("toy-a", at_least).await;
        assert!(asked.elapsed() < Duration::from_secs(3), "a reader was held up");
        match told {
            Some(row) => return assert_eq!(row.map(|row| row.sum), Some(sum)),
            None => assert!(began.elapsed() < LONG, "not healed"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_redis_loses_nothing_and_heals() {
    on_sqlite(async |book| {
        let mut server = RedisServer::start().await;
        let rows: Arc<dyn HotRows> = Arc::new(RedisRows::open(&server.url(), "book").unwrap());
        let hot = HotViews::new(&book.views().await, rows).install::<Tallies>().unwrap();
        let workers = HotWorkers::start(&hot);
        let mut sum = 0;
        let mut more = async || {
            sum += 1;
            (append(&book.log, "a", vec![added(1)]).await, sum)
        };
        let (at, sum) = more().await;
        healed(&hot, at, sum).await;
        server.say(&["FLUSHALL"]).await;
        healed(&hot, at, sum).await;
        // Emptied between two writes, without any reader to notice.
        let (at, sum) = more().await;
        server.say(&["FLUSHALL"]).await;
        assert!(hot.get::<Tallies>("toy-a", at).await.is_none_or(|row| row.is_none_or(|row| row.sum == sum)));
        let (at, sum) = more().await;
        healed(&hot, at, sum).await;
        // A failover to a copy that lacks the last events.
        server.say(&["SAVE"]).await;
        let (at, sum) = more().await;
        healed(&hot, at, sum).await;
        server.kill();
        assert_eq!(hot.get::<Tallies>("toy-a", at).await, None, "the tables are asked");
        server.up().await;
        healed(&hot, at, sum).await;
        // A failover to an empty one, with writes meanwhile.
        server.kill();
        server.lose_its_disk();
        let (at, sum) = more().await;
        server.up().await;
        healed(&hot, at, sum).await;
        // Somebody else's value where a row's hash should be.
        server.say(&["SET", "{daybook:book:rows:tallies_v1}:rows", "nonsense"]).await;
        let (at, sum) = more().await;
        healed(&hot, at, sum).await;
        workers.stop().await;
    })
    .await;
}
