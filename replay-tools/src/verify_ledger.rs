//! The ledger's part of `verify`: entries from events, balances from entries, both against what is stored of them.

use eventlog::{Config, KeySource, LeafRecord, Log, StoreUrl};
use projections::books::{Books, Compared, Mismatch};
use projections::views::ViewError;
use serde_json::json;

use crate::cli::{Exit, Failed};

const HINT: &str = "the log itself may well hold: read models can be thrown away and are folded again";

/// The books beside a verification of the log.
pub(crate) struct Ledger {
    books: Books,
    mismatch: Option<Mismatch>,
}

impl Ledger {
    /// Takes what is stored. `whole`: the verification begins with the first event.
    pub(crate) async fn open(store: &StoreUrl, whole: bool) -> Result<Self, Failed> {
        let books = Books::open(store, whole).await.map_err(unreadable)?;
        Ok(Self { books, mismatch: None })
    }

    /// One more event that the log holds. An event that cannot be posted is the log's fault; a stored balance that differs is not.
    pub(crate) fn event(&mut self, record: &LeafRecord<'_>, payload: &str) -> Result<(), String> {
        match self.books.event(record, payload) {
            Err(mismatch) if mismatch.position == record.position => Err(mismatch.wrong),
            Err(mismatch) => {
                self.mismatch.get_or_insert(mismatch);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Compares what is left, once the log was found to hold up to a position.
    pub(crate) async fn finish(self, store: &StoreUrl, to: u64) -> Result<Result<Compared, Mismatch>, Failed> {
        if let Some(mismatch) = self.mismatch {
            return Ok(Err(mismatch));
        }
        let log = Log::open(Config { url: store.clone(), secret: [0; 32], migrate: false, keys: KeySource::Absent }).await?;
        let done = self.books.finish(&log, to).await;
        log.close().await;
        done.map_err(unreadable)
    }
}

fn unreadable(error: ViewError) -> Failed {
    match error {
        ViewError::Log(error) => error.into(),
        other => Failed::new(Exit::Unavailable, other, "check that the read side's database may be read"),
    }
}

/// The failure that a mismatch ends with.
pub(crate) fn failed(mismatch: &Mismatch) -> Failed {
    Failed::new(Exit::Refused, format_args!("the books do not hold: position {}: {}", mismatch.position, mismatch.wrong), HINT)
}

/// A mismatch as one JSON object.
pub(crate) fn broken_json(mismatch: &Mismatch) -> String {
    json!({ "holds": false, "position": mismatch.position, "wrong": mismatch.wrong }).to_string()
}

/// What was compared, for the lines under what the log holds.
pub(crate) fn text(compared: &Compared) -> String {
    let at = |at: Option<u64>| at.map_or_else(|| "not compared".to_owned(), |at| format!("as stored at {at}"));
    let Compared { entries, balances, .. } = compared;
    format!(
        "entries  {entries}, {}\nlines    {}\nbalances {balances}, {}",
        at(compared.journal_at),
        at(compared.lines_at),
        at(compared.balances_at)
    )
}

/// What was compared, as an object of JSON.
pub(crate) fn json(compared: &Compared) -> serde_json::Value {
    json!({
        "entries": compared.entries,
        "balances": compared.balances,
        "journal_at": compared.journal_at,
        "lines_at": compared.lines_at,
        "balances_at": compared.balances_at,
    })
}
