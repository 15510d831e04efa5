//! How the processes are: how far, what waits, and what came of the outside calls. For metrics.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::Timestamp;

use crate::process::Work;
use crate::process::error::ProcessError;
use crate::process::runtime::Runtime;

/// How one try of an outside call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectOutcome {
    /// It was made, and its result reported.
    Done,
    /// It was not tried: the service is not to be asked now, or our own store is out of reach.
    Postponed,
    /// It failed and is tried again.
    Retried,
    /// It failed for good, and waits for an operator.
    Parked,
}

impl EffectOutcome {
    /// As a label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Postponed => "postponed",
            Self::Retried => "retried",
            Self::Parked => "parked",
        }
    }
}

/// What waits, of all nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueFigures {
    /// Effects that wait for their turn or for the end of a pause.
    pub pending: u64,
    /// Effects under way.
    pub leased: u64,
    /// Effects and commands that wait for an operator.
    pub parked: u64,
    /// Timers that are set.
    pub timers: u64,
}

/// How the processes of a book are, as any node can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookFigures {
    /// What waits.
    pub queue: QueueFigures,
    /// How far each process has read, as it was stored last.
    pub processes: Vec<(String, u64)>,
    /// Business time at which the next timer is due; one of the past is overdue.
    pub next_timer_due: Option<Timestamp>,
}

/// How the processes of a book are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeFigures {
    /// How far each process has read.
    pub processes: Vec<(&'static str, u64)>,
    /// What waits.
    pub queue: QueueFigures,
    /// Tries of outside calls by this process of the operating system since its start, by service and outcome.
    pub effects: BTreeMap<(&'static str, EffectOutcome), u64>,
}

/// Counts what came of outside calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<(&'static str, EffectOutcome), u64>>>);

impl Tally {
    pub(crate) fn count(&self, service: &'static str, outcome: EffectOutcome) {
        // Never held across an await; it guards plain data.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((service, outcome)).or_default() += 1;
    }

    fn counts(&self) -> BTreeMap<(&'static str, EffectOutcome), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<W: Work, E: Send + Sync + 'static> Runtime<W, E> {
    /// How the processes are.
    ///
    /// # Errors
    /// When the log's database fails.
    pub async fn figures(&self) -> Result<RuntimeFigures, ProcessError> {
        let mut processes = Vec::with_capacity(self.processes.len());
        for (name, reached) in &self.processes {
            let position = match reached.load(Ordering::Acquire) {
                u64::MAX => self.store.read_checkpoint(name).await?,
                position => position,
            };
            processes.push((*name, position));
        }
        let (queue, effects) = (self.store.queue().await?, self.effects.tally.counts());
        Ok(RuntimeFigures { processes, queue, effects })
    }

    /// What does the work.
    #[must_use]
    pub fn work(&self) -> &W {
        &self.effects.work
    }
}
