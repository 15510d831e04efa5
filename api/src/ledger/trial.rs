//! The trial balance: do all debits equal all credits?

use std::collections::BTreeMap;

use async_graphql::{Context, Object};
use domain::ledger::{AccountClass, CHART};
use kernel::Refused;
use projections::models::AccountBalances;
use projections::models::balances::{self, AsOf, Totals};
use projections::views::Direction::Asc as Ascending;
use projections::views::Query;

use super::{AccountBalanceNode, moment};
use crate::connection::{Connection, Page};
use crate::errors::{ApiError, MALFORMED};
use crate::reading::{Reader, from_view};
use crate::scalars::{BigInt, CurrencyCode, Money};

/// The sums of all accounts at one position of the log, for a viewer who reads the books.
#[derive(Clone, Debug)]
pub struct TrialBalance {
    position: u64,
    currencies: Vec<TrialBalanceCurrency>,
}

impl TrialBalance {
    /// The sums, currency by currency, as of a moment.
    ///
    /// # Errors
    /// When a sum leaves the range of money.
    pub(super) fn new(found: &balances::TrialBalance, as_of: &AsOf) -> Result<Self, ApiError> {
        let totals = found.totals().map_err(ApiError::internal)?;
        // The accounts are those of the same position, whenever they are asked for.
        let as_of = AsOf { position: Some(found.position), ..*as_of };
        let currencies = totals.into_values().map(|totals| TrialBalanceCurrency { totals, as_of }).collect();
        Ok(Self { position: found.position, currencies })
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
    as_of: AsOf,
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
        ctx: &Context<'_>,
        #[graphql(desc = "Only accounts of this class (asset, liability, income, expense) or family (escrow, host_payable and so on).")]
        class: Option<String>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<AccountBalanceNode>, ApiError> {
        let (reader, page) = (Reader::of(ctx)?, Page::new(first, after, last, before)?);
        let up_to = moment::stored(self.as_of.position.unwrap_or(u64::MAX));
        let all = Query::new().eq("currency", self.totals.debits.currency().code()).le("first_position", up_to);
        let wanted = match class.as_deref().map(Group::named).transpose()? {
            Some(Group::Class(class)) => all.eq("class", class.name()),
            Some(Group::Family(family)) => all.eq("family", family),
            None => all,
        };
        moment::ready::<AccountBalances>(&reader, &self.as_of).await?;
        let now = reader.page::<AccountBalances, _>(wanted.order_by("account", Ascending), &page, |_, row| row).await?;
        let rows = now.edges.iter().map(|edge| edge.node.clone()).collect();
        let was = balances::as_they_were(&reader.app.views, &self.as_of, rows).await.map_err(from_view)?;
        let was: BTreeMap<_, _> = was.into_iter().map(|row| (row.account.clone(), row)).collect();
        Ok(now.map(|row| AccountBalanceNode(was.get(&row.account).cloned().unwrap_or(row))))
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
}

#[cfg(test)]
mod tests;
