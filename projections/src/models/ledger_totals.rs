//! What every family of accounts holds now, per currency: a dozen rows, however many accounts there are. The source of the trial
//! balance without a date.

use domain::ledger;

use super::account_balances::{BalanceRow, add_by, key, keys_by};
use crate::known::Known;
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per family of accounts and currency; its `account` is the family's name.
#[derive(Debug)]
pub struct LedgerTotals;

impl ReadModel for LedgerTotals {
    const NAME: &'static str = "ledger_totals";
    const VERSION: u32 = 1;
    const POSTS_MONEY: bool = true;
    type Row = BalanceRow;

    fn columns() -> &'static [Column] {
        const { &[Column::text("currency")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        keys_by(event, |posting| key(ledger::family_of(&posting.account), posting.amount.currency()))
    }

    fn apply(totals_key: &str, row: Option<BalanceRow>, event: &Known) -> Result<Option<BalanceRow>, Poison> {
        add_by(totals_key, row, event, ledger::family_of)
    }

    fn index(_key: &str, row: &BalanceRow) -> Vec<Value> {
        vec![row.currency.code().into()]
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{Payment, Payout};
    use kernel::Currency;

    use super::*;
    use crate::models::testing::{History, completed_late, id, payout_requested, unbalanced, won};

    #[test]
    fn accounts_of_a_family_are_one_row() {
        let rows = completed_late(id::<Payment>(7)).on(id::<Payout>(60), payout_requested()).rows::<LedgerTotals>();
        let escrow = &rows[&key("escrow", Currency::Krw)];
        assert_eq!((escrow.account.as_str(), escrow.debits, escrow.credits), ("escrow", won(24_000), won(24_000)));
        assert_eq!(rows[&key("host_payable", Currency::Krw)].debits, won(20_400));
        assert_eq!(rows.len(), 5);
        assert!(History::default().on(id::<Payment>(7), unbalanced()).is_poison::<LedgerTotals>());
    }
}
