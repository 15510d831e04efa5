//! Listing a car and opening it for bookings (VEH-09).

use domain::claim::{self, Claim};
use domain::geo::{GeoPoint, ZoneName};
use domain::ids::{UploadId, VehicleId, user_of};
use domain::text::Plate;
use domain::upload::{self, Target, Upload};
use domain::user::User;
use domain::vehicle::{self, FuelType, Registration, Transmission, Vehicle};
use eventlog::{ExecuteError, Executed};
use kernel::Money;
use serde::Serialize;

use crate::{Caller, Context};

/// Input of [`register_vehicle`]; texts as typed.
#[derive(Clone, Serialize)]
pub struct RegisterVehicle {
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
    /// Where that is, if the host says so.
    pub location: Option<GeoPoint>,
    /// IANA name of the zone in which its calendar is meant.
    pub time_zone: String,
    /// In the host's words.
    pub description: Option<String>,
}

/// Lists a car, inactive (VEH-06). The claim on the plate makes two registrations of it meet.
///
/// # Errors
/// SYS003 (time zone, currency), VEH001, VEH002; or the log's.
pub async fn register_vehicle(ctx: &Context, caller: &Caller, input: &RegisterVehicle) -> Result<Executed<VehicleId>, ExecuteError> {
    let id = VehicleId::new(ctx.ids.mint());
    ctx.execute("registerVehicle", caller, input, |s| async move {
        let time_zone = input.time_zone.parse().map_err(|_| vehicle::Refusal::BadTimeZone)?;
        // A plate that is none cannot be taken either; the vehicle itself refuses it below.
        if let Ok(plate) = Plate::parse(&input.license_plate) {
            let digest = ctx.keys.claim(claim::Kind::Plate.name(), plate.claimed());
            let mut claim = s.load::<Claim>(claim::Kind::Plate.stream_id(&digest)).await?;
            s.decide(&mut claim, claim::Command::ClaimPlate { vehicle: id })?;
        }
        let mut vehicle = s.fresh::<Vehicle>(id.uuid()).await?;
        s.decide(&mut vehicle, vehicle::Command::Register(Box::new(registration(input.clone(), time_zone))))?;
        Ok(id)
    })
    .await
}

fn registration(input: RegisterVehicle, time_zone: ZoneName) -> Registration {
    Registration {
        license_plate: input.license_plate,
        make: input.make,
        model: input.model,
        year: input.year,
        color: input.color,
        fuel_type: input.fuel_type,
        transmission: input.transmission,
        hourly_rate: input.hourly_rate,
        location_address: input.location_address,
        location: input.location,
        time_zone,
        description: input.description,
    }
}

/// Input of [`locate_vehicle`]: what the geocoder answered.
#[derive(Clone, Debug, Serialize)]
pub struct LocateVehicle {
    /// Which vehicle.
    pub vehicle_id: VehicleId,
    /// Where its address is, or in the geocoder's words why that is unknown.
    pub found: Result<GeoPoint, String>,
}

/// Keeps what the geocoder answered (K31); a place that is known already stays.
///
/// # Errors
/// SYS007; or the log's.
pub async fn locate_vehicle(ctx: &Context, caller: &Caller, input: &LocateVehicle) -> Result<Executed<VehicleId>, ExecuteError> {
    ctx.execute("locateVehicle", caller, input, |s| async move {
        let mut vehicle = s.load::<Vehicle>(input.vehicle_id.uuid()).await?;
        let command = match &input.found {
            Ok(location) => vehicle::Command::Geocode { location: *location },
            Err(reason) => vehicle::Command::FailGeocoding { reason: reason.clone() },
        };
        s.decide(&mut vehicle, command)?;
        Ok(input.vehicle_id)
    })
    .await
}

/// Input of [`attach_vehicle_photo`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AttachVehiclePhoto {
    /// To which vehicle.
    pub vehicle_id: VehicleId,
    /// The upload that holds the bytes.
    pub upload_id: UploadId,
}

/// Adds a photo to a listing and uses its upload up (VEH-10).
///
/// # Errors
/// SYS007, AUTH010, FILE001, VEH006; or the log's.
pub async fn attach_vehicle_photo(ctx: &Context, caller: &Caller, input: &AttachVehiclePhoto) -> Result<Executed<VehicleId>, ExecuteError> {
    ctx.execute("attachVehiclePhoto", caller, input, |s| async move {
        let user = user_of(s.actor());
        let mut vehicle = s.load::<Vehicle>(input.vehicle_id.uuid()).await?;
        vehicle.listing_of(user)?;
        let mut upload = s.load::<Upload>(input.upload_id.uuid()).await?;
        s.decide(&mut upload, upload::Command::Use { target: Target::Vehicle(input.vehicle_id) })?;
        let ticket = upload.ticket_of(user)?.clone();
        let attach = vehicle::Command::AttachPhoto { upload: input.upload_id, content_type: ticket.content_type, sha256: ticket.sha256 };
        s.decide(&mut vehicle, attach)?;
        Ok(input.vehicle_id)
    })
    .await
}

/// Input of [`activate_vehicle`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ActivateVehicle {
    /// Which vehicle.
    pub vehicle_id: VehicleId,
}

/// Lets a car be found and booked (VEH-09, K12).
///
/// # Errors
/// SYS007 (unknown, or another's that is not active), AUTH010, VEH004; or the log's.
pub async fn activate_vehicle(ctx: &Context, caller: &Caller, input: &ActivateVehicle) -> Result<Executed<VehicleId>, ExecuteError> {
    ctx.execute("activateVehicle", caller, input, |s| async move {
        let mut vehicle = s.load::<Vehicle>(input.vehicle_id.uuid()).await?;
        let owner = vehicle.listing_of(user_of(s.actor()))?.owner;
        let owner_verified = s.load::<User>(owner.uuid()).await?.is_verified();
        s.decide(&mut vehicle, vehicle::Command::Activate { owner_verified })?;
        Ok(input.vehicle_id)
    })
    .await
}

#[cfg(test)]
mod tests;
