//! People: proving who they are, being in and out, leaving; and what a thief gets of it.

mod keys;
mod leaving;
mod life;
mod retries;
mod secrets;
mod theft;

use daybook_tests::server::{Client, PASSWORD, Variant};
use serde_json::{Value, json};

use crate::cast::{Cast, scenario, sign_up};

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

/// In the order in which what one leaves does not stand in the next one's way.
fn play(cast: &mut Cast) {
    let staff = Staff::of(cast);
    life::proofs(cast);
    life::passwords(cast);
    life::passwords_of_another_system(cast);
    life::profile_and_address(cast, &staff);
    retries::at_the_door(cast);
    life::roles(cast, &staff);
    life::suspension(cast, &staff);
    life::papers(cast, &staff);
    theft::stolen_refresh_token(cast);
    theft::grace_and_races(cast);
    theft::replays(cast);
    theft::from_another_device(cast);
    keys::programs(cast, &staff);
    keys::exchanges(cast, &staff);
    leaving::with_something_open(cast);
    leaving::forgotten(cast, &staff);
    secrets::nobody_sees_anothers(cast, &staff);
    cast.close();
    secrets::nothing_is_written_down(cast);
}

/// Those who work here.
struct Staff {
    admin: Client,
    support: Client,
}

impl Staff {
    fn of(cast: &Cast) -> Self {
        let [admin, support] = ["admin", "support"].map(|name| match cast.book.variant() {
            Variant::Embedded => cast.book.demo(name),
            Variant::Server => cast.book.staff(name, name),
        });
        Self { admin, support }
    }
}

/// A person of their own for one part of the story.
struct Person {
    email: String,
    id: String,
    access: String,
    refresh: String,
}

impl Person {
    fn new(cast: &Cast, name: &str, role: &str) -> Self {
        sign_up(&cast.book, name, role);
        Self::signed_in(cast, &format!("{name}@people.example"), PASSWORD)
    }

    fn signed_in(cast: &Cast, email: &str, password: &str) -> Self {
        let input = json!({ "email": email, "password": password, "device": "Pixel 11" });
        let payload = cast.book.client().mutate("login", "accessToken refreshToken user { id }", &input).done();
        let text = |name: &str| payload[name].as_str().unwrap().to_owned();
        let id = payload["user"]["id"].as_str().unwrap().to_owned();
        Self { email: email.to_owned(), id, access: text("accessToken"), refresh: text("refreshToken") }
    }

    fn client(&self, cast: &Cast) -> Client {
        cast.book.client().with_token(&self.access)
    }
}

/// Does this access token open?
fn opens(cast: &Cast, token: &str) -> bool {
    let answer = cast.book.client().with_token(token).send("{ me { id } }", &json!({}));
    match answer.status {
        200 => answer.body["data"]["me"]["id"].is_string(),
        401 => {
            assert_eq!(answer.code(), "AUTH003");
            false
        }
        other => panic!("{other}: {answer:?}"),
    }
}

/// The code of a sign-in, or that it went through.
fn sign_in(cast: &Cast, email: &str, password: &str) -> String {
    cast.book.client().mutate("login", "accessToken", &json!({ "email": email, "password": password })).verdict()
}

fn me(client: &Client, fields: &str) -> Value {
    client.query(&format!("{{ me {{ {fields} }} }}"), json!({}))["me"].clone()
}
