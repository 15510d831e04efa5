//! Runs the processes of one book with their timers and effects: in tasks of their own, or step by step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::Timestamp;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::known::Event;
use crate::metrics::{self, LeaseOutcome, Leased};
use crate::process::effects::{CONCURRENCY, Effects};
use crate::process::error::ProcessError;
use crate::process::figures::Tally;
use crate::process::lease::{Lease, RENEW};
use crate::process::reactor::{Definition, Reacted, Reactor, Shared};
use crate::process::store::{Claim, Claimed, DeadLetter, Store};
use crate::process::timers::Timers;
use crate::process::{BusinessClock, Process, Work};
use crate::tail::SharedTail;
use crate::tasks::{stopped, supervise};
use crate::views::Views;

/// Events of one step of a process.
pub(crate) const PROCESS_PAGE: usize = 200;
/// Timers of one round.
const TIMER_ROUND: u64 = 100;
/// How often the business clock and the queue of effects are looked at without a reason.
const LOOK: Duration = Duration::from_millis(500);
/// How often a worker tries for what another one holds.
const DENIED: Duration = Duration::from_secs(1);
/// Effects that have happened and wait to be noted at most, while the database does not answer.
const MAX_UNNOTED: usize = 1_000;
/// How long a stop waits for calls under way; their leases expire later.
const DRAIN: Duration = Duration::from_secs(8);

/// Wakes the background tasks.
#[derive(Clone, Default)]
pub(crate) struct Wakes {
    pub timers: Arc<Notify>,
    pub effects: Arc<Notify>,
}

/// Says which processes run, and how.
pub struct Builder<W: Work, E = Event> {
    views: Views<E>,
    work: Arc<W>,
    clock: Arc<dyn BusinessClock>,
    processes: Vec<Definition<W, E>>,
}

/// The processes of one book, their timers and effects.
pub struct Runtime<W: Work, E = Event> {
    pub(super) tail: SharedTail<E>,
    pub(super) store: Store,
    pub(super) timers: Timers<W>,
    pub(super) effects: Effects<W>,
    pub(super) processes: Vec<(&'static str, Arc<std::sync::atomic::AtomicU64>)>,
    pub(super) mode: Mode<W, E>,
}

/// Who takes the steps.
pub(super) enum Mode<W: Work, E> {
    /// Whoever calls `settle`.
    Manual(Mutex<Vec<Reactor<W, E>>>),
    /// Tasks of their own.
    Background { wakes: Wakes, stop: watch::Sender<bool>, tasks: Mutex<Vec<JoinHandle<()>>> },
}

impl<W: Work, E: Send + Sync + 'static> Builder<W, E> {
    /// Adds a process.
    #[must_use]
    pub fn process<P: Process<E, Intent = W::Intent, Call = W::Call>>(mut self) -> Self {
        self.processes.push(Definition::of::<P>());
        self
    }

    /// Runs everything in tasks of its own until [`Runtime::stop`]. Any number of processes of the operating system may do
    /// so: each of ours runs in one at a time.
    ///
    /// # Errors
    /// When the log's database cannot be opened, or two processes share a name.
    pub async fn start(self) -> Result<Runtime<W, E>, ProcessError> {
        self.build(true).await
    }

    /// Runs nothing by itself: [`Runtime::settle`] does all there is to do, one step after the other in a fixed order
    /// (events in order, effects by position, timers by time and key), so that a run can be repeated exactly.
    ///
    /// # Errors
    /// When the log's database cannot be opened, or two processes share a name.
    pub async fn manual(mut self) -> Result<Runtime<W, E>, ProcessError> {
        self.processes.iter_mut().for_each(|process| process.at_once = 1);
        self.build(false).await
    }

    async fn build(self, background: bool) -> Result<Runtime<W, E>, ProcessError> {
        let names: Vec<_> = self.processes.iter().map(|process| process.name).collect();
        if let Some((_, name)) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            return Err(ProcessError::Duplicate(name));
        }
        let log = self.views.log().clone();
        let tail = self.views.tail().clone();
        let store = Store::open(log.url()).await?;
        let (wakes, holder) = (Wakes::default(), Uuid::new_v4().to_string());
        let shared = Shared { tail: tail.clone(), store: store.clone(), work: Arc::clone(&self.work), wakes: wakes.clone(), holder };
        let reactors: Vec<_> = self.processes.into_iter().map(|process| Reactor::new(process, shared.clone())).collect();
        let processes = reactors.iter().map(|reactor| (reactor.name(), reactor.reached())).collect();
        let timers =
            Timers { log: log.clone(), store: store.clone(), work: Arc::clone(&self.work), clock: self.clock, put_off: Arc::default() };
        let effects = Effects { log, store: store.clone(), work: self.work, tally: Tally::default() };
        let mode = if background { start(reactors, &timers, &effects, &shared.holder, wakes) } else { Mode::Manual(Mutex::new(reactors)) };
        Ok(Runtime { tail, store, timers, effects, processes, mode })
    }
}

