//! What can become of a payment: declined and paid after all, unknown and found, too late, never.

use daybook_tests::server::Variant;
use kernel::jiff::SignedDuration;
use serde_json::json;

use crate::cast::{BOOKING, Cast, PAYMENT, scenario, won};

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    declined_then_paid(cast);
    unknown_then_found(cast);
    lapsed(cast);
    late_money(cast);
    lapsed_while_the_provider_is_silent(cast);
    expired(cast);
    cast.close();
}

fn declined_then_paid(cast: &Cast) {
    let trip = cast.approved(30, 4);
    let input = with_key(cast.payment_input(&trip, "sandbox-declined-card"));
    let declined = cast.guest.mutate("confirmPayment", PAYMENT, &input);
    assert_eq!(declined.codes(), ["PAY001"]);
    let (payment, receipt) = (&declined.0["payment"], &declined.0["receipt"]);
    assert_eq!((payment["status"].as_str(), payment["lastFailure"]["code"].as_str()), (Some("PENDING"), Some("PAY001")), "{}", declined.0);
    assert_eq!(receipt["replayed"], false, "a decline is recorded");
    let again = cast.guest.mutate("confirmPayment", PAYMENT, &input);
    assert_eq!((again.codes(), &again.0["receipt"]["replayed"]), (vec!["PAY001".to_owned()], &json!(true)));
    let paid = cast.pay(&trip, "sandbox-ok-other-card").done()["payment"].clone();
    assert_eq!((paid["status"].as_str(), paid["lastFailure"].is_null()), (Some("COMPLETED"), true), "{paid}");
    let cancelled = cast.cancel(&cast.guest, &trip).done()["booking"].clone();
    assert_eq!(cancelled["status"], "CANCELLED");
    cast.advance(SignedDuration::ZERO);
    assert_eq!(cast.payment(&trip)["status"], "REFUNDED");
}

fn unknown_then_found(cast: &Cast) {
    let trip = cast.approved(30, 4);
    let input = with_key(cast.payment_input(&trip, "sandbox-timeout-card"));
    let unknown = cast.guest.mutate("confirmPayment", PAYMENT, &input);
    assert_eq!((unknown.codes(), unknown.0["payment"]["status"].as_str()), (vec!["PAY008".to_owned()], Some("PENDING")), "{}", unknown.0);
    assert!(!unknown.0["receipt"].is_null());
    assert_eq!(cast.pay(&trip, "sandbox-ok-impatient").refused(), "PAY008", "a new key while the outcome is open");
    cast.advance(SignedDuration::from_mins(5));
    let found = cast.payment(&trip);
    assert_eq!((found["status"].as_str(), &found["booking"]["isConfirmed"]), (Some("COMPLETED"), &json!(true)), "{found}");
    let replayed = cast.guest.mutate("confirmPayment", PAYMENT, &input).done();
    assert_eq!((&replayed["receipt"]["replayed"], &replayed["payment"]["status"]), (&json!(true), &json!("COMPLETED")));
    assert_eq!(replayed["receipt"]["position"], unknown.0["receipt"]["position"]);
    cast.cancel(&cast.guest, &trip).done();
}

fn lapsed(cast: &Cast) {
    let trip = cast.approved(30, 4);
    let late = cast.payment_input(&trip, "sandbox-ok-card");
    cast.advance(SignedDuration::from_hours(2) + SignedDuration::from_secs(1));
    let booking = cast.booking(&trip);
    assert_eq!((booking["status"].as_str(), booking["cancelCause"].as_str()), (Some("CANCELLED"), Some("PAYMENT_LAPSED")), "{booking}");
    assert_eq!(booking["payment"]["status"], "FAILED");
    assert_eq!(cast.guest.command("confirmPayment", PAYMENT, late).refused(), "PAY004");
    let again = cast.guest2.command("requestBooking", BOOKING, cast.wish((trip.starts_at, trip.ends_at))).done();
    assert_eq!(again["booking"]["status"], "PENDING", "the slot is free");
    let reject = json!({ "bookingId": again["booking"]["id"], "response": "죄송합니다" });
    assert_eq!(cast.host.command("rejectBooking", BOOKING, reject).done()["booking"]["status"], "REJECTED");
}

/// The provider has the money, and tells of it when the booking has lapsed: all of it goes back, nothing revives.
fn late_money(cast: &Cast) {
    let trip = cast.approved(30, 4);
    let due = crate::cast::instant(&cast.booking(&trip)["paymentDueAt"]);
    cast.advance_to(due.checked_sub(SignedDuration::from_secs(4)).unwrap());
    assert_eq!(cast.pay(&trip, "sandbox-late-card").codes(), ["PAY008"]);
    cast.advance(SignedDuration::from_mins(10));
    let (booking, payment) = (cast.booking(&trip), cast.payment(&trip));
    assert_eq!((booking["status"].as_str(), booking["cancelCause"].as_str()), (Some("CANCELLED"), Some("PAYMENT_LAPSED")), "{booking}");
    assert_eq!((payment["status"].as_str(), won(&payment["refunded"])), (Some("REFUNDED"), trip.total), "{payment}");
    assert_eq!((cast.balance(&trip.escrow()), cast.balance("refund_payable")), (0, 0));
}

/// The provider never had the money: the booking lapses in time, the payment ends when the provider is asked again.
fn lapsed_while_the_provider_is_silent(cast: &Cast) {
    let trip = cast.approved(30, 4);
    assert_eq!(cast.pay(&trip, "sandbox-lost-card").codes(), ["PAY008"]);
    cast.advance(SignedDuration::from_hours(24));
    let (booking, payment) = (cast.booking(&trip), cast.payment(&trip));
    assert_eq!((booking["status"].as_str(), payment["status"].as_str()), (Some("CANCELLED"), Some("FAILED")), "{booking} {payment}");
}

fn expired(cast: &Cast) {
    let trip = cast.request(30, 4);
    cast.advance(SignedDuration::from_hours(8) + SignedDuration::from_secs(1));
    let booking = cast.booking(&trip);
    assert_eq!((booking["status"].as_str(), booking["cancelCause"].as_str()), (Some("CANCELLED"), Some("EXPIRED")), "{booking}");
    let too_late = cast.host.command("approveBooking", BOOKING, json!({ "bookingId": trip.id }));
    assert_eq!(too_late.refused(), "BOOKING004");
}

fn with_key(mut input: serde_json::Value) -> serde_json::Value {
    input["idempotencyKey"] = uuid::Uuid::new_v4().to_string().into();
    input
}
