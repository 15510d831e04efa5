//! Weekly windows: local wall time turned into instants (AVL-01…03, K13).

use kernel::jiff::civil::{Date, Time};
use kernel::jiff::tz::{Disambiguation, TimeZone};
use kernel::jiff::{SignedDuration, Span, ToSpan};
use kernel::{Period, Timestamp};
use serde::{Deserialize, Serialize};

/// Minutes of a day; as an end it means midnight.
pub const DAY_MINUTES: u16 = 1_440;
/// More windows than this are refused.
pub const MAX_WINDOWS: usize = 70;
/// Longer periods count as not covered: no policy allows one, and each of its days would have to be looked at.
const MAX_COVERED: SignedDuration = SignedDuration::from_hours(24 * 92);

/// A weekly opening `[start, end)` in local wall time, within one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WeeklyWindow {
    /// 0 = Sunday … 6 = Saturday.
    pub day: u8,
    /// Minutes after local midnight.
    pub start: u16,
    /// Minutes after local midnight, at most 1440.
    pub end: u16,
}

/// A window as its owner states it; no times: the whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowInput {
    /// 0 = Sunday … 6 = Saturday.
    pub day: u8,
    /// Minutes after local midnight.
    pub start: Option<u16>,
    /// Minutes after local midnight; 0 means midnight at the day's end; before `start`: on the next day.
    pub end: Option<u16>,
}

/// Windows in normal form: sorted, within a day each, those past midnight split. `None` when a value is out of range or
/// two of them overlap (AVL001).
#[must_use]
pub fn normalise(inputs: &[WindowInput]) -> Option<Vec<WeeklyWindow>> {
    let mut windows = Vec::new();
    for input in inputs {
        let (start, end) = (input.start.unwrap_or(0), input.end.filter(|end| *end != 0).unwrap_or(DAY_MINUTES));
        if input.day > 6 || start >= DAY_MINUTES || end > DAY_MINUTES || start == end {
            return None;
        }
        if start < end {
            windows.push(WeeklyWindow { day: input.day, start, end });
        } else {
            windows.push(WeeklyWindow { day: input.day, start, end: DAY_MINUTES });
            windows.push(WeeklyWindow { day: (input.day + 1) % 7, start: 0, end });
        }
    }
    windows.sort_unstable();
    let overlap = windows.windows(2).any(|pair| pair[0].day == pair[1].day && pair[1].start < pair[0].end);
    (!overlap && windows.len() <= MAX_WINDOWS).then_some(windows)
}

/// Does the period lie wholly inside the windows? No windows at all: always open (K13).
#[must_use]
pub fn covers(windows: &[WeeklyWindow], zone: &str, period: &Period) -> bool {
    if windows.is_empty() {
        return true;
    }
    if period.end().duration_since(period.start()) > MAX_COVERED {
        return false;
    }
    // A zone that is unknown today was checked when the vehicle was registered; closed is the safe reading.
    let Ok(zone) = TimeZone::get(zone) else { return false };
    let mut reached = period.start();
    for opening in openings(windows, &zone, period) {
        if opening.start() > reached {
            return false;
        }
        reached = reached.max(opening.end());
        if reached >= period.end() {
            return true;
        }
    }
    false
}

/// The openings that may touch a period, in the order of time; neighbours that touch across midnight are not merged.
fn openings(windows: &[WeeklyWindow], zone: &TimeZone, period: &Period) -> impl Iterator<Item = Period> {
    let local = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let day = |date: Date, days: Span| date.checked_add(days).unwrap_or(date);
    let (mut date, last) = (day(local(period.start()), -1.day()), day(local(period.end()), 1.day()));
    let mut found = Vec::new();
    while date <= last {
        let weekday = date.weekday().to_sunday_zero_offset();
        for window in windows.iter().filter(|w| i8::try_from(w.day) == Ok(weekday)) {
            // A gap shifts forward on either side; of two equal wall times a start takes the earlier, an end the later.
            let start = instant(date, window.start, zone, Disambiguation::Compatible);
            let end = instant(date, window.end, zone, Disambiguation::Later);
            found.extend(start.zip(end).and_then(|(start, end)| Period::new(start, end)).filter(|o| o.end() >= period.start()));
        }
        let next = day(date, 1.day());
        if next == date {
            break;
        }
        date = next;
    }
    found.sort_unstable();
    found.into_iter()
}

