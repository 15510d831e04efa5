//! Walks the log and writes one record per event that posts, with what the tools need to check it.

use std::collections::{BTreeMap, BTreeSet};

use eventlog::Recorded;
use kernel::jiff::civil::Date;
use kernel::jiff::tz::TimeZone;
use kernel::{Currency, JournalEntry, Money};

use super::account::Account;
use super::format::Format;
use super::parquet::Table;
use super::{data, text};

/// Whose days and months the books go by.
const ZONE: &str = "Asia/Seoul";
/// Balances of one closing record; more of them make more records.
const CLOSING_LINES: usize = 500;

/// Why the books cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] eventlog::LogError),
    /// An event cannot be read, or does not post as it should.
    #[error("the event at position {position} cannot be exported: {reason}")]
    Event {
        /// Where it is.
        position: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The days of the books cannot be told.
    #[error("the time zone {ZONE} is not known: {0}")]
    Zone(String),
    /// The reading could not be put on record, so nothing was given.
    #[error("the export could not be logged: {0}")]
    NotLogged(commands::ExecuteError),
    /// Nobody reads any more.
    #[error("the reader went away")]
    Closed,
}

/// A journal entry with where it comes from and when the books have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'r> {
    pub event: &'r Recorded,
    pub entry: &'r JournalEntry,
    /// Posting date.
    pub day: Date,
    /// Business date that it counts from.
    pub effective: Date,
    /// Hash of the event's leaf in the log's tree, in hexadecimal digits.
    pub leaf: &'r str,
}

/// What one account must hold in one currency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assertion<'a> {
    pub account: &'a str,
    pub sum: Money,
}

/// Writes the books from one position on. It is to see every event from position 1 on, in order: what lies before its first
/// position only adds to the balances that it opens with.
#[derive(Debug)]
pub struct Exporter {
    format: Format,
    from: u64,
    zone: TimeZone,
    /// Posting date of the last entry; never falls.
    day: Option<Date>,
    accounts: BTreeMap<String, Account>,
    /// Kinds of entries that were declared in this file.
    kinds: BTreeSet<String>,
    started: bool,
    records: u64,
    out: String,
    /// Of the format that is no text.
    table: Option<Table>,
}

impl Exporter {
    /// Writes from a position on.
    ///
    /// # Errors
    /// [`ExportError::Zone`].
    pub fn new(format: Format, from: u64) -> Result<Self, ExportError> {
        let zone = TimeZone::get(ZONE).map_err(|error| ExportError::Zone(error.to_string()))?;
        let mut out = String::new();
        match format {
            Format::Hledger | Format::Ledger | Format::Beancount => text::header(format, &mut out),
            Format::Csv => data::csv_header(&mut out),
            Format::Ndjson | Format::Parquet | Format::Events => {}
        }
        let table = (format == Format::Parquet).then(|| Table::new(data::TABLE));
        Ok(Self {
            format,
            from,
            zone,
            day: None,
            accounts: BTreeMap::new(),
            kinds: BTreeSet::new(),
            started: false,
            records: 0,
            out,
            table,
        })
    }

