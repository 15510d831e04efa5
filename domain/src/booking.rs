//! One rental, from request to return (domain.md §3.3, K1).
//!
//! ```text
//! Pending → Approved → Confirmed → Active → Completed
//! Pending → Rejected | Cancelled;  Approved → Cancelled;  Confirmed → Cancelled
//! ```
//! A booking's own events never post money: its payment's stream does, in the same append.

use kernel::jiff::SignedDuration;
use kernel::{At, Decider, DomainEvent, Fact, Money, Personal, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

mod refusal;
mod terms;

use crate::cancellation::CancelCause;
use crate::ids::{PaymentId, UploadId, UserId};
use crate::vehcal::{EARLY_PICKUP, LEAST_LEAD};
pub use refusal::Refusal;
pub use terms::Terms;

/// A guest counts as absent so long after the start (domain.md §7).
pub const NO_SHOW_AFTER: SignedDuration = SignedDuration::from_mins(30);
/// Photos are taken no earlier than this before the start and no later than this after the end (domain.md §5).
pub const PHOTO_MARGIN: SignedDuration = SignedDuration::from_hours(24);
/// A return this late is still on time.
pub const LATE_GRACE: SignedDuration = SignedDuration::from_mins(30);
/// More photos of one phase than this are refused.
pub const MAX_PHOTOS: usize = 20;
/// No odometer shows more.
pub const MAX_ODOMETER_KM: u32 = 9_999_999;

/// When a photo of the vehicle was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhotoPhase {
    /// Before the trip.
    Pickup,
    /// After the trip.
    Return,
}

/// A photo of the vehicle, append-only and hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// The upload that holds its bytes.
    pub upload: UploadId,
    /// Of the bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// As its maker says.
    pub taken_at: Option<Timestamp>,
    /// Who attached it.
    pub by: UserId,
}

/// How hard a cancellation by the host counts against them (domain.md §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostPenalty {
    /// More than 48 h ahead.
    Low,
    /// Less than 48 h ahead.
    Double,
}

