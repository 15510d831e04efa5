//! What a person is part of and has not come to its end: asked before an account is closed or erased (USER003).

use std::time::Duration;

use commands::user::Obligations;
use domain::ids::{ApiKeyId, ExchangeKeyId, UserId};
use domain::shop_order::Status;

use super::bookings::BookingStatus;
use super::shop_orders::status_name;
use super::{ApiKeys, Bookings, ExchangeKeys, ShopOrders};
use crate::views::{Filter, Op, Query, ViewError, Views};

/// How long the models may take to come as far as the log.
const WAIT: Duration = Duration::from_secs(2);
/// One that is open is enough; a few more, since some may have ended a moment ago.
const ENOUGH: u64 = 100;
/// Keys that are ended together; whoever has more is looked at again.
pub const KEYS_AT_ONCE: u64 = 1_000;

/// Rentals and purchases of a person that were not over at the log's present end.
///
/// # Errors
/// [`ViewError::Lagging`] when the models are behind, else the store's.
pub async fn of(views: &Views, user: UserId) -> Result<Obligations, ViewError> {
    let head = views.log().head().await?;
    let is = |column| Filter::Compare(column, Op::Eq, user.into());
    let open = [BookingStatus::Pending, BookingStatus::Approved, BookingStatus::Active].map(BookingStatus::name);
    views.wait::<Bookings>(head, WAIT).await?;
    let query = Query::new().filter(Filter::Any(vec![is("guest"), is("host")])).within("status", open);
    let bookings = views.all::<Bookings>(&query, ENOUGH).await?.into_iter().map(|(_, row)| row.id).collect();
    let open = [Status::Placed, Status::Paid, Status::PartiallyShipped, Status::Shipped, Status::Delivered].map(status_name);
    views.wait::<ShopOrders>(head, WAIT).await?;
    let query = Query::new().filter(Filter::Any(vec![is("buyer"), is("seller")])).within("status", open);
    let orders = views.all::<ShopOrders>(&query, ENOUGH).await?.into_iter().map(|(_, row)| row.id).collect();
    Ok(Obligations { bookings, orders })
}

/// Keys of programs and exchanges of a person that were in use at the log's present end.
///
/// # Errors
/// As [`of`].
pub async fn keys(views: &Views, user: UserId) -> Result<(Vec<ApiKeyId>, Vec<ExchangeKeyId>), ViewError> {
    let head = views.log().head().await?;
    views.wait::<ApiKeys>(head, WAIT).await?;
    let query = Query::new().eq("owner", user).eq("revoked", false);
    let api = views.all::<ApiKeys>(&query, KEYS_AT_ONCE).await?.into_iter().map(|(_, row)| row.id).collect();
    views.wait::<ExchangeKeys>(head, WAIT).await?;
    let query = Query::new().eq("owner", user).eq("active", true);
    let exchange = views.all::<ExchangeKeys>(&query, KEYS_AT_ONCE).await?.into_iter().map(|(_, row)| row.id).collect();
    Ok((api, exchange))
}
