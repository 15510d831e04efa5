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
        #[graphql(desc = "Which vehicle.")] vehicle_id: ID,
        #[graphql(desc = "Start of the rental.")] starts_at: DateTime,
        #[graphql(desc = "End of the rental.")] ends_at: DateTime,
    ) -> Result<Option<BookingQuote>, ApiError> {
        let reader = Reader::of(ctx)?;
        let (starts_at, ends_at) = (starts_at.instant(&["startsAt"])?, ends_at.instant(&["endsAt"])?);
        let Some(period) = kernel::Period::new(starts_at, ends_at) else { return Ok(None) };
        let row = reader.get::<Vehicles>(&vehicle_id).await?;
        let row = row.filter(|row| row.is_active() || reader.viewer.user == Some(row.owner));
        let Some(row) = row else { return Ok(None) };
        Ok(crate::vehicle::quote(&reader, &row, &period))
    }

    /// A booking of yours; null for anybody else's.
    async fn booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
        #[graphql(desc = "As of a moment of the past.")] as_of: Option<event::AsOf>,
    ) -> Result<Option<BookingNode>, ApiError> {
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
        #[graphql(desc = "Only those that stand there.")] status: Option<BookingStatus>,
        #[graphql(name = "as", desc = "Only those in which you are that party.")] party: Option<Party>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
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
