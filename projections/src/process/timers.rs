//! Fires timers whose business time has come.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use eventlog::{Log, LogError, Recorded};
use fail::fail_point;

use crate::process::error::ProcessError;
use crate::process::store::{Claim, DueTimer, NewEffect, Store};
use crate::process::{BusinessClock, ReactionId, Work, WorkError};

/// A timer whose command could not be performed is tried again so much later, in real time.
const PUT_OFF: Duration = Duration::from_secs(5);
/// Most timers that are remembered as put off; the others are tried again at once.
const MOST_PUT_OFF: usize = 10_000;

/// Fires timers.
pub(crate) struct Timers<W> {
    pub log: Log,
    pub store: Store,
    pub work: Arc<W>,
    pub clock: Arc<dyn BusinessClock>,
    /// By reaction: the timer itself stays as it was set, since its id says when it was due.
    pub put_off: Arc<Mutex<HashMap<String, Instant>>>,
}

impl<W> Clone for Timers<W> {
    fn clone(&self) -> Self {
        Self {
            log: self.log.clone(),
            store: self.store.clone(),
            work: Arc::clone(&self.work),
            clock: Arc::clone(&self.clock),
            put_off: Arc::clone(&self.put_off),
        }
    }
}

impl<W: Work> Timers<W> {
    /// Fires due timers in order of time, key and process: at most `limit`; returns how many. One that cannot be fired
    /// yet does not keep the others, and is the error in the end; it rests for a while unless `which` says [`Claim::Any`].
    pub(crate) async fn fire(&self, which: Claim, limit: u64) -> Result<usize, ProcessError> {
        let resting = self.resting();
        let limit_with_resting = limit.saturating_add(resting.len() as u64);
        let due = self.store.due(self.clock.now(), limit_with_resting).await?.into_iter();
        let due = due.filter(|timer| which == Claim::Any || !resting.contains(&reaction(timer)));
        let due: Vec<DueTimer> = due.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        let mut fired = Ok(due.len());
        for timer in &due {
            match self.fire_one(timer).await {
                Err(error) if fired.is_ok() => fired = Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        fired
    }

    /// Never held across an await; it guards plain data.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.put_off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Timers that failed a moment ago.
    fn resting(&self) -> HashSet<String> {
        let (mut put_off, now) = (self.lock(), Instant::now());
        put_off.retain(|_, until| *until > now);
        put_off.keys().cloned().collect()
    }

    fn rest(&self, id: &str) {
        let mut put_off = self.lock();
        if put_off.len() < MOST_PUT_OFF {
            put_off.insert(id.to_owned(), Instant::now() + PUT_OFF);
        }
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
        let text = reaction(timer);
        let id = ReactionId::new(text.clone(), cause(&self.log, timer.position).await?.as_ref());
        fail_point!("timers::due", |_| Err(crate::process::failpoint::failed()));
        let outcome = match serde_json::from_str(&timer.intent) {
            Ok(intent) => self.work.perform(intent, id).await,
            Err(error) => Err(WorkError::Fatal { reason: format!("cannot read its intent: {error}") }),
        };
        fail_point!("timers::performed", |_| Err(crate::process::failpoint::failed()));
        let parked = match outcome {
            Ok(()) => None,
            Err(WorkError::Postponed { reason, .. } | WorkError::Retry { reason, .. }) => {
                self.rest(&text);
                return Err(ProcessError::Work { id: text, reason });
            }
            Err(WorkError::Fatal { reason }) => {
                tracing::error!(id = text, reason, "a timer's command cannot work, parked");
                Some(NewEffect { id: text, position: timer.position, call: timer.intent.clone(), parked: Some(reason) })
            }
        };
        self.store.fired(timer, parked).await?;
        fail_point!("timers::taken", |_| Err(crate::process::failpoint::failed()));
        Ok(())
    }
}

/// A timer's reaction: with the position of the event that set it, since one set anew for the same instant is another one.
fn reaction(timer: &DueTimer) -> String {
    format!("timer:{}:{}:{}:{}", timer.process, timer.key, timer.due_at, timer.position)
}

/// The event that caused a stored reaction.
pub(crate) async fn cause(log: &Log, position: u64) -> Result<Option<Recorded>, LogError> {
    Ok(log.follow(position.saturating_sub(1), 1).await?.pop().filter(|event| event.position == position))
}
