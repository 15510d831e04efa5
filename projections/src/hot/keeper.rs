//! Moves hot rows along the log, and answers from them when they can be trusted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::geo::GeoPoint;
use eventlog::LogError;
use tokio::sync::{Notify, watch};

use crate::hot::rows::{self, Ask, HotError, HotRows, MAX_FOUND, MAX_LAT_E7, Mark, Told};
use crate::known::Event;
use crate::model::{ReadModel, Value};
use crate::models::search;
use crate::views::definition::{self, Definition};
use crate::views::{ViewError, Views};

/// Rows further behind than so many events are not asked: the tables know more.
const MOST_BEHIND: u64 = 1_000;
/// How long a reader waits for rows that are moved by this process, before it asks the tables.
const PATIENCE: Duration = Duration::from_millis(30);
/// Marks that were found to be the log's, lately.
const REMEMBERED: usize = 64;

/// The hot rows of one book. Cheap to clone; every clone is the same.
///
/// Every question may go unanswered (`None`): the rows are too far behind, of another log, or out of reach. The tables then
/// have the answer, so nothing is refused for want of this.
pub struct HotViews<E = Event> {
    pub(super) inner: Arc<Inner<E>>,
}

impl<E> Clone for HotViews<E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

pub(super) struct Inner<E> {
    pub(super) views: Views<E>,
    pub(super) rows: Arc<dyn HotRows>,
    pub(super) models: BTreeMap<&'static str, Arc<HotModel<E>>>,
}

/// A model that is kept hot.
pub(super) struct HotModel<E> {
    pub(super) definition: Definition<E>,
    /// Name and version: another version has rows of its own.
    pub(super) name: String,
    /// How far this process has moved it.
    pub(super) applied: watch::Sender<u64>,
    /// Rung when a reader has met rows that are not the log's.
    pub(super) doubt: Notify,
    checked: Mutex<VecDeque<(u64, String)>>,
    figures: Counters,
}

#[derive(Default)]
struct Counters {
    answered: AtomicU64,
    referred: AtomicU64,
    resets: AtomicU64,
}

/// How much the hot rows of a model help; since the start of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotFigures {
    /// The model.
    pub model: &'static str,
    /// The last position that this process has applied; 0 while another one moves the model.
    pub applied: u64,
    /// Questions that it answered.
    pub answered: u64,
    /// Questions that it left to the tables.
    pub referred: u64,
    /// How often the rows were thrown away because they were not the log's.
    pub resets: u64,
}

impl<E> HotModel<E> {
    /// Notes that a mark is the log's.
    pub(super) fn vouch(&self, mark: &Mark) {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.len() >= REMEMBERED {
            checked.pop_front();
        }
        checked.push_back((mark.position, mark.hash.clone()));
    }

    fn is_vouched(&self, mark: &Mark) -> bool {
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.iter().any(|(position, hash)| *position == mark.position && *hash == mark.hash)
    }

    /// The rows were thrown away: what was found out about them counts no longer.
    pub(super) fn forget(&self) {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.figures.resets.fetch_add(1, Ordering::Relaxed);
    }
}

