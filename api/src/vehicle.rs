//! Vehicles, their calendars, and the search for one.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use domain::booking::decisions::request_expiry;
use domain::ids::VehicleId;
use domain::pricing;
use domain::user::Role;
use domain::vehicle::{FuelType as Fuel, Status, Transmission as Gears};
use kernel::Period;
use projections::models::{VehicleRow, Vehicles};

mod mutation;
mod query;

use crate::booking::BookingQuote;
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::mutation::Shown;
use crate::reading::Reader;
use crate::scalars::{DateTime, GeoPoint, Money};
use crate::user::UserNode;
pub use mutation::VehicleMutation;
pub use query::{VehicleQuery, VehicleSearchResultNode};

/// Who sees the past of somebody else's vehicle.
const OVERSEERS: [Role; 4] = [Role::Admin, Role::Support, Role::Auditor, Role::Engineer];

/// What moves a vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum FuelType {
    /// Petrol.
    Gasoline,
    /// Diesel oil.
    Diesel,
    /// A battery.
    Electric,
    /// Both.
    Hybrid,
}

impl FuelType {
    const fn stored(self) -> Fuel {
        match self {
            Self::Gasoline => Fuel::Gasoline,
            Self::Diesel => Fuel::Diesel,
            Self::Electric => Fuel::Electric,
            Self::Hybrid => Fuel::Hybrid,
        }
    }
}

impl From<Fuel> for FuelType {
    fn from(fuel: Fuel) -> Self {
        match fuel {
            Fuel::Gasoline => Self::Gasoline,
            Fuel::Diesel => Self::Diesel,
            Fuel::Electric => Self::Electric,
            Fuel::Hybrid => Self::Hybrid,
        }
    }
}

/// Who changes gears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Transmission {
    /// The driver.
    Manual,
    /// The vehicle.
    Automatic,
}

impl Transmission {
    const fn stored(self) -> Gears {
        match self {
            Self::Manual => Gears::Manual,
            Self::Automatic => Gears::Automatic,
        }
    }
}

impl From<Gears> for Transmission {
    fn from(gears: Gears) -> Self {
        match gears {
            Gears::Manual => Self::Manual,
            Gears::Automatic => Self::Automatic,
        }
    }
}

/// May a vehicle be booked?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum VehicleStatus {
    /// Found and booked.
    Active,
    /// Neither found nor booked.
    Inactive,
    /// In the workshop.
    Maintenance,
}

impl From<Status> for VehicleStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Inactive => Self::Inactive,
        }
    }
}

/// A period in which a vehicle cannot be had.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct BusyPeriod {
    /// From.
    pub starts_at: DateTime,
    /// Up to; that instant is free again.
    pub ends_at: DateTime,
}

/// A vehicle as everybody may see one.
#[derive(Clone, Debug)]
pub struct VehicleNode {
    row: VehicleRow,
    /// Shown to somebody who has rented it.
    rented: bool,
}

impl VehicleNode {
    /// The vehicle, as the viewer may know it.
    #[must_use]
    pub const fn new(row: VehicleRow) -> Self {
        Self { row, rented: false }
    }

    /// The vehicle, if it is active, the viewer's own, or the viewer looks after vehicles.
    #[must_use]
    pub fn visible(reader: &Reader<'_>, row: VehicleRow) -> Option<Self> {
        let open = || reader.viewer.user == Some(row.owner) || reader.viewer.is_any(&[Role::Admin, Role::Support]);
        (row.is_active() || open()).then(|| Self::new(row))
    }

    /// The vehicle, to somebody who has paid for it or not.
    #[must_use]
    pub fn for_renter(self, rented: bool) -> Self {
        Self { rented, ..self }
    }
}

impl Shown for VehicleNode {
    type Id = VehicleId;

    async fn fresh(reader: &Reader<'_>, id: VehicleId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<Vehicles>(&id.to_string(), position).await?.map(Self::new))
    }
}

/// A car for rent.
#[Object(name = "Vehicle")]
impl VehicleNode {
    /// The vehicle's id.
    pub async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// The licence plate; its end only for the owner, administrators, and whoever has paid to rent it.
    async fn license_plate(&self, ctx: &Context<'_>) -> Result<String, ApiError> {
        let reader = Reader::of(ctx)?;
        let viewer = reader.viewer;
        let open = self.rented || viewer.user == Some(self.row.owner) || viewer.is_any(&[Role::Admin, Role::Support]);
        let plate = reader.open(&self.row.license_plate).await?.unwrap_or_default();
        let hidden = if open { 0 } else { plate.chars().count().min(3) };
        let shown = plate.chars().count() - hidden;
        Ok(plate.chars().take(shown).chain(std::iter::repeat_n('*', hidden)).collect())
    }

    /// The maker.
    async fn make(&self) -> &str {
        &self.row.make
    }

    /// The model.
    async fn model(&self) -> &str {
        &self.row.model
    }

    /// The year of manufacture.
    async fn year(&self) -> i32 {
        self.row.year.into()
    }

    /// The colour.
    async fn color(&self) -> Option<&str> {
        self.row.color.as_deref()
    }

    /// What moves it.
    async fn fuel_type(&self) -> Option<FuelType> {
        self.row.fuel_type.map(Into::into)
    }

    /// Who changes gears.
    async fn transmission(&self) -> Option<Transmission> {
        self.row.transmission.map(Into::into)
    }

    /// What an hour costs.
    async fn hourly_rate(&self) -> Money {
        self.row.hourly_rate.into()
    }

    /// Where it is picked up, in words.
    async fn location_address(&self) -> &str {
        &self.row.location_address
    }

    /// Where that is, once known.
    async fn location(&self) -> Option<GeoPoint> {
        self.row.location.map(|point| GeoPoint { lat: f64::from(point.lat_e7()) / 1e7, lng: f64::from(point.lng_e7()) / 1e7 })
    }

    /// The IANA zone in which its calendar is meant.
    async fn time_zone(&self) -> String {
        self.row.time_zone.to_string()
    }

    /// May it be booked?
    async fn status(&self) -> VehicleStatus {
        self.row.status.into()
    }

    /// Addresses of its photos.
    async fn images(&self, ctx: &Context<'_>) -> Result<Vec<String>, ApiError> {
        let reader = Reader::of(ctx)?;
        Ok(self.row.images.iter().map(|upload| format!("{}/photos/{upload}", reader.app.public_url)).collect())
    }

    /// Whose it is.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.row.owner).await
    }

    /// What the owner says about it.
    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    /// The events that made it, oldest first: for its owner and those who oversee the log; to others it has none.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<EventNode>, ApiError> {
        let (reader, page) = (Reader::of(ctx)?, Page::new(first, after, last, before)?);
        if reader.viewer.user != Some(self.row.owner) && !reader.viewer.is_any(&OVERSEERS) {
            return Ok(Connection::empty());
        }
        event::history(&reader, self.row.id.to_string(), &page).await
    }
}

/// What a rental of a vehicle would cost now: exactly what a request made now would freeze (D7).
#[must_use]
pub fn quote(reader: &Reader<'_>, row: &VehicleRow, period: &Period) -> Option<BookingQuote> {
    let (settings, now) = (&reader.app.ctx.settings, reader.app.ctx.clock.now());
    if period.start() <= now {
        return None;
    }
    let price = pricing::price(row.hourly_rate, period, settings.billing_increment_minutes, settings.booking_fee_bps).ok()?;
    let windows = row.calendar.policy.cancellation.windows(period.start());
    Some(BookingQuote::new(&price, &windows, request_expiry(now, period.start())))
}
