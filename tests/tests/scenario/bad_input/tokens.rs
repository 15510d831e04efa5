//! Who nobody is, who may not, and sessions that ended.

use serde_json::{Value, json};

use crate::cast::{Cast, sign_up};
use daybook_tests::server::{Client, PASSWORD, Variant};

/// Tokens that are no good are told before anything runs; no token is an error of the field; a missing role too.
pub fn refused(cast: &Cast) {
    let good = cast.guest.token().unwrap();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    let forged_by = |signature: String| format!("{head}.{signature}");
    let flipped: String = signature.chars().rev().collect();
    for (case, token) in [
        ("truncated", good[..good.len() - 10].to_owned()),
        ("without its end", head.to_owned()),
        ("forged", forged_by(flipped)),
        ("unsigned", format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.")),
        ("of another payload", format!("{header}.{}.{signature}", cast.host.token().unwrap().split('.').nth(1).unwrap())),
        ("no token", "nonsense".to_owned()),
        ("empty", String::new()),
        ("expired", EXPIRED.to_owned()),
    ] {
        let answer = cast.book.client().with_token(&token).send("{ me { id } }", &json!({}));
        assert_eq!((answer.status, answer.code()), (401, "AUTH003"), "{case}: {answer:?}");
        assert!(answer.body.get("data").is_none(), "{case}");
    }
    let nobody = cast.book.client();
    for query in [
        "{ myBookings { nodes { id } } }",
        "{ events { nodes { id } } }",
        "mutation { cancelBooking(input: { idempotencyKey: \"k\", bookingId: \"b\", reason: \"r\" }) { userErrors { code } } }",
    ] {
        let answer = nobody.send(query, &json!({}));
        assert_eq!((answer.status, answer.code()), (200, "AUTH002"), "{query}: {answer:?}");
    }
    assert!(nobody.query("{ me { id } }", json!({}))["me"].is_null());
    for query in
        ["{ events { nodes { id } } }", "{ trialBalance { balanced } }", "{ journal { nodes { id } } }", "{ settlements { nodes { id } } }"]
    {
        forbidden(&cast.guest, query);
    }
    forbidden(
        &cast.guest,
        "mutation { openSettlement(input: { idempotencyKey: \"k\", periodEnd: \"2026-01-01T00:00:00Z\" }) { userErrors { code } } }",
    );
    forbidden(
        &cast.auditor,
        "mutation { openSettlement(input: { idempotencyKey: \"k\", periodEnd: \"2026-01-01T00:00:00Z\" }) { userErrors { code } } }",
    );
    if cast.book.variant() == Variant::Embedded {
        forbidden(&cast.book.demo("admin"), "{ trialBalance { balanced } }");
    }
}

/// Of another secret, and of 2020: both would do.
const EXPIRED: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMWExZmI4Yy1lYjA1LTczZmQtYjM5OS1iMDI2NjEwOGUyNTkiLCJyb2xlcyI6W10sInNpZCI6IjAxYTFmYjhjLWViMDUtNzNmZC1iMzk5LWIwMjdiMGMxYjVjYyIsImp0aSI6IjZmMGU2ZGRmLTQxYTQtNGI5YS04ODYzLWViMjczYWY3NmYzZSIsImlhdCI6MTU3NzgzNjgwMCwiZXhwIjoxNTc3ODM4NjAwfQ.HAynhAgfGhQULcsncf-ceA2tNh081djM0XotI2qepLY";

/// Signed in, but not allowed: an error of the field.
pub fn forbidden(by: &Client, query: &str) {
    let answer = by.send(query, &json!({}));
    assert_eq!((answer.status, answer.code()), (200, "AUTH010"), "{query}: {answer:?}");
    assert_eq!(answer.body["errors"][0]["extensions"]["status"], 403);
}

/// Rotation, reuse of an old refresh token, and the end of a session.
pub fn sessions(cast: &Cast) {
    sign_up(&cast.book, "session", "GUEST");
    let anyone = cast.book.client();
    let pair =
        |payload: &Value| (payload["accessToken"].as_str().unwrap().to_owned(), payload["refreshToken"].as_str().unwrap().to_owned());
    let refresh = |token: &str| anyone.mutate("refreshSession", "accessToken refreshToken user { id }", &json!({ "refreshToken": token }));
    let login = json!({ "email": "session@people.example", "password": PASSWORD });
    let (_, first) = pair(&anyone.mutate("login", "accessToken refreshToken", &login).done());
    let (_, second) = pair(&refresh(&first).done());
    let (_, same) = pair(&refresh(&first).done());
    assert_eq!(second, same, "right after, the predecessor answers the same pair");
    let (access, _) = pair(&refresh(&second).done());
    let client = anyone.with_token(&access);
    assert!(client.query("{ me { id } }", json!({}))["me"]["id"].is_string());
    let reused = refresh(&first);
    assert_eq!(reused.codes(), ["AUTH009"], "the predecessor's predecessor ends the family");
    assert!(!reused.0["receipt"].is_null() && reused.0["accessToken"].is_null(), "that is on record: {}", reused.0);
    assert_eq!(client.send("{ me { id } }", &json!({})).code(), "AUTH003");
    for bad in ["", "x", &second[..second.len() - 3]] {
        assert_eq!(refresh(bad).refused(), "AUTH003", "{bad}");
    }
    let (access, kept) = pair(&anyone.mutate("login", "accessToken refreshToken", &login).done());
    let client = anyone.with_token(&access);
    client.mutate("logout", "clientMutationId", &json!({})).done();
    let answer = client.send("{ me { id } }", &json!({}));
    assert_eq!((answer.status, answer.code()), (401, "AUTH003"), "signed out at once");
    assert_eq!(refresh(&kept).refused(), "AUTH003");
}
