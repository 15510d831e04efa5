//! Questions about the books; for finance and auditors.

use async_graphql::{Context, Object};
use projections::models::journal::key as entry_key;
use projections::models::{AccountBalances, Journal, LedgerLines, LedgerTotals, balances};
use projections::views::{Direction, Query};

use super::{AccountBalanceNode, JournalEntryNode, TrialBalance, moment};
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::AsOf;
use crate::reading::{Reader, from_view};

/// Queries of the books.
#[derive(Default)]
pub struct LedgerQuery;

#[Object]
impl LedgerQuery {
    /// The journal in the order of the log, oldest first; for finance and auditors.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn journal(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only entries that post to this account, for example `psp_clearing`.")] account: Option<String>,
        #[graphql(desc = "Only entries that counted at a moment of the past.")] as_of: Option<AsOf>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<JournalEntryNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        let limit = moment::limit(&reader, as_of.as_ref()).await?;
        match account {
            Some(account) if moment::is_account(&account) => of_account(&reader, &account, &limit, &page).await,
            Some(_) => Ok(Connection::empty()),
            None => {
                moment::ready::<Journal>(&reader, &limit).await?;
                let query = limit.limit(Query::new()).order_by("entry_position", Direction::Asc);
                reader.page::<Journal, _>(query, &page, |_, row| JournalEntryNode(row)).await
            }
        }
    }

    /// What an account holds, in each of its currencies; for finance and auditors.
    async fn account_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account by its name, for example `psp_clearing` or `escrow:` with a booking's UUID.")] account: String,
        #[graphql(desc = "What it held at a moment of the past; without it, what it holds now.")] as_of: Option<AsOf>,
    ) -> Result<Vec<AccountBalanceNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        if !moment::is_account(&account) {
            return Ok(Vec::new());
        }
        let limit = moment::limit(&reader, as_of.as_ref()).await?;
        ready(&reader, &limit).await?;
        let rows = balances::balances_at(&reader.app.views, &limit, Some(&account)).await.map_err(from_view)?;
        Ok(rows.into_iter().map(AccountBalanceNode).collect())
    }

    /// The sums of all accounts at one position of the log; for finance and auditors.
    async fn trial_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As of a moment of the past; without it, as of now.")] as_of: Option<AsOf>,
    ) -> Result<TrialBalance, ApiError> {
        let reader = Reader::of(ctx)?;
        let limit = moment::limit(&reader, as_of.as_ref()).await?;
        if limit.is_now() {
            reader.ready::<LedgerTotals>().await?;
        } else {
            moment::ready::<LedgerLines>(&reader, &limit).await?;
        }
        TrialBalance::new(&balances::trial_balance(&reader.app.views, &limit).await.map_err(from_view)?, &limit)
    }
}

/// Sums of the present are kept, but may have to be added up from the lines: both must have come far enough.
async fn ready(reader: &Reader<'_>, limit: &balances::AsOf) -> Result<(), ApiError> {
    moment::ready::<LedgerLines>(reader, limit).await?;
    if limit.is_now() { reader.ready::<AccountBalances>().await.map(drop) } else { Ok(()) }
}

/// The entries that post to one account: paged by the first line of each on it, so that every entry is there once.
pub(super) async fn of_account(
    reader: &Reader<'_>,
    account: &str,
    limit: &balances::AsOf,
    page: &Page,
) -> Result<Connection<JournalEntryNode>, ApiError> {
    moment::ready::<LedgerLines>(reader, limit).await?;
    let firsts = limit.limit(Query::new().eq("account", account).eq("first_of_account", true));
    let lines = reader.page::<LedgerLines, _>(firsts.order_by("entry_position", Direction::Asc), page, |_, row| row).await?;
    let keys: Vec<String> = lines.edges.iter().map(|edge| entry_key(edge.node.position)).collect();
    // Two models: the journal may not have come as far as the lines.
    moment::reach::<Journal>(reader, lines.edges.last().map_or(0, |edge| edge.node.position)).await?;
    let entries = reader.app.views.get_many::<Journal>(&keys).await.map_err(from_view)?;
    if let Some(missing) = keys.iter().find(|key| !entries.contains_key(*key)) {
        return Err(ApiError::internal(format!("the ledger has lines of entry {missing}, the journal has no such entry")));
    }
    let entry = |position| entries.get(&entry_key(position)).cloned();
    Ok(lines.map(|line| JournalEntryNode(entry(line.position).unwrap_or_else(|| unreachable!("every entry was found above")))))
}
