//! What a settlement pays for.

use async_graphql::{Context, ID, Object};
use projections::models::settlement_lines::key;
use projections::models::{Payments, SettlementLineRow, SettlementLines};
use projections::views::Query;

use super::READERS;
use crate::booking::BookingNode;
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::payment::PaymentNode;
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};
use crate::shop_order::ShopOrderNode;
use crate::user::UserNode;

/// Begins the id of a line; its row's key follows.
const PREFIX: &str = "line-";

/// A line that the viewer may see.
#[derive(Clone, Debug)]
pub struct SettlementLineNode(SettlementLineRow);

impl SettlementLineNode {
    /// A line by its id, when the viewer earned it or may see them all.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        let ids = id.strip_prefix(PREFIX).and_then(|key| key.split_once('/'));
        let ids = ids.and_then(|(settlement, payment)| Some((settlement.parse().ok()?, payment.parse().ok()?)));
        let Some((settlement, payment)) = ids else { return Ok(None) };
        let row = reader.get::<SettlementLines>(&key(settlement, payment)).await?;
        Ok(row.filter(|row| reader.viewer.user == Some(row.host) || reader.viewer.is_any(&READERS)).map(Self))
    }
}

/// A page of lines that the query's maker knows to be visible.
pub(super) async fn page(reader: &Reader<'_>, query: Query, page: &Page) -> Result<Connection<SettlementLineNode>, ApiError> {
    reader.page::<SettlementLines, _>(query, page, |_, row| SettlementLineNode(row)).await
}

/// What one payment earned its host, frozen when the settlement was opened.
#[Object(name = "SettlementLine")]
impl SettlementLineNode {
    /// The line's id.
    pub async fn id(&self) -> ID {
        ID(format!("{PREFIX}{}", key(self.0.settlement, self.0.earning.payment)))
    }

    /// The booking that earned it; null when a shop order did.
    async fn booking(&self, ctx: &Context<'_>) -> Result<Option<BookingNode>, ApiError> {
        match self.0.earning.purpose.booking() {
            Some(id) => BookingNode::find(&Reader::of(ctx)?, id).await,
            None => Ok(None),
        }
    }

    /// The shop order that earned it; null when a booking did.
    async fn shop_order(&self, ctx: &Context<'_>) -> Result<Option<ShopOrderNode>, ApiError> {
        match self.0.earning.purpose.shop_order() {
            Some(id) => ShopOrderNode::find(&Reader::of(ctx)?, &id.to_string()).await,
            None => Ok(None),
        }
    }

    /// The payment that it comes from.
    async fn payment(&self, ctx: &Context<'_>) -> Result<Option<PaymentNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let row = reader.get::<Payments>(&self.0.earning.payment.to_string()).await?;
        Ok(row.and_then(|row| PaymentNode::visible(&reader, row)))
    }

    /// Who earned it.
    async fn host(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.host).await
    }

    /// What the guest finally paid.
    async fn gross(&self) -> Money {
        self.0.earning.gross.into()
    }

    /// The platform's share of it, VAT included.
    async fn fee(&self) -> Money {
        self.0.earning.fee.into()
    }

    /// The host's share of it.
    async fn net(&self) -> Money {
        self.0.earning.net.into()
    }

    /// Since when it is owed.
    async fn earned_at(&self) -> DateTime {
        self.0.earning.earned_at.into()
    }
}
