//! What those who run it do with read models: stop one, let it go on, have it built anew. From any node, on the record.

use std::thread::sleep;
use std::time::{Duration, Instant};

use daybook_tests::server::{Client, Process, Variant, free_port};
use serde_json::{Value, json};

use crate::cast::{BOOKING, Cast, text};

const MODEL: &str =
    "projection { name state lagEvents pause { by reason } rebuild { number state dryRun differences rows error asked { by reason } } }";
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until it holds.
fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        sleep(Duration::from_millis(100));
    }
}

/// How a model is.
fn model(client: &Client, name: &str) -> Value {
    let query = "{ projections { name state position lagEvents pause { by reason } rebuild { number state differences rows asked { by reason } } } }";
    let data = client.send(query, &json!({})).data();
    let found = data["projections"].as_array().unwrap().iter().find(|model| model["name"] == name).cloned();
    found.unwrap_or_else(|| panic!("there is no {name} in {data}"))
}

fn operator(cast: &Cast) -> Client {
    match cast.book.variant() {
        Variant::Embedded => cast.book.demo("admin"),
        Variant::Server => cast.book.staff("operator", "ADMIN"),
    }
}

fn id_of(client: &Client) -> String {
    text(&client.query("{ me { id } }", json!({}))["me"]["id"])
}

/// Types and actors of what the log has about read models.
fn record(cast: &Cast) -> Vec<(String, String)> {
    let query = "{ events(filter: { streamKind: \"projection\" }, first: 50) { nodes { type actor } } }";
    let nodes = cast.auditor.query(query, json!({}))["events"]["nodes"].clone();
    nodes.as_array().unwrap().iter().map(|event| (text(&event["type"]), text(&event["actor"]))).collect()
}

/// Waits until a paused model has come to the event that pauses it; where that is.
fn stopped(client: &Client, paused: &Value) -> Value {
    let (name, upto) = (text(&paused["projection"]["name"]), paused["receipt"]["position"].clone());
    eventually("the pause", || (model(client, &name)["position"] == upto).then(|| upto.clone()))
}

