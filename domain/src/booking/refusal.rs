//! Why a booking says no.

use kernel::{MoneyError, Refused};

/// One variant per rule (domain.md §4, BOOKING).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such booking, or not the caller's.
    #[error("no such booking")]
    NotFound,
    /// The state does not allow it.
    #[error("not possible in the booking's present state")]
    WrongState,
    /// Not at this time.
    #[error("not at this time")]
    NotNow,
    /// Too late to approve.
    #[error("the time to approve is over")]
    TooLateToApprove,
    /// The price is not what the guest was shown.
    #[error("the price has changed")]
    PriceChanged,
    /// The expected total is in another currency.
    #[error("the expected total is in another currency")]
    WrongCurrency,
    /// Wrong phase or time for a photo, or too many.
    #[error("no photo can be attached now")]
    NoPhotoNow,
    /// Unpaid, too early, or pickup photos are missing.
    #[error("the trip cannot start yet")]
    CannotStart,
    /// Lower than at pickup.
    #[error("the odometer runs backwards")]
    OdometerBackwards,
    /// A reading that no instrument shows.
    #[error("{0} is out of range")]
    BadReading(&'static str),
    /// The amount leaves the range of money.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotFound => Refused::at("BOOKING001", &["bookingId"]),
            Self::WrongState => Refused::code("BOOKING004"),
            Self::NotNow => Refused::code("BOOKING006"),
            Self::TooLateToApprove => Refused::code("BOOKING008"),
            Self::PriceChanged => Refused::at("BOOKING010", &["expectedTotal"]),
            Self::WrongCurrency => Refused::at("SYS003", &["expectedTotal", "currency"]),
            Self::NoPhotoNow => Refused::at("BOOKING011", &["phase"]),
            Self::CannotStart => Refused::code("BOOKING012"),
            Self::OdometerBackwards => Refused::at("BOOKING013", &["odometerKm"]),
            Self::BadReading(field) => Refused::at("SYS003", &[field]),
            Self::Money(_) => Refused::code("SYS003"),
        }
    }
}
