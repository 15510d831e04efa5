//! Exact numbers: JSON strings, never JSON numbers.

use std::fmt;

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// Longest number that is looked at, in bytes.
const MAX_BYTES: usize = 64;

/// A decimal number as its text: a sign, digits, and perhaps a point with digits. No exponent, no grouping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal(String);

impl Decimal {
    /// Takes the text when it is a plain decimal number.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (whole, fraction) = match text.strip_prefix('-').unwrap_or(text).split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text.strip_prefix('-').unwrap_or(text), None),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        (text.len() <= MAX_BYTES && digits(whole) && fraction.is_none_or(digits)).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An exact decimal number as a JSON string: `"12000"`, `"-3.50"`. JSON numbers, exponents and separators are refused.
#[Scalar]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => {
                Self::new(text).ok_or_else(|| InputValueError::custom("a plain decimal number in a string is expected, as \"12.50\""))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if Self::new(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// An integer of up to 38 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BigInt(pub i128);

impl BigInt {
    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !digits.is_empty() && digits.len() <= 39 && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten().map(Self)
    }

    /// As a position in the log or another count; `None` when it is negative or too large for one.
    #[must_use]
    pub fn count(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }
}

impl From<u64> for BigInt {
    fn from(number: u64) -> Self {
        Self(number.into())
    }
}

impl From<i64> for BigInt {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl From<i128> for BigInt {
    fn from(number: i128) -> Self {
        Self(number)
    }
}

impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An integer of any size as a JSON string: `"9007199254740993"`. JSON numbers are refused.
#[Scalar]
impl ScalarType for BigInt {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Self::read(text).ok_or_else(|| InputValueError::custom("a whole number in a string is expected")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if Self::read(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}
