//! Half-open periods of time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A period `[start, end)` that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Period {
    start: Timestamp,
    end: Timestamp,
}

impl Period {
    /// The period from `start` up to, but not at, `end`; `None` when that is empty or runs backwards.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Its first instant.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The first instant after it.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// Length in whole seconds, rounded up.
    #[must_use]
    pub fn seconds_up(&self) -> i64 {
        let micros = self.end.as_microsecond() - self.start.as_microsecond();
        micros.div_euclid(1_000_000) + i64::from(micros.rem_euclid(1_000_000) != 0)
    }

    /// Do the two share an instant? Periods that only touch do not.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Does `other` lie wholly inside?
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The period widened by so many minutes on either side (saturating at the ends of time).
    #[must_use]
    pub fn widened(&self, before_minutes: u32, after_minutes: u32) -> Self {
        let minutes = |m: u32| jiff::SignedDuration::from_mins(i64::from(m));
        Self {
            start: self.start.checked_sub(minutes(before_minutes)).unwrap_or(Timestamp::MIN),
            end: self.end.checked_add(minutes(after_minutes)).unwrap_or(Timestamp::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(start: i64, end: i64) -> Option<Period> {
        Period::new(Timestamp::from_second(start).ok()?, Timestamp::from_second(end).ok()?)
    }

    #[test]
    fn empty_and_backward_periods_do_not_exist() {
        assert!(period(5, 5).is_none() && period(5, 4).is_none() && period(4, 5).is_some());
    }

    #[test]
    fn touching_is_not_overlapping() {
        let (a, b, c) = (period(0, 10), period(10, 20), period(9, 11));
        assert!(a.zip(b).is_some_and(|(a, b)| !a.overlaps(&b) && !b.overlaps(&a)));
        assert!(a.zip(c).is_some_and(|(a, c)| a.overlaps(&c) && c.overlaps(&a)));
    }
}
