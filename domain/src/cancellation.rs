//! How much of a payment a cancellation gives back (domain.md §5, D6).

use kernel::jiff::SignedDuration;
use kernel::{Money, MoneyError, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sabotage::{Rule, broken};

/// A host's cancellation policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancellationPolicy {
    /// At least 1 h before the start 100 %, later 50 %.
    Flexible,
    /// At least 24 h before the start, or within 30 min of paying, 100 %; later 50 %.
    #[default]
    Standard,
    /// At least 7 days before the start 100 %, at least 48 h 50 %, later nothing.
    Strict,
}

/// Why a booking was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelCause {
    /// The guest changed their mind.
    Guest,
    /// The host cannot keep it.
    Host,
    /// An administrator stepped in.
    Admin,
    /// Nobody answered the request in time.
    Expired,
    /// Nobody paid in time.
    PaymentLapsed,
    /// The guest did not come.
    NoShow,
}

/// Up to `until` a cancelling guest gets `percent` back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundWindow {
    /// The window's last instant (the start of the trip itself belongs to no window).
    pub until: Timestamp,
    /// 0 to 100.
    pub percent: u32,
}

const GRACE_AFTER_PAYMENT: SignedDuration = SignedDuration::from_mins(30);

impl CancellationPolicy {
    /// Hours before the start with the share that is given back up to then, most generous first.
    const fn steps(self) -> &'static [(i64, u32)] {
        match self {
            Self::Flexible => &[(1, 100), (0, 50)],
            Self::Standard => &[(24, 100), (0, 50)],
            Self::Strict => &[(168, 100), (48, 50)],
        }
    }

    /// The windows of a booking that starts at `start`, in the order of time; from the start on nothing is given back.
    #[must_use]
    pub fn windows(self, start: Timestamp) -> Vec<RefundWindow> {
        let before = |hours| start.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN);
        let mut windows: Vec<_> = self.steps().iter().map(|&(hours, percent)| RefundWindow { until: before(hours), percent }).collect();
        if windows.last().is_none_or(|last| last.until < start) {
            windows.push(RefundWindow { until: start, percent: 0 });
        }
        windows
    }

    /// What a guest who paid at `paid_at` gets back when cancelling at `now`, in percent. It never rises with time (D6).
    #[must_use]
    pub fn guest_percent(self, start: Timestamp, paid_at: Timestamp, now: Timestamp) -> u32 {
        if now >= start {
            return if broken(Rule::RefundWindow) { 100 } else { 0 };
        }
        let in_grace = matches!(self, Self::Standard) && now.duration_since(paid_at) <= GRACE_AFTER_PAYMENT;
        if in_grace {
            return 100;
        }
        let lead = start.duration_since(now);
        self.steps().iter().find(|(hours, _)| lead >= SignedDuration::from_hours(*hours)).map_or(0, |(_, percent)| *percent)
    }
}

/// What a cancellation gives back of `paid`: everything unless the guest is the cause (D6); half a minor unit rounds up.
///
/// # Errors
/// [`MoneyError::Overflow`] when the amount leaves the range of [`Money`].
pub fn refund(
    policy: CancellationPolicy,
    cause: CancelCause,
    paid: Money,
    start: Timestamp,
    paid_at: Timestamp,
    now: Timestamp,
) -> Result<Money, MoneyError> {
    let percent = match cause {
        CancelCause::Guest => policy.guest_percent(start, paid_at, now),
        CancelCause::NoShow => 0,
        CancelCause::Host | CancelCause::Admin | CancelCause::Expired | CancelCause::PaymentLapsed => 100,
    };
    paid.ratio(i128::from(percent), 100)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn at(hours_before_start: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 - hours_before_start * 3_600).unwrap()
    }

    #[test]
    fn table_of_windows() {
        use CancellationPolicy::{Flexible, Standard, Strict};
        for (policy, hours, percent) in [
            (Flexible, 2, 100),
            (Flexible, 1, 100),
            (Flexible, 0, 0),
            (Standard, 48, 100),
            (Standard, 24, 100),
            (Standard, 23, 50),
            (Standard, 0, 0),
            (Standard, -1, 0),
            (Strict, 168, 100),
            (Strict, 167, 50),
            (Strict, 48, 50),
            (Strict, 47, 0),
        ] {
            assert_eq!(policy.guest_percent(at(0), at(1_000), at(hours)), percent, "{policy:?} {hours} h before");
        }
    }

    #[test]
    fn half_an_hour_of_second_thoughts() {
        let paid = at(3);
        let later = |minutes| paid.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        assert_eq!(CancellationPolicy::Standard.guest_percent(at(0), paid, later(30)), 100);
        assert_eq!(CancellationPolicy::Standard.guest_percent(at(0), paid, later(31)), 50);
        assert_eq!(CancellationPolicy::Standard.guest_percent(at(0), at(0).checked_sub(SignedDuration::from_mins(5)).unwrap(), at(0)), 0);
    }

    #[test]
    fn windows_agree_with_the_percentages_and_never_rise() {
        for policy in [CancellationPolicy::Flexible, CancellationPolicy::Standard, CancellationPolicy::Strict] {
            let windows = policy.windows(at(0));
            let mut last = 100;
            for quarter in 0..1_000 {
                let now = at(240).checked_add(SignedDuration::from_mins(15 * quarter)).unwrap();
                let percent = policy.guest_percent(at(0), at(1_000), now);
                assert!(percent <= last);
                last = percent;
                // A deadline itself still belongs to the better side.
                let listed = windows.iter().find(|w| now <= w.until && now < at(0)).map_or(0, |w| w.percent);
                assert_eq!(percent, listed, "{policy:?} at {now}");
            }
        }
    }
}
