//! Register, book, approve, pay, drive, settle.

use daybook_tests::server::Variant;
use kernel::jiff::SignedDuration;
use serde_json::json;

use crate::cast::{BOOKING, Cast, SETTLEMENT, Trip, scenario, text, won};

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    open_hours(cast);
    let trip = book(cast);
    approve(cast, &trip);
    pay(cast, &trip);
    drive(cast, &trip);
    settle(cast, &trip);
    history(cast, &trip);
    cast.close();
}

/// Windows around the clock on every day, a policy, and a block that search and requests respect.
fn open_hours(cast: &Cast) {
    let windows: Vec<_> = (0..7).map(|day| json!({ "dayOfWeek": day, "startTime": "00:00", "endTime": "00:00" })).collect();
    cast.host.command("setWeeklyAvailability", "vehicle { id }", json!({ "vehicleId": cast.vehicle, "windows": windows })).done();
    let policy =
        json!({ "vehicleId": cast.vehicle, "bufferBeforeMinutes": 30, "bufferAfterMinutes": 30, "cancellationPolicy": "STANDARD" });
    cast.host.command("setBookingPolicy", "vehicle { id }", policy).done();
    let (from, to) = cast.slot(72, 5);
    let block = json!({ "vehicleId": cast.vehicle, "startsAt": from.to_string(), "endsAt": to.to_string(), "reason": "정기 점검" });
    cast.host.command("blockPeriod", "vehicle { id }", block).done();
    assert_eq!(cast.guest.command("requestBooking", BOOKING, cast.wish((from, to))).refused(), "BOOKING003");
    assert!(!found(cast, (from, to)), "search offers a blocked car");
}

fn found(cast: &Cast, (from, to): (kernel::jiff::Timestamp, kernel::jiff::Timestamp)) -> bool {
    let query = "query($from: DateTime!, $to: DateTime!) { searchVehicles(lat: 37.5665, lng: 126.978, startsAt: $from, endsAt: $to, first: 100) \
                 { nodes { distanceKm vehicle { id } quote { total { amount } platformFee { amount } } } } }";
    let data = cast.guest.query(query, json!({ "from": from.to_string(), "to": to.to_string() }));
    data["searchVehicles"]["nodes"].as_array().unwrap().iter().any(|node| node["vehicle"]["id"] == cast.vehicle.as_str())
}

fn book(cast: &Cast) -> Trip {
    let slot = cast.slot(30, 4);
    assert!(found(cast, slot), "search finds the car");
    let query = "query($id: ID!, $from: DateTime!, $to: DateTime!) { quoteBooking(vehicleId: $id, startsAt: $from, endsAt: $to) \
                 { total { amount currency } platformFee { amount } lines { kind description amount { amount } } refundWindows { until percent } requestExpiresAt } }";
    let quote =
        cast.guest.query(query, json!({ "id": cast.vehicle, "from": slot.0.to_string(), "to": slot.1.to_string() }))["quoteBooking"]
            .clone();
    assert_eq!((won(&quote["total"]), won(&quote["platformFee"])), (40_000, 6_000));
    let mut wish = cast.wish(slot);
    wish["expectedTotal"] = json!({ "amount": "39000", "currency": "KRW" });
    assert_eq!(cast.guest.command("requestBooking", BOOKING, wish.clone()).refused(), "BOOKING010");
    wish["expectedTotal"] = json!({ "amount": "40000", "currency": "KRW" });
    let booking = cast.guest.command("requestBooking", BOOKING, wish).done()["booking"].clone();
    assert_eq!((booking["status"].as_str(), won(&booking["total"]), won(&booking["hostAmount"])), (Some("PENDING"), 40_000, 34_000));
    assert!(!found(cast, slot), "search offers a held slot");
    let later = (slot.1, slot.1.checked_add(SignedDuration::from_hours(1)).unwrap());
    assert_eq!(cast.guest2.command("requestBooking", BOOKING, cast.wish(later)).refused(), "BOOKING002", "the buffer is held too");
    Trip { id: text(&booking["id"]), starts_at: slot.0, ends_at: slot.1, total: 40_000 }
}

fn approve(cast: &Cast, trip: &Trip) {
    let of = json!({ "bookingId": trip.id });
    assert_eq!(cast.guest2.command("approveBooking", BOOKING, of.clone()).refused(), "BOOKING001", "a stranger's booking is not found");
    let booking = cast.host.command("approveBooking", BOOKING, of.clone()).done()["booking"].clone();
    assert_eq!((&booking["status"], &booking["isConfirmed"]), (&json!("APPROVED"), &json!(false)));
    assert!(booking["paymentDueAt"].is_string());
    assert_eq!(cast.host.command("approveBooking", BOOKING, of).refused(), "BOOKING004");
}

fn pay(cast: &Cast, trip: &Trip) {
    let payload = cast.pay(trip, "sandbox-ok-card").done();
    let payment = payload["payment"].clone();
    assert_eq!((&payment["status"], &payment["booking"]["isConfirmed"]), (&json!("COMPLETED"), &json!(true)), "{payload}");
    assert!(payment["paidAt"].is_string() && payment["settledAt"].is_null());
    let booking = cast.booking(trip);
    assert_eq!((&booking["status"], &booking["isConfirmed"]), (&json!("APPROVED"), &json!(true)));
    assert_eq!(cast.balance(&trip.escrow()), 40_000);
    assert_eq!(cast.balance("psp_clearing"), 40_000);
    assert_eq!(cast.pay(trip, "sandbox-ok-again").refused(), "PAY003");
}

