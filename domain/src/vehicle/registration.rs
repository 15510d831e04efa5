//! What a host says of a car when listing it.

use kernel::Money;

use crate::geo::{GeoPoint, ZoneName};
use crate::vehicle::{FuelType, Transmission};

/// A car as its owner describes it; texts as typed.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Licence plate.
    pub license_plate: String,
    /// Maker.
    pub make: String,
    /// Model.
    pub model: String,
    /// Of manufacture.
    pub year: i32,
    /// Colour.
    pub color: Option<String>,
    /// What moves it.
    pub fuel_type: Option<FuelType>,
    /// Who changes gears.
    pub transmission: Option<Transmission>,
    /// Price of one hour.
    pub hourly_rate: Money,
    /// Where it is picked up, in words.
    pub location_address: String,
    /// Where that is.
    pub location: Option<GeoPoint>,
    /// The zone in which its calendar is meant.
    pub time_zone: ZoneName,
    /// In the owner's words.
    pub description: Option<String>,
}
