//! Whatever people wrote about themselves is nowhere to be read: not in a file, a page, a log or a dump of either store, not
//! in Redis, neither before nor after they were erased.
//!
//! Looked through is all that belongs to Daybook. The sandbox's provider and bank and the outbox on the console stand for
//! the world outside: what was sent there has left.

pub mod bytes;

use daybook_tests::server::{Client, Daybook, PASSWORD, Variant};
use eventlog::{CommandMeta, Log};
use kernel::{Actor, KeyClass, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cast::{Cast, Trip, open_car, register_car, scenario};
use bytes::{Marks, Start};

/// What nobody may find. Each is of one person, in one place.
const GUEST_EMAIL: &str = "qzxguest@people.example";
const GUEST_NAME: &str = "표식달 Qzxguest";
const GUEST_PHONE: &str = "01097318642";
const HOST_EMAIL: &str = "qzxhost@people.example";
const HOST_NAME: &str = "표식별 Qzxhost";
const HOST_PHONE: &str = "01086429753";
const PLATE: &str = "73허8642";
const MESSAGE: &str = "Qzxmessage 아이와 함께 갑니다";
const RESPONSE: &str = "Qzxresponse 열쇠는 관리실에";
const BLOCK: &str = "Qzxblock 가족 여행";
const CANCEL: &str = "Qzxcancel 병원에 갑니다";
const REFUND: &str = "Qzxrefund 늦은 응대";
const TYPED_PHONE: &str = "010-9731-8642";

const MARKS: [&str; 15] = [
    GUEST_EMAIL,
    GUEST_NAME,
    GUEST_PHONE,
    HOST_EMAIL,
    HOST_NAME,
    HOST_PHONE,
    PLATE,
    MESSAGE,
    RESPONSE,
    BLOCK,
    CANCEL,
    REFUND,
    TYPED_PHONE,
    "표식달",
    "Qzxguest",
];

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    let marks = Marks::new(&MARKS);
    let start = Start::note(&cast.book);
    let host = sign_up(&cast.book, HOST_EMAIL, HOST_NAME, HOST_PHONE, "HOST");
    let guest = sign_up(&cast.book, GUEST_EMAIL, GUEST_NAME, TYPED_PHONE, "GUEST");
    (cast.guest, cast.host) = (guest, host);
    let trips = business(cast);
    assert_shown(cast, &trips);
    assert!(bytes::looked_through(&cast.book, &start, &marks) > 0);
    erase(cast);
    assert_tombstones(cast, &trips);
    assert!(bytes::looked_through(&cast.book, &start, &marks) > 0);
    // At rest: what was only in memory or in a write-ahead log until now is in the files.
    assert_eq!(cast.book.terminate(), Some(0));
    assert!(bytes::looked_through(&cast.book, &start, &marks) > 0);
    cast.book.restart();
    cast.again();
    assert_tombstones(cast, &trips);
}

/// Registers somebody marked, proves their address and signs in.
fn sign_up(book: &Daybook, email: &str, name: &str, phone: &str, role: &str) -> Client {
    let input = json!({ "email": email, "password": PASSWORD, "name": name, "phone": phone, "role": role });
    book.client().mutate("registerUser", "accessToken user { id }", &input).done();
    book.client().mutate("verifyEmail", "user { id }", &json!({ "code": book.code_for(email) })).done();
    book.client().login(email, PASSWORD)
}

/// Everything in which somebody can write something: a rental with words, a refund, a refusal that is kept, a cancellation.
fn business(cast: &mut Cast) -> [Trip; 2] {
    cast.vehicle = register_car(&cast.host, PLATE, "10000", "Asia/Seoul");
    open_car(&cast.host, &cast.vehicle);
    let slot = cast.slot(500, 3);
    let block = json!({ "vehicleId": cast.vehicle, "startsAt": slot.0.to_string(), "endsAt": slot.1.to_string(), "reason": BLOCK });
    cast.host.command("blockPeriod", "vehicle { id }", block).done();
    let (starts_at, ends_at) = cast.slot(40, 8);
    let mut wish = cast.wish((starts_at, ends_at));
    wish["message"] = MESSAGE.into();
    let id = cast.guest.command("requestBooking", "booking { id }", wish.clone()).done()["booking"]["id"].clone();
    assert_eq!(cast.guest2.command("requestBooking", "booking { id }", wish).refused(), "BOOKING002");
    cast.host.command("approveBooking", "booking { id }", json!({ "bookingId": id })).done();
    let trip = Trip { id: id.as_str().unwrap().to_owned(), starts_at, ends_at, total: 80_000 };
    cast.pay(&trip, "sandbox-ok-card").done();
    let payment = cast.booking(&trip)["payment"]["id"].clone();
    let amount = json!({ "amount": "1000", "currency": "KRW" });
    let refund = json!({ "paymentId": payment, "amount": amount, "reason": REFUND });
    cast.finance.command("requestRefund", "payment { id }", refund).done();
    cast.guest.command("cancelBooking", "booking { id }", json!({ "bookingId": id, "reason": CANCEL })).done();
    let other = cast.request(200, 2);
    let answer = json!({ "bookingId": other.id, "response": RESPONSE });
    cast.host.command("rejectBooking", "booking { id }", answer).done();
    cast.advance(kernel::jiff::SignedDuration::from_hours(24));
    [trip, other]
}

