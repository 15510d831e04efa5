//! Money as integer minor units with a currency. Nothing here rounds unless it is told how.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod wide;

/// A currency or asset, with the number of decimals that its minor unit has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Currency {
    /// Korean won: no minor unit.
    Krw,
    /// Japanese yen: no minor unit.
    Jpy,
    /// United States dollar.
    Usd,
    /// Euro.
    Eur,
    /// Kuwaiti dinar.
    Kwd,
    /// Bitcoin.
    Btc,
    /// Ether.
    Eth,
}

impl Currency {
    /// Every currency there is.
    pub const ALL: [Self; 7] = [Self::Krw, Self::Jpy, Self::Usd, Self::Eur, Self::Kwd, Self::Btc, Self::Eth];

    /// ISO 4217 code, or the ticker of an asset.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Krw => "KRW",
            Self::Jpy => "JPY",
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Kwd => "KWD",
            Self::Btc => "BTC",
            Self::Eth => "ETH",
        }
    }

    /// Decimals of the minor unit: 0 for won, 2 for dollars, 18 for ether.
    #[must_use]
    pub const fn exponent(self) -> u32 {
        match self {
            Self::Krw | Self::Jpy => 0,
            Self::Usd | Self::Eur => 2,
            Self::Kwd => 3,
            Self::Btc => 8,
            Self::Eth => 18,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        Self::ALL.into_iter().find(|c| c.code() == code).ok_or(MoneyError::UnknownCurrency)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why an amount is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The code names no currency that is kept here.
    #[error("unknown currency")]
    UnknownCurrency,
    /// The two amounts are of different currencies.
    #[error("different currencies")]
    CurrencyMismatch,
    /// Not a plain decimal number: empty, exponent, sign in the wrong place, anything but digits and one dot.
    #[error("not a decimal number")]
    Malformed,
    /// More decimals than the currency has.
    #[error("more decimals than the currency has")]
    Scale,
    /// Past what 128 bits or 28 significant digits hold (exports stay within 28).
    #[error("amount too large")]
    Overflow,
}

/// The greatest number of minor units that an amount may have, either sign: 28 significant digits.
pub const MAX_MINOR: i128 = 9_999_999_999_999_999_999_999_999_999;

/// An exact amount: integer minor units of one currency. In JSON: `{"minor":"12000","currency":"KRW"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money {
    minor: i128,
    currency: Currency,
}

impl Money {
    /// An amount of so many minor units.
    #[must_use]
    pub const fn new(minor: i128, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Minor units: won, cents, satoshi.
    #[must_use]
    pub const fn minor(self) -> i128 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Nothing at all?
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// More than nothing?
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// The same currency with other minor units.
    #[must_use]
    pub const fn with_minor(self, minor: i128) -> Self {
        Self::new(minor, self.currency)
    }

    /// Reads a plain decimal (`-12.50`): no exponent, no grouping, at most the currency's decimals.
    ///
    /// # Errors
    /// [`MoneyError::Malformed`], [`MoneyError::Scale`] or [`MoneyError::Overflow`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || (digits.contains('.') && fraction.is_empty()) {
            return Err(MoneyError::Malformed);
        }
        let decimals = currency.exponent() as usize;
        if fraction.len() > decimals {
            return Err(MoneyError::Scale);
        }
        let text = format!("{whole}{fraction:0<decimals$}");
        let minor = text.parse::<i128>().map_err(|_| MoneyError::Overflow)?;
        if minor > MAX_MINOR {
            return Err(MoneyError::Overflow);
        }
        Ok(Self::new(if negative { -minor } else { minor }, currency))
    }

    /// The amount as a decimal with exactly the currency's decimals, for example `12.50`.
    #[must_use]
    pub fn decimal(self) -> String {
        let decimals = self.currency.exponent() as usize;
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::Overflow`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        let minor = self.minor.checked_add(other.minor).filter(|m| m.abs() <= MAX_MINOR).ok_or(MoneyError::Overflow)?;
        Ok(self.with_minor(minor))
    }

    /// The difference.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::Overflow`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.plus(other.with_minor(-other.minor))
    }

    /// `self × numerator / denominator`, rounded half up (away from zero for a half).
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when the result has more digits than money may have, or the denominator is not positive.
    pub fn ratio(self, numerator: i128, denominator: i128) -> Result<Self, MoneyError> {
        ratio_half_up(self.minor, numerator, denominator)
            .filter(|m| m.abs() <= MAX_MINOR)
            .map(|m| self.with_minor(m))
            .ok_or(MoneyError::Overflow)
    }

    /// `self × numerator / denominator`, rounded up to the next minor unit.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when the result has more digits than money may have, or the denominator is not positive.
    pub fn ratio_up(self, numerator: i128, denominator: i128) -> Result<Self, MoneyError> {
        let (negative, whole, rest, _) = divided(self.minor, numerator, denominator).ok_or(MoneyError::Overflow)?;
        // Up is towards zero where the amount is negative.
        let minor = if negative { -whole } else { whole + i128::from(rest != 0) };
        if minor.abs() <= MAX_MINOR { Ok(self.with_minor(minor)) } else { Err(MoneyError::Overflow) }
    }

    /// A share in basis points (1500 = 15 %), rounded half up.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when the result leaves 128 bits.
    pub fn basis_points(self, bps: u32) -> Result<Self, MoneyError> {
        self.ratio(i128::from(bps), 10_000)
    }
}

