//! Places.

use async_graphql::{InputObject, SimpleObject};
use kernel::Refused;

use super::malformed;

/// A place on earth, WGS 84.
#[derive(Clone, Copy, Debug, PartialEq, SimpleObject)]
pub struct GeoPoint {
    /// Latitude in degrees, north positive.
    pub lat: f64,
    /// Longitude in degrees, east positive.
    pub lng: f64,
}

/// A place on earth, WGS 84.
#[derive(Clone, Copy, Debug, PartialEq, InputObject)]
pub struct GeoPointInput {
    /// Latitude in degrees, −90 to 90, north positive.
    pub lat: f64,
    /// Longitude in degrees, −180 to 180, east positive.
    pub lng: f64,
}

impl GeoPointInput {
    /// The place, at this field of the input.
    ///
    /// # Errors
    /// SYS003 at the coordinate that is outside of the earth.
    pub fn point(&self, field: &[&str]) -> Result<GeoPoint, Refused> {
        let below = |name| [field, &[name]].concat();
        if !(-90.0..=90.0).contains(&self.lat) {
            return Err(malformed(&below("lat")));
        }
        if !(-180.0..=180.0).contains(&self.lng) {
            return Err(malformed(&below("lng")));
        }
        Ok(GeoPoint { lat: self.lat, lng: self.lng })
    }
}
