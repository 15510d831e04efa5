//! The documentation's examples are true: each is sent as it is printed, in its order, and does what it says.

use std::collections::BTreeMap;

use api::graphiql::{EXAMPLES, Example, parse};
use daybook_tests::server::{Daybook, Socket, Variant};
use kernel::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

fn filled(text: &str, fills: &BTreeMap<String, String>) -> String {
    let text = text.replace("{{key}}", &Uuid::new_v4().to_string());
    let text = fills.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value));
    assert!(!text.contains("{{"), "nothing to fill in for: {text}");
    text
}

fn at<'v>(data: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(data, |value, step| step.parse::<usize>().map_or_else(|_| &value[step], |index| &value[index]))
}

fn answer(book: &Daybook, example: &Example, variables: &Value) -> Value {
    let client = book.demo(&example.user);
    if example.query.trim_start().starts_with("subscription") {
        let mut socket = Socket::open(&client);
        socket.subscribe("1", &example.query, variables);
        let item = socket.hear().unwrap();
        assert_eq!(item["type"], "next", "{}: {item}", example.title);
        return item["payload"]["data"].clone();
    }
    client.send(&example.query, variables).data()
}

#[test]
fn every_example_runs_as_it_is_printed() {
    let book = Daybook::start(Variant::Embedded);
    let hour = |hours| Timestamp::now() + SignedDuration::from_hours(hours);
    let mut fills = BTreeMap::from([("start".to_owned(), hour(30).to_string()), ("end".to_owned(), hour(34).to_string())]);
    for example in parse(EXAMPLES) {
        let variables =
            if example.variables.is_empty() { json!({}) } else { serde_json::from_str(&filled(&example.variables, &fills)).unwrap() };
        let data = answer(&book, &example, &variables);
        let payload = data.as_object().and_then(|fields| fields.values().next()).unwrap();
        assert!(!payload.is_null(), "{}: {data}", example.title);
        assert!(payload.get("userErrors").is_none_or(|errors| errors == &json!([])), "{}: {data}", example.title);
        for (name, path) in &example.keep {
            let kept = at(&data, path).as_str().unwrap_or_else(|| panic!("{}: nothing at {path} in {data}", example.title));
            fills.insert(name.clone(), kept.to_owned());
        }
    }
}

#[test]
fn graphiql_and_its_examples_come_from_this_server_alone() {
    let book = Daybook::start(Variant::Embedded);
    let (status, page) = book.client().get("/graphiql").unwrap();
    assert!(status == 200 && !page.contains("http:") && !page.contains("https:"), "{page}");
    let (_, examples) = book.client().get("/graphiql/examples.json").unwrap();
    let examples: Value = serde_json::from_str(&examples).unwrap();
    assert!(examples["fills"]["car"].as_str().unwrap().starts_with("vehicle-"));
    let token = book.demo("guest").token().unwrap().to_owned();
    assert_eq!(examples["fills"]["guest"], format!("Bearer {token}"));
    let (status, body) = book.client().get("/nowhere").unwrap();
    assert!(status == 404 && body.contains("\"success\":false"), "{body}");
}
