//! What the appender knows without asking the store: versions of streams and answers given lately.
//!
//! It only spares questions. What it says yes to is checked by the store in the same call; what it takes for stale is
//! forgotten and asked for the next time; a receipt, once committed, never changes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::StreamName;
use uuid::Uuid;

use crate::outcome::{Append, Found, Head, Outcome, StoredReceipt};
use crate::plan::Plan;
use crate::recent::Recent;
use crate::states::Fate;

/// Streams whose version is remembered.
const STREAMS: usize = 50_000;
/// Receipts remembered.
const RECEIPTS: usize = 50_000;

/// The memory of one log's writer.
pub(crate) struct Memory(Mutex<Remembered>);

struct Remembered {
    head: Option<Head>,
    streams: Recent<StreamName, u64>,
    receipts: Recent<Uuid, StoredReceipt>,
    /// Receipts of batches on their way: nobody is answered with them, but the next batch is planned on them.
    ahead: HashMap<Uuid, StoredReceipt>,
    /// Those of the last batch that did not pass; what rests on them may be in the next one.
    dead: Vec<Arc<Fate>>,
    /// Types that are listed under their kinds.
    types: HashMap<String, HashSet<String>>,
}

impl Default for Memory {
    fn default() -> Self {
        let (streams, receipts) = (Recent::new(STREAMS), Recent::new(RECEIPTS));
        Self(Mutex::new(Remembered { head: None, streams, receipts, ahead: HashMap::new(), dead: Vec::new(), types: HashMap::new() }))
    }
}

impl Memory {
    /// The answer to a key, if it was given lately.
    pub(crate) fn receipt(&self, key: &Uuid) -> Option<StoredReceipt> {
        self.remembered().receipts.get(key)
    }

    /// The head as this process left it.
    pub(crate) fn head(&self) -> Option<Head> {
        self.remembered().head
    }

    /// What is remembered of a batch's keys and streams.
    pub(crate) fn recall(&self, batch: &[Append], head: Head) -> Found {
        let mut found = Found { head, receipts: HashMap::new(), streams: HashMap::new() };
        let mut remembered = self.remembered();
        for append in batch {
            for receipt in &append.receipts {
                if let Some(stored) = remembered.receipts.get(&receipt.key).or_else(|| remembered.ahead.get(&receipt.key).cloned()) {
                    found.receipts.insert(receipt.key, stored);
                }
            }
            for expected in &append.expected {
                if let Some(version) = remembered.streams.get(&expected.stream) {
                    found.streams.insert(expected.stream.clone(), version);
                }
            }
        }
        found
    }

    /// The commands of the last batch that did not pass.
    pub(crate) fn dead(&self) -> Vec<Arc<Fate>> {
        self.remembered().dead.clone()
    }

    /// Are all of these types listed under their kinds?
    pub(crate) fn knows<'t>(&self, mut types: impl Iterator<Item = (&'t str, &'t str)>) -> bool {
        let remembered = self.remembered();
        types.all(|(kind, event_type)| remembered.types.get(kind).is_some_and(|types| types.contains(event_type)))
    }

    /// Remembers types that are listed under their kinds.
    pub(crate) fn listed<'t>(&self, types: impl Iterator<Item = (&'t str, &'t str)>) {
        let mut remembered = self.remembered();
        for (kind, event_type) in types {
            remembered.types.entry(kind.to_owned()).or_default().insert(event_type.to_owned());
        }
    }

    /// Learns what a batch on its way will leave: the next one is planned on it, and fails with it.
    pub(crate) fn learn(&self, plan: &Plan<'_>) {
        let mut remembered = self.remembered();
        remembered.head = Some(plan.head);
        remembered.dead.clone_from(&plan.dead);
        for (stream, version) in &plan.streams {
            remembered.streams.insert(stream.clone(), *version);
        }
        for receipt in &plan.receipts {
            remembered.ahead.insert(receipt.draft.key, receipt.stored(plan.head.recorded_at));
        }
    }

    /// Learns that a batch is committed.
    pub(crate) fn committed(&self, plan: &Plan<'_>) {
        let mut remembered = self.remembered();
        for receipt in &plan.receipts {
            if let Some(stored) = remembered.ahead.remove(&receipt.draft.key) {
                remembered.receipts.insert(receipt.draft.key, stored);
            }
        }
    }

    /// Forgets what a conflict may have come from.
    pub(crate) fn doubt(&self, batch: &[Append], outcomes: &[Outcome]) {
        let mut remembered = self.remembered();
        for (append, outcome) in batch.iter().zip(outcomes) {
            if *outcome == Outcome::Conflict {
                for expected in &append.expected {
                    remembered.streams.remove(&expected.stream);
                }
            }
        }
    }

    /// Forgets a batch that was not committed, and with it all that may be stale: somebody else has written, or nobody knows.
    /// Receipts of others, once committed, never change.
    pub(crate) fn forget(&self, plan: Option<&Plan<'_>>) {
        let mut remembered = self.remembered();
        remembered.head = None;
        remembered.streams.clear();
        for receipt in plan.iter().flat_map(|plan| &plan.receipts) {
            remembered.ahead.remove(&receipt.draft.key);
        }
    }

    /// Forgets whatever may rest on a batch of which nobody knows.
    pub(crate) fn forget_all(&self) {
        self.forget(None);
        self.remembered().ahead.clear();
    }

    /// Learns where the head stands.
    pub(crate) fn stands(&self, head: Head) {
        self.remembered().head = Some(head);
    }

    /// Never held across an await; a panic leaves plain maps behind.
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
