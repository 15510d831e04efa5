use kernel::{Currency, Fact as _};
use uuid::Uuid;

use super::*;
use crate::testing::{given, moment};

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

fn row(amount: i128, fee: i128) -> ProviderRow {
    let vat = fee - fee * 10 / 11;
    ProviderRow {
        payment_key: "key".into(),
        movement_key: "t1".into(),
        order_id: "order-1".into(),
        amount: won(amount),
        fee: won(fee),
        vat: won(vat),
        paid_out: won(amount - fee),
        approved_at: moment("2026-11-01T03:00:00Z"),
        paid_out_on: "2026-11-03".parse().unwrap_or(Date::MIN),
        parts_add_up: true,
    }
}

fn id() -> ReconId {
    ProviderRow::id("key", "t1")
}

fn ours(amount: i128, at: &str) -> Option<Ours> {
    Some(Ours { payment: PaymentId::new(Uuid::from_u128(7)), amount: won(amount), at: moment(at) })
}

fn record(row: ProviderRow, ours: Option<Ours>, expected: i128) -> Command {
    Command::Record { recon: id(), statement: StatementId::new(Uuid::from_u128(1)), row, ours, expected_fee: won(expected) }
}

fn outcome(command: Command) -> Option<ReconOutcome> {
    let at = At { now: moment("2026-11-02T00:00:00Z"), actor: kernel::Actor::Anonymous, command };
    let events = Recon::default().decide(at).unwrap_or_default();
    assert!(events.iter().all(|event| event.entry().is_ok()), "every entry balances");
    match events.last() {
        Some(Event::LineMatched { .. }) => Some(ReconOutcome::Matched),
        Some(Event::ExceptionRaised { outcome, .. }) => Some(*outcome),
        _ => None,
    }
}

const SAME_DAY: &str = "2026-11-01T14:59:59Z";

#[test]
fn a_row_is_compared_with_our_books_in_amount_fee_and_day() {
    for (command, expected) in [
        (record(row(24_000, 660), ours(24_000, SAME_DAY), 660), ReconOutcome::Matched),
        (record(row(24_000, 660), None, 660), ReconOutcome::MissingHere),
        (record(row(24_000, 660), ours(24_001, SAME_DAY), 660), ReconOutcome::AmountMismatch),
        (record(row(24_000, 661), ours(24_000, SAME_DAY), 660), ReconOutcome::FeeMismatch),
        (record(ProviderRow { paid_out: won(1), ..row(24_000, 660) }, ours(24_000, SAME_DAY), 660), ReconOutcome::FeeMismatch),
        (record(row(24_000, 660), ours(24_000, "2026-11-01T15:00:00Z"), 660), ReconOutcome::DateShift),
        (record(row(-24_000, -660), ours(-24_000, SAME_DAY), -660), ReconOutcome::Matched),
    ] {
        assert_eq!(outcome(command.clone()), Some(expected), "{command:?}");
    }
}

#[test]
fn a_row_takes_what_was_captured_off_clearing_and_what_nobody_agreed_to_variance() {
    let posted = |row: ProviderRow, expected: i128| {
        let entry = row.entry(id(), won(expected)).ok().flatten();
        let lines = entry.map(|entry| entry.postings().iter().map(|p| (p.account.clone(), p.side, p.amount.minor())).collect::<Vec<_>>());
        lines.unwrap_or_default()
    };
    use kernel::Side::{Credit, Debit};
    let of = |name: &str, side, minor| (name.to_owned(), side, minor);
    assert_eq!(
        posted(row(24_000, 660), 650),
        [
            of("bank", Debit, 23_340),
            of("psp_fee_expense", Debit, 590),
            of("psp_fee_vat", Debit, 60),
            of("psp_variance", Debit, 10),
            of("psp_clearing", Credit, 24_000)
        ]
    );
    assert_eq!(
        posted(row(-24_000, -660), -660),
        [of("bank", Credit, 23_340), of("psp_fee_expense", Credit, 600), of("psp_fee_vat", Credit, 60), of("psp_clearing", Debit, 24_000)]
    );
}

#[test]
fn a_row_that_comes_again_changes_nothing_and_another_under_its_keys_is_a_duplicate() {
    let at = At { now: moment("2026-11-02T00:00:00Z"), actor: kernel::Actor::Anonymous, command: record(row(24_000, 660), None, 660) };
    let events = Recon::default().decide(at).unwrap_or_default();
    given::<Recon>(events.clone()).when(record(row(24_000, 660), None, 660)).then([]);
    let (ours, theirs, at) = (None, Some(won(1_000)), moment("2026-11-02T00:00:00Z"));
    let raised = Event::ExceptionRaised { recon: id(), outcome: ReconOutcome::Duplicate, ours, theirs, at };
    given::<Recon>(events).when(record(row(1_000, 20), None, 20)).then([raised]);
}

#[test]
fn what_is_missing_may_still_come_and_a_person_explains_what_is_open() {
    let (recon, at) = (id(), moment("2026-11-02T00:00:00Z"));
    let mine = Ours { payment: PaymentId::new(Uuid::from_u128(7)), amount: won(24_000), at: moment(SAME_DAY) };
    let missing = Event::ExceptionRaised { recon, outcome: ReconOutcome::MissingAtPsp, ours: Some(won(24_000)), theirs: None, at };
    given::<Recon>([]).when(Command::Miss { recon, ours: mine }).then([missing.clone()]);
    given::<Recon>([missing.clone()]).when(Command::Miss { recon, ours: mine }).then([]);
    let by = UserId::new(Uuid::from_u128(9));
    let reason = Personal::retained(by.uuid(), "다음 주기에 지급".to_owned());
    let resolve = || Command::Resolve { recon, by, reason: reason.clone() };
    let resolved = Event::ExceptionResolved { recon, by, reason: reason.clone(), at };
    given::<Recon>([missing.clone()]).when(resolve()).then([resolved.clone()]);
    given::<Recon>([missing, resolved]).when(resolve()).refused("SYS007", "exceptionId");
}

#[test]
fn a_bank_line_is_what_the_provider_or_a_payout_said() {
    let day = |text: &str| text.parse::<Date>().unwrap_or(Date::MIN);
    let line = BankLine { day: day("2026-11-03"), amount: won(23_340), reference: "toss".into() };
    for (side, expected) in [
        (BankSide::ProviderDay { day: day("2026-11-03"), expected: won(23_340) }, ReconOutcome::Matched),
        (BankSide::ProviderDay { day: day("2026-11-02"), expected: won(23_340) }, ReconOutcome::DateShift),
        (BankSide::ProviderDay { day: day("2026-11-03"), expected: won(23_341) }, ReconOutcome::AmountMismatch),
        (BankSide::Unknown, ReconOutcome::MissingHere),
    ] {
        assert_eq!(side.outcome(&line).0, expected);
    }
}
