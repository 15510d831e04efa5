//! Moves models along the log: one step at a time, and a task per model around the steps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::metrics::{self, LeaseOutcome, Leased};
use crate::model::ReadModel;
use crate::pace::Pace;
use crate::tail::PAGE;
use crate::tasks::stopped;
use crate::views::control;
use crate::views::counts::count;
use crate::views::error::ViewError;
use crate::views::fold::Batch;
use crate::views::lead::{self, Advance, Lead, RENEW, Which};
use crate::views::left_out::LeftOut;
use crate::views::stored::stored;
use crate::views::{Installed, Views, schema};

/// How often a worker tries for a model that another one holds.
const DENIED: Duration = Duration::from_secs(1);
/// How often a halted model is looked at.
const HALTED: Duration = Duration::from_secs(2);
/// How often a paused model is looked at.
const PAUSED: Duration = Duration::from_secs(1);
/// A pause before looking again for an event that was announced and not found.
const NOT_YET: Duration = Duration::from_millis(5);
/// How long a checkpoint may wait to be stored that was passed without a change: most models have nothing to do with most events.
const PASSING: Duration = Duration::from_millis(100);

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Applied events up to a position.
    Advanced(u64),
    /// Nothing to do.
    Idle,
    /// Another worker holds the model; nothing was written.
    Denied,
    /// The model stands before an event that it cannot pass, until an operator has it looked at again or the program is started again.
    Halted,
    /// An operator has stopped the model; it goes on when an operator says so.
    Paused,
}

/// Moves one model.
pub struct Projector<E = crate::Event> {
    views: Views<E>,
    model: Arc<Installed<E>>,
    holder: String,
    lead: Option<Lead>,
    left_out: LeftOut,
    was_denied: bool,
    renewed: Instant,
    halted: bool,
    /// Where it stands still because an operator wants it to.
    stands_at: Option<u64>,
    /// Stores what it passes a little later, because it comes back to do so.
    comes_back: bool,
    /// Since when there is something passed that is not stored.
    passing: Option<Instant>,
    pace: Pace,
}

