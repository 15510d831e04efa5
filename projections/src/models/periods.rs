//! The months that were closed: the source of `accountingPeriods`.

use domain::calendar::Month;
use domain::ids::UserId;
use domain::period::{self, ClosingBalance, Sealed};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per month; the key is its stream, `period-2026-11`.
#[derive(Debug)]
pub struct Periods;

/// A closed month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeriodRow {
    /// Which month.
    pub month: Month,
    /// Signed head and export.
    pub sealed: Sealed,
    /// Who closed it.
    pub closed_by: UserId,
    /// When.
    pub closed_at: Timestamp,
    /// What the accounts held, in the order of their names; others held nothing.
    pub balances: Vec<ClosingBalance>,
}

impl ReadModel for Periods {
    const NAME: &'static str = "accounting_periods";
    const VERSION: u32 = 2;
    type Row = PeriodRow;

    fn columns() -> &'static [Column] {
        const { &[Column::text("month").indexed()] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Period(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<PeriodRow>, event: &Known) -> Result<Option<PeriodRow>, Poison> {
        let Event::Period(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            period::Event::PeriodClosed { month, sealed, by, at, .. } => {
                let closed = PeriodRow { month: *month, sealed: sealed.clone(), closed_by: *by, closed_at: *at, balances: Vec::new() };
                begin(row, event, closed)
            }
            period::Event::PeriodBalancesRecorded { balances, .. } => {
                change(row, event, |row| row.balances.extend(balances.iter().cloned()))
            }
        }
    }

    fn index(_key: &str, row: &PeriodRow) -> Vec<Value> {
        vec![row.month.to_string().into()]
    }
}
