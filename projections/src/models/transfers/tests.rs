#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use domain::transfers::{AMOUNT_MAX, Account, AccountFlags, TransferLedger};
use kernel::jiff::SignedDuration;

use super::*;
use crate::models::testing::{History, at};
use crate::models::{TransferAccounts, TransferHistory, TransferTotals};

const STREAM: &str = "transferledger-main";

fn transfer(id: u128, debit: u128, credit: u128, amount: u128) -> Transfer {
    Transfer { id, debit_account_id: debit, credit_account_id: credit, amount, ledger: 1, code: 1, ..Transfer::default() }
}

fn flagged(transfer: Transfer, flags: TransferFlags) -> Transfer {
    Transfer { flags, ..transfer }
}

/// Accounts 1 (with a history) to 3; a payment, a part that is posted, one that is voided in the same batch, one that expires.
fn played() -> (TransferLedger, History) {
    let (mut ledger, mut history) = (TransferLedger::default(), History::default());
    // The ledger is as its commands have left it.
    let mut take = |events: Vec<E>| {
        for event in events {
            history = std::mem::take(&mut history).on(STREAM, Event::Transfers(event));
        }
    };
    let account = |id| Account {
        id,
        ledger: 1,
        code: 1,
        flags: AccountFlags(if id == 1 { AccountFlags::HISTORY.0 } else { 0 }),
        ..Account::default()
    };
    let (_, events) = ledger.create_accounts(at(0), &[1, 2, 3].map(account)).unwrap();
    take(events);
    let pending = TransferFlags::PENDING;
    let batch = [
        transfer(10, 1, 2, 100),
        flagged(transfer(11, 2, 3, 60), pending),
        flagged(transfer(12, 3, 1, 5), pending),
        flagged(Transfer { pending_id: 12, ..Transfer { id: 13, ..Transfer::default() } }, TransferFlags::VOID_PENDING_TRANSFER),
        Transfer { timeout: 60, ..flagged(transfer(14, 1, 3, 7), pending) },
    ];
    let (_, events) = ledger.create_transfers(at(1), &batch).unwrap();
    take(events);
    let post = Transfer { id: 15, pending_id: 11, amount: 40, flags: TransferFlags::POST_PENDING_TRANSFER, ..Transfer::default() };
    let (answers, events) = ledger.create_transfers(at(3), &[post, Transfer { id: 16, amount: AMOUNT_MAX, ..post }]).unwrap();
    assert_eq!(answers.0[1].outcome.name(), "pending_transfer_already_posted");
    take(events);
    assert!(at(3) > at(1).checked_add(SignedDuration::from_secs(60)).unwrap());
    (ledger, history)
}

#[test]
fn a_transfer_says_what_became_of_it() {
    let (_, history) = played();
    let row = |id| history.row::<Transfers>(&key("main", id)).unwrap();
    assert_eq!(
        [10, 11, 12, 14].map(|id| row(id).status),
        [None, Some(PendingStatus::Posted), Some(PendingStatus::Voided), Some(PendingStatus::Expired)]
    );
    assert_eq!(row(11).resolved_by.map(|by| (by.transfer.id, by.transfer.amount)), Some((15, 40)));
    assert!(row(14).resolved_at > row(14).movement.transfer.expires_at().unwrap() && row(10).resolved_at == 0);
    assert!(history.row::<Transfers>(&key("main", 16)).is_none() && history.row::<Transfers>(&key("other", 10)).is_none());
}

#[test]
fn accounts_are_what_the_ledger_says() {
    let (ledger, history) = played();
    let rows = history.rows::<TransferAccounts>();
    assert_eq!(rows.len(), 3);
    assert!(rows.values().all(|row| Some(&row.holding) == ledger.account(row.holding.account.id)));
}

#[test]
fn history_and_totals_follow() {
    let (ledger, history) = played();
    let rows = history.rows::<TransferHistory>();
    let last = rows.values().last().unwrap();
    assert_eq!((rows.len(), last.transfer, Some(last.counters)), (5, 14, ledger.account(1).map(|holding| holding.counters)));
    let totals = history.row::<TransferTotals>("main:1").unwrap();
    assert!(totals.is_balanced() && totals.sums == ledger.totals());
    assert_eq!((totals.accounts, totals.transfers, totals.sums.debits_posted), (3, 6, 140));
}
