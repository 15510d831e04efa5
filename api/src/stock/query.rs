//! Questions about units, and their changes as they happen.

use async_graphql::{Context, ID, Object, Subscription};
use futures_util::stream::Stream;
use projections::models::StockLevels;
use projections::views::{Direction, Query};

use super::StockLevelNode;
use crate::connection::{Connection, Edge, Page};
use crate::errors::ApiError;
use crate::event;
use crate::reading::Reader;

/// Queries of stock.
#[derive(Default)]
pub struct StockQuery;

#[Object]
impl StockQuery {
    /// The units of what you sell, newest product first; for sellers.
    async fn stock_levels(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<StockLevelNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let seller = reader.viewer.person()?;
        let page = Page::new(first, after, last, before)?;
        let query = Query::new().eq("seller", seller).order_by("created_at", Direction::Desc);
        reader.page::<StockLevels, _>(query, &page, |_, row| StockLevelNode(row)).await
    }
}

/// Changes of stock.
#[derive(Default)]
pub struct StockSubscription;

#[Subscription]
impl StockSubscription {
    /// The units of a product of yours, whenever they change.
    async fn stock_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The product's stock-keeping unit.")] sku: ID,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Edge<StockLevelNode>, ApiError>> + use<>, ApiError> {
        let reader = Reader::of(ctx)?;
        reader.viewer.person()?;
        let stock = StockLevelNode::find(&reader, &sku).await?.ok_or_else(|| kernel::Refused::at("SYS007", &["sku"]))?;
        event::watch::<StockLevels, _>(&reader, stock.0.sku.to_string(), after, StockLevelNode).await
    }
}
