//! A host lists a car: it starts inactive and may be activated once it has a photo and a place and its owner proved their
//! e-mail address (K12). Its calendar is a stream of its own (`vehcal-…`), its plate a claim ([`crate::claim`]).
//! The place comes with the registration or from the geocoder afterwards (K31); the listing is public, the plate is not.
//!
//! ```text
//! Absent ── register ──▶ Inactive ⟲ geocode, attach photo ── activate ──▶ Active
//! ```

use kernel::{At, Currency, Decider, DomainEvent, Fact, Money, Personal, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::geo::{GeoPoint, ZoneName};
use crate::ids::{UploadId, UserId, user_of};
use crate::text::{self, Plate};
use crate::upload::ContentType;

/// Longest make or model, in characters (VEH-01).
pub const MAX_NAME_CHARS: usize = 50;
/// Longest colour, in characters (VEH-01).
pub const MAX_COLOR_CHARS: usize = 30;
/// Longest address, in characters.
pub const MAX_ADDRESS_CHARS: usize = 200;
/// Longest description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 2_000;
/// Longest reason that the geocoder may give, in characters; a longer one is cut.
pub const MAX_REASON_CHARS: usize = 200;
/// No car for rent is older.
pub const MIN_YEAR: i16 = 1950;
/// The highest hourly rate, in won.
pub const MAX_HOURLY_RATE_WON: i128 = 100_000_000;
/// Photos of one vehicle.
pub const MAX_PHOTOS: usize = 20;

/// What moves the car (VEH-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FuelType {
    /// Petrol.
    Gasoline,
    /// Diesel.
    Diesel,
    /// Battery.
    Electric,
    /// Both.
    Hybrid,
}

/// Who changes gears (VEH-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transmission {
    /// The driver.
    Manual,
    /// The car.
    Automatic,
}

/// May the car be booked (VEH-03)?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not yet, or not any more.
    Inactive,
    /// Yes.
    Active,
}

// --- events -------------------------------------------------------------------------------------------------

/// What happened to a vehicle.
#[expect(clippy::large_enum_variant, reason = "the payload is stored flat, and a registration is decoded one at a time")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A host listed a car; nobody sees it yet.
    VehicleRegistered {
        /// Whose it is; that never changes.
        owner: UserId,
        /// As written; unique by its claim stream.
        license_plate: Personal<String>,
        /// Maker.
        make: String,
        /// Model.
        model: String,
        /// Of manufacture.
        year: i16,
        /// Colour.
        color: Option<String>,
        /// What moves it.
        fuel_type: Option<FuelType>,
        /// Who changes gears.
        transmission: Option<Transmission>,
        /// Price of one hour.
        hourly_rate: Money,
        /// Where it is picked up, in words.
        location_address: String,
        /// Where that is, if the host said so.
        location: Option<GeoPoint>,
        /// The zone in which its calendar is meant.
        time_zone: ZoneName,
        /// In the host's words.
        description: Option<String>,
    },
    /// The geocoder found the address.
    VehicleGeocoded {
        /// Where it is.
        location: GeoPoint,
    },
    /// The geocoder did not find the address.
    VehicleGeocodeFailed {
        /// In the geocoder's words.
        reason: String,
    },
    /// A photo was added behind the others.
    VehiclePhotoAttached {
        /// The upload that holds its bytes.
        upload: UploadId,
        /// Its format.
        content_type: ContentType,
        /// Digest of its bytes, 64 lower-case hexadecimal digits.
        sha256: String,
    },
    /// It may be found and booked.
    VehicleActivated {},
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::VehicleRegistered { .. } => "VehicleRegistered",
            Self::VehicleGeocoded { .. } => "VehicleGeocoded",
            Self::VehicleGeocodeFailed { .. } => "VehicleGeocodeFailed",
            Self::VehiclePhotoAttached { .. } => "VehiclePhotoAttached",
            Self::VehicleActivated {} => "VehicleActivated",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

/// A vehicle, as far as decisions go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Vehicle {
    /// No such vehicle.
    #[default]
    Absent,
    /// A listed car.
    Listed(Listing),
}

/// What decisions need to know of a car.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Whose it is.
    pub owner: UserId,
    /// May it be booked?
    pub status: Status,
    /// Price of one hour.
    pub hourly_rate: Money,
    /// The zone in which its calendar is meant.
    pub time_zone: ZoneName,
    /// Where it is, if known.
    pub location: Option<GeoPoint>,
    /// Its photos by their uploads, at most [`MAX_PHOTOS`].
    pub photos: Vec<UploadId>,
}

impl Vehicle {
    /// The car, if there is one.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub const fn listing(&self) -> Result<&Listing, Refusal> {
        match self {
            Self::Absent => Err(Refusal::Unknown),
            Self::Listed(listing) => Ok(listing),
        }
    }

    /// The car, for its owner. An active listing is public, so to others it is forbidden; one that is not, they do not know.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] or [`Refusal::NotOwner`], in this order.
    pub fn listing_of(&self, user: Option<UserId>) -> Result<&Listing, Refusal> {
        let listing = self.listing()?;
        match user == Some(listing.owner) {
            true => Ok(listing),
            false if listing.is_active() => Err(Refusal::NotOwner),
            false => Err(Refusal::Unknown),
        }
    }
}

impl Listing {
    /// May it be found and booked?
    #[must_use]
    pub const fn is_active(&self) -> bool {
        match self.status {
            Status::Active => true,
            Status::Inactive => false,
        }
    }
}

// --- commands -----------------------------------------------------------------------------------------------

