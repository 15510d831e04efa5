//! Redis is really used, and its loss refuses nobody anything: emptied, killed, and back again with nothing in it.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use daybook_tests::server::{Daybook, Variant, free_port};
use serde_json::json;

use crate::cast::sign_up;

const PATIENCE: Duration = Duration::from_secs(30);

/// A Redis of our own.
struct Redis {
    port: u16,
    server: Child,
}

impl Redis {
    fn start(port: u16) -> Self {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let server = command.stdout(Stdio::null()).spawn().expect("redis-server is missing; scripts/test installs it");
        let redis = Self { port, server };
        let began = Instant::now();
        while redis.say(&["ping"]) != "PONG" {
            assert!(began.elapsed() < PATIENCE, "Redis does not answer");
            sleep(Duration::from_millis(20));
        }
        redis
    }

    fn say(&self, words: &[&str]) -> String {
        let said = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).stderr(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    /// Waits until there is a key of this kind.
    fn has(&self, pattern: &str) {
        let began = Instant::now();
        while self.say(&["--scan", "--pattern", pattern]).is_empty() {
            assert!(began.elapsed() < PATIENCE, "there is no {pattern} in {}", self.say(&["--scan"]));
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn sessions_limits_and_hot_rows_are_in_redis_and_outlive_it() {
    let port = free_port();
    let redis = Redis::start(port);
    let url: &'static str = Box::leak(format!("redis://127.0.0.1:{port}").into_boxed_str());
    let settings = [
        ("REDIS_URL", url),
        ("DAYBOOK_ADVANCE_CLOCK", "on"),
        ("DAYBOOK_LIMITS", "on"),
        ("DAYBOOK_LIMIT_ADDRESS_PER_MINUTE", "10000"),
        ("DAYBOOK_LIMIT_USER_PER_HOUR", "10000"),
    ];
    let book = Daybook::start_with(Variant::Server, &settings);
    let phone = sign_up(&book, "minjun", "GUEST");
    let laptop = book.client().login("minjun@people.example", daybook_tests::server::PASSWORD);
    told(&book, &phone);
    // Whoever answers, hot rows or tables: one is unread.
    let works = |who: &daybook_tests::server::Client| {
        let answer = who.send("{ me { id } waitingForMe unreadCount }", &json!({}));
        assert!(!answer.body["errors"].is_null() || answer.body["data"]["unreadCount"] == 1, "{}", answer.body);
        answer.body["errors"].is_null()
    };
    assert!(works(&phone) && works(&laptop));
    for kind in [
        "daybook:*:session:session-*",
        "daybook:*:count:*",
        "daybook:*:acknowledged:*",
        "*rows:live_bookings*",
        "*rows:vehicle_places*",
        "*rows:unread*",
    ] {
        redis.has(kind);
    }
    // Signed out on one device: its tokens are refused with the deny-list, and without.
    let out = laptop.send("mutation { logout(input: {}) { userErrors { code } } }", &json!({})).data();
    assert_eq!(out["logout"]["userErrors"], json!([]));
    redis.has("daybook:*:denied:session-*");
    let refused = |who: &daybook_tests::server::Client| who.send("{ me { id } }", &json!({})).status == 401;
    assert!(refused(&laptop));
    assert_eq!(redis.say(&["flushall"]), "OK");
    assert!(refused(&laptop) && works(&phone));
    redis.has("daybook:*:session:session-*");
    redis.has("*rows:live_bookings*");
    redis.has("*rows:unread*");

    let checked = || {
        let (status, body) = book.client().get("/readyz").unwrap();
        let told: serde_json::Value = serde_json::from_str(&body).unwrap();
        (status, told["ready"].clone(), told["degraded"].clone(), told["checks"]["redis"]["ok"].clone())
    };
    assert_eq!(checked(), (200, json!(true), json!(false), json!(true)));
    drop(redis);
    assert_eq!(checked(), (200, json!(true), json!(true), json!(false)), "told, and no reason to send requests elsewhere");
    assert!(refused(&laptop) && works(&phone));
    let again = book.client().login("minjun@people.example", daybook_tests::server::PASSWORD);
    assert!(works(&again), "nobody needs Redis to sign in");
    let redis = Redis::start(port);
    let began = Instant::now();
    while redis.say(&["--scan", "--pattern", "daybook:*:session:session-*"]).is_empty() {
        assert!(works(&phone) && refused(&laptop));
        assert!(began.elapsed() < PATIENCE, "Redis is not used again");
        sleep(Duration::from_millis(100));
    }
    redis.has("*rows:live_bookings*");
    redis.has("*rows:unread*");
    assert!(works(&phone));
}

/// Somebody has one notification that they have not seen.
fn told(book: &Daybook, who: &daybook_tests::server::Client) {
    let user = who.send("{ me { id } }", &json!({})).data()["me"]["id"].clone();
    let letter = json!({ "userId": user, "template": "ANNOUNCEMENT", "message": "안내" });
    book.staff("admin", "admin").command("sendNotification", "notificationId", letter).done();
    let began = Instant::now();
    while who.send("{ unreadCount }", &json!({})).data()["unreadCount"] != 1 {
        assert!(began.elapsed() < PATIENCE, "the notification is not counted");
        sleep(Duration::from_millis(50));
    }
}
