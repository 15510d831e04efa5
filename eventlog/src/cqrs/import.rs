//! Brings the events of a postgres-es database into a log (docs/import-postgres-es.md).
//!
//! The source is only read, within one snapshot of it. Its events have no order across aggregates; they get one that depends
//! on nothing but the source. What is in the log already is left alone, so an import may be interrupted and repeated; at the
//! end both sides are digested from what they store, aggregate by aggregate.

mod batch;
mod digest;
mod source;

use std::sync::Arc;

use kernel::Timestamp;

use crate::cqrs::form;
use crate::error::{ExecuteError, LogError};
use crate::log::Log;
use batch::Batch;
use digest::{AggregateDigest, Total};
use source::{Reader, Row};

/// Differing aggregates that a report names.
const MAX_NAMED: usize = 20;
/// Events of the log that are read at a time to digest them.
const PAGE: usize = 1_000;

/// Where the events come from, and how they are put in order.
#[derive(Clone)]
pub struct Source {
    /// A `postgres://` address.
    pub url: String,
    /// The table, with its schema if it needs one; postgres-es calls it `events`.
    pub table: String,
    /// The member of the metadata that says when an event happened; without one, events are ordered by their sequence.
    pub time_key: Option<String>,
    /// `occurred_at` of events whose metadata does not say it.
    pub occurred_at: Timestamp,
}

/// Never shows the address's password.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("table", &self.table).field("time_key", &self.time_key).finish_non_exhaustive()
    }
}

/// How much to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only look: nothing is appended.
    DryRun,
    /// Everything, or at most so many events in this run.
    Append {
        /// The most to append.
        limit: Option<u64>,
    },
}

/// What is told while it goes on.
pub trait Observer: Send {
    /// `done` of `all` source events have been looked at.
    fn progress(&mut self, done: u64, all: u64);
    /// An aggregate has been digested, in the order of types and ids.
    fn aggregate(&mut self, sum: &AggregateSum);
}

/// One aggregate's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateSum {
    /// Its type in the source.
    pub aggregate_type: String,
    /// Its id in the source.
    pub aggregate_id: String,
    /// How many the source has.
    pub events: u64,
    /// Digest of the source's events.
    pub source: [u8; 32],
    /// Digest of as many of its stream's events in the log; `None` when it was not asked for.
    pub log: Option<[u8; 32]>,
}

/// What an import came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Aggregates in the source.
    pub aggregates: u64,
    /// Events in the source.
    pub events: u64,
    /// Those that the log had before.
    pub present: u64,
    /// Those that this run has appended.
    pub appended: u64,
    /// Digest of all of the source's aggregates; none while some events still wait.
    pub source: Option<[u8; 32]>,
    /// The same of the log; none also after a dry run.
    pub log: Option<[u8; 32]>,
    /// How many aggregates differ.
    pub differ: u64,
    /// The first of them, by their streams.
    pub differing: Vec<String>,
}

impl Report {
    /// Is every event of the source in the log, byte for byte?
    #[must_use]
    pub fn holds(&self) -> bool {
        self.present + self.appended == self.events && self.log.is_some() && self.log == self.source
    }
}

/// Why an import stopped. What it had appended stays; the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source failed, or is no events table of postgres-es.
    #[error("the source failed: {0}")]
    Source(#[from] sqlx::Error),
    /// The numbers of an aggregate's events do not go from 1 on without a gap.
    #[error("{aggregate} has {events} events, numbered {first} to {last}: they must go from 1 on without a gap")]
    Gap {
        /// Type and id.
        aggregate: String,
        /// How many.
        events: i64,
        /// Its first number.
        first: i64,
        /// Its last.
        last: i64,
    },
    /// An event of the source cannot stand in a log.
    #[error("event {sequence} of {aggregate} does not fit into a log: {reason}")]
    Event {
        /// Type and id.
        aggregate: String,
        /// Its number.
        sequence: u64,
        /// Why not.
        reason: LogError,
    },
    /// Somebody writes to the same streams.
    #[error("the streams of imported aggregates are being written: stop whoever does it and run again")]
    Busy,
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl From<ExecuteError> for ImportError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Log(error) => Self::Log(error),
            // Nothing here is refused, posts, or uses a key for something else.
            ExecuteError::Conflict | ExecuteError::Refused { .. } | ExecuteError::KeyReused | ExecuteError::Unbalanced(_) => Self::Busy,
        }
    }
}

