//! The newest events of this process in memory, for those that follow the log: what was just appended here need not be read again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::Timestamp;

use crate::command::CommandMeta;
use crate::outcome::{Append, Draft, Outcome, Placed};
use crate::recorded::Recorded;

/// Most events kept.
const KEPT_EVENTS: usize = 4_096;
/// Most payload bytes kept.
const KEPT_BYTES: usize = 8 << 20;

/// Events that follow one another up to the newest that this process has appended. Empty until somebody follows the log.
#[derive(Default)]
pub(crate) struct Newest {
    followed: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Recorded>,
    bytes: usize,
}

impl Newest {
    /// Keeps what a batch has appended. Batches come in the order of their positions; where another process's events lie between, those
    /// before are dropped.
    pub(crate) fn keep(&self, batch: &[Append], outcomes: &[Outcome]) {
        if !self.followed.load(Ordering::Relaxed) {
            return;
        }
        let mut kept = self.lock();
        for (append, outcome) in batch.iter().zip(outcomes) {
            if let Outcome::Appended(placed) = outcome {
                kept.append(append, placed);
            }
        }
    }

    /// The events after a position, at most `limit` of them; none when the next one is not here.
    pub(crate) fn after(&self, position: u64, limit: usize) -> Option<Vec<Recorded>> {
        self.followed.store(true, Ordering::Relaxed);
        let kept = self.lock();
        let first = kept.events.front()?.position;
        let skip = usize::try_from((position + 1).checked_sub(first)?).ok()?;
        let found: Vec<_> = kept.events.iter().skip(skip).take(limit).cloned().collect();
        Some(found).filter(|found| !found.is_empty())
    }

    /// Never held across an await; it guards plain data.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn append(&mut self, append: &Append, placed: &Placed) {
        let Some(recorded) = recorded(append, placed) else {
            // Not told: whoever follows reads the log.
            return self.forget();
        };
        for event in recorded {
            if self.events.back().is_some_and(|last| last.position + 1 != event.position) {
                self.forget();
            }
            self.bytes += event.payload.len();
            self.events.push_back(event);
        }
        while self.events.len() > KEPT_EVENTS || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.payload.len();
        }
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The events of a command as they are read from the log; none when that cannot be told for certain.
fn recorded(append: &Append, placed: &Placed) -> Option<Vec<Recorded>> {
    let recorded_at = Timestamp::from_microsecond(placed.recorded_at).ok()?;
    let first = (placed.position + 1).checked_sub(append.events.len() as u64)?;
    let mut events = Vec::with_capacity(append.events.len());
    for (index, (draft, event_id)) in append.events.iter().zip(&placed.event_ids).enumerate() {
        let Draft { stream, event, command } = draft;
        let command: &Arc<CommandMeta> = command.as_ref().unwrap_or(&append.command);
        let before = append.expected.iter().find(|expected| expected.stream == *stream)?.version;
        let earlier = append.events[..index].iter().filter(|earlier| earlier.stream == *stream).count() as u64;
        events.push(Recorded {
            position: first + index as u64,
            stream: stream.clone(),
            version: before + earlier + 1,
            event_id: *event_id,
            event_type: event.event_type.clone(),
            schema_version: event.schema_version,
            recorded_at,
            // As it is stored: in microseconds.
            occurred_at: Timestamp::from_microsecond(command.now.as_microsecond()).ok()?,
            actor: command.actor.clone(),
            correlation_id: command.correlation_id,
            causation_id: command.causation_id,
            command_id: command.command_id,
            traceparent: command.traceparent.clone(),
            digest: event.digest,
            payload: Arc::clone(&event.payload),
        });
    }
    (events.len() == placed.event_ids.len()).then_some(events)
}
