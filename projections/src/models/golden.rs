//! What every model makes of every stored event that any release ever wrote (`tests/golden/events`), by model and version: rows of a
//! version are stored as it made them. The tidy test looks at a model's own source; this one at what comes out, whatever it calls on.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use kernel::Actor;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::testing::{at, recorded_at};
use super::*;
use crate::known::{Event, decode};
use crate::model::ReadModel;
use crate::views::definition::{self, Definition};

/// Set it to have the lines of new versions and new events written.
const ADD: &str = "DAYBOOK_GOLDEN_ADD";
/// Bytes of a digest that a line shows.
const SHOWN: usize = 16;

/// A stored event as its file keeps it.
#[derive(Deserialize)]
struct Golden {
    stream_kind: String,
    event_type: String,
    schema_version: u32,
    payload: Box<RawValue>,
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name)
}

/// The stream that the corpus's events of a kind are in: the one that other events speak of.
fn stream(kind: &str) -> String {
    let number = match kind {
        "period" => return "period-2026-10".to_owned(),
        "payable" => 2,
        "vehicle" | "vehcal" => 3,
        "upload" => 4,
        "booking" => 5,
        "payment" => 6,
        "settlement" => 10,
        "payout" | "product" | "stock" | "xkey" => 11,
        "shoporder" => 12,
        "export" => 14,
        "ledgertx" => 15,
        "statement" => 16,
        "recon" => 17,
        _ => 1,
    };
    format!("{kind}-00000000-0000-7000-8000-{number:0>12}")
}

/// The corpus as one log, in the order in which its files came: a new one is the log's end, and changes nothing before it.
fn corpus() -> Vec<(String, Vec<Known>)> {
    let sums = std::fs::read_to_string(golden("events/SHA256SUMS")).unwrap();
    let files: Vec<&str> = sums.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    let mut versions = BTreeMap::<String, u64>::new();
    let read = |(position, file): (u64, &&str)| {
        let text = std::fs::read_to_string(golden("events").join(file)).unwrap();
        let Golden { stream_kind, event_type, schema_version, payload } = serde_json::from_str(&text).unwrap();
        let version = versions.entry(stream_kind.clone()).and_modify(|version| *version += 1).or_insert(1);
        let recorded = eventlog::Recorded {
            position,
            stream: stream(&stream_kind).parse().unwrap(),
            version: *version,
            event_id: Uuid::from_u128(u128::from(position)),
            event_type,
            schema_version,
            recorded_at: recorded_at(position),
            occurred_at: at(position),
            actor: Actor::Anonymous,
            correlation_id: Uuid::nil(),
            causation_id: None,
            command_id: Uuid::from_u128(1_000 + u128::from(position)),
            traceparent: None,
            digest: eventlog::payload_digest(payload.get().as_bytes()),
            payload: payload.get().into(),
        };
        let events: Vec<Event> = decode(&recorded).unwrap().into_vec();
        ((*file).to_owned(), events.into_iter().map(|event| Known { recorded: recorded.clone(), event }).collect())
    };
    (1..).zip(&files).map(read).collect()
}

/// What a model does, line by line: its columns, and of each event the rows that it leaves behind.
struct Lines {
    log: Vec<(String, Vec<Known>)>,
    /// By model, version and event.
    found: BTreeMap<String, String>,
    models: BTreeSet<String>,
}

impl Lines {
    fn note(&mut self, model: &str, what: &str, text: &str) {
        let digest: String = Sha256::digest(text).iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
        assert!(self.found.insert(format!("{model} {what}"), digest).is_none(), "{model} is listed twice");
    }

    /// Folds the corpus. What a model cannot apply leaves the row as it was.
    fn of<M: ReadModel>(mut self) -> Self {
        let model = format!("{} v{}", M::NAME, M::VERSION);
        self.note(&model, "columns", &Definition::<Event>::of::<M>().unwrap().shape());
        let (mut rows, mut written) = (BTreeMap::<String, M::Row>::new(), 0);
        let log = std::mem::take(&mut self.log);
        for (file, events) in &log {
            let mut text = String::new();
            for event in events {
                let keys: BTreeSet<String> = M::keys(event).into_iter().collect();
                for key in keys {
                    text += &key;
                    match M::apply(&key, rows.get(&key).cloned(), event) {
                        Ok(Some(row)) => {
                            let stored = definition::stored::<Event, M>(&key, &row).unwrap();
                            text += &format!(" {} {:?} {:?}\n", stored.doc, stored.index, stored.place);
                            rows.insert(key, row);
                            written += 1;
                        }
                        Ok(None) => {
                            text += " gone\n";
                            rows.remove(&key);
                        }
                        Err(_) => text += " cannot be applied\n",
                    }
                }
            }
            if !text.is_empty() {
                self.note(&model, file, &text);
            }
        }
        assert!(written > 0, "{model} makes nothing of the corpus: the golden says nothing of it");
        self.log = log;
        self.models.insert(model);
        self
    }
}

