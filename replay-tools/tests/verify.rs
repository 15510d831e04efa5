//! `daybook-replay verify` as it is run: what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Output};

use eventlog::StoreUrl;

fn verify(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybook-replay"));
    command.env_remove("DATABASE_URL").arg("verify").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder that is removed when the test is over, however it ends.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("daybook-replay-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.0.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

async fn empty_book(folder: &Path) {
    eventlog::migrate(&StoreUrl::Sqlite(folder.to_owned()), None).await.unwrap();
}

#[tokio::test]
async fn a_log_that_holds_ends_with_0() {
    let folder = Folder::new("holds");
    empty_book(&folder.0).await;
    let said = verify(&["--database-url", &folder.url(), "--json"]);
    let line = text(&said.stdout);
    assert!(
        said.status.code() == Some(0) && line.starts_with(r#"{"from":1,"head":0,"heads":0,"holds":true"#),
        "{line}{}",
        text(&said.stderr)
    );
    let plain = verify(&["--database-url", &folder.url()]);
    assert!(text(&plain.stdout).contains("the log holds") && plain.stderr.is_empty());
}

#[tokio::test]
async fn a_log_that_does_not_ends_with_3() {
    let folder = Folder::new("damaged");
    empty_book(&folder.0).await;
    let file = StoreUrl::Sqlite(folder.0.clone()).log_file().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[..100].fill(0);
    std::fs::write(&file, bytes).unwrap();
    let said = verify(&["--database-url", &folder.url(), "--json"]);
    let (out, err) = (text(&said.stdout), text(&said.stderr));
    assert_eq!(said.status.code(), Some(3), "{out}{err}");
    assert!(out.contains(r#""holds":false,"position":null"#) && err.contains("error: the log does not hold") && err.contains("\nhint: "));
}

#[test]
fn what_cannot_be_done_says_how_it_could() {
    for (arguments, code, word) in [
        (&["--database-url", "sqlite:///nowhere/at/all"][..], 3, "migrate"),
        (&["--database-url", "postgres://nobody@127.0.0.1:1/none"][..], 4, "hint: "),
        (&["--database-url", "mysql://x"][..], 2, "hint: "),
        (&[][..], 2, "DATABASE_URL"),
        (&["--from", "0"][..], 2, "--from"),
        (&["--database-url", "sqlite://x", "--from", "3", "--to", "2"][..], 2, "--to lies before"),
    ] {
        let said = verify(arguments);
        let err = text(&said.stderr);
        assert!(said.status.code() == Some(code) && err.contains(word) && said.stdout.is_empty(), "{arguments:?}: {err}");
    }
}
