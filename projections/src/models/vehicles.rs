//! Cars for rent with their calendars: the source of `Vehicle`, `vehicleCalendar` and the search ([`super::search`]).
//!
//! A row folds two streams, `vehicle-…` and `vehcal-…`, so that the search reads both at one checkpoint. The calendar is
//! the domain's own state, so that it answers exactly as the command would.

use domain::geo::{GeoPoint, ZoneName};
use domain::ids::{UploadId, UserId, VehicleId};
use domain::vehcal::VehicleCalendar;
use domain::vehicle::{self, FuelType, Status, Transmission};
use kernel::{Decider, Money, Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per vehicle; the key is the vehicle's id.
#[derive(Debug)]
pub struct Vehicles;

/// A car as its listing shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VehicleRow {
    /// Which vehicle.
    pub id: VehicleId,
    /// Whose it is.
    pub owner: UserId,
    /// Not public.
    pub license_plate: Personal<String>,
    /// Maker.
    pub make: String,
    /// Model.
    pub model: String,
    /// Of manufacture.
    pub year: i16,
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
    /// Where that is, once known.
    pub location: Option<GeoPoint>,
    /// Why the geocoder did not find it, while it has not.
    pub geocode_failure: Option<String>,
    /// The zone in which its calendar is meant.
    pub time_zone: ZoneName,
    /// In the owner's words.
    pub description: Option<String>,
    /// May it be found and booked?
    pub status: Status,
    /// Its photos by their uploads, in the order of their attachment.
    pub images: Vec<UploadId>,
    /// Windows, blocks, policy and live slots.
    pub calendar: VehicleCalendar,
    /// Business time of the registration.
    pub created_at: Timestamp,
}

impl VehicleRow {
    /// May it be found and booked?
    #[must_use]
    pub const fn is_active(&self) -> bool {
        match self.status {
            Status::Active => true,
            Status::Inactive => false,
        }
    }
}

impl ReadModel for Vehicles {
    const NAME: &'static str = "vehicles";
    const VERSION: u32 = 1;
    type Row = VehicleRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::uuid("owner").indexed(),
                Column::bool("active"),
                Column::bigint("lat_e7").nullable().indexed(),
                Column::bigint("lng_e7").nullable(),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Vehicle(_)) {
            own_key(event)
        } else if matches!(event.event, Event::Vehcal(_)) {
            // A calendar's stream shares the vehicle's UUID.
            vec![format!("{}-{}", vehicle::Vehicle::KIND, event.stream().id())]
        } else {
            Vec::new()
        }
    }

    fn apply(_key: &str, row: Option<VehicleRow>, event: &Known) -> Result<Option<VehicleRow>, Poison> {
        if let Event::Vehcal(happened) = &event.event {
            return change(row, event, |row| row.calendar = std::mem::take(&mut row.calendar).evolve(happened));
        }
        let Event::Vehicle(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            vehicle::Event::VehicleRegistered { .. } => begin(row, event, registered(happened, event)?),
            vehicle::Event::VehicleGeocoded { location } => {
                change(row, event, |row| (row.location, row.geocode_failure) = (Some(*location), None))
            }
            vehicle::Event::VehicleGeocodeFailed { reason } => change(row, event, |row| row.geocode_failure = Some(reason.clone())),
            vehicle::Event::VehiclePhotoAttached { upload, content_type: _, sha256: _ } => {
                change(row, event, |row| row.images.push(*upload))
            }
            vehicle::Event::VehicleActivated {} => change(row, event, |row| row.status = Status::Active),
        }
    }

    fn index(_key: &str, row: &VehicleRow) -> Vec<Value> {
        let e7 = |value: fn(GeoPoint) -> i32| row.location.map(|point| i64::from(value(point))).into();
        vec![row.owner.into(), row.is_active().into(), e7(GeoPoint::lat_e7), e7(GeoPoint::lng_e7)]
    }

    fn streams(key: &str) -> Vec<String> {
        let id = key.split_once('-').map_or("", |(_, id)| id);
        vec![key.to_owned(), format!("{}-{id}", VehicleCalendar::KIND)]
    }
}

