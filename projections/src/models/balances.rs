//! Balances as of now, or as of a position, a time of recording or a business date.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ledger;
use kernel::{Currency, Money, MoneyError, Side, Timestamp};

use super::account_balances::{self, AccountBalances, BalanceRow};
use super::journal::position_value;
use super::ledger_blocks::{BLOCK, LedgerBlocks};
use super::ledger_lines::LedgerLines;
use super::ledger_totals::LedgerTotals;
use crate::model::ReadModel;
use crate::views::{Query, ViewError, Views};

/// Rows of one statement; also the most that the current balances are read at once.
const PAGE: u64 = 10_000;
/// How long a position that is asked for is waited for.
const WAIT: Duration = Duration::from_secs(2);
/// How often the current balances are read anew because they moved meanwhile.
const TRIES: u32 = 3;

/// Up to where postings count. What is not given does not limit; all that is given holds together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsOf {
    /// Those up to this place of the log.
    pub position: Option<u64>,
    /// Those recorded up to this instant.
    pub recorded_at: Option<Timestamp>,
    /// Those effective up to this business time.
    pub effective_at: Option<Timestamp>,
}

impl AsOf {
    /// No limit at all?
    #[must_use]
    pub fn is_now(&self) -> bool {
        *self == Self::default()
    }

    /// The position, when nothing else limits.
    const fn only_position(&self) -> Option<u64> {
        match (self.recorded_at, self.effective_at) {
            (None, None) => self.position,
            _ => None,
        }
    }

    /// The limits as conditions on columns that the journal and the ledger's lines both have.
    #[must_use]
    pub fn limit(&self, mut query: Query) -> Query {
        if let Some(position) = self.position {
            query = query.le("entry_position", position_value(position));
        }
        if let Some(recorded_at) = self.recorded_at {
            query = query.le("recorded_at", recorded_at);
        }
        if let Some(effective_at) = self.effective_at {
            query = query.le("effective_at", effective_at);
        }
        query
    }
}

/// The sums of every family of accounts at one position.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialBalance {
    /// No posting after it counts.
    pub position: u64,
    /// Every family that was ever posted to, by name and currency; `account` is the family's name.
    pub rows: Vec<BalanceRow>,
}

/// The sums of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Σ debits.
    pub debits: Money,
    /// Σ credits.
    pub credits: Money,
}

impl TrialBalance {
    /// The sums of every currency.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when a sum leaves the range of [`Money`].
    pub fn totals(&self) -> Result<BTreeMap<Currency, Totals>, MoneyError> {
        let mut totals = BTreeMap::new();
        for row in &self.rows {
            let zero = Money::zero(row.currency);
            let sums = totals.entry(row.currency).or_insert(Totals { debits: zero, credits: zero });
            (sums.debits, sums.credits) = (sums.debits.plus(row.debits)?, sums.credits.plus(row.credits)?);
        }
        Ok(totals)
    }
}

/// The balances of an account in each of its currencies, or of all accounts; sorted by account and currency.
///
/// # Errors
/// [`ViewError::Lagging`] when a position is asked for that the ledger does not reach in time; else the database's.
pub async fn balances_at(views: &Views, as_of: &AsOf, account: Option<&str>) -> Result<Vec<BalanceRow>, ViewError> {
    if as_of.is_now()
        && let Some(rows) = current(views, account).await?
    {
        return Ok(rows);
    }
    match (account, as_of.only_position()) {
        // An account that is a family of its own is the one that grows with the business; its stretches are summed up already.
        (Some(account), Some(position)) if !account.contains(':') => {
            Ok(families(views, position, Some(account)).await?.into_values().collect())
        }
        _ => sum(views, as_of, account, PAGE).await,
    }
}

/// What each of these accounts held at a moment, given what each holds now; accounts that nothing was posted to since are as they are.
///
/// # Errors
/// As [`balances_at`].
pub async fn as_they_were(views: &Views, as_of: &AsOf, now: Vec<BalanceRow>) -> Result<Vec<BalanceRow>, ViewError> {
    let mut rows = Vec::with_capacity(now.len());
    for row in now {
        let unchanged = as_of.is_now() || as_of.only_position().is_some_and(|position| row.last_position <= position);
        if unchanged {
            rows.push(row);
            continue;
        }
        let found = balances_at(views, as_of, Some(&row.account)).await?.into_iter().find(|found| found.currency == row.currency);
        // Nothing that counted yet: the account is there, and empty.
        let zero = Money::zero(row.currency);
        rows.push(found.unwrap_or(BalanceRow { debits: zero, credits: zero, ..row }));
    }
    Ok(rows)
}

/// The sums of all families of accounts, with the position that they are of. As of now: a dozen rows; as of a position: a few rows
/// per stretch of the log and the lines of the last; as of a business date, every line is looked at.
///
/// # Errors
/// As [`balances_at`].
pub async fn trial_balance(views: &Views, as_of: &AsOf) -> Result<TrialBalance, ViewError> {
    if as_of.is_now() {
        for _ in 0..TRIES {
            let position = views.checkpoint::<LedgerTotals>().await?;
            let rows = views.all::<LedgerTotals>(&Query::new(), PAGE).await?;
            if views.checkpoint::<LedgerTotals>().await? == position {
                return Ok(TrialBalance { position, rows: rows.into_iter().map(|(_, row)| row).collect() });
            }
        }
    }
    let position = match as_of.position {
        Some(position) => position,
        None => views.checkpoint::<LedgerLines>().await?.min(views.checkpoint::<LedgerBlocks>().await?),
    };
    let as_of = AsOf { position: Some(position), ..*as_of };
    let rows = match as_of.only_position() {
        Some(position) => families(views, position, None).await?,
        None => by_family(sum(views, &as_of, None, PAGE).await?)?,
    };
    Ok(TrialBalance { position, rows: rows.into_values().collect() })
}