fn drive(cast: &Cast, trip: &Trip) {
    let start = json!({ "bookingId": trip.id, "odometerKm": 12_000, "fuelPercent": 80 });
    assert_eq!(cast.guest.command("startTrip", BOOKING, start.clone()).refused(), "BOOKING012", "too early");
    cast.advance_to(trip.starts_at.checked_sub(SignedDuration::from_mins(10)).unwrap());
    let upload = crate::cast::upload(&cast.guest, &json!({ "bookingId": trip.id }));
    let photo = json!({ "bookingId": trip.id, "phase": "PICKUP", "uploadId": upload, "takenAt": cast.now().to_string() });
    cast.guest.command("attachBookingPhoto", BOOKING, photo).done();
    assert_eq!(cast.guest.command("startTrip", BOOKING, start).done()["booking"]["status"], "ACTIVE");
    cast.advance_to(trip.ends_at);
    let end = |km: i32| json!({ "bookingId": trip.id, "odometerKm": km, "fuelPercent": 60 });
    assert_eq!(cast.guest.command("endTrip", BOOKING, end(11_999)).refused(), "BOOKING013");
    assert_eq!(cast.guest.command("endTrip", BOOKING, end(12_120)).done()["booking"]["status"], "COMPLETED");
    assert_eq!(cast.balance(&trip.escrow()), 0);
    // 6,000 of fee hold 545 of VAT: 6,000 − round(6,000 / 1.1).
    assert_eq!((cast.balance("fee_revenue"), cast.balance("vat_payable")), (5_455, 545));
}

fn settle(cast: &Cast, trip: &Trip) {
    let now = cast.now();
    let until = |at: kernel::jiff::Timestamp| json!({ "periodEnd": at.to_string() });
    let future = now.checked_add(SignedDuration::from_hours(1)).unwrap();
    assert_eq!(cast.finance.command("openSettlement", SETTLEMENT, until(future)).refused(), "SETTLE001");
    cast.advance(SignedDuration::from_hours(8 * 24));
    cast.banks_open();
    let opened = cast.finance.command("openSettlement", SETTLEMENT, until(cast.now())).done()["settlement"].clone();
    let lines = opened["lines"]["nodes"].as_array().unwrap();
    assert_eq!((opened["status"].as_str(), won(&opened["total"]), lines.len()), (Some("OPEN"), 34_000, 1), "{opened}");
    assert_eq!((won(&lines[0]["gross"]), won(&lines[0]["fee"]), won(&lines[0]["net"])), (40_000, 6_000, 34_000));
    assert_eq!(cast.finance2.command("openSettlement", SETTLEMENT, until(cast.now())).refused(), "SETTLE002");
    let of = json!({ "settlementId": opened["id"] });
    assert_eq!(cast.finance.command("approveSettlement", SETTLEMENT, of.clone()).refused(), "SETTLE003");
    cast.finance2.command("approveSettlement", SETTLEMENT, of.clone()).done();
    cast.advance(SignedDuration::ZERO);
    let query = format!("query($id: ID!) {{ {} }}", SETTLEMENT.replacen("settlement", "settlement(id: $id)", 1));
    let settled = cast.auditor.query(&query, json!({ "id": opened["id"] }))["settlement"].clone();
    let payouts = settled["payouts"]["nodes"].as_array().unwrap();
    assert_eq!((settled["status"].as_str(), payouts.len()), (Some("PAID"), 1), "{settled}");
    assert_eq!((payouts[0]["status"].as_str(), won(&payouts[0]["amount"])), (Some("COMPLETED"), 34_000));
    crate::past::of_a_payout(cast, &payouts[0]["id"]);
    assert!(cast.payment(trip)["settledAt"].is_string());
    assert_eq!(cast.balance("payout_in_transit"), 0);
    assert_eq!(cast.balance("bank").abs(), 34_000);
    let seen = cast.host.query(&query, json!({ "id": opened["id"] }))["settlement"].clone();
    assert_eq!(seen["lines"]["nodes"].as_array().unwrap().len(), 1, "a host sees their own lines");
    assert!(cast.guest.query(&query, json!({ "id": opened["id"] }))["settlement"].is_null());
}

fn history(cast: &Cast, trip: &Trip) {
    let query =
        "query($id: ID!) { booking(id: $id) { history(first: 100) { nodes { type actor } totalCount } } node(id: $id) { id __typename } }";
    let data = cast.guest.query(query, json!({ "id": trip.id }));
    let types = daybook_tests::server::texts(&data["booking"]["history"]["nodes"], "type");
    let made =
        ["BookingRequested", "BookingApproved", "BookingConfirmed", "PickupPhotoAttached", "TripStarted", "TripEnded", "BookingCompleted"];
    assert_eq!(types, made);
    assert_eq!(data["node"]["__typename"], "Booking");
    let mine = cast.guest.query(
        "{ myBookings(status: COMPLETED, as: GUEST) { nodes { id } totalCount } myPayments { nodes { status } } me { roles email phone } }",
        json!({}),
    );
    assert_eq!(mine["myBookings"]["nodes"][0]["id"], trip.id.as_str());
    assert_eq!(mine["me"]["roles"], json!(["GUEST"]));
    assert_eq!(mine["me"]["email"], "guest@people.example");
}
