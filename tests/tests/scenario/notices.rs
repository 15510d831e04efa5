//! The payment provider's webhook: nothing of a notice is believed, whatever it says, however often and whenever it comes. What counts
//! is the provider's book, and in the end ours says the same (PAY-08, SEC-16, L7).

use adapters::sandbox::{Book, OrderTotal};
use daybook_tests::server::{Answer, Variant};
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
    answers_are_the_same_for_everybody(cast);
    what_is_no_notice_is_refused(cast);
    a_capture_is_found_at_once(cast);
    a_notice_before_its_time(cast);
    a_forged_notice_moves_nothing(cast);
    late_money_goes_back(cast);
    a_refund_is_found_at_once(cast);
    the_books_agree(cast);
}

fn notice(status: &str, order: &Value, key: &Value) -> Value {
    let data = json!({ "orderId": order, "paymentKey": key, "status": status, "totalAmount": 1, "lastTransactionKey": "t" });
    json!({ "eventType": "PAYMENT_STATUS_CHANGED", "createdAt": "2026-11-02T09:00:00.000000", "data": data })
}

fn tell(cast: &Cast, id: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("tosspayments-webhook-transmission-id", id)];
    cast.book.client().raw("POST", "/payments/webhook", &headers, &body.to_string()).unwrap()
}

/// Sends a notice, and waits until all that follows has been done.
fn told(cast: &Cast, id: &str, body: &Value) {
    assert_eq!(tell(cast, id, body).status, 200);
    cast.advance(SignedDuration::ZERO);
}

/// The guest tries to pay; what the provider would name in its notice.
fn tried(cast: &Cast, trip: &Trip, card: &str, verdict: &str) -> (Value, Value) {
    let input = cast.payment_input(trip, card);
    assert_eq!(cast.guest.command("confirmPayment", PAYMENT, input.clone()).codes(), [verdict]);
    (input["orderId"].clone(), input["paymentKey"].clone())
}

fn answers_are_the_same_for_everybody(cast: &Cast) {
    let trip = cast.approved(30, 4);
    let ours = cast.booking(&trip)["payment"]["orderId"].clone();
    let before = cast.head();
    let mut answers = Vec::new();
    for order in [ours, json!("db-00000000000000000000000000000009"), json!("somebody else's"), json!("x".repeat(10_000))] {
        let mut answer = tell(cast, "same", &notice("DONE", &order, &json!("k")));
        answer.body["timestamp"] = Value::Null;
        answers.push((answer.status, answer.body));
    }
    let nothing = json!({ "success": true, "data": null, "message": null, "timestamp": null });
    assert!(answers.iter().all(|answer| *answer == (200, nothing.clone())), "{answers:?}");
    assert_eq!(tell(cast, "other", &json!({ "eventType": "BILLING_DELETED", "data": { "billingKey": "b" } })).status, 200);
    assert_eq!(cast.head(), before, "nothing was tried, so nothing is asked");
    cast.cancel(&cast.guest, &trip).done();
}

fn what_is_no_notice_is_refused(cast: &Cast) {
    let (client, before) = (cast.book.client(), cast.head());
    let raw = |method: &str, body: &str| client.raw(method, "/payments/webhook", &[("content-type", "application/json")], body).unwrap();
    for body in ["{", "[]", "{}", "null", r#"{"eventType":"PAYMENT_STATUS_CHANGED","data":{"status":"DONE"}}"#] {
        let answer = raw("POST", body);
        assert_eq!((answer.status, answer.body["error"]["code"].as_str()), (400, Some("SYS003")), "{body}: {}", answer.body);
        assert_eq!((&answer.body["success"], answer.body["path"].as_str()), (&json!(false), Some("/payments/webhook")));
    }
    assert_eq!(raw("POST", &format!("{{\"orderId\":\"{}\"}}", "x".repeat(70_000))).status, 413);
    assert_eq!(raw("GET", "").status, 405);
    assert_eq!(cast.head(), before);
}

/// The answer was lost; its notice brings it before any timer does. Repeated, the notice is nothing new.
fn a_capture_is_found_at_once(cast: &Cast) {
    let trip = cast.approved(30, 4);
    let (order, key) = tried(cast, &trip, "sandbox-timeout-card", "PAY008");
    told(cast, "captured", &notice("DONE", &order, &key));
    let paid = cast.payment(&trip);
    assert_eq!((paid["status"].as_str(), &paid["booking"]["isConfirmed"]), (Some("COMPLETED"), &json!(true)), "{paid}");
    let before = cast.head();
    for (id, status) in [("captured", "DONE"), ("captured", "ABORTED"), ("another", "CANCELED"), ("a third", "EXPIRED")] {
        told(cast, id, &notice(status, &order, &key));
    }
    assert_eq!((cast.head(), cast.payment(&trip)), (before, paid), "repeated and overtaken notices change nothing");
    cast.cancel(&cast.guest, &trip).done();
}

