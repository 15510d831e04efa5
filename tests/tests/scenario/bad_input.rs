//! Bad input gets a refusal with its code, and nothing is appended.

use daybook_tests::server::{Client, PASSWORD, Variant};
use kernel::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cast::{BOOKING, Cast, Trip, scenario, sign_up};

mod edges;
mod malformed;
mod tokens;

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    let trip = cast.approved(30, 4);
    let rival = sign_up(&cast.book, "xrival", "HOST");
    let head = cast.head();
    bookings(cast, &trip);
    payments(cast, &trip);
    vehicles(cast, &rival);
    people(cast);
    unknown(cast, &trip);
    malformed::documents(cast, &trip);
    malformed::pages(cast);
    tokens::refused(cast);
    assert_eq!(cast.head(), head, "something was appended");
    keys(cast);
    edges::weekly_windows_over_clock_changes(cast);
    tokens::sessions(cast);
    cast.cancel(&cast.guest, &trip).done();
    cast.close();
}

/// Each input is refused with its code and leaves the log as it is.
fn table(cast: &Cast, by: &Client, mutation: &str, rows: &[(&str, &str, Value)]) {
    let head = cast.head();
    let outcomes = rows.iter().map(|(case, code, input)| {
        let verdict = by.command(mutation, "clientMutationId", input.clone()).verdict();
        (verdict != *code || cast.head() != head).then(|| format!("{mutation}, {case}: {verdict} instead of {code}"))
    });
    let wrong: Vec<_> = outcomes.flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A template with some fields replaced.
fn but(template: &Value, changes: Value) -> Value {
    let mut input = template.clone();
    for (name, value) in changes.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

fn bookings(cast: &Cast, taken: &Trip) {
    let slot = cast.slot(200, 4);
    let wish = cast.wish(slot);
    let at = |at: Timestamp, minutes: i64| at.checked_add(SignedDuration::from_mins(minutes)).unwrap().to_string();
    let period = |from: String, to: String| but(&wish, json!({ "startsAt": from, "endsAt": to }));
    let now = cast.now();
    let hours = |hours: i64| hours * 60;
    table(
        cast,
        &cast.guest2,
        "requestBooking",
        &[
            ("the same period", "BOOKING002", cast.wish((taken.starts_at, taken.ends_at))),
            ("an overlap at its start", "BOOKING002", period(at(taken.starts_at, -60), at(taken.starts_at, 10))),
            ("an overlap at its end", "BOOKING002", period(at(taken.ends_at, -10), at(taken.ends_at, 60))),
            ("around it", "BOOKING002", period(at(taken.starts_at, -60), at(taken.ends_at, 60))),
            ("past", "BOOKING006", period(at(slot.0, -hours(24 * 20)), at(slot.1, -hours(24 * 20)))),
            ("begun", "BOOKING006", period(at(now, -10), at(now, 120))),
            ("too short", "BOOKING006", period(at(slot.0, 0), at(slot.0, 50))),
            ("too long", "BOOKING006", period(at(slot.0, 0), at(slot.0, hours(24 * 31)))),
            ("too far ahead", "BOOKING006", period(at(slot.0, hours(24 * 200)), at(slot.1, hours(24 * 200)))),
            ("the end before the start", "SYS003", period(at(slot.1, 0), at(slot.0, 0))),
            ("empty", "SYS003", period(at(slot.0, 0), at(slot.0, 0))),
            ("no such day", "SYS003", but(&wish, json!({ "startsAt": "2026-02-30T10:00:00Z" }))),
            ("another currency", "SYS003", but(&wish, json!({ "expectedTotal": { "amount": "40000.00", "currency": "USD" } }))),
            ("too many decimals", "SYS003", but(&wish, json!({ "expectedTotal": { "amount": "40000.5", "currency": "KRW" } }))),
            ("no such currency", "SYS003", but(&wish, json!({ "expectedTotal": { "amount": "40000", "currency": "XXQ" } }))),
            ("another price", "BOOKING010", but(&wish, json!({ "expectedTotal": { "amount": "40001", "currency": "KRW" } }))),
            ("a message of 1,001 letters", "SYS003", but(&wish, json!({ "message": "가".repeat(1_001) }))),
            ("a message with control characters", "SYS003", but(&wish, json!({ "message": "a\u{0}b" }))),
            ("an unknown car", "SYS007", but(&wish, json!({ "vehicleId": format!("vehicle-{}", uuid::Uuid::now_v7()) }))),
            ("no car's id", "SYS007", but(&wish, json!({ "vehicleId": "자동차" }))),
        ],
    );
    table(cast, &cast.host, "requestBooking", &[("one's own car", "BOOKING005", wish.clone())]);
    for key in [String::new(), "k".repeat(256), "a\nb".to_owned()] {
        let outcome = cast.guest.mutate("requestBooking", BOOKING, &but(&wish, json!({ "idempotencyKey": key })));
        assert_eq!(outcome.refused(), "SYS003", "the key {key:?}");
    }
}

fn payments(cast: &Cast, trip: &Trip) {
    let right = cast.payment_input(trip, "sandbox-ok-card");
    let total = trip.total.to_string();
    let amount = |amount: &str, currency: &str| but(&right, json!({ "amount": { "amount": amount, "currency": currency } }));
    table(
        cast,
        &cast.guest,
        "confirmPayment",
        &[
            ("a won less", "PAY002", amount(&(trip.total - 1).to_string(), "KRW")),
            ("a won more", "PAY002", amount(&(trip.total + 1).to_string(), "KRW")),
            ("nothing", "PAY002", amount("0", "KRW")),
            ("negative", "PAY002", amount("-40000", "KRW")),
            ("another order", "PAY002", but(&right, json!({ "orderId": "order-of-somebody-else" }))),
            ("half a won", "SYS003", amount(&format!("{total}.5"), "KRW")),
            ("another currency", "SYS003", amount(&total, "USD")),
            ("no currency", "SYS003", amount(&total, "WON")),
            ("beyond every amount", "SYS003", amount(&"9".repeat(60), "KRW")),
            ("an empty key of the provider", "SYS003", but(&right, json!({ "paymentKey": "" }))),
            ("an endless key of the provider", "SYS003", but(&right, json!({ "paymentKey": "x".repeat(300) }))),
        ],
    );
    table(cast, &cast.guest2, "confirmPayment", &[("a foreign booking", "BOOKING001", right.clone())]);
    let input = but(&right, json!({ "idempotencyKey": "host" }));
    let answer = cast.host.send(
        "mutation($input: ConfirmPaymentInput!) { confirmPayment(input: $input) { userErrors { code } } }",
        &json!({ "input": input }),
    );
    assert_eq!(answer.code(), "AUTH010", "the host does not pay: {answer:?}");
    assert_eq!(cast.payment(trip)["status"], "PENDING");
}

fn vehicles(cast: &Cast, rival: &Client) {
    let right = json!({
        "licensePlate": "99하9999", "make": "현대", "model": "캐스퍼", "year": 2024, "locationAddress": "서울특별시 중구 세종대로 110",
        "hourlyRate": { "amount": "9000", "currency": "KRW" },
    });
    table(
        cast,
        &cast.host,
        "registerVehicle",
        &[
            ("a plate of 21 letters", "VEH002", but(&right, json!({ "licensePlate": "1".repeat(21) }))),
            ("a plate with a smile", "VEH002", but(&right, json!({ "licensePlate": "12가🚗3456" }))),
            ("no plate", "VEH002", but(&right, json!({ "licensePlate": " " }))),
            ("a taken plate", "VEH001", but(&right, json!({ "licensePlate": "11가1111" }))),
            ("a taken plate, decomposed", "VEH001", but(&right, json!({ "licensePlate": "11\u{1100}\u{1161}1111" }))),
            ("a make of 300 letters", "VEH002", but(&right, json!({ "make": "현".repeat(300) }))),
            ("a model with control characters", "VEH002", but(&right, json!({ "model": "a\u{7}b" }))),
            ("a year of steam", "VEH002", but(&right, json!({ "year": 1800 }))),
            ("a year to come", "VEH002", but(&right, json!({ "year": 2100 }))),
            ("free of charge", "VEH002", but(&right, json!({ "hourlyRate": { "amount": "0", "currency": "KRW" } }))),
            ("negative", "VEH002", but(&right, json!({ "hourlyRate": { "amount": "-1", "currency": "KRW" } }))),
            ("half a won", "SYS003", but(&right, json!({ "hourlyRate": { "amount": "0.5", "currency": "KRW" } }))),
            ("another currency", "SYS003", but(&right, json!({ "hourlyRate": { "amount": "9.00", "currency": "USD" } }))),
            ("beyond the pole", "SYS003", but(&right, json!({ "location": { "lat": 90.5, "lng": 127.0 } }))),
            ("no such zone", "SYS003", but(&right, json!({ "timeZone": "Asia/Atlantis" }))),
        ],
    );
    let car = json!({ "vehicleId": cast.vehicle });
    let windows = |windows: Value| but(&car, json!({ "windows": windows }));
    table(
        cast,
        &cast.host,
        "setWeeklyAvailability",
        &[
            (
                "an overlap",
                "AVL001",
                windows(
                    json!([{ "dayOfWeek": 1, "startTime": "09:00", "endTime": "12:00" }, { "dayOfWeek": 1, "startTime": "11:00", "endTime": "13:00" }]),
                ),
            ),
            ("an eighth day", "AVL001", windows(json!([{ "dayOfWeek": 7 }]))),
            ("back to front", "AVL001", windows(json!([{ "dayOfWeek": 1, "startTime": "12:00", "endTime": "12:00" }]))),
        ],
    );
    table(
        cast,
        &cast.host,
        "setBookingPolicy",
        &[
            ("a negative notice", "AVL003", but(&car, json!({ "minNoticeMinutes": -1 }))),
            ("the shortest longer than the longest", "AVL003", but(&car, json!({ "minDurationMinutes": 600, "maxDurationMinutes": 60 }))),
        ],
    );
    // A car is public: whose it is not may know that it is there.
    tokens::forbidden(
        rival,
        &format!("mutation {{ activateVehicle(input: {{ vehicleId: \"{}\" }}) {{ userErrors {{ code }} }} }}", cast.vehicle),
    );
    let file = |kind: &str, bytes: i64| but(&car, json!({ "contentType": kind, "bytes": bytes, "sha256": "0".repeat(64) }));
    table(
        cast,
        &cast.host,
        "requestPhotoUpload",
        &[
            ("a script", "FILE001", file("text/html", 100)),
            ("nothing", "FILE001", file("image/png", 0)),
            ("too much", "FILE001", file("image/png", 1 << 30)),
        ],
    );
}

fn people(cast: &Cast) {
    let right =
        json!({ "email": "new@people.example", "password": PASSWORD, "name": "새 사람", "phone": "010-9876-5432", "role": "GUEST" });
    let anyone = cast.book.client();
    for (case, code, changes) in [
        ("a name of 300 letters", "USER002", json!({ "name": "가".repeat(300) })),
        ("no name", "USER002", json!({ "name": "  " })),
        ("a name with a smile", "USER002", json!({ "name": "김😀하늘" })),
        ("a name with control characters", "USER002", json!({ "name": "김\u{0}하늘" })),
        ("a name that writes backwards", "USER002", json!({ "name": "김\u{202e}하늘" })),
        ("a phone of letters", "USER002", json!({ "phone": "call me" })),
        ("a phone of 40 digits", "USER002", json!({ "phone": "0".repeat(40) })),
        ("no address", "SYS003", json!({ "email": "nobody" })),
        ("an endless address", "SYS003", json!({ "email": format!("{}@people.example", "a".repeat(300)) })),
        ("a taken address", "AUTH004", json!({ "email": "guest@people.example" })),
        ("a taken address in capitals", "AUTH004", json!({ "email": "GUEST@People.Example" })),
        ("a short password", "AUTH005", json!({ "password": "1234567" })),
        ("an endless password", "AUTH005", json!({ "password": "p".repeat(129) })),
    ] {
        let head = cast.head();
        assert_eq!(anyone.mutate("registerUser", "accessToken user { id }", &but(&right, changes)).refused(), code, "{case}");
        assert_eq!(cast.head(), head, "{case}: something was appended");
    }
    for (email, password) in [("guest@people.example", "wrong-password"), ("nobody@people.example", PASSWORD), ("", "")] {
        let login = anyone.mutate("login", "accessToken", &json!({ "email": email, "password": password }));
        assert_eq!(login.refused(), "AUTH001", "{email}");
    }
    for code in ["", "x", "01a1fb8ceb0573fdb399b0266108e259.1795308078.10fb5dda579cafacf01d4c00333dc5fa"] {
        assert_eq!(anyone.mutate("verifyEmail", "user { id }", &json!({ "code": code })).refused(), "AUTH008", "{code}");
    }
}

/// Not found comes before every other rule, also for what is somebody else's. A query answers null.
fn unknown(cast: &Cast, trip: &Trip) {
    let booking = format!("booking-{}", uuid::Uuid::now_v7());
    for id in [booking.as_str(), "booking-x", "", "vehicle-1", trip.id.as_str()] {
        let of = json!({ "bookingId": id });
        table(cast, &cast.guest2, "approveBooking", &[(id, "BOOKING001", of.clone())]);
        table(cast, &cast.guest2, "rejectBooking", &[(id, "BOOKING001", but(&of, json!({ "response": "" })))]);
        table(cast, &cast.guest2, "cancelBooking", &[(id, "BOOKING001", but(&of, json!({ "reason": "" })))]);
        table(cast, &cast.guest2, "startTrip", &[(id, "BOOKING001", but(&of, json!({ "odometerKm": -5 })))]);
        table(cast, &cast.guest2, "reportNoShow", &[(id, "BOOKING001", of)]);
        let data = cast.guest2.query(
            "query($id: ID!) { booking(id: $id) { id } node(id: $id) { id } payment(id: $id) { id } vehicle(id: $id) { id } }",
            json!({ "id": id }),
        );
        assert_eq!(data, json!({ "booking": null, "node": null, "payment": null, "vehicle": null }), "{id}");
    }
    let payment = cast.booking(trip)["payment"]["id"].clone();
    let data = cast.guest2.query("query($id: ID!) { payment(id: $id) { id } node(id: $id) { id } }", json!({ "id": payment }));
    assert_eq!(data, json!({ "payment": null, "node": null }), "a foreign payment");
    let settlement = format!("settlement-{}", uuid::Uuid::now_v7());
    table(cast, &cast.finance, "approveSettlement", &[("unknown", "SYS007", json!({ "settlementId": settlement }))]);
    table(cast, &cast.finance, "requestRefund", &[("unknown", "SYS007", json!({ "paymentId": "payment-?", "reason": "x" }))]);
}

/// One key is one wish.
fn keys(cast: &Cast) {
    let slot = cast.slot(300, 2);
    let first = but(&cast.wish(slot), json!({ "idempotencyKey": "one key" }));
    let payload = cast.guest.mutate("requestBooking", BOOKING, &first).done();
    let head = cast.head();
    let other =
        but(&cast.wish((slot.0, slot.1.checked_add(SignedDuration::from_hours(1)).unwrap())), json!({ "idempotencyKey": "one key" }));
    assert_eq!(cast.guest.mutate("requestBooking", BOOKING, &other).refused(), "SYS004");
    let cancel = json!({ "idempotencyKey": "one key", "bookingId": payload["booking"]["id"], "reason": "x" });
    assert_eq!(cast.guest.mutate("cancelBooking", BOOKING, &cancel).refused(), "SYS004", "another command");
    assert_eq!(cast.guest2.mutate("requestBooking", BOOKING, &first).refused(), "BOOKING002", "a key belongs to its actor");
    assert_eq!(cast.guest2.mutate("requestBooking", BOOKING, &first).refused(), "BOOKING002", "a refusal is replayed");
    assert_eq!(cast.head(), head);
    let again = json!({ "bookingId": payload["booking"]["id"], "reason": "x" });
    cast.guest.command("cancelBooking", BOOKING, again).done();
    assert_eq!(cast.guest2.mutate("requestBooking", BOOKING, &first).refused(), "BOOKING002", "also when it would now be accepted");
    let replayed = cast.guest.mutate("requestBooking", BOOKING, &first).done();
    assert_eq!((&replayed["receipt"]["replayed"], &replayed["receipt"]["position"]), (&json!(true), &payload["receipt"]["position"]));
    cast.guest.command("requestBooking", BOOKING, cast.wish(slot)).done();
}
