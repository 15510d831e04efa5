//! Numbers of 128 bits without a sign.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// A whole number from 0 to 2¹²⁸ − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UInt128(pub u128);

impl UInt128 {
    fn read(text: &str) -> Option<Self> {
        let plain = (1..=39).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten().map(Self)
    }
}

/// A whole number from 0 to 2^128 - 1 as a JSON string: `"340282366920938463463374607431768211455"`. JSON numbers are refused.
#[Scalar(name = "UInt128")]
impl ScalarType for UInt128 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => {
                Self::read(text).ok_or_else(|| InputValueError::custom("a whole number from 0 to 2^128 - 1 in a string is expected"))
            }
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
