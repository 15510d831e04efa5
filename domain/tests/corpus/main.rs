//! The golden corpus (`tests/golden/events`): one stored event of every shape that any release ever wrote, each in a file of
//! its own, `{Type}.v{N}.json`. It is only ever added to, and today's program reads all of it.
//!
//! `DAYBOOK_GOLDEN_ADD=1 cargo test -p daybook-domain --test corpus` adds what is new. Before the first release only: delete
//! the folder first, and it is made anew.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod examples;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use daybook_domain::Event;
use daybook_domain::upcasts::UPCASTS;
use kernel::DomainEvent;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// Set it to have the files of new shapes written.
const ADD: &str = "DAYBOOK_GOLDEN_ADD";
/// Digest and name of every file, as `sha256sum --check` reads it.
const SUMS: &str = "SHA256SUMS";

/// A stored event as a file keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Golden {
    /// Kind of the streams that it is in.
    stream_kind: String,
    event_type: String,
    schema_version: u32,
    /// The stored bytes.
    payload: Box<RawValue>,
}

impl Golden {
    fn of(event: &Event) -> Self {
        let (stream_kind, event_type, schema_version, payload) = examples::stored(event);
        Self { stream_kind: stream_kind.into(), event_type, schema_version, payload: RawValue::from_string(payload).unwrap() }
    }

    fn file(&self) -> String {
        format!("{}.v{}.json", self.event_type, self.schema_version)
    }

    fn text(&self) -> String {
        format!("{}\n", serde_json::to_string(self).unwrap())
    }

    /// What it says today.
    fn read(&self) -> Result<Vec<Event>, String> {
        let read = Event::decode(&self.stream_kind, &self.event_type, self.schema_version, self.payload.get());
        let read = read.map_err(|error| error.to_string())?;
        read.map(|events| events.into_vec()).ok_or_else(|| format!("no module owns the streams {}-…", self.stream_kind))
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/events")
}

/// The corpus by the names of its files.
fn corpus() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let files = files.filter(|name| name != SUMS);
    files.map(|name| (name.clone(), std::fs::read_to_string(folder().join(&name)).unwrap())).collect()
}

