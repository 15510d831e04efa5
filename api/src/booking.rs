//! Bookings as GraphQL shows and changes them.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use domain::cancellation::{CancelCause as Cause, RefundWindow as Window};
use domain::ids::BookingId;
use domain::pricing::{Price, PriceLine as Line};
use domain::user::Role;
use projections::models::bookings::BookingStatus as Status;
use projections::models::{BookingRow, Bookings, Payments, Vehicles};

mod live;
mod mutation;
mod query;

use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::mutation::Shown;
use crate::payment::PaymentNode;
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};
use crate::user::UserNode;
use crate::vehicle::VehicleNode;
use crate::viewer::Viewer;
pub use live::LiveBookingQuery;
pub use mutation::BookingMutation;
pub use query::BookingQuery;

/// Where a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum BookingStatus {
    /// Waiting for the host.
    Pending,
    /// Agreed; once paid, `confirmedAt` is set.
    Approved,
    /// Declined by the host.
    Rejected,
    /// The vehicle is out.
    Active,
    /// Over.
    Completed,
    /// Ended before a trip; `cancelCause` says why.
    Cancelled,
}

impl From<Status> for BookingStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Approved => Self::Approved,
            Status::Rejected => Self::Rejected,
            Status::Active => Self::Active,
            Status::Completed => Self::Completed,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

impl BookingStatus {
    const fn stored(self) -> Status {
        match self {
            Self::Pending => Status::Pending,
            Self::Approved => Status::Approved,
            Self::Rejected => Status::Rejected,
            Self::Active => Status::Active,
            Self::Completed => Status::Completed,
            Self::Cancelled => Status::Cancelled,
        }
    }
}

/// Why a booking was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CancelCause {
    /// The guest changed their mind.
    Guest,
    /// The host cannot keep it.
    Host,
    /// An administrator stepped in.
    Admin,
    /// Nobody answered the request in time.
    Expired,
    /// Nobody paid in time.
    PaymentLapsed,
    /// The guest did not come.
    NoShow,
}

impl From<Cause> for CancelCause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Guest => Self::Guest,
            Cause::Host => Self::Host,
            Cause::Admin => Self::Admin,
            Cause::Expired => Self::Expired,
            Cause::PaymentLapsed => Self::PaymentLapsed,
            Cause::NoShow => Self::NoShow,
        }
    }
}

/// One line of a price.
#[derive(Clone, Debug, SimpleObject)]
pub struct PriceLine {
    /// What it is for, for programs.
    pub kind: String,
    /// What it is for, for people.
    pub description: String,
    /// How much.
    pub amount: Money,
}

impl From<&Line> for PriceLine {
    fn from(line: &Line) -> Self {
        Self { kind: line.kind.clone(), description: line.description.clone(), amount: line.amount.into() }
    }
}

/// What a cancelling guest gets back, and until when.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct RefundWindow {
    /// The last instant of the window; from the start of the rental on nothing is given back.
    pub until: DateTime,
    /// The share that is given back, in percent.
    pub percent: i32,
}

impl From<&Window> for RefundWindow {
    fn from(window: &Window) -> Self {
        Self { until: window.until.into(), percent: i32::try_from(window.percent).unwrap_or(0) }
    }
}

/// What a rental would cost, and on which terms.
#[derive(Clone, Debug, SimpleObject)]
pub struct BookingQuote {
    /// What the guest pays.
    pub total: Money,
    /// The platform's share of it, VAT included.
    pub platform_fee: Money,
    /// What makes up the total.
    pub lines: Vec<PriceLine>,
    /// What a cancelling guest gets back, in the order of time.
    pub refund_windows: Vec<RefundWindow>,
    /// Until when the host could answer a request made now.
    pub request_expires_at: DateTime,
}

impl BookingQuote {
    /// A quote of a price.
    #[must_use]
    pub fn new(price: &Price, windows: &[Window], request_expires_at: kernel::Timestamp) -> Self {
        Self {
            total: price.total.into(),
            platform_fee: price.platform_fee.into(),
            lines: price.lines.iter().map(Into::into).collect(),
            refund_windows: windows.iter().map(Into::into).collect(),
            request_expires_at: request_expires_at.into(),
        }
    }
}

/// A booking that the viewer may see.
#[derive(Clone, Debug)]
pub struct BookingNode(pub BookingRow);

