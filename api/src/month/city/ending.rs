//! Bookings end: called off, not made use of, or by a trip.

use kernel::Timestamp;

use super::{City, Deal, Task, Who};
use crate::month::audit::{Ended, window};
use crate::month::driver::{AnyError, Driver, Office};
use crate::month::plan::later;
use crate::month::report::Kind;
use crate::month::story::Story;

/// A return so much before the end is early, and so much after it is late, in minutes.
const EARLY_BY: i64 = 15;
const LATE_BY: i64 = 30;
/// Whoever does not find the car tries again after so many minutes.
const TRY_AGAIN: i64 = 20;
const HOUR: i64 = 60;

impl<D: Driver> City<'_, D> {
    pub(super) async fn cancel(&mut self, at: Timestamp, number: usize, who: Who) -> Result<(), AnyError> {
        let Deal { booking, guest, host, paid_at, span: (start, _), story, .. } = self.deals[number];
        let by = match who {
            Who::Guest => guest,
            Who::Host => host,
            Who::Admin => self.driver.office(Office::Admin).await?,
        };
        if let Err(no) = self.driver.cancel(by, booking).await? {
            self.surprise("cancel", &no);
            return Ok(());
        }
        let policy = self.stalls[self.deals[number].stall].car.policy.cancellation;
        self.tally.count(match (who, paid_at) {
            (Who::Guest, Some(paid)) => Kind::ByGuest(policy.into(), window(policy, start, paid, at)),
            (Who::Host, Some(_)) => Kind::ByHost,
            (Who::Admin, _) => Kind::ByAdmin,
            (Who::Guest, None) if story == Story::Withdrawn => Kind::Withdrawn,
            (Who::Guest, None) => Kind::UnpaidByGuest,
            (Who::Host, None) => Kind::UnpaidByHost,
        });
        self.deals[number].ended = Some(if who == Who::Guest { Ended::ByGuest(at) } else { Ended::ByOthers });
        self.over(number);
        Ok(())
    }

    pub(super) async fn report_no_show(&mut self, number: usize) -> Result<(), AnyError> {
        let Deal { booking, host, .. } = self.deals[number];
        match self.driver.report_no_show(host, booking).await? {
            Ok(()) => {
                self.tally.count(Kind::NoShow);
                self.deals[number].ended = Some(Ended::NoShow);
                self.over(number);
            }
            Err(no) => self.surprise("report a no-show", &no),
        }
        Ok(())
    }

    pub(super) async fn start_trip(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        let Deal { booking, guest, host, span: (start, end), story, .. } = self.deals[number];
        let by = if self.rng.chance(50) { guest } else { host };
        match self.driver.start_trip(by, booking).await? {
            Err(no) if no.0 == "BOOKING015" => {
                self.tally.count(Kind::NotBack);
                self.later(later(at, TRY_AGAIN), Task::Start(number));
            }
            Err(no) => self.surprise("start a trip", &no),
            Ok(()) => {
                self.tally.count(Kind::TripStarted);
                let back = match story {
                    Story::EarlyTrip => {
                        let third = later(start, (end.as_second() - start.as_second()) / 180);
                        self.between(third, later(end, -EARLY_BY - 5))
                    }
                    Story::LateTrip => later(end, self.rng.between(LATE_BY + 5, 150)),
                    _ => later(end, self.rng.between(-EARLY_BY + 1, LATE_BY - 2)),
                };
                self.later(back.max(later(at, 10)), Task::End(number));
            }
        }
        Ok(())
    }

    pub(super) async fn end_trip(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        let Deal { booking, guest, host, span: (_, end), story, .. } = self.deals[number];
        let by = if self.rng.chance(50) { guest } else { host };
        if let Err(no) = self.driver.end_trip(by, booking).await? {
            self.surprise("end a trip", &no);
            return Ok(());
        }
        self.tally.count(if at < later(end, -EARLY_BY) {
            Kind::Early
        } else if at > later(end, LATE_BY) {
            Kind::LateReturn
        } else {
            Kind::OnTime
        });
        self.deals[number].returned = true;
        self.over(number);
        let gives_back =
            matches!(story, Story::PartAfter | Story::BigPart | Story::TooMuchBack | Story::RefundRefused | Story::RefundUnknown);
        if gives_back {
            let when = later(at, self.rng.between(HOUR, 48 * HOUR));
            self.later(when, Task::Refund(number));
        }
        Ok(())
    }
}
