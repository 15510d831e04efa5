//! From events to writes: pure, in memory, one batch at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use eventlog::Recorded;

use crate::known::Known;
use crate::tail::Stretch;
use crate::views::definition::{Definition, Folded};
use crate::views::error::ViewError;
use crate::views::left_out::LeftOut;
use crate::views::sql::Upsert;

/// Traces that one batch names.
const MAX_TRACES: usize = 32;

/// Events by the keys that they touch.
pub(crate) struct Batch<E> {
    keys: BTreeMap<String, Vec<Arc<Known<E>>>>,
    /// The last position of the batch.
    pub upto: u64,
    /// Where it had to end, and why.
    pub halt: Option<Halt>,
}

/// An event that the model cannot pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Halt {
    pub position: u64,
    pub reason: String,
}

/// An event that was not applied to a key: a poison (with its reason), or one after a poison.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    pub key: String,
    pub position: u64,
    pub event_type: String,
    pub reason: Option<String>,
}

/// What a batch changes.
#[derive(Default)]
pub(crate) struct Changes {
    pub upserts: Vec<Upsert>,
    pub deletes: Vec<String>,
    pub parked: Vec<Parked>,
}

impl Changes {
    /// Is no row touched?
    pub(crate) fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.deletes.is_empty() && self.parked.is_empty()
    }
}

impl<E> Batch<E> {
    /// Sorts a stretch of the log by key, up to an event that cannot be read.
    pub(crate) fn gather(definition: &Definition<E>, stretch: &Stretch<E>, left_out: &LeftOut) -> Self {
        let mut batch = Self { keys: BTreeMap::new(), upto: stretch.after, halt: None };
        for (position, seen) in stretch.positions() {
            match seen.events() {
                Ok(events) => {
                    for event in events {
                        for key in (definition.keys)(event).into_iter().filter(|key| !left_out.covers(key, position)) {
                            batch.keys.entry(key).or_default().push(Arc::clone(event));
                        }
                    }
                }
                Err((event_type, reason)) => {
                    let reason = format!("cannot read event {event_type} at position {position}: {reason}");
                    batch.halt = Some(Halt { position, reason });
                    return batch;
                }
            }
            batch.upto = position;
        }
        batch
    }

    /// The traces of the commands that the events came from, as `traceparent`s with commas between them; some of many.
    pub(crate) fn traces(&self) -> String {
        let events = self.keys.values().flatten();
        let traces: BTreeSet<&str> = events.filter_map(|event| event.recorded.traceparent.as_deref()).take(MAX_TRACES).collect();
        traces.into_iter().collect::<Vec<_>>().join(",")
    }

    /// The keys touched with their events, in order.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&String, &Vec<Arc<Known<E>>>)> {
        self.keys.iter()
    }

    /// The keys touched, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    /// Folds the batch over the stored rows. Where a model that posts money meets a poison, the batch is cut before it.
    pub(crate) fn fold(
        &mut self,
        definition: &Definition<E>,
        docs: &HashMap<String, String>,
        parked: &HashSet<String>,
    ) -> Result<Changes, ViewError> {
        let (mut changes, mut poison) = (Changes::default(), None::<Halt>);
        for (key, events) in &self.keys {
            if parked.contains(key) {
                changes.park(key, events, None);
                continue;
            }
            let doc = docs.get(key).map(String::as_str);
            let mut folded = (definition.fold)(key, doc, events)?;
            match folded.poison.take() {
                Some((at, reason)) if definition.posts_money => {
                    let position = events[at].position();
                    if poison.as_ref().is_none_or(|first| position < first.position) {
                        let reason = format!("event {} at position {position}: {reason}", events[at].recorded.event_type);
                        poison = Some(Halt { position, reason });
                    }
                }
                Some((at, reason)) => {
                    // A stored event is applied as a whole or not at all, however many events of today it has become.
                    let start = events[..at].iter().rposition(|event| event.position() < events[at].position()).map_or(0, |last| last + 1);
                    if start < at {
                        folded = (definition.fold)(key, doc, &events[..start])?;
                    }
                    changes.park(key, &events[start..], Some(reason.to_string()));
                    changes.write(key, doc.is_some(), folded, &events[..start]);
                }
                None => changes.write(key, doc.is_some(), folded, events),
            }
        }
        match poison {
            None => Ok(changes),
            // Everything before the poison is applied; a second pass meets none.
            Some(halt) => {
                self.cut_before(halt);
                self.fold(definition, docs, parked)
            }
        }
    }

    fn cut_before(&mut self, halt: Halt) {
        for events in self.keys.values_mut() {
            events.retain(|event| event.position() < halt.position);
        }
        self.keys.retain(|_, events| !events.is_empty());
        self.upto = halt.position - 1;
        self.halt = Some(halt);
    }
}

impl Changes {
    /// Parks a key's events, each stored one once; the first with a reason, if it is the poison.
    pub(crate) fn park<E>(&mut self, key: &str, events: &[Arc<Known<E>>], mut reason: Option<String>) {
        for same in events.chunk_by(|one, next| one.position() == next.position()) {
            let Recorded { position, event_type, .. } = &same[0].recorded;
            self.parked.push(Parked { key: key.to_owned(), position: *position, event_type: event_type.clone(), reason: reason.take() });
        }
    }

    /// Notes what became of a row that these events were applied to.
    fn write<E>(&mut self, key: &str, existed: bool, folded: Folded, applied: &[Arc<Known<E>>]) {
        let Some(last) = applied.last() else { return };
        match folded.row {
            Some(row) => self.upserts.push(Upsert { key: key.to_owned(), row, position: last.position() }),
            None if existed => self.deletes.push(key.to_owned()),
            None => {}
        }
    }
}