/// What happened to a booking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A guest asked for a slot; price and policies are frozen.
    BookingRequested {
        /// Everything that was agreed.
        terms: Box<Terms>,
        /// The guest's words.
        message: Option<Personal<String>>,
        /// Unanswered until then, it expires.
        expires_at: Timestamp,
    },
    /// The host agreed, or instant booking did.
    BookingApproved {
        /// What is to be paid, and by when it is due.
        payment: PaymentId,
        /// End of the payment window.
        payment_due_at: Timestamp,
        /// The host's words.
        response: Option<Personal<String>>,
        /// Approved by policy, not by a person.
        auto: bool,
    },
    /// The host declined.
    BookingRejected {
        /// The host's words.
        response: Personal<String>,
    },
    /// The payment arrived.
    BookingConfirmed {
        /// Which payment.
        payment: PaymentId,
        /// When it was captured.
        paid_at: Timestamp,
    },
    /// The booking ended before a trip.
    BookingCancelled {
        /// Why.
        cause: CancelCause,
        /// By whom, when by a person.
        by: Option<UserId>,
        /// In their words.
        reason: Option<Personal<String>>,
        /// What the guest gets back.
        refund: Money,
        /// Set when the host cancelled.
        host_penalty: Option<HostPenalty>,
    },
    /// A photo before the trip.
    PickupPhotoAttached {
        /// The photo.
        photo: Photo,
    },
    /// A photo after the trip.
    ReturnPhotoAttached {
        /// The photo.
        photo: Photo,
    },
    /// The vehicle left.
    TripStarted {
        /// Odometer at pickup.
        odometer_km: u32,
        /// Fuel or charge at pickup, 0 to 100.
        fuel_percent: Option<u8>,
        /// Who handed it over or took it.
        by: UserId,
    },
    /// The vehicle is back.
    TripEnded {
        /// Odometer at return.
        odometer_km: u32,
        /// Fuel or charge at return, 0 to 100.
        fuel_percent: Option<u8>,
        /// Whole minutes past the end, counted only once the grace is over; 0 when on time.
        late_minutes: u32,
        /// Who took it back or returned it.
        by: UserId,
    },
    /// The rental is over; the host has earned their share.
    BookingCompleted {
        /// When.
        completed_at: Timestamp,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::BookingRequested { .. } => "BookingRequested",
            Self::BookingApproved { .. } => "BookingApproved",
            Self::BookingRejected { .. } => "BookingRejected",
            Self::BookingConfirmed { .. } => "BookingConfirmed",
            Self::BookingCancelled { .. } => "BookingCancelled",
            Self::PickupPhotoAttached { .. } => "PickupPhotoAttached",
            Self::ReturnPhotoAttached { .. } => "ReturnPhotoAttached",
            Self::TripStarted { .. } => "TripStarted",
            Self::TripEnded { .. } => "TripEnded",
            Self::BookingCompleted { .. } => "BookingCompleted",
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

/// Where a booking stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Booking {
    /// No such booking.
    #[default]
    Absent,
    /// Waiting for the host.
    Pending {
        /// What was agreed.
        terms: Box<Terms>,
        /// Until when.
        expires_at: Timestamp,
    },
    /// Waiting for the payment.
    Approved {
        /// What was agreed.
        terms: Box<Terms>,
        /// The payment to be made.
        payment: PaymentId,
        /// Until when.
        due_at: Timestamp,
    },
    /// Paid; the trip is ahead.
    Confirmed {
        /// What was agreed.
        terms: Box<Terms>,
        /// The payment that was made.
        payment: PaymentId,
        /// When it was captured.
        paid_at: Timestamp,
        /// Photos before the trip so far.
        pickup_photos: usize,
    },
    /// The vehicle is out.
    Active {
        /// What was agreed.
        terms: Box<Terms>,
        /// The payment that was made.
        payment: PaymentId,
        /// Odometer at pickup.
        odometer_km: u32,
        /// Photos after the trip so far.
        return_photos: usize,
    },
    /// Over.
    Completed {
        /// What was agreed.
        terms: Box<Terms>,
        /// The payment that was made.
        payment: PaymentId,
        /// When it ended.
        completed_at: Timestamp,
        /// Photos after the trip so far.
        return_photos: usize,
    },
    /// Declined.
    Rejected {
        /// What was asked for.
        terms: Box<Terms>,
    },
    /// Ended before a trip.
    Cancelled {
        /// What was agreed.
        terms: Box<Terms>,
        /// The payment, if it had come to one.
        payment: Option<PaymentId>,
        /// Why.
        cause: CancelCause,
    },
}

/// What may be asked of a booking.
#[derive(Clone, Debug)]
pub enum Command {
    /// Ask for a slot (BKG-03).
    Request {
        /// Everything that is to be agreed, priced.
        terms: Box<Terms>,
        /// The guest's words.
        message: Option<Personal<String>>,
        /// The total that the guest was shown.
        expected_total: Option<Money>,
    },
    /// Agree (BKG-05); `auto` for instant booking.
    Approve {
        /// The payment to be made.
        payment: PaymentId,
        /// The host's words.
        response: Option<Personal<String>>,
        /// By policy, not by a person.
        auto: bool,
    },
    /// Decline (BKG-06).
    Reject {
        /// The host's words.
        response: Personal<String>,
    },
    /// Nobody answered in time.
    Expire,
    /// Nobody paid in time.
    Lapse,
    /// The payment arrived.
    Confirm {
        /// When it was captured.
        paid_at: Timestamp,
    },
    /// End it before a trip (BKG-07).
    Cancel {
        /// Guest, host or administrator.
        cause: CancelCause,
        /// By whom.
        by: UserId,
        /// In their words.
        reason: Personal<String>,
    },
    /// The guest did not come.
    ReportNoShow {
        /// The host.
        by: UserId,
    },
    /// Add a photo (BKG-08).
    AttachPhoto {
        /// Before or after the trip.
        phase: PhotoPhase,
        /// The photo.
        photo: Photo,
    },
    /// The vehicle leaves.
    StartTrip {
        /// Odometer at pickup.
        odometer_km: u32,
        /// 0 to 100.
        fuel_percent: Option<u8>,
        /// Guest or host.
        by: UserId,
    },
    /// The vehicle is back.
    EndTrip {
        /// Odometer at return.
        odometer_km: u32,
        /// 0 to 100.
        fuel_percent: Option<u8>,
        /// Guest or host.
        by: UserId,
    },
}

