//! What moves hot rows: one worker for each model among all processes, and each step from the mark that it was folded on.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::hot::keeper::{HotFault, HotModel, HotViews};
use crate::hot::rows::{self, Advance, Ask, Change, HotError, HotRow, Mark, Told};
use crate::metrics::{self, LeaseOutcome, Leased};
use crate::pace::Pace;
use crate::tail::{PAGE, Stretch};
use crate::tasks::{stopped, supervise};
use crate::views::definition::StoredRow;
use crate::views::fold::Batch;
use crate::views::left_out::LeftOut;

/// How often an idle holder looks whether everything is as it left it.
const RENEW: Duration = Duration::from_millis(1_500);
/// How often a worker tries for a model that another one holds.
const DENIED: Duration = Duration::from_secs(1);
/// How often a model that met what it cannot apply tries again.
const HALTED: Duration = Duration::from_secs(30);

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HotStep {
    /// Applied events up to a position.
    Advanced(u64),
    /// Nothing to do.
    Idle,
    /// Another worker moves the model.
    Denied,
    /// The rows were not the log's and are made anew, from the first event on.
    Reset,
    /// The next event cannot be applied; readers ask the tables.
    Halted,
}

/// Moves one model. Steps may be taken by hand.
pub struct HotProjector<E> {
    hot: HotViews<E>,
    model: Arc<HotModel<E>>,
    holder: String,
    mark: Option<Mark>,
    renewed: Instant,
}

