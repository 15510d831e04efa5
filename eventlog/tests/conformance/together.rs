//! Commands that are decided together: each has its own answer, as if it had come alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use daybook_eventlog::{CommandMeta, Decision, ExecuteError, Executed, Joint, Log, LogError, Stop};
use kernel::{Actor, At, Decider, Refused, StreamName};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::book::Book;
use crate::tally::{Command, Event, Tally, add, command};
use crate::verify::holds;

/// Adds so much, unless it is nothing.
struct Addition(i64);

impl Joint for Addition {
    type State = Tally;
    type Answer = i64;

    fn weight(&self) -> usize {
        1
    }

    fn decide(&self, command: &CommandMeta, state: &mut Tally) -> Result<Decision<Self>, Stop> {
        if self.0 == 0 {
            return Err(Stop::Refused(Refused::code("NOTHING")));
        }
        let events = state.decide(At { now: command.now, actor: command.actor.clone(), command: Command::Add(self.0) })?;
        *state = events.iter().fold(std::mem::take(state), Tally::evolve);
        Ok((state.total, events))
    }
}

fn stream() -> StreamName {
    StreamName::new(Tally::KIND, "a").unwrap()
}

fn keyed(key: usize) -> CommandMeta {
    let correlation_id = Uuid::new_v4();
    CommandMeta { correlation_id, actor: Actor::system(&format!("client-{}", key % 3)), ..command().keyed(key.to_string(), "in") }
}

async fn joined(log: &Log, meta: &CommandMeta, amount: i64) -> Result<Executed<i64>, ExecuteError> {
    log.execute_together(meta, stream(), Arc::new(Addition(amount))).await
}

/// All of these at once, each with its number for a key.
async fn at_once(logs: &[Log], amounts: impl IntoIterator<Item = (usize, i64)>) -> Vec<(CommandMeta, Result<Executed<i64>, ExecuteError>)> {
    let mut clients = JoinSet::new();
    for (key, amount) in amounts {
        let log = logs[key % logs.len()].clone();
        clients.spawn(async move {
            let meta = keyed(key);
            let heard = joined(&log, &meta, amount).await;
            (meta, heard)
        });
    }
    clients.join_all().await
}

/// Every answer names the one event of its own command, which bears that command's circumstances.
pub async fn each_has_its_own_answer(book: &Book) {
    let log = book.open().await;
    let heard = at_once(std::slice::from_ref(&log), (0..300).map(|key| (key, 1))).await;
    let mut totals = BTreeSet::new();
    for (meta, heard) in heard {
        let Executed { receipt, value } = heard.unwrap();
        let event = log.read(receipt.position - 1, 1).await.unwrap().remove(0);
        assert_eq!((receipt.event_ids, receipt.replayed), (vec![event.event_id], false));
        assert_eq!((event.command_id, event.correlation_id, &event.actor), (meta.command_id, meta.correlation_id, &meta.actor));
        assert_eq!((receipt.command_id, event.version), (meta.command_id, u64::try_from(value).unwrap()));
        totals.insert(value);
    }
    assert!(totals.into_iter().eq(1..=300), "everybody decided on what the one before had left");
    assert_eq!(holds(book).await.receipts, 300);
}

/// A refusal is one command's, stored under its key; whoever wrote on the stream otherwise meanwhile is in, too.
pub async fn a_refusal_is_its_own(book: &Book) {
    let log = book.open().await;
    let other = {
        let log = log.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                add(&log, "a", 1).await;
            }
        })
    };
    let heard = at_once(std::slice::from_ref(&log), (0..100).map(|key| (key, i64::from(key % 4 != 0)))).await;
    other.await.unwrap();
    let refused = |heard: &Result<Executed<i64>, ExecuteError>| matches!(heard, Err(ExecuteError::Refused { replayed: false, .. }));
    assert_eq!(heard.iter().filter(|(_, heard)| refused(heard)).count(), 25);
    assert_eq!(heard.iter().filter(|(_, heard)| heard.is_ok()).count(), 75);
    assert_eq!(log.load::<Tally>("a").await.unwrap().0.total, 95);
    let again = joined(&log, &keyed(4), 5).await;
    assert!(matches!(again, Err(ExecuteError::Refused { refused, replayed: true }) if refused.code == "NOTHING"));
    holds(book).await;
}

