//! Each reaction happens once: commands, timers and outside calls, by hand and in the background.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use daybook_projections::process::{EffectOutcome, ProcessError, QueueFigures};
use kernel::Timestamp;

use crate::book::Book;
use crate::echo::{Set, alarm, answers, ask};
use crate::toy::{Toy, added, append};
use crate::upcasts::{Old, append_old};

pub async fn everything_happens_in_a_fixed_order_by_hand(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    let runtime = set.manual(&views).await;
    append(&book.log, "b", alarm(20)).await; // 1
    append(&book.log, "a", alarm(20)).await; // 2
    append(&book.log, "c", alarm(10)).await; // 3
    append(&book.log, "d", alarm(10)).await; // 4
    append(&book.log, "d", vec![Toy::Calmed {}]).await; // 5
    append(&book.log, "e", alarm(90)).await; // 6
    append(&book.log, "e", alarm(15)).await; // 7: in place of the first
    append(&book.log, "x", ask("it")).await; // 8
    append(&book.log, "y", vec![added(2)]).await; // 9
    runtime.settle().await.unwrap();
    assert_eq!(answers(book).await, ["echo:9:0", "echo:9:1", "echo:8:0"]);
    assert_eq!(runtime.next_timer_due().await.unwrap(), Timestamp::from_second(10).ok());
    set.clock.0.store(20, SeqCst);
    runtime.settle().await.unwrap();
    let fired =
        ["timer:echo:toy-c:10000000:3", "timer:echo:toy-e:15000000:7", "timer:echo:toy-a:20000000:2", "timer:echo:toy-b:20000000:1"];
    assert_eq!(answers(book).await[3..], fired);
    assert_eq!(runtime.next_timer_due().await.unwrap(), None);
    runtime.settle().await.unwrap();
    assert_eq!(answers(book).await.len(), 7);
    runtime.stop().await;
}

pub async fn a_page_may_ask_for_more_than_one_statement_takes(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    let runtime = set.manual(&views).await;
    // 150 outside calls on one page; then 150 timers, of which 110 are cancelled and 20 of these set anew, on two.
    let many = 150;
    append(&book.log, "asking", (0..many).map(|_| Toy::Asked { what: "it".into() }).collect()).await;
    runtime.settle().await.unwrap();
    assert_eq!(answers(book).await.len(), many);
    let (cancelled, anew) = (110, 20);
    for i in 0..many {
        append(&book.log, format!("t{i}"), alarm(10)).await;
        if i < cancelled {
            append(&book.log, format!("t{i}"), vec![Toy::Calmed {}]).await;
        }
    }
    for i in 0..anew {
        append(&book.log, format!("t{i}"), alarm(20)).await;
    }
    runtime.settle().await.unwrap();
    set.clock.0.store(10, SeqCst);
    runtime.settle().await.unwrap();
    assert_eq!(answers(book).await.len(), many + many - cancelled);
    set.clock.0.store(20, SeqCst);
    runtime.settle().await.unwrap();
    let all = answers(book).await;
    assert_eq!(all.len(), many + many - cancelled + anew);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(runtime.next_timer_due().await.unwrap(), None);
    runtime.stop().await;
}

pub async fn reactions_are_numbered_through_a_position(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    // One event of an older program that is three of today's, the second of which asks for nothing; then one that is none.
    append_old(book, "a", Old::AllAdded { amounts: vec![2, 0, 1] }).await;
    append_old(book, "a", Old::LookedAt {}).await;
    append(&book.log, "a", vec![added(1)]).await;
    let runtime = set.manual(&views).await;
    runtime.settle().await.unwrap();
    assert_eq!(answers(book).await, ["echo:1:0", "echo:1:1", "echo:1:2", "echo:3:0"]);
    runtime.stop().await;
}

pub async fn what_is_repeated_changes_nothing(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    for i in 0..5 {
        append(&book.log, i, vec![added(2)]).await;
        append(&book.log, i, alarm(5 + i)).await;
        append(&book.log, i, ask("it")).await;
    }
    set.clock.0.store(7, SeqCst);
    // Each round does one thing, claims that it did not, and ends: as after a crash, the next one finds the old checkpoint.
    for _ in 0..30 {
        set.desk.forgetful.store(true, SeqCst);
        let runtime = set.manual(&views).await;
        let settled = runtime.settle().await;
        assert!(matches!(settled, Ok(()) | Err(ProcessError::Work { .. })));
        runtime.stop().await;
    }
    set.desk.forgetful.store(false, SeqCst);
    let runtime = set.manual(&views).await;
    runtime.settle().await.unwrap();
    runtime.stop().await;
    let first = answers(book).await;
    let mut times = BTreeMap::new();
    first.iter().for_each(|id| *times.entry(id).or_insert(0) += 1);
    // 10 commands, 5 effects, the 3 timers due by now.
    assert_eq!((times.len(), times.values().max()), (18, Some(&1)));
    // A checkpoint that is thrown away altogether: everything is asked for again under the same ids.
    book.log_sql("update process_checkpoints set position = 0").await;
    let runtime = set.manual(&views).await;
    runtime.settle().await.unwrap();
    runtime.stop().await;
    assert_eq!(answers(book).await, first);
}

