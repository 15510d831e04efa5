#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use adapters::sandbox::{Book, Outcome};
use kernel::{Currency, Money};
use uuid::Uuid;

use super::*;

const START: i64 = 1_790_000_000;

fn at(hours_before_start: i64) -> Timestamp {
    Timestamp::from_second(START - hours_before_start * HOUR_S).unwrap()
}

fn entry(subject: Subject, won: i128, hours_before_start: i64) -> Entry {
    let idempotency_key = format!("{subject:?}");
    let outcome = Outcome::Booked { reference: "r".to_owned() };
    Entry { at: at(hours_before_start), subject, amount: Money::new(won, Currency::Krw), idempotency_key, outcome }
}

fn captured(won: i128) -> Entry {
    entry(Subject::Confirm { payment_key: "k".to_owned(), order_id: "order-1".to_owned() }, won, 100)
}

fn returned(won: i128) -> Entry {
    entry(Subject::Cancel { payment_key: "k".to_owned(), order_id: "order-1".to_owned() }, won, 1)
}

fn record() -> Record {
    Record {
        booking: BookingId::new(Uuid::from_u128(1)),
        host: UserId::new(Uuid::from_u128(2)),
        total_won: 10_000,
        cancellation: Standard,
        starts_at: at(0),
        order_id: Some("order-1".to_owned()),
        confirmed: true,
        unknown: false,
        finished: true,
        ended: None,
        goodwill_won: 0,
    }
}

fn books(provider: Vec<Entry>) -> Books {
    Books { provider: Book { entries: provider }, bank: Book::default() }
}

fn account(expected: &Expected, name: &str) -> i128 {
    expected.accounts.iter().find(|(account, _)| account.starts_with(name)).map_or(0, |(_, won)| *won)
}

#[test]
fn a_finished_trip_divides_into_fee_tax_and_share() {
    let found = expected(&[record()], &[], &books(vec![captured(10_000)]));
    assert_eq!(found.findings, Vec::<String>::new());
    let names = ["psp_clearing", "escrow", "fee_revenue", "vat_payable", "host_payable"];
    assert_eq!(names.map(|name| account(&found, name)), [10_000, 0, -1_364, -136, -8_500]);
    assert_eq!(found.accounts.values().sum::<i128>(), 0);
}

#[test]
fn a_trip_under_way_is_in_escrow() {
    let found = expected(&[Record { finished: false, ..record() }], &[], &books(vec![captured(10_000)]));
    assert_eq!((account(&found, "escrow"), account(&found, "host_payable")), (-10_000, 0));
}

#[test]
fn half_back_halves_the_fee() {
    let cancelled = Record { ended: Some(Ended::ByGuest(at(3))), ..record() };
    let found = expected(&[cancelled], &[], &books(vec![captured(10_000), returned(5_000)]));
    assert_eq!(found.findings, Vec::<String>::new());
    assert_eq!((account(&found, "host_payable"), account(&found, "psp_clearing")), (-4_250, 5_000));
}

#[test]
fn a_broken_promise_a_wrong_price_and_a_stray_order_are_found() {
    let cancelled = Record { ended: Some(Ended::ByOthers), ..record() };
    assert_eq!(expected(&[cancelled], &[], &books(vec![captured(10_000), returned(9_999)])).findings.len(), 1);
    assert_eq!(expected(&[record()], &[], &books(vec![captured(9_999)])).findings.len(), 1);
    assert_eq!(expected(&[], &[], &books(vec![captured(1)])).findings.len(), 1);
    let late = Record { confirmed: false, ..record() };
    assert_eq!(expected(&[late], &[], &books(vec![captured(10_000)])).findings.len(), 1);
}

#[test]
fn payouts_come_off_what_the_host_is_owed() {
    let payee = record().host.to_string();
    let mut both = books(vec![captured(10_000)]);
    both.bank.entries.push(entry(Subject::Payout { payout: "p".to_owned(), payee }, 8_500, 0));
    let found = expected(&[record()], &[], &both);
    assert_eq!((account(&found, "host_payable"), account(&found, "bank")), (0, -8_500));
}

#[test]
fn windows_of_the_policies() {
    for (policy, hours, window_is) in [
        (Flexible, 1, Window::All),
        (Flexible, 0, Window::Nothing),
        (Standard, 24, Window::All),
        (Standard, 23, Window::Half),
        (Strict, 168, Window::All),
        (Strict, 167, Window::Half),
        (Strict, 47, Window::Nothing),
    ] {
        assert_eq!(window(policy, at(0), at(500), at(hours)), window_is, "{policy:?} {hours} h before");
    }
    assert_eq!(window(Standard, at(0), at(3), Timestamp::from_second(START - 3 * HOUR_S + GRACE_S).unwrap()), Window::Grace);
}

#[test]
fn only_differences_are_told() {
    let ours = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2), ("zero".to_owned(), 0)]);
    let theirs = BTreeMap::from([("a".to_owned(), 1), ("c".to_owned(), 3)]);
    let told: Vec<_> = differences(&ours, &theirs).into_iter().map(|d| (d.account, d.ours_won, d.expected_won)).collect();
    assert_eq!(told, [("b".to_owned(), 2, 0), ("c".to_owned(), 0, 3)]);
}
