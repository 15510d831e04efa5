//! A shop order as its parties see it.

use async_graphql::{Context, ID, Object};
use domain::ids::{ProductId, ShopOrderId};
use domain::shop_order::Units;
use domain::stock::sku_of;
use domain::user::Role;
use projections::models::{Payments, ShopOrderRow, ShopOrders};

use super::{READERS, ShopAddress, ShopCancelledBy, ShopCutShort, ShopOrderLineNode, ShopOrderStatus, ShopParcel, ShopReturn};
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::mutation::Shown;
use crate::payment::PaymentNode;
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};
use crate::stock;
use crate::user::UserNode;
use crate::viewer::Viewer;

/// A shop order that the viewer may see.
#[derive(Clone, Debug)]
pub struct ShopOrderNode(pub(super) ShopOrderRow);

impl ShopOrderNode {
    /// The order, when the viewer is one of its parties or may see them all.
    #[must_use]
    pub fn visible(viewer: &Viewer, row: ShopOrderRow) -> Option<Self> {
        let party = viewer.user.is_some_and(|user| row.terms.is_party(user));
        (party || viewer.is_any(&READERS)).then_some(Self(row))
    }

    /// May the viewer see what is personal in the order? Its parties may, and support for their work; finance needs only money.
    fn shows_personal(&self, viewer: &Viewer) -> bool {
        viewer.user.is_some_and(|user| self.0.terms.is_party(user)) || viewer.is_any(&[Role::Support, Role::Admin])
    }

    /// May the viewer see where it goes? A seller has no use for that before they are to send something.
    fn shows_address(&self, viewer: &Viewer) -> bool {
        let unpaid_sale = viewer.user == Some(self.0.terms.seller) && self.0.paid_at.is_none();
        self.shows_personal(viewer) && !unpaid_sale
    }

    /// An order by its id, if the viewer may see it.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        let Ok(id) = id.parse::<ShopOrderId>() else { return Ok(None) };
        Ok(reader.get::<ShopOrders>(&id.to_string()).await?.and_then(|row| Self::visible(reader.viewer, row)))
    }
}

impl Shown for ShopOrderNode {
    type Id = ShopOrderId;

    async fn fresh(reader: &Reader<'_>, id: ShopOrderId, position: u64) -> Result<Option<Self>, ApiError> {
        let Some(row) = reader.fresh::<ShopOrders>(&id.to_string(), position).await? else { return Ok(None) };
        let skus: Vec<_> = row.terms.lines.iter().map(|line| sku_of(line.product)).collect();
        stock::moved(reader, &skus).await;
        Ok(Self::visible(reader.viewer, row))
    }
}

/// Units of a product in several lots.
fn sum<'u>(lots: impl Iterator<Item = &'u Units>, product: ProductId) -> u32 {
    lots.filter_map(|lot| lot.get(&product)).sum()
}

