//! Are the stored books what the events say? Entries are posted again from events, balances added up again from entries, and both
//! compared with the rows that readers are shown, at the checkpoint of each model. Reads only; works beside a running server.
//!
//! [`Books::open`] takes the balances and checkpoints before the events are walked; [`Books::event`] is told every event;
//! [`Books::finish`] compares what only has its final form at the end. Memory grows with accounts, not with entries.

mod balances;
mod rows;
mod stored;

use eventlog::{LeafRecord, Log, Recorded};
use kernel::{StreamName, Timestamp};

use crate::known::{Known, decode};
use crate::models::{Journal, LedgerLines};
use crate::views::ViewError;
use balances::Balances;
use rows::Rows;
use stored::Stored;

/// Kinds of streams that may post (domain.md §3.4, "Who posts"); others are not decoded.
const POSTING: [&str; 4] = ["payment", "payout", "recon", "ledgertx"];

/// What does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}")]
pub struct Mismatch {
    /// Of the event whose entry differs, or of the checkpoint at which a balance does.
    pub position: u64,
    /// What differs.
    pub wrong: String,
}

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Entries that the events post.
    pub entries: u64,
    /// Accounts and currencies that they post to.
    pub balances: u64,
    /// Up to where the stored journal was compared; `None` when there is none, or the walk did not begin at the beginning.
    pub journal_at: Option<u64>,
    /// Up to where the stored lines were compared.
    pub lines_at: Option<u64>,
    /// At which position the stored balances were compared.
    pub balances_at: Option<u64>,
}

/// The books as the events make them, beside what is stored of them.
pub struct Books {
    stored: Option<Stored>,
    balances: Balances,
    journal: Rows<Journal>,
    lines: Rows<LedgerLines>,
    entries: u64,
    whole: bool,
}

impl Books {
    /// Takes what is stored. `whole`: every event from the first on will be told; else entries are only posted, not compared.
    ///
    /// # Errors
    /// The read side's database. That there is none is no error: it may be deleted at any time.
    pub async fn open(url: &eventlog::StoreUrl, whole: bool) -> Result<Self, ViewError> {
        let stored = if whole { Stored::open(url).await? } else { None };
        let (mut balances, mut journal, mut lines) = (Balances::default(), Rows::default(), Rows::default());
        if let Some(stored) = &stored {
            balances = Balances::stored(stored.balances().await?);
            journal = Rows::up_to(stored.checkpoint::<Journal>().await?);
            lines = Rows::up_to(stored.checkpoint::<LedgerLines>().await?);
        }
        Ok(Self { stored, balances, journal, lines, entries: 0, whole })
    }

    /// One more event of the log, as its stored bytes say.
    ///
    /// # Errors
    /// Why it cannot be posted, or where the stored balances differ from those of the entries so far.
    pub fn event(&mut self, record: &LeafRecord<'_>, payload: &str) -> Result<(), Mismatch> {
        let wrong = |wrong: String| Mismatch { position: record.position, wrong };
        if self.whole {
            self.balances.before(record.position)?;
        }
        let kind = record.stream.split('-').next().unwrap_or_default();
        if !POSTING.contains(&kind) {
            return Ok(());
        }
        let recorded = recorded(record, payload).map_err(wrong)?;
        let events = decode(&recorded).map_err(|error| wrong(error.to_string()))?.into_vec();
        for event in events {
            let known = Known { recorded: recorded.clone(), event };
            let entry = known.event.entry().map_err(|error| wrong(error.to_string()))?;
            let Some(entry) = entry else { continue };
            self.entries += 1;
            self.balances.post(record.position, &entry).map_err(wrong)?;
            if self.whole {
                self.journal.event(&known).map_err(wrong)?;
                self.lines.event(&known).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Compares what is left, now that the last event was told: `to` is its position.
    ///
    /// # Errors
    /// The database's; a difference is `Ok(Err)`.
    pub async fn finish(mut self, log: &Log, to: u64) -> Result<Result<Compared, Mismatch>, ViewError> {
        let mut compared = Compared { entries: self.entries, balances: self.balances.len(), ..Compared::default() };
        let totals = self.balances.even().map_err(|wrong| Mismatch { position: to, wrong });
        if let Err(mismatch) = totals.and_then(|()| self.balances.before(to.saturating_add(1))) {
            return Ok(Err(mismatch));
        }
        let Some(stored) = self.stored.take() else { return Ok(Ok(compared)) };
        compared.balances_at = self.balances.compared_at();
        compared.journal_at = match self.journal.compare(&stored, log, to).await? {
            Ok(at) => at,
            Err(mismatch) => return Ok(Err(mismatch)),
        };
        compared.lines_at = match self.lines.compare(&stored, log, to).await? {
            Ok(at) => at,
            Err(mismatch) => return Ok(Err(mismatch)),
        };
        stored.close().await;
        Ok(Ok(compared))
    }
}

/// The event of a leaf that holds. What a fold never looks at is left empty.
fn recorded(record: &LeafRecord<'_>, payload: &str) -> Result<Recorded, String> {
    let at = |micros: i64| Timestamp::from_microsecond(micros).map_err(|error| error.to_string());
    Ok(Recorded {
        position: record.position,
        stream: record.stream.parse::<StreamName>().map_err(|error| error.to_string())?,
        version: record.version,
        event_id: record.event_id,
        event_type: record.event_type.to_owned(),
        schema_version: record.schema_version,
        recorded_at: at(record.recorded_at)?,
        occurred_at: at(record.occurred_at)?,
        actor: record.actor.parse().map_err(|error: kernel::actor::NotAnActor| error.to_string())?,
        correlation_id: record.correlation_id,
        causation_id: record.causation_id,
        command_id: record.command_id,
        traceparent: None,
        digest: record.payload_digest,
        payload: payload.into(),
    })
}

#[cfg(test)]
mod tests;
