//! `trace`: the tree of one interaction: command, its events, the commands that followed from those.

use std::collections::{BTreeMap, HashMap, HashSet};

use clap::Args;
use eventlog::{EventFilter, EventPage, Log, MAX_READ, Order, Recorded};
use serde_json::json;
use uuid::Uuid;

use crate::book::{self, event_json};
use crate::cli::{Common, Exit, Failed};

/// Most events of one interaction.
const MAX_EVENTS: usize = 100_000;

/// Options of `trace`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The interaction's correlation id, as every event and every answer names it.
    #[arg(value_name = "CORRELATION")]
    pub correlation: Uuid,
}

/// A command of the interaction, with its place in the tree.
#[derive(Debug, PartialEq, Eq)]
struct Step<'e> {
    depth: usize,
    command: Uuid,
    /// The event that it reacts to, when that belongs to the interaction.
    cause: Option<u64>,
    events: Vec<&'e Recorded>,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let log = book::log(common).await?;
    let events = events(&log, options.correlation).await;
    log.close().await;
    let events = events?;
    if events.is_empty() {
        let message = format!("no event belongs to interaction {}", options.correlation);
        return Err(Failed::new(Exit::Failure, message, "`daybook-replay events` shows the correlation ids (--json)"));
    }
    for step in tree(&events) {
        println!("{}", if common.json { step_json(&step) } else { step_text(&step) });
    }
    Ok(())
}

async fn events(log: &Log, correlation: Uuid) -> Result<Vec<Recorded>, Failed> {
    let filter = EventFilter { correlation_id: Some(correlation), ..EventFilter::default() };
    let mut events = Vec::<Recorded>::new();
    while events.len() < MAX_EVENTS {
        let after = events.last().map(|event| event.position);
        let found = log.search(&filter, EventPage { after, before: None, order: Order::Ascending, limit: MAX_READ }).await?.events;
        let full = found.len() == MAX_READ;
        events.extend(found);
        if !full {
            break;
        }
    }
    Ok(events)
}

/// The commands in the order of the tree: each after the event that it reacts to, siblings in the order of the log.
fn tree(events: &[Recorded]) -> Vec<Step<'_>> {
    let positions: HashMap<Uuid, u64> = events.iter().map(|event| (event.event_id, event.position)).collect();
    let mut commands: BTreeMap<u64, (Uuid, Option<u64>, Vec<&Recorded>)> = BTreeMap::new();
    let mut first: HashMap<Uuid, u64> = HashMap::new();
    for event in events {
        let at = *first.entry(event.command_id).or_insert(event.position);
        let cause = event.causation_id.and_then(|cause| positions.get(&cause).copied());
        commands.entry(at).or_insert_with(|| (event.command_id, cause, Vec::new())).2.push(event);
    }
    let mut after: BTreeMap<Option<u64>, Vec<u64>> = BTreeMap::new();
    for (at, (_, cause, _)) in &commands {
        after.entry(*cause).or_default().push(*at);
    }
    // Deepest last on the stack; a cause always lies before what it causes, so that nothing comes twice.
    let (mut steps, mut done) = (Vec::with_capacity(commands.len()), HashSet::new());
    let mut stack: Vec<(usize, u64)> = after.get(&None).into_iter().flatten().rev().map(|at| (0, *at)).collect();
    while let Some((depth, at)) = stack.pop() {
        let (Some((command, cause, events)), true) = (commands.get(&at), done.insert(at)) else { continue };
        let next = events.iter().flat_map(|event| after.get(&Some(event.position)).into_iter().flatten());
        let mut next: Vec<(usize, u64)> = next.map(|at| (depth + 1, *at)).collect();
        next.reverse();
        stack.extend(next);
        steps.push(Step { depth, command: *command, cause: *cause, events: events.clone() });
    }
    steps
}

fn step_text(step: &Step<'_>) -> String {
    let indent = "  ".repeat(step.depth);
    let first = step.events.first();
    let who = first.map_or_else(String::new, |event| format!(" by {} at {}", event.actor, event.recorded_at));
    let cause = step.cause.map_or_else(String::new, |position| format!(", because of {position}"));
    let events =
        step.events.iter().map(|event| format!("\n{indent}  {} {}@{} {}", event.position, event.stream, event.version, event.event_type));
    format!("{indent}command {}{who}{cause}{}", step.command, events.collect::<String>())
}

fn step_json(step: &Step<'_>) -> String {
    let events: Vec<_> = step.events.iter().map(|event| event_json(event)).collect();
    json!({ "depth": step.depth, "command_id": step.command, "cause": step.cause, "events": events }).to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use kernel::{Actor, Timestamp};

    use super::*;

    fn event(position: u64, command: u128, cause: Option<u64>) -> Recorded {
        Recorded {
            position,
            stream: "booking-1".parse().unwrap(),
            version: position,
            event_id: Uuid::from_u128(position.into()),
            event_type: "Made".into(),
            schema_version: 1,
            recorded_at: Timestamp::UNIX_EPOCH,
            occurred_at: Timestamp::UNIX_EPOCH,
            actor: Actor::Anonymous,
            correlation_id: Uuid::nil(),
            causation_id: cause.map(|cause| Uuid::from_u128(cause.into())),
            command_id: Uuid::from_u128(command),
            traceparent: None,
            digest: eventlog::payload_digest(b"{}"),
            payload: "{}".into(),
        }
    }

    #[test]
    fn a_reaction_stands_below_its_cause() {
        // 1 makes 1 and 2; because of 1 comes 30, because of 2 comes 40, because of 40's event comes 50; 60 was caused elsewhere.
        let events = [
            event(1, 10, None),
            event(2, 10, None),
            event(3, 40, Some(2)),
            event(4, 30, Some(1)),
            event(5, 50, Some(3)),
            event(6, 60, Some(99)),
        ];
        let shape: Vec<(usize, u128, Option<u64>)> =
            tree(&events).iter().map(|step| (step.depth, step.command.as_u128(), step.cause)).collect();
        assert_eq!(shape, [(0, 10, None), (1, 30, Some(1)), (1, 40, Some(2)), (2, 50, Some(3)), (0, 60, None)]);
        assert!(step_text(&tree(&events)[3]).starts_with("    command "));
    }
}
