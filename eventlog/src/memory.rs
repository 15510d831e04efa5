//! What the appender knows without asking the store: versions of streams and answers given lately.
//!
//! It only spares questions. What it says yes to is checked by the store in the same call; what it takes for stale is
//! forgotten and asked for the next time; a receipt, once committed, never changes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kernel::StreamName;

use crate::outcome::{Append, Found, Head, Outcome, StoredReceipt, StreamHead};
use crate::plan::Plan;
use crate::recent::Recent;

/// Streams whose version is remembered.
const STREAMS: usize = 50_000;
/// Receipts remembered.
const RECEIPTS: usize = 50_000;

/// The memory of one log's writer.
pub(crate) struct Memory(Mutex<Remembered>);

struct Remembered {
    head: Option<Head>,
    streams: Recent<StreamName, StreamHead>,
    receipts: Recent<[u8; 32], StoredReceipt>,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Mutex::new(Remembered { head: None, streams: Recent::new(STREAMS), receipts: Recent::new(RECEIPTS) }))
    }
}

impl Memory {
    /// The answer to a key, if it was given lately.
    pub(crate) fn receipt(&self, key: &[u8; 32]) -> Option<StoredReceipt> {
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
            if let Some(receipt) = &append.receipt
                && let Some(stored) = remembered.receipts.get(&receipt.key)
            {
                found.receipts.insert(receipt.key, stored);
            }
            for expected in &append.expected {
                if let Some(head) = remembered.streams.get(&expected.stream) {
                    found.streams.insert(expected.stream.clone(), head);
                }
            }
        }
        found
    }

    /// Learns from a batch that was committed.
    pub(crate) fn committed(&self, plan: &Plan<'_>) {
        let mut remembered = self.remembered();
        remembered.head = Some(plan.head);
        for (stream, head) in &plan.streams {
            remembered.streams.insert(stream.clone(), *head);
        }
        for receipt in &plan.receipts {
            remembered.receipts.insert(receipt.draft.key, receipt.stored(plan.head.recorded_at));
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

    /// Forgets all but the receipts: somebody else has written, or nobody knows.
    pub(crate) fn forget(&self) {
        let mut remembered = self.remembered();
        remembered.head = None;
        remembered.streams.clear();
    }

    /// Never held across an await; a panic leaves plain maps behind.
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
