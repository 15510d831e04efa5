//! What the projectors of this process have met since it started, for its metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::views::Views;

/// Counters of one model.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub taken: AtomicU64,
    pub denied: AtomicU64,
    pub refused: AtomicU64,
    pub failed: AtomicU64,
    pub parked: AtomicU64,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What this process's projector of a model has met since the process started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectorCounts {
    /// The model.
    pub name: &'static str,
    /// Its version.
    pub version: u32,
    /// Leases taken.
    pub leases_taken: u64,
    /// Leases not given, because another worker holds them.
    pub leases_denied: u64,
    /// Writes refused, because another worker had taken over.
    pub writes_refused: u64,
    /// Steps that failed and were tried again.
    pub steps_failed: u64,
    /// Events that could not be applied to a row, or that stopped the model.
    pub poison: u64,
}

impl<E: Send + Sync + 'static> Views<E> {
    /// The counters of every installed model.
    #[must_use]
    pub fn counts(&self) -> Vec<ProjectorCounts> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = self.all_installed().into_iter().map(|installed| ProjectorCounts {
            name: installed.definition.name,
            version: installed.definition.version,
            leases_taken: read(&installed.counts.taken),
            leases_denied: read(&installed.counts.denied),
            writes_refused: read(&installed.counts.refused),
            steps_failed: read(&installed.counts.failed),
            poison: read(&installed.counts.parked),
        });
        counts.collect()
    }
}
