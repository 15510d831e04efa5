#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kernel::Currency;
use projections::models::BalanceRow;

use super::*;
use crate::ledger::Side;

const KRW: Currency = Currency::Krw;

fn row(account: &str, debits: i128, credits: i128) -> BalanceRow {
    let mut row = BalanceRow::opened(account, KRW, 1).unwrap();
    row.post(1, kernel::Side::Debit, kernel::Money::new(debits, KRW)).unwrap();
    row.post(1, kernel::Side::Credit, kernel::Money::new(credits, KRW)).unwrap();
    row
}

fn books(rows: Vec<BalanceRow>) -> TrialBalance {
    TrialBalance::new(&balances::TrialBalance { position: 7, rows }, &AsOf::default()).unwrap()
}

#[test]
fn sums_say_whether_the_books_balance() {
    let balanced = |found: &TrialBalance| found.currencies.iter().all(|of| of.totals.debits == of.totals.credits);
    let books_of = books(vec![row("psp_clearing", 12_000, 0), row("escrow", 2_000, 9_000), row("bank", 0, 5_000)]);
    assert!(balanced(&books_of));
    assert_eq!(books_of.currencies[0].as_of.position, Some(7), "accounts are those of the same position");
    assert!(!balanced(&books(vec![row("bank", 1, 0)])));
    assert!(books(Vec::new()).currencies.is_empty());
}

#[test]
fn groups_are_classes_and_families() {
    assert!(matches!(Group::named("LIABILITY"), Ok(Group::Class(AccountClass::Liability))));
    assert!(matches!(Group::named("escrow"), Ok(Group::Family("escrow"))));
    assert_eq!(Group::named("cash").err().unwrap().public_code(), MALFORMED);
}

#[test]
fn a_balance_is_seen_from_its_own_side() {
    let overdrawn = row("bank", 0, 5_000);
    assert_eq!((Side::from(overdrawn.normal_side()), overdrawn.balance().minor()), (Side::Debit, -5_000));
    let owed = row("escrow:b", 0, 9_000);
    assert_eq!((Side::from(owed.normal_side()), owed.balance().minor()), (Side::Credit, 9_000));
}