/// `amount × numerator / denominator` rounded half up; `None` on overflow or a denominator that is not positive.
#[must_use]
pub fn ratio_half_up(amount: i128, numerator: i128, denominator: i128) -> Option<i128> {
    let (negative, whole, rest, denominator) = divided(amount, numerator, denominator)?;
    let rounded = whole.checked_add(i128::from(rest >= denominator - rest))?;
    Some(if negative { -rounded } else { rounded })
}

/// `amount × numerator / denominator`: is it negative, its whole part and its rest without sign, and the denominator again. The product
/// itself may leave 128 bits.
fn divided(amount: i128, numerator: i128, denominator: i128) -> Option<(bool, i128, u128, u128)> {
    let denominator = u128::try_from(denominator).ok()?;
    let (whole, rest) = wide::mul_div(amount.unsigned_abs(), numerator.unsigned_abs(), denominator)?;
    // Half of the range, so that one more fits.
    let whole = i128::try_from(whole).ok().filter(|whole| *whole < i128::MAX)?;
    Some(((amount < 0) != (numerator < 0), whole, rest, denominator))
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    minor: String,
    currency: Currency,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored { minor: self.minor.to_string(), currency: self.currency }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let minor = stored.minor.parse().map_err(serde::de::Error::custom)?;
        Ok(Self::new(minor, stored.currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_plain_decimals_of_the_currency() {
        for (text, currency, minor) in [
            ("12000", Currency::Krw, 12_000),
            ("12.5", Currency::Usd, 1_250),
            ("-0.01", Currency::Usd, -1),
            ("0.000000000000000001", Currency::Eth, 1),
            ("007", Currency::Krw, 7),
        ] {
            assert_eq!(Money::parse(text, currency), Ok(Money::new(minor, currency)), "{text}");
        }
        for text in ["", "1e3", "1.", ".5", "+1", "1,000", " 1", "1 ", "--1", "0x10", "١", "NaN"] {
            assert_eq!(Money::parse(text, Currency::Usd), Err(MoneyError::Malformed), "{text}");
        }
        assert_eq!(Money::parse("1.0", Currency::Krw), Err(MoneyError::Scale));
        assert_eq!(Money::parse(&"9".repeat(29), Currency::Krw), Err(MoneyError::Overflow));
        assert_eq!(Money::parse(&"9".repeat(99), Currency::Krw), Err(MoneyError::Overflow));
    }

    #[test]
    fn prints_what_it_reads() {
        for (text, currency) in [("12000", Currency::Krw), ("0.05", Currency::Usd), ("-3.50", Currency::Usd), ("1.00000000", Currency::Btc)]
        {
            assert_eq!(Money::parse(text, currency).map(Money::decimal).as_deref(), Ok(text));
        }
    }

    #[test]
    fn rounds_half_up_and_only_there() {
        let won = |m| Money::new(m, Currency::Krw);
        assert_eq!(won(10).basis_points(1_500), Ok(won(2)));
        assert_eq!(won(9).basis_points(1_500), Ok(won(1)));
        assert_eq!(won(-10).basis_points(1_500), Ok(won(-2)));
        assert_eq!(won(100).ratio_up(1, 3), Ok(won(34)));
        assert_eq!(won(99).ratio_up(1, 3), Ok(won(33)));
        assert_eq!(won(1).ratio(1, 0), Err(MoneyError::Overflow));
        assert_eq!((won(-100).ratio_up(1, 3), won(100).ratio_up(-1, 3)), (Ok(won(-33)), Ok(won(-33))));
        let ether = |m| Money::new(m, Currency::Eth);
        let (hundred, fifteen) = (100_000_000_000_000_000_000, 15_000_000_000_000_000_000);
        assert_eq!(ether(fifteen).ratio(hundred / 3, hundred), Ok(ether(fifteen / 3)), "the product has 40 digits");
        assert_eq!(ether(MAX_MINOR).ratio(MAX_MINOR, MAX_MINOR), Ok(ether(MAX_MINOR)));
        assert_eq!((ether(MAX_MINOR).ratio(2, 1), ether(MAX_MINOR).ratio_up(2, 1)), (Err(MoneyError::Overflow), Err(MoneyError::Overflow)));
    }

    #[test]
    fn never_mixes_currencies_and_never_wraps() {
        assert_eq!(Money::new(1, Currency::Krw).plus(Money::new(1, Currency::Usd)), Err(MoneyError::CurrencyMismatch));
        assert_eq!(Money::new(MAX_MINOR, Currency::Krw).plus(Money::new(1, Currency::Krw)), Err(MoneyError::Overflow));
    }

    #[test]
    fn large_amounts_survive_json() {
        let eth = Money::new(MAX_MINOR, Currency::Eth);
        let json = serde_json::to_string(&eth).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Money>(&json).ok(), Some(eth));
    }
}
