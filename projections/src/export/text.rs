//! What hledger 1.25, ledger 3.3 and beancount 2 read. Each line was run through the real program (`tests`).
//!
//! Amounts always have all decimals of their currency and are never left out: the tools would fill them in and accept anything.
//! beancount's assertions carry `~ 0`, since it tolerates a whole unit of the last decimal otherwise.

use std::fmt::Write as _;

use kernel::jiff::ToSpan as _;
use kernel::jiff::civil::Date;
use kernel::{Currency, Money};

use super::account::signed;
use super::exporter::{Assertion, Record};
use super::format::Format;

/// The names of our metadata; ledger wants them declared.
const TAGS: [&str; 8] = ["seq", "event_id", "leaf", "effective_at", "reference", "reverses", "command_id", "actor"];
/// The record that opens a file which begins in the middle.
const OPENING: &str = "opening_balances";
/// The record that asserts balances in hledger and ledger.
const CLOSING: &str = "closing_balances";
/// Before any entry there can be.
const COMMODITY_DAY: &str = "1970-01-01";

/// Currencies and tags, declared once.
pub(super) fn header(format: Format, out: &mut String) {
    let comment = "; Daybook: the journal of the event log. One record per event; `leaf` is its hash in the log's tree.\n";
    out.push_str(comment);
    if format == Format::Beancount {
        out.push_str("option \"title\" \"Daybook\"\n");
    }
    for currency in Currency::ALL {
        let (code, unit) = (currency.code(), Money::new(1_000 * 10_i128.pow(currency.exponent()), currency).decimal());
        match format {
            Format::Hledger if currency.exponent() == 0 => line(out, format_args!("commodity {unit}. {code}")),
            Format::Hledger => line(out, format_args!("commodity {unit} {code}")),
            Format::Ledger => line(out, format_args!("commodity {code}\n    format {unit} {code}")),
            Format::Beancount => line(out, format_args!("{COMMODITY_DAY} commodity {code}")),
            Format::Csv | Format::Ndjson | Format::Parquet | Format::Events => {}
        }
    }
    if format != Format::Beancount {
        for tag in TAGS {
            line(out, format_args!("tag {tag}"));
        }
        for kind in [OPENING, CLOSING] {
            payee(format, kind, out);
        }
    }
}

/// An account, before it is first posted to.
pub(super) fn declare(format: Format, account: &str, day: Date, out: &mut String) {
    match format {
        Format::Hledger | Format::Ledger => line(out, format_args!("\naccount {account}")),
        Format::Beancount => line(out, format_args!("\n{day} open {account}")),
        Format::Csv | Format::Ndjson | Format::Parquet | Format::Events => {}
    }
}

/// A kind of entries, before the first of them.
pub(super) fn payee(format: Format, kind: &str, out: &mut String) {
    if matches!(format, Format::Hledger | Format::Ledger) {
        line(out, format_args!("payee {kind}"));
    }
}

/// One entry with where it comes from.
pub(super) fn entry<'n>(format: Format, record: &Record<'_>, name: impl Fn(&str) -> &'n str, out: &mut String) {
    let Record { event, entry, day, effective, leaf } = record;
    let id = event.event_id;
    match format {
        Format::Beancount => line(out, format_args!("\n{day} * \"{}\" \"{}\" ^event-{id}", entry.kind(), entry.reference())),
        _ => line(out, format_args!("\n{day}={effective} * (event-{id}) {}", entry.kind())),
    }
    // beancount takes a number as it is, and texts in quotes.
    let mut tag = |name: &str, value: &dyn std::fmt::Display, number: bool| match format {
        Format::Beancount if !number => line(out, format_args!("  {name}: \"{value}\"")),
        Format::Beancount => line(out, format_args!("  {name}: {value}")),
        _ => line(out, format_args!("    ; {name}: {value}")),
    };
    tag("seq", &event.position, true);
    tag("event_id", &id, false);
    tag("leaf", leaf, false);
    tag("effective_at", &entry.effective_at(), false);
    tag("reference", &entry.reference(), false);
    if let Some(reverses) = entry.reverses() {
        tag("reverses", &reverses, false);
    }
    tag("command_id", &event.command_id, false);
    tag("actor", &event.actor, false);
    for posting in entry.postings() {
        line(out, format_args!("    {}    {}", name(&posting.account), signed(posting)));
    }
}

/// What the accounts hold before the first record of a file that begins in the middle.
pub(super) fn opening(format: Format, day: Date, from: u64, lines: &[(&str, Money)], out: &mut String) {
    match format {
        Format::Beancount => line(out, format_args!("\n{day} * \"{OPENING}\" \"before position {from}\"")),
        _ => line(out, format_args!("\n{day} * {OPENING}")),
    }
    for (account, sum) in lines {
        line(out, format_args!("    {account}    {sum}"));
    }
}

/// What accounts must hold at the end of a day. beancount looks at the beginning of a day, so it is asked about the next one;
/// a month that is over is asked about on the first of the next.
pub(super) fn closing(format: Format, last_entry: Date, end: Date, assertions: &[Assertion<'_>], out: &mut String) {
    if format == Format::Beancount {
        let next = end.max(last_entry).checked_add(1.day()).unwrap_or(Date::MAX);
        out.push('\n');
        for Assertion { account, sum } in assertions {
            line(out, format_args!("{next} balance {account}    {} ~ 0 {}", sum.decimal(), sum.currency()));
        }
        return;
    }
    line(out, format_args!("\n{end} * {CLOSING}"));
    for Assertion { account, sum } in assertions {
        line(out, format_args!("    {account}    {} = {sum}", sum.with_minor(0)));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A text takes whatever is written into it.
    let _ = writeln!(out, "{text}");
}
