//! Accounts of transfer ledgers with their four counters: the source of `TransferAccount`, folded by the function that decisions use.

use domain::transfers::{Effect, Event as E, Holding};
use kernel::Side;
use serde::{Deserialize, Serialize};

use super::transfers::{key, nanoseconds, of, parse, streams};
use super::{begin, change, foreign};
use crate::known::Known;
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per account; the key is the book and the id.
#[derive(Debug)]
pub struct TransferAccounts;

/// An account as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferAccountRow {
    /// In which book.
    pub book: String,
    /// The account, its counters, and whether it is closed.
    pub holding: Holding,
}

impl TransferAccountRow {
    fn moved(&mut self, accounts: [u128; 2], effect: &Effect) {
        for (side, account) in [Side::Debit, Side::Credit].into_iter().zip(accounts) {
            if account == self.holding.account.id {
                self.holding.apply(side, effect);
            }
        }
    }
}

impl ReadModel for TransferAccounts {
    const NAME: &'static str = "transfer_accounts";
    const VERSION: u32 = 1;
    type Row = TransferAccountRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::text("book"),
                Column::bigint("ledger"),
                Column::bigint("code"),
                Column::bool("closed"),
                Column::bigint("created_ns").indexed(),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        let accounts: Vec<u128> = match of(event) {
            Some((_, E::AccountsCreated { accounts })) => accounts.accounts().collect(),
            Some((_, E::TransfersCreated { transfers, .. })) => transfers.accounts().collect(),
            Some((_, E::TransfersExpired { expired, .. })) => expired.accounts().collect(),
            None => return Vec::new(),
        };
        accounts.into_iter().map(|id| key(event.stream().id(), id)).collect()
    }

    fn apply(key: &str, row: Option<TransferAccountRow>, event: &Known) -> Result<Option<TransferAccountRow>, Poison> {
        let (book, id) = parse(key)?;
        match of(event) {
            Some((_, E::AccountsCreated { accounts })) => {
                let account = accounts.of_id(id).next().ok_or_else(|| foreign(event))?;
                begin(row, event, TransferAccountRow { book: book.to_owned(), holding: Holding::new(*account) })
            }
            Some((_, E::TransfersCreated { transfers, .. })) => change(row, event, |row| {
                for movement in transfers.of_account(id) {
                    let transfer = &movement.transfer;
                    row.moved([transfer.debit_account_id, transfer.credit_account_id], &movement.effect());
                }
            }),
            Some((_, E::TransfersExpired { expired, .. })) => change(row, event, |row| {
                for expiry in expired.of_account(id) {
                    row.moved([expiry.debit_account_id, expiry.credit_account_id], &expiry.effect());
                }
            }),
            None => Err(foreign(event)),
        }
    }

    fn index(_key: &str, row: &TransferAccountRow) -> Vec<Value> {
        let account = &row.holding.account;
        let (ledger, code) = (account.ledger.into(), u32::from(account.code).into());
        vec![row.book.as_str().into(), ledger, code, row.holding.closed.into(), nanoseconds(account.timestamp)]
    }

    fn streams(key: &str) -> Vec<String> {
        streams(key)
    }
}
