//! Questions about vehicles.

use async_graphql::{Context, ID, Object};
use domain::user::Role;
use kernel::Period;
use projections::models::search::{self, Found, SearchRequest};
use projections::models::{VehiclePlaces, Vehicles};

use super::{BusyPeriod, VehicleNode};
use crate::booking::BookingQuote;
use crate::connection::{Connection, Direction, Page, bad_cursor};
use crate::errors::ApiError;
use crate::event;
use crate::reading::{Reader, from_view};
use crate::scalars::{DateTime, GeoPointInput};

/// Furthest search radius in kilometres (K30).
const MAX_RADIUS_KM: f64 = 50.0;
/// Widest stretch of a calendar that is shown at once.
const MAX_CALENDAR: kernel::jiff::SignedDuration = kernel::jiff::SignedDuration::from_hours(366 * 24);

/// A vehicle that is free, near, and what it would cost.
pub struct VehicleSearchResultNode {
    id: ID,
    vehicle: VehicleNode,
    quote: BookingQuote,
    distance_m: f64,
}

/// A vehicle found by a search.
#[Object(name = "VehicleSearchResult")]
impl VehicleSearchResultNode {
    /// The result's id; it names this finding, not the vehicle.
    pub async fn id(&self) -> ID {
        self.id.clone()
    }

    /// The vehicle.
    async fn vehicle(&self) -> &VehicleNode {
        &self.vehicle
    }

    /// What the rental would cost, exactly.
    async fn quote(&self) -> &BookingQuote {
        &self.quote
    }

    /// How far away it is as the crow flies, in kilometres.
    async fn distance_km(&self) -> f64 {
        self.distance_m / 1_000.0
    }
}

/// Queries of vehicles.
#[derive(Default)]
pub struct VehicleQuery;

#[Object]
impl VehicleQuery {
    /// A vehicle; one that is not active only for its owner and administrators.
    async fn vehicle(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
        #[graphql(desc = "As of a moment of the past.")] as_of: Option<event::AsOf>,
    ) -> Result<Option<VehicleNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let row = match as_of {
            None => reader.get::<Vehicles>(&id).await?,
            Some(as_of) => event::row_as_of::<Vehicles>(&reader, &id, &as_of).await?,
        };
        Ok(row.and_then(|row| VehicleNode::visible(&reader, row)))
    }

    /// When a vehicle cannot be had: live bookings with their buffers, and blocked periods, in the order of time.
    async fn vehicle_calendar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which vehicle.")] vehicle_id: ID,
        #[graphql(desc = "From this instant.")] from: DateTime,
        #[graphql(desc = "Up to this instant, exclusive.")] to: DateTime,
    ) -> Result<Vec<BusyPeriod>, ApiError> {
        let reader = Reader::of(ctx)?;
        let (from, to) = (from.instant(&["from"])?, to.instant(&["to"])?);
        let wrong = || kernel::Refused::at(crate::errors::MALFORMED, &["to"]);
        let asked = Period::new(from, to).filter(|_| to.duration_since(from) <= MAX_CALENDAR).ok_or_else(wrong)?;
        let open = |owner| reader.viewer.user == Some(owner) || reader.viewer.is_any(&[Role::Admin, Role::Support]);
        let row = reader.get::<Vehicles>(&vehicle_id).await?.filter(|row| row.is_active() || open(row.owner));
        let Some(row) = row else { return Ok(Vec::new()) };
        let slots = row.calendar.slots.values().map(|slot| slot.occupied);
        let mut busy: Vec<Period> = slots.chain(row.calendar.blocks.values().copied()).filter(|p| p.overlaps(&asked)).collect();
        busy.sort_unstable();
        Ok(busy.into_iter().map(|p| BusyPeriod { starts_at: p.start().into(), ends_at: p.end().into() }).collect())
    }

    /// Vehicles that are free for a period and near a place, nearest first: exactly those that could be booked now.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn search_vehicles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Latitude of the place in degrees.")] lat: f64,
        #[graphql(desc = "Longitude of the place in degrees.")] lng: f64,
        #[graphql(desc = "Start of the rental.")] starts_at: DateTime,
        #[graphql(desc = "End of the rental.")] ends_at: DateTime,
        #[graphql(default_with = "Some(5.0)", desc = "How far around the place, in kilometres, at most 50.")] radius_km: Option<f64>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<VehicleSearchResultNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        let wrong = |field: &str| kernel::Refused::at(crate::errors::MALFORMED, &[field]);
        let point = GeoPointInput { lat, lng }.point(&[])?;
        let centre = domain::geo::GeoPoint::parse(&point.lat.to_string(), &point.lng.to_string()).map_err(|_| wrong("lat"))?;
        let radius_km = radius_km.unwrap_or(5.0);
        if !(0.0..=MAX_RADIUS_KM).contains(&radius_km) {
            return Err(wrong("radiusKm").into());
        }
        let period = Period::new(starts_at.instant(&["startsAt"])?, ends_at.instant(&["endsAt"])?).ok_or_else(|| wrong("endsAt"))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 50,000 metres, checked above")]
        let radius_m = (radius_km * 1_000.0).round() as u32;
        let (now, guest) = (reader.app.ctx.clock.now(), reader.viewer.user);
        let applied = reader.ready::<Vehicles>().await?;
        let request = SearchRequest { centre, radius_m, period, now, guest };
        let views = &reader.app.views;
        let found = match reader.app.live.near::<VehiclePlaces>(centre, radius_m, applied).await {
            Some(near) => search::search_among(views, &request, &near).await,
            None => search::search(views, &request).await,
        };
        let found = found.map_err(from_view)?;
        let total = found.len();
        let rows = found.into_iter().filter_map(|(row, Found { distance_m })| {
            let quote = super::quote(&reader, &row, &period)?;
            let id = ID(format!("result-{}", row.id));
            Some((place(distance_m, &id), VehicleSearchResultNode { id, vehicle: VehicleNode::new(row), quote, distance_m }))
        });
        let connection = cut(&page, rows.collect())?;
        Ok(connection.counted(move || std::future::ready(Ok(u64::try_from(total).unwrap_or(u64::MAX)))))
    }
}

/// A cursor that sorts like the list: distance, then id.
fn place(distance_m: f64, id: &ID) -> String {
    format!("{distance_m:016.6}.{}", id.as_str())
}

/// The page of a list that is all at hand.
fn cut<N>(page: &Page, rows: Vec<(String, N)>) -> Result<Connection<N>, ApiError> {
    let known = |cursor: &Option<String>, name: &str| match cursor {
        Some(cursor) if cursor.split_once('.').is_none_or(|(metres, _)| metres.len() != 9) => Err(bad_cursor(name)),
        _ => Ok(()),
    };
    known(&page.after, "after")?;
    known(&page.before, "before")?;
    let inside = |cursor: &String| {
        page.after.as_ref().is_none_or(|after| cursor > after) && page.before.as_ref().is_none_or(|before| cursor < before)
    };
    let rows = rows.into_iter().filter(|(cursor, _)| inside(cursor));
    Ok(match page.direction {
        Direction::Forward => Connection::page(page, rows.take(page.fetch())),
        Direction::Backward => Connection::page(page, rows.collect::<Vec<_>>().into_iter().rev().take(page.fetch())),
    })
}
