//! What moved on one account within a stretch of time, and what it held before and after: by business date or by the time of
//! recording, as the books were known at any moment.

use std::collections::BTreeMap;

use kernel::{Currency, Money, MoneyError, Side, Timestamp};

use super::account_balances::{AccountBalances, BalanceRow};
use super::balances::{AsOf, balances_at};
use super::journal::{Journal, JournalRow, key as entry_key};
use super::ledger_lines::{LedgerLineRow, LedgerLines};
use crate::views::{Query, ViewError, Views};

/// Most lines of one statement: ask for a shorter time.
pub const MAX_LINES: usize = 10_000;

/// By which of the two timelines a statement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeline {
    /// Business dates.
    Effective,
    /// When the log took it.
    Recorded,
}

/// Of what a statement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The account by name.
    pub account: &'a str,
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// By which timeline.
    pub timeline: Timeline,
    /// As the books were known then; nothing limits: as they are known now.
    pub as_of: AsOf,
}

/// A line with the entry that it is of, and what the account held after it.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementLine {
    /// The line.
    pub line: LedgerLineRow,
    /// Its entry.
    pub entry: JournalRow,
    /// On the account's own side, after it.
    pub balance: Money,
}

/// What moved on an account in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The account with its sums of all lines up to the end.
    pub end: BalanceRow,
    /// What it held before the first line, on its own side.
    pub opening: Money,
    /// What it held after the last.
    pub closing: Money,
    /// Σ debits within.
    pub debits: Money,
    /// Σ credits within.
    pub credits: Money,
    /// In the order of the timeline.
    pub lines: Vec<StatementLine>,
}

/// Why there is no statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// More lines than one statement holds.
    #[error("more than {MAX_LINES} lines")]
    TooLong,
    /// The read side failed.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A sum leaves the range of money.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The ledger has a line of an entry that the journal does not have.
    #[error("the journal has no entry {0}")]
    NoEntry(String),
}

/// The statements of an account, one per currency that it ever held.
///
/// # Errors
/// [`StatementError`].
pub async fn statements(views: &Views, wanted: &Wanted<'_>) -> Result<Vec<Statement>, StatementError> {
    let mut lines = lines(views, wanted).await?;
    let at = |line: &LedgerLineRow| match wanted.timeline {
        Timeline::Effective => line.effective_at,
        Timeline::Recorded => line.recorded_at,
    };
    lines.sort_by_key(|line| (at(line), line.position, line.line));
    let mut found = BTreeMap::<Currency, Vec<LedgerLineRow>>::new();
    for line in lines {
        found.entry(line.amount.currency()).or_default().push(line);
    }
    let mut statements = Vec::new();
    for before in opening(views, wanted).await? {
        let lines = found.remove(&before.currency).unwrap_or_default();
        statements.push(statement(views, before, lines).await?);
    }
    for (currency, lines) in found {
        if let Some(before) = BalanceRow::opened(wanted.account, currency, lines.first().map_or(0, |line| line.position)) {
            statements.push(statement(views, before, lines).await?);
        }
    }
    statements.sort_by_key(|statement| statement.end.currency);
    Ok(statements)
}

async fn lines(views: &Views, wanted: &Wanted<'_>) -> Result<Vec<LedgerLineRow>, StatementError> {
    let column = match wanted.timeline {
        Timeline::Effective => "effective_at",
        Timeline::Recorded => "recorded_at",
    };
    let within = Query::new().eq("account", wanted.account).ge(column, wanted.from).lt(column, wanted.to);
    let rows = views.all::<LedgerLines>(&wanted.as_of.limit(within), MAX_LINES as u64).await?;
    if rows.len() >= MAX_LINES { Err(StatementError::TooLong) } else { Ok(rows.into_iter().map(|(_, row)| row).collect()) }
}

/// What the account held before the first moment, in each currency.
async fn opening(views: &Views, wanted: &Wanted<'_>) -> Result<Vec<BalanceRow>, StatementError> {
    // Limits are inclusive; the finest time of the log is a microsecond.
    let before = Timestamp::from_microsecond(wanted.from.as_microsecond().saturating_sub(1)).unwrap_or(Timestamp::MIN);
    let earlier = |limit: Option<Timestamp>| Some(limit.map_or(before, |limit| limit.min(before)));
    let as_of = match wanted.timeline {
        Timeline::Effective => AsOf { effective_at: earlier(wanted.as_of.effective_at), ..wanted.as_of },
        Timeline::Recorded => AsOf { recorded_at: earlier(wanted.as_of.recorded_at), ..wanted.as_of },
    };
    let mut rows = balances_at(views, &as_of, Some(wanted.account)).await?;
    // What was only posted to later was there before, and held nothing.
    for (_, now) in views.all::<AccountBalances>(&Query::new().eq("account", wanted.account), 100).await? {
        if !rows.iter().any(|row| row.currency == now.currency) {
            let zero = Money::zero(now.currency);
            rows.push(BalanceRow { debits: zero, credits: zero, ..now });
        }
    }
    Ok(rows)
}

async fn statement(views: &Views, before: BalanceRow, lines: Vec<LedgerLineRow>) -> Result<Statement, StatementError> {
    let keys: Vec<String> = lines.iter().map(|line| entry_key(line.position)).collect();
    let entries = views.get_many::<Journal>(&keys).await?;
    let (opening, zero) = (before.balance(), Money::zero(before.currency));
    let (mut running, mut debits, mut credits, mut shown) = (before, zero, zero, Vec::with_capacity(lines.len()));
    for line in lines {
        running.post(line.position, line.side, line.amount)?;
        match line.side {
            Side::Debit => debits = debits.plus(line.amount)?,
            Side::Credit => credits = credits.plus(line.amount)?,
        }
        let key = entry_key(line.position);
        let entry = entries.get(&key).cloned().ok_or(StatementError::NoEntry(key))?;
        shown.push(StatementLine { line, entry, balance: running.balance() });
    }
    Ok(Statement { opening, closing: running.balance(), end: running, debits, credits, lines: shown })
}

#[cfg(test)]
mod tests;
