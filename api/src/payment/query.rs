//! Questions about payments.

use async_graphql::{Context, ID, Object};
use domain::ids::PaymentId;
use projections::models::Payments;
use projections::views::{Direction, Query};

use super::PaymentNode;
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, AsOf};
use crate::reading::Reader;

/// Queries of payments.
#[derive(Default)]
pub struct PaymentQuery;

#[Object]
impl PaymentQuery {
    /// A payment that you pay or earn by; null for anybody else's. Finance, support, auditors and administrators see all.
    async fn payment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The payment's id.")] id: ID,
        #[graphql(desc = "How it was at a moment of the past; without it, how it is now.")] as_of: Option<AsOf>,
    ) -> Result<Option<PaymentNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let Ok(id) = id.parse::<PaymentId>() else { return Ok(None) };
        let row = match as_of {
            None => reader.get::<Payments>(&id.to_string()).await?,
            Some(as_of) => event::row_as_of::<Payments>(&reader, &id.to_string(), &as_of).await?,
        };
        Ok(row.and_then(|row| PaymentNode::visible(&reader, row)))
    }

    /// What you pay or paid, newest first.
    async fn my_payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<PaymentNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let page = Page::new(first, after, last, before)?;
        let query = Query::new().eq("payer", user).order_by("created_at", Direction::Desc);
        reader.page::<Payments, _>(query, &page, |_, row| PaymentNode(row)).await
    }
}
