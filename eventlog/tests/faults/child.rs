//! A process of its own under load, to be killed; it tells what its clients hear line by line.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child as Process, Command, Stdio};
use std::sync::mpsc;

use daybook_eventlog::Receipt;
use kernel::Timestamp;

use crate::book::Book;
use crate::chain::{Chain, Heard, Op, Words};
use crate::load::{self, Load};
use crate::random::{Random, seed};

const URL: &str = "DAYBOOK_FAULTS_CHILD_URL";
const PREFIX: &str = "DAYBOOK_FAULTS_CHILD_PREFIX";
const CLIENTS: usize = 8;
const SIGABRT: i32 = 6;

/// A process under load.
pub struct Child {
    process: Process,
    lines: mpsc::Receiver<String>,
    prefix: String,
    heard: BTreeMap<String, Heard>,
}

/// What is left of it.
pub struct Ended {
    pub aborted: bool,
    /// All that its clients may have asked for, with what they heard.
    pub heard: Words,
}

impl Child {
    /// Starts one, with actions at the named places if any.
    pub fn start(book: &Book, prefix: &str, failpoints: Option<&str>) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "works_until_killed", "--ignored", "--nocapture", "--test-threads=1"])
            .env(URL, book.address())
            .env(PREFIX, prefix)
            .env("FAILPOINTS", failpoints.unwrap_or_default())
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (tell, lines) = mpsc::channel();
        // Read at once: a process that waits for a reader may hold the lock that its neighbour waits for.
        std::thread::spawn(move || while told.next().is_some_and(|line| tell.send(line).is_ok()) {});
        Self { process, lines, prefix: prefix.to_owned(), heard: BTreeMap::new() }
    }

    /// Reads until so many more answers were given, or it has ended.
    pub fn more(&mut self, answers: usize) {
        let goal = self.heard.len() + answers;
        while self.heard.len() < goal && self.read() {}
    }

    fn read(&mut self) -> bool {
        let Ok(line) = self.lines.recv() else { return false };
        // A line that was cut off by the death was heard by nobody.
        let heard = line.split_once("heard ").and_then(|(_, line)| line.strip_suffix(" .")).and_then(|line| line.split_once(' '));
        if let Some((name, heard)) = heard {
            self.heard.insert(name.to_owned(), parse(heard));
        }
        true
    }

    /// Kills it as the system does, without a warning.
    pub async fn kill(mut self) -> Ended {
        self.process.kill().unwrap();
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(mut self) -> Ended {
        while self.read() {}
        let status = self.process.wait().unwrap();
        let aborted = status.signal() == Some(SIGABRT);
        let mut heard = Words::new();
        for client in 0..CLIENTS {
            let mut random = Random(seed() ^ ((client as u64) << 32));
            // What a client has asked for last is on its way without an answer.
            let count = self.heard.keys().filter(|name| name.starts_with(&format!("{}-{client}-", self.prefix))).count();
            for n in 0..=count {
                let op = load::op(&self.prefix, client, n, &mut random);
                let word = self.heard.remove(&op.name).unwrap_or(Heard::Unknown);
                heard.insert(op.name.clone(), (op, word));
            }
        }
        assert!(self.heard.is_empty(), "answers to nobody: {:?}", self.heard.keys());
        Ended { aborted, heard }
    }
}

/// The body of the process.
pub async fn work_until_killed() {
    let Ok(url) = std::env::var(URL) else { return };
    let _places = fail::FailScenario::setup();
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    let log = Book::at(&url).open().await;
    let prefix = std::env::var(PREFIX).unwrap();
    let mut load = Load::start(&[log], CLIENTS, &prefix, seed(), tell);
    load.more(20_000).await;
    panic!("nobody has killed this process");
}

/// One line in one piece.
fn tell(op: &Op, heard: &Heard) {
    let line = format!("heard {} {} .\n", op.name, print(heard));
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

fn print(heard: &Heard) -> String {
    match heard {
        Heard::In(r) => {
            let ids: Vec<_> = r.event_ids.iter().map(ToString::to_string).collect();
            let at = r.committed_at.as_microsecond();
            format!("in {} {} {} {} {at} {}", r.command_id, r.correlation_id, r.position, r.replayed, ids.join(","))
        }
        Heard::Refused(on) => format!("refused {}", serde_json::to_string(on).unwrap()),
        Heard::Failed(_) | Heard::Unknown => "unknown".into(),
    }
}

fn parse(text: &str) -> Heard {
    if let Some(on) = text.strip_prefix("refused ") {
        return Heard::Refused(serde_json::from_str::<Chain>(on).unwrap());
    }
    let Some(text) = text.strip_prefix("in ") else { return Heard::Unknown };
    let parts: Vec<_> = text.split(' ').collect();
    let [command, correlation, position, replayed, at, ids] = parts[..] else { panic!("not a line: {text}") };
    Heard::In(Receipt {
        command_id: command.parse().unwrap(),
        correlation_id: correlation.parse().unwrap(),
        event_ids: ids.split(',').map(|id| id.parse().unwrap()).collect(),
        position: position.parse().unwrap(),
        replayed: replayed.parse().unwrap(),
        committed_at: Timestamp::from_microsecond(at.parse().unwrap()).unwrap(),
    })
}