impl BookingNode {
    /// The booking, when the viewer is one of its parties or may see them all.
    #[must_use]
    pub fn visible(reader: &Reader<'_>, row: BookingRow) -> Option<Self> {
        Self::is_visible(reader.viewer, &row).then_some(Self(row))
    }

    /// A booking by its id, if the viewer may see it.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: BookingId) -> Result<Option<Self>, ApiError> {
        Ok(reader.get::<Bookings>(&id.to_string()).await?.and_then(|row| Self::visible(reader, row)))
    }

    /// May the viewer see it: a party, an administrator, finance (domain.md §3.3), an auditor?
    #[must_use]
    pub fn is_visible(viewer: &Viewer, row: &BookingRow) -> bool {
        viewer.user.is_some_and(|user| row.terms.is_party(user)) || viewer.is_any(&READERS)
    }
}

impl Shown for BookingNode {
    type Id = BookingId;

    async fn fresh(reader: &Reader<'_>, id: BookingId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<Bookings>(&id.to_string(), position).await?.and_then(|row| Self::visible(reader, row)))
    }
}

/// Who reads bookings of others.
pub(crate) const READERS: [Role; 3] = [Role::Admin, Role::Finance, Role::Auditor];

/// One rental, from request to return.
#[Object(name = "Booking")]
impl BookingNode {
    /// The booking's id.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The vehicle.
    async fn vehicle(&self, ctx: &Context<'_>) -> Result<Option<VehicleNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        // Whoever has paid must find the car.
        let renter = self.0.confirmed_at.is_some() && reader.viewer.user == Some(self.0.terms.guest);
        let row = reader.get::<Vehicles>(&self.0.terms.vehicle.to_string()).await?;
        Ok(row.map(|row| VehicleNode::new(row).for_renter(renter)))
    }

    /// Who rents it.
    async fn guest(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.terms.guest).await
    }

    /// Who owned it when it was requested.
    async fn host(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.terms.host).await
    }

    /// Start of the rental.
    async fn starts_at(&self) -> DateTime {
        self.0.terms.period.start().into()
    }

    /// End of the rental; that instant is free again.
    async fn ends_at(&self) -> DateTime {
        self.0.terms.period.end().into()
    }

    /// Where it stands.
    async fn status(&self) -> BookingStatus {
        self.0.status.into()
    }

    /// Was it paid, and so became certain?
    async fn is_confirmed(&self) -> bool {
        self.0.confirmed_at.is_some()
    }

    /// When it became certain.
    async fn confirmed_at(&self) -> Option<DateTime> {
        self.0.confirmed_at.map(Into::into)
    }

    /// Why it was cancelled.
    async fn cancel_cause(&self) -> Option<CancelCause> {
        self.0.cancellation.as_ref().map(|cancelled| cancelled.cause.into())
    }

    /// Why it was cancelled, in the words of who did.
    async fn cancel_reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.0.cancellation.as_ref().and_then(|cancelled| cancelled.reason.as_ref())).await
    }

    /// What the guest pays.
    async fn total(&self) -> Money {
        self.0.terms.price.total.into()
    }

    /// The platform's share of the total, VAT included.
    async fn platform_fee(&self) -> Money {
        self.0.terms.price.platform_fee.into()
    }

    /// The host's share of the total.
    async fn host_amount(&self) -> Money {
        self.0.terms.price.host_amount.into()
    }

    /// What makes up the total.
    async fn lines(&self) -> Vec<PriceLine> {
        self.0.terms.price.lines.iter().map(Into::into).collect()
    }

    /// What the guest wrote.
    async fn guest_message(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.0.guest_message.as_ref()).await
    }

    /// What the host answered.
    async fn host_response(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.0.host_response.as_ref()).await
    }

    /// The payment, once the host agreed.
    async fn payment(&self, ctx: &Context<'_>) -> Result<Option<PaymentNode>, ApiError> {
        let Some(payment) = self.0.payment else { return Ok(None) };
        let reader = Reader::of(ctx)?;
        // Up to the log's newest position: a booking that says approved must not stand beside a payment that is not there yet.
        Ok(reader.newest::<Payments>(&payment.to_string()).await?.and_then(|row| PaymentNode::visible(&reader, row)))
    }

    /// Until when it must be paid.
    async fn payment_due_at(&self) -> Option<DateTime> {
        self.0.payment_due_at.map(Into::into)
    }

    /// When it was requested.
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