/// The provider tells of a payment and does not know it yet when it is asked: the question stays open.
fn a_notice_before_its_time(cast: &Cast) {
    let trip = cast.approved(30, 4);
    let (order, key) = tried(cast, &trip, "sandbox-late-card", "PAY008");
    told(cast, "early", &notice("DONE", &order, &key));
    assert_eq!(cast.payment(&trip)["status"], "PENDING");
    let flat = json!({ "createdAt": "2026-11-02T09:00:00", "secret": "s", "status": "DONE", "transactionKey": "t", "orderId": order });
    told(cast, "again", &flat);
    assert_eq!(cast.payment(&trip)["status"], "COMPLETED");
    cast.cancel(&cast.guest, &trip).done();
}

fn a_forged_notice_moves_nothing(cast: &Cast) {
    let (trip, silent) = (cast.approved(30, 4), cast.approved(40, 4));
    let (order, key) = tried(cast, &trip, "sandbox-declined-card", "PAY001");
    let (lost, lost_key) = tried(cast, &silent, "sandbox-never-card", "PAY008");
    let before = cast.head();
    told(cast, "forged 1", &notice("DONE", &order, &json!("another-key")));
    told(cast, "forged 2", &notice("DONE", &lost, &key));
    assert_eq!(cast.head(), before, "the key is not that of the attempt");
    told(cast, "forged 3", &notice("DONE", &order, &key));
    told(cast, "forged 4", &notice("CANCELED", &lost, &lost_key));
    for trip in [&trip, &silent] {
        let (payment, booking) = (cast.payment(trip), cast.booking(trip));
        assert_eq!((payment["status"].as_str(), booking["isConfirmed"].as_bool()), (Some("PENDING"), Some(false)), "{payment}");
        assert_eq!(cast.balance(&trip.escrow()), 0);
    }
    // However many: each payment has an end to them.
    for n in 0..60 {
        assert_eq!(tell(cast, &format!("flood {n}"), &notice("DONE", &order, &key)).status, 200);
    }
    cast.advance(SignedDuration::ZERO);
    let notices = cast.auditor.query(
        "query($s: String!) { events(first: 100, filter: { stream: $s, types: [\"ProviderNoticeReceived\"] }) { nodes { payload } } }",
        json!({ "s": cast.payment(&trip)["id"] }),
    );
    assert_eq!(notices["events"]["nodes"].as_array().map(Vec::len), Some(32), "{notices}");
    // And its payer pays all the same.
    assert_eq!(cast.pay(&trip, "sandbox-ok-card").done()["payment"]["status"], "COMPLETED");
    cast.cancel(&cast.guest, &trip).done();
    cast.advance(SignedDuration::from_hours(3));
    assert_eq!(cast.booking(&silent)["cancelCause"], "PAYMENT_LAPSED");
}

/// The notice comes when the booking has lapsed: all of the money goes back, and nothing revives.
fn late_money_goes_back(cast: &Cast) {
    let trip = cast.approved(30, 4);
    let due = crate::cast::instant(&cast.booking(&trip)["paymentDueAt"]);
    cast.advance_to(due.checked_sub(SignedDuration::from_secs(2)).unwrap());
    let (order, key) = tried(cast, &trip, "sandbox-timeout-card", "PAY008");
    cast.advance(SignedDuration::from_secs(3));
    assert_eq!(cast.booking(&trip)["cancelCause"], "PAYMENT_LAPSED");
    told(cast, "late", &notice("DONE", &order, &key));
    let (booking, payment) = (cast.booking(&trip), cast.payment(&trip));
    assert_eq!((booking["status"].as_str(), payment["status"].as_str()), (Some("CANCELLED"), Some("REFUNDED")), "{payment}");
    assert_eq!((won(&payment["refunded"]), cast.balance(&trip.escrow())), (trip.total, 0));
}

fn a_refund_is_found_at_once(cast: &Cast) {
    let trip = cast.approved(30, 4);
    let input = cast.payment_input(&trip, "sandbox-ok-refundunknown-card");
    cast.guest.command("confirmPayment", PAYMENT, input.clone()).done();
    cast.cancel(&cast.guest, &trip).done();
    cast.advance(SignedDuration::ZERO);
    assert_ne!(cast.payment(&trip)["refunds"][0]["status"], "COMPLETED", "its answer was lost");
    told(cast, "refunded", &notice("CANCELED", &input["orderId"], &input["paymentKey"]));
    assert_eq!(cast.payment(&trip)["refunds"][0]["status"], "COMPLETED");
}

/// What the provider holds for us is what our ledger says that it holds (L7).
fn the_books_agree(cast: &Cast) {
    cast.advance(SignedDuration::from_hours(48));
    let theirs = Book::read(&cast.book.data().join("provider.ndjson")).unwrap().orders().unwrap();
    let held: i128 = theirs.values().map(|OrderTotal { captured, cancelled }| captured.minor() - cancelled.minor()).sum();
    assert_eq!((i128::from(cast.balance("psp_clearing")), cast.balance("refund_payable")), (held, 0));
    let (_, metrics) = cast.book.client().get("/metrics").unwrap();
    for outcome in ["recorded", "ignored", "malformed"] {
        let series = format!("daybook_provider_notices_total{{outcome=\"{outcome}\"}} ");
        assert!(metrics.lines().any(|line| line.starts_with(&series) && !line.ends_with(" 0")), "{outcome}");
    }
    let answer = cast.auditor.query("{ trialBalance { balanced } }", json!({}));
    assert_eq!(answer["trialBalance"]["balanced"], true);
}
