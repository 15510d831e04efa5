//! What every account holds now, per currency: the source of `trialBalance` and `accountBalance` without a date.

use domain::ledger::{self, AccountClass};
use kernel::{Currency, Money, Posting, Side};
use serde::{Deserialize, Serialize};

use super::journal::{entry_of, position_value};
use super::ledger_lines::StoredClass;
use crate::known::Known;
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per account and currency; see [`key`].
#[derive(Debug)]
pub struct AccountBalances;

/// The sums of an account in one currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BalanceRow {
    /// Account by name.
    pub account: String,
    /// The currency.
    pub currency: Currency,
    /// The account's class.
    #[serde(with = "StoredClass")]
    pub class: AccountClass,
    /// Σ debits.
    pub debits: Money,
    /// Σ credits.
    pub credits: Money,
    /// Where it was first posted to.
    pub first_position: u64,
    /// Where it was last posted to: what it holds is what it held at every position since.
    pub last_position: u64,
}

/// The key of an account's row in a currency.
#[must_use]
pub fn key(account: &str, currency: Currency) -> String {
    format!("{account}|{currency}")
}

impl BalanceRow {
    /// Nothing yet, on an account that is first posted to at this position; `None` for one that the chart has not.
    #[must_use]
    pub fn opened(account: &str, currency: Currency, first_position: u64) -> Option<Self> {
        let zero = Money::zero(currency);
        let class = ledger::class_of(account)?;
        let (debits, credits, last_position) = (zero, zero, first_position);
        Some(Self { account: account.to_owned(), currency, class, debits, credits, first_position, last_position })
    }

    /// Adds a posting of the entry at a position.
    ///
    /// # Errors
    /// When the sum leaves the range of [`Money`], or the currency is another.
    pub fn post(&mut self, position: u64, side: Side, amount: Money) -> Result<(), kernel::MoneyError> {
        self.last_position = position;
        match side {
            Side::Debit => self.debits = self.debits.plus(amount)?,
            Side::Credit => self.credits = self.credits.plus(amount)?,
        }
        Ok(())
    }

    /// The side on which an account of this class grows.
    #[must_use]
    pub const fn normal_side(&self) -> Side {
        match self.class {
            AccountClass::Asset | AccountClass::Expense => Side::Debit,
            AccountClass::Liability | AccountClass::Income => Side::Credit,
        }
    }

    /// What the account holds on its normal side; negative when it is overdrawn.
    #[must_use]
    pub const fn balance(&self) -> Money {
        let (debits, credits) = (self.debits.minor(), self.credits.minor());
        match self.normal_side() {
            Side::Debit => self.debits.with_minor(debits - credits),
            Side::Credit => self.credits.with_minor(credits - debits),
        }
    }
}

impl ReadModel for AccountBalances {
    const NAME: &'static str = "account_balances";
    const VERSION: u32 = 2;
    const POSTS_MONEY: bool = true;
    type Row = BalanceRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::text("account").indexed(),
                Column::text("class"),
                Column::text("currency"),
                Column::text("family"),
                Column::bigint("first_position"),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        keys_by(event, key_of)
    }

    fn apply(balance_key: &str, row: Option<BalanceRow>, event: &Known) -> Result<Option<BalanceRow>, Poison> {
        add_by(balance_key, row, event, |account| account)
    }

    fn index(_key: &str, row: &BalanceRow) -> Vec<Value> {
        let BalanceRow { account, class, currency, first_position, .. } = row;
        let family = ledger::family_of(account);
        vec![account.as_str().into(), class.name().into(), currency.code().into(), family.into(), position_value(*first_position)]
    }
}

fn key_of(posting: &Posting) -> String {
    key(&posting.account, posting.amount.currency())
}

/// The keys of an entry's lines, under what groups them.
pub(super) fn keys_by(event: &Known, key_of: impl Fn(&Posting) -> String) -> Vec<String> {
    match event.event.entry() {
        Ok(None) => Vec::new(),
        Ok(Some(entry)) => entry.postings().iter().map(key_of).collect(),
        // No account to name: its poison halts the model all the same.
        Err(_) => vec![event.stream().to_string()],
    }
}

/// The sums of a group with one more entry; `group` names the group of an account.
pub(super) fn add_by(
    group_key: &str,
    row: Option<BalanceRow>,
    event: &Known,
    group: impl Fn(&str) -> &str,
) -> Result<Option<BalanceRow>, Poison> {
    let (entry, position) = (entry_of(event)?, event.position());
    let mut row = row;
    // An entry may post to one group more than once.
    for posting in entry.postings() {
        let (name, currency) = (group(&posting.account), posting.amount.currency());
        if key(name, currency) != group_key {
            continue;
        }
        let opened = || BalanceRow::opened(name, currency, position);
        let mut posted = row.take().or_else(opened).ok_or_else(|| Poison::new("the chart has no such account"))?;
        posted.post(position, posting.side, posting.amount).map_err(Poison::new)?;
        row = Some(posted);
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use domain::ids::{Payment, Payout};

    use super::*;
    use crate::models::testing::{History, completed_late, id, payout_completed, payout_failed, payout_requested, unbalanced, won};

    #[test]
    fn sums_of_both_sides_and_the_balance_on_the_normal_one() {
        let payout = id::<Payout>(60);
        let rows = History::default().on(payout, payout_requested()).on(payout, payout_completed()).rows::<AccountBalances>();
        let of = |account: &str| &rows[&key(account, Currency::Krw)];
        let bank = of(ledger::BANK);
        assert_eq!((bank.debits, bank.credits, bank.balance(), bank.first_position), (won(0), won(20_400), won(-20_400), 2));
        let transit = of(ledger::PAYOUT_IN_TRANSIT);
        assert_eq!((transit.debits, transit.credits, transit.balance()), (won(20_400), won(20_400), won(0)));
        assert_eq!((transit.normal_side(), bank.normal_side()), (Side::Credit, Side::Debit));
        let index: [Value; 5] = [ledger::BANK.into(), "asset".into(), "KRW".into(), "bank".into(), Value::BigInt(2)];
        assert_eq!(AccountBalances::index("", bank), index);
        assert_eq!((of(ledger::PAYOUT_IN_TRANSIT).first_position, of(ledger::PAYOUT_IN_TRANSIT).last_position), (1, 2));
    }

    #[test]
    fn debits_equal_credits_whatever_happened() {
        let (payment, payout) = (id::<Payment>(7), id::<Payout>(60));
        let history = completed_late(payment).on(payout, payout_requested()).on(payout, payout_failed());
        let rows = history.rows::<AccountBalances>();
        let sum = |side: fn(&BalanceRow) -> Money| rows.values().map(|row| side(row).minor()).sum::<i128>();
        assert_eq!(sum(|row| row.debits), sum(|row| row.credits));
        assert_eq!(sum(|row| row.debits), 24_000 + 24_000 + 2 * 20_400);
    }

    #[test]
    fn an_entry_that_does_not_balance_is_a_poison() {
        assert!(History::default().on(id::<Payment>(7), unbalanced()).is_poison::<AccountBalances>());
    }
}
