//! Every way in which a paid booking ends without a trip, and what each side gets.

use daybook_tests::server::{Client, Variant};
use kernel::jiff::SignedDuration;
use serde_json::json;

use crate::cast::{BOOKING, Cast, Trip, scenario, won};

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    before_payment(cast);
    windows(cast);
    by_the_host(cast);
    no_show(cast);
    after_the_start(cast);
    cast.close();
}

fn before_payment(cast: &Cast) {
    let trip = cast.request(30, 4);
    assert_eq!(cast.cancel(&cast.guest2, &trip).refused(), "BOOKING001", "a stranger's booking is not found");
    let booking = cast.cancel(&cast.guest, &trip).done()["booking"].clone();
    assert_eq!((booking["status"].as_str(), booking["cancelCause"].as_str()), (Some("CANCELLED"), Some("GUEST")));
    assert_eq!(cast.cancel(&cast.guest, &trip).refused(), "BOOKING004", "it is over");
    let trip = cast.approved(30, 4);
    let booking = cast.cancel(&cast.guest, &trip).done()["booking"].clone();
    assert_eq!((booking["status"].as_str(), booking["payment"]["status"].as_str()), (Some("CANCELLED"), Some("FAILED")));
}

/// Policy, hours from now to the start (and up to one more, for it starts on the hour), minutes waited after paying or, below
/// zero, minutes left to the start, percent that comes back.
const WINDOWS: [(&str, i64, i64, i64); 9] = [
    ("STANDARD", 5, 20, 100),
    ("STANDARD", 40, 60, 100),
    ("STANDARD", 20, 60, 50),
    ("FLEXIBLE", 5, 60, 100),
    ("FLEXIBLE", 2, -30, 50),
    ("STRICT", 200, 60, 100),
    ("STRICT", 100, 60, 50),
    ("STRICT", 40, 60, 0),
    ("STRICT", 40, 10, 0),
];

fn windows(cast: &Cast) {
    for (policy, ahead, waited, percent) in WINDOWS {
        let input = json!({ "vehicleId": cast.vehicle, "cancellationPolicy": policy });
        cast.host.command("setBookingPolicy", "vehicle { id }", input).done();
        let before = shares(cast);
        let trip = cast.paid(ahead, 4);
        if waited < 0 {
            cast.advance_to(trip.starts_at.checked_add(SignedDuration::from_mins(waited)).unwrap());
        } else {
            cast.advance(SignedDuration::from_mins(waited));
        }
        assert_ended(cast, &trip, &cast.guest, "GUEST", percent, before, &format!("{policy}, {ahead} h ahead, {waited} min later"));
    }
    cast.host.command("setBookingPolicy", "vehicle { id }", json!({ "vehicleId": cast.vehicle, "cancellationPolicy": "STANDARD" })).done();
}

fn by_the_host(cast: &Cast) {
    let before = shares(cast);
    let trip = cast.paid(3, 4);
    cast.advance(SignedDuration::from_hours(2));
    assert_ended(cast, &trip, &cast.host, "HOST", 100, before, "the host cancels");
}

/// What the platform and the host have earned so far.
fn shares(cast: &Cast) -> (i64, i64) {
    let host = cast.host.query("{ me { id } }", json!({}))["me"]["id"].as_str().unwrap().trim_start_matches("user-").to_owned();
    (cast.balance("fee_revenue") + cast.balance("vat_payable"), cast.balance(&format!("host_payable:{host}")))
}

fn assert_ended(cast: &Cast, trip: &Trip, by: &Client, cause: &str, percent: i64, before: (i64, i64), case: &str) {
    let booking = cast.cancel(by, trip).done()["booking"].clone();
    assert_eq!((booking["status"].as_str(), booking["cancelCause"].as_str()), (Some("CANCELLED"), Some(cause)), "{case}");
    assert_money(cast, trip, percent, before, case);
}

/// The guest got this percentage back, the rest was shared 15 to 85.
fn assert_money(cast: &Cast, trip: &Trip, percent: i64, before: (i64, i64), case: &str) {
    cast.advance(SignedDuration::ZERO);
    let (payment, after) = (cast.payment(trip), shares(cast));
    let (back, kept) = (trip.total * percent / 100, trip.total * (100 - percent) / 100);
    assert_eq!(won(&payment["refunded"]), back, "{case}: {payment}");
    assert_eq!(payment["status"], if percent == 100 { "REFUNDED" } else { "COMPLETED" }, "{case}");
    assert_eq!((after.0 - before.0, after.1 - before.1), (kept * 15 / 100, kept * 85 / 100), "{case}");
    assert_eq!(cast.balance(&trip.escrow()), 0, "{case}");
}

fn no_show(cast: &Cast) {
    let before = shares(cast);
    let trip = cast.paid(3, 4);
    let of = json!({ "bookingId": trip.id });
    cast.advance_to(trip.starts_at.checked_add(SignedDuration::from_mins(25)).unwrap());
    assert_eq!(cast.host.command("reportNoShow", BOOKING, of.clone()).refused(), "BOOKING006", "too early");
    cast.advance_to(trip.starts_at.checked_add(SignedDuration::from_mins(30)).unwrap());
    let booking = cast.host.command("reportNoShow", BOOKING, of).done()["booking"].clone();
    assert_eq!((booking["status"].as_str(), booking["cancelCause"].as_str()), (Some("CANCELLED"), Some("NO_SHOW")));
    assert_money(cast, &trip, 0, before, "no show");
}

fn after_the_start(cast: &Cast) {
    let before = shares(cast);
    let trip = cast.paid(3, 4);
    cast.advance_to(trip.starts_at);
    assert_ended(cast, &trip, &cast.guest, "GUEST", 0, before, "after the start");
    let trip = cast.driven(3, 4);
    assert_eq!(cast.cancel(&cast.guest, &trip).refused(), "BOOKING004", "it is over");
}