pub async fn a_runtime_that_is_killed_anywhere_doubles_nothing(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    for i in 0..8 {
        append(&book.log, i, vec![added(2), Toy::Alarmed { due: i }, Toy::Asked { what: "it".into() }]).await;
    }
    set.clock.0.store(100, SeqCst);
    for round in 0..60 {
        let runtime = set.manual(&views).await;
        // Gone in the middle of something; what it leased runs out.
        let _ = tokio::time::timeout(Duration::from_micros(200 + round * 100), runtime.settle()).await;
        drop(runtime);
        book.log_sql("update leases set expires_at = 0; update effects set leased_until = 0").await;
    }
    let runtime = set.manual(&views).await;
    runtime.settle().await.unwrap();
    let mut all = answers(book).await;
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!((all.len(), count), (32, 32));
    runtime.stop().await;
}

/// Commands of several events are under way at once; some are done and not known to be, and the runtime stops in between.
pub async fn many_at_once_happen_once(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    for i in 0..40 {
        append(&book.log, i, vec![added(2)]).await;
    }
    for round in 0..8 {
        set.desk.forgetful.store(true, SeqCst);
        let runtime = set.background(&views).await;
        let _ = tokio::time::timeout(Duration::from_millis(2 + round * 5), runtime.settle()).await;
        runtime.stop().await;
    }
    let runtime = set.background(&views).await;
    runtime.settle().await.unwrap();
    runtime.stop().await;
    let mut all = answers(book).await;
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!((all.len(), count), (80, 80));
}

pub async fn calls_are_repeated_then_parked(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    for what in ["never", "third", "nonsense", "it"] {
        append(&book.log, what, ask(what)).await;
    }
    let runtime = set.background(&views).await;
    runtime.settle().await.unwrap();
    let mut calls = set.desk.calls();
    calls.sort();
    let expected: Vec<(String, u32)> = [(1, 4), (2, 3), (3, 1), (4, 1)]
        .into_iter()
        .flat_map(|(position, attempts)| (1..=attempts).map(move |attempt| (format!("echo:{position}:0"), attempt)))
        .collect();
    assert_eq!(calls, expected);
    let letters = runtime.dead_letters(10).await.unwrap();
    let letters: Vec<_> = letters.iter().map(|l| (l.id.as_str(), l.attempts, l.reason.as_deref().unwrap())).collect();
    assert_eq!(letters, [("echo:1:0", 4, "nobody there"), ("echo:3:0", 1, "no such thing")]);
    let figures = runtime.figures().await.unwrap();
    assert_eq!(figures.queue, QueueFigures { parked: 2, ..QueueFigures::default() });
    let count = |outcome| figures.effects.get(&("outside", outcome)).copied().unwrap_or(0);
    let (done, retried, parked) = (count(EffectOutcome::Done), count(EffectOutcome::Retried), count(EffectOutcome::Parked));
    assert_eq!((done, retried, parked), (2, 5, 2));
    runtime.stop().await;
}

pub async fn a_command_that_cannot_work_is_parked(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    append(&book.log, "a", vec![added(1)]).await;
    append(&book.log, "b", alarm(0)).await;
    set.desk.fatal.store(true, SeqCst);
    let runtime = set.manual(&views).await;
    runtime.settle().await.unwrap();
    set.desk.fatal.store(false, SeqCst);
    append(&book.log, "a", vec![added(1)]).await;
    runtime.settle().await.unwrap();
    assert_eq!(answers(book).await, ["echo:3:0"]);
    let letters: Vec<_> = runtime.dead_letters(10).await.unwrap().into_iter().map(|letter| letter.id).collect();
    assert_eq!(letters, ["echo:1:0", "timer:echo:toy-b:0:2"]);
    runtime.stop().await;
}

pub async fn an_unreadable_event_stops_the_process_before_it(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    append(&book.log, "a", vec![added(1), Toy::Garbled {}, added(1)]).await;
    let runtime = set.manual(&views).await;
    for _ in 0..2 {
        assert!(matches!(runtime.settle().await, Err(ProcessError::Unreadable { process: "echo", position: 2, .. })));
        assert_eq!(answers(book).await, ["echo:1:0"]);
    }
    runtime.stop().await;
}

pub async fn the_background_comes_to_rest(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    let runtime = set.background(&views).await;
    for i in 0..10 {
        append(&book.log, i, vec![added(3)]).await;
        append(&book.log, i, ask("it")).await;
        append(&book.log, i, alarm(i + 1)).await;
    }
    runtime.settle().await.unwrap();
    assert_eq!(answers(book).await.len(), 40);
    set.clock.0.store(100, SeqCst);
    runtime.settle().await.unwrap();
    assert_eq!(answers(book).await.len(), 50);
    runtime.stop().await;
}

pub async fn two_runtimes_share_without_doubling(book: &Book) {
    let (views, set) = (book.views().await, Set::of(book));
    let (first, second) = (set.background(&views).await, set.background(&views).await);
    for i in 0..10 {
        append(&book.log, i, vec![added(2)]).await;
        append(&book.log, i, ask("it")).await;
    }
    first.settle().await.unwrap();
    assert_eq!(answers(book).await.len(), 30);
    // The one that stops leaves the process to the other.
    first.stop().await;
    append(&book.log, "z", vec![added(2)]).await;
    append(&book.log, "z", ask("it")).await;
    second.settle().await.unwrap();
    let all = answers(book).await;
    assert_eq!((all.len(), all.iter().collect::<std::collections::BTreeSet<_>>().len()), (33, 33));
    assert_eq!(set.desk.calls().len(), 11);
    second.stop().await;
}
