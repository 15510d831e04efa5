//! What must hold after every fault.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use daybook_eventlog::verify::{self, Verdict};
use daybook_eventlog::{Log, MAX_READ, Receipt, Recorded};
use kernel::{Decider, StreamName};
use uuid::Uuid;

use crate::book::Book;
use crate::chain::{Chain, Event, Heard, Op, Words, link};

/// All events, by pages.
pub async fn everything(log: &Log) -> Vec<Recorded> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let page = log.read(events.len() as u64, MAX_READ).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// Checks the whole book against what clients heard; gives its events.
pub async fn check(book: &Book, words: &Words) -> Vec<Recorded> {
    let log = book.open().await;
    let events = everything(&log).await;
    let chains = order(&events);
    said(&events, &chains, words);
    rows(book, &events).await;
    for (chain, links) in &chains {
        let state = (Chain::fold(links.iter()), links.len() as u64);
        assert_eq!(log.load::<Chain>(chain).await.unwrap(), state, "{chain}");
    }
    log.close().await;
    let verdict = verify::verify(&book.url, verify::Range::default(), &mut ()).await.unwrap();
    assert!(matches!(&verdict, Verdict::Holds(held) if held.to == events.len() as u64), "{verdict:?}");
    events
}

/// Dense positions and versions, times that never fall, and every event decided on the one before it (E1). Gives the chains.
fn order(events: &[Recorded]) -> BTreeMap<String, Vec<Event>> {
    assert!(events.iter().map(|e| e.position).eq(1..=events.len() as u64), "positions have a gap");
    assert!(events.windows(2).all(|pair| pair[0].recorded_at <= pair[1].recorded_at), "the store's time fell");
    let mut chains = BTreeMap::<String, Vec<Event>>::new();
    for event in events {
        let link = link(event);
        let links = chains.entry(event.stream.id().to_owned()).or_default();
        assert_eq!(event.version, links.len() as u64 + 1, "{} at position {}", event.stream, event.position);
        let state = Chain::fold(links.iter());
        assert_eq!(link.after, state.last, "position {} was decided on another state", event.position);
        links.push(Event::Linked(link));
    }
    chains
}

/// Nothing acknowledged is lost, nothing is in twice, nothing that was denied is in, and every refusal was true (E2, E3).
fn said(events: &[Recorded], chains: &BTreeMap<String, Vec<Event>>, words: &Words) {
    let mut found = HashMap::<String, Vec<&Recorded>>::new();
    for event in events {
        found.entry(link(event).op).or_default().push(event);
    }
    for (name, (op, heard)) in words {
        let in_log = found.remove(name).unwrap_or_default();
        match heard {
            Heard::In(receipt) => {
                all_of(op, &in_log);
                fits(receipt, &in_log);
            }
            Heard::Refused(on) => {
                assert!(in_log.is_empty(), "{name} was refused and is in");
                assert!(op.chains.iter().any(|chain| was(chains.get(chain), on)), "{name} was refused on what never was: {on:?}");
            }
            Heard::Failed(error) => assert!(in_log.is_empty(), "{name} is in, but failed with: {error}"),
            Heard::Unknown if in_log.is_empty() => {}
            Heard::Unknown => all_of(op, &in_log),
        }
    }
    assert!(found.is_empty(), "in the log, but nobody asked: {:?}", found.keys());
}

/// Once on each of its chains, one after the other.
fn all_of(op: &Op, in_log: &[&Recorded]) {
    let chains: Vec<_> = in_log.iter().map(|event| event.stream.id()).collect();
    assert_eq!(chains, op.chains, "{} is in with something else than it asked for", op.name);
    assert!(in_log.windows(2).all(|pair| pair[0].position + 1 == pair[1].position), "{} is torn", op.name);
    assert_eq!(in_log.iter().map(|event| event.command_id).collect::<BTreeSet<_>>().len(), 1, "{} is of two commands", op.name);
}

fn fits(receipt: &Receipt, in_log: &[&Recorded]) {
    assert!(in_log.iter().all(|event| event.command_id == receipt.command_id && event.correlation_id == receipt.correlation_id));
    assert!(in_log.iter().map(|event| event.event_id).eq(receipt.event_ids.iter().copied()));
    let last = in_log.last().expect("every operation has an event");
    assert_eq!((last.position, last.recorded_at), (receipt.position, receipt.committed_at));
}

/// Was this ever a chain's committed state?
fn was(links: Option<&Vec<Event>>, state: &Chain) -> bool {
    let mut now = Chain::default();
    let mut found = now == *state;
    for link in links.into_iter().flatten() {
        now = now.evolve(link);
        found |= now == *state;
    }
    found
}

/// The rows beside the events: head and receipts; and the streams, which are dense.
async fn rows(book: &Book, events: &[Recorded]) {
    let mut raw = book.raw().await;
    let head = raw.rows::<(i64, Option<Uuid>)>("select position, last_event_id from log_head").await;
    assert_eq!(head, [(events.len() as i64, events.last().map(|event| event.event_id))]);
    let mut versions = BTreeMap::<StreamName, i64>::new();
    for event in events {
        let version = versions.entry(event.stream.clone()).or_default();
        *version += 1;
        assert_eq!(*version, event.version as i64, "position {}", event.position);
    }
    let receipts = raw.rows::<(Uuid, i64, i64)>("select command_id, first_position, cast(events as bigint) from receipts").await;
    for (command, first, count) in receipts {
        let of_command: Vec<_> = events.iter().filter(|e| e.command_id == command).map(|e| e.position as i64).collect();
        assert!(of_command.into_iter().eq(first..first + count), "the receipt of {command} names other events");
    }
}

/// A retry under the key of whoever heard an answer gives the first answer again.
pub async fn retries_hear_the_same(log: &Log, words: &Words) {
    for (op, heard) in words.values().filter(|(op, _)| op.keyed) {
        match heard {
            Heard::In(first) => {
                let again = op.run(log).await;
                assert!(again.receipt().replayed, "{} went in again", op.name);
                assert_eq!(Receipt { replayed: first.replayed, ..again.receipt().clone() }, *first, "{}", op.name);
            }
            Heard::Refused(on) => assert!(matches!(op.run(log).await, Heard::Refused(again) if again == *on), "{}", op.name),
            Heard::Failed(_) | Heard::Unknown => {}
        }
    }
}