fn instant(date: Date, minutes: u16, zone: &TimeZone, rule: Disambiguation) -> Option<Timestamp> {
    let (date, minutes) = if minutes >= DAY_MINUTES { (date.tomorrow().ok()?, 0) } else { (date, minutes) };
    let time = Time::new(i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?, 0, 0).ok()?;
    zone.to_ambiguous_timestamp(date.to_datetime(time)).disambiguate(rule).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn period(start: &str, end: &str) -> Period {
        Period::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
    }

    fn open(day: u8, start: u16, end: u16) -> WindowInput {
        WindowInput { day, start: Some(start), end: Some(end) }
    }

    #[test]
    fn normal_form() {
        let whole = WindowInput { day: 1, start: None, end: None };
        assert_eq!(normalise(&[whole]), Some(vec![WeeklyWindow { day: 1, start: 0, end: 1_440 }]));
        assert_eq!(normalise(&[open(1, 540, 0)]), Some(vec![WeeklyWindow { day: 1, start: 540, end: 1_440 }]));
        let split = vec![WeeklyWindow { day: 0, start: 0, end: 120 }, WeeklyWindow { day: 6, start: 1_320, end: 1_440 }];
        assert_eq!(normalise(&[open(6, 1_320, 120)]), Some(split));
        for wrong in [
            vec![open(7, 0, 60)],
            vec![open(1, 60, 60)],
            vec![open(1, 0, 1_441)],
            vec![open(1, 1_440, 60)],
            vec![whole, open(1, 60, 120)],
            vec![open(0, 1_320, 120), open(1, 60, 180)],
        ] {
            assert_eq!(normalise(&wrong), None, "{wrong:?}");
        }
        assert!(normalise(&[open(1, 0, 60), open(1, 60, 120)]).is_some(), "touching is not overlapping");
    }

    #[test]
    fn covered_only_when_wholly_inside() {
        let windows = normalise(&[open(1, 540, 1_080), open(2, 0, 0), open(3, 0, 600)]).unwrap();
        // 2026-11-23 is a Monday; Seoul is nine hours ahead of UTC.
        for (start, end, inside) in [
            ("2026-11-23T00:00:00Z", "2026-11-23T09:00:00Z", true),
            ("2026-11-22T23:50:00Z", "2026-11-23T01:00:00Z", false),
            ("2026-11-23T08:00:00Z", "2026-11-23T09:10:00Z", false),
            ("2026-11-23T15:00:00Z", "2026-11-25T01:00:00Z", true),
            ("2026-11-23T14:00:00Z", "2026-11-23T16:00:00Z", false),
            ("2026-11-26T00:00:00Z", "2026-11-26T01:00:00Z", false),
        ] {
            assert_eq!(covers(&windows, "Asia/Seoul", &period(start, end)), inside, "{start} to {end}");
        }
        assert!(covers(&[], "Asia/Seoul", &period("2026-11-26T00:00:00Z", "2026-11-26T01:00:00Z")));
    }

    #[test]
    fn windows_keep_their_wall_time_over_a_change_of_offset() {
        let sundays = normalise(&[open(0, 60, 300)]).unwrap();
        let zone = "America/New_York";
        // 2026-03-08: 02:00 to 03:00 does not exist; the window 01:00 to 05:00 is three hours long.
        assert!(covers(&sundays, zone, &period("2026-03-08T06:00:00Z", "2026-03-08T09:00:00Z")));
        assert!(!covers(&sundays, zone, &period("2026-03-08T06:00:00Z", "2026-03-08T09:10:00Z")));
        // 2026-11-01: 01:00 to 02:00 happens twice; the window is five hours long.
        assert!(covers(&sundays, zone, &period("2026-11-01T05:00:00Z", "2026-11-01T10:00:00Z")));
        assert!(!covers(&sundays, zone, &period("2026-11-01T04:50:00Z", "2026-11-01T10:00:00Z")));
        // A window that ends inside the gap ends at the shifted instant; one that starts in the second pass opens at the first.
        let into_gap = normalise(&[open(0, 60, 150)]).unwrap();
        assert!(covers(&into_gap, zone, &period("2026-03-08T06:00:00Z", "2026-03-08T07:30:00Z")));
        let in_fold = normalise(&[open(0, 90, 120)]).unwrap();
        assert!(covers(&in_fold, zone, &period("2026-11-01T05:30:00Z", "2026-11-01T07:00:00Z")));
    }
}
