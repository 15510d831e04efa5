//! Runs one process along the log, a page at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fail::fail_point;
use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::watch;

use crate::known::{Known, Seen};
use crate::metrics::{self, LeaseOutcome, Leased};
use crate::process::error::ProcessError;
use crate::process::lease::{Lease, RENEW};
use crate::process::runtime::Wakes;
use crate::process::store::{NewEffect, NewTimer, Store, TimerWrite, Writes};
use crate::process::{Process, Reaction, ReactionId, Work, WorkError};
use crate::tail::SharedTail;

/// Events without a reaction after which the checkpoint is written anyway.
const QUIET_EVENTS: u64 = 1_000;
/// Time after which it is written anyway.
const QUIET_TIME: Duration = Duration::from_secs(1);

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reacted {
    /// Read events up to a position.
    Advanced(u64),
    /// Nothing to do.
    Idle,
    /// Another worker runs the process.
    Denied,
}

/// A process without its types.
pub(crate) struct Definition<W: Work, E> {
    pub name: &'static str,
    /// Events whose commands may be under way at once.
    pub at_once: usize,
    react: React<W, E>,
}

/// A process's function.
type React<W, E> = fn(&Known<E>) -> Vec<Reaction<<W as Work>::Intent, <W as Work>::Call>>;

impl<W: Work, E> Definition<W, E> {
    pub(crate) fn of<P: Process<E, Intent = W::Intent, Call = W::Call>>() -> Self {
        Self { name: P::NAME, at_once: P::AT_ONCE, react: P::react }
    }
}

impl<W: Work, E> Clone for Definition<W, E> {
    fn clone(&self) -> Self {
        Self { name: self.name, at_once: self.at_once, react: self.react }
    }
}

/// What all processes of a runtime share.
pub(crate) struct Shared<W, E> {
    pub tail: SharedTail<E>,
    pub store: Store,
    pub work: Arc<W>,
    pub wakes: Wakes,
    pub holder: String,
}

impl<W, E> Clone for Shared<W, E> {
    fn clone(&self) -> Self {
        Self {
            tail: Arc::clone(&self.tail),
            store: self.store.clone(),
            work: Arc::clone(&self.work),
            wakes: self.wakes.clone(),
            holder: self.holder.clone(),
        }
    }
}

/// Runs one process.
pub(crate) struct Reactor<W: Work, E> {
    definition: Definition<W, E>,
    shared: Shared<W, E>,
    held: Option<Held>,
    was_denied: bool,
    /// How far the process is, for those who wait for it; `u64::MAX` while another worker runs it.
    reached: Arc<AtomicU64>,
}

/// The lease, and how far the process is under it.
struct Held {
    lease: Lease,
    renewed: Instant,
    position: u64,
    /// The checkpoint as it is stored, and since when.
    saved: u64,
    saved_at: Instant,
}