impl<W: Work, E: Send + Sync + 'static> Runtime<W, E> {
    /// Begins to say which processes run over the log of `views`.
    #[must_use]
    pub fn builder(views: &Views<E>, work: W, clock: impl BusinessClock) -> Builder<W, E> {
        Builder { views: views.clone(), work: Arc::new(work), clock: Arc::new(clock), processes: Vec::new() }
    }

    /// When the next timer is due, on the business clock.
    ///
    /// # Errors
    /// When the log's database fails.
    pub async fn next_timer_due(&self) -> Result<Option<Timestamp>, ProcessError> {
        Ok(self.store.next_due().await?)
    }

    /// Parked effects and commands, oldest first.
    ///
    /// # Errors
    /// When the log's database fails.
    pub async fn dead_letters(&self, limit: u64) -> Result<Vec<DeadLetter>, ProcessError> {
        Ok(self.store.dead_letters(limit).await?)
    }

    /// Ends after the steps under way, and gives everything to others.
    pub async fn stop(&self) {
        match &self.mode {
            Mode::Manual(reactors) => {
                for reactor in reactors.lock().await.iter_mut() {
                    let_go(reactor).await;
                }
            }
            Mode::Background { stop, tasks, .. } => {
                stop.send_replace(true);
                for task in tasks.lock().await.drain(..) {
                    if let Err(error) = task.await {
                        tracing::warn!(%error, "a background task ended badly");
                    }
                }
            }
        }
        self.store.db().close().await;
    }
}

fn start<W: Work, E: Send + Sync + 'static>(
    reactors: Vec<Reactor<W, E>>,
    timers: &Timers<W>,
    effects: &Effects<W>,
    holder: &str,
    wakes: Wakes,
) -> Mode<W, E> {
    let (stop, told) = watch::channel(false);
    let mut tasks: Vec<_> = reactors.into_iter().map(|reactor| tokio::spawn(follow(reactor, told.clone()))).collect();
    let (timers, holder, wake) = (timers.clone(), holder.to_owned(), Arc::clone(&wakes.timers));
    let stop_timers = told.clone();
    tasks.push(tokio::spawn(async move {
        supervise("timers", stop_timers, |told| fire(timers.clone(), holder.clone(), Arc::clone(&wake), told)).await;
    }));
    let (effects, wake) = (effects.clone(), Arc::clone(&wakes.effects));
    tasks.push(tokio::spawn(async move {
        supervise("effects", told, |told| call(effects.clone(), Arc::clone(&wake), told)).await;
    }));
    Mode::Background { wakes, stop, tasks: Mutex::new(tasks) }
}

async fn follow<W: Work, E: Send + Sync + 'static>(reactor: Reactor<W, E>, stop: watch::Receiver<bool>) {
    let name = reactor.name();
    supervise(name, stop, |told| run(reactor.again(), told)).await;
}

/// A process along the log, until told to stop.
async fn run<W: Work, E: Send + Sync + 'static>(mut reactor: Reactor<W, E>, mut stop: watch::Receiver<bool>) {
    let mut news = reactor.news();
    let mut backoff = Backoff::default();
    while !*stop.borrow() {
        let stepped = reactor.step(PROCESS_PAGE).await;
        let position = reactor.position();
        let (pause, follows) = match stepped {
            Ok(Reacted::Advanced(upto)) if *news.borrow() > upto => (Duration::ZERO, true),
            // What nobody has heard of yet need not be looked for at once.
            Ok(Reacted::Advanced(_)) => (LOOK, true),
            Ok(Reacted::Idle) => (LOOK, true),
            Ok(Reacted::Denied) => (DENIED, false),
            Err(error) => {
                tracing::warn!(process = reactor.name(), %error, "a step failed, trying again");
                (backoff.next(), false)
            }
        };
        if follows {
            backoff = Backoff::default();
        }
        if pause.is_zero() {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = stopped(&mut stop) => {}
            () = tokio::time::sleep(pause) => {}
            Ok(_) = news.wait_for(|newest| *newest > position), if follows => {}
        }
    }
    let_go(&mut reactor).await;
}

async fn let_go<W: Work, E: Send + Sync + 'static>(reactor: &mut Reactor<W, E>) {
    if let Err(error) = reactor.release().await {
        tracing::debug!(process = reactor.name(), %error, "the lease was not released, it will expire");
    }
}