/// One purchase in the shop, from placement to the end of its returns.
#[Object(name = "ShopOrder")]
impl ShopOrderNode {
    /// The order's id.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Who ordered.
    async fn buyer(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.terms.buyer).await
    }

    /// Who sells all of it.
    async fn seller(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.terms.seller).await
    }

    /// What was ordered, in the buyer's order.
    async fn lines(&self) -> Vec<ShopOrderLineNode> {
        let row = &self.0;
        let line = |line: &domain::shop_order::OrderLine| ShopOrderLineNode {
            line: line.clone(),
            shipped: sum(row.parcels.iter().map(|parcel| &parcel.units), line.product),
            returned: sum(row.returns.iter().filter(|back| back.approval().is_some()).map(|back| &back.units), line.product),
        };
        row.terms.lines.iter().map(line).collect()
    }

    /// What the buyer pays: the sum of the lines.
    async fn total(&self) -> Money {
        self.0.terms.total.into()
    }

    /// The platform's share of the total, VAT included.
    async fn platform_fee(&self) -> Money {
        self.0.terms.platform_fee.into()
    }

    /// The seller's share of the total.
    async fn seller_amount(&self) -> Money {
        self.0.terms.seller_amount.into()
    }

    /// Where it stands.
    async fn status(&self) -> ShopOrderStatus {
        self.0.status.into()
    }

    /// Where it goes; for its buyer, for its seller once it is paid, and for support. Null once it was erased.
    async fn address(&self, ctx: &Context<'_>) -> Result<Option<ShopAddress>, ApiError> {
        let reader = Reader::of(ctx)?;
        let to = reader.open(Some(&self.0.address).filter(|_| self.shows_address(reader.viewer))).await?;
        Ok(to.map(|to| ShopAddress { recipient: to.recipient, phone: to.phone, address: to.address }))
    }

    /// The payment.
    async fn payment(&self, ctx: &Context<'_>) -> Result<Option<PaymentNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        // Up to the log's newest position: an order must not stand beside a payment that is not there yet.
        let row = reader.newest::<Payments>(&self.0.payment.to_string()).await?;
        Ok(row.and_then(|row| PaymentNode::visible(&reader, row)))
    }

    /// Until when it must be paid.
    async fn payment_due_at(&self) -> DateTime {
        self.0.payment_due_at.into()
    }

    /// When it was paid.
    async fn paid_at(&self) -> Option<DateTime> {
        self.0.paid_at.map(Into::into)
    }

    /// On whose side it was called off.
    async fn cancelled_by(&self) -> Option<ShopCancelledBy> {
        self.0.cancellation.as_ref().map(|cancelled| cancelled.by.into())
    }

    /// Why it was called off, in the words of who did; for its parties and support.
    async fn cancel_reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let reader = Reader::of(ctx)?;
        let cancelled = self.0.cancellation.as_ref().filter(|_| self.shows_personal(reader.viewer));
        reader.open(cancelled.map(|cancelled| &cancelled.reason)).await
    }

    /// What left, in the order of time.
    async fn parcels(&self, ctx: &Context<'_>) -> Result<Vec<ShopParcel>, ApiError> {
        let personal = self.shows_personal(Reader::of(ctx)?.viewer);
        Ok(self.0.parcels.iter().map(|parcel| ShopParcel::seen(parcel, personal)).collect())
    }

    /// When what has not left is called off; set while only some of it left.
    async fn rest_due_at(&self) -> Option<DateTime> {
        self.0.rest_due_at.map(Into::into)
    }

    /// What never left; null when everything did or still may.
    async fn cut_short(&self, ctx: &Context<'_>) -> Result<Option<ShopCutShort>, ApiError> {
        let personal = self.shows_personal(Reader::of(ctx)?.viewer);
        Ok(self.0.cut.as_ref().map(|cut| ShopCutShort::seen(cut, personal)))
    }

    /// When it counts as delivered unless somebody confirms the delivery before; set once all of it left.
    async fn delivery_due_at(&self) -> Option<DateTime> {
        self.0.delivery_due_at.map(Into::into)
    }

    /// When all of it had arrived.
    async fn delivered_at(&self) -> Option<DateTime> {
        self.0.delivered_at.map(Into::into)
    }

    /// Until when units may be given back; then the purchase is confirmed.
    async fn return_due_at(&self) -> Option<DateTime> {
        self.0.confirm_due_at.map(Into::into)
    }

    /// What came or comes back, in the order of time.
    async fn returns(&self, ctx: &Context<'_>) -> Result<Vec<ShopReturn>, ApiError> {
        let personal = self.shows_personal(Reader::of(ctx)?.viewer);
        Ok(self.0.returns.iter().map(|back| ShopReturn::seen(back, personal)).collect())
    }

    /// When the purchase was confirmed and the seller had earned their share.
    async fn completed_at(&self) -> Option<DateTime> {
        self.0.completed_at.map(Into::into)
    }

    /// When it was placed.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// The events that made it, oldest first: what happened, when, and by whom.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<EventNode>, ApiError> {
        let page = Page::new(first, after, last, before)?;
        event::history(&Reader::of(ctx)?, self.0.id.to_string(), &page).await
    }
}
