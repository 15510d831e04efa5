//! The search for free cars near a place (domain.md §3.2).
//!
//! Sound: never a car that `requestBooking` would refuse with BOOKING002, 003 or 006. Complete: every one inside the radius
//! that it would accept. Both because the row carries the calendar's own state and is asked the command's own question; the
//! database only leaves out what cannot be near.

use domain::geo::{E7_PER_DEGREE, GeoPoint};
use domain::ids::{BookingId, UserId};
use domain::vehcal::SlotRequest;
use kernel::{Period, Timestamp};
use uuid::Uuid;

use super::vehicles::{VehicleRow, Vehicles};
use crate::model::{ReadModel, Value};
use crate::views::{Filter, Op, Query, ViewError, Views};

/// No search reaches further, in metres.
pub const MAX_RADIUS_M: u32 = 50_000;
/// Mean radius of the Earth in metres (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;
/// Candidates of one statement. A search that has more judges each at the checkpoint of its own page.
const PAGE: u64 = 1_000;
/// Half a turn and a whole one, in units of a coordinate.
const HALF_TURN_E7: i64 = 180 * E7_PER_DEGREE as i64;
const TURN_E7: i64 = 2 * HALF_TURN_E7;
/// The box is so much wider than the circle, against rounding: about a metre, and a millionth.
const MARGIN_E7: f64 = 100.0;
const MARGIN_FACTOR: f64 = 1.000_001;

/// A car is wanted near here, for then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchRequest {
    /// Around where.
    pub centre: GeoPoint,
    /// How far away at most, in metres; at most [`MAX_RADIUS_M`].
    pub radius_m: u32,
    /// When.
    pub period: Period,
    /// The business clock.
    pub now: Timestamp,
    /// Who asks, when somebody is signed in: nobody finds their own cars.
    pub guest: Option<UserId>,
}

/// A car that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// How far away it is, along a great circle, in metres.
    pub distance_m: f64,
}

/// Could this car be booked as requested, and is it near enough?
#[must_use]
pub fn matches(row: &VehicleRow, request: &SearchRequest) -> Option<Found> {
    let distance_m = distance_m(row.location?, request.centre);
    let slot = SlotRequest {
        // Neither nil is ever minted: it is no slot's booking and no car's owner.
        booking: BookingId::new(Uuid::nil()),
        guest: request.guest.unwrap_or(UserId::new(Uuid::nil())),
        period: request.period,
        owner: row.owner,
        active: row.is_active(),
        zone: row.time_zone.to_string(),
    };
    let near = distance_m <= f64::from(request.radius_m);
    (near && row.calendar.check(&slot, request.now).is_ok()).then_some(Found { distance_m })
}

/// All cars that match, nearest first, those equally near by id.
///
/// # Errors
/// [`ViewError::Query`] when the radius is larger than [`MAX_RADIUS_M`]; [`ViewError::Lagging`] while the model is built for the
/// first time; else the database's.
pub async fn search(views: &Views, request: &SearchRequest) -> Result<Vec<(VehicleRow, Found)>, ViewError> {
    search_by(views, request, PAGE).await
}

/// The same among cars that are known to hold all within the circle, and maybe more: [`crate::hot::HotViews::near`] finds them.
///
/// # Errors
/// As [`search`].
pub async fn search_among(views: &Views, request: &SearchRequest, keys: &[String]) -> Result<Vec<(VehicleRow, Found)>, ViewError> {
    let rows = views.get_many::<Vehicles>(keys).await?;
    Ok(nearest(rows.into_values().filter_map(|row| matches(&row, request).map(|found| (row, found))).collect()))
}

async fn search_by(views: &Views, request: &SearchRequest, page: u64) -> Result<Vec<(VehicleRow, Found)>, ViewError> {
    if request.radius_m > MAX_RADIUS_M {
        let reason = format!("a radius of {} m is larger than {MAX_RADIUS_M} m", request.radius_m);
        return Err(ViewError::Query { projection: Vehicles::NAME, reason });
    }
    let candidates = candidates(request);
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let rows = views.all::<Vehicles>(&candidates.clone().gt("key", after.as_str()), page).await?;
        let last = rows.last().map(|(key, _)| key.clone());
        let full = rows.len() as u64 >= page;
        found.extend(rows.into_iter().filter_map(|(_, row)| matches(&row, request).map(|found| (row, found))));
        match last {
            Some(last) if full => after = last,
            Some(_) | None => break,
        }
    }
    Ok(nearest(found))
}

/// Nearest first, those equally near by id.
fn nearest(mut found: Vec<(VehicleRow, Found)>) -> Vec<(VehicleRow, Found)> {
    found.sort_by(|(a, near_a), (b, near_b)| near_a.distance_m.total_cmp(&near_b.distance_m).then_with(|| a.id.cmp(&b.id)));
    found
}

/// How far a circle reaches to the north and to the south, in ten-millionths of a degree, a little more than it does.
pub(crate) fn reach_e7(radius_m: u32) -> i32 {
    widened(f64::from(radius_m) / EARTH_RADIUS_M).ceil() as i32
}

/// Active cars in a box that holds the whole circle.
fn candidates(request: &SearchRequest) -> Query {
    let angle = f64::from(request.radius_m) / EARTH_RADIUS_M;
    let (lat, lng) = (f64::from(request.centre.lat_e7()), f64::from(request.centre.lng_e7()));
    let reach = widened(angle);
    let query = Query::new().eq("active", true).ge("lat_e7", (lat - reach).floor() as i64).le("lat_e7", (lat + reach).ceil() as i64);
    if lat.abs() + reach >= f64::from(90 * E7_PER_DEGREE) {
        // The circle holds a pole, and so every meridian.
        return query;
    }
    let reach = widened((angle.sin() / radians(lat).cos()).min(1.0).asin());
    band(query, (lng - reach).floor() as i64, (lng + reach).ceil() as i64)
}

/// Longitudes from `west` to `east`, either of which may lie beyond the antimeridian.
fn band(query: Query, west: i64, east: i64) -> Query {
    let compare = |op, value| Filter::Compare("lng_e7", op, Value::BigInt(value));
    if west <= -HALF_TURN_E7 {
        query.filter(Filter::Any(vec![compare(Op::Ge, west + TURN_E7), compare(Op::Le, east)]))
    } else if east >= HALF_TURN_E7 {
        query.filter(Filter::Any(vec![compare(Op::Ge, west), compare(Op::Le, east - TURN_E7)]))
    } else {
        query.ge("lng_e7", west).le("lng_e7", east)
    }
}

/// An angle in units of a coordinate, a little larger than it is.
fn widened(angle: f64) -> f64 {
    angle.to_degrees() * f64::from(E7_PER_DEGREE) * MARGIN_FACTOR + MARGIN_E7
}

fn radians(e7: f64) -> f64 {
    (e7 / f64::from(E7_PER_DEGREE)).to_radians()
}

/// The way between two points along a great circle, in metres: haversine, exact enough at any distance.
#[must_use]
pub fn distance_m(a: GeoPoint, b: GeoPoint) -> f64 {
    let radians_of = |point: GeoPoint| (radians(f64::from(point.lat_e7())), radians(f64::from(point.lng_e7())));
    let ((lat_a, lng_a), (lat_b, lng_b)) = (radians_of(a), radians_of(b));
    let half = |from: f64, to: f64| ((to - from) / 2.0).sin().powi(2);
    let haversine = half(lat_a, lat_b) + lat_a.cos() * lat_b.cos() * half(lng_a, lng_b);
    2.0 * EARTH_RADIUS_M * haversine.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests;
