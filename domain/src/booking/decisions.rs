//! Decisions of [`Booking`], one function per intent.

use kernel::jiff::SignedDuration;
use kernel::{Money, Personal, Timestamp};

use super::{
    Booking, EARLY_PICKUP, Event, HostPenalty, LATE_GRACE, LEAST_LEAD, MAX_ODOMETER_KM, MAX_PHOTOS, NO_SHOW_AFTER, PHOTO_MARGIN, Photo,
    PhotoPhase, Refusal, Terms,
};
use crate::cancellation::{self, CancelCause};
use crate::ids::{PaymentId, UserId};
use crate::sabotage::{Rule, broken};

/// Until when a request may be answered (domain.md §5): lead over 10 h → 8 h; 4 to 10 h → 2 h before the start; else half the lead.
#[must_use]
pub fn request_expiry(now: Timestamp, start: Timestamp) -> Timestamp {
    let hours = SignedDuration::from_hours;
    let lead = start.duration_since(now);
    let wait = if lead > hours(10) {
        hours(8)
    } else if lead >= hours(4) {
        lead - hours(2)
    } else {
        SignedDuration::from_micros(i64::try_from(lead.as_micros() / 2).unwrap_or(0))
    };
    now.checked_add(wait).unwrap_or(start)
}

/// Until when an approved booking may be paid (domain.md §7): max(now + 10 min, min(now + 2 h, start − 30 min)).
#[must_use]
pub fn payment_due(now: Timestamp, start: Timestamp) -> Timestamp {
    let after = |minutes| now.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(start);
    let before_start = start.checked_sub(SignedDuration::from_mins(30)).unwrap_or(now);
    after(10).max(after(120).min(before_start))
}

