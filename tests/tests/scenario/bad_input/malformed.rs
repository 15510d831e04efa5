//! Values that do not fit their type, and pages that nobody may ask for: errors of the request, before anything is decided.

use serde_json::{Value, json};

use crate::cast::{Cast, Trip};

/// JSON numbers, exponents and the like where a text of digits belongs.
pub fn documents(cast: &Cast, trip: &Trip) {
    let query = "mutation($input: ConfirmPaymentInput!) { confirmPayment(input: $input) { userErrors { code } } }";
    let input = cast.payment_input(trip, "sandbox-ok-card");
    for amount in [
        json!(40000),
        json!(40000.0),
        json!("1e3"),
        json!("4e4"),
        json!(" 40000"),
        json!("40,000"),
        json!("0x9c40"),
        json!("４００００"),
        json!(""),
        json!("NaN"),
        json!(null),
        json!(true),
    ] {
        let mut input = input.clone();
        input["idempotencyKey"] = "malformed".into();
        input["amount"]["amount"] = amount.clone();
        refused(cast, query, json!({ "input": input }), &format!("the amount {amount}"));
    }
    let query = "mutation($input: RequestBookingInput!) { requestBooking(input: $input) { userErrors { code } } }";
    let wish = cast.wish(cast.slot(200, 2));
    let mut keyless = wish.clone();
    keyless["message"] = "no key".into();
    refused(cast, query, json!({ "input": keyless }), "no idempotency key");
    for at in [json!("tomorrow"), json!(1_800_000_000), json!("2026-13-01T00:00:00Z"), json!("2026-05-01T10:00:00")] {
        let mut input = wish.clone();
        input["idempotencyKey"] = "malformed".into();
        input["startsAt"] = at.clone();
        let answer = cast.guest.send(query, &json!({ "input": input }));
        let code = if answer.body["errors"].is_null() {
            answer.body["data"]["requestBooking"]["userErrors"][0]["code"].as_str().unwrap_or_default().to_owned()
        } else {
            answer.code().to_owned()
        };
        assert!(code == "SYS003" || code == "GRAPHQL_VALIDATION_FAILED", "the start {at}: {answer:?}");
    }
}

fn refused(cast: &Cast, query: &str, variables: Value, case: &str) {
    let answer = cast.guest.send(query, &variables);
    assert_eq!((answer.status, answer.code()), (200, "GRAPHQL_VALIDATION_FAILED"), "{case}: {answer:?}");
    assert!(answer.body.get("data").is_none(), "{case}: {answer:?}");
}

/// Pages of connections.
pub fn pages(cast: &Cast) {
    for (arguments, code) in [
        ("first: 101", "PAGE_SIZE_OUT_OF_RANGE"),
        ("first: -1", "PAGE_SIZE_OUT_OF_RANGE"),
        ("last: 101", "PAGE_SIZE_OUT_OF_RANGE"),
        ("first: 1, last: 1", "PAGE_SIZE_OUT_OF_RANGE"),
        ("after: \"nonsense\"", "SYS003"),
        ("first: 1, after: \"\"", "SYS003"),
        ("last: 1, before: \"db1.\"", "SYS003"),
    ] {
        for list in ["myBookings", "myPayments", "events", "journal", "settlements"] {
            let by = if list.starts_with("my") { &cast.guest } else { &cast.auditor };
            let answer = by.send(&format!("{{ {list}({arguments}) {{ nodes {{ id }} }} }}"), &json!({}));
            assert_eq!((answer.status, answer.code()), (200, code), "{list}({arguments}): {answer:?}");
        }
    }
    let none = cast.auditor.query("{ events(first: 0) { nodes { id } pageInfo { hasNextPage } } }", json!({}));
    assert_eq!(none["events"]["nodes"], json!([]));
    let some = cast.auditor.query("{ events { nodes { id } } }", json!({}));
    assert_eq!(some["events"]["nodes"].as_array().unwrap().len(), 25, "the default page");
}
