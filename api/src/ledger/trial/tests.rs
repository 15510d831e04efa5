#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;
use crate::ledger::Side;

const KRW: Currency = Currency::Krw;

fn row(account: &str, debits: i128, credits: i128) -> BalanceRow {
    let mut row = BalanceRow::opened(account, KRW, 1).unwrap();
    row.post(kernel::Side::Debit, kernel::Money::new(debits, KRW)).unwrap();
    row.post(kernel::Side::Credit, kernel::Money::new(credits, KRW)).unwrap();
    row
}

fn names(connection: &Connection<AccountBalanceNode>) -> Vec<&str> {
    connection.edges.iter().map(|edge| edge.node.0.account.as_str()).collect()
}

fn page(first: Option<i32>, after: Option<String>, last: Option<i32>, before: Option<String>) -> Page {
    Page::new(first, after, last, before).unwrap()
}

fn books() -> TrialBalance {
    let rows = vec![row("psp_clearing", 12_000, 0), row("escrow:b", 0, 9_000), row("bank", 0, 5_000), row("escrow:a", 2_000, 0)];
    TrialBalance::new(balances::TrialBalance { position: 7, rows }).unwrap()
}

#[test]
fn sums_say_whether_the_books_balance() {
    let balanced = |found: &TrialBalance| found.currencies.iter().all(|of| of.totals.debits == of.totals.credits);
    assert!(balanced(&books()));
    let broken = TrialBalance::new(balances::TrialBalance { position: 7, rows: vec![row("bank", 1, 0)] }).unwrap();
    assert!(!balanced(&broken));
    let empty = TrialBalance::new(balances::TrialBalance { position: 0, rows: Vec::new() }).unwrap();
    assert!(balanced(&empty) && empty.currencies.is_empty());
}

#[test]
fn accounts_are_paged_by_name_both_ways() {
    let books = books();
    let rows: Vec<&BalanceRow> = books.currencies[0].rows.iter().collect();
    let forward = accounts(&rows, &page(Some(3), None, None, None)).unwrap();
    assert_eq!(names(&forward), ["bank", "escrow:a", "escrow:b"]);
    assert!(forward.page_info.has_next_page && !forward.page_info.has_previous_page);
    let rest = accounts(&rows, &page(Some(3), forward.page_info.end_cursor.clone(), None, None)).unwrap();
    assert_eq!(names(&rest), ["psp_clearing"]);
    assert!(!rest.page_info.has_next_page && rest.page_info.has_previous_page);
    let back = accounts(&rows, &page(None, None, Some(2), rest.page_info.start_cursor.clone())).unwrap();
    assert_eq!(names(&back), ["escrow:a", "escrow:b"]);
    assert!(back.page_info.has_next_page && back.page_info.has_previous_page);
    // A cursor of an account that is not in the list still has its place.
    let between = URL_SAFE_NO_PAD.encode("escrow:aa");
    assert_eq!(names(&accounts(&rows, &page(None, Some(between), None, None)).unwrap()), ["escrow:b", "psp_clearing"]);
    let crossed = page(None, forward.page_info.end_cursor, None, forward.page_info.start_cursor);
    assert!(names(&accounts(&rows, &crossed).unwrap()).is_empty());
    assert!(accounts(&rows, &page(None, Some("!".into()), None, None)).is_err());
}

#[test]
fn groups_are_classes_and_families() {
    let books = books();
    let of = |name: &str| {
        let group = Group::named(name).unwrap();
        books.currencies[0].rows.iter().filter(|row| group.has(row)).map(|row| row.account.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of("asset"), ["bank", "psp_clearing"]);
    assert_eq!(of("LIABILITY"), ["escrow:a", "escrow:b"]);
    assert_eq!(of("escrow"), ["escrow:a", "escrow:b"]);
    assert_eq!(of("expense"), [""; 0]);
    assert_eq!(Group::named("cash").err().unwrap().public_code(), MALFORMED);
}

#[test]
fn a_balance_is_seen_from_its_own_side() {
    let overdrawn = row("bank", 0, 5_000);
    assert_eq!((Side::from(overdrawn.normal_side()), overdrawn.balance().minor()), (Side::Debit, -5_000));
    let owed = row("escrow:b", 0, 9_000);
    assert_eq!((Side::from(owed.normal_side()), owed.balance().minor()), (Side::Credit, 9_000));
}
