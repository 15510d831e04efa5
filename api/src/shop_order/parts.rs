//! What leaves, what never does, and what comes back.

use async_graphql::{ComplexObject, Context, SimpleObject};
use domain::shop_order::Tracking;
use kernel::Personal;
use projections::models::shop_orders::{OrderCut, OrderReturn, Parcel, ReturnAnswer};

use super::{ShopUnits, listed};
use crate::errors::ApiError;
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};

/// Units that left together.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct ShopParcel {
    /// Which units.
    pub units: Vec<ShopUnits>,
    #[graphql(skip)]
    tracking: Option<Personal<Tracking>>,
    /// When they left.
    pub shipped_at: DateTime,
}

#[ComplexObject]
impl ShopParcel {
    /// Who carries them; for the parties and support. Null once it was erased.
    async fn carrier(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Ok(Reader::of(ctx)?.open(&self.tracking).await?.map(|tracking| tracking.carrier))
    }

    /// The carrier's number; for the parties and support. Null once it was erased.
    async fn tracking_number(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Ok(Reader::of(ctx)?.open(&self.tracking).await?.map(|tracking| tracking.number))
    }
}

impl ShopParcel {
    /// A parcel as somebody sees it who may or may not see what is personal in it.
    pub(super) fn seen(parcel: &Parcel, personal: bool) -> Self {
        let tracking = personal.then(|| parcel.tracking.clone());
        Self { units: listed(&parcel.units), tracking, shipped_at: parcel.shipped_at.into() }
    }
}

/// Units that never left.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct ShopCutShort {
    /// Which units.
    pub units: Vec<ShopUnits>,
    /// What goes back to the buyer.
    pub refund: Money,
    /// When they were called off.
    pub at: DateTime,
    #[graphql(skip)]
    reason: Option<Personal<String>>,
}

#[ComplexObject]
impl ShopCutShort {
    /// Why, in the words of who called them off; for the parties and support. Null when they were just late.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.reason).await
    }
}

impl ShopCutShort {
    /// What never left, as somebody sees it who may or may not see what is personal in it.
    pub(super) fn seen(cut: &OrderCut, personal: bool) -> Self {
        let reason = cut.reason.clone().filter(|_| personal);
        Self { units: listed(&cut.units), refund: cut.refund.into(), at: cut.at.into(), reason }
    }
}

/// Units that the buyer gives back.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct ShopReturn {
    /// Which units.
    pub units: Vec<ShopUnits>,
    #[graphql(skip)]
    reason: Option<Personal<String>>,
    #[graphql(skip)]
    decline_reason: Option<Personal<String>>,
    /// When the buyer asked for it.
    pub requested_at: DateTime,
    /// Until when it must be answered; then it lapses, and the units stay with the buyer.
    pub answer_due_at: DateTime,
    /// When the seller had the units back; null while they have not.
    pub approved_at: Option<DateTime>,
    /// When it was declined, or lapsed.
    pub declined_at: Option<DateTime>,
    /// When the buyer took it back.
    pub withdrawn_at: Option<DateTime>,
    /// What goes back to the buyer, once the seller has the units back.
    pub refund: Option<Money>,
}

#[ComplexObject]
impl ShopReturn {
    /// Why, in the buyer's words; for the parties and support. Null once they were erased.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.reason).await
    }

    /// Why it was declined; for the parties and support. Null when it lapsed.
    async fn decline_reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.decline_reason).await
    }
}

impl ShopReturn {
    /// A return as somebody sees it who may or may not see what is personal in it.
    pub(super) fn seen(back: &OrderReturn, personal: bool) -> Self {
        let (declined, withdrawn_at) = match &back.answer {
            Some(ReturnAnswer::Declined(decline)) => (Some(decline), None),
            Some(ReturnAnswer::Withdrawn { at }) => (None, Some((*at).into())),
            Some(ReturnAnswer::Approved(_)) | None => (None, None),
        };
        Self {
            units: listed(&back.units),
            reason: personal.then(|| back.reason.clone()),
            decline_reason: declined.and_then(|decline| decline.reason.clone()).filter(|_| personal),
            requested_at: back.requested_at.into(),
            answer_due_at: back.answer_due_at.into(),
            approved_at: back.approval().map(|approval| approval.at.into()),
            declined_at: declined.map(|decline| decline.at.into()),
            withdrawn_at,
            refund: back.approval().map(|approval| approval.refund.into()),
        }
    }
}
