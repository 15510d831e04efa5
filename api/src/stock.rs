//! How many units there are of what the shop sells, as GraphQL shows and changes it.

use async_graphql::{Context, ID, Object};
use domain::ids::SkuId;
use projections::models::{StockLevelRow, StockLevels};

mod mutation;
mod query;

use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::mutation::Shown;
use crate::product::{OVERSEERS, ProductNode};
use crate::reading::Reader;
use crate::scalars::DateTime;
use crate::viewer::Viewer;
pub use mutation::StockMutation;
pub use query::{StockQuery, StockSubscription};

/// A number of units for clients.
pub fn units(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// How many units could be bought a moment ago, from the hot store or, when it has forgotten, from the model.
///
/// # Errors
/// PROJECTION_LAGGING, or the database's.
pub async fn hinted(reader: &Reader<'_>, sku: SkuId) -> Result<i32, ApiError> {
    // The hint's key is the stock's stream: `stock-…`.
    let key = sku.to_string();
    let hinted = reader.app.hot.hinted(&key).await.and_then(|available| u32::try_from(available).ok());
    if let Some(available) = hinted {
        return Ok(units(available));
    }
    let available = reader.get::<StockLevels>(&key).await?.map_or(0, |row| row.available());
    reader.app.hot.hint(&key, Some(available.into())).await;
    Ok(units(available))
}

/// Whoever moved units sees what became of them: the next reader asks the model.
pub async fn moved(reader: &Reader<'_>, skus: &[SkuId]) {
    for sku in skus {
        reader.app.hot.hint(&sku.to_string(), None).await;
    }
}

/// A stock that the viewer may see.
#[derive(Clone, Debug)]
pub struct StockLevelNode(StockLevelRow);

impl StockLevelNode {
    /// The stock, when it is the viewer's own.
    #[must_use]
    pub fn visible(viewer: &Viewer, row: StockLevelRow) -> Option<Self> {
        (viewer.user == Some(row.seller) || viewer.is_any(&OVERSEERS)).then_some(Self(row))
    }

    /// A stock by its id, if the viewer may see it.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, sku: &str) -> Result<Option<Self>, ApiError> {
        let Ok(sku) = sku.parse::<SkuId>() else { return Ok(None) };
        Ok(reader.get::<StockLevels>(&sku.to_string()).await?.and_then(|row| Self::visible(reader.viewer, row)))
    }
}

impl Shown for StockLevelNode {
    type Id = SkuId;

    async fn fresh(reader: &Reader<'_>, sku: SkuId, position: u64) -> Result<Option<Self>, ApiError> {
        moved(reader, &[sku]).await;
        let row = reader.fresh::<StockLevels>(&sku.to_string(), position).await?;
        Ok(row.and_then(|row| Self::visible(reader.viewer, row)))
    }
}

/// The units of one product.
#[Object(name = "StockLevel")]
impl StockLevelNode {
    /// The stock-keeping unit's id.
    pub async fn id(&self) -> ID {
        ID(self.0.sku.to_string())
    }

    /// Of which product.
    async fn product(&self, ctx: &Context<'_>) -> Result<Option<ProductNode>, ApiError> {
        ProductNode::find(&Reader::of(ctx)?, &self.0.product.to_string()).await
    }

    /// Units that are there, promised or not.
    async fn on_hand(&self) -> i32 {
        units(self.0.on_hand)
    }

    /// Units that were promised to orders and have not left.
    async fn reserved(&self) -> i32 {
        units(self.0.reserved)
    }

    /// Units that can be bought: on hand, and promised to nobody.
    async fn available(&self) -> i32 {
        units(self.0.available())
    }

    /// When it changed last.
    async fn changed_at(&self) -> DateTime {
        self.0.changed_at.into()
    }

    /// The events that made it, oldest first: what came in, was promised, left and came back.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<EventNode>, ApiError> {
        let (reader, page) = (Reader::of(ctx)?, Page::new(first, after, last, before)?);
        event::history(&reader, self.0.sku.to_string(), &page).await
    }
}