fn sum(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the files of shapes that have none, and their sums.
fn add() {
    std::fs::create_dir_all(folder()).unwrap();
    let known = corpus();
    let new: Vec<_> = examples::all().iter().map(Golden::of).filter(|golden| !known.contains_key(&golden.file())).collect();
    let mut sums = std::fs::read_to_string(folder().join(SUMS)).unwrap_or_default();
    for golden in new {
        std::fs::write(folder().join(golden.file()), golden.text()).unwrap();
        sums += &format!("{}  {}\n", sum(&golden.text()), golden.file());
    }
    std::fs::write(folder().join(SUMS), sums).unwrap();
}

/// Fails with all findings at once, each on a line of its own.
#[track_caller]
fn none(findings: &[String], what_to_do: &str) {
    assert!(findings.is_empty(), "\n{}\n\n{what_to_do}\n", findings.join("\n"));
}

#[test]
fn the_corpus_holds() {
    if std::env::var_os(ADD).is_some() {
        add();
    }
    let corpus = corpus();
    only_ever_added_to(&corpus);
    every_file_is_read_today(&corpus);
    every_shape_has_a_file(&corpus);
}

/// No file was changed or taken away, and none came past the list.
fn only_ever_added_to(corpus: &BTreeMap<String, String>) {
    let sums = std::fs::read_to_string(folder().join(SUMS)).unwrap();
    let listed: BTreeMap<_, _> = sums.lines().map(|line| line.split_once("  ").unwrap()).map(|(sum, name)| (name, sum)).collect();
    let mut findings: Vec<String> = Vec::new();
    for (name, sum_then) in &listed {
        match corpus.get(*name) {
            None => findings.push(format!("gone: {name}")),
            Some(text) if sum(text) != *sum_then => findings.push(format!("changed: {name}")),
            Some(_) => {}
        }
    }
    findings.extend(corpus.keys().filter(|name| !listed.contains_key(name.as_str())).map(|name| format!("not in {SUMS}: {name}")));
    none(&findings, "Books hold such events. Bring the file back; what it says today may change through an upcaster.");
}

/// Each stored event has a path to today's, and what comes out of it is stored and read again as the same.
fn every_file_is_read_today(corpus: &BTreeMap<String, String>) {
    let mut findings = Vec::new();
    for (name, text) in corpus {
        let golden: Golden = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(&golden.file(), name, "the file has another name than its event");
        let events = match golden.read() {
            Ok(events) => events,
            Err(error) => {
                findings.push(format!("{name}: {error}"));
                continue;
            }
        };
        let again: Vec<_> = events.iter().map(Golden::of).collect();
        for (event, stored) in events.iter().zip(&again) {
            if stored.read().as_ref().map(Vec::as_slice) != Ok(std::slice::from_ref(event)) {
                findings.push(format!("{name}: {event:?} is read back as something else"));
            }
        }
        // Of today's shape nothing may be lost or added on the way.
        if UPCASTS.today().contains(&(&*golden.event_type, golden.schema_version)) && again.iter().map(Golden::text).ne([text.clone()]) {
            findings.push(format!("{name}: today's program stores it differently: raise its version and write an upcaster"));
        }
    }
    none(&findings, "Every stored shape needs a path to today's (domain/src/upcasts.rs).");
}

/// The table, the code and the corpus name the same shapes.
fn every_shape_has_a_file(corpus: &BTreeMap<String, String>) {
    assert_eq!(UPCASTS.check(), Ok(()));
    let written: BTreeSet<_> = examples::all().iter().map(Golden::of).map(|golden| (golden.event_type, golden.schema_version)).collect();
    let today: BTreeSet<_> = UPCASTS.today().iter().map(|&(event_type, version)| (event_type.to_owned(), version)).collect();
    assert_eq!(written, today, "examples.txt has one event of each shape of domain/src/upcasts.rs, at its version");
    let shapes = UPCASTS.old().chain(UPCASTS.today().iter().copied());
    let without = shapes.map(|(event_type, version)| format!("{event_type}.v{version}.json")).filter(|file| !corpus.contains_key(file));
    none(&without.collect::<Vec<_>>(), "DAYBOOK_GOLDEN_ADD=1 cargo test -p daybook-domain --test corpus");
}

#[test]
fn every_type_that_a_module_reads_is_in_the_table() {
    let kinds: BTreeSet<_> = examples::all().iter().map(|event| examples::stored(event).0).collect();
    let mut named = BTreeSet::new();
    for kind in kinds {
        // serde names every variant when it meets another.
        let refused = Event::today(kind, "no such type", "null").unwrap_err().to_string();
        let names = refused.split('`').skip(1).step_by(2).filter(|name| *name != "no such type").map(str::to_owned);
        named.extend(names);
    }
    let today: BTreeSet<_> = UPCASTS.today().iter().map(|(event_type, _)| (*event_type).to_owned()).collect();
    assert_eq!(named, today);
}

#[test]
fn an_event_says_its_own_version() {
    for event in examples::all() {
        let (_, event_type, version, _) = examples::stored(&event);
        assert!(UPCASTS.knows(&event_type, version), "{event_type} of schema {version} is not in domain/src/upcasts.rs");
    }
}

/// The (type, version) of a module's event, and its payload.
fn encoded<E: DomainEvent>(event: &E) -> (String, u32, String) {
    let (event_type, text) = (event.event_type(), serde_json::to_string(event).unwrap());
    let inner = text.strip_prefix(&format!("{{\"{event_type}\":")).and_then(|inner| inner.strip_suffix('}')).unwrap();
    (event_type, event.event_version().parse().unwrap(), inner.to_owned())
}