/// Brings what is missing into the log, then compares both sides.
///
/// # Errors
/// [`ImportError`]; what was appended until then stays, and the next run goes on from there.
pub async fn import(log: &Log, source: &Source, mode: Mode, observer: &mut dyn Observer) -> Result<Report, ImportError> {
    let mut reader = Reader::open(source).await?;
    let (events, aggregates) = reader.count().await?;
    let mut report = Report { aggregates, events, present: 0, appended: 0, source: None, log: None, differ: 0, differing: Vec::new() };
    let mut left = match mode {
        Mode::DryRun => 0,
        Mode::Append { limit } => limit.unwrap_or(u64::MAX),
    };
    reader.in_log_order().await?;
    let mut done = 0;
    while let Some(rows) = reader.page().await? {
        done += rows.len() as u64;
        let missing = missing(log, rows, &mut report.present).await?;
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(missing.len());
        for batch in batch::batches(&missing[..wanted], source.occurred_at)? {
            report.appended += append(log, &batch).await?;
        }
        left -= wanted as u64;
        observer.progress(done, events);
        if left == 0 && mode != Mode::DryRun {
            break;
        }
    }
    if mode == Mode::DryRun || report.present + report.appended == events {
        compare(log, &mut reader, mode, observer, &mut report).await?;
    }
    reader.close().await;
    Ok(report)
}

/// The events of a page that the log does not have; a stream has the first ones of its aggregate, or none.
async fn missing(log: &Log, rows: Vec<Row>, present: &mut u64) -> Result<Vec<Row>, ImportError> {
    let mut names: Vec<_> = rows.iter().map(|row| row.stream.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let versions = log.inner.store.versions(&names).await?;
    let there = |row: &Row| versions.get(&row.stream).is_some_and(|version| *version >= row.sequence);
    let before = rows.len();
    let missing: Vec<_> = rows.into_iter().filter(|row| !there(row)).collect();
    *present += (before - missing.len()) as u64;
    Ok(missing)
}

/// Appends a batch as one command: all of it or nothing, once under its key.
async fn append(log: &Log, batch: &Batch) -> Result<u64, ImportError> {
    log.execute(&batch.command, async |session| {
        for event in &batch.events {
            session.record_opaque(&event.stream, event.version, event.encoded.clone(), Some(Arc::clone(&event.command)))?;
        }
        Ok(())
    })
    .await?;
    Ok(batch.events.len() as u64)
}

/// Digests both sides, aggregate by aggregate.
async fn compare(log: &Log, reader: &mut Reader, mode: Mode, observer: &mut dyn Observer, report: &mut Report) -> Result<(), ImportError> {
    let (mut ours, mut theirs, mut open) = (Total::default(), Total::default(), None::<AggregateDigest>);
    reader.in_aggregate_order().await?;
    loop {
        let rows = reader.page().await?;
        let last = rows.is_none();
        for row in rows.into_iter().flatten() {
            if open.as_ref().is_none_or(|digest| !digest.is_of(&row))
                && let Some(digest) = open.replace(AggregateDigest::of(&row))
            {
                finish(log, digest, mode, observer, report, (&mut theirs, &mut ours)).await?;
            }
            if let Some(digest) = &mut open {
                digest.row(&row);
            }
        }
        if last {
            break;
        }
    }
    if let Some(digest) = open {
        finish(log, digest, mode, observer, report, (&mut theirs, &mut ours)).await?;
    }
    report.source = Some(theirs.digest());
    report.log = (mode != Mode::DryRun).then(|| ours.digest());
    Ok(())
}

async fn finish(
    log: &Log,
    digest: AggregateDigest,
    mode: Mode,
    observer: &mut dyn Observer,
    report: &mut Report,
    (theirs, ours): (&mut Total, &mut Total),
) -> Result<(), ImportError> {
    let mut sum = digest.sum();
    if mode != Mode::DryRun {
        sum.log = Some(in_log(log, &sum).await?);
        ours.add(&sum, sum.log.unwrap_or_default());
        if sum.log != Some(sum.source) {
            report.differ += 1;
            if report.differing.len() < MAX_NAMED {
                report.differing.push(format!("{} {}", sum.aggregate_type, sum.aggregate_id));
            }
        }
    }
    theirs.add(&sum, sum.source);
    observer.aggregate(&sum);
    Ok(())
}

/// Digest of as many events of an aggregate's stream as the source has, from what the log stores.
async fn in_log(log: &Log, sum: &AggregateSum) -> Result<[u8; 32], ImportError> {
    let stream = form::stream_of(&sum.aggregate_type, &sum.aggregate_id)?;
    let mut digest = AggregateDigest::new(&sum.aggregate_type, &sum.aggregate_id);
    let mut after = 0;
    while after < sum.events {
        let limit = usize::try_from(sum.events - after).unwrap_or(PAGE).min(PAGE);
        let page = log.read_stream(&stream, after, limit).await?;
        let Some(last) = page.last() else { break };
        after = last.version;
        for recorded in &page {
            let parts = form::Parts::of(recorded)?;
            digest.event(recorded.version, &recorded.event_type, &parts.version, &parts.event, parts.metadata);
        }
    }
    Ok(digest.sum().source)
}
