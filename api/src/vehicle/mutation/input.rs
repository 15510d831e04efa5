//! The inputs of vehicle mutations.

use super::{
    DateTime, Enum, ExecuteError, FuelType, GeoPointInput, ID, InputObject, LocalTime, MoneyInput, Policy, PolicyChange, RegisterVehicle,
    RequestPhotoUpload, Transmission, WindowInput, id, invalid, vehicle_id,
};
use commands::upload::Announced;
use domain::vehicle::Refusal;
use kernel::Refusal as _;

/// The zone of vehicles whose owners name none.
const DEFAULT_ZONE: &str = "Asia/Seoul";

/// How much a cancelling guest gets back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CancellationPolicy {
    /// At least 1 hour before the start everything, later half.
    Flexible,
    /// At least 24 hours before the start, or within 30 minutes of paying, everything; later half.
    Standard,
    /// At least 7 days before the start everything, at least 48 hours half, later nothing.
    Strict,
}

/// A car to be listed.
#[derive(InputObject)]
pub struct RegisterVehicleInput {
    /// Makes retries harmless.
    pub idempotency_key: Option<String>,
    /// The licence plate, 1 to 20 letters and digits; unique.
    pub license_plate: String,
    /// The maker, at most 50 characters.
    pub make: String,
    /// The model, at most 50 characters.
    pub model: String,
    /// The year of manufacture.
    pub year: i32,
    /// The colour, at most 30 characters.
    pub color: Option<String>,
    /// What moves it.
    pub fuel_type: Option<FuelType>,
    /// Who changes gears.
    pub transmission: Option<Transmission>,
    /// What an hour costs, in won.
    pub hourly_rate: MoneyInput,
    /// Where it is picked up, in words.
    pub location_address: String,
    /// Where that is; looked up when left out.
    pub location: Option<GeoPointInput>,
    /// The IANA zone in which its calendar is meant.
    #[graphql(default_with = "Some(DEFAULT_ZONE.to_owned())")]
    pub time_zone: Option<String>,
    /// For guests, at most 2,000 characters.
    pub description: Option<String>,
    /// Echoed in the answer.
    pub client_mutation_id: Option<String>,
}

impl RegisterVehicleInput {
    pub(super) fn command(&self) -> Result<RegisterVehicle, ExecuteError> {
        let location = match &self.location {
            None => None,
            Some(given) => {
                let point = given.point(&["location"]).map_err(invalid)?;
                let kept = domain::geo::GeoPoint::parse(&point.lat.to_string(), &point.lng.to_string());
                Some(kept.map_err(|_| invalid(Refusal::BadLocation.refused()))?)
            }
        };
        Ok(RegisterVehicle {
            license_plate: self.license_plate.clone(),
            make: self.make.clone(),
            model: self.model.clone(),
            year: self.year,
            color: self.color.clone(),
            fuel_type: self.fuel_type.map(FuelType::stored),
            transmission: self.transmission.map(Transmission::stored),
            hourly_rate: self.hourly_rate.money(&["hourlyRate"]).map_err(invalid)?,
            location_address: self.location_address.clone(),
            location,
            time_zone: self.time_zone.clone().unwrap_or_else(|| DEFAULT_ZONE.to_owned()),
            description: self.description.clone(),
        })
    }
}

/// A photo that is to be uploaded, of a vehicle, a booking or yourself.
#[derive(InputObject)]
pub struct RequestPhotoUploadInput {
    /// Makes retries harmless.
    pub idempotency_key: Option<String>,
    /// The vehicle that it shows.
    pub vehicle_id: Option<ID>,
    /// The booking whose trip it shows.
    pub booking_id: Option<ID>,
    /// It shows you, or a paper of your business.
    #[graphql(default_with = "Some(false)")]
    pub of_myself: Option<bool>,
    /// The media type: `image/jpeg`, `image/png` or `image/webp`.
    pub content_type: String,
    /// Size in bytes, at most 10 MiB.
    pub bytes: i32,
    /// SHA-256 of the bytes, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Echoed in the answer.
    pub client_mutation_id: Option<String>,
}

impl RequestPhotoUploadInput {
    /// What is announced, when it is of the caller alone.
    pub(super) fn own(&self) -> Option<Announced> {
        let own = self.of_myself == Some(true) && self.vehicle_id.is_none() && self.booking_id.is_none();
        own.then(|| Announced { content_type: self.content_type.clone(), bytes: self.bytes.into(), sha256: self.sha256.clone() })
    }

