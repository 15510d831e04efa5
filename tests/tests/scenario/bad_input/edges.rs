//! Weekly windows in a zone that changes its clocks: wall time stays, the instants move.

use kernel::jiff::civil::{Date, date};
use kernel::jiff::tz::TimeZone;
use kernel::jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::cast::{BOOKING, Cast, open_car, register_car};

/// The next day on which New York's clocks change, forward or back.
fn change(after: Timestamp, forward: bool) -> Date {
    let zone = TimeZone::get("America/New_York").unwrap();
    let offset = |at: Timestamp| zone.to_offset(at).seconds();
    let change = zone
        .following(after)
        .find(|change| (change.offset().seconds() > offset(change.timestamp() - SignedDuration::from_secs(1))) == forward);
    change.unwrap().timestamp().to_zoned(zone.clone()).date()
}

/// Open from 01:00 to 05:00 every Sunday. On the day that loses an hour the window is three hours long, on the day that has
/// one twice it is five.
pub fn weekly_windows_over_clock_changes(cast: &Cast) {
    let car = register_car(&cast.host, "US12345", "10000", "America/New_York");
    open_car(&cast.host, &car);
    let windows = json!({ "vehicleId": car, "windows": [{ "dayOfWeek": 0, "startTime": "01:00", "endTime": "05:00" }] });
    cast.host.command("setWeeklyAvailability", "vehicle { id }", windows).done();
    let far = json!({ "vehicleId": car, "maxAdvanceDays": 365, "minDurationMinutes": 60 });
    cast.host.command("setBookingPolicy", "vehicle { id }", far).done();
    let now = cast.now();
    for (forward, hours) in [(true, 3), (false, 5)] {
        let day = change(now, forward);
        let zone = TimeZone::get("America/New_York").unwrap();
        let opens = day.at(1, 0, 0, 0).to_zoned(zone).unwrap().timestamp();
        let wish = |from: i64, to: i64| {
            let at = |hours: i64| opens.checked_add(SignedDuration::from_mins(hours * 60)).unwrap().to_string();
            json!({ "vehicleId": car, "startsAt": at(from), "endsAt": at(to) })
        };
        for (from, to) in [(-1, 1), (0, hours + 1), (hours - 1, hours + 1)] {
            let refused = cast.guest2.command("requestBooking", BOOKING, wish(from, to)).refused();
            assert_eq!(refused, "BOOKING003", "{day}: hours {from} to {to}");
        }
        let whole = cast.guest2.command("requestBooking", BOOKING, wish(0, hours)).done()["booking"].clone();
        assert_eq!(crate::cast::won(&whole["total"]), hours * 10_000, "{day}");
        cast.cancel_of(&cast.guest2, whole["id"].as_str().unwrap());
    }
    assert_eq!(date(2026, 3, 8).weekday(), kernel::jiff::civil::Weekday::Sunday);
}
