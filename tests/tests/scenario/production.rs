//! `daybook serve`: what it does not do by itself.

use daybook_tests::server::{Daybook, Variant, daybook};
use serde_json::json;

#[test]
fn it_does_not_start_without_a_secret_or_a_database() {
    for (missing, present) in [
        ("DAYBOOK_SECRET", ("DATABASE_URL", "sqlite:///nowhere")),
        ("DATABASE_URL", ("DAYBOOK_SECRET", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")),
    ] {
        let output = daybook().arg("serve").env(present.0, present.1).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("hint:") && said.contains(missing), "{said}");
    }
}

/// A log that nobody signs proves nothing. Without workers the node only serves what others have signed.
#[test]
fn it_does_not_work_without_a_key_for_tree_heads() {
    let folder = daybook_tests::server::Folder::new();
    let file = folder.path().join("tree.key");
    let made = daybook().args(["tree", "new-key", "--origin", "books.example/main", "-o"]).arg(&file).output().unwrap();
    assert!(made.status.success() && String::from_utf8_lossy(&made.stdout).starts_with("books.example/main+"), "{made:?}");
    let again = daybook().args(["tree", "new-key", "--origin", "books.example/main", "-o"]).arg(&file).output().unwrap();
    assert_eq!(again.status.code(), Some(3), "a key is never overwritten");
    let serve = |settings: &[(&str, &str)]| {
        let secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        let mut serve = daybook();
        serve.arg("serve").env("DAYBOOK_SECRET", secret).env("DATABASE_URL", format!("sqlite://{}", folder.path().display()));
        let output = serve.envs(settings.iter().copied()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = serve(&[]);
    assert!(code == Some(2) && said.contains("DAYBOOK_TREE_KEY") && said.contains("hint:"), "{said}");
    let (code, said) = serve(&[("DAYBOOK_TREE_KEY_FILE", file.to_str().unwrap())]);
    assert!(code == Some(2) && said.contains("books.example/main") && said.contains("daybook.local/dev"), "the key of another log: {said}");
}

#[test]
fn an_unreachable_database_is_unavailable() {
    let secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let mut serve = daybook();
    serve.arg("serve").env("DAYBOOK_SECRET", secret).env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    let output = serve.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.contains("DAYBOOK_KEYS_DIR")), (Some(2), true), "a server's keys are never guessed: {said}");
    let keys = std::env::temp_dir().join("daybook-no-keys");
    let output = serve.env("DAYBOOK_KEYS_DIR", keys).env("DAYBOOK_WORKERS", "off").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("hint:"), "{said}");
}

#[test]
fn nobody_moves_its_clock_or_asks_for_its_schema() {
    let book = Daybook::start_with(Variant::Server, &[("DAYBOOK_ADVANCE_CLOCK", "off")]);
    let answer = book.client().send("mutation { advanceClock(by: 1) }", &json!({}));
    assert!(!answer.body["errors"].is_null() && answer.body["data"]["advanceClock"].is_null(), "{answer:?}");
    let answer = book.client().send("{ __schema { mutationType { fields { name } } } }", &json!({}));
    assert!(answer.body["data"]["__schema"].is_null(), "{answer:?}");
    assert_eq!(book.client().get("/livez").unwrap().0, 200);
    assert_eq!(book.client().get("/readyz").unwrap().0, 200);
}

#[test]
fn with_introspection_the_clock_is_still_not_in_its_schema() {
    let settings = [("DAYBOOK_ADVANCE_CLOCK", "off"), ("DAYBOOK_INTROSPECTION", "on")];
    let book = Daybook::start_with(Variant::Server, &settings);
    let data = book.client().query("{ __schema { mutationType { fields { name } } } }", json!({}));
    let names = daybook_tests::server::texts(&data["__schema"]["mutationType"]["fields"], "name");
    assert!(names.contains(&"requestBooking".to_owned()) && !names.contains(&"advanceClock".to_owned()), "{names:?}");
}

#[test]
fn tokens_of_dev_do_not_open_it() {
    let (dev, server) = (Daybook::start(Variant::Embedded), Daybook::start(Variant::Server));
    let token = dev.demo("admin").token().unwrap().to_owned();
    let answer = server.client().with_token(&token).send("{ me { id } }", &json!({}));
    assert_eq!((answer.status, answer.code()), (401, "AUTH003"));
}
