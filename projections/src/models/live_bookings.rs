//! Bookings that are not over, kept hot: where each stands, and for whom it waits.

use domain::booking;
use domain::ids::UserId;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::bookings::BookingStatus;
use super::{begin, change, existing, foreign, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per booking that is not over; the key is the booking's id. Whose row is missing is over or does not exist: the table of
/// [`super::Bookings`] knows.
#[derive(Debug)]
pub struct LiveBookings;

/// Where a booking stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveBookingRow {
    /// As clients see it.
    pub status: BookingStatus,
    /// Was it paid?
    pub confirmed: bool,
    /// Who rents.
    pub guest: UserId,
    /// Whose vehicle it is.
    pub host: UserId,
    /// Business time of the last change of its status.
    pub changed_at: Timestamp,
}

impl LiveBookingRow {
    /// Who has to do something next: the host answers a request, the guest pays what was approved.
    #[must_use]
    pub const fn waits_for(&self) -> Option<UserId> {
        match self.status {
            BookingStatus::Pending => Some(self.host),
            BookingStatus::Approved if !self.confirmed => Some(self.guest),
            BookingStatus::Approved
            | BookingStatus::Rejected
            | BookingStatus::Active
            | BookingStatus::Completed
            | BookingStatus::Cancelled => None,
        }
    }
}

impl ReadModel for LiveBookings {
    const NAME: &'static str = "live_bookings";
    const VERSION: u32 = 1;
    type Row = LiveBookingRow;

    fn columns() -> &'static [Column] {
        const { &[Column::uuid("guest").indexed(), Column::uuid("host").indexed(), Column::uuid("waits_for").nullable().indexed()] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Booking(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<LiveBookingRow>, event: &Known) -> Result<Option<LiveBookingRow>, Poison> {
        let Event::Booking(happened) = &event.event else { return Err(foreign(event)) };
        let at = event.recorded.occurred_at;
        let stands = |row: &mut LiveBookingRow, status| (row.status, row.changed_at) = (status, at);
        match happened {
            booking::Event::BookingRequested { terms, message: _, expires_at: _ } => {
                let (guest, host) = (terms.guest, terms.host);
                begin(row, event, LiveBookingRow { status: BookingStatus::Pending, confirmed: false, guest, host, changed_at: at })
            }
            booking::Event::BookingApproved { .. } => change(row, event, |row| stands(row, BookingStatus::Approved)),
            booking::Event::BookingConfirmed { .. } => change(row, event, |row| (row.confirmed, row.changed_at) = (true, at)),
            booking::Event::TripStarted { .. } => change(row, event, |row| stands(row, BookingStatus::Active)),
            booking::Event::BookingRejected { .. } | booking::Event::BookingCancelled { .. } | booking::Event::BookingCompleted { .. } => {
                existing(row, event).map(|_| None)
            }
            // Photos may come after the end.
            booking::Event::PickupPhotoAttached { .. } | booking::Event::ReturnPhotoAttached { .. } | booking::Event::TripEnded { .. } => {
                Ok(row)
            }
        }
    }

    fn index(_key: &str, row: &LiveBookingRow) -> Vec<Value> {
        vec![row.guest.into(), row.host.into(), row.waits_for().into()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use booking::Event as E;
    use domain::cancellation::CancelCause;
    use domain::ids::BookingId;

    use super::*;
    use crate::models::testing::{History, at, id, person, terms, won};

    fn after(events: impl IntoIterator<Item = E>) -> Option<LiveBookingRow> {
        let booking: BookingId = id(1);
        let begun = E::BookingRequested { terms: Box::new(terms()), message: None, expires_at: at(480) };
        let history = History::default().on(booking, Event::Booking(begun));
        let history = events.into_iter().fold(history, |history, event| history.on(booking, Event::Booking(event)));
        history.row::<LiveBookings>(&booking.to_string())
    }

    fn approved() -> E {
        E::BookingApproved { payment: id(7), payment_due_at: at(120), response: None, auto: false }
    }

    #[test]
    fn a_booking_waits_for_its_host_then_for_its_guest_then_for_nobody() {
        let (guest, host) = (terms().guest, terms().host);
        let row = after([]).unwrap();
        assert_eq!((row.status, row.waits_for(), row.changed_at), (BookingStatus::Pending, Some(host), at(1)));
        let row = after([approved()]).unwrap();
        assert_eq!((row.status, row.waits_for(), row.changed_at), (BookingStatus::Approved, Some(guest), at(2)));
        let paid = E::BookingConfirmed { payment: id(7), paid_at: at(2) };
        let row = after([approved(), paid.clone()]).unwrap();
        assert_eq!((row.status, row.waits_for(), row.changed_at), (BookingStatus::Approved, None, at(3)));
        let started = E::TripStarted { odometer_km: 1, fuel_percent: None, by: guest };
        assert_eq!(after([approved(), paid, started]).unwrap().status, BookingStatus::Active);
    }

    #[test]
    fn what_is_over_has_no_row_and_photos_after_it_bring_none_back() {
        let cause = CancelCause::PaymentLapsed;
        let cancelled = E::BookingCancelled { cause, by: None, reason: None, refund: won(0), host_penalty: None };
        let photo = booking::Event::ReturnPhotoAttached {
            photo: booking::Photo { upload: id(9), sha256: "00".repeat(32), taken_at: None, by: terms().guest },
        };
        assert_eq!(after([E::BookingRejected { response: person(terms().host, "sorry") }]), None);
        assert_eq!(after([approved(), cancelled, photo]), None);
        let booking: BookingId = id(1);
        assert!(History::default().on(booking, Event::Booking(approved())).is_poison::<LiveBookings>());
    }
}
