//! What the shop sells, as GraphQL shows and changes it.

use async_graphql::{Context, Enum, ID, Object};
use domain::ids::ProductId;
use domain::stock::sku_of;
use domain::user::Role;
use projections::models::{ProductRow, Products};

mod mutation;
mod query;

use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::mutation::Shown;
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};
use crate::stock;
use crate::user::UserNode;
use crate::viewer::Viewer;
pub use mutation::ProductMutation;
pub use query::ProductQuery;

/// Who sells: whoever offers something on the platform, and the administrators who may step in.
pub const SELLERS: [Role; 2] = [Role::Host, Role::Admin];
/// Who sees the drafts and stocks of others.
pub const OVERSEERS: [Role; 2] = [Role::Admin, Role::Support];

/// May a product be bought?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::product::Status")]
pub enum ProductStatus {
    /// Only its seller sees it.
    Draft,
    /// Found and bought.
    Published,
    /// No longer sold.
    Archived,
}

/// A product that the viewer may see.
#[derive(Clone, Debug)]
pub struct ProductNode(ProductRow);

impl ProductNode {
    /// The product, when it was published or is the viewer's own.
    #[must_use]
    pub fn visible(viewer: &Viewer, row: ProductRow) -> Option<Self> {
        (row.is_public() || viewer.user == Some(row.seller) || viewer.is_any(&OVERSEERS)).then_some(Self(row))
    }

    /// A product by its id, if the viewer may see it.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        let Ok(id) = id.parse::<ProductId>() else { return Ok(None) };
        Ok(reader.get::<Products>(&id.to_string()).await?.and_then(|row| Self::visible(reader.viewer, row)))
    }
}

impl Shown for ProductNode {
    type Id = ProductId;

    async fn fresh(reader: &Reader<'_>, id: ProductId, position: u64) -> Result<Option<Self>, ApiError> {
        let row = reader.fresh::<Products>(&id.to_string(), position).await?;
        Ok(row.and_then(|row| Self::visible(reader.viewer, row)))
    }
}

/// Something that a seller sells.
#[Object(name = "Product")]
impl ProductNode {
    /// The product's id.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Its stock-keeping unit: what `stockChanged` watches.
    async fn sku(&self) -> ID {
        ID(sku_of(self.0.id).to_string())
    }

    /// Who sells it.
    async fn seller(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.seller).await
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.details.name
    }

    /// What it is found under.
    async fn category(&self) -> &str {
        &self.0.details.category
    }

    /// More about it.
    async fn description(&self) -> Option<&str> {
        self.0.details.description.as_deref()
    }

    /// What one unit costs.
    async fn price(&self) -> Money {
        self.0.price.into()
    }

    /// One buyer may have so many units in all; null: as many as there are.
    async fn max_per_buyer(&self) -> Option<i32> {
        self.0.details.max_per_buyer.map(|units| i32::try_from(units).unwrap_or(i32::MAX))
    }

    /// May it be bought?
    async fn status(&self) -> ProductStatus {
        self.0.status.into()
    }

    /// How many units there are to buy. A hint that may be some seconds old: only `placeShopOrder` knows for certain.
    async fn available(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        stock::hinted(&Reader::of(ctx)?, sku_of(self.0.id)).await
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// The events that made it, oldest first: what happened, when, and by whom. For its seller.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<EventNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        if reader.viewer.user != Some(self.0.seller) && !reader.viewer.is_any(&OVERSEERS) {
            return Err(ApiError::forbidden());
        }
        event::history(&reader, self.0.id.to_string(), &Page::new(first, after, last, before)?).await
    }
}
