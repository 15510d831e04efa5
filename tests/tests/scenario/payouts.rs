//! Payouts that do not stay paid: the bank refuses one, sends another back, and each time the host is owed the money again, the batch
//! pays anew, and no line is in two batches (L5, L6).

use adapters::sandbox::{Book, Outcome};
use daybook_tests::server::{NOTICE_SECRET, Variant, texts};
use domain::calendar::day_of;
use hmac::{Hmac, KeyInit, Mac};
use kernel::jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::cast::{Cast, SETTLEMENT, Trip, scenario, text};

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, |cast| {
        play(cast);
        a_signed_notice_is_heard(cast);
    });
}

fn play(cast: &mut Cast) {
    let trip = cast.driven(30, 4);
    cast.advance(SignedDuration::from_hours(8 * 24));
    cast.banks_open();
    let batch = refused_and_repeated(cast, &trip);
    sent_back_and_repeated(cast, &trip, &batch);
    only_a_part_comes_back(cast);
    assert_eq!(cast.auditor.query("{ trialBalance { balanced } }", json!({}))["trialBalance"]["balanced"], true);
}

/// The payouts of a batch, the first one first.
fn payouts(cast: &Cast, batch: &str) -> Vec<String> {
    let query = "query($id: ID!) { settlement(id: $id) { payouts(first: 9) { nodes { id status } } } }";
    let found = cast.auditor.query(query, json!({ "id": batch }))["settlement"]["payouts"]["nodes"].clone();
    let mut statuses: Vec<_> = found.as_array().unwrap().iter().map(|payout| text(&payout["status"])).collect();
    statuses.sort();
    statuses
}

fn owed(cast: &Cast) -> i64 {
    let host = text(&cast.host.query("{ me { id } }", json!({}))["me"]["id"]);
    cast.balance(&format!("host_payable:{}", host.trim_start_matches("user-")))
}

fn next_day(cast: &Cast) {
    cast.advance(SignedDuration::from_hours(25));
    cast.banks_open();
    cast.advance(SignedDuration::ZERO);
}

/// The bank refuses the first payout; the second one, a day later, arrives.
fn refused_and_repeated(cast: &Cast, trip: &Trip) -> String {
    std::fs::write(cast.book.data().join("sandbox.plan"), "pay declined\n").unwrap();
    let until = json!({ "periodEnd": cast.now().to_string() });
    let batch = text(&cast.finance.command("openSettlement", SETTLEMENT, until).done()["settlement"]["id"]);
    let lines = cast.auditor.query("query($id: ID!) { settlement(id: $id) { lines(first: 9) { nodes { id } } } }", json!({ "id": batch }));
    let line = json!({ "id": lines["settlement"]["lines"]["nodes"][0]["id"] });
    let explained = cast.auditor.query("query($id: ID!) { explain(id: $id, first: 9) { nodes { kind } } }", line);
    assert_eq!(texts(&explained["explain"]["nodes"], "kind"), ["payment_completed", "escrow_released"]);
    cast.finance2.command("approveSettlement", SETTLEMENT, json!({ "settlementId": batch })).done();
    cast.advance(SignedDuration::ZERO);
    assert_eq!((payouts(cast, &batch), owed(cast), cast.balance("bank")), (vec!["FAILED".to_owned()], 34_000, 0));
    assert!(cast.payment(trip)["settledAt"].is_null());
    next_day(cast);
    assert_eq!(payouts(cast, &batch), ["COMPLETED", "FAILED"]);
    assert_eq!((owed(cast), cast.balance("bank").abs(), cast.payment(trip)["settledAt"].is_string()), (0, 34_000, true));
    batch
}

/// The bank's own reference of what it paid last.
fn reference(cast: &Cast) -> String {
    let book = Book::read(&cast.book.data().join("bank.ndjson")).unwrap();
    let booked = book.entries.iter().rev().find_map(|entry| match &entry.outcome {
        Outcome::Booked { reference, .. } => Some(reference.clone()),
        Outcome::Declined { .. } => None,
    });
    booked.unwrap()
}

