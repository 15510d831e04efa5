//! Leaving, and being forgotten.

use daybook_tests::server::PASSWORD;
use kernel::jiff::SignedDuration;
use serde_json::{Value, json};

use super::secrets::{GONE_EMAIL, GONE_NAME, GONE_PHONE};
use super::{Person, Staff, opens, sign_in};
use crate::cast::Cast;

/// Whoever owes or is owed something stays until it is over.
pub fn with_something_open(cast: &mut Cast) {
    let person = Person::new(cast, "debtor", "GUEST");
    let debtor = person.client(cast);
    let before = std::mem::replace(&mut cast.guest, debtor);
    let trip = cast.approved(30, 2);
    for mutation in ["eraseUser", "deactivateUser"] {
        assert_eq!(cast.guest.command(mutation, "user { id }", json!({})).refused(), "USER003", "{mutation}");
        assert_eq!(cast.host.command(mutation, "user { id }", json!({})).refused(), "USER003", "the host is bound, too");
    }
    cast.cancel(&cast.guest, &trip).done();
    cast.guest.command("deactivateUser", "user { status }", json!({})).done();
    cast.guest = before;
}

/// An erased person is nobody: to sign in, to be named, to be found; their address is free after thirty days.
pub fn forgotten(cast: &Cast, staff: &Staff) {
    let input = json!({ "email": GONE_EMAIL, "password": PASSWORD, "name": GONE_NAME, "phone": GONE_PHONE, "role": "GUEST" });
    cast.book.client().mutate("registerUser", "accessToken", &input).done();
    let person = Person::signed_in(cast, GONE_EMAIL, PASSWORD);
    let client = person.client(cast);
    let key = client.command("issueApiKey", "secret", json!({ "label": "x", "scopes": ["GUEST"] })).done()["secret"].clone();
    let of = json!({ "userId": person.id });
    let erase = "mutation($input: EraseUserInput!) { eraseUser(input: $input) { userErrors { code } } }";
    assert_eq!(cast.guest2.send(erase, &json!({ "input": of })).code(), "AUTH010");
    let leaving = client.command("eraseUser", "user { status }", json!({})).done()["user"]["status"].clone();
    assert!(["ERASING", "ERASED"].contains(&leaving.as_str().unwrap()), "{leaving}");
    assert!(!opens(cast, &person.access) && !opens(cast, key.as_str().unwrap()));
    cast.advance(SignedDuration::ZERO);
    let query = "query($id: ID!) { user(id: $id) { name email phone status isVerified roles } }";
    let shown = staff.admin.query(query, json!({ "id": person.id }))["user"].clone();
    let nothing = json!({ "name": "Former member", "email": null, "phone": null, "status": "ERASED", "isVerified": false, "roles": [] });
    assert_eq!(shown, nothing);
    assert_eq!(sign_in(cast, GONE_EMAIL, PASSWORD), "AUTH001");
    let found = staff
        .admin
        .query("query($e: String!) { users(filter: { email: $e, status: ACTIVE }) { nodes { id } } }", json!({ "e": GONE_EMAIL }));
    assert_eq!(found["users"]["nodes"], json!([]));
    assert_eq!(staff.admin.command("suspendUser", "user { id }", json!({ "userId": person.id, "reason": "x" })).refused(), "USER001");
    let again = || cast.book.client().mutate("registerUser", "user { id }", &input).verdict();
    assert_eq!(again(), "AUTH004");
    cast.advance(SignedDuration::from_hours(30 * 24 + 1));
    let types: Vec<Value> = cast.events().into_iter().map(|event| event["type"].clone()).collect();
    for expected in ["UserErasureRequested", "ApiKeyRevoked", "SubjectKeyDestroyed", "UserErased", "EmailReleased"] {
        assert!(types.contains(&json!(expected)), "{expected}");
    }
}
