//! Days and months as the books and banks of Korea count them. Holidays are data: `calendar/holidays.txt`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use kernel::Timestamp;
use kernel::jiff::ToSpan as _;
use kernel::jiff::civil::{Date, Weekday};
use kernel::jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const TABLE: &str = include_str!("calendar/holidays.txt");

/// Days and months are Seoul's. The rules of time zones are compiled in; should they lack it, nine hours ahead of UTC is Seoul, too.
static SEOUL: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("Asia/Seoul").unwrap_or_else(|_| TimeZone::fixed(kernel::jiff::tz::offset(9))));

/// Every day of the table, whatever weekday it is.
static HOLIDAYS: LazyLock<BTreeSet<Date>> = LazyLock::new(|| TABLE.lines().filter_map(read).collect());

/// Banks take orders from nine o'clock on.
const OPENING_HOUR: i8 = 9;
/// No run of days without banks is nearly as long.
const MAX_CLOSED_DAYS: usize = 30;

/// A line of the table; a comment is none.
fn read(line: &str) -> Option<Date> {
    line.split('|').next()?.trim().parse().ok()
}

/// The day of an instant.
#[must_use]
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(SEOUL.clone()).date()
}

/// Do banks pay on this day?
#[must_use]
pub fn is_business_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !HOLIDAYS.contains(&day)
}

/// Do banks pay at this instant's day?
#[must_use]
pub fn banks_pay_at(at: Timestamp) -> bool {
    is_business_day(day_of(at))
}

/// The first moment from an instant on at which a bank pays: now on a business day, else at nine o'clock on the next.
#[must_use]
pub fn payable_from(at: Timestamp) -> Timestamp {
    let today = day_of(at);
    if is_business_day(today) {
        return at;
    }
    let later = today.series(1.day()).skip(1).take(MAX_CLOSED_DAYS).find(|day| is_business_day(*day));
    later.and_then(|day| day.at(OPENING_HOUR, 0, 0, 0).to_zoned(SEOUL.clone()).ok()).map_or(at, |opening| opening.timestamp())
}

/// A month of the books. Text form: `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(Date);

/// The text is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a month is written as 2026-11")]
pub struct NotAMonth;

impl Month {
    /// The month of an instant.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(day_of(at).first_of_month())
    }

    /// Its first moment.
    #[must_use]
    pub fn start(self) -> Timestamp {
        self.0.to_zoned(SEOUL.clone()).map_or(Timestamp::MIN, |start| start.timestamp())
    }

    /// The first moment after it.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.next().start()
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1.month()).unwrap_or(Date::MAX.first_of_month()))
    }

    /// Midnight at which a day of it begins, 1 to 28.
    #[must_use]
    pub fn day(self, day: i8) -> Timestamp {
        let day = self.0.with().day(day.clamp(1, 28)).build().unwrap_or(self.0);
        day.to_zoned(SEOUL.clone()).map_or(Timestamp::MIN, |start| start.timestamp())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl FromStr for Month {
    type Err = NotAMonth;

    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        let first = format!("{text}-01").parse::<Date>().map_err(|_| NotAMonth)?;
        let month = Self(first);
        // One text per month, of the years that books speak of.
        if (1900..9999).contains(&first.year()) && month.to_string() == text { Ok(month) } else { Err(NotAMonth) }
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::moment;

    #[test]
    fn every_line_of_the_table_is_a_day() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(HOLIDAYS.len(), lines);
    }

    #[test]
    fn banks_pay_on_business_days_only() {
        for (at, pays) in [
            ("2026-11-20T03:00:00Z", "2026-11-20T03:00:00Z"), // a Friday at noon
            ("2026-11-21T03:00:00Z", "2026-11-23T00:00:00Z"), // Saturday: Monday at nine
            ("2026-11-22T15:30:00Z", "2026-11-22T15:30:00Z"), // Sunday in UTC, Monday in Seoul
            ("2026-02-16T01:00:00Z", "2026-02-19T00:00:00Z"), // the New Year of the moon
            ("2026-12-25T01:00:00Z", "2026-12-28T00:00:00Z"), // a Friday that is a holiday
            ("2026-08-15T01:00:00Z", "2026-08-18T00:00:00Z"), // a Saturday with its substitute on Monday
        ] {
            assert_eq!(payable_from(moment(at)), moment(pays), "{at}");
        }
    }

    #[test]
    fn months_are_those_of_seoul() {
        let month = Month::of(moment("2026-10-31T15:00:00Z"));
        assert_eq!(
            (month.to_string().as_str(), month.start(), month.end()),
            ("2026-11", moment("2026-10-31T15:00:00Z"), moment("2026-11-30T15:00:00Z"))
        );
        assert_eq!(month.day(10), moment("2026-11-09T15:00:00Z"));
        assert_eq!("2026-12".parse::<Month>().map(Month::next).map(|next| next.to_string()), Ok("2027-01".to_owned()));
        for wrong in ["", "2026", "2026-13", "2026-1", "26-01", "2026-11-01", "+2026-11"] {
            assert_eq!(wrong.parse::<Month>(), Err(NotAMonth), "{wrong}");
        }
    }
}
