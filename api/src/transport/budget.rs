//! What a caller's operations may cost in a minute: a bucket each, filled again steadily.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bucket is full again after this time.
const WINDOW: Duration = Duration::from_secs(60);
/// Callers that are remembered at once. Whoever comes when so many are at work is not counted.
const MAX_CALLERS: usize = 100_000;

/// The buckets of one server.
#[derive(Debug)]
pub struct Budget {
    points: u64,
    /// When each caller's bucket will be full; one that is full already needs no entry.
    full_at: Mutex<HashMap<String, Instant>>,
}

impl Budget {
    /// So many points a minute for each caller; at least one.
    #[must_use]
    pub fn new(points: u64) -> Self {
        Self { points: points.max(1), full_at: Mutex::default() }
    }

    /// Points a minute.
    #[must_use]
    pub const fn points(&self) -> u64 {
        self.points
    }

    /// Takes points out of a caller's bucket; answers what is left. An operation that costs more than a whole bucket takes it all.
    ///
    /// # Errors
    /// How long to wait until the bucket holds enough; nothing is taken then.
    pub fn spend(&self, caller: &str, price: u64, now: Instant) -> Result<u64, Duration> {
        let mut callers = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MAX_CALLERS {
            callers.retain(|_, full_at| *full_at > now);
        }
        let missing = callers.get(caller).map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now));
        let missing = missing + self.time(price.min(self.points));
        if missing > WINDOW {
            return Err(missing - WINDOW);
        }
        if callers.len() < MAX_CALLERS || callers.contains_key(caller) {
            callers.insert(caller.to_owned(), now + missing);
        }
        Ok(self.held(WINDOW - missing))
    }

    /// How long so many points take to come back.
    fn time(&self, points: u64) -> Duration {
        let ns = WINDOW.as_nanos() * u128::from(points) / u128::from(self.points);
        Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    /// How many points come back in this time.
    fn held(&self, time: Duration) -> u64 {
        let points = time.as_nanos() * u128::from(self.points) / WINDOW.as_nanos();
        u64::try_from(points).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (budget, start) = (Budget::new(60), Instant::now());
        assert_eq!(budget.spend("ann", 40, start), Ok(20));
        assert_eq!(budget.spend("ann", 30, start), Err(Duration::from_secs(10)));
        assert_eq!(budget.spend("bob", 60, start), Ok(0));
        assert_eq!(budget.spend("ann", 30, start + Duration::from_secs(10)), Ok(0));
        assert_eq!(budget.spend("ann", 0, start + Duration::from_secs(40)), Ok(30));
        assert_eq!(budget.spend("ann", 1, start + Duration::from_secs(4_000)), Ok(59));
    }

    #[test]
    fn what_costs_more_than_a_bucket_needs_a_full_one() {
        let (budget, start) = (Budget::new(10), Instant::now());
        assert_eq!(budget.spend("ann", 1_000, start), Ok(0));
        assert_eq!(budget.spend("ann", 1_000, start), Err(Duration::from_secs(60)));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let (budget, start) = (Budget::new(10), Instant::now());
        for caller in 0..MAX_CALLERS {
            budget.spend(&caller.to_string(), 1, start).ok();
        }
        assert_eq!(budget.spend("new", 5, start), Ok(5));
        assert_eq!(budget.spend("new", 5, start), Ok(5), "too many at once: not counted");
        let later = start + Duration::from_secs(61);
        assert_eq!(budget.spend("new", 5, later), Ok(5));
        assert_eq!(budget.spend("new", 5, later), Ok(0));
    }
}
