//! Refunds that finance asks for: in parts, above the limit with a second person, before and after the trip.

use daybook_tests::server::Variant;
use kernel::jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cast::{Cast, PAYMENT, Trip, scenario, won};

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    // 120 hours at 10,000 won: 1,200,000, of which 180,000 are fee.
    let trip = cast.paid(3, 120);
    in_parts(cast, &trip);
    above_the_limit(cast, &trip);
    cast.advance_to(trip.starts_at);
    let readings = json!({ "bookingId": trip.id, "odometerKm": 1 });
    cast.guest.command("startTrip", "booking { id }", readings.clone()).done();
    cast.guest.command("endTrip", "booking { id }", readings).done();
    after_the_trip(cast, &trip);
    by_others(cast, &trip);
    cast.close();
}

fn refund(cast: &Cast, trip: &Trip, amount: i64) -> daybook_tests::server::Outcome {
    let amount = json!({ "amount": amount.to_string(), "currency": "KRW" });
    let payment = cast.booking(trip)["payment"]["id"].clone();
    cast.finance.command("requestRefund", PAYMENT, json!({ "paymentId": payment, "amount": amount, "reason": "고객 불편" }))
}

fn in_parts(cast: &Cast, trip: &Trip) {
    refund(cast, trip, 100_001).done();
    cast.advance(SignedDuration::ZERO);
    let payment = cast.payment(trip);
    assert_eq!((payment["status"].as_str(), won(&payment["refunded"])), (Some("COMPLETED"), 100_001), "{payment}");
    // round(180,000 × 100,001 / 1,200,000) = round(15,000.15)
    assert_eq!(won(&payment["refunds"][0]["feeShare"]), 15_000);
    assert_eq!(cast.balance(&trip.escrow()), 1_099_999);
    assert_eq!(refund(cast, trip, 1_100_000).refused(), "PAY006", "more than is left");
}

fn above_the_limit(cast: &Cast, trip: &Trip) {
    let proposed = refund(cast, trip, 1_000_001).done()["payment"].clone();
    let status = |payment: &Value| payment["refunds"][1]["status"].as_str().map(str::to_owned);
    assert_eq!(status(&proposed).as_deref(), Some("PROPOSED"), "{proposed}");
    assert_eq!(won(&cast.payment(trip)["refunded"]), 100_001, "nothing moves before a second person agreed");
    let of = json!({ "paymentId": proposed["id"], "refundId": proposed["refunds"][1]["id"] });
    assert_eq!(cast.finance.command("approveRefund", PAYMENT, of.clone()).refused(), "SETTLE003");
    let unknown = json!({ "paymentId": proposed["id"], "refundId": format!("refund-{}", uuid::Uuid::now_v7()) });
    assert_eq!(cast.finance2.command("approveRefund", PAYMENT, unknown).refused(), "SYS007");
    cast.finance2.command("approveRefund", PAYMENT, of).done();
    cast.advance(SignedDuration::ZERO);
    let payment = cast.payment(trip);
    assert_eq!((status(&payment).as_deref(), won(&payment["refunded"])), (Some("COMPLETED"), 1_100_002), "{payment}");
}

/// Escrow was released: now host and platform give their shares back.
fn after_the_trip(cast: &Cast, trip: &Trip) {
    assert_eq!(cast.balance(&trip.escrow()), 0);
    let fees = || cast.balance("fee_revenue") + cast.balance("vat_payable");
    // 180,000 − round(180,000 × 1,100,002 / 1,200,000)
    assert_eq!(fees(), 15_000);
    refund(cast, trip, 99_998).done();
    cast.advance(SignedDuration::ZERO);
    let payment = cast.payment(trip);
    assert_eq!((payment["status"].as_str(), won(&payment["refunded"])), (Some("REFUNDED"), 1_200_000), "{payment}");
    assert_eq!((fees(), cast.balance("psp_clearing")), (0, 0), "the last refund returns the exact rest");
    assert_eq!(refund(cast, trip, 1).refused(), "PAY006");
}

fn by_others(cast: &Cast, trip: &Trip) {
    let payment = cast.booking(trip)["payment"]["id"].clone();
    let query = "mutation($input: RequestRefundInput!) { requestRefund(input: $input) { receipt { position } userErrors { code } } }";
    let input = json!({ "input": { "idempotencyKey": "guest", "paymentId": payment, "reason": "환불해 주세요" } });
    let answer = cast.guest.send(query, &input);
    assert_eq!((answer.status, answer.code()), (200, "AUTH010"), "{answer:?}");
    assert_eq!(answer.body["errors"][0]["extensions"]["status"], 403);
}
