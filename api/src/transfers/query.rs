//! Questions about accounts and transfers; for finance, programs and auditors.

use async_graphql::{Context, Object};
use projections::models::transfers::{account_column, key};
use projections::models::{TransferAccounts, TransferHistory, TransferTotals, Transfers};
use projections::views::{Direction, Filter, Op, Query};

use super::{TransferAccountBalance, TransferAccountNode, TransferNode, TransferTrialBalance, book};
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::reading::{Reader, from_view};
use crate::scalars::{BigInt, UInt128};

/// Most ledgers of one trial balance.
const MAX_LEDGERS: u64 = 1_000;

/// Queries of transfer ledgers.
#[derive(Default)]
pub struct TransferQuery;

/// A number as a column; one that no row has when it is out of range.
fn column(number: BigInt) -> i64 {
    i64::try_from(number.0).unwrap_or(-1)
}

fn within(query: Query, ledger: Option<BigInt>, code: Option<i32>) -> Query {
    let query = match ledger {
        Some(ledger) => query.eq("ledger", column(ledger)),
        None => query,
    };
    match code {
        Some(code) => query.eq("code", code),
        None => query,
    }
}

#[Object]
impl TransferQuery {
    /// An account of a transfer ledger with its counters.
    async fn transfer_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: UInt128,
        #[graphql(name = "book", desc = "In which book; `main` when left out.")] name: Option<String>,
    ) -> Result<Option<TransferAccountNode>, ApiError> {
        let (reader, book) = (Reader::of(ctx)?, book(name.as_deref())?);
        Ok(reader.get::<TransferAccounts>(&key(book.as_str(), id.0)).await?.map(TransferAccountNode))
    }

    /// The accounts of a book, oldest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn transfer_accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "book", desc = "In which book; `main` when left out.")] name: Option<String>,
        #[graphql(desc = "Only those of this ledger.")] ledger: Option<BigInt>,
        #[graphql(desc = "Only those with this code.")] code: Option<i32>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<TransferAccountNode>, ApiError> {
        let (reader, book) = (Reader::of(ctx)?, book(name.as_deref())?);
        let page = Page::new(first, after, last, before)?;
        let query = within(Query::new().eq("book", book.as_str()), ledger, code).order_by("created_ns", Direction::Asc);
        reader.page::<TransferAccounts, _>(query, &page, |_, row| TransferAccountNode(row)).await
    }

    /// A recorded transfer.
    async fn transfer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: UInt128,
        #[graphql(name = "book", desc = "In which book; `main` when left out.")] name: Option<String>,
    ) -> Result<Option<TransferNode>, ApiError> {
        let (reader, book) = (Reader::of(ctx)?, book(name.as_deref())?);
        Ok(reader.get::<Transfers>(&key(book.as_str(), id.0)).await?.map(TransferNode))
    }

    /// The transfers of a book, or of one of its accounts, oldest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn transfers(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "book", desc = "In which book; `main` when left out.")] name: Option<String>,
        #[graphql(desc = "Only those that debit or credit this account.")] account: Option<UInt128>,
        #[graphql(desc = "Only those of this ledger.")] ledger: Option<BigInt>,
        #[graphql(desc = "Only those with this code.")] code: Option<i32>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<TransferNode>, ApiError> {
        let (reader, book) = (Reader::of(ctx)?, book(name.as_deref())?);
        let page = Page::new(first, after, last, before)?;
        let mut query = within(Query::new().eq("book", book.as_str()), ledger, code);
        if let Some(account) = account {
            let side = |column| Filter::Compare(column, Op::Eq, account_column(account.0).into());
            query = query.filter(Filter::Any(vec![side("debit_account"), side("credit_account")]));
        }
        let query = query.order_by("recorded_ns", Direction::Asc);
        reader.page::<Transfers, _>(query, &page, |_, row| TransferNode(row)).await
    }

    /// The counters of an account with the flag HISTORY after each of its transfers, oldest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn transfer_account_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account's id.")] account: UInt128,
        #[graphql(name = "book", desc = "In which book; `main` when left out.")] name: Option<String>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<TransferAccountBalance>, ApiError> {
        let (reader, book) = (Reader::of(ctx)?, book(name.as_deref())?);
        let page = Page::new(first, after, last, before)?;
        let query = Query::new().eq("account", key(book.as_str(), account.0)).order_by("recorded_ns", Direction::Asc);
        reader.page::<TransferHistory, _>(query, &page, |_, row| row.into()).await
    }

    /// The trial balance of a transfer ledger: one line for each of its ledgers.
    async fn transfer_trial_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "book", desc = "Which book; `main` when left out.")] name: Option<String>,
    ) -> Result<Vec<TransferTrialBalance>, ApiError> {
        let (reader, book) = (Reader::of(ctx)?, book(name.as_deref())?);
        reader.ready::<TransferTotals>().await?;
        let query = Query::new().eq("book", book.as_str()).order_by("ledger", Direction::Asc);
        let rows = reader.app.views.all::<TransferTotals>(&query, MAX_LEDGERS).await.map_err(from_view)?;
        Ok(rows.into_iter().map(|(_, row)| row.into()).collect())
    }
}
