//! Why a vehicle says no.

use kernel::Refused;

/// One variant per rule (domain.md §4, VEH).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such vehicle.
    #[error("no such vehicle")]
    Unknown,
    /// Another's vehicle.
    #[error("not the owner")]
    NotOwner,
    /// The id is in use.
    #[error("the vehicle exists already")]
    Exists,
    /// The text names no time zone.
    #[error("no IANA time zone")]
    BadTimeZone,
    /// The numbers are no point on Earth.
    #[error("no point on Earth")]
    BadLocation,
    /// Rates are in won.
    #[error("the hourly rate is not in won")]
    RateCurrency,
    /// Not 1 to 20 letters and digits.
    #[error("bad licence plate")]
    BadPlate,
    /// A text is empty, too long or holds forbidden characters.
    #[error("bad {0}")]
    BadText(&'static str),
    /// Before 1950 or after next year.
    #[error("bad year")]
    BadYear,
    /// Nothing, negative, or more than anybody pays.
    #[error("bad hourly rate")]
    BadRate,
    /// Not active without a photo.
    #[error("no photo")]
    NoPhoto,
    /// Not active without a place.
    #[error("no coordinates")]
    NoLocation,
    /// Not active before the owner proved their address.
    #[error("the owner's e-mail address is not verified")]
    OwnerNotVerified,
    /// Twenty photos are there.
    #[error("too many photos")]
    TooManyPhotos,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Unknown => Refused::at("SYS007", &["vehicleId"]),
            Self::NotOwner => Refused::code("AUTH010"),
            Self::Exists => Refused::code("SYS006"),
            Self::BadTimeZone => Refused::at("SYS003", &["timeZone"]),
            Self::BadLocation => Refused::at("SYS003", &["location"]),
            Self::RateCurrency => Refused::at("SYS003", &["hourlyRate", "currency"]),
            Self::BadPlate => Refused::at("VEH002", &["licensePlate"]),
            Self::BadText(field) => Refused::at("VEH002", &[field]),
            Self::BadYear => Refused::at("VEH002", &["year"]),
            Self::BadRate => Refused::at("VEH002", &["hourlyRate", "amount"]),
            Self::NoPhoto | Self::NoLocation | Self::OwnerNotVerified => Refused::code("VEH004"),
            Self::TooManyPhotos => Refused::code("VEH006"),
        }
    }
}
