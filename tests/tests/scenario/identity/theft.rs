//! What a thief gets: nothing, or the end of the session.

use daybook_tests::server::{Client, Outcome, PASSWORD};
use serde_json::{Value, json};

use super::{Person, opens};
use crate::cast::Cast;

fn refresh(client: &Client, token: &str) -> Outcome {
    client.mutate("refreshSession", "accessToken refreshToken", &json!({ "refreshToken": token }))
}

fn pair(payload: &Value) -> (String, String) {
    let text = |name: &str| payload[name].as_str().unwrap().to_owned();
    (text("accessToken"), text("refreshToken"))
}

/// Whoever comes with a token that was exchanged before: thief or victim, somebody else has the newer one. Both are out.
pub fn stolen_refresh_token(cast: &Cast) {
    let victim = Person::new(cast, "victim", "GUEST");
    let other = Person::signed_in(cast, &victim.email, PASSWORD);
    let anyone = cast.book.client();
    let (access, next) = pair(&refresh(&anyone, &victim.refresh).done());
    let (newer, newest) = pair(&refresh(&anyone, &next).done());
    assert!(opens(cast, &newer));
    let reused = refresh(&anyone, &victim.refresh);
    assert_eq!(reused.codes(), ["AUTH009"]);
    assert!(reused.0["accessToken"].is_null() && reused.0["refreshToken"].is_null() && !reused.0["receipt"].is_null());
    for token in [&victim.access, &access, &newer] {
        assert!(!opens(cast, token), "no access token of the family opens");
    }
    for token in [&victim.refresh, &next, &newest] {
        assert_eq!(refresh(&anyone, token).refused(), "AUTH003", "no refresh token of the family works");
    }
    assert!(opens(cast, &other.access), "another device has another family");
    let noted = cast.events().into_iter().filter(|event| event["type"] == "SessionReuseDetected").count();
    assert_eq!(noted, 1, "it is on record");
}

/// Two tabs, a lost answer: the immediate predecessor answers the same pair, however many ask at once.
pub fn grace_and_races(cast: &Cast) {
    let person = Person::new(cast, "tabs", "GUEST");
    let (anyone, token) = (cast.book.client(), person.refresh.as_str());
    let pairs: Vec<_> = std::thread::scope(|scope| {
        let asking = || refresh(&anyone, token);
        let tabs: Vec<_> = (0..6).map(|_| scope.spawn(asking)).collect();
        tabs.into_iter().map(|tab| pair(&tab.join().unwrap().done())).collect()
    });
    assert!(pairs.iter().all(|(_, refresh)| *refresh == pairs[0].1), "one pair for all tabs");
    assert!(pairs.iter().all(|(access, _)| opens(cast, access)));
    let session = cast_session(cast, &person);
    let refreshed = |event: &Value| event["type"] == "SessionRefreshed" && event["stream"] == session;
    assert_eq!(cast.events().iter().filter(|event| refreshed(event)).count(), 1, "the token was renewed once");
}

fn cast_session(cast: &Cast, person: &Person) -> Value {
    let sessions = person.client(cast).query("{ mySessions { nodes { id isCurrent device } } }", json!({}));
    let nodes = sessions["mySessions"]["nodes"].as_array().unwrap().clone();
    let current: Vec<_> = nodes.iter().filter(|node| node["isCurrent"] == true).collect();
    assert_eq!((current.len(), &current[0]["device"]), (1, &json!("Pixel 11")), "{nodes:?}");
    current[0]["id"].clone()
}

/// What was good once is good for nothing after: tokens of an ended session, tokens in each other's place, and codes.
pub fn replays(cast: &Cast) {
    let person = Person::new(cast, "replayed", "GUEST");
    let other = Person::signed_in(cast, &person.email, PASSWORD);
    let anyone = cast.book.client();
    assert!(!opens(cast, &person.refresh), "a refresh token is no access token");
    assert_eq!(refresh(&anyone, &person.access).refused(), "AUTH003", "an access token is no refresh token");
    let head = cast.head();
    for query in ["query { me { id } }", "mutation { logout(input: {}) { userErrors { code } } }"] {
        assert_eq!(anyone.with_token(&person.refresh).send(query, &json!({})).status, 401);
    }
    assert_eq!(cast.head(), head, "and nothing was written");
    person.client(cast).mutate("logout", "clientMutationId", &json!({ "everywhere": true })).done();
    for token in [&person.access, &other.access] {
        assert!(!opens(cast, token));
    }
    for token in [&person.refresh, &other.refresh] {
        assert_eq!(refresh(&anyone, token).refused(), "AUTH003");
    }
    let code = cast.book.code_for(&person.email);
    for (mutation, input) in
        [("verifyEmail", json!({ "code": code })), ("resetPassword", json!({ "code": code, "newPassword": "Stolen-horse-1" }))]
    {
        assert_eq!(anyone.mutate(mutation, "user { id }", &input).refused(), "AUTH008", "{mutation}");
    }
}

/// Every device is seen, and ended from another one; nobody ends a stranger's.
pub fn from_another_device(cast: &Cast) {
    let phone = Person::new(cast, "devices", "GUEST");
    let laptop = Person::signed_in(cast, &phone.email, PASSWORD);
    let lost = cast_session(cast, &phone);
    let end = |by: &Client| by.command("revokeSession", "session { ended }", json!({ "sessionId": lost }));
    assert_eq!(end(&cast.guest2).refused(), "SYS007");
    assert!(cast.guest2.query("query($id: ID!) { node(id: $id) { id } }", json!({ "id": lost }))["node"].is_null());
    assert_eq!(end(&laptop.client(cast)).done()["session"]["ended"], "DISMISSED");
    assert!(!opens(cast, &phone.access) && opens(cast, &laptop.access));
    assert_eq!(refresh(&cast.book.client(), &phone.refresh).refused(), "AUTH003");
    let left = laptop.client(cast).query("{ mySessions { nodes { id isCurrent } } }", json!({}));
    assert!(left["mySessions"]["nodes"].as_array().unwrap().iter().all(|node| node["id"] != lost));
}
