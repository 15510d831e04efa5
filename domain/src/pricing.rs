//! What a rental costs and how the platform and the host share it (K14, K15, D7).

use kernel::{Money, MoneyError, Period};
use serde::{Deserialize, Serialize};

use crate::sabotage::{Rule, broken};

/// One line of a price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceLine {
    /// What it is for; `rental` so far.
    pub kind: String,
    /// For people.
    pub description: String,
    /// A positive amount.
    pub amount: Money,
}

/// A price with its lines and shares; `total` = Σ lines = `platform_fee` + `host_amount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// What the guest pays.
    pub total: Money,
    /// The platform's share, VAT included.
    pub platform_fee: Money,
    /// The host's share.
    pub host_amount: Money,
    /// The platform's share in basis points.
    pub fee_bps: u32,
    /// What makes up the total.
    pub lines: Vec<PriceLine>,
}

/// Prices a rental: hourly rate × started increments, rounded up once to the minor unit; the fee is rounded half up.
///
/// # Errors
/// [`MoneyError::Overflow`] when the amount leaves the range of [`Money`].
pub fn price(hourly_rate: Money, period: &Period, increment_minutes: u32, fee_bps: u32) -> Result<Price, MoneyError> {
    let increment = i64::from(increment_minutes.max(1)) * 60;
    let seconds = period.seconds_up();
    let started = seconds % increment != 0 && !broken(Rule::StartedIncrement);
    let minutes = (seconds / increment + i64::from(started)) * increment / 60;
    let total = hourly_rate.ratio_up(i128::from(minutes), 60)?;
    let platform_fee = total.basis_points(fee_bps)?;
    let line = PriceLine {
        kind: "rental".to_owned(),
        description: format!("{} h {:02} min × {hourly_rate}/h", minutes / 60, minutes % 60),
        amount: total,
    };
    Ok(Price { total, platform_fee, host_amount: total.minus(platform_fee)?, fee_bps, lines: vec![line] })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use kernel::{Currency, Timestamp};

    fn won(minor: i128) -> Money {
        Money::new(minor, Currency::Krw)
    }

    fn of(rate: i128, seconds: i64) -> Price {
        let start = Timestamp::from_second(0).unwrap();
        price(won(rate), &Period::new(start, Timestamp::from_second(seconds).unwrap()).unwrap(), 10, 1_500).unwrap()
    }

    #[test]
    fn an_hour_costs_the_hourly_rate_and_started_increments_count() {
        for (rate, seconds, total) in
            [(12_000, 3_600, 12_000), (12_000, 5_400, 18_000), (12_000, 3_601, 14_000), (10_000, 600, 1_667), (1, 1, 1)]
        {
            assert_eq!(of(rate, seconds).total, won(total), "{rate} for {seconds} s");
        }
    }

    #[test]
    fn shares_add_up_and_the_fee_rounds_half_up() {
        for rate in 1..500 {
            let p = of(rate, 3_600);
            assert_eq!(p.platform_fee.plus(p.host_amount), Ok(p.total));
            assert_eq!(p.platform_fee.minor(), (rate * 1_500 + 5_000) / 10_000);
        }
    }

    #[test]
    fn never_cheaper_for_longer_and_never_dearer_in_one_piece() {
        for rate in [1, 7, 999, 12_345] {
            for a in (600..20_000).step_by(700) {
                assert!(of(rate, a).total <= of(rate, a + 300).total);
                for b in (600..8_000).step_by(1_300) {
                    assert!(of(rate, a + b).total.minor() <= of(rate, a).total.minor() + of(rate, b).total.minor());
                }
            }
        }
    }
}
