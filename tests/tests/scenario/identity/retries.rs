//! Whoever heard no answer asks again: the mutations of the door, too, do what they do once.

use daybook_tests::server::{Client, PASSWORD, Variant};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cast::Cast;

/// The same call twice, under one key: the payload, whose second answer must be the first.
fn twice(client: &Client, name: &str, selection: &str, mut input: Value) -> Value {
    input["idempotencyKey"] = json!(Uuid::new_v4().to_string());
    let selection = format!("{selection} receipt {{ commandId replayed }}");
    let first = client.mutate(name, &selection, &input).done();
    let again = client.mutate(name, &selection, &input).done();
    let receipts = [&first, &again].map(|payload| payload["receipt"].clone());
    assert_eq!(receipts[0]["commandId"], receipts[1]["commandId"], "{name}");
    assert_eq!((&receipts[0]["replayed"], &receipts[1]["replayed"]), (&json!(false), &json!(true)), "{name}");
    again
}

/// Signing up, proving, signing in, other passwords: each under a key.
pub fn at_the_door(cast: &Cast) {
    let (email, anyone) = ("retry@people.example", cast.book.client());
    let input = json!({ "email": email, "password": PASSWORD, "name": "오세훈", "phone": "010-9753-1357", "role": "GUEST" });
    let signed_up = twice(&anyone, "registerUser", "accessToken user { id }", input.clone());
    let client = anyone.with_token(signed_up["accessToken"].as_str().unwrap());
    // Whoever knows all but the password gets nothing of an earlier answer.
    let mut stolen = input;
    stolen["idempotencyKey"] = json!("known");
    stolen["email"] = json!("retry2@people.example");
    anyone.mutate("registerUser", "accessToken", &stolen).done();
    stolen["password"] = json!("Another-horse-9");
    assert_eq!(anyone.mutate("registerUser", "accessToken", &stolen).refused(), "SYS004");
    // The same key of somebody else is another key.
    stolen["email"] = json!("retry3@people.example");
    anyone.mutate("registerUser", "accessToken", &stolen).done();

    let code = cast.book.code_for(email);
    twice(&anyone, "verifyEmail", "user { isVerified }", json!({ "code": code }));
    let mails = || cast.book.logged().matches("phone code: ").count();
    let before = mails();
    twice(&client, "resendVerification", "user { id }", json!({ "channel": "PHONE" }));
    if cast.book.variant() == Variant::Server {
        assert_eq!(mails(), before + 1, "one message for one wish");
    }
    twice(&anyone, "login", "accessToken", json!({ "email": email, "password": PASSWORD }));
    twice(&client, "changePassword", "user { id }", json!({ "oldPassword": PASSWORD, "newPassword": "Another-horse-2" }));
    let mut other = json!({ "oldPassword": "Another-horse-2", "newPassword": "Third-horse-3!", "idempotencyKey": "mine" });
    client.mutate("changePassword", "user { id }", &other).done();
    other["newPassword"] = json!("Fourth-horse-4");
    assert_eq!(client.mutate("changePassword", "user { id }", &other).refused(), "SYS004");
    anyone.mutate("requestPasswordReset", "clientMutationId", &json!({ "email": email })).done();
    let code = cast.book.code_after("r***@people.example", "password reset code: ");
    twice(&anyone, "resetPassword", "clientMutationId", json!({ "code": code, "newPassword": "Fifth-horse-5!" }));
    let client = anyone.login(email, "Fifth-horse-5!");
    let out = json!({ "idempotencyKey": "out" });
    client.mutate("logout", "clientMutationId", &out).done();
}