/// Timers, until told to stop.
async fn fire<W: Work>(timers: Timers<W>, holder: String, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    let mut backoff = Backoff::default();
    let mut lease = None;
    while !*stop.borrow() {
        let pause = match fire_round(&timers, &holder, &mut lease).await {
            Ok(pause) => {
                backoff = Backoff::default();
                pause
            }
            Err(error) => {
                tracing::warn!(%error, "timers could not be fired, trying again");
                backoff.next()
            }
        };
        tokio::select! {
            () = stopped(&mut stop) => {}
            () = wake.notified() => {}
            () = timers.clock.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Some((lease, _)) = lease
        && let Err(error) = lease.release(timers.store.db()).await
    {
        tracing::debug!(%error, "the lease of the timers was not released, it will expire");
    }
}

/// Fires what is due, if the lease is ours; says how long to wait then.
async fn fire_round<W: Work>(timers: &Timers<W>, holder: &str, held: &mut Option<(Lease, Instant)>) -> Result<Duration, ProcessError> {
    let db = timers.store.db();
    if let Some((lease, renewed)) = held
        && renewed.elapsed() >= RENEW
    {
        *held = if lease.renew(db).await? { Some((lease.clone(), Instant::now())) } else { None };
    }
    if held.is_none() {
        *held = Lease::take(db, "timers", holder).await?.map(|lease| (lease, Instant::now()));
    }
    if held.is_none() {
        metrics::lease(Leased::Process, "timers", LeaseOutcome::Denied);
        return Ok(DENIED);
    }
    timers.perform_again(TIMER_ROUND).await?;
    let fired = timers.fire(Claim::Rested, TIMER_ROUND).await?;
    if fired as u64 == TIMER_ROUND {
        return Ok(Duration::ZERO);
    }
    let next = timers.store.next_due().await?;
    let until = next.map_or(i64::MAX, |due| due.as_millisecond() - timers.clock.now().as_millisecond());
    // What is due and was not fired rests.
    let pause = if fired == 0 && until <= 0 { LOOK } else { Duration::from_millis(u64::try_from(until).unwrap_or(0)) };
    Ok(pause.min(LOOK))
}

/// Calls under way; one that has made its outside effect gives it back.
type Calls = JoinSet<Option<Claimed>>;

/// Effects, until told to stop: at most so many at once.
async fn call<W: Work>(effects: Effects<W>, wake: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    let (mut calls, mut broken_off, mut happened) = (Calls::new(), Vec::<AbortHandle>::new(), Vec::new());
    let mut backoff = Backoff::default();
    // A call that ended is no reason to look for others; a pause that is over is one that nobody tells of.
    let (mut more, mut looked) = (true, Instant::now());
    while !*stop.borrow() {
        // Those that ended together are taken out together.
        while let Some(ended) = calls.try_join_next() {
            happened.extend(ended.ok().flatten());
        }
        let room = CONCURRENCY.saturating_sub(calls.len());
        let look = room > 0 && (more || looked.elapsed() >= LOOK);
        let claim = async { if look { effects.claim(Claim::Rested, room).await } else { Ok(Vec::new()) } };
        let ((), claimed) = tokio::join!(take_out(&effects, &mut happened), claim);
        let pause = match claimed {
            Ok(claimed) => {
                backoff = Backoff::default();
                if look {
                    (more, looked) = (claimed.len() == room, Instant::now());
                }
                for effect in claimed {
                    let breaks_off = Effects::<W>::breaks_off(&effect);
                    let call = calls.spawn(make(effects.clone(), effect));
                    if breaks_off {
                        broken_off.retain(|call| !call.is_finished());
                        broken_off.push(call);
                    }
                }
                LOOK
            }
            Err(error) => {
                tracing::warn!(%error, "effects could not be leased, trying again");
                more = true;
                backoff.next()
            }
        };
        tokio::select! {
            () = stopped(&mut stop) => {}
            Some(ended) = calls.join_next() => happened.extend(ended.ok().flatten()),
            () = wake.notified() => more = true,
            () = tokio::time::sleep(pause) => {}
        }
    }
    broken_off.iter().for_each(AbortHandle::abort);
    let drain = async {
        while let Some(ended) = calls.join_next().await {
            happened.extend(ended.ok().flatten());
        }
    };
    if tokio::time::timeout(DRAIN, drain).await.is_err() {
        tracing::warn!("outside calls were still under way at the stop; they are repeated under the same ids");
    }
    take_out(&effects, &mut happened).await;
}

/// Makes one call; gives the effect back when it has happened.
async fn make<W: Work>(effects: Effects<W>, effect: Claimed) -> Option<Claimed> {
    match effects.run(&effect).await {
        Ok(happened) => happened.then_some(effect),
        Err(error) => {
            tracing::warn!(id = effect.id, %error, "an effect's outcome was not noted, its lease will expire");
            None
        }
    }
}

/// Takes out what has happened. What could not be noted is noted with what happens next; else its lease ends, and it is called again.
async fn take_out<W: Work>(effects: &Effects<W>, happened: &mut Vec<Claimed>) {
    if happened.is_empty() {
        return;
    }
    match effects.done(happened).await {
        Ok(()) => happened.clear(),
        Err(error) => {
            tracing::warn!(effects = happened.len(), %error, "what has happened was not noted, trying again");
            happened.truncate(MAX_UNNOTED);
        }
    }
}