impl Booking {
    /// What was agreed, unless there is no such booking.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Absent => None,
            Self::Pending { terms, .. }
            | Self::Approved { terms, .. }
            | Self::Confirmed { terms, .. }
            | Self::Active { terms, .. }
            | Self::Completed { terms, .. }
            | Self::Rejected { terms }
            | Self::Cancelled { terms, .. } => Some(terms),
        }
    }

    /// The payment that belongs to it, once it was approved.
    #[must_use]
    pub const fn payment(&self) -> Option<PaymentId> {
        match self {
            Self::Absent | Self::Pending { .. } | Self::Rejected { .. } => None,
            Self::Approved { payment, .. }
            | Self::Confirmed { payment, .. }
            | Self::Active { payment, .. }
            | Self::Completed { payment, .. } => Some(*payment),
            Self::Cancelled { payment, .. } => *payment,
        }
    }

    /// Does it occupy its slot (D3)?
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Pending { .. } | Self::Approved { .. } | Self::Confirmed { .. } | Self::Active { .. })
    }

    pub(super) const fn wrong_state(&self) -> Refusal {
        match self {
            Self::Absent => Refusal::NotFound,
            _ => Refusal::WrongState,
        }
    }

    pub(super) fn request(
        &self,
        terms: Box<Terms>,
        message: Option<Personal<String>>,
        expected_total: Option<Money>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        if !matches!(self, Self::Absent) {
            return Err(Refusal::WrongState);
        }
        if let Some(expected) = expected_total {
            if expected.currency() != terms.price.total.currency() {
                return Err(Refusal::WrongCurrency);
            }
            if expected != terms.price.total {
                return Err(Refusal::PriceChanged);
            }
        }
        let start = terms.period.start();
        Ok(vec![Event::BookingRequested { expires_at: request_expiry(now, start), terms, message }])
    }

    pub(super) fn approve(
        &self,
        payment: PaymentId,
        response: Option<Personal<String>>,
        auto: bool,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let Self::Pending { terms, expires_at } = self else { return Err(self.wrong_state()) };
        let start = terms.period.start();
        // The timer may be late, the rule is not (D4).
        let expired = now >= *expires_at && !auto && !broken(Rule::Expiry);
        if expired || start.duration_since(now) < LEAST_LEAD {
            return Err(Refusal::TooLateToApprove);
        }
        Ok(vec![Event::BookingApproved { payment, payment_due_at: payment_due(now, start), response, auto }])
    }

    pub(super) fn expire(&self, now: Timestamp) -> Vec<Event> {
        match self {
            Self::Pending { terms, expires_at } if now >= *expires_at => vec![cancelled(CancelCause::Expired, terms)],
            _ => Vec::new(),
        }
    }

    pub(super) fn lapse(&self, now: Timestamp) -> Vec<Event> {
        match self {
            Self::Approved { terms, due_at, .. } if now >= *due_at => vec![cancelled(CancelCause::PaymentLapsed, terms)],
            _ => Vec::new(),
        }
    }

    pub(super) fn cancel(&self, cause: CancelCause, by: UserId, reason: Personal<String>, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        // Who may end it from where is the state graph's (domain.md §3.3): a host answers a request by rejecting it.
        let (terms, refund) = match (self, cause) {
            (Self::Pending { terms, .. }, CancelCause::Guest) | (Self::Approved { terms, .. }, CancelCause::Guest | CancelCause::Host) => {
                (terms, terms.price.total.with_minor(0))
            }
            (Self::Confirmed { terms, paid_at, .. }, CancelCause::Guest | CancelCause::Host | CancelCause::Admin) => {
                let start = terms.period.start();
                (terms, cancellation::refund(terms.cancellation, cause, terms.price.total, start, *paid_at, now)?)
            }
            (Self::Pending { .. } | Self::Approved { .. } | Self::Confirmed { .. }, _)
            | (Self::Absent | Self::Active { .. } | Self::Completed { .. } | Self::Rejected { .. } | Self::Cancelled { .. }, _) => {
                return Err(self.wrong_state());
            }
        };
        let lead = terms.period.start().duration_since(now);
        let host_penalty = (cause == CancelCause::Host)
            .then(|| if lead > SignedDuration::from_hours(48) { HostPenalty::Low } else { HostPenalty::Double });
        Ok(vec![Event::BookingCancelled { cause, by: Some(by), reason: Some(reason), refund, host_penalty }])
    }

    pub(super) fn report_no_show(&self, by: UserId, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let Self::Confirmed { terms, paid_at, .. } = self else { return Err(self.wrong_state()) };
        let start = terms.period.start();
        if now.duration_since(start) < NO_SHOW_AFTER {
            return Err(Refusal::NotNow);
        }
        let cause = CancelCause::NoShow;
        let refund = cancellation::refund(terms.cancellation, cause, terms.price.total, start, *paid_at, now)?;
        Ok(vec![Event::BookingCancelled { cause, by: Some(by), reason: None, refund, host_penalty: None }])
    }

    pub(super) fn attach_photo(&self, phase: PhotoPhase, photo: Photo, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let terms = self.terms().ok_or(Refusal::NotFound)?;
        let event = match (self, phase) {
            (Self::Confirmed { pickup_photos, .. }, PhotoPhase::Pickup)
                if *pickup_photos < MAX_PHOTOS && terms.period.start().duration_since(now) <= PHOTO_MARGIN =>
            {
                Event::PickupPhotoAttached { photo }
            }
            (Self::Active { return_photos, .. }, PhotoPhase::Return) if *return_photos < MAX_PHOTOS => Event::ReturnPhotoAttached { photo },
            (Self::Completed { completed_at, return_photos, .. }, PhotoPhase::Return)
                if *return_photos < MAX_PHOTOS && now.duration_since(*completed_at) <= PHOTO_MARGIN =>
            {
                Event::ReturnPhotoAttached { photo }
            }
            _ => return Err(Refusal::NoPhotoNow),
        };
        Ok(vec![event])
    }

    pub(super) fn start_trip(&self, odometer_km: u32, fuel_percent: Option<u8>, by: UserId, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        check_readings(odometer_km, fuel_percent)?;
        let (terms, pickup_photos) = match self {
            Self::Confirmed { terms, pickup_photos, .. } => (terms, *pickup_photos),
            Self::Approved { .. } => return Err(Refusal::CannotStart),
            _ => return Err(self.wrong_state()),
        };
        let too_early = terms.period.start().duration_since(now) > EARLY_PICKUP;
        let over = now >= terms.period.end();
        if too_early || over || (terms.require_pickup_photos && pickup_photos == 0) {
            return Err(Refusal::CannotStart);
        }
        Ok(vec![Event::TripStarted { odometer_km, fuel_percent, by }])
    }

    pub(super) fn end_trip(&self, odometer_km: u32, fuel_percent: Option<u8>, by: UserId, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        check_readings(odometer_km, fuel_percent)?;
        let Self::Active { terms, odometer_km: at_pickup, .. } = self else { return Err(self.wrong_state()) };
        if odometer_km < *at_pickup {
            return Err(Refusal::OdometerBackwards);
        }
        let late = now.duration_since(terms.period.end());
        let late_minutes = if late > LATE_GRACE { u32::try_from(late.as_mins()).unwrap_or(u32::MAX) } else { 0 };
        Ok(vec![Event::TripEnded { odometer_km, fuel_percent, late_minutes, by }, Event::BookingCompleted { completed_at: now }])
    }
}

fn cancelled(cause: CancelCause, terms: &Terms) -> Event {
    Event::BookingCancelled { cause, by: None, reason: None, refund: terms.price.total.with_minor(0), host_penalty: None }
}

fn check_readings(odometer_km: u32, fuel_percent: Option<u8>) -> Result<(), Refusal> {
    if odometer_km > MAX_ODOMETER_KM {
        return Err(Refusal::BadReading("odometerKm"));
    }
    if fuel_percent.is_some_and(|percent| percent > 100) {
        return Err(Refusal::BadReading("fuelPercent"));
    }
    Ok(())
}