    /// What was written since the last call, of a format that is text.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    /// What was written since the last call, of any format.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        match &mut self.table {
            Some(table) => table.take(),
            None => self.take().into_bytes(),
        }
    }

    /// How much is waiting to be taken, in bytes.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        match &self.table {
            Some(table) => table.waiting(),
            None => self.out.len(),
        }
    }

    /// How many records were written.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// One more event.
    ///
    /// # Errors
    /// [`ExportError::Event`].
    pub fn event(&mut self, event: &Recorded) -> Result<(), ExportError> {
        let failed = |reason: String| ExportError::Event { position: event.position, reason };
        if self.format == Format::Events {
            if event.position >= self.from {
                let leaf = hex(&event.leaf_hash().map_err(|error| failed(error.to_string()))?);
                data::event(event, &leaf, &mut self.out);
                self.records += 1;
            }
            return Ok(());
        }
        let decoded = crate::decode(event).map_err(|error| failed(error.to_string()))?;
        for known in decoded.into_vec() {
            if let Some(entry) = known.entry().map_err(|error| failed(error.to_string()))? {
                self.entry(event, &entry).map_err(failed)?;
            }
        }
        Ok(())
    }

    pub(super) fn entry(&mut self, event: &Recorded, entry: &JournalEntry) -> Result<(), String> {
        let occurred = event.occurred_at.to_zoned(self.zone.clone()).date();
        let before = self.day;
        let day = before.map_or(occurred, |before| before.max(occurred));
        let within = event.position >= self.from;
        if within {
            self.open();
            if let Some(before) = before.filter(|before| before.first_of_month() != day.first_of_month()) {
                self.close(before, before.last_of_month());
            }
        }
        self.day = Some(day);
        for posting in entry.postings() {
            let known = match self.accounts.get_mut(&posting.account) {
                Some(known) => known,
                None => {
                    let opened =
                        Account::opened(&posting.account).ok_or_else(|| format!("the chart has no account {}", posting.account))?;
                    self.accounts.entry(posting.account.clone()).or_insert(opened)
                }
            };
            known.post(posting).map_err(|error| error.to_string())?;
            if within && !known.declared {
                known.declared = true;
                text::declare(self.format, &known.name, day, &mut self.out);
            }
        }
        if within {
            if self.kinds.insert(entry.kind().to_owned()) {
                text::payee(self.format, entry.kind(), &mut self.out);
            }
            let effective = entry.effective_at().to_zoned(self.zone.clone()).date();
            let leaf = hex(&event.leaf_hash().map_err(|error| error.to_string())?);
            self.write(&Record { event, entry, day, effective, leaf: &leaf });
            self.records += 1;
        }
        Ok(())
    }

    fn write(&mut self, record: &Record<'_>) {
        let name = |account: &str| self.accounts.get(account).map_or("", |known| known.name.as_str());
        match self.format {
            Format::Hledger | Format::Ledger | Format::Beancount => text::entry(self.format, record, name, &mut self.out),
            Format::Csv => data::csv(record, &mut self.out),
            Format::Ndjson => data::ndjson(record, &mut self.out),
            Format::Parquet => {
                if let Some(table) = &mut self.table {
                    data::rows(record, table);
                }
            }
            Format::Events => {}
        }
    }

    /// Begins with what the accounts hold from before the first position, as one balanced record.
    fn open(&mut self) {
        if std::mem::replace(&mut self.started, true) || !self.format.is_plain_text_accounting() {
            return;
        }
        let Some(day) = self.day else { return };
        let mut lines = Vec::new();
        for account in self.accounts.values_mut() {
            account.touched = account.holds();
            if account.touched {
                account.declared = true;
                text::declare(self.format, &account.name, day, &mut self.out);
                lines.extend(account.sums.values().filter(|sum| !sum.is_zero()).map(|sum| (account.name.as_str(), *sum)));
            }
        }
        if !lines.is_empty() {
            text::opening(self.format, day, self.from, &lines, &mut self.out);
        }
    }

    /// Asserts, at the end of a day, the balance of every account that was posted to since the last assertions.
    fn close(&mut self, last_entry: Date, end: Date) {
        if !self.format.is_plain_text_accounting() {
            return;
        }
        let mut assertions = Vec::new();
        for account in self.accounts.values().filter(|account| account.touched && account.declared) {
            assertions.extend(account.sums.values().map(|sum| Assertion { account: &account.name, sum: *sum }));
        }
        for chunk in assertions.chunks(CLOSING_LINES) {
            text::closing(self.format, last_entry, end, chunk, &mut self.out);
        }
        for account in self.accounts.values_mut() {
            account.touched = false;
        }
    }

    /// Ends: asserts what the last period, which may not be over, holds so far.
    pub fn finish(&mut self) {
        self.open();
        if let Some(day) = self.day {
            self.close(day, day);
        }
        if let Some(table) = &mut self.table {
            table.finish();
        }
    }

    /// What every account that was ever posted to holds now, Σ debits − Σ credits per currency, by our own names.
    pub fn balances(&self) -> impl Iterator<Item = (&str, Currency, Money)> {
        self.accounts.iter().flat_map(|(name, account)| account.sums.iter().map(|(currency, sum)| (name.as_str(), *currency, *sum)))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