/// The same key at once, and after a restart among fresh ones: one set of events, one answer.
pub async fn a_known_key_is_replayed(book: &Book) {
    let log = book.open().await;
    let heard = at_once(std::slice::from_ref(&log), vec![(7, 3); 40]).await;
    let first: Vec<_> = heard.into_iter().map(|(_, heard)| heard.unwrap()).collect();
    assert_eq!(first.iter().filter(|done| !done.receipt.replayed).count(), 1);
    assert!(first.iter().all(|done| done.value == 3 && done.receipt.event_ids == first[0].receipt.event_ids));
    log.close().await;
    let log = book.open().await;
    let heard = at_once(std::slice::from_ref(&log), (0..20).map(|key| (key, 3))).await;
    for (meta, heard) in heard {
        assert_eq!(heard.unwrap().receipt.replayed, meta.key.as_deref() == Some("7"));
    }
    assert_eq!(log.load::<Tally>("a").await.unwrap().0.total, 60);
    let other = CommandMeta { input: b"other".to_vec(), ..keyed(7) };
    assert!(matches!(joined(&log, &other, 3).await, Err(ExecuteError::KeyReused)));
    holds(book).await;
}

/// Two nodes combine on one stream, and a third command stops: nothing is lost, nothing is there twice.
pub async fn nodes_that_combine_lose_nothing(book: &Book) {
    let nodes = [book.open().await, book.open().await];
    let stopped = tokio::spawn({
        let log = nodes[0].clone();
        async move { joined(&log, &keyed(1_000), 1).await }
    });
    stopped.abort();
    for round in 0..5 {
        let heard = at_once(&nodes, (0..40).map(|client| (round * 40 + client, 1))).await;
        heard.into_iter().for_each(|(_, heard)| assert!(!heard.unwrap().receipt.replayed));
    }
    let (tally, version) = nodes[0].load::<Tally>("a").await.unwrap();
    assert!((200..=201).contains(&tally.total) && version == u64::try_from(tally.total).unwrap(), "{tally:?}");
    nodes[0].close().await;
    let closed = joined(&nodes[0], &keyed(2_000), 1).await;
    assert!(matches!(closed, Err(ExecuteError::Log(LogError::Closed))), "{closed:?}");
}

/// A stream whose events may be large.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Heap(Vec<usize>);

#[derive(Clone, Debug, thiserror::Error)]
#[error("never")]
enum Never {}

impl kernel::Refusal for Never {
    fn refused(&self) -> Refused {
        match *self {}
    }
}

impl Decider for Heap {
    const KIND: &'static str = "heap";
    const BULKY: bool = true;
    type Command = Vec<usize>;
    type Event = Event;
    type Refusal = Never;

    fn decide(&self, at: At<Vec<usize>>) -> Result<Vec<Event>, Never> {
        Ok(at.command.into_iter().map(|size| Event::Added { amount: 1, note: "n".repeat(size) }).collect())
    }

    fn evolve(mut self, event: &Event) -> Self {
        if let Event::Added { note, .. } = event {
            self.0.push(note.len());
        }
        self
    }
}

/// A fold reads whole pages of small events and few large ones, and none is left out where one page ends.
pub async fn large_and_small_events_are_folded(book: &Book) {
    let log = book.open().await;
    let sizes: Vec<Vec<usize>> = vec![vec![1; 1_000], vec![3 << 20, 1, 3 << 20], vec![5 << 20], vec![2; 1_100], vec![1 << 20; 5]];
    for batch in &sizes {
        let write = |session: daybook_eventlog::Session| async move {
            let mut heap = session.load::<Heap>("a").await?;
            session.decide(&mut heap, batch.clone())?;
            Ok(())
        };
        log.execute(&command(), write).await.unwrap();
    }
    log.close().await;
    let (heap, version) = book.open().await.load::<Heap>("a").await.unwrap();
    let all = sizes.concat();
    assert!(heap.0 == all && version == all.len() as u64, "{version} of {}", all.len());
}
