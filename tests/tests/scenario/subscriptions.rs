//! What happens, as it happens, and again from a cursor.

use daybook_tests::server::{Client, Socket, Variant, texts};
use serde_json::{Value, json};

use crate::cast::{BOOKING, Cast, scenario, text};

const ONE: &str =
    "subscription($id: ID!, $after: String) { bookingUpdated(id: $id, after: $after) { cursor node { id status isConfirmed } } }";
const MINE: &str = "subscription($after: String) { myBookingUpdates(after: $after) { cursor node { id status isConfirmed } } }";
const EVENTS: &str = "subscription($filter: EventFilter, $after: String) { events(filter: $filter, after: $after) { cursor node { position type stream } } }";

#[test]
fn embedded() {
    scenario(Variant::Embedded, play);
}

#[test]
fn server() {
    scenario(Variant::Server, play);
}

fn play(cast: &mut Cast) {
    closing_codes(cast);
    strangers(cast);
    let cursors = life_of_a_booking(cast);
    resumed(cast, &cursors);
    over_a_crash(cast);
    cast.close();
}

fn closing_codes(cast: &Cast) {
    let mut socket = Socket::connect(&cast.guest);
    socket.say(&json!({ "id": "1", "type": "subscribe", "payload": { "query": MINE } }));
    assert_eq!(socket.hear(), Err(Some(4401)), "before connection_init");
    let mut socket = Socket::connect(&cast.guest);
    socket.say(&json!({ "type": "connection_init", "payload": { "authorization": "Bearer nonsense" } }));
    assert_eq!(socket.hear(), Err(Some(4403)), "a forged token");
    let mut socket = Socket::open(&cast.guest);
    socket.subscribe("1", MINE, &json!({}));
    socket.subscribe("1", MINE, &json!({}));
    assert_eq!(socket.hear(), Err(Some(4409)), "an id twice");
    let mut socket = Socket::open(&cast.guest);
    socket.say(&json!({ "type": "nonsense" }));
    assert_eq!(socket.hear(), Err(Some(4400)), "no such message");
}

/// A foreign booking is not found; the log is not for everybody; a cursor of something else is refused.
fn strangers(cast: &Cast) {
    let trip = cast.request(30, 4);
    for (by, query, variables, code) in [
        (&cast.guest2, ONE, json!({ "id": trip.id }), "BOOKING001"),
        (&cast.guest2, EVENTS, json!({}), "AUTH010"),
        (&cast.book.client(), MINE, json!({}), "AUTH002"),
        (&cast.guest, MINE, json!({ "after": "nonsense" }), "SYS003"),
    ] {
        let mut socket = Socket::open(by);
        socket.subscribe("s", query, &variables);
        let message = socket.hear().unwrap();
        let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
        assert_eq!(errors[0]["extensions"]["code"], code, "{query}: {message}");
    }
    cast.cancel(&cast.guest, &trip).done();
}

/// Both parties and the auditor watch a booking from the request to the payment. What the guest saw, with cursors.
fn life_of_a_booking(cast: &Cast) -> Vec<(String, Value)> {
    let (mut guest, mut host, mut auditor) = (Socket::open(&cast.guest), Socket::open(&cast.host), Socket::open(&cast.auditor));
    guest.subscribe("mine", MINE, &json!({}));
    host.subscribe("mine", MINE, &json!({}));
    auditor.subscribe("log", EVENTS, &json!({ "filter": { "streamKind": "booking" } }));
    settled(&mut guest);
    settled(&mut host);
    settled(&mut auditor);
    let trip = cast.paid(30, 4);
    let seen: Vec<_> = (0..3).map(|_| guest.next("mine", "myBookingUpdates")).collect();
    let stands = |item: &Value| (text(&item["node"]["status"]), item["node"]["isConfirmed"] == true);
    let expected = [("PENDING".to_owned(), false), ("APPROVED".to_owned(), false), ("APPROVED".to_owned(), true)];
    assert_eq!(seen.iter().map(stands).collect::<Vec<_>>(), expected);
    assert!(seen.iter().all(|item| item["node"]["id"] == trip.id.as_str()));
    let theirs: Vec<_> = (0..3).map(|_| host.next("mine", "myBookingUpdates")).collect();
    assert_eq!(theirs, seen, "both parties see the same");
    let types: Vec<_> = (0..3).map(|_| text(&auditor.next("log", "events")["node"]["type"])).collect();
    assert_eq!(types, ["BookingRequested", "BookingApproved", "BookingConfirmed"]);
    guest.say(&json!({ "id": "mine", "type": "complete" }));
    cast.cancel(&cast.guest, &trip).done();
    seen.into_iter().map(|item| (text(&item["cursor"]), item)).collect()
}

