//! Payments and their refunds as GraphQL shows and changes them.

use async_graphql::{Context, Enum, ID, Object};
use domain::ids::{PaymentId, UserId};
use domain::user::Role;
use kernel::Refused;
use projections::models::payments::{PaymentStatus as Status, RefundRow, RefundStatus as RefundStands};
use projections::models::{PaymentRow, Payments};

mod confirm;
mod mutation;
mod query;

use crate::booking::BookingNode;
use crate::connection::{Connection, Page};
use crate::errors::{ApiError, UserError};
use crate::event::{self, EventNode};
use crate::mutation::Shown;
use crate::proof::{self, EventProof};
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};
use crate::shop_order::ShopOrderNode;
use crate::user::UserNode;
pub use mutation::PaymentMutation;
pub use query::PaymentQuery;

/// Who sees the payments of others.
const READERS: [Role; 3] = [Role::Finance, Role::Support, Role::Auditor];
/// The provider declined.
const DECLINED: &str = "PAY001";

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PaymentStatus {
    /// To be paid, being paid, or the provider has not answered yet.
    Pending,
    /// Paid, and not given back in full.
    Completed,
    /// Not paid in time, or no longer wanted.
    Failed,
    /// Given back in full.
    Refunded,
}

impl From<Status> for PaymentStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Refunded => Self::Refunded,
        }
    }
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum RefundStatus {
    /// Above the limit: a second person must approve it.
    Proposed,
    /// The provider is being asked.
    Requested,
    /// The provider did not answer; it is asked again.
    Unknown,
    /// The provider refused.
    Failed,
    /// Given back.
    Completed,
}

impl From<RefundStands> for RefundStatus {
    fn from(status: RefundStands) -> Self {
        match status {
            RefundStands::Proposed => Self::Proposed,
            RefundStands::Requested => Self::Requested,
            RefundStands::Unknown => Self::Unknown,
            RefundStands::Failed => Self::Failed,
            RefundStands::Completed => Self::Completed,
        }
    }
}

/// A refund of a payment that the viewer may see.
#[derive(Clone, Debug)]
pub struct RefundNode(RefundRow);

/// Money of a payment going back to who paid.
#[Object(name = "Refund")]
impl RefundNode {
    /// The refund's id; `approveRefund` asks for it.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// How much goes back.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Where it stands.
    async fn status(&self) -> RefundStatus {
        self.0.status.into()
    }

    /// Why, in the words of who asked.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.0.reason.as_ref()).await
    }

    /// Who asked for it; null when a rule did.
    async fn requested_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        user(ctx, self.0.requested_by).await
    }

    /// The second person who agreed, above the limit.
    async fn approved_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        user(ctx, self.0.approved_by).await
    }

    /// The platform's share that goes back with it, VAT included; nothing while it is only proposed.
    async fn fee_share(&self) -> Money {
        self.0.fee_share.into()
    }
}

async fn user(ctx: &Context<'_>, id: Option<UserId>) -> Result<Option<UserNode>, ApiError> {
    match id {
        Some(id) => UserNode::find(ctx, id).await,
        None => Ok(None),
    }
}

/// A payment that the viewer may see.
#[derive(Clone, Debug)]
pub struct PaymentNode(PaymentRow);

impl PaymentNode {
    /// The payment, when the viewer pays it, earns by it, or may see them all.
    #[must_use]
    pub fn visible(reader: &Reader<'_>, row: PaymentRow) -> Option<Self> {
        let party = reader.viewer.user.is_some_and(|user| user == row.payer || user == row.host);
        (party || reader.viewer.is_any(&READERS)).then_some(Self(row))
    }
}

impl Shown for PaymentNode {
    type Id = PaymentId;

    async fn fresh(reader: &Reader<'_>, id: PaymentId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<Payments>(&id.to_string(), position).await?.and_then(|row| Self::visible(reader, row)))
    }
}

/// The money side of one booking or shop order: paid into escrow, given back in parts, or passed on to the host or seller.
#[Object(name = "Payment")]
impl PaymentNode {
    /// The payment's id.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The booking that it pays for; null when it is for a shop order.
    async fn booking(&self, ctx: &Context<'_>) -> Result<Option<BookingNode>, ApiError> {
        match self.0.purpose.booking() {
            Some(id) => BookingNode::find(&Reader::of(ctx)?, id).await,
            None => Ok(None),
        }
    }

    /// The shop order that it pays for; null when it is for a booking.
    async fn shop_order(&self, ctx: &Context<'_>) -> Result<Option<ShopOrderNode>, ApiError> {
        match self.0.purpose.shop_order() {
            Some(id) => ShopOrderNode::find(&Reader::of(ctx)?, &id.to_string()).await,
            None => Ok(None),
        }
    }

    /// Our order number at the payment provider.
    async fn order_id(&self) -> &str {
        &self.0.order_id
    }

    /// The whole amount.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// The platform's share of the whole amount, VAT included.
    async fn platform_fee(&self) -> Money {
        self.0.fee.into()
    }

    /// The host's or seller's share of the whole amount.
    async fn host_amount(&self) -> Money {
        self.0.host_amount().into()
    }

    /// How much was given back so far.
    async fn refunded(&self) -> Money {
        self.0.refunded.into()
    }

    /// Where it stands.
    async fn status(&self) -> PaymentStatus {
        self.0.status().into()
    }

    /// PAY001 when the last attempt to pay was declined; null once another attempt begins.
    async fn last_failure(&self) -> Option<UserError> {
        self.0.last_failure.as_ref().map(|_| Refused::code(DECLINED).into())
    }

    /// How it was paid, in the provider's words: card, transfer and so on.
    async fn method(&self) -> Option<&str> {
        self.0.method.as_deref()
    }

    /// When the provider took the money.
    async fn paid_at(&self) -> Option<DateTime> {
        self.0.paid_at.map(Into::into)
    }

    /// When the host or seller was paid; null again when that money came back.
    async fn settled_at(&self) -> Option<DateTime> {
        self.0.settled_at().map(Into::into)
    }

    /// The proof that the payment is in the log, as a download; null until it is made and sealed.
    async fn proof(&self, ctx: &Context<'_>) -> Result<Option<EventProof>, ApiError> {
        proof::of_stream(&Reader::of(ctx)?, &self.0.id.to_string(), "PaymentCompleted").await
    }

    /// Money going back, oldest first, whatever became of it.
    async fn refunds(&self) -> Vec<RefundNode> {
        self.0.refunds.iter().cloned().map(RefundNode).collect()
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
        let (reader, page) = (Reader::of(ctx)?, Page::new(first, after, last, before)?);
        event::history(&reader, self.0.id.to_string(), &page).await
    }
}
