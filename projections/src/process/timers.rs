//! Fires timers whose business time has come.

use std::sync::Arc;

use eventlog::{Log, LogError, Recorded};

use crate::process::error::ProcessError;
use crate::process::store::{DueTimer, NewEffect, Store};
use crate::process::{BusinessClock, ReactionId, Work, WorkError};

/// A timer whose command could not be performed is due again so much later, in business time.
const PUT_OFF_US: i64 = 5_000_000;

/// Fires timers.
pub(crate) struct Timers<W> {
    pub log: Log,
    pub store: Store,
    pub work: Arc<W>,
    pub clock: Arc<dyn BusinessClock>,
}

impl<W> Clone for Timers<W> {
    fn clone(&self) -> Self {
        Self { log: self.log.clone(), store: self.store.clone(), work: Arc::clone(&self.work), clock: Arc::clone(&self.clock) }
    }
}

impl<W: Work> Timers<W> {
    /// Fires due timers in order of time, key and process: at most `limit`; returns how many. One that cannot be fired
    /// yet does not keep the others, and is the error in the end.
    pub(crate) async fn fire(&self, limit: u64) -> Result<usize, ProcessError> {
        let due = self.store.due(self.clock.now(), limit).await?;
        let mut fired = Ok(due.len());
        for timer in &due {
            match self.fire_one(timer).await {
                Err(error) if fired.is_ok() => fired = Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        fired
    }

    /// Performs the parked commands that an operator wants tried again: at most `limit`.
    pub(crate) async fn perform_again(&self, limit: u64) -> Result<(), ProcessError> {
        for (text, position, intent) in self.store.commands_again(limit).await? {
            let id = ReactionId::new(text.clone(), cause(&self.log, position).await?.as_ref());
            let outcome = match serde_json::from_str(&intent) {
                Ok(intent) => self.work.perform(intent, id).await,
                Err(error) => Err(WorkError::Fatal { reason: format!("cannot read its intent: {error}") }),
            };
            match outcome {
                Ok(()) => self.store.command_tried(&text, None).await?,
                // It stays to be tried in the next round.
                Err(WorkError::Postponed { reason, .. } | WorkError::Retry { reason, .. }) => {
                    tracing::info!(id = text, reason, "a parked command cannot be tried yet");
                }
                Err(WorkError::Fatal { reason }) => self.store.command_tried(&text, Some(&reason)).await?,
            }
        }
        Ok(())
    }

    async fn fire_one(&self, timer: &DueTimer) -> Result<(), ProcessError> {
        // With the position of the event that set it: a timer set anew for the same instant is another one.
        let text = format!("timer:{}:{}:{}:{}", timer.process, timer.key, timer.due_at, timer.position);
        let id = ReactionId::new(text.clone(), cause(&self.log, timer.position).await?.as_ref());
        let outcome = match serde_json::from_str(&timer.intent) {
            Ok(intent) => self.work.perform(intent, id).await,
            Err(error) => Err(WorkError::Fatal { reason: format!("cannot read its intent: {error}") }),
        };
        let parked = match outcome {
            Ok(()) => None,
            Err(WorkError::Postponed { reason, .. } | WorkError::Retry { reason, .. }) => {
                let later = self.clock.now().as_microsecond().saturating_add(PUT_OFF_US);
                self.store.put_off(timer, later).await?;
                return Err(ProcessError::Work { id: text, reason });
            }
            Err(WorkError::Fatal { reason }) => {
                tracing::error!(id = text, reason, "a timer's command cannot work, parked");
                Some(NewEffect { id: text, position: timer.position, call: timer.intent.clone(), parked: Some(reason) })
            }
        };
        Ok(self.store.fired(timer, parked).await?)
    }
}

/// The event that caused a stored reaction.
pub(crate) async fn cause(log: &Log, position: u64) -> Result<Option<Recorded>, LogError> {
    Ok(log.read(position.saturating_sub(1), 1).await?.pop().filter(|event| event.position == position))
}