/// The balances that are kept, when one statement reads them all: two could stand at different positions.
async fn current(views: &Views, account: Option<&str>) -> Result<Option<Vec<BalanceRow>>, ViewError> {
    let rows = views.all::<AccountBalances>(&of_account(account), PAGE).await?;
    Ok(((rows.len() as u64) < PAGE).then(|| rows.into_iter().map(|(_, row)| row).collect()))
}

/// The sums of all families, or of one, at a position: the stretches before it, and the lines of its own.
async fn families(views: &Views, position: u64, only: Option<&str>) -> Result<BTreeMap<String, BalanceRow>, ViewError> {
    views.wait::<LedgerLines>(position, WAIT).await?;
    views.wait::<LedgerBlocks>(position, WAIT).await?;
    let of_family = |query: Query| only.map_or(query.clone(), |family| query.eq("family", family));
    // A stretch whose last position is the one that is asked for is whole.
    let whole = position.saturating_add(1) / BLOCK;
    let (mut sums, mut after) = (BTreeMap::<String, BalanceRow>::new(), String::new());
    let before = of_family(Query::new().lt("block", position_value(whole)));
    loop {
        let rows = views.all::<LedgerBlocks>(&before.clone().gt("key", after.as_str()), PAGE).await?;
        let (full, last) = (rows.len() as u64 >= PAGE, rows.last().map(|(key, _)| key.clone()));
        for (key, row) in rows {
            let reason = |reason: String| ViewError::Row { projection: LedgerBlocks::NAME, key: key.clone(), reason };
            let first = row.block * BLOCK;
            for (side, amount) in [(Side::Debit, row.debits), (Side::Credit, row.credits)] {
                add(&mut sums, &row.family, first, side, amount).map_err(reason)?;
            }
        }
        match last {
            Some(last) if full => after = last,
            Some(_) | None => break,
        }
    }
    let within = Query::new().ge("entry_position", position_value(whole * BLOCK)).le("entry_position", position_value(position));
    let within = only.map_or(within.clone(), |account| within.eq("account", account));
    add_lines(views, &within, PAGE, &mut sums, ledger::family_of).await?;
    Ok(sums)
}

/// Accounts added up to their families.
fn by_family(accounts: Vec<BalanceRow>) -> Result<BTreeMap<String, BalanceRow>, ViewError> {
    let mut sums = BTreeMap::new();
    for row in accounts {
        let family = ledger::family_of(&row.account);
        for (side, amount) in [(Side::Debit, row.debits), (Side::Credit, row.credits)] {
            let reason = |reason| ViewError::Row { projection: LedgerLines::NAME, key: row.account.clone(), reason };
            add(&mut sums, family, row.first_position, side, amount).map_err(reason)?;
        }
    }
    Ok(sums)
}

/// Adds the ledger's lines up, page by page. Lines are only ever added at the end, whole entries at a time, so that the pages
/// together are the ledger at one position.
async fn sum(views: &Views, as_of: &AsOf, account: Option<&str>, page: u64) -> Result<Vec<BalanceRow>, ViewError> {
    if let Some(position) = as_of.position {
        views.wait::<LedgerLines>(position, WAIT).await?;
    }
    let mut sums = BTreeMap::<String, BalanceRow>::new();
    add_lines(views, &as_of.limit(of_account(account)), page, &mut sums, |account| account).await?;
    Ok(sums.into_values().collect())
}

/// Adds lines to the sums of what groups their accounts.
async fn add_lines(
    views: &Views,
    lines: &Query,
    page: u64,
    sums: &mut BTreeMap<String, BalanceRow>,
    group: impl Fn(&str) -> &str,
) -> Result<(), ViewError> {
    let mut after = String::new();
    loop {
        let rows = views.all::<LedgerLines>(&lines.clone().gt("key", after.as_str()), page).await?;
        let last = rows.last().map(|(key, _)| key.clone());
        let full = rows.len() as u64 >= page;
        for (key, line) in rows {
            let reason = |reason| ViewError::Row { projection: LedgerLines::NAME, key, reason };
            add(sums, group(&line.account), line.position, line.side, line.amount).map_err(reason)?;
        }
        match last {
            Some(last) if full => after = last,
            Some(_) | None => return Ok(()),
        }
    }
}

fn add(sums: &mut BTreeMap<String, BalanceRow>, name: &str, position: u64, side: Side, amount: Money) -> Result<(), String> {
    let currency = amount.currency();
    let key = account_balances::key(name, currency);
    let mut row = match sums.remove(&key) {
        Some(row) => row,
        None => BalanceRow::opened(name, currency, position).ok_or_else(|| format!("the chart has no account {name}"))?,
    };
    row.post(position, side, amount).map_err(|error| error.to_string())?;
    sums.insert(key, row);
    Ok(())
}

fn of_account(account: Option<&str>) -> Query {
    match account {
        Some(account) => Query::new().eq("account", account),
        None => Query::new(),
    }
}

#[cfg(test)]
mod tests;
