//! Questions about what the shop sells.

use async_graphql::{Context, ID, Object};
use domain::ids::ProductId;
use domain::product::Status;
use projections::models::Products;
use projections::models::products::{MAX_SEARCH_CHARS, folded, matching, status_name};
use projections::views::{Direction, Query};

use super::ProductNode;
use crate::connection::{Connection, Page};
use crate::errors::{ApiError, MALFORMED};
use crate::event::{self, AsOf};
use crate::reading::Reader;

/// Queries of products.
#[derive(Default)]
pub struct ProductQuery;

#[Object]
impl ProductQuery {
    /// A product; a draft only for its seller and administrators.
    async fn product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
        #[graphql(desc = "As of a moment of the past.")] as_of: Option<AsOf>,
    ) -> Result<Option<ProductNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let Some(as_of) = as_of else { return ProductNode::find(&reader, &id).await };
        let Ok(id) = id.parse::<ProductId>() else { return Ok(None) };
        let row = event::row_as_of::<Products>(&reader, &id.to_string(), &as_of).await?;
        Ok(row.and_then(|row| ProductNode::visible(reader.viewer, row)))
    }

    /// What can be bought, newest first.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this category.")] category: Option<String>,
        #[graphql(desc = "Only those whose name or category holds each of these words, or the beginning or another part of a word; \
                          at most 100 characters.")]
        search: Option<String>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ProductNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        for (name, text) in [("category", &category), ("search", &search)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > MAX_SEARCH_CHARS) {
                return Err(kernel::Refused::at(MALFORMED, &[name]).into());
            }
        }
        let mut query = Query::new().eq("status", status_name(Status::Published));
        if let Some(category) = category {
            query = query.eq("category", folded(&category));
        }
        // An empty field of a form is no wish.
        if let Some(search) = search.filter(|search| !search.trim().is_empty()) {
            query = matching(query, &search);
        }
        reader.page::<Products, _>(query.order_by("created_at", Direction::Desc), &page, |_, row| ProductNode(row)).await
    }
}
