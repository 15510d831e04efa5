//! What was posted within each stretch of the log, per family of accounts and currency: what the books were at any position is the
//! sum of the stretches before it and of the lines within the last.

use domain::ledger;
use kernel::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::account_balances::{add_by, key as family_key, keys_by};
use super::journal::position_value;
use crate::known::Known;
use crate::model::{Column, Poison, ReadModel, Value};

/// Positions of a stretch. The lines of one stretch are read in one go; there are 2,500 stretches in ten million events.
pub const BLOCK: u64 = 4_096;

/// One row per stretch, family and currency that was posted to within it; see [`key`].
#[derive(Debug)]
pub struct LedgerBlocks;

/// The sums of a stretch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockRow {
    /// Which stretch: positions divided by [`BLOCK`].
    pub block: u64,
    /// Which family of accounts.
    pub family: String,
    /// The currency.
    pub currency: Currency,
    /// Σ debits within it.
    pub debits: Money,
    /// Σ credits within it.
    pub credits: Money,
}

/// The key of a stretch's row; keys sort as positions do.
#[must_use]
pub fn key(block: u64, family: &str, currency: Currency) -> String {
    format!("{block:016}|{}", family_key(family, currency))
}

impl ReadModel for LedgerBlocks {
    const NAME: &'static str = "ledger_blocks";
    const VERSION: u32 = 1;
    const POSTS_MONEY: bool = true;
    type Row = BlockRow;

    fn columns() -> &'static [Column] {
        const { &[Column::bigint("block").indexed(), Column::text("family")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        let block = event.position() / BLOCK;
        keys_by(event, |posting| key(block, ledger::family_of(&posting.account), posting.amount.currency()))
    }

    fn apply(block_key: &str, row: Option<BlockRow>, event: &Known) -> Result<Option<BlockRow>, Poison> {
        let block = event.position() / BLOCK;
        let group_key = block_key.split_once('|').map_or("", |(_, group)| group);
        let sums = add_by(group_key, None, event, ledger::family_of)?;
        let Some(sums) = sums else { return Ok(row) };
        let (family, currency, zero) = (sums.account, sums.currency, Money::zero(sums.currency));
        let before = row.unwrap_or(BlockRow { block, family, currency, debits: zero, credits: zero });
        let debits = before.debits.plus(sums.debits).map_err(Poison::new)?;
        let credits = before.credits.plus(sums.credits).map_err(Poison::new)?;
        Ok(Some(BlockRow { debits, credits, ..before }))
    }

    fn index(_key: &str, row: &BlockRow) -> Vec<Value> {
        vec![position_value(row.block), row.family.as_str().into()]
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{Payment, Payout};

    use super::*;
    use crate::models::testing::{completed_late, id, payout_requested, won};

    #[test]
    fn what_was_posted_within_a_stretch() {
        let rows = completed_late(id::<Payment>(7)).on(id::<Payout>(60), payout_requested()).rows::<LedgerBlocks>();
        let of = |family: &str| &rows[&key(0, family, Currency::Krw)];
        assert_eq!((of("escrow").debits, of("escrow").credits, of("psp_clearing").debits), (won(24_000), won(24_000), won(24_000)));
        assert_eq!(LedgerBlocks::index("", of("escrow")), [Value::BigInt(0), "escrow".into()]);
        assert!(key(9, "bank", Currency::Krw) < key(10, "bank", Currency::Krw), "keys sort as positions do");
    }
}
