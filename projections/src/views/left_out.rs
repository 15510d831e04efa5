//! What operators have left out of a model, from the log itself: a rebuild leaves it out too.

use std::collections::HashMap;

use domain::deadletter::{DeadLetter, LeftOut as Record};
use eventlog::{EventFilter, EventPage, Log, LogError, MAX_READ, Order};
use kernel::Decider;
use serde::Deserialize;

/// Types of the events that leave something out.
const TYPES: [&str; 2] = ["DeadLetterSkipped", "DeadLetterResolved"];

/// Positions that one version of a model does not apply, by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut(HashMap<String, Vec<(u64, u64)>>);

/// As much of such an event as is needed here.
#[derive(Deserialize)]
struct Says {
    left_out: Option<Record>,
}

impl LeftOut {
    /// Reads what was left out of a version of a model.
    pub(crate) async fn read(log: &Log, name: &str, version: u32) -> Result<Self, LogError> {
        let filter = EventFilter {
            types: TYPES.map(str::to_owned).to_vec(),
            stream_kind: Some(DeadLetter::KIND.to_owned()),
            ..EventFilter::default()
        };
        let (mut found, mut after) = (Self::default(), 0);
        loop {
            let page = EventPage { after: Some(after), before: None, order: Order::Ascending, limit: MAX_READ };
            let events = log.search(&filter, page).await?.events;
            let full = events.len() == MAX_READ;
            after = events.last().map_or(after, |event| event.position);
            let says = events.iter().filter_map(|event| serde_json::from_str::<Says>(&event.payload).ok()?.left_out);
            for Record { key, from, upto, .. } in says.filter(|record| record.projection == name && record.version == version) {
                found.0.entry(key).or_default().push((from, upto));
            }
            if !full {
                return Ok(found);
            }
        }
    }

    /// Is this position not applied to this key?
    pub(crate) fn covers(&self, key: &str, position: u64) -> bool {
        self.0.get(key).is_some_and(|ranges| ranges.iter().any(|(from, upto)| (*from..=*upto).contains(&position)))
    }
}
