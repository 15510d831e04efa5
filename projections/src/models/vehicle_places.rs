//! Where the vehicles are that can be found, kept hot with an index of places.

use domain::geo::GeoPoint;
use domain::vehicle;
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per vehicle; the key is the vehicle's id. Only active ones with a place are in the index of places.
#[derive(Debug)]
pub struct VehiclePlaces;

/// Where a vehicle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VehiclePlaceRow {
    /// Where it is picked up, once known.
    pub location: Option<GeoPoint>,
    /// May it be found and booked?
    pub active: bool,
}

impl ReadModel for VehiclePlaces {
    const NAME: &'static str = "vehicle_places";
    const VERSION: u32 = 1;
    type Row = VehiclePlaceRow;

    fn columns() -> &'static [Column] {
        const { &[Column::bool("active")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Vehicle(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<VehiclePlaceRow>, event: &Known) -> Result<Option<VehiclePlaceRow>, Poison> {
        let Event::Vehicle(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            vehicle::Event::VehicleRegistered { location, .. } => begin(row, event, VehiclePlaceRow { location: *location, active: false }),
            vehicle::Event::VehicleGeocoded { location } => change(row, event, |row| row.location = Some(*location)),
            vehicle::Event::VehicleActivated {} => change(row, event, |row| row.active = true),
            vehicle::Event::VehicleGeocodeFailed { .. } | vehicle::Event::VehiclePhotoAttached { .. } => Ok(row),
        }
    }

    fn index(_key: &str, row: &VehiclePlaceRow) -> Vec<Value> {
        vec![row.active.into()]
    }

    fn place(row: &VehiclePlaceRow) -> Option<GeoPoint> {
        row.location.filter(|_| row.active)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use domain::ids::VehicleId;

    use super::*;
    use crate::models::testing::{History, id, registered_vehicle};

    #[test]
    fn a_vehicle_is_found_once_it_is_active_and_its_place_is_known() {
        let (car, here): (VehicleId, _) = (id(1), GeoPoint::new(375_665_000, 1_269_780_000).unwrap());
        let place = |history: &History| VehiclePlaces::place(&history.row::<VehiclePlaces>(&car.to_string()).unwrap());
        let history = History::default().on(car, registered_vehicle(id(2), None));
        assert_eq!(place(&history), None);
        let history = history.on(car, Event::Vehicle(vehicle::Event::VehicleActivated {}));
        assert_eq!(place(&history), None);
        let history = history.on(car, Event::Vehicle(vehicle::Event::VehicleGeocoded { location: here }));
        assert_eq!(place(&history), Some(here));
    }
}
