//! Decisions on what does not hold: nobody ever hears of them.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use daybook_eventlog::{Log, LogError, Receipt, Stop};
use kernel::Timestamp;
use tokio::task::JoinHandle;

use crate::book::{Book, alone, alone_on_postgres, alone_on_sqlite, on_postgres, on_sqlite};
use crate::chain::{Chain, Heard, Op, What, Words};
use crate::check::{check, retries_hear_the_same};

/// Node 1 knows a state by heart, node 2 changes it: node 1 says what is true all the same, a no as well as a yes.
async fn another_node_changed_the_stream(book: &Book) {
    let [one, two] = [book.open().await, book.open().await];
    let mut words = Words::new();
    let mut hears = async |log: &Log, op: Op| {
        let heard = op.run(log).await;
        words.insert(op.name.clone(), (op, heard.clone()));
        heard
    };
    for (round, keyed) in [(0, true), (1, false)] {
        let op = |name: &str, what| Op { keyed, ..Op::on(format!("{name}-{round}"), "a", what) };
        hears(&one, op("hold", What::Hold)).await.receipt();
        hears(&two, op("free", What::Free)).await.receipt();
        hears(&one, op("hold-again", What::Hold)).await.receipt();
        let no = hears(&two, op("hold-too", What::Hold)).await;
        let held = Some(format!("hold-again-{round}"));
        assert!(matches!(&no, Heard::Refused(on) if *on == Chain { last: held.clone(), held_by: held }), "{no:?}");
        hears(&two, op("free-again", What::Free)).await.receipt();
        let no = hears(&one, op("free-too", What::Free)).await;
        assert!(matches!(&no, Heard::Refused(on) if on.held_by.is_none()), "{no:?}");
    }
    retries_hear_the_same(&two, &words).await;
    check(book, &words).await;
}

/// Stands in the way at a named place: whoever comes there first waits until it is told to go on.
struct Barrier {
    reached: mpsc::Receiver<()>,
    go: mpsc::Sender<()>,
}

impl Barrier {
    /// Before the appender's next batch.
    fn set() -> Self {
        Self::at("append::gathered")
    }

    fn at(place: &str) -> Self {
        let ((here, reached), (go, told)) = (mpsc::channel(), mpsc::channel());
        let (first, here, told) = (AtomicBool::new(true), Mutex::new(here), Mutex::new(told));
        let stop = move || {
            if first.swap(false, SeqCst) {
                here.lock().unwrap().send(()).unwrap();
                // Whoever drops the barrier lets everybody pass. Tasks of this thread go on elsewhere.
                let _ = tokio::task::block_in_place(|| told.lock().unwrap().recv());
            }
        };
        fail::cfg_callback(place, stop).unwrap();
        Self { reached, go }
    }

    async fn reached(self) -> mpsc::Sender<()> {
        tokio::task::spawn_blocking(move || self.reached.recv().unwrap()).await.unwrap();
        self.go
    }
}

fn spawn(log: &Log, op: &Op) -> JoinHandle<Heard> {
    let (log, op) = (log.clone(), op.clone());
    tokio::spawn(async move { op.run(&log).await })
}