const SEEN: &str = "query($id: ID!, $other: ID!) { me { name email phone } other: booking(id: $other) { hostResponse } \
     booking(id: $id) { guestMessage cancelReason guest { name } host { name } vehicle { licensePlate } payment { refunds { reason } } } }";

fn seen(by: &Client, [trip, other]: &[Trip; 2]) -> Value {
    by.query(SEEN, json!({ "id": trip.id, "other": other.id }))
}

/// Whoever may read it, reads it.
fn assert_shown(cast: &Cast, trips: &[Trip; 2]) {
    let (guest, host) = (seen(&cast.guest, trips), seen(&cast.host, trips));
    assert_eq!(guest["me"], json!({ "name": GUEST_NAME, "email": GUEST_EMAIL, "phone": GUEST_PHONE }));
    assert_eq!(host["me"], json!({ "name": HOST_NAME, "email": HOST_EMAIL, "phone": HOST_PHONE }));
    for data in [&guest, &host] {
        let booking = &data["booking"];
        assert_eq!((&booking["guestMessage"], &data["other"]["hostResponse"]), (&json!(MESSAGE), &json!(RESPONSE)), "{data}");
        assert_eq!((&booking["guest"]["name"], &booking["host"]["name"]), (&json!(GUEST_NAME), &json!(HOST_NAME)));
        assert_eq!((&booking["cancelReason"], &booking["vehicle"]["licensePlate"]), (&json!(CANCEL), &json!(PLATE)));
        assert_eq!(booking["payment"]["refunds"][0]["reason"], REFUND, "{booking}");
    }
}

/// Both people leave; another program carries it out while the server runs.
fn erase(cast: &Cast) {
    let people = [&cast.guest, &cast.host].map(|client| {
        let id = client.query("{ me { id } }", json!({}))["me"]["id"].clone();
        Uuid::parse_str(id.as_str().unwrap().trim_start_matches("user-")).unwrap()
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = Log::open(cast.book.log_config()).await.unwrap();
        let before = log.read(0, 5_000).await.unwrap();
        for person in people {
            let meta = CommandMeta::new("eraseUser", Actor::system("test"), Timestamp::now());
            log.erase(&meta, person, KeyClass::Profile).await.unwrap();
        }
        let after = log.read(0, 5_000).await.unwrap();
        assert_eq!(before[..], after[..before.len()], "an erasure changes nothing that was written");
        log.close().await;
    });
    let keys: Vec<_> = std::fs::read_dir(cast.book.data().join("keys")).unwrap().collect();
    assert_eq!(keys.len(), 1, "the old epochs' keys are gone");
}

/// What is gone is gone for everybody within seconds; what the law keeps is still there.
fn assert_tombstones(cast: &Cast, trips: &[Trip; 2]) {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while cast.guest.query("{ me { email } }", json!({}))["me"]["email"] != Value::Null {
        assert!(std::time::Instant::now() < patience, "the server still reads what was erased");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    for by in [&cast.guest, &cast.host] {
        let data = seen(by, trips);
        assert_eq!(data["me"], json!({ "name": "Former member", "email": null, "phone": null }));
        let booking = &data["booking"];
        assert_eq!((&booking["guestMessage"], &data["other"]["hostResponse"]), (&Value::Null, &Value::Null));
        assert_eq!((&booking["guest"]["name"], &booking["host"]["name"]), (&json!("Former member"), &json!("Former member")));
        assert_eq!((&booking["cancelReason"], &booking["vehicle"]["licensePlate"]), (&json!(CANCEL), &json!("")));
        assert_eq!(booking["payment"]["refunds"][0]["reason"], REFUND);
    }
}
