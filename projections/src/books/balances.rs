//! Balances, added up from entries and compared at the checkpoint of those that are stored.

use std::collections::BTreeMap;

use kernel::{Currency, JournalEntry, Money};

use super::Mismatch;
use crate::models::BalanceRow;
use crate::models::account_balances::key;

/// What the entries make of every account, and what is stored of it.
#[derive(Debug, Default)]
pub(super) struct Balances {
    sums: BTreeMap<String, BalanceRow>,
    /// Position and rows of the model; gone once they were compared.
    stored: Option<(u64, BTreeMap<String, BalanceRow>)>,
    compared_at: Option<u64>,
}

impl Balances {
    /// To be compared with these, as of their position.
    pub(super) fn stored(stored: Option<(u64, BTreeMap<String, BalanceRow>)>) -> Self {
        Self { stored, ..Self::default() }
    }

    /// Adds an entry's lines.
    pub(super) fn post(&mut self, position: u64, entry: &JournalEntry) -> Result<(), String> {
        for posting in entry.postings() {
            let (account, currency) = (posting.account.as_str(), posting.amount.currency());
            let key = key(account, currency);
            let mut row = match self.sums.remove(&key) {
                Some(row) => row,
                None => BalanceRow::opened(account, currency, position).ok_or_else(|| format!("the chart has no account {account}"))?,
            };
            row.post(position, posting.side, posting.amount).map_err(|error| error.to_string())?;
            self.sums.insert(key, row);
        }
        Ok(())
    }

    /// Compares, when the events up to the stored position were all posted: the next one is at `position`.
    pub(super) fn before(&mut self, position: u64) -> Result<(), Mismatch> {
        let Some((at, stored)) = self.stored.take_if(|(at, _)| *at < position) else { return Ok(()) };
        self.compared_at = Some(at);
        let mismatch = |wrong: String| Err(Mismatch { position: at, wrong });
        for (key, ours) in &self.sums {
            match stored.get(key) {
                Some(theirs) if theirs == ours => {}
                Some(theirs) => return mismatch(differs(ours, theirs)),
                None => return mismatch(format!("the stored balances have no account {} in {}", ours.account, ours.currency)),
            }
        }
        match stored.iter().find(|(key, _)| !self.sums.contains_key(*key)) {
            Some((_, surplus)) => mismatch(format!("the stored balances have account {}, to which no entry posts", surplus.account)),
            None => Ok(()),
        }
    }

    /// Do all debits equal all credits, in every currency (L1)?
    pub(super) fn even(&self) -> Result<(), String> {
        let mut totals = BTreeMap::<Currency, (Money, Money)>::new();
        for row in self.sums.values() {
            let zero = Money::zero(row.currency);
            let (debits, credits) = totals.entry(row.currency).or_insert((zero, zero));
            let plus = |sum: Money, more| sum.plus(more).map_err(|error| format!("the trial balance in {}: {error}", row.currency));
            (*debits, *credits) = (plus(*debits, row.debits)?, plus(*credits, row.credits)?);
        }
        match totals.values().find(|(debits, credits)| debits != credits) {
            Some((debits, credits)) => Err(format!("the trial balance is not zero: debits {debits}, credits {credits}")),
            None => Ok(()),
        }
    }

    /// How many accounts and currencies there are.
    pub(super) fn len(&self) -> u64 {
        self.sums.len() as u64
    }

    /// Where the stored ones were compared.
    pub(super) const fn compared_at(&self) -> Option<u64> {
        self.compared_at
    }
}

fn differs(ours: &BalanceRow, theirs: &BalanceRow) -> String {
    let BalanceRow { account, debits, credits, .. } = ours;
    format!(
        "the stored balance of {account} says debits {} and credits {}, its entries say {debits} and {credits}",
        theirs.debits, theirs.credits
    )
}
