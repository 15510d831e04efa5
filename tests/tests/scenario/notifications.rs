//! People are told what concerns them, once: in their inbox, on their socket, and by the ways that they chose.

use std::thread::sleep;
use std::time::{Duration, Instant};

use daybook_tests::server::{Client, Socket, Variant};
use kernel::jiff::SignedDuration;
use kernel::jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cast::{BOOKING, Cast, scenario, text};

const RECEIVED: &str =
    "subscription($after: String) { notificationReceived(after: $after) { cursor node { id template kind title status aboutId } } }";
const NOTIFICATION: &str = "notification { id status readAt deliveries { channel status } }";

#[test]
fn embedded() {
    scenario(Variant::Embedded, |cast| {
        let admin = cast.book.demo("admin");
        play(cast, &admin);
    });
}

#[test]
fn server() {
    scenario(Variant::Server, |cast| {
        let admin = cast.book.staff("admin", "admin");
        play(cast, &admin);
    });
}

fn play(cast: &mut Cast, admin: &Client) {
    told_of_a_request(cast);
    sent_by_hand(cast, admin);
    preferences(cast);
    put_off(cast);
    once_over_a_crash(cast);
}

fn unread(client: &Client) -> i64 {
    client.query("{ unreadCount }", json!({}))["unreadCount"].as_i64().unwrap()
}

/// Waits until so many are unread: what others do reaches the hot rows a moment later.
fn awaits(client: &Client, count: i64) {
    let began = Instant::now();
    while unread(client) != count {
        assert!(began.elapsed() < Duration::from_secs(30), "{} are unread, not {count}", unread(client));
        sleep(Duration::from_millis(50));
    }
}

fn inbox(client: &Client, arguments: &str) -> Vec<Value> {
    let query =
        format!("{{ notifications({arguments}) {{ nodes {{ id template status title text aboutId deliveries {{ channel status }} }} }} }}");
    client.query(&query, json!({}))["notifications"]["nodes"].as_array().unwrap().clone()
}

/// A request is on its host's screen at once, is counted once, and is read once.
fn told_of_a_request(cast: &Cast) {
    let mut socket = Socket::open(&cast.host);
    let start = text(&cast.auditor.query("{ events(last: 1) { edges { cursor } } }", json!({}))["events"]["edges"][0]["cursor"]);
    socket.subscribe("mine", RECEIVED, &json!({ "after": start }));
    assert_eq!(unread(&cast.host), 0);
    let trip = cast.request(30, 4);
    let item = socket.next("mine", "notificationReceived");
    let told = &item["node"];
    assert_eq!(
        (&told["template"], &told["kind"], &told["status"]),
        (&json!("BOOKING_REQUESTED"), &json!("TRANSACTIONAL"), &json!("UNREAD"))
    );
    assert_eq!((&told["title"], &told["aboutId"]), (&json!("새 예약 요청"), &json!(trip.id)));
    cast.advance(SignedDuration::ZERO);
    awaits(&cast.host, 1);
    assert_eq!(unread(&cast.guest), 0, "it is told to nobody else");
    let listed = inbox(&cast.host, "unreadOnly: true");
    assert_eq!(listed.iter().map(|row| &row["id"]).collect::<Vec<_>>(), [&told["id"]]);
    assert!(
        text(&listed[0]["text"]).contains("your car from 20"),
        "in the reader's language, times as a clock shows them: {}",
        listed[0]["text"]
    );

    let id = json!({ "notificationId": told["id"] });
    let foreign = cast.guest.command("markRead", NOTIFICATION, id.clone());
    assert_eq!(foreign.verdict(), "NOTI001");
    assert_eq!(cast.host.command("archiveNotification", NOTIFICATION, json!({ "notificationId": "nonsense" })).verdict(), "NOTI001");
    let read = cast.host.command("markRead", NOTIFICATION, id.clone()).done();
    assert_eq!((&read["notification"]["status"], unread(&cast.host)), (&json!("READ"), 0));
    let again = cast.host.command("markRead", NOTIFICATION, id.clone()).done();
    assert_eq!((&again["notification"]["readAt"], unread(&cast.host)), (&read["notification"]["readAt"], 0));
    assert_eq!(inbox(&cast.host, "unreadOnly: true").len(), 0);
    let archived = cast.host.command("archiveNotification", NOTIFICATION, id).done();
    assert_eq!(archived["notification"]["status"], "ARCHIVED");
    assert_eq!((inbox(&cast.host, "first: 5").len(), inbox(&cast.host, "archived: true").len()), (0, 1));
    // Whoever comes back with an old cursor hears of it once more, and of nothing twice.
    let mut late = Socket::open(&cast.host);
    late.subscribe("again", RECEIVED, &json!({ "after": start }));
    assert_eq!(late.next("again", "notificationReceived")["cursor"], item["cursor"]);
    cast.cancel(&cast.guest, &trip).done();
    assert_eq!(late.next("again", "notificationReceived")["node"]["template"], "BOOKING_CANCELLED");
    cast.advance(SignedDuration::ZERO);
    let left = cast.host.command("markAllRead", "unreadCount", json!({})).done();
    assert_eq!((&left["unreadCount"], unread(&cast.host)), (&json!(0), 0));
}