impl Decider for Booking {
    const KIND: &'static str = "booking";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let now = at.now;
        match at.command {
            Command::Request { terms, message, expected_total } => self.request(terms, message, expected_total, now),
            Command::Approve { payment, response, auto } => self.approve(payment, response, auto, now),
            Command::Reject { response } => match self {
                Self::Pending { .. } => Ok(vec![Event::BookingRejected { response }]),
                _ => Err(self.wrong_state()),
            },
            Command::Expire => Ok(self.expire(now)),
            Command::Lapse => Ok(self.lapse(now)),
            Command::Confirm { paid_at } => Ok(match self {
                Self::Approved { payment, .. } => vec![Event::BookingConfirmed { payment: *payment, paid_at }],
                // Late money: nothing revives.
                _ => Vec::new(),
            }),
            Command::Cancel { cause, by, reason } => self.cancel(cause, by, reason, now),
            Command::ReportNoShow { by } => self.report_no_show(by, now),
            Command::AttachPhoto { phase, photo } => self.attach_photo(phase, photo, now),
            Command::StartTrip { odometer_km, fuel_percent, by } => self.start_trip(odometer_km, fuel_percent, by, now),
            Command::EndTrip { odometer_km, fuel_percent, by } => self.end_trip(odometer_km, fuel_percent, by, now),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (Self::Absent, Event::BookingRequested { terms, expires_at, .. }) => {
                Self::Pending { terms: terms.clone(), expires_at: *expires_at }
            }
            (Self::Pending { terms, .. }, Event::BookingApproved { payment, payment_due_at, .. }) => {
                Self::Approved { terms, payment: *payment, due_at: *payment_due_at }
            }
            (Self::Pending { terms, .. }, Event::BookingRejected { .. }) => Self::Rejected { terms },
            (Self::Approved { terms, payment, .. }, Event::BookingConfirmed { paid_at, .. }) => {
                Self::Confirmed { terms, payment, paid_at: *paid_at, pickup_photos: 0 }
            }
            (Self::Pending { terms, .. }, Event::BookingCancelled { cause, .. }) => Self::Cancelled { terms, payment: None, cause: *cause },
            (Self::Approved { terms, payment, .. } | Self::Confirmed { terms, payment, .. }, Event::BookingCancelled { cause, .. }) => {
                Self::Cancelled { terms, payment: Some(payment), cause: *cause }
            }
            (Self::Confirmed { terms, payment, paid_at, pickup_photos }, Event::PickupPhotoAttached { .. }) => {
                Self::Confirmed { terms, payment, paid_at, pickup_photos: pickup_photos + 1 }
            }
            (Self::Confirmed { terms, payment, .. }, Event::TripStarted { odometer_km, .. }) => {
                Self::Active { terms, payment, odometer_km: *odometer_km, return_photos: 0 }
            }
            (Self::Active { terms, payment, odometer_km, return_photos }, Event::ReturnPhotoAttached { .. }) => {
                Self::Active { terms, payment, odometer_km, return_photos: return_photos + 1 }
            }
            (Self::Active { terms, payment, return_photos, .. }, Event::BookingCompleted { completed_at }) => {
                Self::Completed { terms, payment, completed_at: *completed_at, return_photos }
            }
            (Self::Completed { terms, payment, completed_at, return_photos }, Event::ReturnPhotoAttached { .. }) => {
                Self::Completed { terms, payment, completed_at, return_photos: return_photos + 1 }
            }
            // TripEnded moves nothing, BookingCompleted beside it does; any other pair is no path of the state graph (D4).
            (state, _) => state,
        }
    }
}

pub mod decisions;

#[cfg(test)]
mod tests;
