//! A worker in a process of its own.

use std::process::{Child, Command, Stdio};

use crate::book::Book;

/// Tells the process which book it works at.
pub const URL: &str = "DAYBOOK_WORKERS_CHILD_URL";

/// A process that moves the models until it is killed.
pub struct Worker(Child);

impl Worker {
    pub fn start(book: &Book) -> Self {
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "works_until_killed", "--ignored", "--nocapture", "--test-threads=1"])
            .env(URL, book.address())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(process.unwrap())
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status().unwrap().success());
    }

    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
