//! What was: anything with an id at a moment of the past, and the events that made it.

use daybook_tests::server::Variant;
use serde_json::{Value, json};

use crate::cast::{Cast, scenario, text};

const WAS: &str = "query($id: ID!, $asOf: AsOf!) { nodeAsOf(id: $id, asOf: $asOf) { id __typename } }";

/// Positions of the events that made a thing, by its query.
fn made(cast: &Cast, query: &str, id: &Value) -> Vec<u64> {
    let document =
        format!("query($id: ID!) {{ {query}(id: $id) {{ history(first: 100) {{ nodes {{ position actor type recordedAt }} }} }} }}");
    let nodes = cast.auditor.query(&document, json!({ "id": id }))[query]["history"]["nodes"].clone();
    nodes.as_array().unwrap().iter().map(|event| text(&event["position"]).parse().unwrap()).collect()
}

/// A payout before it was asked for, then, and now.
pub fn of_a_payout(cast: &Cast, id: &Value) {
    let positions = made(cast, "payout", id);
    let requested = positions[0];
    let document = "query($id: ID!, $asOf: AsOf) { payout(id: $id, asOf: $asOf) { status } }";
    let status = |as_of: Value| cast.auditor.query(document, json!({ "id": id, "asOf": as_of }))["payout"]["status"].clone();
    let before = json!({ "position": (requested - 1).to_string() });
    assert_eq!(status(before.clone()), Value::Null);
    assert_eq!(status(json!({ "position": requested.to_string() })), "REQUESTED");
    assert_eq!(status(Value::Null), "COMPLETED");
    // Effective dates reach back: nothing had happened on the day of the first car.
    assert_eq!(status(json!({ "effectiveAt": "2000-01-01T00:00:00Z" })), Value::Null);
    let node = |client: &daybook_tests::server::Client, at: Value| client.query(WAS, json!({ "id": id, "asOf": at }))["nodeAsOf"].clone();
    assert_eq!(node(&cast.auditor, before), Value::Null);
    let then = json!({ "position": requested.to_string() });
    assert_eq!(node(&cast.host, then.clone()), json!({ "id": id, "__typename": "Payout" }), "its host");
    assert_eq!(node(&cast.guest, then), Value::Null, "nobody else");
}

/// Everything that a booking is made of, at the booking's first event and before everything.
fn play(cast: &Cast) {
    let trip = cast.paid(24, 4);
    let me = cast.guest.query("{ me { id } mySessions { nodes { id } } }", json!({}));
    let payment = cast.payment(&trip)["id"].clone();
    let things = [
        (json!(trip.id), "Booking"),
        (payment.clone(), "Payment"),
        (json!(cast.vehicle), "Vehicle"),
        (me["me"]["id"].clone(), "User"),
        (me["mySessions"]["nodes"][0]["id"].clone(), "Session"),
    ];
    let now = json!({ "recordedAt": "2999-01-01T00:00:00Z" });
    for (id, kind) in things {
        let was = |at: &Value| cast.guest.query(WAS, json!({ "id": id, "asOf": at }))["nodeAsOf"].clone();
        assert_eq!(was(&json!({ "position": "0" })), Value::Null, "{kind}");
        assert_eq!(was(&now), json!({ "id": id, "__typename": kind }));
    }
    // The balance of an account before the money came, and after.
    let captured = made(cast, "payment", &payment).into_iter().max().unwrap();
    let document = "query($account: String!, $asOf: AsOf) { accountBalance(account: $account, asOf: $asOf) { balance { amount } } }";
    let balance = |at: u64| {
        let variables = json!({ "account": trip.escrow(), "asOf": { "position": at.to_string() } });
        cast.auditor.query(document, variables)["accountBalance"].clone()
    };
    assert_eq!(text(&balance(captured)[0]["balance"]["amount"]).trim_start_matches('-'), trip.total.to_string());
    assert!(balance(1)[0].is_null(), "{}", balance(1));
}

#[test]
fn embedded() {
    scenario(Variant::Embedded, |cast| play(cast));
}

#[test]
fn server() {
    scenario(Variant::Server, |cast| play(cast));
}
