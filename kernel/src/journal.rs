//! Balanced journal entries.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};

/// A side of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Left.
    Debit,
    /// Right.
    Credit,
}

/// One line of an entry. The amount is positive; the side says which way it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Account by name, for example `escrow:0193…`.
    pub account: String,
    /// Debit or credit.
    pub side: Side,
    /// A positive amount.
    pub amount: Money,
}

/// The postings do not cancel out, or one of them is not positive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal entry {kind} does not balance in {currency}: debits exceed credits by {excess_minor} minor units")]
pub struct Unbalanced {
    /// The entry's kind.
    pub kind: String,
    /// The currency that does not balance.
    pub currency: Currency,
    /// Debits less credits in minor units; 0 when a posting was negative or overflowed.
    pub excess_minor: i128,
}

/// A journal entry that balances in every currency: there is no other way to construct one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalEntry {
    kind: String,
    reference: String,
    reverses: Option<String>,
    effective_at: Timestamp,
    postings: Vec<Posting>,
}

/// Collects the postings of an entry; [`Draft::balance`] makes the entry of it.
#[derive(Clone, Debug)]
pub struct Draft {
    entry: JournalEntry,
}

impl JournalEntry {
    /// Begins an entry of a kind, with the business reference that later entries may name, as of a business date.
    #[must_use]
    pub fn draft(kind: &str, reference: impl ToString, effective_at: Timestamp) -> Draft {
        let entry = Self { kind: kind.to_owned(), reference: reference.to_string(), reverses: None, effective_at, postings: Vec::new() };
        Draft { entry }
    }

    /// What kind of fact posted it, for example `payment_completed`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The business reference of the entry (a payment, a refund, a payout).
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The reference of the entry that this one reverses.
    #[must_use]
    pub fn reverses(&self) -> Option<&str> {
        self.reverses.as_deref()
    }

    /// The business date.
    #[must_use]
    pub const fn effective_at(&self) -> Timestamp {
        self.effective_at
    }

    /// The lines, in the order in which the rule names them.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }
}

impl Draft {
    /// Adds a debit; an amount of zero posts nothing.
    #[must_use]
    pub fn debit(self, account: impl ToString, amount: Money) -> Self {
        self.post(account.to_string(), Side::Debit, amount)
    }

    /// Adds a credit; an amount of zero posts nothing.
    #[must_use]
    pub fn credit(self, account: impl ToString, amount: Money) -> Self {
        self.post(account.to_string(), Side::Credit, amount)
    }

    /// Names the entry that this one reverses.
    #[must_use]
    pub fn reversing(mut self, reference: impl ToString) -> Self {
        self.entry.reverses = Some(reference.to_string());
        self
    }

    fn post(mut self, account: String, side: Side, amount: Money) -> Self {
        if !amount.is_zero() {
            self.entry.postings.push(Posting { account, side, amount });
        }
        self
    }

    /// The finished entry, or nothing when every amount was zero.
    ///
    /// # Errors
    /// [`Unbalanced`] when debits and credits differ in a currency, or an amount is negative.
    pub fn balance(self) -> Result<Option<JournalEntry>, Unbalanced> {
        let entry = self.entry;
        let broken = |currency, excess_minor| Unbalanced { kind: entry.kind.clone(), currency, excess_minor };
        let mut excess = BTreeMap::<Currency, i128>::new();
        for posting in &entry.postings {
            let (currency, minor) = (posting.amount.currency(), posting.amount.minor());
            if minor < 0 {
                return Err(broken(currency, 0));
            }
            let signed = if posting.side == Side::Debit { minor } else { -minor };
            let sum = excess.entry(currency).or_default();
            *sum = sum.checked_add(signed).ok_or_else(|| broken(currency, 0))?;
        }
        match excess.into_iter().find(|(_, minor)| *minor != 0) {
            Some((currency, minor)) => Err(broken(currency, minor)),
            None if entry.postings.is_empty() => Ok(None),
            None => Ok(Some(entry)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        JournalEntry::draft("test", "ref", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn balances_per_currency() {
        let (won, usd) = (Money::new(5, Currency::Krw), Money::new(5, Currency::Usd));
        assert!(draft().debit("a", won).credit("b", won).balance().is_ok_and(|e| e.is_some()));
        assert_eq!(draft().debit("a", won).balance().map_err(|e| e.excess_minor), Err(5));
        assert!(draft().debit("a", won).credit("b", usd).balance().is_err());
    }

    #[test]
    fn zero_posts_nothing_and_negative_is_refused() {
        let won = |m| Money::new(m, Currency::Krw);
        assert_eq!(draft().debit("a", won(0)).credit("b", won(0)).balance(), Ok(None));
        assert!(draft().debit("a", won(-1)).credit("b", won(-1)).balance().is_err());
    }
}