fn import(cast: &Cast, amount: i64, reference: &str) -> Value {
    let content = format!("date,amount,reference\n{},{amount},{reference}\n", day_of(cast.now()));
    let input = json!({ "source": "BANK", "content": content });
    cast.finance.command("importStatement", "statement { id }", input).done();
    cast.advance(SignedDuration::ZERO);
    let query = "{ reconLines(last: 1) { nodes { outcome open payout { id status } } } }";
    cast.auditor.query(query, json!({}))["reconLines"]["nodes"][0].clone()
}

/// The bank's statement says that a payout came back.
fn sent_back_and_repeated(cast: &Cast, trip: &Trip, batch: &str) {
    let line = import(cast, 34_000, &reference(cast));
    assert_eq!((line["outcome"].as_str(), line["payout"]["status"].as_str()), (Some("MATCHED"), Some("RETURNED")), "{line}");
    assert_eq!((owed(cast), cast.balance("bank"), cast.payment(trip)["settledAt"].is_null()), (34_000, 0, true));
    // The pause grows, and ends on a day on which banks work.
    (0..5).for_each(|_| next_day(cast));
    assert_eq!(payouts(cast, batch), ["COMPLETED", "FAILED", "RETURNED"]);
    assert_eq!((owed(cast), cast.balance("bank").abs(), cast.payment(trip)["settledAt"].is_string()), (0, 34_000, true));
}

/// What is not the whole payout is nothing that we know: a person has to look.
fn only_a_part_comes_back(cast: &Cast) {
    let line = import(cast, 33_999, &reference(cast));
    assert_eq!((line["outcome"].as_str(), line["open"].as_bool()), (Some("AMOUNT_MISMATCH"), Some(true)), "{line}");
    assert_eq!((line["payout"]["status"].as_str(), owed(cast)), (Some("COMPLETED"), 0));
}

/// Sends a notice of a payout, signed with a secret; how it is answered.
fn told(cast: &Cast, payout: &str, secret: &str) -> u16 {
    use base64::Engine as _;
    let time = kernel::Timestamp::now().to_string();
    let body = json!({ "eventType": "payout.changed", "entityBody": { "refPayoutId": payout, "status": "FAILED" } }).to_string();
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&body).chain_update(":").chain_update(&time);
    let signature = format!("v1:{}", base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [
        ("content-type", "application/json"),
        ("tosspayments-webhook-transmission-time", &*time),
        ("tosspayments-webhook-signature", &*signature),
    ];
    cast.book.client().raw("POST", "/payments/webhook", &headers, &body).unwrap().status
}

/// The bank does not answer. A notice that the provider has signed has it asked at once, and what the *bank* says counts.
fn a_signed_notice_is_heard(cast: &Cast) {
    cast.driven(30, 4);
    cast.advance(SignedDuration::from_hours(8 * 24));
    cast.banks_open();
    std::fs::write(cast.book.data().join("sandbox.plan"), "pay lost\n").unwrap();
    let until = json!({ "periodEnd": cast.now().to_string() });
    let batch = text(&cast.finance.command("openSettlement", SETTLEMENT, until).done()["settlement"]["id"]);
    cast.finance2.command("approveSettlement", SETTLEMENT, json!({ "settlementId": batch })).done();
    cast.advance(SignedDuration::ZERO);
    assert_eq!(payouts(cast, &batch), ["REQUESTED"]);
    let query = "query($id: ID!) { settlement(id: $id) { payouts(first: 9) { nodes { id } } } }";
    let payout = text(&cast.auditor.query(query, json!({ "id": batch }))["settlement"]["payouts"]["nodes"][0]["id"]);
    assert_eq!(told(cast, &payout, "somebody-else-altogether"), 403);
    assert_eq!((payouts(cast, &batch), told(cast, &payout, NOTICE_SECRET)), (vec!["REQUESTED".to_owned()], 200));
    cast.advance(SignedDuration::ZERO);
    assert_eq!(payouts(cast, &batch), ["COMPLETED"], "the notice said that it failed");
    let head = cast.head();
    assert_eq!((told(cast, &payout, NOTICE_SECRET), told(cast, "payout-of-nobody", NOTICE_SECRET)), (200, 200));
    cast.advance(SignedDuration::ZERO);
    assert_eq!(cast.head(), head);
}
