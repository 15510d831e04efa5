//! How an amount divides between guest, platform, tax office and host (domain.md §3.4, L2).

use kernel::money::ratio_half_up;
use kernel::{Money, MoneyError};

use crate::sabotage::{Rule, broken};

/// What of a fee is kept after refunds of `refunded` in all: K(R) = F − round(F·R/A).
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn fee_kept(amount: Money, fee: Money, refunded: Money) -> Result<Money, MoneyError> {
    let returned = if amount.is_zero() { Some(0) } else { ratio_half_up(fee.minor(), refunded.minor(), amount.minor()) };
    fee.minus(fee.with_minor(returned.ok_or(MoneyError::Overflow)?))
}

/// The VAT in a fee that includes 10 % of it: v(K) = K − round(K / 1.1).
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn vat_in(fee: Money) -> Result<Money, MoneyError> {
    fee.minus(fee.ratio(10, 11)?)
}

/// What a refund takes from the fee and from the VAT in it, given what was refunded before: cumulative rounding, so
/// that the shares of any sequence of refunds add up exactly.
///
/// # Errors
/// [`MoneyError::Overflow`].
pub fn refund_shares(amount: Money, fee: Money, before: Money, refund: Money) -> Result<(Money, Money), MoneyError> {
    let before = if broken(Rule::CumulativeRounding) { before.with_minor(0) } else { before };
    let (kept_before, kept_after) = (fee_kept(amount, fee, before)?, fee_kept(amount, fee, before.plus(refund)?)?);
    Ok((kept_before.minus(kept_after)?, vat_in(kept_before)?.minus(vat_in(kept_after)?)?))
}
