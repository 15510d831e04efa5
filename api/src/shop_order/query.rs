//! Questions about shop orders, and their changes as they happen.

use async_graphql::{Context, Enum, ID, Object, Subscription};
use domain::ids::ShopOrderId;
use futures_util::stream::Stream;
use projections::models::ShopOrders;
use projections::models::shop_orders::status_name;
use projections::views::{Direction, Filter, Op, Query};

use super::{ShopOrderNode, ShopOrderStatus};
use crate::connection::{Connection, Edge, Page};
use crate::errors::ApiError;
use crate::event::{self, AsOf};
use crate::reading::Reader;

/// A side of a shop order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ShopParty {
    /// Who ordered.
    Buyer,
    /// Who sells.
    Seller,
}

/// Queries of shop orders.
#[derive(Default)]
pub struct ShopOrderQuery;

#[Object]
impl ShopOrderQuery {
    /// An order of yours, as buyer or as seller; null for anybody else's.
    async fn shop_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
        #[graphql(desc = "As of a moment of the past.")] as_of: Option<AsOf>,
    ) -> Result<Option<ShopOrderNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let Some(as_of) = as_of else { return ShopOrderNode::find(&reader, &id).await };
        let Ok(id) = id.parse::<ShopOrderId>() else { return Ok(None) };
        let row = event::row_as_of::<ShopOrders>(&reader, &id.to_string(), &as_of).await?;
        Ok(row.and_then(|row| ShopOrderNode::visible(reader.viewer, row)))
    }

    /// Your orders, newest first, as buyer and as seller, or as one of them.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn my_shop_orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those that stand there.")] status: Option<ShopOrderStatus>,
        #[graphql(name = "as", desc = "Only those in which you are that party.")] party: Option<ShopParty>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ShopOrderNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let page = Page::new(first, after, last, before)?;
        let is = |column| Filter::Compare(column, Op::Eq, user.into());
        let mine = Query::new().filter(match party {
            Some(ShopParty::Buyer) => is("buyer"),
            Some(ShopParty::Seller) => is("seller"),
            None => Filter::Any(vec![is("buyer"), is("seller")]),
        });
        let query = match status {
            Some(status) => mine.eq("status", status_name(status.into())),
            None => mine,
        };
        reader.page::<ShopOrders, _>(query.order_by("created_at", Direction::Desc), &page, |_, row| ShopOrderNode(row)).await
    }
}

/// Changes of shop orders.
#[derive(Default)]
pub struct ShopOrderSubscription;

#[Subscription]
impl ShopOrderSubscription {
    /// An order of yours, whenever it changes.
    async fn shop_order_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Edge<ShopOrderNode>, ApiError>> + use<>, ApiError> {
        let reader = Reader::of(ctx)?;
        reader.viewer.person()?;
        let order = ShopOrderNode::find(&reader, &id).await?.ok_or_else(|| kernel::Refused::at("SYS007", &["id"]))?;
        event::watch::<ShopOrders, _>(&reader, order.0.id.to_string(), after, ShopOrderNode).await
    }
}
