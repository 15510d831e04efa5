//! The real programs read what is written, and find what is wrong with a damaged copy.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;
use std::process::{Command, Output};

use eventlog::Recorded;
use kernel::jiff::SignedDuration;
use kernel::{Actor, Currency, JournalEntry, Money, Timestamp};
use uuid::Uuid;

use super::{Exporter, Format};

/// The programs, each with the strictest checks that it has.
const TOOLS: [(Format, &str, &[&str]); 3] = [
    (Format::Hledger, "hledger", &["check", "-s", "ordereddates", "payees", "-f"]),
    (Format::Ledger, "ledger", &["--pedantic", "--check-payees", "balance", "-f"]),
    (Format::Beancount, "bean-check", &[]),
];

fn money(minor: i128, currency: Currency) -> Money {
    Money::new(minor, currency)
}

fn recorded(position: u64, at: Timestamp) -> Recorded {
    Recorded {
        position,
        stream: "payment-1".parse().unwrap(),
        version: position,
        event_id: Uuid::from_u128(u128::from(position)),
        event_type: "PaymentCompleted".into(),
        schema_version: 1,
        recorded_at: at,
        occurred_at: at,
        actor: Actor::system("test"),
        correlation_id: Uuid::nil(),
        causation_id: None,
        command_id: Uuid::from_u128(1_000),
        traceparent: None,
        digest: eventlog::payload_digest(b"{}"),
        payload: "{}".into(),
    }
}

/// Four months of captures, releases and payouts in currencies of 0 to 18 decimals. Some events come late: their business date
/// lies in the month before.
fn book(from: u64, format: Format) -> String {
    let mut exporter = Exporter::new(format, from).unwrap();
    let start: Timestamp = "2026-01-05T03:00:00Z".parse().unwrap();
    for position in 1..=90 {
        let at = start.checked_add(SignedDuration::from_hours(33 * i64::try_from(position).unwrap())).unwrap();
        let late = if position % 7 == 0 { at.checked_sub(SignedDuration::from_hours(24 * 20)).unwrap() } else { at };
        let currency = Currency::ALL[usize::try_from(position).unwrap() % 7];
        let amount = money(i128::from(position) * 1_234_567 + 1, currency);
        let fee = amount.basis_points(1_500).unwrap();
        let buyer = Uuid::from_u128(u128::from(0xabc0_0000 + position / 5));
        let draft = match position % 3 {
            0 => JournalEntry::draft("payment_completed", format!("booking-{buyer}"), late)
                .debit("psp_clearing", amount)
                .credit(format!("escrow:{buyer}"), amount),
            1 => JournalEntry::draft("escrow_released", format!("booking-{buyer}"), late)
                .debit(format!("escrow:{buyer}"), amount)
                .credit("fee_revenue", fee)
                .credit(format!("host_payable:{buyer}"), amount.minus(fee).unwrap()),
            _ => JournalEntry::draft("payout_failed", format!("payout-{buyer}"), late)
                .debit("payout_in_transit", amount)
                .credit(format!("host_payable:{buyer}"), amount)
                .reversing(format!("payout-{buyer}")),
        };
        exporter.entry(&recorded(position, at), &draft.balance().unwrap().unwrap()).unwrap();
    }
    exporter.finish();
    exporter.take()
}

/// A file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(text: &str, format: Format) -> Self {
        let file = std::env::temp_dir().join(format!("daybook-export-{}.{}", Uuid::new_v4(), format.extension()));
        std::fs::write(&file, text).unwrap();
        Self(file)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

fn check(format: Format, text: &str) -> Output {
    let (_, program, arguments) = TOOLS.into_iter().find(|(of, ..)| *of == format).unwrap();
    let file = File::new(text, format);
    let run = Command::new(program).args(arguments).arg(&file.0).env("LC_ALL", "C.UTF-8").output();
    run.unwrap_or_else(|error| panic!("{program} does not run ({error}): scripts/test installs it, or `apt-get install {program}`"))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_real_programs_accept_it() {
    for (format, program, _) in TOOLS {
        for from in [1, 40, 91] {
            let text = book(from, format);
            let output = check(format, &text);
            assert!(output.status.success(), "{program} from {from}: {}\n{text}", said(&output));
        }
    }
}

/// One change to a text, of the kind that somebody makes who wants other books.
fn damages(format: Format, text: &str) -> Vec<(&'static str, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let change = |at: usize, line: String| {
        let mut changed: Vec<&str> = lines.clone();
        changed[at] = &line;
        changed.join("\n") + "\n"
    };
    let posting = lines.iter().rposition(|line| line.starts_with("    Liabilities:Host-Payable") && !line.contains('=')).unwrap();
    let asserted = |line: &&str| if format == Format::Beancount { line.contains(" balance ") } else { line.contains(" = ") };
    let assertion = lines.iter().rposition(asserted).unwrap();
    let record = lines.iter().rposition(|line| line.contains("event-") && (line.contains(" * "))).unwrap();
    let end = record + lines[record..].iter().position(|line| line.is_empty()).unwrap();
    let one_more = |line: &str| {
        // The last digit of the amount that counts: before `~`, or before the currency.
        let at = line.split(" ~").next().unwrap().rfind(|c: char| c.is_ascii_digit()).unwrap();
        let digit = if line.as_bytes()[at] == b'9' { '8' } else { '9' };
        format!("{}{digit}{}", &line[..at], &line[at + 1..])
    };
    vec![
        ("an amount", change(posting, one_more(lines[posting]))),
        ("an account", change(posting, lines[posting].replacen("Host-Payable", "Host-Payables", 1))),
        ("a balance", change(assertion, one_more(lines[assertion]))),
        ("a record less", [&lines[..record], &lines[end..]].concat().join("\n") + "\n"),
        ("a record twice", [&lines[..end], &lines[record..]].concat().join("\n") + "\n"),
    ]
}

#[test]
fn a_damaged_copy_is_found_by_each_of_the_programs() {
    for (format, program, _) in TOOLS {
        for (what, text) in damages(format, &book(1, format)) {
            let output = check(format, &text);
            assert!(!output.status.success(), "{program} does not see: {what}\n{}", said(&output));
        }
    }
}

#[test]
fn a_month_that_is_over_is_asserted_and_stays_so() {
    let text = book(1, Format::Beancount);
    for first in ["2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"] {
        let line = format!("{first} balance Assets:Psp-Clearing    ");
        assert!(text.contains(&line), "{first}");
    }
    let hledger = book(1, Format::Hledger);
    assert!(hledger.contains("2026-01-31 * closing_balances") && hledger.contains(" = "));
    // What came late is booked in the open month, and counts from the old one.
    assert!(hledger.contains("2026-02-03=2026-01-14 * (event-"), "{hledger}");
}

#[test]
fn data_has_a_line_for_each_posting_and_fixed_decimals() {
    let csv = book(1, Format::Csv);
    let columns = csv.lines().next().unwrap().split(',').count();
    assert!(csv.lines().all(|line| line.split(',').count() == columns));
    assert_eq!(csv.lines().count(), 1 + 30 * 2 + 30 * 3 + 30 * 2);
    let lines: Vec<serde_json::Value> = book(1, Format::Ndjson).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 90);
    let dollar = lines.iter().find(|line| line["postings"][0]["currency"] == "USD").unwrap();
    assert!(dollar["postings"][0]["amount"].as_str().unwrap().split_once('.').unwrap().1.len() == 2);
    assert_eq!(lines[0]["leaf"].as_str().unwrap().len(), 64);
}
