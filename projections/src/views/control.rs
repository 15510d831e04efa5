//! What operators have told read models, from the log itself: the same on every node, and still there when the tables are not.

use std::collections::BTreeMap;

use domain::projection::{self, Built, Event as Told, Projection};
use eventlog::{EventFilter, EventPage, Log, LogError, MAX_READ, Order, Recorded};
use kernel::upcast::Decoded;
use kernel::{Decider, Personal, Timestamp};

use crate::known::{Event, Known, decode};
use crate::tail::Stretch;
use crate::views::Views;
use crate::views::error::ViewError;

/// An operator's word on a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// Who, as the log names actors.
    pub by: String,
    /// Real time of the record.
    pub at: Timestamp,
    /// Why.
    pub reason: Personal<String>,
}

/// The last rebuild that an operator asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedRebuild {
    /// 1, 2, …: which of this model.
    pub number: u32,
    /// Only build and compare?
    pub dry_run: bool,
    /// Who asked, when and why.
    pub word: Word,
    /// How it ended, when it has.
    pub end: Option<Result<Built, String>>,
}

/// What operators have told a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Control {
    /// It stands still; who wanted that.
    pub paused: Option<Word>,
    /// The last rebuild.
    pub rebuild: Option<AskedRebuild>,
}

impl Control {
    fn hear(&mut self, recorded: &Recorded, told: Told) {
        let word = |reason| Word { by: recorded.actor.to_string(), at: recorded.recorded_at, reason };
        match told {
            Told::ProjectionPaused { reason, .. } => self.paused = Some(word(reason)),
            Told::ProjectionResumed { .. } => self.paused = None,
            Told::ProjectionRebuildRequested { number, dry_run, reason, .. } => {
                self.rebuild = Some(AskedRebuild { number, dry_run, word: word(reason), end: None });
            }
            Told::ProjectionRebuilt { built, .. } => self.ended(Ok(built)),
            Told::ProjectionRebuildFailed { error, .. } => self.ended(Err(error)),
        }
    }

    fn ended(&mut self, end: Result<Built, String>) {
        if let Some(rebuild) = &mut self.rebuild {
            rebuild.end = Some(end);
        }
    }
}

impl<E: Send + Sync + 'static> Views<E> {
    /// What operators have told each model; models of which nobody has said anything are missing.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn controls(&self) -> Result<BTreeMap<String, Control>, ViewError> {
        let filter = EventFilter { stream_kind: Some(Projection::KIND.to_owned()), ..EventFilter::default() };
        let (mut found, mut after) = (BTreeMap::<String, Control>::new(), 0);
        loop {
            let page = EventPage { after: Some(after), before: None, order: Order::Ascending, limit: MAX_READ };
            let events = self.log().search(&filter, page).await?.events;
            for recorded in &events {
                let control = found.entry(recorded.stream.id().to_owned()).or_default();
                // What only a newer program can read is told to that program.
                for event in decode(recorded).map(Decoded::into_vec).unwrap_or_default() {
                    if let Event::Projection(told) = event {
                        control.hear(recorded, told);
                    }
                }
            }
            after = events.last().map_or(after, |event| event.position);
            if events.len() < MAX_READ {
                return Ok(found);
            }
        }
    }
}

/// Position of the event after which the model stands still; `None` when no operator wants it to.
pub(crate) async fn paused_at(log: &Log, name: &str) -> Result<Option<u64>, LogError> {
    let Ok(stream) = projection::stream(name) else { return Ok(None) };
    let types = [PAUSED, RESUMED].map(str::to_owned).to_vec();
    let filter = EventFilter { types, stream: Some(stream), ..EventFilter::default() };
    let newest = EventPage { after: None, before: None, order: Order::Descending, limit: 1 };
    let newest = log.search(&filter, newest).await?.events.pop();
    Ok(newest.filter(|event| event.event_type == PAUSED).map(|event| event.position))
}

/// Ends a stretch with the event that pauses the model, if it is there; says whether it was.
pub(crate) fn cut<E>(stretch: &mut Stretch<E>, name: &str) -> bool {
    let pauses = |event: &Known<E>| {
        let recorded = &event.recorded;
        recorded.event_type == PAUSED && recorded.stream.kind() == Projection::KIND && recorded.stream.id() == name
    };
    let found = stretch.events.iter().position(|seen| seen.events().is_ok_and(|events| events.iter().any(|event| pauses(event))));
    if let Some(at) = found {
        stretch.events.truncate(at + 1);
    }
    found.is_some()
}

/// Type of the event that pauses a model.
const PAUSED: &str = "ProjectionPaused";
/// Type of the event that lets it go on.
const RESUMED: &str = "ProjectionResumed";
