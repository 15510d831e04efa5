//! Makes outside calls: leased one by one, repeated with growing pauses, parked when that does not help.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use eventlog::Log;
use fail::fail_point;

use crate::process::error::ProcessError;
use crate::process::figures::{EffectOutcome, Tally};
use crate::process::store::{Claim, Claimed, Store};
use crate::process::timers::cause;
use crate::process::{ReactionId, Work, WorkError};

/// Calls under way at once in one process.
pub(crate) const CONCURRENCY: usize = 32;
/// Repetitions after the first attempt.
const RETRIES: u32 = 3;
/// The pause before the first repetition; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How often the lease of a call under way is renewed; a few times within the lease.
const KEEP_UP: Duration = Duration::from_secs(4);
/// The pause of a call that was postponed for no stated time.
const POSTPONED: Duration = Duration::from_secs(2);

/// Makes outside calls.
pub(crate) struct Effects<W> {
    pub log: Log,
    pub store: Store,
    pub work: Arc<W>,
    pub tally: Tally,
}

impl<W> Clone for Effects<W> {
    fn clone(&self) -> Self {
        Self { log: self.log.clone(), store: self.store.clone(), work: Arc::clone(&self.work), tally: self.tally.clone() }
    }
}

impl<W: Work> Effects<W> {
    /// Leases effects, oldest first: at most `limit`.
    pub(crate) async fn claim(&self, which: Claim, limit: usize) -> Result<Vec<Claimed>, ProcessError> {
        Ok(self.store.claim(which, limit as u64).await?)
    }

    /// May it be broken off when this node stops?
    pub(crate) fn breaks_off(effect: &Claimed) -> bool {
        serde_json::from_str::<W::Call>(&effect.call).is_ok_and(|call| W::breaks_off(&call))
    }

    /// Renews the lease of an effect for as long as it is polled.
    async fn keep_leased(&self, effect: &Claimed) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(KEEP_UP).await;
            if let Err(error) = self.store.keep(effect).await {
                tracing::warn!(id = effect.id, %error, "the lease of an effect could not be renewed");
            }
        }
    }

    /// Makes the call of a leased effect and notes what became of it, but for one that has happened: true, and [`Effects::done`] takes it out.
    pub(crate) async fn run(&self, effect: &Claimed) -> Result<bool, ProcessError> {
        let id = ReactionId::new(effect.id.clone(), cause(&self.log, effect.position).await?.as_ref());
        let attempt = effect.attempts + 1;
        fail_point!("effects::leased", |_| Err(crate::process::failpoint::failed()));
        let call = serde_json::from_str::<W::Call>(&effect.call);
        let service = call.as_ref().map_or("unreadable", W::service);
        let outcome = match call {
            Ok(call) => tokio::select! {
                called = tokio::time::timeout(W::patience(&call), self.work.call(call, id, attempt)) => {
                    called.unwrap_or_else(|_| Err(WorkError::Retry { after: None, reason: "the call took too long".to_owned() }))
                }
                never = self.keep_leased(effect) => match never {},
            },
            Err(error) => Err(WorkError::Fatal { reason: format!("cannot read the call: {error}") }),
        };
        fail_point!("effects::called", |_| Err(crate::process::failpoint::failed()));
        match outcome {
            Ok(()) => {
                self.tally.count(service, EffectOutcome::Done);
                return Ok(true);
            }
            Err(WorkError::Postponed { after, reason }) => {
                self.tally.count(service, EffectOutcome::Postponed);
                let pause = after.unwrap_or(POSTPONED);
                tracing::info!(id = effect.id, reason, ?pause, "an outside call is postponed");
                self.store.postponed(effect, pause, &reason).await?;
            }
            Err(WorkError::Retry { after, reason }) if attempt <= RETRIES => {
                self.tally.count(service, EffectOutcome::Retried);
                let pause = after.unwrap_or_else(|| pause(&effect.id, attempt));
                tracing::info!(id = effect.id, attempt, reason, ?pause, "an outside call failed, trying again");
                self.store.failed(effect, Some(pause), &reason).await?;
            }
            Err(WorkError::Retry { reason, .. } | WorkError::Fatal { reason }) => {
                self.tally.count(service, EffectOutcome::Parked);
                tracing::error!(id = effect.id, attempt, reason, "an outside call failed, parked");
                self.store.failed(effect, None, &reason).await?;
            }
        }
        Ok(false)
    }

    /// Takes out what has happened; what stays by a mishap is called again under the same id, once its lease is over.
    pub(crate) async fn done(&self, effects: &[Claimed]) -> Result<(), ProcessError> {
        self.store.done(effects).await?;
        fail_point!("effects::noted", |_| Err(crate::process::failpoint::failed()));
        Ok(())
    }
}

/// A pause that doubles from attempt to attempt, give or take a quarter: effects that failed together do not come back together.
fn pause(id: &str, attempt: u32) -> Duration {
    let mut hasher = DefaultHasher::new();
    (id, attempt).hash(&mut hasher);
    let percent = 75 + u32::try_from(hasher.finish() % 51).unwrap_or(0);
    FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1) * percent / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_within_a_quarter() {
        for (attempt, seconds) in [(1, 1), (2, 2), (3, 4)] {
            let base = Duration::from_secs(seconds);
            for id in ["a:1:0", "b:2:0", "c:3:1"] {
                assert!((base * 3 / 4..=base * 5 / 4).contains(&pause(id, attempt)));
            }
        }
        assert_ne!(pause("a:1:0", 1), pause("a:2:0", 1));
    }
}
