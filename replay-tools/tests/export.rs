//! `daybook-replay export` as it is called: what it writes passes the real programs, and its digest is in the log.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod book;

use std::process::Command;

use book::Book;
use sha2::{Digest, Sha256};

/// The programs that read an export, each with its strictest checks.
const TOOLS: [(&str, &str, &[&str]); 3] = [
    ("hledger", "hledger", &["check", "-s", "ordereddates", "payees", "-f"]),
    ("ledger", "ledger", &["--pedantic", "--check-payees", "balance", "-f"]),
    ("beancount", "bean-check", &[]),
];

#[tokio::test]
async fn the_real_programs_accept_what_it_writes() {
    let book = Book::with_payouts("tools", 12).await;
    for (format, program, arguments) in TOOLS {
        let file = book.folder().join(format!("books.{format}"));
        let said = book.replay(&["export", "--format", format, "-o", file.to_str().unwrap()]);
        assert!(said.status.success(), "{said:?}");
        let run = Command::new(program).args(arguments).arg(&file).env("LC_ALL", "C.UTF-8").output();
        let run = run.unwrap_or_else(|error| panic!("{program} does not run ({error}): scripts/test installs it"));
        assert!(run.status.success(), "{program}: {run:?}");
    }
}

#[tokio::test]
async fn the_digest_of_each_file_is_in_the_log() {
    let book = Book::with_payouts("digest", 3).await;
    for format in ["csv", "ndjson", "events", "hledger"] {
        let file = book.folder().join(format!("out.{format}"));
        let said = book.replay(&["export", "--json", "--format", format, "--from", "2", "-o", file.to_str().unwrap()]);
        let answer: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((answer["sha256"].as_str(), answer["bytes"].as_u64()), (Some(sha256.as_str()), Some(bytes.len() as u64)), "{answer}");
        let logged = book.log().await.read(0, 100).await.unwrap().pop().unwrap();
        assert_eq!((logged.event_type.as_str(), logged.actor.to_string().as_str()), ("ExportFinished", "system-daybook-replay"));
        assert!(logged.payload.contains(&sha256) && logged.stream.as_str() == answer["export"].as_str().unwrap());
    }
}

#[tokio::test]
async fn what_cannot_be_done_says_how_it_could() {
    let book = Book::with_payouts("usage", 1).await;
    for (arguments, code, word) in [
        (&["--format", "xls", "-o", "x"][..], 2, "hledger, beancount"),
        (&["--format", "csv", "--from", "3", "--to", "2", "-o", "x"][..], 2, "--to lies before"),
        (&["--format", "csv", "-o", "/nowhere/at/all"][..], 1, "hint: "),
    ] {
        let all: Vec<&str> = ["export"].iter().chain(arguments).copied().collect();
        let said = book.replay(&all);
        let err = String::from_utf8(said.stderr).unwrap();
        assert!(said.status.code() == Some(code) && err.contains(word), "{arguments:?}: {err}");
    }
}
