//! The counters of accounts with the flag `history` after each of their transfers: the source of `TransferAccountBalance`.

use domain::transfers::{After, Counters, Event as E, Transfer};
use kernel::Side;
use serde::{Deserialize, Serialize};

use super::transfers::{key, nanoseconds, of, parse, streams};
use super::{begin, foreign};
use crate::known::Known;
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per account and transfer; the key is the book, the account and the time.
#[derive(Debug)]
pub struct TransferHistory;

/// An account's counters after a transfer, or after one expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferHistoryRow {
    /// The account.
    pub account: u128,
    /// The transfer.
    pub transfer: u128,
    /// When, in nanoseconds since 1970.
    pub timestamp: u64,
    /// Its counters then.
    pub counters: Counters,
}

/// The row of an account after a transfer, or after one expired.
fn noted(account: u128, accounts: [u128; 2], transfer: u128, timestamp: u64, after: Option<&After>) -> Option<TransferHistoryRow> {
    let side = if accounts[0] == account { Side::Debit } else { Side::Credit };
    after?.side(side).map(|counters| TransferHistoryRow { account, transfer, timestamp, counters: *counters })
}

/// The rows of an account in an event, in order.
fn rows(happened: &E, account: u128) -> Box<dyn Iterator<Item = TransferHistoryRow> + '_> {
    match happened {
        E::TransfersCreated { transfers, .. } => Box::new(transfers.of_account(account).filter_map(move |movement| {
            let Transfer { id, debit_account_id, credit_account_id, timestamp, .. } = movement.transfer;
            noted(account, [debit_account_id, credit_account_id], id, timestamp, movement.after.as_deref())
        })),
        E::TransfersExpired { expired, .. } => Box::new(expired.of_account(account).filter_map(move |expiry| {
            noted(account, [expiry.debit_account_id, expiry.credit_account_id], expiry.id, expiry.timestamp, expiry.after.as_deref())
        })),
        E::AccountsCreated { .. } => Box::new(std::iter::empty()),
    }
}

/// The accounts of an event that may have rows.
fn accounts(happened: &E) -> Vec<u128> {
    match happened {
        E::TransfersCreated { transfers, .. } if transfers.iter().any(|movement| movement.after.is_some()) => {
            transfers.accounts().collect()
        }
        E::TransfersExpired { expired, .. } if expired.iter().any(|expiry| expiry.after.is_some()) => expired.accounts().collect(),
        E::TransfersCreated { .. } | E::TransfersExpired { .. } | E::AccountsCreated { .. } => Vec::new(),
    }
}

impl ReadModel for TransferHistory {
    const NAME: &'static str = "transfer_history";
    const VERSION: u32 = 2;
    type Row = TransferHistoryRow;

    fn columns() -> &'static [Column] {
        const { &[Column::text("account").listed_by("recorded_ns"), Column::bigint("recorded_ns")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        let Some((book, happened)) = of(event) else { return Vec::new() };
        let of_account = |account| rows(happened, account).map(move |row| format!("{}:{:020}", key(book, account), row.timestamp));
        accounts(happened).into_iter().flat_map(of_account).collect()
    }

    fn apply(key: &str, row: Option<TransferHistoryRow>, event: &Known) -> Result<Option<TransferHistoryRow>, Poison> {
        let (account, timestamp) = key.rsplit_once(':').ok_or_else(|| foreign(event))?;
        let ((_, account), timestamp) = (parse(account)?, timestamp.parse::<u64>().map_err(Poison::new)?);
        let (_, happened) = of(event).ok_or_else(|| foreign(event))?;
        let first = rows(happened, account).find(|row| row.timestamp == timestamp).ok_or_else(|| foreign(event))?;
        begin(row, event, first)
    }

    fn index(key: &str, row: &TransferHistoryRow) -> Vec<Value> {
        let account = key.rsplit_once(':').map_or(key, |(account, _)| account);
        vec![account.into(), nanoseconds(row.timestamp)]
    }

    fn streams(key: &str) -> Vec<String> {
        streams(key)
    }
}