/// What may be asked of a vehicle.
#[derive(Clone, Debug)]
pub enum Command {
    /// List a car; the signed-in user owns it.
    Register(Box<Registration>),
    /// Keep what the geocoder found.
    Geocode {
        /// Where it is.
        location: GeoPoint,
    },
    /// Keep that the geocoder found nothing.
    FailGeocoding {
        /// In the geocoder's words.
        reason: String,
    },
    /// Add a photo; its upload is used in the same append.
    AttachPhoto {
        /// The upload.
        upload: UploadId,
        /// Its format.
        content_type: ContentType,
        /// Its digest.
        sha256: String,
    },
    /// Let it be found and booked.
    Activate {
        /// Did the owner prove their e-mail address?
        owner_verified: bool,
    },
}

mod refusal;
mod registration;
pub use refusal::Refusal;
pub use registration::Registration;

// --- rules --------------------------------------------------------------------------------------------------

impl Decider for Vehicle {
    const KIND: &'static str = "vehicle";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let user = user_of(&at.actor);
        match at.command {
            Command::Register(car) => match self {
                Self::Absent => register(user.ok_or(Refusal::NotOwner)?, *car, latest_year(at.now)),
                Self::Listed(_) => Err(Refusal::Exists),
            },
            // Whoever came first, owner or geocoder, has said where the car is.
            Command::Geocode { location } => {
                Ok(if self.listing()?.location.is_some() { vec![] } else { vec![Event::VehicleGeocoded { location }] })
            }
            Command::FailGeocoding { reason } => {
                let reason = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON_CHARS).collect();
                Ok(if self.listing()?.location.is_some() { vec![] } else { vec![Event::VehicleGeocodeFailed { reason }] })
            }
            Command::AttachPhoto { upload, content_type, sha256 } => {
                let listing = self.listing_of(user)?;
                if listing.photos.contains(&upload) {
                    return Ok(vec![]);
                }
                if listing.photos.len() >= MAX_PHOTOS {
                    return Err(Refusal::TooManyPhotos);
                }
                Ok(vec![Event::VehiclePhotoAttached { upload, content_type, sha256 }])
            }
            Command::Activate { owner_verified } => activate(self.listing_of(user)?, owner_verified),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        let listing = match (self, event) {
            (_, Event::VehicleRegistered { owner, hourly_rate, location, time_zone, .. }) => Listing {
                owner: *owner,
                status: Status::Inactive,
                hourly_rate: *hourly_rate,
                time_zone: time_zone.clone(),
                location: *location,
                photos: Vec::new(),
            },
            (Self::Listed(listing), Event::VehicleGeocoded { location }) => Listing { location: Some(*location), ..listing },
            (Self::Listed(listing), Event::VehicleGeocodeFailed { .. }) => listing,
            (Self::Listed(mut listing), Event::VehiclePhotoAttached { upload, .. }) => {
                listing.photos.push(*upload);
                listing
            }
            (Self::Listed(listing), Event::VehicleActivated {}) => Listing { status: Status::Active, ..listing },
            (
                Self::Absent,
                Event::VehicleGeocoded { .. }
                | Event::VehicleGeocodeFailed { .. }
                | Event::VehiclePhotoAttached { .. }
                | Event::VehicleActivated {},
            ) => return Self::Absent,
        };
        Self::Listed(listing)
    }
}

/// Next year's models are sold this year.
fn latest_year(now: kernel::Timestamp) -> i16 {
    now.to_zoned(kernel::jiff::tz::TimeZone::UTC).year().saturating_add(1)
}

/// A rate in another currency is malformed (SYS003); the other rules are VEH002, in the order of the input.
fn register(owner: UserId, car: Registration, latest_year: i16) -> Result<Vec<Event>, Refusal> {
    if car.hourly_rate.currency() != Currency::Krw {
        return Err(Refusal::RateCurrency);
    }
    let plate = Plate::parse(&car.license_plate).map_err(|_| Refusal::BadPlate)?;
    let line = |field: &'static str, value: &str, max| text::line(value, max).map_err(|_| Refusal::BadText(field));
    let make = line("make", &car.make, MAX_NAME_CHARS)?;
    let model = line("model", &car.model, MAX_NAME_CHARS)?;
    let year = i16::try_from(car.year).ok().filter(|y| (MIN_YEAR..=latest_year).contains(y)).ok_or(Refusal::BadYear)?;
    let color = car.color.as_deref().map(|color| line("color", color, MAX_COLOR_CHARS)).transpose()?;
    if !(1..=MAX_HOURLY_RATE_WON).contains(&car.hourly_rate.minor()) {
        return Err(Refusal::BadRate);
    }
    let location_address = line("locationAddress", &car.location_address, MAX_ADDRESS_CHARS)?;
    let description = match car.description.as_deref().map(|words| text::note(words, MAX_DESCRIPTION_CHARS)) {
        None | Some(Err(text::TextError::Empty)) => None,
        Some(words) => Some(words.map_err(|_| Refusal::BadText("description"))?),
    };
    Ok(vec![Event::VehicleRegistered {
        owner,
        license_plate: Personal::profile(owner.uuid(), plate.shown().to_owned()),
        make,
        model,
        year,
        color,
        fuel_type: car.fuel_type,
        transmission: car.transmission,
        hourly_rate: car.hourly_rate,
        location_address,
        location: car.location,
        time_zone: car.time_zone,
        description,
    }])
}

fn activate(listing: &Listing, owner_verified: bool) -> Result<Vec<Event>, Refusal> {
    if listing.is_active() {
        return Ok(vec![]);
    }
    if listing.photos.is_empty() {
        return Err(Refusal::NoPhoto);
    }
    if listing.location.is_none() {
        return Err(Refusal::NoLocation);
    }
    if owner_verified { Ok(vec![Event::VehicleActivated {}]) } else { Err(Refusal::OwnerNotVerified) }
}

#[cfg(test)]
mod tests;
