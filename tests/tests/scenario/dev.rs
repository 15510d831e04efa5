//! `daybook dev`: the first thing that anybody sees.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use daybook_tests::server::{Client, Daybook, Folder, Process, Variant, daybook, free_port};
use kernel::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const START: Duration = Duration::from_secs(60);
const TOKENS: [&str; 9] = ["admin", "auditor", "engineer", "finance", "finance2", "guest", "guest2", "host", "support"];

/// Starts `dev` with these arguments, in a data folder of its own.
fn dev(arguments: &[&str]) -> (Process, Folder) {
    let folder = Folder::new();
    let data = folder.path().join("data").display().to_string();
    let process = Process::spawn(daybook().args(["dev", "--data", &data]).args(arguments), &folder.path().join("log"));
    (process, folder)
}

fn ready(process: &mut Process) -> (Value, Client) {
    let ready: Value = serde_json::from_str(&process.line(START)).unwrap();
    let client = Client::new(ready["url"].as_str().unwrap());
    (ready, client)
}

fn cars(client: &Client) -> Vec<(String, String)> {
    let (from, to) = (Timestamp::now() + SignedDuration::from_hours(5), Timestamp::now() + SignedDuration::from_hours(7));
    let query = "query($from: DateTime!, $to: DateTime!) { searchVehicles(lat: 37.5665, lng: 126.978, startsAt: $from, endsAt: $to) \
                 { nodes { distanceKm vehicle { id licensePlate status owner { id name email } } } } }";
    let data = client.query(query, json!({ "from": from.to_string(), "to": to.to_string() }));
    let nodes = data["searchVehicles"]["nodes"].as_array().unwrap();
    assert!(nodes.iter().all(|node| node["distanceKm"].as_f64().unwrap() <= 5.0 && node["vehicle"]["status"] == "ACTIVE"), "{data}");
    let name = |node: &Value| (node["vehicle"]["licensePlate"].to_string(), node["vehicle"]["id"].to_string());
    nodes.iter().map(name).collect()
}

#[test]
fn one_line_of_json_names_everything_that_a_script_needs() {
    let (mut process, _folder) = dev(&["--json", "--port", "0"]);
    let (ready, client) = ready(&mut process);
    let keys: Vec<_> = ready.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["graphqlUrl", "tokens", "url"]);
    assert_eq!(ready["graphqlUrl"], format!("{}/graphql", client.url()));
    let tokens: Vec<_> = ready["tokens"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(tokens, TOKENS);
    for name in TOKENS {
        let me = client.with_token(ready["tokens"][name].as_str().unwrap()).query("{ me { roles isVerified } }", json!({}));
        let role = name.trim_end_matches('2').to_uppercase();
        assert!(me["me"]["isVerified"] == true && me["me"]["roles"].as_array().unwrap().contains(&json!(role)), "{name}: {me}");
    }
    assert!(cars(&client).len() >= 3);
    assert!(client.url().starts_with("http://127.0.0.1:"), "loopback only");
    let port = client.url().rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    assert!(TcpListener::bind(("127.0.0.2", port)).is_ok(), "it listens on one address");
    assert_eq!(client.get("/").unwrap().0, 200, "the console");
    assert_eq!(process.signal("INT"), Some(0), "Ctrl-C is an orderly end");
    assert!(process.rest().is_empty(), "one line, no more");
}

#[test]
fn the_demo_is_the_same_every_time() {
    let seen = [(); 2].map(|()| {
        let (mut process, _folder) = dev(&["--json", "--port", "0"]);
        let (ready, client) = ready(&mut process);
        let people = TOKENS.map(|name| {
            let me = client.with_token(ready["tokens"][name].as_str().unwrap()).query("{ me { id name email } }", json!({}));
            me["me"].clone()
        });
        (cars(&client), people)
    });
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn data_is_kept_with_its_tokens() {
    let mut book = Daybook::start(Variant::Embedded);
    let before = cars(&book.client());
    let guest = book.demo("guest");
    let me = guest.query("{ me { id } }", json!({}));
    assert_eq!(book.terminate(), Some(0));
    book.restart();
    assert_eq!(cars(&book.client()), before);
    assert_eq!(book.again(&guest).query("{ me { id } }", json!({})), me, "the token of before");
    assert_eq!(book.demo("guest").query("{ me { id } }", json!({})), me);
}

#[test]
fn without_the_demo_the_log_is_empty() {
    let (mut process, _folder) = dev(&["--json", "--port", "0", "--no-seed"]);
    let (ready, client) = ready(&mut process);
    assert_eq!(ready["tokens"], json!({}));
    assert!(cars(&client).is_empty());
}

#[test]
fn a_busy_port_is_said_and_the_next_one_taken() {
    let taken = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let port = taken.local_addr().unwrap().port();
    let (mut process, _folder) = dev(&["--port", &port.to_string()]);
    let said: Vec<_> = std::iter::from_fn(|| Some(process.line(START))).take_while(|line| !line.contains("Ctrl-C")).collect();
    let said = said.join("\n");
    assert!(said.contains(&format!("{port} is busy")), "{said}");
    assert!(TOKENS.iter().all(|name| said.contains(name)) && said.contains("/graphql"), "{said}");
    printed_command_works(&said);
}

/// The command as it is printed, given to a shell as it stands.
fn printed_command_works(said: &str) {
    let command: Vec<_> = said.lines().skip_while(|line| !line.starts_with("curl ")).collect();
    let end = command.iter().position(|line| !line.ends_with('\\')).unwrap();
    let output = Command::new("bash").args(["-c", &command[..=end].join("\n")]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}\n{said}"));
    let payload = &answer["data"]["requestBooking"];
    assert_eq!((&payload["userErrors"], payload["booking"]["status"].as_str()), (&json!([]), Some("PENDING")), "{answer}");
    let again = Command::new("bash").args(["-c", &command[..=end].join("\n")]).output().unwrap();
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(
        (&again["data"]["requestBooking"]["receipt"]["replayed"], &again["data"]["requestBooking"]["booking"]["id"]),
        (&json!(true), &payload["booking"]["id"])
    );
}

#[test]
fn a_wrong_command_line_is_told_and_ends_with_2() {
    for arguments in [vec!["dev", "--port", "x"], vec!["dance"], vec!["dev", "--host", "0.0.0.0"]] {
        let output = daybook().args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}
