//! Whoever sends what nobody should: random documents, and requests as a foreign page can make a browser send them.

use std::time::{Duration, Instant};

use daybook_tests::documents::Documents;
use daybook_tests::server::{Client, Daybook, Folder, Socket, Variant, daybook};
use serde_json::{Value, json};

/// Documents that are sent; `DAYBOOK_FUZZ` sends more.
const DOCUMENTS: u64 = 600;
/// Where the seeds begin; `DAYBOOK_FUZZ_SEED` begins elsewhere.
const SEED: u64 = 20_261;
/// No document may take longer, in an unoptimised server on a machine that is shared. What is hostile by its size is measured where
/// it is refused (`transport/tests/http.rs`).
const PATIENCE: Duration = Duration::from_secs(15);
/// Half of all documents take less, under the same circumstances.
const USUAL: Duration = Duration::from_secs(1);
/// Who asks, in turn; one is nobody.
const ASKERS: [&str; 6] = ["guest", "host", "finance", "admin", "auditor", ""];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn sdl() -> String {
    let output = daybook().args(["schema", "--sdl"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn client(book: &Daybook, asker: &str) -> Client {
    if asker.is_empty() { book.client() } else { book.demo(asker) }
}

/// Ids of things that exist, for the documents to name.
fn ids(book: &Daybook) -> Vec<String> {
    let events = book.demo("auditor").query("{ events(last: 100) { nodes { id stream } } }", json!({}));
    let nodes = events["events"]["nodes"].as_array().unwrap();
    nodes.iter().flat_map(|node| [&node["stream"], &node["id"]]).filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn no_document_breaks_the_server_or_holds_it_up() {
    let book = Daybook::start(Variant::Embedded);
    let documents = Documents::of(&sdl(), ids(&book));
    let (first, mut executed, mut took) = (number("DAYBOOK_FUZZ_SEED", SEED), 0, Vec::new());
    for seed in first..first + number("DAYBOOK_FUZZ", DOCUMENTS) {
        let thought = documents.think(seed);
        let asker = ASKERS[usize::try_from(seed).unwrap_or(0) % ASKERS.len()];
        let began = Instant::now();
        let answer = client(&book, asker).try_send(&thought.query, &thought.variables);
        let answer = answer.unwrap_or_else(|| panic!("seed {seed}: no answer to {}", thought.query));
        took.push(began.elapsed());
        let case = format!("seed {seed}, {asker:?}, in {:?}: {}\n{}\n{}", began.elapsed(), thought.query, thought.variables, answer.body);
        assert!(answer.status == 200 || answer.status == 400, "{}: {case}", answer.status);
        assert!(began.elapsed() < PATIENCE, "slow: {case}");
        for error in answer.body["errors"].as_array().into_iter().flatten() {
            let extensions = &error["extensions"];
            assert!(extensions["code"].is_string() && extensions["code"] != "SYS001" && extensions["status"] != 500, "{case}");
            assert!(error["message"].is_string() && extensions["correlationId"].is_string(), "{case}");
        }
        // A no to a field that must not be null leaves no data: that it names the field shows that it was executed.
        let at_a_field = answer.body["errors"].as_array().into_iter().flatten().any(|error| !error["path"].is_null());
        executed += u64::from(!answer.body["data"].is_null() || at_a_field);
    }
    assert!(executed > number("DAYBOOK_FUZZ", DOCUMENTS) / 4, "only {executed} were executed: they are too wild to show anything");
    took.sort_unstable();
    let usual = took[took.len() / 2];
    assert!(usual < USUAL, "half of all took more than {usual:?}");
    assert!(!book.logged().contains("panicked"), "{}", book.logged());
    assert_eq!(book.client().get("/livez").unwrap().0, 200);
}

/// Operations that are sent over sockets.
const OPERATIONS: u64 = 240;

#[test]
fn no_operation_breaks_a_socket() {
    let book = Daybook::start(Variant::Embedded);
    let documents = Documents::of(&sdl(), ids(&book));
    let first = number("DAYBOOK_FUZZ_SEED", SEED);
    let mut watched = 0;
    for asker in ASKERS {
        let mut socket = Socket::open(&client(&book, asker));
        for seed in first..first + OPERATIONS / 6 {
            let thought = if seed % 3 == 0 { documents.think(seed) } else { documents.watch(seed) };
            // Variables that are no object are no message of the protocol.
            let variables = if thought.variables.is_object() { &thought.variables } else { &Value::Null };
            socket.subscribe("thought", &thought.query, variables);
            socket.subscribe("after", "{ __typename }", &json!({}));
            let case = || format!("seed {seed}, {asker:?}: {}\n{variables}", thought.query);
            loop {
                let message = socket.hear().unwrap_or_else(|code| panic!("closed with {code:?}: {}", case()));
                let errors = [&message["payload"], &message["payload"]["errors"]].into_iter().filter_map(Value::as_array).flatten();
                for error in errors {
                    assert!(error["extensions"]["code"].is_string() && error["extensions"]["code"] != "SYS001", "{message}: {}", case());
                }
                watched += u64::from(message["id"] == "thought" && message["type"] == "next");
                if message["id"] == "after" && message["type"] == "complete" {
                    break;
                }
            }
            socket.say(&json!({ "id": "thought", "type": "complete" }));
        }
    }
    assert!(watched > OPERATIONS / 24, "only {watched} were answered: they are too wild to show anything");
    assert!(!book.logged().contains("panicked"), "{}", book.logged());
}

/// The newest position of the log.
fn head(book: &Daybook) -> Value {
    book.demo("auditor").query("{ events(last: 1) { nodes { position } } }", json!({}))["events"]["nodes"][0]["position"].clone()
}

#[test]
fn what_a_foreign_page_can_send_leaves_the_log_as_it_was() {
    let book = Daybook::start(Variant::Embedded);
    let before = head(&book);
    let register = r#"mutation { registerUser(input: { email: "x@y.example", password: "Correct-horse-battery-9", name: "X", phone: "010-1234-5678", role: GUEST }) { user { id } userErrors { code } } }"#;
    let json = json!({ "query": register }).to_string();
    let escaped: String =
        register.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
    let link = format!("/graphql?query={escaped}");
    let form = format!("query={escaped}");
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{}\r\n--x--\r\n";
    for asker in [book.client(), book.demo("guest")] {
        for (method, path, headers, body, statuses) in [
            ("GET", link.as_str(), vec![], "", [405, 405]),
            ("GET", &link, vec![("content-type", "application/json")], "", [405, 405]),
            ("GET", &link, vec![("accept", "text/event-stream")], "", [405, 405]),
            ("GET", &link, vec![("accept", "text/html")], "", [406, 406]),
            ("POST", "/graphql", vec![("content-type", "text/plain")], &json, [415, 415]),
            ("POST", "/graphql", vec![("content-type", "text/plain; charset=utf-8; x=application/json")], &json, [415, 415]),
            ("POST", "/graphql", vec![("content-type", "application/x-www-form-urlencoded")], &form, [415, 415]),
            ("POST", "/graphql", vec![("content-type", "multipart/form-data; boundary=x")], multipart, [415, 415]),
            ("POST", "/graphql", vec![("content-type", "application/graphql")], register, [415, 415]),
            ("POST", "/graphql", vec![], &json, [415, 415]),
            ("POST", &link, vec![("content-type", "application/json")], "", [400, 415]),
            ("PUT", "/graphql", vec![("content-type", "application/json")], &json, [405, 405]),
            ("DELETE", &link, vec![], "", [405, 405]),
        ] {
            let answer = asker.raw(method, path, &headers, body).unwrap_or_else(|| panic!("{method} {path} {headers:?}: no answer"));
            assert!(statuses.contains(&answer.status), "{method} {path} {headers:?}: {answer:?}");
        }
    }
    assert_eq!(head(&book), before);
    // The same as a page of ours sends it: there was something to be kept out.
    let registered = book.client().send(register, &json!({})).data();
    assert_eq!(registered["registerUser"]["userErrors"], json!([]));
    assert_ne!(head(&book), before);
}

#[test]
fn serve_counts_what_callers_spend() {
    let book = Daybook::start_with(Variant::Server, &[("DAYBOOK_COST_PER_MINUTE", "25")]);
    let nobody = book.client();
    let login = json!({ "input": { "email": "nobody@x.example", "password": "Correct-horse-battery-9" } });
    let query = "mutation($input: LoginInput!) { login(input: $input) { accessToken userErrors { code } } }";
    let first = nobody.send(query, &login);
    let cost = &first.body["extensions"]["cost"];
    assert_eq!((&cost["perMinute"], cost["price"].as_u64().unwrap() + cost["remaining"].as_u64().unwrap()), (&json!(25), 25), "{first:?}");
    let (mut answer, mut sent) = (first, 1);
    while answer.status == 200 && sent < 5 {
        answer = nobody.send(query, &login);
        sent += 1;
    }
    assert_eq!((answer.status, answer.code()), (429, "SYS002"), "after {sent}: {answer:?}");
    assert_eq!(answer.body["errors"][0]["extensions"]["retryable"], true);
}

#[test]
fn serve_executes_the_listed_documents_only() {
    let folder = Folder::new();
    let list = folder.path().join("documents.json");
    std::fs::write(&list, json!({ "one": "{ me { id } }" }).to_string()).unwrap();
    let path: &'static str = list.display().to_string().leak();
    let book = Daybook::start_with(Variant::Server, &[("DAYBOOK_DOCUMENTS", path)]);
    assert_eq!(book.client().send("{ me { id } }", &json!({})).data(), json!({ "me": null }));
    let by_id = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "one" } } }).to_string();
    let answer = book.client().raw("POST", "/graphql", &[("content-type", "application/json")], &by_id).unwrap();
    assert_eq!(answer.data(), json!({ "me": null }));
    let other = book.client().send("{ me { name } }", &json!({}));
    assert_eq!((other.status, other.code()), (200, "PERSISTED_QUERY_NOT_FOUND"), "{other:?}");
}
