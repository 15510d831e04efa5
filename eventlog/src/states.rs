//! The newest state of each stream that this node knows: committed, or decided and on its way to the store.
//!
//! A command decides on it at once, without waiting until what it builds on is durable. It is answered only after its own
//! commit, and fails with what it rests on: a [`Fate`] tells. The cache is bounded and only ever a hint; the version check
//! under the head's lock decides.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::StreamName;

use crate::recent::Recent;

/// Committed states kept. A state is what decisions need and no more: a few hundred bytes.
const SETTLED: usize = 25_000;

/// What becomes of a command on its way: open, then once and for all committed or failed.
#[derive(Debug, Default)]
pub(crate) struct Fate(AtomicU8);

const OPEN: u8 = 0;
const COMMITTED: u8 = 1;
const FAILED: u8 = 2;

impl Fate {
    pub(crate) fn settle(&self, committed: bool) {
        self.0.store(if committed { COMMITTED } else { FAILED }, Ordering::Release);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire) == OPEN
    }

    pub(crate) fn is_committed(&self) -> bool {
        self.0.load(Ordering::Acquire) == COMMITTED
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.0.load(Ordering::Acquire) == FAILED
    }
}

/// A state of any kind.
pub(crate) type AnyState = Arc<dyn Any + Send + Sync>;

/// A stream's state at a version, and the command on its way that made it, if any.
#[derive(Clone)]
pub(crate) struct Known {
    pub version: u64,
    pub state: AnyState,
    pub fate: Option<Arc<Fate>>,
}

/// What a command decided on: a stream at a version, and whose work it rests on.
pub(crate) struct Basis {
    pub stream: StreamName,
    pub version: u64,
    pub fate: Option<Arc<Fate>>,
}

/// The states of one log.
pub(crate) struct States(Mutex<Newest>);

struct Newest {
    /// Decided and not yet durable; never more than there are commands on their way.
    in_flight: HashMap<StreamName, Known>,
    settled: Recent<StreamName, Known>,
}

/// What a command decided on is no longer the newest that this node knows.
pub(crate) struct Overtaken;

impl Default for States {
    fn default() -> Self {
        Self(Mutex::new(Newest { in_flight: HashMap::new(), settled: Recent::new(SETTLED) }))
    }
}

impl States {
    /// The newest state of a stream, if it is known here.
    pub(crate) fn newest(&self, stream: &StreamName) -> Option<Known> {
        let mut known = self.known();
        let in_flight = known.in_flight.get(stream).filter(|known| known.alive()).cloned();
        in_flight.or_else(|| known.settled.get(stream))
    }

    /// Remembers a state read from the store, unless a newer one is known.
    pub(crate) fn loaded(&self, stream: &StreamName, version: u64, state: AnyState) {
        let mut known = self.known();
        // Nothing is remembered of streams that do not exist: whoever asks for random ones must not evict the others.
        if version > 0 && known.settled.peek(stream).is_none_or(|known| known.version < version) {
            known.settled.insert(stream.clone(), Known { version, state, fate: None });
        }
    }

    /// Makes a command's new states the newest, provided that all that it decided on still is; `hand_over` runs within the
    /// same step, so that commands reach the appender in the order in which their states were published.
    pub(crate) fn publish(&self, bases: &[Basis], written: Vec<(StreamName, Known)>, hand_over: impl FnOnce()) -> Result<(), Overtaken> {
        let mut known = self.known();
        if !bases.iter().all(|basis| known.holds(basis)) {
            return Err(Overtaken);
        }
        known.in_flight.extend(written);
        hand_over();
        Ok(())
    }