/// The same mark tells the same person the same thing once, and only some may say anything.
fn sent_by_hand(cast: &Cast, admin: &Client) {
    let me = text(&cast.guest2.query("{ me { id } }", json!({}))["me"]["id"]);
    let letter = |template: &str| json!({ "userId": me, "template": template, "message": "점검 안내입니다", "source": "maintenance-1" });
    let first = admin.command("sendNotification", "notificationId", letter("ANNOUNCEMENT")).done();
    let again = admin.command("sendNotification", "notificationId", letter("ANNOUNCEMENT")).done();
    assert_eq!(first["notificationId"], again["notificationId"]);
    awaits(&cast.guest2, 1);
    assert_eq!(inbox(&cast.guest2, "first: 5")[0]["text"], "점검 안내입니다");
    assert_eq!(admin.command("sendNotification", "notificationId", letter("NOTHING")).verdict(), "NOTI002");
    assert_eq!(admin.command("sendNotification", "notificationId", letter("PAYMENT_COMPLETED")).verdict(), "NOTI002");
    let nobody = json!({ "userId": "user-00000000-0000-0000-0000-000000000009", "template": "ANNOUNCEMENT", "message": "x" });
    assert_eq!(admin.command("sendNotification", "notificationId", nobody).verdict(), "USER001");
    let advert = admin.command("sendNotification", "notificationId", letter("PROMOTION")).done();
    assert!(advert["notificationId"].is_null(), "nobody agreed to advertising");
    assert_eq!(unread(&cast.guest2), 1);
}

fn preferences(cast: &Cast) {
    const SHOWN: &str = "preferences { language transactional marketing quietHours { from until timeZone } }";
    let choice =
        |kind: &str, enabled: bool| json!({ "choices": [{ "kind": kind, "channel": "EMAIL", "enabled": enabled }], "language": "EN" });
    let refused = cast.guest.command("setNotificationPreferences", SHOWN, choice("MANDATORY", false));
    assert_eq!(refused.verdict(), "NOTI003");
    let chosen = cast.guest.command("setNotificationPreferences", SHOWN, choice("TRANSACTIONAL", true)).done();
    assert_eq!((&chosen["preferences"]["language"], &chosen["preferences"]["transactional"]), (&json!("EN"), &json!(["EMAIL", "PUSH"])));
    for bad in [json!({ "from": "22:00", "until": "22:00" }), json!({ "from": "25:00", "until": "07:00" })] {
        assert_eq!(cast.guest.command("setQuietHours", SHOWN, json!({ "quietHours": bad })).verdict(), "SYS003");
    }
    let nowhere = json!({ "quietHours": { "from": "22:00", "until": "07:00", "timeZone": "Mars/Olympus" } });
    assert_eq!(cast.guest.command("setQuietHours", SHOWN, nowhere).verdict(), "SYS003");
    let seen = cast.guest.query("{ notificationPreferences { language quietHours { from } } }", json!({}));
    assert_eq!(seen["notificationPreferences"], json!({ "language": "EN", "quietHours": null }));
}

/// Quiet hours put off what leaves the house and nothing else; what is mandatory passes.
fn put_off(cast: &Cast) {
    let local = cast.now().to_zoned(TimeZone::get("Asia/Seoul").unwrap());
    let clock = |hours: i64| local.saturating_add(SignedDuration::from_hours(hours)).strftime("%H:00").to_string();
    let hours = json!({ "quietHours": { "from": clock(-1), "until": clock(3), "timeZone": "Asia/Seoul" } });
    cast.guest.command("setQuietHours", "preferences { language }", hours).done();
    let trip = cast.request(30, 4);
    cast.host.command("approveBooking", BOOKING, json!({ "bookingId": trip.id })).done();
    cast.pay(&trip, "sandbox-ok-card").done();
    cast.advance(SignedDuration::ZERO);
    let find = |template: &str| inbox(&cast.guest, "first: 20").into_iter().find(|row| row["template"] == template).unwrap();
    let by_mail = |status: &str| json!([{ "channel": "EMAIL", "status": status }]);
    assert_eq!(find("BOOKING_APPROVED")["deliveries"], by_mail("PLANNED"), "the inbox has it at once");
    assert_eq!(find("PAYMENT_COMPLETED")["deliveries"], by_mail("SUCCEEDED"), "a payment waits for nothing");
    let sent = |words: &str| cast.book.logged().lines().filter(|line| line.contains("daybook::outbox") && line.contains(words)).count();
    assert_eq!((sent("Payment completed"), sent("Booking approved")), (1, 0));
    cast.advance(SignedDuration::from_hours(5));
    assert_eq!(find("BOOKING_APPROVED")["deliveries"], by_mail("SUCCEEDED"));
    assert_eq!((sent("Payment completed"), sent("Booking approved")), (1, 1), "each went out once");
    cast.guest.command("setQuietHours", "preferences { language }", json!({ "quietHours": null })).done();
}

/// A killed server tells nobody twice and forgets nobody.
fn once_over_a_crash(cast: &mut Cast) {
    let created = |cast: &Cast| {
        let filter = json!({ "filter": { "types": ["NotificationCreated", "DeliverySucceeded"] } });
        cast.auditor.query("query($filter: EventFilter) { events(filter: $filter) { totalCount } }", filter)["events"]["totalCount"]
            .as_i64()
            .unwrap()
    };
    let trip = cast.request(60, 4);
    cast.book.kill();
    cast.book.restart();
    cast.again();
    let told = inbox(&cast.host, "first: 20").into_iter().filter(|row| row["aboutId"] == trip.id.as_str()).count();
    assert_eq!(told, 1);
    awaits(&cast.host, 3);
    let before = created(cast);
    cast.book.kill();
    cast.book.restart();
    cast.again();
    assert_eq!(created(cast), before);
    awaits(&cast.host, 3);
}
