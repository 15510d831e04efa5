//! What the month knows of its cars by itself: what is taken when, and what a rental costs. Nothing here asks Daybook.

use domain::ids::VehicleId;
use kernel::Timestamp;
use kernel::jiff::SignedDuration;

use super::driver::{Car, Span};

/// Seoul has kept one offset since 1988.
const SEOUL_OFFSET_S: i64 = 9 * 3_600;
const DAY_S: i64 = 86_400;
/// A rental is paid for by started increments of so many minutes.
const INCREMENT_MIN: i64 = 10;

/// A car of the month on the market.
#[derive(Clone, Debug)]
pub struct Stall {
    /// The car.
    pub car: Car,
    /// Its id.
    pub vehicle: VehicleId,
    /// Closed periods.
    pub blocks: Vec<Span>,
    /// What was ever taken of it.
    pub lots: Vec<Lot>,
}

/// A stretch of time that a booking has or had.
#[derive(Clone, Copy, Debug)]
pub struct Lot {
    /// Which deal.
    pub deal: usize,
    /// The rental.
    pub span: Span,
    /// With its buffers.
    pub occupied: Span,
    /// As far as is known.
    pub live: bool,
}

/// Do two half-open stretches have an instant in common?
#[must_use]
pub fn overlap(a: Span, b: Span) -> bool {
    a.0 < b.1 && b.0 < a.1
}

impl Stall {
    /// The stretch with the time that is kept free around it.
    #[must_use]
    pub fn occupied(&self, span: Span) -> Span {
        let minutes = |n: u32| SignedDuration::from_mins(i64::from(n));
        let policy = &self.car.policy;
        (
            span.0.checked_sub(minutes(policy.buffer_before)).unwrap_or(Timestamp::MIN),
            span.1.checked_add(minutes(policy.buffer_after)).unwrap_or(Timestamp::MAX),
        )
    }

    /// Live lots that keep others from a stretch.
    pub fn against(&self, span: Span) -> impl Iterator<Item = &Lot> {
        let occupied = self.occupied(span);
        self.lots.iter().filter(move |lot| lot.live && overlap(lot.occupied, occupied))
    }

    /// Is the car open all the time?
    #[must_use]
    pub fn is_open(&self, span: Span) -> bool {
        !self.blocks.iter().any(|block| overlap(*block, span)) && self.car.hours.is_none_or(|hours| within(hours, span))
    }

    /// Can it be had?
    #[must_use]
    pub fn is_free(&self, span: Span) -> bool {
        self.is_open(span) && self.against(span).next().is_none()
    }

    /// The price of a stretch in won: the hourly rate by started increments, rounded up once.
    #[must_use]
    pub fn price_won(&self, span: Span) -> i128 {
        let seconds = span.1.as_second() - span.0.as_second();
        let increments = i128::from(seconds).div_ceil_of(i128::from(INCREMENT_MIN * 60));
        (self.car.rate_won * increments * i128::from(INCREMENT_MIN)).div_ceil_of(60)
    }
}

/// Within one day's opening hours?
fn within(hours: (u16, u16), span: Span) -> bool {
    let local = |at: Timestamp| at.as_second() + SEOUL_OFFSET_S;
    let (from, to) = (local(span.0), local(span.1));
    let midnight = from.div_euclid(DAY_S) * DAY_S;
    from - midnight >= i64::from(hours.0) * 60 && to - midnight <= i64::from(hours.1) * 60
}

/// The first full ten minutes at or after an instant.
#[must_use]
pub fn on_the_ten(at: Timestamp) -> Timestamp {
    let step = INCREMENT_MIN * 60;
    let second = (at.as_second() + step - 1).div_euclid(step) * step;
    Timestamp::from_second(second).unwrap_or(at)
}

/// Division of amounts, both positive.
pub(super) trait Rounding {
    /// Rounded up.
    fn div_ceil_of(self, divisor: Self) -> Self;
    /// Rounded half up.
    fn div_half_up(self, divisor: Self) -> Self;
}

impl Rounding for i128 {
    fn div_ceil_of(self, divisor: Self) -> Self {
        (self + divisor - 1).div_euclid(divisor)
    }

    fn div_half_up(self, divisor: Self) -> Self {
        (2 * self + divisor).div_euclid(2 * divisor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64, minute: i64) -> Timestamp {
        // Midnight in Seoul.
        let midnight = 1_788_188_400;
        Timestamp::from_second(midnight + hour * 3_600 + minute * 60).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn opening_hours_are_those_of_one_day_in_seoul() {
        let hours = (7 * 60, 22 * 60);
        for (from, to, open) in [(7, 22, true), (6, 8, false), (20, 23, false), (21, 32, false), (31, 40, true)] {
            assert_eq!(within(hours, (at(from, 0), at(to, 0))), open, "{from} to {to}");
        }
    }

    #[test]
    fn rounding_is_as_the_price_list_says() {
        assert_eq!((7_i128.div_ceil_of(2), 6_i128.div_ceil_of(2)), (4, 3));
        assert_eq!((5_i128.div_half_up(10), 4_i128.div_half_up(10), 15_i128.div_half_up(10)), (1, 0, 2));
        assert_eq!(on_the_ten(at(1, 1)), at(1, 10));
        assert_eq!(on_the_ten(at(1, 10)), at(1, 10));
    }
}
