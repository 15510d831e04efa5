//! Rentals from request to return: the source of `Booking` and `myBookings`.

use std::fmt;

use domain::booking::{self, HostPenalty, Photo, Terms};
use domain::cancellation::CancelCause;
use domain::ids::{BookingId, PaymentId, UserId};
use kernel::{Money, Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per booking; the key is the booking's id.
#[derive(Debug)]
pub struct Bookings;

/// Where a booking stands, as clients see it (K1): a confirmed one is approved, with the time of its confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingStatus {
    /// Waiting for the host.
    Pending,
    /// Waiting for the payment, or paid.
    Approved,
    /// Declined.
    Rejected,
    /// The vehicle is out.
    Active,
    /// Over.
    Completed,
    /// Ended before a trip.
    Cancelled,
}

impl BookingStatus {
    /// The value of the column `status`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::Active => "ACTIVE",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl fmt::Display for BookingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a booking ended before a trip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Why.
    pub cause: CancelCause,
    /// By whom, when by a person.
    pub by: Option<UserId>,
    /// In their words.
    pub reason: Option<Personal<String>>,
    /// What the guest gets back.
    pub refund: Money,
    /// Set when the host cancelled.
    pub host_penalty: Option<HostPenalty>,
    /// Business time.
    pub at: Timestamp,
}

/// The vehicle changes hands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handover {
    /// Odometer.
    pub odometer_km: u32,
    /// Fuel or charge, 0 to 100.
    pub fuel_percent: Option<u8>,
    /// Who reported it.
    pub by: UserId,
    /// Business time.
    pub at: Timestamp,
}

/// A rental as its parties see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookingRow {
    /// Which booking.
    pub id: BookingId,
    /// What guest and host agreed on: vehicle, parties, period, price.
    pub terms: Terms,
    /// Where it stands.
    pub status: BookingStatus,
    /// The guest's words.
    pub guest_message: Option<Personal<String>>,
    /// The host's words.
    pub host_response: Option<Personal<String>>,
    /// Approved by policy, not by a person.
    pub auto_approved: bool,
    /// How it ended, if before a trip.
    pub cancellation: Option<Cancellation>,
    /// What is to be paid, once approved.
    pub payment: Option<PaymentId>,
    /// End of the payment window, once approved.
    pub payment_due_at: Option<Timestamp>,
    /// Unanswered until then, it expires.
    pub expires_at: Timestamp,
    /// When its payment arrived, by the business clock.
    pub confirmed_at: Option<Timestamp>,
    /// Photos before the trip.
    pub pickup_photos: Vec<Photo>,
    /// Photos after the trip.
    pub return_photos: Vec<Photo>,
    /// How the vehicle left.
    pub trip_start: Option<Handover>,
    /// How the vehicle came back.
    pub trip_end: Option<Handover>,
    /// Whole minutes past the end and its grace, once the vehicle is back; 0 when on time.
    pub late_minutes: Option<u32>,
    /// When it was over.
    pub completed_at: Option<Timestamp>,
    /// Business time of the request.
    pub created_at: Timestamp,
}

impl BookingRow {
    /// Was it ever paid?
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed_at.is_some()
    }
}

impl ReadModel for Bookings {
    const NAME: &'static str = "bookings";
    const VERSION: u32 = 2;
    type Row = BookingRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::uuid("guest").listed_by("created_at"),
                Column::uuid("host").listed_by("created_at"),
                Column::text("status"),
                Column::timestamp("starts_at"),
                Column::timestamp("created_at"),
                Column::uuid("vehicle"),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Booking(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<BookingRow>, event: &Known) -> Result<Option<BookingRow>, Poison> {
        let Event::Booking(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            booking::Event::BookingRequested { terms, message, expires_at } => {
                let requested = requested(own_id(event)?, terms, message.as_ref(), *expires_at, event.recorded.occurred_at);
                begin(row, event, requested)
            }
            booking::Event::BookingApproved { .. }
            | booking::Event::BookingRejected { .. }
            | booking::Event::BookingConfirmed { .. }
            | booking::Event::BookingCancelled { .. }
            | booking::Event::PickupPhotoAttached { .. }
            | booking::Event::ReturnPhotoAttached { .. }
            | booking::Event::TripStarted { .. }
            | booking::Event::TripEnded { .. }
            | booking::Event::BookingCompleted { .. } => change(row, event, |row| row.advance(happened, event.recorded.occurred_at)),
        }
    }

    fn index(_key: &str, row: &BookingRow) -> Vec<Value> {
        let Terms { vehicle, guest, host, period, .. } = &row.terms;
        vec![(*guest).into(), (*host).into(), row.status.name().into(), period.start().into(), row.created_at.into(), (*vehicle).into()]
    }
}

fn requested(id: BookingId, terms: &Terms, message: Option<&Personal<String>>, expires_at: Timestamp, at: Timestamp) -> BookingRow {
    BookingRow {
        id,
        terms: terms.clone(),
        status: BookingStatus::Pending,
        guest_message: message.cloned(),
        host_response: None,
        auto_approved: false,
        cancellation: None,
        payment: None,
        payment_due_at: None,
        expires_at,
        confirmed_at: None,
        pickup_photos: Vec::new(),
        return_photos: Vec::new(),
        trip_start: None,
        trip_end: None,
        late_minutes: None,
        completed_at: None,
        created_at: at,
    }
}