impl<W: Work, E: Send + Sync + 'static> Reactor<W, E> {
    pub(crate) fn new(definition: Definition<W, E>, shared: Shared<W, E>) -> Self {
        Self { definition, shared, held: None, was_denied: false, reached: Arc::new(AtomicU64::new(0)) }
    }

    /// The same process, knowing nothing yet.
    pub(crate) fn again(&self) -> Self {
        let (definition, shared) = (self.definition.clone(), self.shared.clone());
        Self { definition, shared, held: None, was_denied: false, reached: Arc::clone(&self.reached) }
    }

    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.shared.tail.news()
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.definition.name
    }

    pub(crate) fn reached(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.reached)
    }

    pub(crate) fn position(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.position)
    }

    /// Reacts to the next events: performs their commands, then writes their timers, effects and the checkpoint.
    pub(crate) async fn step(&mut self, limit: usize) -> Result<Reacted, ProcessError> {
        let stepped = self.try_step(limit).await;
        if !matches!(stepped, Ok(Reacted::Advanced(_) | Reacted::Idle) | Err(ProcessError::Work { .. } | ProcessError::Unreadable { .. })) {
            self.lose();
        }
        stepped
    }

    async fn try_step(&mut self, limit: usize) -> Result<Reacted, ProcessError> {
        if !self.hold().await? {
            return Ok(Reacted::Denied);
        }
        let from = self.position();
        let stretch = self.shared.tail.read(from, limit).await?;
        if stretch.events.is_empty() {
            return Ok(if self.save_when_due().await? { Reacted::Idle } else { Reacted::Denied });
        }
        let (mut writes, mut upto, mut reacted, mut stopped) = (Writes::default(), from, false, None);
        let positions: Vec<_> = stretch.positions().collect();
        'stretch: for together in positions.chunks(self.definition.at_once) {
            // Commands take their time: the lease is kept up between events.
            // Only kept, never taken again here: whoever held it meanwhile has moved the checkpoint.
            if !self.keep().await? {
                return Ok(Reacted::Denied);
            }
            let done = join_all(together.iter().map(|(position, seen)| self.react(*position, seen))).await;
            for ((position, _), done) in together.iter().zip(done) {
                match done {
                    Ok(Some(noted)) => {
                        writes.append(noted);
                        reacted = true;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        // What has happened behind it is met again under the same ids.
                        stopped = Some(error);
                        break 'stretch;
                    }
                }
                upto = *position;
            }
        }
        fail_point!("process::reacted", |_| Err(crate::process::failpoint::failed()));
        // What was done before an event that cannot be passed yet is kept; that event comes again under the same ids.
        if upto > from && !self.advance(upto, reacted, &writes).await? {
            return Ok(Reacted::Denied);
        }
        stopped.map_or(Ok(Reacted::Advanced(upto)), Err)
    }

    /// The lease, renewed; false when it is lost.
    async fn keep(&mut self) -> Result<bool, ProcessError> {
        let db = self.shared.store.db();
        if let Some(held) = &mut self.held
            && held.renewed.elapsed() >= RENEW
        {
            if held.lease.renew(db).await? {
                held.renewed = Instant::now();
            } else {
                metrics::lease(Leased::Process, self.definition.name, LeaseOutcome::Lost);
                tracing::warn!(process = self.definition.name, "another worker has taken over");
                self.lose();
            }
        }
        Ok(self.held.is_some())
    }

    /// The lease, taken or renewed.
    async fn hold(&mut self) -> Result<bool, ProcessError> {
        if !self.keep().await? {
            let name = format!("process:{}", self.definition.name);
            let Some(lease) = Lease::take(self.shared.store.db(), &name, &self.shared.holder).await? else {
                self.denied();
                return Ok(false);
            };
            metrics::lease(Leased::Process, self.definition.name, LeaseOutcome::Taken);
            self.was_denied = false;
            let position = self.shared.store.checkpoint(self.definition.name).await?;
            self.reached.store(position, Ordering::Release);
            self.held = Some(Held { lease, renewed: Instant::now(), position, saved: position, saved_at: Instant::now() });
        }
        Ok(true)
    }

    /// Another worker runs the process: counted each time, said once.
    fn denied(&mut self) {
        metrics::lease(Leased::Process, self.definition.name, LeaseOutcome::Denied);
        if !self.was_denied {
            tracing::info!(process = self.definition.name, "another worker holds the lease, waiting for it");
        }
        self.was_denied = true;
    }

    /// One event's reactions: commands are performed, the rest is noted; none where there are none.
    async fn react(&self, position: u64, seen: &Seen<E>) -> Result<Option<Writes>, ProcessError> {
        let events = seen.events().map_err(|(event_type, reason)| {
            let (process, event_type, reason) = (self.definition.name, event_type.to_owned(), reason.to_owned());
            ProcessError::Unreadable { process, position, event_type, reason }
        })?;
        let mut noted = Writes::default();
        // Numbered through all events of the position, whatever their number.
        let reactions = events.iter().flat_map(|event| (self.definition.react)(event).into_iter().map(move |reaction| (event, reaction)));
        let reactions: Vec<_> = reactions.collect();
        if reactions.is_empty() {
            return Ok(None);
        }
        for (index, (event, reaction)) in reactions.into_iter().enumerate() {
            let id = ReactionId::new(format!("{}:{position}:{index}", self.definition.name), Some(&event.recorded));
            self.one(id, position, reaction, &mut noted).await?;
        }
        Ok(Some(noted))
    }

    async fn one(
        &self,
        id: ReactionId,
        position: u64,
        reaction: Reaction<W::Intent, W::Call>,
        noted: &mut Writes,
    ) -> Result<(), ProcessError> {
        match reaction {
            Reaction::Command(intent) => {
                let text = encode(&id, &intent)?;
                let performed = self.shared.work.perform(intent, id.clone()).await;
                fail_point!("process::performed", |_| Err(crate::process::failpoint::failed()));
                match performed {
                    Ok(()) => {}
                    Err(WorkError::Postponed { reason, .. } | WorkError::Retry { reason, .. }) => {
                        return Err(ProcessError::Work { id: id.to_string(), reason });
                    }
                    Err(WorkError::Fatal { reason }) => {
                        tracing::error!(%id, reason, "a command of a process cannot work, parked");
                        noted.effects.push(NewEffect { id: id.to_string(), position, call: text, parked: Some(reason) });
                    }
                }
            }
            Reaction::Timer { key, due, intent } => {
                let intent = encode(&id, &intent)?;
                noted.timers.push(TimerWrite::Set(NewTimer { key, due, intent, position }));
            }
            Reaction::CancelTimer { key } => noted.timers.push(TimerWrite::Cancel(key)),
            Reaction::Effect(call) => {
                let call = encode(&id, &call)?;
                noted.effects.push(NewEffect { id: id.to_string(), position, call, parked: None });
            }
        }
        Ok(())
    }

    /// Moves on. Where nothing was asked for, the checkpoint is written only now and then.
    async fn advance(&mut self, upto: u64, reacted: bool, writes: &Writes) -> Result<bool, ProcessError> {
        let Some(held) = &mut self.held else { return Ok(false) };
        if reacted || upto.saturating_sub(held.saved) >= QUIET_EVENTS || held.saved_at.elapsed() >= QUIET_TIME {
            if !self.shared.store.commit(&held.lease, self.definition.name, held.saved, upto, writes).await? {
                metrics::lease(Leased::Process, self.definition.name, LeaseOutcome::Lost);
                tracing::warn!(process = self.definition.name, "another worker has taken over: the write was refused");
                return Ok(false);
            }
            (held.saved, held.saved_at, held.renewed) = (upto, Instant::now(), Instant::now());
            if !writes.timers.is_empty() {
                self.shared.wakes.timers.notify_one();
            }
            if !writes.effects.is_empty() {
                self.shared.wakes.effects.notify_one();
            }
        }
        held.position = upto;
        self.reached.store(upto, Ordering::Release);
        Ok(true)
    }

    async fn save_when_due(&mut self) -> Result<bool, ProcessError> {
        match &self.held {
            Some(held) if held.position > held.saved && held.saved_at.elapsed() >= QUIET_TIME => {
                let position = held.position;
                self.advance(position, true, &Writes::default()).await
            }
            Some(_) | None => Ok(true),
        }
    }

    fn lose(&mut self) {
        self.held = None;
        self.reached.store(u64::MAX, Ordering::Release);
    }

    /// Writes the checkpoint and gives the process to whoever wants it next.
    pub(crate) async fn release(&mut self) -> Result<(), ProcessError> {
        let position = self.position();
        if self.held.as_ref().is_some_and(|held| held.position > held.saved) {
            self.advance(position, true, &Writes::default()).await?;
        }
        let held = self.held.take();
        self.lose();
        if let Some(held) = held {
            held.lease.release(self.shared.store.db()).await?;
        }
        Ok(())
    }
}

fn encode(id: &ReactionId, what: &impl Serialize) -> Result<String, ProcessError> {
    serde_json::to_string(what).map_err(|e| ProcessError::Encode { id: id.to_string(), reason: e.to_string() })
}
