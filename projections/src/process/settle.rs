//! Coming to rest: every event read, every due timer fired, every effect made.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::process::Work;
use crate::process::error::ProcessError;
use crate::process::reactor::{Reacted, Reactor};
use crate::process::runtime::{Mode, PROCESS_PAGE, Runtime, Wakes};
use crate::process::store::Claim;

/// Longest time until rest in the background.
const REST_WITHIN: Duration = Duration::from_secs(60);
/// How often to look.
const LOOK: Duration = Duration::from_millis(5);
/// Most steps until rest by hand: more than any test needs, and an end to processes that feed each other for ever.
const MAX_STEPS: u64 = 10_000_000;

impl<W: Work, E: Send + Sync + 'static> Runtime<W, E> {
    /// Waits until all processes have read the whole log, no effect is pending or under way and no timer is due at the
    /// business clock's present. Without background tasks it does all of that itself, in a fixed order; a failing effect
    /// is then repeated without a pause.
    ///
    /// # Errors
    /// [`ProcessError::Unsettled`] when that takes longer than a minute; by hand also the first error of a step.
    pub async fn settle(&self) -> Result<(), ProcessError> {
        match &self.mode {
            Mode::Manual(reactors) => self.drive(&mut reactors.lock().await).await,
            Mode::Background { wakes, .. } => self.watch(wakes).await,
        }
    }

    async fn drive(&self, reactors: &mut [Reactor<W, E>]) -> Result<(), ProcessError> {
        for _ in 0..MAX_STEPS {
            let mut advanced = false;
            for reactor in reactors.iter_mut() {
                advanced |= read_on(reactor).await?;
            }
            if advanced {
                continue;
            }
            let claimed = self.effects.claim(Claim::Any, 1).await?;
            for effect in &claimed {
                if self.effects.run(effect).await? {
                    self.effects.done(std::slice::from_ref(effect)).await?;
                }
            }
            if claimed.is_empty() && self.timers.fire(Claim::Any, 1).await? == 0 {
                return Ok(());
            }
        }
        Err(ProcessError::Unsettled("processes feed each other without an end".to_owned()))
    }

    async fn watch(&self, wakes: &Wakes) -> Result<(), ProcessError> {
        let deadline = Instant::now() + REST_WITHIN;
        // The business clock may just have been moved.
        wakes.timers.notify_one();
        while let Some(unrest) = self.unrest().await? {
            if Instant::now() >= deadline {
                return Err(ProcessError::Unsettled(unrest));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// What is still going on. The order of the looks matters: what a process asks for is stored before its position
    /// moves, and what a timer or an effect appends is in the log before its row goes.
    async fn unrest(&self) -> Result<Option<String>, ProcessError> {
        let head = self.tail.log().head().await?;
        for (name, reached) in &self.processes {
            let position = match reached.load(Ordering::Acquire) {
                u64::MAX => self.store.read_checkpoint(name).await?,
                position => position,
            };
            if position < head {
                return Ok(Some(format!("process {name} has read {position} of {head} events")));
            }
        }
        let open = self.store.open_effects().await?;
        if open > 0 {
            return Ok(Some(format!("{open} effects are open")));
        }
        if !self.store.due(self.timers.clock.now(), 1).await?.is_empty() {
            return Ok(Some("a timer is due".to_owned()));
        }
        let now = self.tail.log().head().await?;
        Ok((now > head).then(|| format!("the log has grown from {head} to {now}")))
    }
}

/// Steps one process to the end of the log; says whether there was anything.
async fn read_on<W: Work, E: Send + Sync + 'static>(reactor: &mut Reactor<W, E>) -> Result<bool, ProcessError> {
    let mut advanced = false;
    loop {
        match reactor.step(PROCESS_PAGE).await? {
            Reacted::Advanced(_) => advanced = true,
            Reacted::Idle => return Ok(advanced),
            Reacted::Denied => {
                return Err(ProcessError::Unsettled(format!("process {} is run by another worker", reactor.name())));
            }
        }
    }
}