fn registered(happened: &vehicle::Event, event: &Known) -> Result<VehicleRow, Poison> {
    let vehicle::Event::VehicleRegistered {
        owner,
        license_plate,
        make,
        model,
        year,
        color,
        fuel_type,
        transmission,
        hourly_rate,
        location_address,
        location,
        time_zone,
        description,
    } = happened
    else {
        return Err(foreign(event));
    };
    Ok(VehicleRow {
        id: own_id(event)?,
        owner: *owner,
        license_plate: license_plate.clone(),
        make: make.clone(),
        model: model.clone(),
        year: *year,
        color: color.clone(),
        fuel_type: *fuel_type,
        transmission: *transmission,
        hourly_rate: *hourly_rate,
        location_address: location_address.clone(),
        location: *location,
        geocode_failure: None,
        time_zone: time_zone.clone(),
        description: description.clone(),
        status: Status::Inactive,
        images: Vec::new(),
        calendar: VehicleCalendar::default(),
        created_at: event.recorded.occurred_at,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use domain::upload::ContentType;
    use domain::vehcal;
    use uuid::Uuid;

    use super::*;
    use crate::models::testing::{History, at, id, period, registered_vehicle};

    fn calendar_of(vehicle: VehicleId) -> String {
        format!("vehcal-{}", vehicle.uuid())
    }

    #[test]
    fn two_streams_make_one_row() {
        let (vehicle, owner, upload, booking) = (id(1), id(2), id(3), id(4));
        let place = GeoPoint::new(375_665_000, 1_269_780_000).unwrap();
        let slot = period(600, 720);
        let attached = vehicle::Event::VehiclePhotoAttached { upload, content_type: ContentType::Png, sha256: "00".repeat(32) };
        let history = History::default()
            .on(vehicle, registered_vehicle(owner, None))
            .on(vehicle, Event::Vehicle(vehicle::Event::VehicleGeocodeFailed { reason: "no such street".into() }))
            .on(vehicle, Event::Vehicle(attached));
        let row = history.row::<Vehicles>(&vehicle.to_string()).unwrap();
        assert_eq!((row.geocode_failure.as_deref(), row.is_active(), &*row.images), (Some("no such street"), false, &[upload][..]));
        assert_eq!(Vehicles::index("", &row), [owner.into(), false.into(), Value::Null, Value::Null]);

        let history = history
            .on(vehicle, Event::Vehicle(vehicle::Event::VehicleGeocoded { location: place }))
            .on(vehicle, Event::Vehicle(vehicle::Event::VehicleActivated {}))
            .on(calendar_of(vehicle), Event::Vehcal(vehcal::Event::SlotHeld { booking, period: slot, occupied: slot }))
            .on(calendar_of(vehicle), Event::Vehcal(vehcal::Event::PeriodBlocked { block: Uuid::nil(), period: slot, reason: None }));
        let row = history.row::<Vehicles>(&vehicle.to_string()).unwrap();
        assert_eq!((row.id, row.created_at, row.geocode_failure.as_deref()), (vehicle, at(1), None));
        assert_eq!((row.calendar.slots[&booking].period, row.calendar.blocks[&Uuid::nil()]), (slot, slot));
        assert_eq!(Vehicles::index("", &row), [owner.into(), true.into(), Value::BigInt(375_665_000), Value::BigInt(1_269_780_000)]);

        let history = history.on(calendar_of(vehicle), Event::Vehcal(vehcal::Event::SlotReleased { booking }));
        assert!(history.row::<Vehicles>(&vehicle.to_string()).unwrap().calendar.slots.is_empty());
        assert_eq!(history.rows::<Vehicles>().len(), 1);
    }

    #[test]
    fn a_calendar_without_its_vehicle_is_a_poison() {
        let policy = Event::Vehcal(vehcal::Event::BookingPolicySet { policy: vehcal::BookingPolicy::default() });
        assert!(History::default().on(calendar_of(id(1)), policy).is_poison::<Vehicles>());
    }
}
