//! Balances as of now, or as of a position, a time of recording or a business date.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::{Currency, Money, MoneyError, Timestamp};

use super::account_balances::{self, AccountBalances, BalanceRow};
use super::journal::position_value;
use super::ledger_lines::{LedgerLineRow, LedgerLines};
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

/// All balances at one position.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialBalance {
    /// No posting after it counts.
    pub position: u64,
    /// Every account that was ever posted to, by account and currency.
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
    sum(views, as_of, account, PAGE).await
}

/// The balances of all accounts, with the position that they are of.
///
/// # Errors
/// As [`balances_at`].
pub async fn trial_balance(views: &Views, as_of: &AsOf) -> Result<TrialBalance, ViewError> {
    if as_of.is_now() {
        for _ in 0..TRIES {
            let position = checkpoint::<AccountBalances>(views).await?;
            let Some(rows) = current(views, None).await? else { break };
            if checkpoint::<AccountBalances>(views).await? == position {
                return Ok(TrialBalance { position, rows });
            }
        }
    }
    let position = match as_of.position {
        Some(position) => position,
        None => checkpoint::<LedgerLines>(views).await?,
    };
    let as_of = AsOf { position: Some(position), ..*as_of };
    Ok(TrialBalance { position, rows: sum(views, &as_of, None, PAGE).await? })
}

/// The balances that are kept, when one statement reads them all: two could stand at different positions.
async fn current(views: &Views, account: Option<&str>) -> Result<Option<Vec<BalanceRow>>, ViewError> {
    let rows = views.all::<AccountBalances>(&of_account(account), PAGE).await?;
    Ok(((rows.len() as u64) < PAGE).then(|| rows.into_iter().map(|(_, row)| row).collect()))
}

/// Adds the ledger's lines up, page by page. Lines are only ever added at the end, whole entries at a time, so that the pages
/// together are the ledger at one position.
async fn sum(views: &Views, as_of: &AsOf, account: Option<&str>, page: u64) -> Result<Vec<BalanceRow>, ViewError> {
    if let Some(position) = as_of.position {
        views.wait::<LedgerLines>(position, WAIT).await?;
    }
    let lines = as_of.limit(of_account(account));
    let (mut sums, mut after) = (BTreeMap::<String, BalanceRow>::new(), String::new());
    loop {
        let rows = views.all::<LedgerLines>(&lines.clone().gt("key", after.as_str()), page).await?;
        let last = rows.last().map(|(key, _)| key.clone());
        let full = rows.len() as u64 >= page;
        for (key, line) in rows {
            add(&mut sums, &line).map_err(|reason| ViewError::Row { projection: LedgerLines::NAME, key, reason })?;
        }
        match last {
            Some(last) if full => after = last,
            Some(_) | None => return Ok(sums.into_values().collect()),
        }
    }
}

fn add(sums: &mut BTreeMap<String, BalanceRow>, line: &LedgerLineRow) -> Result<(), String> {
    let (account, currency) = (line.account.as_str(), line.amount.currency());
    let key = account_balances::key(account, currency);
    let mut row = match sums.remove(&key) {
        Some(row) => row,
        None => BalanceRow::opened(account, currency, line.position).ok_or_else(|| format!("the chart has no account {account}"))?,
    };
    row.post(line.side, line.amount).map_err(|error| error.to_string())?;
    sums.insert(key, row);
    Ok(())
}

fn of_account(account: Option<&str>) -> Query {
    match account {
        Some(account) => Query::new().eq("account", account),
        None => Query::new(),
    }
}

/// Up to where a model has applied the log, whichever process moves it.
async fn checkpoint<M: ReadModel>(views: &Views) -> Result<u64, ViewError> {
    let status = views.status().await?;
    let found = status.into_iter().find(|status| status.name == M::NAME && status.version == M::VERSION);
    found.map(|status| status.position).ok_or(ViewError::NotInstalled(M::NAME))
}

#[cfg(test)]
mod tests;
