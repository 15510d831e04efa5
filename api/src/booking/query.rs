//! Questions about bookings.

use async_graphql::{Context, Enum, ID, Object};
use projections::models::{Bookings, Vehicles};
use projections::views::{Direction, Filter, Op, Query};

use super::{BookingNode, BookingQuote, BookingStatus};
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event;
use crate::reading::Reader;
use crate::scalars::DateTime;

/// A side of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Party {
    /// Who rents.
    Guest,
    /// Who owns the vehicle.
    Host,
}

/// Queries of bookings.
#[derive(Default)]
pub struct BookingQuery;

#[Object]
impl BookingQuery {
    /// What a rental of a vehicle would cost now, and on which terms; null when there is no such vehicle or period.
    async fn quote_booking(
        &self,
        ctx: &Context<'_>,
        vehicle_id: ID,
        starts_at: DateTime,
        ends_at: DateTime,
    ) -> Result<Option<BookingQuote>, ApiError> {
        let reader = Reader::of(ctx)?;
        let (starts_at, ends_at) = (starts_at.instant(&["startsAt"])?, ends_at.instant(&["endsAt"])?);
        let Some(period) = kernel::Period::new(starts_at, ends_at) else { return Ok(None) };
        let Some(row) = reader.get::<Vehicles>(&vehicle_id).await? else { return Ok(None) };
        Ok(crate::vehicle::quote(&reader, &row, &period))
    }

    /// A booking of yours; null for anybody else's.
    async fn booking(&self, ctx: &Context<'_>, id: ID, as_of: Option<event::AsOf>) -> Result<Option<BookingNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let row = match as_of {
            None => reader.get::<Bookings>(&id).await?,
            Some(as_of) => event::row_as_of::<Bookings>(&reader, &id, &as_of).await?,
        };
        Ok(row.and_then(|row| BookingNode::visible(&reader, row)))
    }

    /// Your bookings, newest first, as guest and as host, or as one of them.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn my_bookings(
        &self,
        ctx: &Context<'_>,
        status: Option<BookingStatus>,
        #[graphql(name = "as")] party: Option<Party>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Connection<BookingNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let page = Page::new(first, after, last, before)?;
        let mine = match party {
            Some(Party::Guest) => Query::new().eq("guest", user),
            Some(Party::Host) => Query::new().eq("host", user),
            None => Query::new()
                .filter(Filter::Any(vec![Filter::Compare("guest", Op::Eq, user.into()), Filter::Compare("host", Op::Eq, user.into())])),
        };
        let query = match status {
            Some(status) => mine.eq("status", status.stored().name()),
            None => mine,
        };
        reader.page::<Bookings, _>(query.order_by("created_at", Direction::Desc), &page, |_, row| BookingNode(row)).await
    }
}
