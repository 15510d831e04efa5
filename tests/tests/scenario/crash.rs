//! `kill -9` and a restart: everything that was acknowledged is there.

use std::sync::Mutex;
use std::time::Duration;

use daybook_tests::server::{Client, Variant};
use kernel::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cast::{BOOKING, Cast, PAYMENT, scenario, text};

/// Requests that are on their way when the server dies: fewer than a guest may have waiting.
const REQUESTS: i64 = 30;

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    let driven = cast.driven(3, 4);
    let paid = cast.paid(60, 4);
    let unknown = cast.approved(90, 4);
    let payment = keyed(cast.payment_input(&unknown, "sandbox-timeout-card"));
    assert_eq!(cast.guest.mutate("confirmPayment", PAYMENT, &payment).codes(), ["PAY008"]);
    let before = seen(cast);
    let acknowledged = killed_at_work(cast);
    cast.book.restart();
    cast.again();
    assert!(cast.now() >= before.now, "the business clock was not set back");
    for (account, balance) in &before.balances {
        assert_eq!(cast.balance(account), *balance, "{account}");
    }
    for trip in [&driven, &paid] {
        assert_eq!(cast.booking(trip)["status"], if trip.id == driven.id { "COMPLETED" } else { "APPROVED" });
    }
    for (input, payload) in &acknowledged {
        assert_replayed(&cast.guest, input, payload);
    }
    assert_nothing_twice(cast);
    cast.advance(SignedDuration::from_mins(5));
    assert_eq!(cast.payment(&unknown)["status"], "COMPLETED", "what was open goes on");
    orderly(cast);
    for trip in [&paid, &unknown] {
        cast.cancel(&cast.guest, trip).done();
    }
    cast.close();
}

struct Seen {
    now: Timestamp,
    balances: Vec<(String, i64)>,
}

/// Balances, unless work is under way that changes them.
fn seen(cast: &Cast) -> Seen {
    let balances = ["fee_revenue", "vat_payable"].map(|account| (account.to_owned(), cast.balance(account)));
    Seen { now: cast.now(), balances: balances.into() }
}

fn keyed(mut input: Value) -> Value {
    input["idempotencyKey"] = Uuid::new_v4().to_string().into();
    input
}

/// Kills the server while requests come in; what it had acknowledged by then.
fn killed_at_work(cast: &mut Cast) -> Vec<(Value, Value)> {
    let first = cast.slot(200, 2).0;
    let inputs: Vec<_> = (0..REQUESTS)
        .map(|index| {
            let start = first.checked_add(SignedDuration::from_hours(3 * index)).unwrap();
            keyed(cast.wish((start, start.checked_add(SignedDuration::from_hours(2)).unwrap())))
        })
        .collect();
    let (guest, book, acknowledged) = (&cast.guest, &mut cast.book, Mutex::new(Vec::new()));
    let query = format!(
        "mutation($input: RequestBookingInput!) {{ requestBooking(input: $input) {{ {BOOKING} receipt {{ position eventIds commandId committedAt }} userErrors {{ code }} }} }}"
    );
    std::thread::scope(|threads| {
        for part in inputs.chunks(inputs.len().div_ceil(4)) {
            let (acknowledged, query) = (&acknowledged, query.as_str());
            threads.spawn(move || {
                for input in part {
                    let Some(answer) = guest.try_send(query, &json!({ "input": input })) else { return };
                    acknowledged.lock().unwrap().push((input.clone(), answer.data()["requestBooking"].clone()));
                }
            });
        }
        while acknowledged.lock().unwrap().len() < 5 {
            std::thread::sleep(Duration::from_millis(2));
        }
        book.kill();
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.iter().all(|(_, payload)| payload["booking"]["id"].is_string()), "{acknowledged:?}");
    acknowledged
}

/// The same key again: the same booking and receipt, marked as a replay.
fn assert_replayed(guest: &Client, input: &Value, payload: &Value) {
    let again = guest.mutate("requestBooking", BOOKING, input).done();
    assert_eq!(again["booking"]["id"], payload["booking"]["id"]);
    assert_eq!(again["receipt"]["replayed"], true, "{again}");
    for part in ["position", "eventIds", "commandId", "committedAt"] {
        assert_eq!(again["receipt"][part], payload["receipt"][part], "{part}");
    }
}

/// Every key made at most one booking, and every booking is in its own stream once.
fn assert_nothing_twice(cast: &Cast) {
    let events = cast.events();
    let requested: Vec<_> = events.iter().filter(|event| event["type"] == "BookingRequested").collect();
    let commands: std::collections::BTreeSet<_> = requested.iter().map(|event| text(&event["commandId"])).collect();
    assert_eq!(commands.len(), requested.len());
    assert!(requested.iter().all(|event| event["version"] == 1));
}

/// SIGTERM ends it in order, and the next start finds everything.
fn orderly(cast: &mut Cast) {
    let head = cast.head();
    assert_eq!(cast.book.terminate(), Some(0));
    cast.book.restart();
    cast.again();
    assert!(cast.head() >= head);
}