/// Every model that is installed, and those that are kept hot.
fn all() -> Lines {
    let lines = Lines { log: corpus(), found: BTreeMap::new(), models: BTreeSet::new() };
    let lines = lines.of::<Users>().of::<Sessions>().of::<CorporateProfiles>().of::<ApiKeys>().of::<ExchangeKeys>().of::<Vehicles>();
    let lines = lines.of::<Bookings>().of::<Payments>().of::<Settlements>().of::<SettlementLines>().of::<Payouts>().of::<PayoutHolds>();
    let lines = lines.of::<FeeInvoices>().of::<Products>().of::<StockLevels>().of::<ShopOrders>().of::<Journal>().of::<LedgerLines>();
    let lines = lines.of::<LedgerBlocks>().of::<Periods>().of::<Adjustments>().of::<ReconLines>().of::<LedgerTotals>();
    let lines = lines.of::<AccountBalances>().of::<Transfers>().of::<TransferAccounts>().of::<TransferHistory>().of::<TransferTotals>();
    lines.of::<Notifications>().of::<LiveBookings>().of::<VehiclePlaces>().of::<Unread>()
}

fn parse(list: &str) -> BTreeMap<String, String> {
    list.lines().filter_map(|line| line.split_once("  ")).map(|(digest, what)| (what.to_owned(), digest.to_owned())).collect()
}

/// How many events of the corpus a version was listed with: what it makes of these is settled.
fn settled(list: &BTreeMap<String, String>, model: &str) -> usize {
    list.get(&format!("{model} events")).map_or(0, |count| count.parse().unwrap())
}

#[test]
fn a_version_makes_the_same_rows_for_ever() {
    let (path, Lines { found, models, log }) = (golden("projector_rows.txt"), all());
    let mut list = parse(&std::fs::read_to_string(&path).unwrap_or_default());
    let place = |file: &str| log.iter().position(|(known, _)| known == file).unwrap_or(0);
    let (mut changed, mut new) = (Vec::new(), Vec::new());
    for model in &models {
        let (settled, lines) = (settled(&list, model), |what: &&String| what.starts_with(&format!("{model} ")));
        for (what, digest) in found.iter().filter(|(what, _)| lines(what)) {
            match list.get(what) {
                Some(then) if then == digest => {}
                None if place(&what[model.len() + 1..]) >= settled => new.push(what.clone()),
                Some(_) | None => changed.push(what.clone()),
            }
        }
        let gone = list.keys().filter(lines).filter(|what| !found.contains_key(*what) && **what != format!("{model} events"));
        changed.extend(gone.cloned());
    }
    assert!(
        changed.is_empty(),
        "these versions make other rows than those that are stored: {changed:#?}\nRaise the model's VERSION, so that the new one is built \
         beside the old. It may be another file than the model's own that changed: a posting rule, an upcaster, a type of the domain."
    );
    if std::env::var_os(ADD).is_some() {
        list.extend(new.drain(..).map(|what| (what.clone(), found[&what].clone())));
        list.extend(models.iter().map(|model| (format!("{model} events"), log.len().to_string())));
        std::fs::write(&path, list.iter().map(|(what, digest)| format!("{digest}  {what}\n")).collect::<String>()).unwrap();
    }
    assert!(new.is_empty(), "new: {new:#?}\nDAYBOOK_GOLDEN_ADD=1 cargo test -p daybook-projections --lib golden");
}

#[test]
fn every_model_is_here() {
    // The tidy test's list has every version that ever was; the newest of each is what is installed.
    let signed = std::fs::read_to_string(golden("projectors.sha256")).unwrap();
    let mut newest = BTreeMap::<&str, u32>::new();
    for (name, version) in signed.lines().filter_map(|line| line.split_once("  ")?.1.split_once(" v")) {
        let version: u32 = version.parse().unwrap();
        newest.entry(name).and_modify(|newest| *newest = version.max(*newest)).or_insert(version);
    }
    let newest: BTreeSet<String> = newest.into_iter().map(|(name, version)| format!("{name} v{version}")).collect();
    assert_eq!(all().models, newest);
}
