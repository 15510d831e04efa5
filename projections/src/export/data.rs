//! What programs read: one line or row per posting, per entry, or per event.

use std::fmt::Write as _;

use eventlog::Recorded;
use kernel::{Posting, Side};
use serde::Serialize;

use super::exporter::{Record, hex};
use super::parquet::{Cell, Kind, Table};

/// The columns of a line of CSV.
const COLUMNS: &str =
    "seq,line,event_id,leaf,recorded_at,posted_on,effective_at,kind,reference,reverses,command_id,actor,account,side,amount,currency";

pub(super) fn csv_header(out: &mut String) {
    out.push_str(COLUMNS);
    out.push_str("\r\n");
}

/// One line per posting of an entry (RFC 4180). None of the values has a comma, a quote or a line's end: ids, times, names of ours.
pub(super) fn csv(record: &Record<'_>, out: &mut String) {
    let Record { event, entry, day, leaf, .. } = record;
    for (number, posting) in entry.postings().iter().enumerate() {
        let Posting { account, amount, side } = posting;
        // A text takes whatever is written into it.
        let _ = write!(
            out,
            "{},{number},{},{leaf},{:.6},{day},{:.6},{},{},{},{},{},{account},{},{},{}\r\n",
            event.position,
            event.event_id,
            event.recorded_at,
            entry.effective_at(),
            entry.kind(),
            entry.reference(),
            entry.reverses().unwrap_or_default(),
            event.command_id,
            event.actor,
            side_name(*side),
            amount.decimal(),
            amount.currency(),
        );
    }
}

/// The columns of a table: those of CSV, with numbers, days, moments and amounts as such. `minor` counts units of the currency's last
/// decimal, of which it has `exponent`; a debit is positive and a credit negative, so that a sum is a balance.
pub(super) const TABLE: &[(&str, Kind)] = &[
    ("seq", Kind::Number),
    ("line", Kind::Small),
    ("event_id", Kind::Text),
    ("leaf", Kind::Text),
    ("recorded_at", Kind::Moment),
    ("posted_on", Kind::Day),
    ("effective_at", Kind::Moment),
    ("kind", Kind::Text),
    ("reference", Kind::Text),
    ("reverses", Kind::Text),
    ("command_id", Kind::Text),
    ("actor", Kind::Text),
    ("account", Kind::Text),
    ("side", Kind::Text),
    ("amount", Kind::Text),
    ("currency", Kind::Text),
    ("minor", Kind::Amount),
    ("exponent", Kind::Small),
];

/// One row per posting of an entry.
pub(super) fn rows(record: &Record<'_>, table: &mut Table) {
    let Record { event, entry, day, leaf, .. } = record;
    let (event_id, command_id, actor) = (event.event_id.to_string(), event.command_id.to_string(), event.actor.to_string());
    // Days and positions of a book are far within what these hold.
    let since = day.since(kernel::jiff::civil::date(1970, 1, 1)).map_or(0, |span| span.get_days());
    for (line, Posting { account, side, amount }) in (0..).zip(entry.postings()) {
        let (decimal, sign) = (amount.decimal(), if *side == Side::Debit { 1 } else { -1 });
        table.row(&[
            Cell::Long(i64::try_from(event.position).unwrap_or(i64::MAX)),
            Cell::Int(line),
            Cell::Text(&event_id),
            Cell::Text(leaf),
            Cell::Long(event.recorded_at.as_microsecond()),
            Cell::Int(since),
            Cell::Long(entry.effective_at().as_microsecond()),
            Cell::Text(entry.kind()),
            Cell::Text(entry.reference()),
            Cell::Text(entry.reverses().unwrap_or_default()),
            Cell::Text(&command_id),
            Cell::Text(&actor),
            Cell::Text(account),
            Cell::Text(side_name(*side)),
            Cell::Text(&decimal),
            Cell::Text(amount.currency().code()),
            Cell::Amount(sign * amount.minor()),
            Cell::Int(i32::try_from(amount.currency().exponent()).unwrap_or(i32::MAX)),
        ]);
    }
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Debit => "debit",
        Side::Credit => "credit",
    }
}

/// An entry as one JSON object; amounts are decimals in quotes, since numbers of JSON lose digits.
#[derive(Serialize)]
struct EntryLine<'r> {
    seq: u64,
    event_id: String,
    leaf: &'r str,
    recorded_at: String,
    posted_on: String,
    effective_at: String,
    kind: &'r str,
    reference: &'r str,
    reverses: Option<&'r str>,
    command_id: String,
    correlation_id: String,
    actor: String,
    postings: Vec<PostingLine<'r>>,
}

#[derive(Serialize)]
struct PostingLine<'r> {
    account: &'r str,
    side: &'static str,
    amount: String,
    currency: &'static str,
}

impl<'r> From<&'r Posting> for PostingLine<'r> {
    fn from(Posting { account, side, amount }: &'r Posting) -> Self {
        Self { account, side: side_name(*side), amount: amount.decimal(), currency: amount.currency().code() }
    }
}

pub(super) fn ndjson(record: &Record<'_>, out: &mut String) {
    let Record { event, entry, day, leaf, .. } = record;
    let postings = entry.postings().iter().map(PostingLine::from).collect();
    push(
        out,
        &EntryLine {
            seq: event.position,
            event_id: event.event_id.to_string(),
            leaf,
            recorded_at: format!("{:.6}", event.recorded_at),
            posted_on: day.to_string(),
            effective_at: format!("{:.6}", entry.effective_at()),
            kind: entry.kind(),
            reference: entry.reference(),
            reverses: entry.reverses(),
            command_id: event.command_id.to_string(),
            correlation_id: event.correlation_id.to_string(),
            actor: event.actor.to_string(),
            postings,
        },
    );
}

/// An event as one JSON object: all that its leaf commits to, and the stored bytes as a text.
#[derive(Serialize)]
struct EventLine<'r> {
    seq: u64,
    stream: &'r str,
    version: u64,
    event_id: String,
    event_type: &'r str,
    schema_version: u32,
    recorded_at: String,
    occurred_at: String,
    actor: String,
    correlation_id: String,
    causation_id: Option<String>,
    command_id: String,
    digest: String,
    leaf: &'r str,
    payload: &'r str,
}

pub(super) fn event(event: &Recorded, leaf: &str, out: &mut String) {
    push(
        out,
        &EventLine {
            seq: event.position,
            stream: event.stream.as_str(),
            version: event.version,
            event_id: event.event_id.to_string(),
            event_type: &event.event_type,
            schema_version: event.schema_version,
            recorded_at: format!("{:.6}", event.recorded_at),
            occurred_at: format!("{:.6}", event.occurred_at),
            actor: event.actor.to_string(),
            correlation_id: event.correlation_id.to_string(),
            causation_id: event.causation_id.map(|id| id.to_string()),
            command_id: event.command_id.to_string(),
            digest: hex(&event.digest),
            leaf,
            payload: &event.payload,
        },
    );
}

fn push(out: &mut String, line: &impl Serialize) {
    // Texts and numbers: nothing in it can fail to serialise.
    out.push_str(&serde_json::to_string(line).unwrap_or_default());
    out.push('\n');
}
