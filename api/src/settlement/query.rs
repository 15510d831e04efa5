//! Questions about settlements.

use async_graphql::{Context, ID, Object};
use projections::models::{Payouts, Settlements};
use projections::views::{Direction, Query};

use super::{PayoutNode, Scope, SettlementNode};
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event;
use crate::reading::Reader;

/// Queries of settlements.
#[derive(Default)]
pub struct SettlementQuery;

#[Object]
impl SettlementQuery {
    /// A settlement: whole for finance and auditors; a host with a line in it sees their own lines and payouts.
    async fn settlement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The settlement's id.")] id: ID,
        #[graphql(desc = "As of a moment of the past.")] as_of: Option<event::AsOf>,
    ) -> Result<Option<SettlementNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let Some(as_of) = as_of else { return SettlementNode::find(&reader, &id).await };
        match event::row_as_of::<Settlements>(&reader, &id, &as_of).await? {
            Some(row) => SettlementNode::visible(&reader, row).await,
            None => Ok(None),
        }
    }

    /// A payout, for its host, finance and auditors.
    async fn payout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The payout's id.")] id: ID,
        #[graphql(desc = "As of a moment of the past.")] as_of: Option<event::AsOf>,
    ) -> Result<Option<PayoutNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let Some(as_of) = as_of else { return PayoutNode::find(&reader, &id).await };
        let row = event::row_as_of::<Payouts>(&reader, &id, &as_of).await?;
        Ok(row.and_then(|row| PayoutNode::visible(&reader, row)))
    }

    /// All settlements, newest first; for finance and auditors.
    async fn settlements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<SettlementNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        let query = Query::new().order_by("opened_at", Direction::Desc);
        reader.page::<Settlements, _>(query, &page, |_, row| SettlementNode { row, scope: Scope::Whole }).await
    }
}