impl<E: Send + Sync + 'static> HotViews<E> {
    /// No model yet; `rows` keeps what [`HotViews::install`] brings.
    #[must_use]
    pub fn new(views: &Views<E>, rows: Arc<dyn HotRows>) -> Self {
        Self { inner: Arc::new(Inner { views: views.clone(), rows, models: BTreeMap::new() }) }
    }

    /// Adds a model; before any clone is made and any worker started.
    ///
    /// # Errors
    /// [`ViewError::Definition`] when its names are impossible, or it comes too late.
    pub fn install<M: ReadModel<E>>(mut self) -> Result<Self, ViewError> {
        let definition = Definition::of::<M>()?;
        let (applied, checked) = (watch::Sender::new(0), Mutex::default());
        let name = format!("{}_v{}", definition.name, definition.version);
        let model = HotModel { definition, name, applied, doubt: Notify::new(), checked, figures: Counters::default() };
        let late = || ViewError::Definition { projection: M::NAME, reason: "hot models are installed before they are used".to_owned() };
        Arc::get_mut(&mut self.inner).ok_or_else(late)?.models.insert(M::NAME, Arc::new(model));
        Ok(self)
    }

    /// A row by its key: `Some(None)` when there is none.
    pub async fn get<M: ReadModel<E>>(&self, key: &str, at_least: u64) -> Option<Option<M::Row>> {
        let keys = [key.to_owned()];
        let Told::Docs(docs) = self.ask::<M>(Ask::Keys(&keys), at_least).await? else { return None };
        let doc = docs.into_iter().next()?;
        doc.map(|doc| definition::read::<E, M>(key, &doc)).transpose().ok()
    }

    /// How many rows have a value in an indexed column.
    pub async fn count<M: ReadModel<E>>(&self, column: &str, value: impl Into<Value>, at_least: u64) -> Option<u64> {
        match self.ask::<M>(Ask::Count(&rows::term(column, &value.into())?), at_least).await? {
            Told::Count(count) => Some(count),
            Told::Docs(_) | Told::Keys(_) => None,
        }
    }

    /// The keys of the rows that have a value in an indexed column, in their order; none when there are too many.
    pub async fn find<M: ReadModel<E>>(&self, column: &str, value: impl Into<Value>, at_least: u64) -> Option<Vec<String>> {
        let term = rows::term(column, &value.into())?;
        self.keys::<M>(Ask::Find(&term), at_least).await
    }

    /// The keys of all rows within so many metres of a point, and maybe of some a little beyond; none when there are too many, or
    /// the circle reaches where the index does not.
    pub async fn near<M: ReadModel<E>>(&self, centre: GeoPoint, radius_m: u32, at_least: u64) -> Option<Vec<String>> {
        if centre.lat_e7().abs().saturating_add(search::reach_e7(radius_m)) > MAX_LAT_E7 {
            return None;
        }
        self.keys::<M>(Ask::Near(centre, radius_m), at_least).await
    }

    /// How much each model helps.
    #[must_use]
    pub fn figures(&self) -> Vec<HotFigures> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let models = self.inner.models.iter();
        let figures = models.map(|(name, model)| HotFigures {
            model: name,
            applied: *model.applied.borrow(),
            answered: count(&model.figures.answered),
            referred: count(&model.figures.referred),
            resets: count(&model.figures.resets),
        });
        figures.collect()
    }

    async fn keys<M: ReadModel<E>>(&self, question: Ask<'_>, at_least: u64) -> Option<Vec<String>> {
        match self.ask::<M>(question, at_least).await? {
            Told::Keys(keys) => (keys.len() < MAX_FOUND).then_some(keys),
            Told::Docs(_) | Told::Count(_) => None,
        }
    }

    async fn ask<M: ReadModel<E>>(&self, question: Ask<'_>, at_least: u64) -> Option<Told> {
        let model = self.inner.models.get(M::NAME).filter(|model| model.definition.version == M::VERSION)?;
        let told = self.ask_model(model, question, at_least).await;
        let counter = if told.is_some() { &model.figures.answered } else { &model.figures.referred };
        counter.fetch_add(1, Ordering::Relaxed);
        told
    }

    async fn ask_model(&self, model: &HotModel<E>, question: Ask<'_>, at_least: u64) -> Option<Told> {
        let mut applied = model.applied.subscribe();
        let here = *applied.borrow();
        if here > 0 && here < at_least {
            // Moved by this process, and a moment behind. If it takes longer, the tables are asked.
            let _ = tokio::time::timeout(PATIENCE, applied.wait_for(|applied| *applied >= at_least)).await;
        }
        let (mark, told) = self.inner.rows.ask(&model.name, question).await.ok()?;
        self.trusts(model, &mark, at_least).await.then_some(told)
    }

    /// Are rows with this mark the log's, and new enough?
    async fn trusts(&self, model: &HotModel<E>, mark: &Mark, at_least: u64) -> bool {
        let newest = *self.inner.views.log().watch().borrow();
        if mark.position < at_least || mark.position.saturating_add(MOST_BEHIND) < newest {
            return false;
        }
        if mark.position == 0 {
            return newest == 0;
        }
        if model.is_vouched(mark) {
            return true;
        }
        match self.inner.is_of_the_log(mark).await {
            Ok(true) => model.vouch(mark),
            Ok(false) => {
                tracing::warn!(projection = model.name, position = mark.position, "hot rows are of another past than the log's");
                model.doubt.notify_one();
                return false;
            }
            Err(_) => return false,
        }
        true
    }
}

impl<E: Send + Sync + 'static> Inner<E> {
    /// Does the log have this event at this position?
    pub(super) async fn is_of_the_log(&self, mark: &Mark) -> Result<bool, HotFault> {
        if mark.position == 0 {
            return Ok(mark.hash.is_empty());
        }
        Ok(self.hash_at(mark.position).await?.is_some_and(|hash| hash == mark.hash))
    }

    /// The hash of the event at a position; `None` beyond the log's end.
    pub(super) async fn hash_at(&self, position: u64) -> Result<Option<String>, HotFault> {
        let events = self.views.log().read(position.saturating_sub(1), 1).await?;
        events.first().map(|event| event.leaf_hash().map(|hash| rows::hex(&hash))).transpose().map_err(HotFault::leaf)
    }
}

/// A step with hot rows failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum HotFault {
    /// The store of the rows.
    #[error(transparent)]
    Rows(#[from] HotError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A row that cannot be folded or read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// An event without a hash.
    #[error("an event has no hash: {0}")]
    Leaf(String),
}

impl HotFault {
    pub(super) fn leaf(error: impl std::fmt::Display) -> Self {
        Self::Leaf(error.to_string())
    }
}
