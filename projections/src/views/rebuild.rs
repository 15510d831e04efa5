//! Building a read model anew beside the live one: loaded in parallel to a fixed position, moved along, compared with the live
//! one at one position, and switched to by one row.
//!
//! Nothing but tables of the read side is written: no command, call or notification follows from a rebuild. Each part of a
//! load commits its rows together with its position, so that a rebuild that was killed goes on where it was. Readers see the
//! old generation until the switch, the new one after it, and never anything in between.

mod build;
mod compare;
mod copy;
mod diff;
mod load;
mod part;
mod switch;

use std::time::{Duration, Instant};

use eventlog::LogError;
use fail::fail_point;

pub use compare::{Comparison, Difference};

use crate::views::Views;
use crate::views::error::ViewError;
use build::Build;

/// Most parts of a load.
pub const MAX_JOBS: usize = 64;

/// How a model is to be rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebuildOptions {
    /// Build and compare, and do not switch.
    pub dry_run: bool,
    /// Keep what a dry run has built: the next rebuild goes on from there.
    pub keep: bool,
    /// Throw away what an earlier rebuild has left unfinished.
    pub restart: bool,
    /// Switch although rows differ: the live model is what is wrong.
    pub accept: bool,
    /// Parts loaded at once, 1 to [`MAX_JOBS`]; an unfinished load keeps its number.
    pub jobs: usize,
    /// How much is done at once.
    pub pace: Pace,
}

/// How much a load does at once; tests make it small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Events of one page of the log, at most [`eventlog::MAX_READ`].
    pub page: usize,
    /// Rows that one database transaction of a part writes, at least.
    pub write_rows: usize,
    /// Places of the log after which a part writes how far it is, though it has few rows.
    pub write_events: u64,
    /// Rows kept in memory by one part; beyond, they are read again when they are touched again.
    pub kept_rows: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { page: eventlog::MAX_READ, write_rows: 20_000, write_events: 250_000, kept_rows: 100_000 }
    }
}

impl Default for RebuildOptions {
    fn default() -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        Self { dry_run: false, keep: false, restart: false, accept: false, jobs, pace: Pace::default() }
    }
}

/// What a rebuild is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Folding the log up to the live model's position.
    Loading,
    /// Making indexes.
    Indexing,
    /// Following the log.
    Tailing,
    /// Comparing with the live model.
    Comparing,
    /// Changing the pointer.
    Switching,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Indexing => "indexing",
            Self::Tailing => "tailing",
            Self::Comparing => "comparing",
            Self::Switching => "switching",
        }
    }
}

/// Is told how a rebuild goes.
pub trait Watch: Send {
    /// It does something else now.
    fn stage(&mut self, stage: Stage);
    /// `done` of `all` events or rows of this stage are done.
    fn progress(&mut self, done: u64, all: u64);
    /// A row that is not the same in both; told of the first [`compare::TOLD`].
    fn difference(&mut self, difference: &Difference);
}

/// Watches nothing.
impl Watch for () {
    fn stage(&mut self, _: Stage) {}
    fn progress(&mut self, _: u64, _: u64) {}
    fn difference(&mut self, _: &Difference) {}
}

/// What came of a rebuild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The model.
    pub name: &'static str,
    /// Its version.
    pub version: u32,
    /// The generation that was live before.
    pub before: u32,
    /// The generation that was built.
    pub generation: u32,
    /// The position that it stands at.
    pub position: u64,
    /// Events folded in this run.
    pub events: u64,
    /// Time spent on loading and indexing in this run.
    pub load: Duration,
    /// Time of all of it.
    pub total: Duration,
    /// How it compares; `None` where there was no live model that had ever caught up.
    pub comparison: Option<Comparison>,
    /// Is the built one live now?
    pub switched: bool,
}

/// A rebuild could not be done. The live model is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The read side or the log failed.
    #[error(transparent)]
    View(#[from] ViewError),
    /// There is no such model.
    #[error("there is no read model {0:?}")]
    Unknown(String),
    /// Another rebuild of the model is under way.
    #[error("{0} is being rebuilt by somebody else")]
    Busy(&'static str),
    /// Somebody else has taken the rebuild over, because this one was silent for too long.
    #[error("somebody else has taken the rebuild of {0} over")]
    Overtaken(&'static str),
    /// An event that cannot be read, or that a model of money cannot apply.
    #[error("{projection} cannot pass position {position}: {reason}")]
    Halted {
        /// The model.
        projection: &'static str,
        /// Where.
        position: u64,
        /// Why.
        reason: String,
    },
    /// What was built stands at a later position than the live model, which does not move.
    #[error("{projection} is built up to {built}, but the live one stands at {live} and does not move")]
    LiveBehind {
        /// The model.
        projection: &'static str,
        /// Position of the one built.
        built: u64,
        /// Position of the live one.
        live: u64,
    },
    /// No older generation is kept.
    #[error("there is no older generation of {0} to go back to")]
    NoPrevious(&'static str),
    /// A part of the load ended without a word.
    #[error("a part of the load died: {0}")]
    Died(String),
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::View(error.into())
    }
}

impl From<LogError> for RebuildError {
    fn from(error: LogError) -> Self {
        Self::View(error.into())
    }
}

impl<E: Send + Sync + 'static> Views<E> {
    /// Names and versions of the installed models.
    #[must_use]
    pub fn models(&self) -> Vec<(&'static str, u32)> {
        self.all_installed().iter().map(|installed| (installed.definition.name, installed.definition.version)).collect()
    }

    /// Builds a model anew beside the live one, compares both at one position, and switches. Works beside running workers.
    ///
    /// Where rows differ nothing is switched unless the options accept it; what was built is kept then, for a second try.
    ///
    /// # Errors
    /// [`RebuildError`]; the live model is as it was, and the same call goes on where this one ended.
    pub async fn rebuild(&self, name: &str, options: &RebuildOptions, watch: &mut dyn Watch) -> Result<Rebuilt, RebuildError> {
        let began = Instant::now();
        let mut build = Build::begin(self, name, options.restart).await?;
        let events = build.load(options.jobs.clamp(1, MAX_JOBS), options.pace, watch).await?;
        let load = began.elapsed();
        let comparison = build.compare(watch).await?;
        fail_point!("rebuild::compared", |_| Err(crate::failpoint::broken().into()));
        let same = comparison.as_ref().is_none_or(|comparison| comparison.differences == 0);
        let switched = !options.dry_run && (same || options.accept);
        if switched {
            watch.stage(Stage::Switching);
            build.switch().await?;
        }
        let rebuilt = build.report(events, load, began.elapsed(), comparison, switched);
        let forget = options.dry_run && !options.keep;
        if forget {
            build.forget().await?
        } else {
            build.release().await?
        }
        Ok(rebuilt)
    }

    /// Goes back to the generation that was live before the last switch, after it has caught up with the live one.
    ///
    /// # Errors
    /// [`RebuildError::NoPrevious`] when none is kept; else as [`Views::rebuild`].
    pub async fn roll_back(&self, name: &str, watch: &mut dyn Watch) -> Result<Rebuilt, RebuildError> {
        let began = Instant::now();
        let mut build = Build::previous(self, name).await?;
        watch.stage(Stage::Switching);
        let from = build.position();
        build.switch().await?;
        let rebuilt = build.report(build.position().saturating_sub(from), Duration::ZERO, began.elapsed(), None, true);
        build.release().await?;
        Ok(rebuilt)
    }
}
