//! Times of day.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use kernel::jiff::civil::Time;

/// A minute of the day, in whatever zone is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalTime(Time);

impl LocalTime {
    /// Minutes since midnight, 0–1439.
    #[must_use]
    pub fn minutes(self) -> u16 {
        u16::from(self.0.hour().unsigned_abs()) * 60 + u16::from(self.0.minute().unsigned_abs())
    }

    /// The time of day.
    #[must_use]
    pub const fn time(self) -> Time {
        self.0
    }

    fn read(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let two = |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<i8>().ok()).flatten();
        Time::new(two(hour)?, two(minute)?, 0, 0).ok().map(Self)
    }
}

impl From<Time> for LocalTime {
    fn from(time: Time) -> Self {
        Self(time)
    }
}

/// A time of day as `"HH:MM"`, 24 hours: `"00:00"` to `"23:59"`.
#[Scalar]
impl ScalarType for LocalTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Self::read(text).ok_or_else(|| InputValueError::custom("a time of day is \"HH:MM\", 00:00 to 23:59")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if Self::read(text).is_some())
    }

    fn to_value(&self) -> Value {
        Value::String(format!("{:02}:{:02}", self.0.hour(), self.0.minute()))
    }
}
