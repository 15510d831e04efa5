//! Buckets that points are taken out of, and that fill again steadily.

use std::time::Duration;

/// How much a bucket holds, and how long an empty one needs to be full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Points in a full one; at least one.
    pub points: u64,
    /// From empty to full.
    pub window: Duration,
}

impl Bucket {
    /// How long so many points need to come back, to the microsecond; more than there are count as all of them. Never nothing: what
    /// is asked for costs something.
    pub(super) fn time(self, points: u64) -> Duration {
        let all = u128::from(self.points.max(1));
        let micros = self.window.as_micros() * u128::from(points).min(all) / all;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX).max(1))
    }

    /// What is left in one that will be full after this time.
    pub(super) fn left(self, full_in: Duration) -> u64 {
        let there = self.window.saturating_sub(full_in).as_micros();
        u64::try_from(there * u128::from(self.points.max(1)) / self.window.as_micros().max(1)).unwrap_or(u64::MAX)
    }

    /// A bucket that will be full after some time has to give: when it will be full then.
    ///
    /// # Errors
    /// How long to wait until there is enough.
    pub(super) fn take(self, full_in: Duration, price: u64) -> Result<Duration, Duration> {
        let full_in = full_in + self.time(price);
        if full_in > self.window { Err(full_in - self.window) } else { Ok(full_in) }
    }
}
