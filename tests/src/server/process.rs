//! A process of the product.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an orderly end may take (api.md §6 grants it 10 s).
const END: Duration = Duration::from_secs(20);

/// A running process; ends with this.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Mutex<Receiver<String>>,
}

impl Process {
    /// Starts it; standard error is appended to `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn spawn(command: &mut Command, log: &Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("the binary can be started");
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        // Reads to the end, whether anybody listens or not: a full pipe would stop the server.
        std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, lines: Mutex::new(lines) }
    }

    /// The next line of its output.
    ///
    /// # Panics
    /// When none comes in time.
    pub fn line(&mut self, within: Duration) -> String {
        self.lines.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(within).expect("a line of output in time")
    }

    /// Everything of its output that has not been read, once it has ended.
    #[must_use]
    pub fn rest(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().collect()
    }

    /// Has it not ended?
    ///
    /// # Panics
    /// When the system does not know it.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_none()
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Panics
    /// When it had ended by itself.
    pub fn kill(mut self) {
        assert!(self.is_running(), "it has ended by itself");
        self.child.kill().expect("it runs");
        self.child.wait().expect("our own child");
    }

    /// Sends a signal by name, and waits for the exit code.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn signal(&mut self, name: &str) -> Option<i32> {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success(), "it has ended by itself");
        let until = Instant::now() + END;
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end after {name}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end with `input` on standard input; the exit code, and what it printed.
///
/// # Panics
/// When it cannot be run.
#[must_use]
pub fn fed(command: &mut Command, input: &str) -> (Option<i32>, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started");
    child.stdin.take().expect("standard input is piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("our own child");
    (output.status.code(), [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
}
