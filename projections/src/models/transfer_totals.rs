//! The trial balance of transfer ledgers: what all accounts of a ledger were debited and credited, added up side by side (L1).

use domain::transfers::{Counters, Effect, Event as E};
use kernel::Side;
use serde::{Deserialize, Serialize};

use super::foreign;
use super::transfers::{of, streams};
use crate::known::Known;
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per book and ledger.
#[derive(Debug)]
pub struct TransferTotals;

/// The sums of a ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferTotalsRow {
    /// In which book.
    pub book: String,
    /// Which ledger.
    pub ledger: u32,
    /// How many accounts there are.
    pub accounts: u64,
    /// How many transfers were recorded.
    pub transfers: u64,
    /// The counters of all of its accounts, added up.
    pub sums: Counters,
    /// The last event that moved them.
    pub position: u64,
}

impl TransferTotalsRow {
    /// Do debits and credits agree, pending and posted?
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let Counters { debits_pending, debits_posted, credits_pending, credits_posted } = self.sums;
        debits_pending == credits_pending && debits_posted == credits_posted
    }

    fn moved(&mut self, effect: &Effect) {
        for side in [Side::Debit, Side::Credit] {
            effect.apply(side, &mut self.sums, &mut false);
        }
    }
}

fn ledgers(event: &Known) -> Vec<u32> {
    let mut ledgers: Vec<u32> = match of(event) {
        Some((_, E::AccountsCreated { accounts })) => accounts.iter().map(|account| account.ledger).collect(),
        Some((_, E::TransfersCreated { transfers, .. })) => transfers.iter().map(|movement| movement.transfer.ledger).collect(),
        Some((_, E::TransfersExpired { expired, .. })) => expired.iter().map(|expiry| expiry.ledger).collect(),
        None => Vec::new(),
    };
    ledgers.sort_unstable();
    ledgers.dedup();
    ledgers
}

impl ReadModel for TransferTotals {
    const NAME: &'static str = "transfer_totals";
    const VERSION: u32 = 1;
    type Row = TransferTotalsRow;

    fn columns() -> &'static [Column] {
        const { &[Column::text("book").indexed(), Column::bigint("ledger")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        ledgers(event).into_iter().map(|ledger| format!("{}:{ledger}", event.stream().id())).collect()
    }

    fn apply(key: &str, row: Option<TransferTotalsRow>, event: &Known) -> Result<Option<TransferTotalsRow>, Poison> {
        let ledger = key.split_once(':').and_then(|(_, ledger)| ledger.parse().ok()).ok_or_else(|| Poison::new("no key of totals"))?;
        let (book, happened) = of(event).ok_or_else(|| foreign(event))?;
        let mut row = row.unwrap_or_else(|| TransferTotalsRow { book: book.to_owned(), ledger, ..TransferTotalsRow::default() });
        row.position = event.position();
        match happened {
            E::AccountsCreated { accounts } => {
                row.accounts += accounts.iter().filter(|account| account.ledger == ledger).count() as u64;
            }
            E::TransfersCreated { transfers, .. } => {
                for movement in transfers.iter().filter(|movement| movement.transfer.ledger == ledger) {
                    row.transfers += 1;
                    row.moved(&movement.effect());
                }
            }
            E::TransfersExpired { expired, .. } => {
                expired.iter().filter(|expiry| expiry.ledger == ledger).for_each(|expiry| row.moved(&expiry.effect()));
            }
        }
        Ok(Some(row))
    }

    fn index(_key: &str, row: &TransferTotalsRow) -> Vec<Value> {
        vec![row.book.as_str().into(), row.ledger.into()]
    }

    fn streams(key: &str) -> Vec<String> {
        streams(key)
    }
}