    pub(super) fn command(&self) -> Result<RequestPhotoUpload, ExecuteError> {
        if self.of_myself == Some(true) {
            return Err(invalid(kernel::Refused::at(crate::errors::MALFORMED, &["ofMyself"])));
        }
        Ok(RequestPhotoUpload {
            vehicle_id: self.vehicle_id.as_ref().map(vehicle_id).transpose()?,
            booking_id: self.booking_id.as_ref().map(|given| id(given, "BOOKING001", "bookingId")).transpose()?,
            content_type: self.content_type.clone(),
            bytes: self.bytes.into(),
            sha256: self.sha256.clone(),
        })
    }
}

/// A photo of a vehicle.
#[derive(InputObject)]
pub struct AttachVehiclePhotoInput {
    /// Makes retries harmless.
    pub idempotency_key: Option<String>,
    /// Which vehicle.
    pub vehicle_id: ID,
    /// The upload that holds its bytes.
    pub upload_id: ID,
    /// Echoed in the answer.
    pub client_mutation_id: Option<String>,
}

/// A vehicle to be opened for bookings.
#[derive(InputObject)]
pub struct ActivateVehicleInput {
    /// Makes retries harmless.
    pub idempotency_key: Option<String>,
    /// Which vehicle.
    pub vehicle_id: ID,
    /// Echoed in the answer.
    pub client_mutation_id: Option<String>,
}

/// A weekly opening in the vehicle's own wall time; without times, the whole day.
#[derive(InputObject)]
pub struct WeeklyWindowInput {
    /// The day, 0 = Sunday to 6 = Saturday.
    pub day_of_week: i32,
    /// Opens at.
    pub start_time: Option<LocalTime>,
    /// Closes at; "00:00" is midnight at the day's end, earlier than the start is the next day.
    pub end_time: Option<LocalTime>,
}

impl WeeklyWindowInput {
    pub(super) fn stored(&self) -> WindowInput {
        WindowInput {
            // A day that no week has stays one, and is refused as such.
            day: u8::try_from(self.day_of_week).unwrap_or(u8::MAX),
            start: self.start_time.map(LocalTime::minutes),
            end: self.end_time.map(LocalTime::minutes),
        }
    }
}

/// All weekly openings of a vehicle.
#[derive(InputObject)]
pub struct SetWeeklyAvailabilityInput {
    /// Makes retries harmless.
    pub idempotency_key: Option<String>,
    /// Which vehicle.
    pub vehicle_id: ID,
    /// All of them; none: always open.
    pub windows: Vec<WeeklyWindowInput>,
    /// Echoed in the answer.
    pub client_mutation_id: Option<String>,
}

/// A period to be closed.
#[derive(InputObject)]
pub struct BlockPeriodInput {
    /// Makes retries harmless.
    pub idempotency_key: Option<String>,
    /// Which vehicle.
    pub vehicle_id: ID,
    /// From.
    pub starts_at: DateTime,
    /// Up to.
    pub ends_at: DateTime,
    /// Why, for yourself.
    pub reason: Option<String>,
    /// Echoed in the answer.
    pub client_mutation_id: Option<String>,
}

/// What an owner asks of bookings.
#[derive(InputObject)]
pub struct SetBookingPolicyInput {
    /// Makes retries harmless.
    pub idempotency_key: Option<String>,
    /// Which vehicle.
    pub vehicle_id: ID,
    /// Approve requests at once.
    pub instant_book: Option<bool>,
    /// Least minutes between request and start.
    pub min_notice_minutes: Option<i32>,
    /// Furthest start, in days from now.
    pub max_advance_days: Option<i32>,
    /// Shortest rental.
    pub min_duration_minutes: Option<i32>,
    /// Longest rental.
    pub max_duration_minutes: Option<i32>,
    /// Kept free before each rental.
    pub buffer_before_minutes: Option<i32>,
    /// Kept free after each rental.
    pub buffer_after_minutes: Option<i32>,
    /// What cancelling guests get back.
    pub cancellation_policy: Option<CancellationPolicy>,
    /// Let no trip start without pickup photos.
    pub require_pickup_photos: Option<bool>,
    /// Echoed in the answer.
    pub client_mutation_id: Option<String>,
}

impl SetBookingPolicyInput {
    pub(super) fn change(&self) -> PolicyChange {
        PolicyChange {
            instant_book: self.instant_book,
            min_notice_minutes: self.min_notice_minutes,
            max_advance_days: self.max_advance_days,
            min_duration_minutes: self.min_duration_minutes,
            max_duration_minutes: self.max_duration_minutes,
            buffer_before_minutes: self.buffer_before_minutes,
            buffer_after_minutes: self.buffer_after_minutes,
            cancellation: self.cancellation_policy.map(|policy| match policy {
                CancellationPolicy::Flexible => Policy::Flexible,
                CancellationPolicy::Standard => Policy::Standard,
                CancellationPolicy::Strict => Policy::Strict,
            }),
            require_pickup_photos: self.require_pickup_photos,
        }
    }
}