fn play(cast: &Cast) {
    let (admin, trip) = (operator(cast), cast.request(24, 4));
    let me = id_of(&admin);
    let named = |name: &str| json!({ "name": name, "reason": "점검" });
    assert_eq!(admin.command("pauseProjection", MODEL, named("nothing")).refused(), "SYS007");
    assert_eq!(admin.command("resumeProjection", MODEL, named("bookings")).refused(), "SYS006");

    // Built anew beside the live one, by a worker: readers see bookings all the time.
    let asked = admin.command("rebuildProjection", MODEL, named("bookings")).done();
    assert_eq!((&asked["projection"]["rebuild"]["number"], &asked["projection"]["rebuild"]["asked"]["by"]), (&json!(1), &json!(me)));
    let rebuilt = eventually("a rebuild", || {
        let booking = cast.guest.query("query($id: ID!) { booking(id: $id) { id } }", json!({ "id": trip.id }));
        assert_eq!(booking["booking"]["id"], json!(trip.id));
        Some(model(&admin, "bookings")).filter(|model| model["rebuild"]["state"] != "RUNNING")
    });
    let rebuild = &rebuilt["rebuild"];
    assert_eq!(
        (&rebuild["state"], &rebuild["differences"], &rebuild["asked"]["reason"]),
        (&json!("SWITCHED"), &json!("0"), &json!("점검")),
        "{rebuilt}"
    );
    let dry = json!({ "name": "payments", "reason": "비교만", "dryRun": true });
    let _ = admin.command("rebuildProjection", MODEL, dry).done();
    eventually("a comparison", || (model(&admin, "payments")["rebuild"]["state"] == "SAME").then_some(()));

    // Stopped: what is read of it stands still and says so; everything else goes on, its own decisions too.
    let paused = admin.command("pauseProjection", MODEL, named("bookings")).done();
    assert_eq!((&paused["projection"]["state"], &paused["projection"]["pause"]["by"]), (&json!("HALTED"), &json!(me)), "{paused}");
    assert_eq!(admin.command("pauseProjection", MODEL, named("bookings")).refused(), "SYS006");
    let before = stopped(&admin, &paused);
    let approved = cast.host.command("approveBooking", BOOKING, json!({ "bookingId": trip.id })).done();
    assert_eq!(approved["booking"]["status"], "APPROVED");
    let stale = cast.host.send("query($id: ID!) { booking(id: $id) { status } }", &json!({ "id": trip.id }));
    assert_eq!(stale.code(), "PROJECTION_LAGGING", "{stale:?}");
    assert_eq!(model(&admin, "bookings")["position"], before);
    eventually("other models", || (model(&admin, "payments")["lagEvents"] == "0").then_some(()));
    let metrics = admin.get("/metrics").unwrap().1;
    for line in ["daybook_projection_paused{projection=\"bookings\"} 1", "daybook_projection_paused{projection=\"payments\"} 0"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    let _ = admin.command("resumeProjection", MODEL, named("bookings")).done();
    eventually("the model", || {
        let now = model(&admin, "bookings");
        (now["state"] == "RUNNING" && now["lagEvents"] == "0" && now["pause"].is_null()).then_some(())
    });
    let status = cast.host.query("query($id: ID!) { booking(id: $id) { status } }", json!({ "id": trip.id }));
    assert_eq!(status["booking"]["status"], "APPROVED");

    let worker = "system:rebuilds".to_owned();
    let record = record(cast);
    let expected = [
        ("ProjectionRebuildRequested", &me),
        ("ProjectionRebuilt", &worker),
        ("ProjectionRebuildRequested", &me),
        ("ProjectionRebuilt", &worker),
        ("ProjectionPaused", &me),
        ("ProjectionResumed", &me),
    ];
    assert_eq!(record, expected.map(|(event, actor)| (event.to_owned(), actor.clone())));
}

#[test]
fn embedded() {
    play(&Cast::gather(Variant::Embedded));
}

#[test]
fn server() {
    play(&Cast::gather(Variant::Server));
}

/// A second node: it is denied what the first one holds and says so, hears of a pause, and takes over when the first one ends.
#[test]
fn every_worker_is_told_and_tells_how_it_is() {
    let mut cast = Cast::gather(Variant::Server);
    let admin = operator(&cast);
    let address = format!("127.0.0.1:{}", free_port());
    let data = cast.book.data().join("worker");
    let mut command = cast.book.configured();
    let command = command.arg("worker").env("DAYBOOK_WORKER_LISTEN", &address).env("DAYBOOK_DATA", data).env("DAYBOOK_ADVANCE_CLOCK", "on");
    let mut worker = Process::spawn(command, &cast.book.data().join("worker.log"));
    let there = Client::new(&format!("http://{address}"));
    eventually("a worker that is ready", || there.get("/readyz").filter(|(status, _)| *status == 200));
    assert_eq!(there.get("/livez").unwrap().0, 200);
    let denied = "daybook_leases_total{kind=\"projection\",name=\"bookings\",outcome=\"denied\"}";
    let metrics = eventually("a denied lease", || there.get("/metrics").map(|(_, text)| text).filter(|text| text.contains(denied)));
    for name in
        ["daybook_effects_queue{state=\"pending\"}", "daybook_process_position", "daybook_projection_lag_events", "daybook_timers_pending"]
    {
        assert!(metrics.contains(name), "{name} is not in\n{metrics}");
    }
    assert_eq!(there.get("/graphql").unwrap().0, 404);

    let paused = admin.command("pauseProjection", MODEL, json!({ "name": "products", "reason": "점검" })).done();
    let before = stopped(&admin, &paused);
    // The node that moved the models ends: the other one takes over all of them but this.
    assert_eq!(cast.book.terminate(), Some(0));
    cast.book.restart();
    cast.again();
    let admin = cast.book.again(&admin);
    let trip = cast.request(24, 4);
    eventually("the other models", || (model(&admin, "bookings")["lagEvents"] == "0").then_some(()));
    assert_eq!((&model(&admin, "products")["position"], &model(&admin, "products")["state"]), (&before, &json!("HALTED")), "{}", trip.id);
    assert!(there.get("/metrics").unwrap().1.contains("daybook_projection_paused{projection=\"products\"} 1"));
    let _ = admin.command("resumeProjection", MODEL, json!({ "name": "products", "reason": "점검 끝" })).done();
    eventually("the paused one", || (model(&admin, "products")["lagEvents"] == "0").then_some(()));
    assert_eq!(worker.signal("TERM"), Some(0));
}