/// Waits until a node's newest state of a chain is that which an operation made, durable or not.
async fn newest_is(log: &Log, chain: &str, op: &Op) {
    loop {
        let seen = Mutex::new(None);
        let look = Op::add("look", chain).unkeyed().meta(Timestamp::UNIX_EPOCH);
        let looked = log.execute::<(), _, _>(&look, |session| {
            let seen = &seen;
            async move {
                let state = session.load::<Chain>(chain).await?;
                *seen.lock().unwrap() = state.state.last;
                // Nothing more is wanted.
                Err(Stop::Log(LogError::Closed))
            }
        });
        assert!(looked.await.is_err());
        if seen.into_inner().unwrap().as_ref() == Some(&op.name) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until a command has been decided: with nobody in its way it is then on its way to the appender.
async fn decided(log: &Log, op: &Op) -> JoinHandle<Heard> {
    let (ran, run) = tokio::sync::oneshot::channel();
    let (log, op, ran) = (log.clone(), op.clone(), Mutex::new(Some(ran)));
    let task = tokio::spawn(async move {
        let meta = op.meta(Timestamp::UNIX_EPOCH);
        let done = log.execute(&meta, |session| {
            let (op, ran) = (op.clone(), ran.lock().unwrap().take());
            async move {
                let said = op.decide(session).await;
                if let Some(ran) = ran {
                    ran.send(()).unwrap();
                }
                said
            }
        });
        Heard::of(&op, done.await)
    });
    run.await.unwrap();
    task
}

/// A is on its way, B is refused on the state that A would leave; then A fails: B was never refused.
async fn refused_on_what_then_failed(book: &Book) {
    let log = book.open().await;
    let warm = Op::add("warm", "warm");
    let mut words = Words::from([(warm.name.clone(), (warm.clone(), warm.run(&log).await))]);
    for (round, keyed) in [true, false].into_iter().enumerate() {
        let chain = format!("c{round}");
        let (a, b) = (Op::on(format!("a{round}"), &chain, What::Hold), Op { keyed, ..Op::on(format!("b{round}"), &chain, What::Hold) });
        let barrier = Barrier::set();
        let first = spawn(&log, &a);
        let go = barrier.reached().await;
        newest_is(&log, &chain, &a).await;
        let second = decided(&log, &b).await;
        fail::cfg("append::before_call", "1*return").unwrap();
        fail::cfg("append::locked", "1*return").unwrap();
        drop(go);
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert!(matches!(first, Heard::Failed(_)), "{first:?}");
        assert!(matches!(second, Heard::In(_)), "a no that was never true: {second:?}");
        words.extend([(a.name.clone(), (a, first)), (b.name.clone(), (b, second))]);
        let again = Op::add(format!("again{round}"), "warm");
        words.insert(again.name.clone(), (again.clone(), again.run(&log).await));
    }
    check(book, &words).await;
}

/// A's outcome is unknown, B rests on it: B hears what is true, which only the store knows.
async fn built_on_what_nobody_knows(book: &Book) {
    let log = book.open().await;
    let warm = Op::add("warm", "warm");
    let mut words = Words::from([(warm.name.clone(), (warm.clone(), warm.run(&log).await))]);
    let (a, b) = (Op::on("a", "c", What::Hold).unkeyed(), Op::on("b", "c", What::Hold));
    let barrier = Barrier::set();
    let first = spawn(&log, &a);
    let go = barrier.reached().await;
    newest_is(&log, "c", &a).await;
    let second = decided(&log, &b).await;
    fail::cfg("append::after_call", "1*return(unknown)").unwrap();
    drop(go);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(matches!(first, Heard::Unknown), "{first:?}");
    assert!(matches!(&second, Heard::Refused(on) if on.held_by.as_deref() == Some("a")), "A is in: {second:?}");
    words.extend([(a.name.clone(), (a, first)), (b.name.clone(), (b, second))]);
    check(book, &words).await;
}

/// B rests on A, which is on its way; another node takes A's version. B's version then fits, and yet B was decided on
/// what never was: both are decided again. In one batch, and in two.
async fn another_node_takes_the_version(book: &Book) {
    let [one, two] = [book.open().await, book.open().await];
    let mut words = Words::new();
    for (round, together) in [false, true].into_iter().enumerate() {
        let chain = format!("c{round}");
        let op = |name: &str, what| Op::on(format!("{name}{round}"), &chain, what);
        let (start, a, b, other) = (op("start", What::Hold), op("a", What::Free), op("b", What::Hold), op("other", What::Add));
        let heard = start.run(&one).await;
        words.insert(start.name.clone(), (start, heard));
        let barrier = Barrier::set();
        let before = Op::add(format!("before{round}"), "before");
        let ahead = together.then(|| spawn(&one, &before));
        let (first, go) = match together {
            true => {
                let go = barrier.reached().await;
                (spawn(&one, &a), go)
            }
            false => (spawn(&one, &a), barrier.reached().await),
        };
        newest_is(&one, &chain, &a).await;
        let second = decided(&one, &b).await;
        let between = other.run(&two).await;
        drop(go);
        words.insert(other.name.clone(), (other, between));
        for (op, task) in [(a, first), (b, second)] {
            words.insert(op.name.clone(), (op, task.await.unwrap()));
        }
        if let Some(ahead) = ahead {
            words.insert(before.name.clone(), (before, ahead.await.unwrap()));
        }
        // Whether A or B comes first is open; that both were decided on what is in the log is seen below.
        let heard = |name: &str| &words[&format!("{name}{round}")].1;
        assert!(matches!((heard("a"), heard("other")), (Heard::In(_), Heard::In(_))), "{words:?}");
        assert!(matches!(heard("b"), Heard::In(_) | Heard::Refused(_)), "{words:?}");
    }
    check(book, &words).await;
}

/// A batch is planned on one that then misfits, for another node was quicker, and learned after that one has failed; the batch after
/// both brings one of its keys again. Nobody hears of the places that it was to have.
async fn a_key_of_a_batch_that_is_not_to_be(book: &Book) {
    let [one, two] = [book.open().await, book.open().await];
    let ops = ["warm", "other", "first", "second", "fresh"].map(|name| Op::add(name, name));
    let [warm, other, first, second, fresh] = &ops;
    let mut words = Words::from([(warm.name.clone(), (warm.clone(), warm.run(&one).await))]);
    let called = Barrier::at("append::before_call");
    let first_hears = decided(&one, first).await;
    let call = called.reached().await;
    // A batch is sent after another one only when that has made some headway.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let foreseen = Barrier::at("append::foreseen");
    let second_hears = decided(&one, second).await;
    let learn = foreseen.reached().await;
    words.insert(other.name.clone(), (other.clone(), other.run(&two).await));
    // The first one misfits and is done once more; before that is known to be in, the second one is learned.
    let once_more = Barrier::at(if book.is_postgres() { "append::foreseen" } else { "append::before_commit" });
    drop(call);
    let land = once_more.reached().await;
    let called = Barrier::at("append::before_call");
    drop(learn);
    let fail = called.reached().await;
    // Both places are taken, so these two wait for one batch.
    let duplicate = Op { chains: vec!["elsewhere".into()], ..second.clone() };
    let mut duplicate_hears = decided(&one, &duplicate).await;
    newest_is(&one, "elsewhere", &duplicate).await;
    let fresh_hears = decided(&one, fresh).await;
    newest_is(&one, "fresh", fresh).await;
    drop(land);
    words.insert(first.name.clone(), (first.clone(), first_hears.await.unwrap()));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut duplicate_hears).await;
    assert!(early.is_err(), "heard of a batch that is not in: {early:?}");
    drop(fail);
    let (heard, again) = (second_hears.await.unwrap(), duplicate_hears.await.unwrap());
    assert_eq!(*again.receipt(), Receipt { replayed: true, ..heard.receipt().clone() });
    for (op, heard) in [(second, heard), (fresh, fresh_hears.await.unwrap())] {
        words.insert(op.name.clone(), (op.clone(), heard));
    }
    assert!(words.values().all(|(_, heard)| matches!(heard, Heard::In(receipt) if !receipt.replayed)), "{words:?}");
    check(book, &words).await;
    retries_hear_the_same(&two, &words).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn stale_on_sqlite() {
    on_sqlite(another_node_changed_the_stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn stale_on_postgres() {
    on_postgres(another_node_changed_the_stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn built_on_sand_on_sqlite() {
    let _alone = alone().await;
    alone_on_sqlite(refused_on_what_then_failed).await;
    alone_on_sqlite(built_on_what_nobody_knows).await;
    alone_on_sqlite(another_node_takes_the_version).await;
    alone_on_sqlite(a_key_of_a_batch_that_is_not_to_be).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn built_on_sand_on_postgres() {
    let _alone = alone().await;
    alone_on_postgres(refused_on_what_then_failed).await;
    alone_on_postgres(built_on_what_nobody_knows).await;
    alone_on_postgres(another_node_takes_the_version).await;
    alone_on_postgres(a_key_of_a_batch_that_is_not_to_be).await;
}