/// A query on the same socket answers when what was asked before has begun.
fn settled(socket: &mut Socket) {
    socket.subscribe("ping", "{ me { id } }", &json!({}));
    assert!(socket.next("ping", "me")["id"].is_string());
    let complete = socket.hear().unwrap();
    assert_eq!((complete["type"].as_str(), complete["id"].as_str()), (Some("complete"), Some("ping")));
    // The subscription reads the log's end before its first item; that takes one look at the store.
    std::thread::sleep(std::time::Duration::from_millis(300));
}

/// From each cursor on, exactly what came after it.
fn resumed(cast: &Cast, seen: &[(String, Value)]) {
    let id = seen[0].1["node"]["id"].clone();
    for (index, (cursor, _)) in seen.iter().enumerate() {
        let mut socket = Socket::open(&cast.guest);
        socket.subscribe("again", ONE, &json!({ "id": id, "after": cursor }));
        let mut items: Vec<_> = (index..3).map(|_| socket.next("again", "bookingUpdated")).collect();
        let last = items.pop().unwrap();
        assert_eq!(last["node"]["status"], "CANCELLED");
        assert_eq!(items, seen[index + 1..].iter().map(|(_, item)| item.clone()).collect::<Vec<_>>());
    }
}

/// A client whose server was killed misses nothing and sees nothing twice.
fn over_a_crash(cast: &mut Cast) {
    let start = cast.auditor.query("{ events(last: 1) { edges { cursor } } }", json!({}));
    let start = text(&start["events"]["edges"][0]["cursor"]);
    let trip = cast.request(30, 4);
    let mut socket = Socket::open(&cast.auditor);
    let filter = json!({ "streamKind": "booking" });
    socket.subscribe("log", EVENTS, &json!({ "filter": filter, "after": start }));
    let first = socket.next("log", "events");
    assert_eq!(first["node"]["type"], "BookingRequested");
    cast.book.kill();
    assert!(socket.hear().is_err(), "the connection is gone");
    cast.book.restart();
    cast.again();
    cast.host.command("rejectBooking", BOOKING, json!({ "bookingId": trip.id, "response": "미안합니다" })).done();
    let mut socket = Socket::open(&cast.auditor);
    socket.subscribe("log", EVENTS, &json!({ "filter": filter, "after": first["cursor"] }));
    assert_eq!(socket.next("log", "events")["node"]["type"], "BookingRejected");
    pages(&cast.auditor);
    drained(cast);
}

/// The list and the stream share their cursors.
fn pages(auditor: &Client) {
    let page = auditor.query("{ events(first: 100) { edges { cursor node { position } } } }", json!({}));
    let edges = page["events"]["edges"].as_array().unwrap().clone();
    let mut socket = Socket::open(auditor);
    socket.subscribe("log", EVENTS, &json!({ "after": edges[10]["cursor"] }));
    for edge in &edges[11..] {
        let item = socket.next("log", "events");
        assert_eq!((&item["cursor"], &item["node"]["position"]), (&edge["cursor"], &edge["node"]["position"]));
    }
    assert_eq!(texts(&json!(edges), "cursor").len(), edges.len());
}

/// SIGTERM closes sockets with 1001, so that clients come back.
fn drained(cast: &mut Cast) {
    let mut socket = Socket::open(&cast.guest);
    socket.subscribe("mine", MINE, &json!({}));
    settled(&mut socket);
    assert_eq!(cast.book.terminate(), Some(0));
    let closed = std::iter::from_fn(|| Some(socket.hear())).find_map(Result::err);
    assert_eq!(closed, Some(Some(1001)));
    cast.book.restart();
    cast.again();
}
