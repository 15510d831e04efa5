//! Instants.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use kernel::jiff::civil;
use kernel::jiff::tz::Offset;
use kernel::{Refused, Timestamp};

/// Longest text that is looked at: date, time, nine decimals, offset.
const MAX_BYTES: usize = 40;

/// The years that a booking or a ledger may speak of.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=9999;

/// An instant that was read or is to be shown. `None`: written as an instant, but there is no such date or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(Option<Timestamp>);

impl DateTime {
    /// The instant, in whole microseconds.
    ///
    /// # Errors
    /// SYS003 at the field when there is no such date or time, or its year (UTC) is not within 1900–9999.
    pub fn instant(&self, field: &[&str]) -> Result<Timestamp, Refused> {
        self.0.ok_or_else(|| super::malformed(field))
    }
}

impl From<Timestamp> for DateTime {
    fn from(instant: Timestamp) -> Self {
        Self(Some(instant))
    }
}

/// An instant as RFC 3339 text. Any offset is read; UTC with six decimals is written: `2026-03-01T09:00:00.000000Z`.
#[Scalar(specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match Parts::read(text) {
                Some(parts) => Ok(Self(parts.instant())),
                None => Err(InputValueError::custom("an instant is RFC 3339 text with an offset, as 2026-03-01T09:00:00Z")),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if Parts::read(text).is_some())
    }

    fn to_value(&self) -> Value {
        self.0.map_or(Value::Null, |instant| Value::String(format!("{instant:.6}")))
    }
}

/// The numbers of an RFC 3339 text whose shape is right.
struct Parts {
    date: (i16, i8, i8),
    time: (i8, i8, i8),
    micros: i32,
    offset_seconds: Option<i32>,
}

impl Parts {
    fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES || !text.is_ascii() {
            return None;
        }
        let mut rest = Rest(text);
        let year = i16::try_from(rest.number(4)?).ok()?;
        rest.one_of("-")?;
        let month = rest.two()?;
        rest.one_of("-")?;
        let day = rest.two()?;
        rest.one_of("Tt ")?;
        let hour = rest.two()?;
        rest.one_of(":")?;
        let minute = rest.two()?;
        rest.one_of(":")?;
        let second = rest.two()?;
        let micros = if rest.one_of(".").is_some() { rest.micros()? } else { 0 };
        let offset_seconds = rest.offset()?;
        rest.0.is_empty().then_some(Self { date: (year, month, day), time: (hour, minute, second), micros, offset_seconds })
    }

    /// The instant that they name, if there is one.
    fn instant(&self) -> Option<Timestamp> {
        let date = civil::Date::new(self.date.0, self.date.1, self.date.2).ok()?;
        let time = civil::Time::new(self.time.0, self.time.1, self.time.2, self.micros * 1_000).ok()?;
        let offset = Offset::from_seconds(self.offset_seconds?).ok()?;
        let instant = offset.to_timestamp(date.to_datetime(time)).ok()?;
        YEARS.contains(&Offset::UTC.to_datetime(instant).year()).then_some(instant)
    }
}

struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (head, tail) = self.0.split_at_checked(digits)?;
        let number = head.bytes().all(|b| b.is_ascii_digit()).then(|| head.parse().ok())??;
        self.0 = tail;
        Some(number)
    }

    fn two(&mut self) -> Option<i8> {
        self.number(2).and_then(|n| i8::try_from(n).ok())
    }

    fn one_of(&mut self, any: &str) -> Option<char> {
        let first = self.0.chars().next().filter(|&c| any.contains(c))?;
        self.0 = &self.0[first.len_utf8()..];
        Some(first)
    }

    /// Any number of decimals; those past the sixth are cut off.
    fn micros(&mut self) -> Option<i32> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (head, tail) = self.0.split_at(digits);
        self.0 = tail;
        let six: String = head.chars().chain(std::iter::repeat('0')).take(6).collect();
        if head.is_empty() { None } else { six.parse().ok() }
    }

    /// The outer `None`: no offset at all. The inner: one that no clock has.
    #[expect(clippy::option_option, reason = "shape and meaning are told apart")]
    fn offset(&mut self) -> Option<Option<i32>> {
        let sign = match self.one_of("Zz+-")? {
            '+' => 1,
            '-' => -1,
            _ => return Some(Some(0)),
        };
        let hours = self.number(2)?;
        self.one_of(":")?;
        let minutes = self.number(2)?;
        let real = hours < 24 && minutes < 60;
        Some(real.then(|| i32::try_from(hours * 3_600 + minutes * 60).ok()).flatten().map(|seconds| sign * seconds))
    }
}