impl<E: Send + Sync + 'static> HotProjector<E> {
    /// A worker for each installed model, none of which has done anything yet.
    #[must_use]
    pub fn all(hot: &HotViews<E>) -> Vec<Self> {
        let holder = Uuid::new_v4().to_string();
        hot.inner.models.values().map(|model| Self::of(hot, Arc::clone(model), holder.clone())).collect()
    }

    fn of(hot: &HotViews<E>, model: Arc<HotModel<E>>, holder: String) -> Self {
        Self { hot: hot.clone(), model, holder, mark: None, renewed: Instant::now() }
    }

    /// Applies the next events, at most `limit` and at most 1,000.
    ///
    /// # Errors
    /// When the store or the log is out of reach. The step can be repeated.
    pub async fn step(&mut self, limit: usize) -> Result<HotStep, HotFault> {
        let stepped = self.try_step(limit).await;
        if stepped.is_err() {
            // Whether the last write went through is not known: look at the mark again.
            self.lose();
        }
        if let Err(HotFault::Rows(HotError::Broken)) = stepped {
            // Broken off within a script, or unreadable: no mark tells what is there.
            self.begin_again().await?;
            return Ok(HotStep::Reset);
        }
        stepped
    }

    async fn try_step(&mut self, limit: usize) -> Result<HotStep, HotFault> {
        let Some(mark) = self.hold().await? else { return Ok(HotStep::Denied) };
        if mark.position > 0 && self.renewed.elapsed() >= RENEW && !self.keep(&mark).await? {
            return Ok(HotStep::Denied);
        }
        let stretch = self.hot.inner.views.tail().read(mark.position, limit.clamp(1, PAGE)).await?;
        if !stretch.events.is_empty() {
            return self.apply(&mark, &stretch).await;
        }
        if self.hot.inner.is_of_the_log(&mark).await? { Ok(HotStep::Idle) } else { self.reset(&mark).await }
    }

    /// The mark under this worker's right, which is taken first where it is missing.
    async fn hold(&mut self) -> Result<Option<Mark>, HotFault> {
        if self.mark.is_none() {
            let inner = &self.hot.inner;
            let Some(mark) = inner.rows.take(&self.model.name, &self.holder).await? else {
                metrics::lease(Leased::Hot, self.model.definition.name, LeaseOutcome::Denied);
                return Ok(None);
            };
            metrics::lease(Leased::Hot, self.model.definition.name, LeaseOutcome::Taken);
            if !inner.is_of_the_log(&mark).await? {
                self.reset(&mark).await?;
                return Ok(self.mark.clone());
            }
            self.stand(mark);
        }
        Ok(self.mark.clone())
    }

    /// Renews the right, and sees whether the rows are still there.
    async fn keep(&mut self, mark: &Mark) -> Result<bool, HotFault> {
        let step = Advance { from: mark, position: mark.position, hash: &mark.hash, changes: &[] };
        if self.hot.inner.rows.advance(&self.model.name, step).await? {
            self.renewed = Instant::now();
            return Ok(true);
        }
        metrics::lease(Leased::Hot, self.model.definition.name, LeaseOutcome::Lost);
        tracing::warn!(projection = self.model.name, "hot rows were lost or taken over");
        self.lose();
        Ok(false)
    }

    async fn apply(&mut self, mark: &Mark, stretch: &Stretch<E>) -> Result<HotStep, HotFault> {
        let model = Arc::clone(&self.model);
        let definition = &model.definition;
        // Nobody leaves anything out of hot rows: what they cannot apply, the tables answer.
        let batch = Batch::gather(definition, stretch, &LeftOut::default());
        let mut changes = Vec::new();
        if batch.upto > mark.position {
            let docs = match self.docs(mark, &batch.keys()).await? {
                Some(docs) => docs,
                None => return Ok(HotStep::Denied),
            };
            for (key, events) in batch.events() {
                let folded = (definition.fold)(key, docs.get(key).map(String::as_str), events)?;
                if let Some((at, reason)) = folded.poison {
                    tracing::error!(projection = self.model.name, key, position = events[at].position(), %reason, "hot rows halted");
                    return Ok(HotStep::Halted);
                }
                changes.extend(self.change(key, docs.get(key), folded.row)?);
            }
            let hash = self.hash(stretch, batch.upto).await?;
            let step = Advance { from: mark, position: batch.upto, hash: &hash, changes: &changes };
            if !self.hot.inner.rows.advance(&self.model.name, step).await? {
                metrics::lease(Leased::Hot, self.model.definition.name, LeaseOutcome::Lost);
                tracing::warn!(projection = self.model.name, "another worker has taken over, or the rows were lost: nothing was written");
                self.lose();
                return Ok(HotStep::Denied);
            }
            self.stand(Mark { position: batch.upto, epoch: mark.epoch, hash });
        }
        match &batch.halt {
            None => Ok(HotStep::Advanced(batch.upto)),
            Some(halt) => {
                tracing::error!(projection = self.model.name, position = halt.position, reason = halt.reason, "hot rows halted");
                Ok(HotStep::Halted)
            }
        }
    }

    /// The present rows of these keys; `None` when they no longer stand where this worker left them.
    async fn docs(&mut self, mark: &Mark, keys: &[String]) -> Result<Option<HashMap<String, String>>, HotFault> {
        let mut docs = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(PAGE) {
            let (at, told) = self.hot.inner.rows.ask(&self.model.name, Ask::Keys(keys)).await?;
            let Told::Docs(found) = told else { return Err(HotError::Broken.into()) };
            if at != *mark {
                self.lose();
                return Ok(None);
            }
            docs.extend(keys.iter().cloned().zip(found).filter_map(|(key, doc)| doc.map(|doc| (key, doc))));
        }
        Ok(Some(docs))
    }

    fn change(&self, key: &str, old: Option<&String>, new: Option<StoredRow>) -> Result<Option<Change>, HotFault> {
        let definition = &self.model.definition;
        let terms = |row: &StoredRow| rows::terms(definition.columns, &row.index);
        let old_terms = match old {
            // Folding nothing reads the row as it is.
            Some(doc) => (definition.fold)(key, Some(doc), &[])?.row.as_ref().map(terms).unwrap_or_default(),
            None => Vec::new(),
        };
        if old.is_none() && new.is_none() {
            return Ok(None);
        }
        let new = new.map(|row| HotRow { terms: terms(&row), place: rows::indexable(row.place), doc: row.doc });
        Ok(Some(Change { key: key.to_owned(), old_terms, new }))
    }

    async fn hash(&self, stretch: &Stretch<E>, position: u64) -> Result<String, HotFault> {
        let seen = stretch.positions().find(|(at, _)| *at == position).and_then(|(_, seen)| seen.events().ok()?.first());
        match seen {
            Some(known) => known.recorded.leaf_hash().map(|hash| rows::hex(&hash)).map_err(HotFault::leaf),
            // Nobody here looks at its kind, so only the log has it.
            None => self.hot.inner.hash_at(position).await?.ok_or_else(|| HotFault::leaf("it is gone")),
        }
    }

    async fn reset(&mut self, mark: &Mark) -> Result<HotStep, HotFault> {
        tracing::warn!(projection = self.model.name, position = mark.position, "hot rows are not the log's, making them anew");
        self.lose();
        if !self.hot.inner.rows.reset(&self.model.name, mark).await? {
            return Ok(HotStep::Denied);
        }
        self.model.forget();
        self.stand(Mark { epoch: mark.epoch, ..Mark::default() });
        Ok(HotStep::Reset)
    }

    async fn begin_again(&mut self) -> Result<(), HotFault> {
        if let Some(mark) = self.hot.inner.rows.take(&self.model.name, &self.holder).await? {
            self.reset(&mark).await?;
        }
        Ok(())
    }

    fn stand(&mut self, mark: Mark) {
        if mark.position > 0 {
            self.model.vouch(&mark);
        }
        self.model.applied.send_replace(mark.position);
        (self.mark, self.renewed) = (Some(mark), Instant::now());
    }

    fn lose(&mut self) {
        self.mark = None;
        self.model.applied.send_replace(0);
    }

    /// Gives the model to whoever wants it next.
    pub async fn release(&mut self) {
        if let Some(mark) = self.mark.take() {
            // In vain when the store is gone: the right expires by itself.
            let _ = self.hot.inner.rows.release(&self.model.name, &mark).await;
        }
        self.lose();
    }

    async fn run(&mut self, stop: &mut watch::Receiver<bool>) {
        let mut news = self.hot.inner.views.tail().news();
        let (mut backoff, mut pace) = (Backoff::default(), Pace::default());
        while !*stop.borrow() {
            let position = self.mark.as_ref().map_or(0, |mark| mark.position);
            pace.gather(&news, position, stop, |_| false, pending).await;
            let pause = match self.step(PAGE).await {
                Ok(HotStep::Advanced(upto)) => {
                    pace.moved();
                    if *news.borrow() > upto { Duration::ZERO } else { RENEW }
                }
                Ok(HotStep::Reset) => Duration::ZERO,
                Ok(HotStep::Idle) => RENEW,
                Ok(HotStep::Denied) => DENIED,
                Ok(HotStep::Halted) => HALTED,
                Err(error) => {
                    tracing::debug!(projection = self.model.name, %error, "hot rows could not be moved, trying again");
                    backoff.next()
                }
            };
            if self.mark.is_some() {
                backoff = Backoff::default();
            }
            if pause.is_zero() {
                tokio::task::yield_now().await;
                continue;
            }
            let position = self.mark.as_ref().map(|mark| mark.position);
            let model = Arc::clone(&self.model);
            tokio::select! {
                () = stopped(stop) => {}
                () = tokio::time::sleep(pause) => {}
                () = model.doubt.notified() => self.lose(),
                Ok(_) = news.wait_for(|newest| position.is_some_and(|position| *newest > position)), if pause == RENEW => {}
            }
        }
        self.release().await;
    }
}

/// The running workers of hot rows of one process.
pub struct HotWorkers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl HotWorkers {
    /// Starts one for every model. Any number of processes may do so; each model has one at a time.
    #[must_use]
    pub fn start<E: Send + Sync + 'static>(hot: &HotViews<E>) -> Self {
        let (stop, told) = watch::channel(false);
        let holder = Uuid::new_v4().to_string();
        let tasks = hot.inner.models.values().map(|model| {
            let (hot, model, holder, told) = (hot.clone(), Arc::clone(model), holder.clone(), told.clone());
            tokio::spawn(async move {
                let name = model.name.clone();
                supervise(&name, told, |mut told| {
                    let mut worker = HotProjector::of(&hot, Arc::clone(&model), holder.clone());
                    async move { worker.run(&mut told).await }
                })
                .await;
            })
        });
        Self { tasks: tasks.collect(), stop }
    }

    /// Ends after the steps under way, and gives the models to others.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a worker of hot rows ended badly");
            }
        }
    }
}
