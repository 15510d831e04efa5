//! The trial balance: do all debits equal all credits?

use std::collections::BTreeMap;

use async_graphql::Object;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ledger::{AccountClass, CHART};
use kernel::{Currency, Refused};
use projections::models::BalanceRow;
use projections::models::balances::{self, Totals};

use super::AccountBalanceNode;
use crate::connection::{Connection, Direction, Page, bad_cursor};
use crate::errors::{ApiError, MALFORMED};
use crate::scalars::{BigInt, CurrencyCode, Money};

/// All balances at one position of the log, for a viewer who reads the books.
#[derive(Clone, Debug)]
pub struct TrialBalance {
    position: u64,
    currencies: Vec<TrialBalanceCurrency>,
}

impl TrialBalance {
    /// The sums and balances, currency by currency.
    ///
    /// # Errors
    /// When a sum leaves the range of money.
    pub(super) fn new(found: balances::TrialBalance) -> Result<Self, ApiError> {
        let totals = found.totals().map_err(ApiError::internal)?;
        let mut of_currency: BTreeMap<Currency, Vec<BalanceRow>> = BTreeMap::new();
        for row in found.rows {
            of_currency.entry(row.currency).or_default().push(row);
        }
        let currencies = totals.into_iter().map(|(currency, totals)| {
            let mut rows = of_currency.remove(&currency).unwrap_or_default();
            rows.sort_by(|one, other| one.account.cmp(&other.account));
            TrialBalanceCurrency { totals, rows }
        });
        Ok(Self { position: found.position, currencies: currencies.collect() })
    }
}

/// The sums of all accounts at one position of the log.
#[Object]
impl TrialBalance {
    /// The position that it is as of: no later posting counts.
    async fn position(&self) -> BigInt {
        self.position.into()
    }

    /// Do debits equal credits in every currency?
    async fn balanced(&self) -> bool {
        self.currencies.iter().all(|of| of.totals.debits == of.totals.credits)
    }

    /// The sums of each currency that was ever posted.
    async fn currencies(&self) -> &[TrialBalanceCurrency] {
        &self.currencies
    }
}

/// The sums and accounts of one currency.
#[derive(Clone, Debug)]
pub struct TrialBalanceCurrency {
    totals: Totals,
    /// By account.
    rows: Vec<BalanceRow>,
}

/// The sums of all accounts in one currency.
#[Object]
impl TrialBalanceCurrency {
    /// The currency.
    async fn currency(&self) -> CurrencyCode {
        self.totals.debits.currency().into()
    }

    /// The sum of all debits.
    async fn debits(&self) -> Money {
        self.totals.debits.into()
    }

    /// The sum of all credits.
    async fn credits(&self) -> Money {
        self.totals.credits.into()
    }

    /// The accounts in the order of their names.
    async fn accounts(
        &self,
        #[graphql(desc = "Only accounts of this class (asset, liability, income, expense) or family (escrow, host_payable and so on).")]
        class: Option<String>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<AccountBalanceNode>, ApiError> {
        let page = Page::new(first, after, last, before)?;
        let wanted = class.as_deref().map(Group::named).transpose()?;
        let rows = self.rows.iter().filter(|row| wanted.is_none_or(|group| group.has(row)));
        accounts(&rows.collect::<Vec<_>>(), &page)
    }
}

/// What accounts are filtered by.
#[derive(Clone, Copy)]
enum Group {
    Class(AccountClass),
    Family(&'static str),
}

impl Group {
    /// # Errors
    /// SYS003 for a name that is neither a class nor a family of the chart.
    fn named(name: &str) -> Result<Self, ApiError> {
        const CLASSES: [AccountClass; 4] = [AccountClass::Asset, AccountClass::Liability, AccountClass::Income, AccountClass::Expense];
        let class = CLASSES.into_iter().find(|class| class.name().eq_ignore_ascii_case(name)).map(Self::Class);
        let family = || CHART.into_iter().find(|(family, _)| *family == name).map(|(family, _)| Self::Family(family));
        class.or_else(family).ok_or_else(|| Refused::at(MALFORMED, &["class"]).into())
    }

    fn has(self, row: &BalanceRow) -> bool {
        match self {
            Self::Class(class) => row.class == class,
            Self::Family(family) => row.account.split(':').next() == Some(family),
        }
    }
}

/// A page of accounts that are sorted by name; a cursor is the name, so that it means the same at every moment.
fn accounts(rows: &[&BalanceRow], page: &Page) -> Result<Connection<AccountBalanceNode>, ApiError> {
    let (after, before) = (name_of(page.after.as_deref(), "after")?, name_of(page.before.as_deref(), "before")?);
    let mut start = after.map_or(0, |after| rows.partition_point(|row| row.account <= after));
    let mut end = before.map_or(rows.len(), |before| rows.partition_point(|row| row.account < before)).max(start);
    match page.direction {
        Direction::Forward => end = end.min(start + page.limit),
        Direction::Backward => start = start.max(end.saturating_sub(page.limit)),
    }
    let shown = rows[start..end].iter().map(|row| (URL_SAFE_NO_PAD.encode(&row.account), AccountBalanceNode((*row).clone())));
    let total = rows.len() as u64;
    Ok(Connection::exact(shown, end < rows.len(), start > 0).counted(move || std::future::ready(Ok(total))))
}

/// The account that a cursor names.
fn name_of(cursor: Option<&str>, argument: &str) -> Result<Option<String>, ApiError> {
    let read = |cursor: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok();
    cursor.map(|cursor| read(cursor).ok_or_else(|| bad_cursor(argument))).transpose()
}

#[cfg(test)]
mod tests;
