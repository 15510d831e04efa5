//! What nobody may read: in answers to others, in events, in lines of the log, in any byte that is kept.

use daybook_tests::server::{Client, PASSWORD};
use serde_json::json;

use super::{Person, Staff};
use crate::cast::Cast;
use crate::sealing::bytes::{self, Marks, Start};

/// A key that was registered, and its secret.
pub const EXCHANGE_KEY: &str = "qzxkey7f3a9b1c5d2e";
pub const EXCHANGE_SECRET: &str = "qzxsecret-0d9f8e7a6b5c";
/// Of a person who was forgotten.
pub const GONE_EMAIL: &str = "qzxgone@people.example";
pub const GONE_NAME: &str = "지운이 Qzxgone";
pub const GONE_PHONE: &str = "010-8642-9731";

/// Everything that a user has beside what everybody may know.
const PRIVATE: &str = "email phone roles status suspendedFor pendingEmail driverLicence { number } terms { version } consents \
                       corporateProfile { id companyName }";

/// Whoever asks, in whatever way: another's private fields are not told.
pub fn nobody_sees_anothers(cast: &Cast, staff: &Staff) {
    let person = Person::new(cast, "private", "HOST");
    let own = person.client(cast);
    own.command("submitDriverLicence", "user { id }", json!({ "number": "26-11-998877-66", "expiresAt": "2040-01-01T00:00:00Z" })).done();
    own.command("acceptTerms", "user { id }", json!({ "version": "qzxterms" })).done();
    let fields = format!("__typename ... on User {{ id name isVerified {PRIVATE} }}");
    let query =
        format!("query($id: ID!) {{ user(id: $id) {{ {PRIVATE} name }} node(id: $id) {{ {fields} }} nodes(ids: [$id]) {{ {fields} }} }}");
    let told = |by: &Client| by.query(&query, json!({ "id": person.id })).to_string();
    let marks = ["private@people.example", "01012345678", "261199887766", "qzxterms", "HOST"];
    let everything = told(&own);
    assert!(marks.iter().all(|mark| everything.contains(mark)), "{everything}");
    for (who, client) in
        [("nobody", &cast.book.client()), ("a guest", &cast.guest2), ("finance", &cast.finance), ("an auditor", &cast.auditor)]
    {
        let answer = told(client);
        for mark in marks {
            assert!(!answer.contains(mark), "{who} sees {mark}: {answer}");
        }
        if client.token().is_some() {
            assert_eq!(client.send("{ users { nodes { id } } }", &json!({})).code(), "AUTH010");
            assert_eq!(client.send("{ corporateProfiles { nodes { id } } }", &json!({})).code(), "AUTH010");
        }
    }
    let support = told(&staff.support);
    assert!(support.contains("261199887766") && !support.contains("private@people.example"), "support looks at licences only: {support}");
}

/// No password, token, key or code of anybody in an event or a log line; no name of the forgotten in any byte that is kept.
pub fn nothing_is_written_down(cast: &Cast) {
    let logged = cast.book.logged();
    let said: String = logged.lines().filter(|line| !line.contains("daybook::outbox")).collect::<Vec<_>>().join("\n");
    let payloads: String = cast.events().iter().map(|event| event["payloadText"].to_string()).collect();
    let secrets = [
        PASSWORD,
        "Another-horse-2",
        "Third-horse-3!",
        "$argon2",
        EXCHANGE_KEY,
        EXCHANGE_SECRET,
        "01012345678",
        "010-1234-5678",
        "01024681357",
        "010-2468-1357",
        "private@people.example",
        "26-11-998877-66",
        "261199887766",
        "1248100998",
        GONE_EMAIL,
        GONE_NAME,
        GONE_PHONE,
    ];
    for secret in secrets {
        assert!(!said.contains(secret), "a log line shows {secret}");
        assert!(!payloads.contains(secret), "an event shows {secret}");
    }
    for place in [&said, &payloads] {
        assert!(!place.contains("eyJ0eXAi") && !place.contains("Bearer "), "an access token is written down");
        assert!(!holds_api_key(place), "an API key is written down");
    }
    let start = Start::note(&cast.book);
    let marks = Marks::new(&[PASSWORD, EXCHANGE_KEY, EXCHANGE_SECRET, GONE_NAME, GONE_EMAIL, "01086429731"]);
    assert!(bytes::looked_through(&cast.book, &start, &marks) > 0);
}

/// More of a key than the beginning that its owner is shown.
fn holds_api_key(text: &str) -> bool {
    text.match_indices("dbk_").any(|(at, _)| text[at + 4..].chars().take_while(char::is_ascii_hexdigit).count() > 8)
}
