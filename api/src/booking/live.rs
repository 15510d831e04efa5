//! What is asked again and again about bookings that are not over, answered from the hot rows (and from the tables without them).

use async_graphql::{Context, ID, Object};
use domain::ids::UserId;
use projections::models::{BookingRow, Bookings, LiveBookings};
use projections::views::Query;

use super::BookingStatus;
use crate::errors::ApiError;
use crate::reading::{Reader, from_view};

/// Most bookings that are counted without hot rows.
const MOST: u64 = 1_000;

/// Queries of bookings that are not over.
#[derive(Default)]
pub struct LiveBookingQuery;

#[Object]
impl LiveBookingQuery {
    /// Where a booking of yours stands, and nothing else of it: cheap to ask again and again. Null for anybody else's.
    async fn booking_status(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<BookingStatus>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let required = reader.required().await?.position;
        if let Some(Some(row)) = reader.app.live.get::<LiveBookings>(&id, required).await {
            let mine = row.guest == user || row.host == user;
            return Ok(mine.then(|| row.status.into()));
        }
        // Over, not there at all, or not known to the hot rows yet.
        let row = reader.get::<Bookings>(&id).await?;
        Ok(row.filter(|row| row.terms.is_party(user)).map(|row| row.status.into()))
    }

    /// How many bookings wait for you: requests that you have to answer, and approved ones that you have to pay.
    async fn waiting_for_me(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let required = reader.required().await?.position;
        let count = match reader.app.live.count::<LiveBookings>("waits_for", user, required).await {
            Some(count) => count,
            None => counted(&reader, user).await?,
        };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// The same from the tables.
async fn counted(reader: &Reader<'_>, user: UserId) -> Result<u64, ApiError> {
    reader.ready::<Bookings>().await?;
    let pending = BookingStatus::Pending.stored().name();
    let approved = BookingStatus::Approved.stored().name();
    let asked = Query::new().eq("host", user).eq("status", pending);
    let owed = Query::new().eq("guest", user).eq("status", approved);
    let views = &reader.app.views;
    let asked = views.all::<Bookings>(&asked, MOST).await.map_err(from_view)?;
    let owed = views.all::<Bookings>(&owed, MOST).await.map_err(from_view)?;
    let unpaid = |(_, row): &(String, BookingRow)| !row.is_confirmed();
    Ok((asked.len() + owed.iter().filter(|row| unpaid(row)).count()) as u64)
}