impl<E: Send + Sync + 'static> Projector<E> {
    /// A worker of its own for one installed model.
    ///
    /// # Errors
    /// [`ViewError::NotInstalled`].
    pub fn new<M: ReadModel<E>>(views: &Views<E>) -> Result<Self, ViewError> {
        let model = views.installed::<M>()?;
        Ok(Self::of(views, model, Uuid::new_v4().to_string()))
    }

    pub(super) fn of(views: &Views<E>, model: Arc<Installed<E>>, holder: String) -> Self {
        Self {
            views: views.clone(),
            model,
            holder,
            lead: None,
            left_out: LeftOut::default(),
            was_denied: false,
            renewed: Instant::now(),
            halted: false,
            stands_at: None,
            comes_back: false,
            passing: None,
            pace: Pace::default(),
        }
    }

    /// Applies the next events, at most `limit` and at most 1,000: reads them, folds them in memory over the rows that they touch,
    /// writes rows and checkpoint in one database transaction.
    ///
    /// # Errors
    /// When the database or the log fails, or a stored row cannot be read. The step can be repeated.
    pub async fn step(&mut self, limit: usize) -> Result<Step, ViewError> {
        let stepped = self.try_step(limit).await;
        if stepped.is_err() {
            // Whether the last write went through is not known: look at the checkpoint again.
            self.lose();
        }
        stepped
    }

    async fn try_step(&mut self, limit: usize) -> Result<Step, ViewError> {
        if self.halted {
            return Ok(Step::Halted);
        }
        let name = self.model.definition.name;
        if let Some(stands_at) = self.stands_at
            && control::paused_at(self.views.log(), name).await?.is_some_and(|at| at <= stands_at)
        {
            return Ok(Step::Paused);
        }
        self.stands_at = None;
        if self.passing.is_some_and(|since| since.elapsed() >= PASSING) && !self.store_passed().await? {
            return Ok(Step::Denied);
        }
        let takes = self.lead.is_none();
        let Some(lead) = self.hold().await? else { return Ok(Step::Denied) };
        let (position, ready) = (lead.position, lead.ready);
        // Paused before it was taken over: no event on the way would tell.
        if takes && control::paused_at(self.views.log(), name).await?.is_some_and(|at| at <= position) {
            return self.stand_still_at(position).await;
        }
        let mut stretch = self.views.tail().read(position, limit.clamp(1, PAGE)).await?;
        let paused = control::cut(&mut stretch, name);
        // What this process has heard of is enough to let readers in; those who need more wait for a position.
        let reached = stretch.after + stretch.events.len() as u64;
        let caught_up = stretch.events.is_empty() || reached >= *self.views.tail().news().borrow();
        let step = if stretch.events.is_empty() {
            Step::Idle
        } else {
            self.apply(Batch::gather(&self.model.definition, &stretch, &self.left_out)).await?
        };
        if caught_up && !ready && matches!(step, Step::Idle | Step::Advanced(_)) {
            self.let_readers_in().await?;
        }
        if let (Step::Advanced(upto), true) = (step, paused) { self.stand_still_at(upto).await } else { Ok(step) }
    }

    /// Stands still from here on, and keeps nobody from taking over what stands still.
    async fn stand_still_at(&mut self, position: u64) -> Result<Step, ViewError> {
        tracing::info!(projection = self.model.definition.name, position, "paused by an operator");
        self.stands_at = Some(position);
        self.let_go().await?;
        Ok(Step::Paused)
    }

    /// The lead, taken or renewed.
    async fn hold(&mut self) -> Result<Option<&mut Lead>, ViewError> {
        let (db, definition) = (self.views.db(), &self.model.definition);
        if let Some(lead) = &self.lead
            && self.renewed.elapsed() >= RENEW
        {
            if lead.renew(db, definition).await? {
                self.renewed = Instant::now();
            } else {
                self.lose();
            }
        }
        if self.lead.is_none() {
            let (db, definition) = (self.views.db(), &self.model.definition);
            let Some(lead) = lead::take(db, definition, &self.holder, Which::Live).await? else {
                self.denied();
                return Ok(None);
            };
            count(&self.model.counts.taken);
            self.leased(LeaseOutcome::Taken);
            self.was_denied = false;
            let head = self.views.log().head().await?;
            if lead.position > head {
                return Err(ViewError::AheadOfLog { projection: definition.name, position: lead.position, head });
            }
            self.model.progress.switched(lead.generation);
            self.model.progress.reached(lead.position);
            self.model.progress.lead(true);
            self.model.recent.begin(lead.position);
            self.left_out = LeftOut::read(self.views.log(), definition.name, definition.version).await?;
            self.renewed = Instant::now();
            self.lead = Some(lead);
        }
        Ok(self.lead.as_mut())
    }

    fn leased(&self, outcome: LeaseOutcome) {
        metrics::lease(Leased::Projection, self.model.definition.name, outcome);
    }

    /// Another worker has the model: counted each time, said once.
    fn denied(&mut self) {
        count(&self.model.counts.denied);
        self.leased(LeaseOutcome::Denied);
        if !self.was_denied {
            tracing::info!(projection = self.model.definition.name, "another worker holds the lease, waiting for it");
        }
        self.was_denied = true;
    }

    /// In a span that links to the commands behind the events, for whoever collects spans (OBS-06).
    async fn apply(&mut self, batch: Batch<E>) -> Result<Step, ViewError> {
        let projection = self.model.definition.name;
        let span = tracing::trace_span!(target: "daybook::trace", "project", projection, links = tracing::field::Empty);
        if !span.is_disabled() {
            span.record("links", batch.traces());
        }
        self.write(batch).instrument(span).await
    }

    async fn write(&mut self, mut batch: Batch<E>) -> Result<Step, ViewError> {
        let (db, definition) = (self.views.db(), &self.model.definition);
        let Some(lead) = self.lead.as_mut() else { return Ok(Step::Denied) };
        let docs = stored(&self.views, &self.model, lead.generation, &batch.keys()).await?;
        let changes = batch.fold(definition, &docs, &lead.parked)?;
        for poison in changes.parked.iter().filter(|parked| parked.is_poison()) {
            metrics::failed();
            count(&self.model.counts.parked);
            tracing::error!(projection = definition.name, key = poison.key, position = poison.position, reason = poison.reason, "parked");
        }
        let (upto, halt) = (batch.upto, batch.halt.take());
        if let Some(halt) = &halt {
            metrics::failed();
            count(&self.model.counts.parked);
            tracing::error!(projection = definition.name, position = halt.position, reason = halt.reason, "halted");
        }
        let halted = halt.is_some();
        if self.comes_back && lead.ready && !halted && changes.is_empty() {
            lead.pass(upto);
            self.passing.get_or_insert_with(Instant::now);
            self.model.recent.moved(upto, self.model.recent.note(&changes));
            self.model.progress.reached(upto);
            return Ok(Step::Advanced(upto));
        }
        let noted = self.model.recent.note(&changes);
        if !lead.advance(db, definition, Advance { upto, changes, halt }).await? {
            self.refused();
            return Ok(Step::Denied);
        }
        self.model.recent.moved(upto, noted);
        (self.renewed, self.passing) = (Instant::now(), None);
        self.model.progress.reached(upto);
        self.halted = halted;
        Ok(if halted { Step::Halted } else { Step::Advanced(upto) })
    }

    /// Stores the checkpoint that was passed; false when the lead is lost.
    async fn store_passed(&mut self) -> Result<bool, ViewError> {
        let (db, definition) = (self.views.db(), &self.model.definition);
        let Some(lead) = self.lead.as_mut() else { return Ok(true) };
        if lead.store(db, definition).await? {
            (self.renewed, self.passing) = (Instant::now(), None);
            return Ok(true);
        }
        self.refused();
        Ok(false)
    }

    /// A write was refused: the lead is lost.
    fn refused(&mut self) {
        let name = self.model.definition.name;
        count(&self.model.counts.refused);
        metrics::lease(Leased::Projection, name, LeaseOutcome::Lost);
        tracing::warn!(projection = name, "another worker has taken over: the write was refused");
        self.lose();
    }

    async fn let_readers_in(&mut self) -> Result<(), ViewError> {
        let Some(lead) = &mut self.lead else { return Ok(()) };
        schema::make_ready(self.views.db(), &self.model.definition, lead.generation).await?;
        lead.ready = true;
        self.model.progress.set_ready();
        Ok(())
    }

    /// Forgets the lead without a word to the database: whoever has it keeps it.
    fn lose(&mut self) {
        (self.lead, self.passing) = (None, None);
        self.model.recent.forget();
        self.model.progress.lead(false);
    }

    /// Gives the model to whoever wants it next.
    ///
    /// # Errors
    /// When the database fails; the lease then expires by itself.
    pub async fn release(mut self) -> Result<(), ViewError> {
        self.let_go().await
    }

    async fn let_go(&mut self) -> Result<(), ViewError> {
        if self.passing.is_some() {
            self.store_passed().await?;
        }
        let lead = self.lead.take();
        self.model.recent.forget();
        self.model.progress.lead(false);
        match lead {
            Some(lead) => lead.release(self.views.db(), &self.model.definition).await,
            None => Ok(()),
        }
    }

    /// Steps until told to stop.
    pub(super) async fn run(&mut self, stop: &mut watch::Receiver<bool>) {
        let mut news = self.views.tail().news();
        let mut backoff = Backoff::default();
        self.comes_back = true;
        while !*stop.borrow() {
            let progress = &self.model.progress;
            self.pace.gather(&news, self.position(), stop, |newest| progress.is_wanted(newest), || progress.wanted()).await;
            let stepped = self.step(PAGE).await;
            if matches!(stepped, Ok(Step::Advanced(_))) {
                self.pace.moved();
            }
            let pause = match stepped {
                Ok(Step::Advanced(upto)) if *news.borrow() > upto => Duration::ZERO,
                Ok(Step::Advanced(_)) => self.rest(),
                Ok(Step::Idle) if *news.borrow() > self.position() => NOT_YET,
                Ok(Step::Idle) => self.rest(),
                Ok(Step::Denied) => DENIED,
                Ok(Step::Paused) => PAUSED,
                Ok(Step::Halted) => {
                    self.stand_still(stop).await;
                    continue;
                }
                Err(error) => {
                    metrics::failed();
                    count(&self.model.counts.failed);
                    tracing::warn!(projection = self.model.definition.name, %error, "a step failed, trying again");
                    backoff.next()
                }
            };
            if self.lead.is_some() {
                backoff = Backoff::default();
            }
            self.pause(pause, &mut news, stop).await;
        }
        if let Err(error) = self.let_go().await {
            tracing::debug!(projection = self.model.definition.name, %error, "the lease was not released, it will expire");
        }
    }

    /// Waits until an operator has the halt looked at again, or a rebuild has passed it.
    async fn stand_still(&mut self, stop: &mut watch::Receiver<bool>) {
        if let Err(error) = self.let_go().await {
            tracing::debug!(projection = self.model.definition.name, %error, "the lease was not released, it will expire");
        }
        while !*stop.borrow() {
            tokio::select! {
                () = stopped(stop) => {}
                () = tokio::time::sleep(HALTED) => {}
            }
            match self.views.is_halted(&self.model).await {
                Ok(true) => {}
                Ok(false) => {
                    self.halted = false;
                    return;
                }
                Err(error) => tracing::debug!(projection = self.model.definition.name, %error, "cannot ask whether it is still halted"),
            }
        }
    }

    /// How long a holder rests when there is nothing new.
    fn rest(&self) -> Duration {
        self.passing.map_or(RENEW, |since| PASSING.saturating_sub(since.elapsed()).max(NOT_YET * 2))
    }

    fn position(&self) -> u64 {
        self.lead.as_ref().map_or(0, |lead| lead.position)
    }

    /// Waits: a holder for new events, others for the time to pass.
    async fn pause(&self, pause: Duration, news: &mut watch::Receiver<u64>, stop: &mut watch::Receiver<bool>) {
        if pause.is_zero() {
            return tokio::task::yield_now().await;
        }
        let position = self.position();
        let follows = self.lead.is_some() && pause > NOT_YET;
        tokio::select! {
            () = stopped(stop) => {}
            () = tokio::time::sleep(pause) => {}
            Ok(_) = news.wait_for(|newest| *newest > position), if follows => {}
        }
    }
}