impl BookingRow {
    fn advance(&mut self, happened: &booking::Event, at: Timestamp) {
        match happened {
            // It begins a row and changes none.
            booking::Event::BookingRequested { .. } => {}
            booking::Event::BookingApproved { payment, payment_due_at, response, auto } => {
                self.status = BookingStatus::Approved;
                (self.payment, self.payment_due_at) = (Some(*payment), Some(*payment_due_at));
                (self.host_response, self.auto_approved) = (response.clone(), *auto);
            }
            booking::Event::BookingRejected { response } => {
                self.status = BookingStatus::Rejected;
                self.host_response = Some(response.clone());
            }
            booking::Event::BookingConfirmed { payment: _, paid_at: _ } => self.confirmed_at = Some(at),
            booking::Event::BookingCancelled { cause, by, reason, refund, host_penalty } => {
                self.status = BookingStatus::Cancelled;
                let (reason, host_penalty) = (reason.clone(), *host_penalty);
                self.cancellation = Some(Cancellation { cause: *cause, by: *by, reason, refund: *refund, host_penalty, at });
            }
            booking::Event::PickupPhotoAttached { photo } => self.pickup_photos.push(photo.clone()),
            booking::Event::ReturnPhotoAttached { photo } => self.return_photos.push(photo.clone()),
            booking::Event::TripStarted { odometer_km, fuel_percent, by } => {
                self.status = BookingStatus::Active;
                self.trip_start = Some(Handover { odometer_km: *odometer_km, fuel_percent: *fuel_percent, by: *by, at });
            }
            booking::Event::TripEnded { odometer_km, fuel_percent, late_minutes, by } => {
                self.trip_end = Some(Handover { odometer_km: *odometer_km, fuel_percent: *fuel_percent, by: *by, at });
                self.late_minutes = Some(*late_minutes);
            }
            booking::Event::BookingCompleted { completed_at } => {
                self.status = BookingStatus::Completed;
                self.completed_at = Some(*completed_at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use booking::Event as E;

    use super::*;
    use crate::models::testing::{History, at, id, person, terms, won};

    fn after(events: impl IntoIterator<Item = E>) -> BookingRow {
        let booking: BookingId = id(1);
        let begun = E::BookingRequested { terms: Box::new(terms()), message: Some(person(terms().guest, "hello")), expires_at: at(480) };
        let history = History::default().on(booking, Event::Booking(begun));
        let history = events.into_iter().fold(history, |history, event| history.on(booking, Event::Booking(event)));
        history.row::<Bookings>(&booking.to_string()).unwrap()
    }

    fn approved() -> E {
        E::BookingApproved { payment: id(7), payment_due_at: at(120), response: Some(person(terms().host, "welcome")), auto: false }
    }

    fn confirmed() -> E {
        E::BookingConfirmed { payment: id(7), paid_at: at(2) }
    }

    #[test]
    fn from_request_to_return() {
        let (guest, host) = (terms().guest, terms().host);
        let photo = Photo { upload: id(9), sha256: "00".repeat(32), taken_at: None, by: guest };
        let row = after([
            approved(),
            confirmed(),
            E::PickupPhotoAttached { photo: photo.clone() },
            E::TripStarted { odometer_km: 10, fuel_percent: Some(80), by: guest },
            E::TripEnded { odometer_km: 60, fuel_percent: None, late_minutes: 45, by: host },
            E::BookingCompleted { completed_at: at(7) },
            E::ReturnPhotoAttached { photo: photo.clone() },
        ]);
        assert_eq!((row.status, row.completed_at, row.late_minutes), (BookingStatus::Completed, Some(at(7)), Some(45)));
        assert_eq!((row.trip_start.as_ref().map(|t| t.odometer_km), row.trip_end.as_ref().map(|t| t.by)), (Some(10), Some(host)));
        assert_eq!((&*row.pickup_photos, &*row.return_photos), (&[photo.clone()][..], &[photo][..]));
        assert_eq!((row.payment, row.payment_due_at, row.created_at), (Some(id(7)), Some(at(120)), at(1)));
        let starts_at = terms().period.start();
        let expected: [Value; 6] = [guest.into(), host.into(), "COMPLETED".into(), starts_at.into(), at(1).into(), terms().vehicle.into()];
        assert_eq!(Bookings::index("", &row), expected);
    }

    #[test]
    fn a_confirmed_booking_shows_as_approved() {
        let row = after([approved()]);
        assert_eq!((row.status, row.is_confirmed()), (BookingStatus::Approved, false));
        let row = after([approved(), confirmed()]);
        assert_eq!((row.status, row.confirmed_at), (BookingStatus::Approved, Some(at(3))));
    }

    #[test]
    fn ends_without_a_trip() {
        let row = after([E::BookingRejected { response: person(terms().host, "sorry") }]);
        assert_eq!((row.status, row.host_response.is_some(), row.cancellation), (BookingStatus::Rejected, true, None));
        let cause = CancelCause::PaymentLapsed;
        let row = after([approved(), E::BookingCancelled { cause, by: None, reason: None, refund: won(0), host_penalty: None }]);
        assert_eq!((row.status, row.cancellation.map(|c| (c.cause, c.at))), (BookingStatus::Cancelled, Some((cause, at(3)))));
    }

    #[test]
    fn names_are_those_of_storage() {
        use BookingStatus::{Active, Approved, Cancelled, Completed, Pending, Rejected};
        for status in [Pending, Approved, Rejected, Active, Completed, Cancelled] {
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
    }

    #[test]
    fn an_answer_to_nothing_is_a_poison() {
        let booking: BookingId = id(1);
        assert!(History::default().on(booking, Event::Booking(approved())).is_poison::<Bookings>());
    }
}