    /// Notes what became of a command's streams once its fate is settled; later commands' states stay.
    pub(crate) fn settle<'s>(&self, fate: &Arc<Fate>, written: impl Iterator<Item = &'s StreamName>) {
        let mut known = self.known();
        for stream in written {
            let own = |state: &Known| state.fate.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, fate));
            if !known.in_flight.get(stream).is_some_and(own) {
                continue;
            }
            if let Some(state) = known.in_flight.remove(stream).filter(|_| fate.is_committed()) {
                known.settled.insert(stream.clone(), Known { fate: None, ..state });
            }
        }
    }

    /// Forgets what turned out to be stale.
    pub(crate) fn forget<'s>(&self, streams: impl Iterator<Item = &'s StreamName>) {
        let mut known = self.known();
        for stream in streams {
            known.settled.remove(stream);
        }
    }

    /// Never held across an await; a panic leaves plain maps behind.
    fn known(&self) -> MutexGuard<'_, Newest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Newest {
    /// Is what a command decided on still the newest?
    fn holds(&self, basis: &Basis) -> bool {
        if basis.fate.as_ref().is_some_and(|fate| fate.has_failed()) {
            return false;
        }
        match self.in_flight.get(&basis.stream).filter(|known| known.alive()) {
            Some(known) => {
                let same = |fate: &Arc<Fate>| known.fate.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, fate));
                // Read from the store after the commit, before it was noted here: the same state.
                let read_back = || known.version == basis.version && known.fate.as_ref().is_some_and(|fate| fate.is_committed());
                basis.fate.as_ref().is_some_and(same) || read_back()
            }
            None => self.settled.peek(&basis.stream).is_none_or(|known| known.version <= basis.version),
        }
    }
}

impl Known {
    fn alive(&self) -> bool {
        self.fate.as_ref().is_none_or(|fate| !fate.has_failed())
    }
}

impl Basis {
    /// The command on its way that this one stands and falls with.
    pub(crate) fn rests_on(&self) -> Option<Arc<Fate>> {
        self.fate.as_ref().filter(|fate| fate.is_open() || fate.has_failed()).cloned()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn stream() -> StreamName {
        StreamName::new("tally", "a").unwrap()
    }

    fn known(version: u64, fate: &Arc<Fate>) -> Known {
        Known { version, state: Arc::new(version), fate: Some(fate.clone()) }
    }

    fn basis(version: u64, fate: Option<&Arc<Fate>>) -> Basis {
        Basis { stream: stream(), version, fate: fate.cloned() }
    }

    fn publish(states: &States, basis: Basis, known: Known) -> bool {
        states.publish(&[basis], vec![(stream(), known)], || {}).is_ok()
    }

    #[test]
    fn only_the_newest_state_is_built_on() {
        let states = States::default();
        let (first, second) = (Arc::new(Fate::default()), Arc::new(Fate::default()));
        assert!(publish(&states, basis(0, None), known(1, &first)));
        assert!(!publish(&states, basis(0, None), known(1, &second)), "decided on what was");
        assert!(publish(&states, basis(1, Some(&first)), known(2, &second)));
        assert_eq!(states.newest(&stream()).unwrap().version, 2);
        // The first is durable; the stream's newest state is still the second's.
        first.settle(true);
        states.settle(&first, [stream()].iter());
        assert_eq!(states.newest(&stream()).unwrap().version, 2);
        second.settle(true);
        states.settle(&second, [stream()].iter());
        assert!(states.newest(&stream()).unwrap().fate.is_none());
        assert!(publish(&states, basis(2, Some(&second)), known(3, &Arc::default())));
    }

    #[test]
    fn a_failed_command_takes_its_state_along() {
        let states = States::default();
        states.loaded(&stream(), 1, Arc::new(1_u64));
        let (first, second) = (Arc::new(Fate::default()), Arc::new(Fate::default()));
        assert!(publish(&states, basis(1, None), known(2, &first)));
        first.settle(false);
        assert_eq!(states.newest(&stream()).unwrap().version, 1, "even before it is noted");
        assert!(!publish(&states, basis(2, Some(&first)), known(3, &second)));
        states.settle(&first, [stream()].iter());
        assert!(publish(&states, basis(1, None), known(2, &second)));
        assert!(basis(2, Some(&first)).rests_on().unwrap().has_failed());
    }

    #[test]
    fn a_state_read_back_before_it_was_noted_is_the_same() {
        let states = States::default();
        let first = Arc::new(Fate::default());
        assert!(publish(&states, basis(0, None), known(1, &first)));
        assert!(!publish(&states, basis(1, None), known(2, &Arc::default())), "not yet committed: another node's event");
        first.settle(true);
        assert!(publish(&states, basis(1, None), known(2, &Arc::default())));
    }

    #[test]
    fn what_is_stale_is_forgotten() {
        let states = States::default();
        states.loaded(&stream(), 3, Arc::new(3_u64));
        states.loaded(&stream(), 2, Arc::new(2_u64));
        assert_eq!(states.newest(&stream()).unwrap().version, 3);
        states.forget([stream()].iter());
        assert!(states.newest(&stream()).is_none());
    }
}
