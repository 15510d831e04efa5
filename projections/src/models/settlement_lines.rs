//! What a batch pays for, payment by payment: the source of `Settlement.lines`.

use domain::ids::{PaymentId, SettlementId, UserId};
use domain::payable::Earning;
use domain::settlement;
use serde::{Deserialize, Serialize};

use super::{begin, foreign};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per line; see [`key`].
#[derive(Debug)]
pub struct SettlementLines;

/// A line, frozen when its batch was opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettlementLineRow {
    /// Of which batch.
    pub settlement: SettlementId,
    /// Who earned it.
    pub host: UserId,
    /// Payment, what was bought, gross, fee, net, and since when it is owed.
    pub earning: Earning,
}

/// The key of a line: a payment may be in several batches when the first was called off.
#[must_use]
pub fn key(settlement: SettlementId, payment: PaymentId) -> String {
    format!("{settlement}/{payment}")
}

impl ReadModel for SettlementLines {
    const NAME: &'static str = "settlement_lines";
    const VERSION: u32 = 2;
    type Row = SettlementLineRow;

    fn columns() -> &'static [Column] {
        const { &[Column::uuid("settlement").indexed(), Column::uuid("host").indexed(), Column::timestamp("earned_at")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        line(event).map(|line| key(line.settlement, line.earning.payment)).into_iter().collect()
    }

    fn apply(_key: &str, row: Option<SettlementLineRow>, event: &Known) -> Result<Option<SettlementLineRow>, Poison> {
        begin(row, event, line(event).ok_or_else(|| foreign(event))?)
    }

    fn index(_key: &str, row: &SettlementLineRow) -> Vec<Value> {
        vec![row.settlement.into(), row.host.into(), row.earning.earned_at.into()]
    }
}

fn line(event: &Known) -> Option<SettlementLineRow> {
    let Event::Settlement(settlement::Event::LineAdded { settlement, host, earning }) = &event.event else { return None };
    Some(SettlementLineRow { settlement: *settlement, host: *host, earning: *earning })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::testing::{History, at, earning, id};

    #[test]
    fn one_row_per_line_and_batch() {
        let added =
            |settlement, payment| Event::Settlement(settlement::Event::LineAdded { settlement, host: id(13), earning: earning(payment) });
        let (first, second): (SettlementId, SettlementId) = (id(1), id(2));
        let rows = History::default()
            .on(first, added(first, id(7)))
            .on(first, added(first, id(8)))
            .on(second, added(second, id(7)))
            .rows::<SettlementLines>();
        assert_eq!(rows.keys().cloned().collect::<Vec<_>>(), [key(first, id(7)), key(first, id(8)), key(second, id(7))]);
        let row = &rows[&key(second, id(7))];
        assert_eq!(SettlementLines::index("", row), [second.into(), row.host.into(), at(5).into()]);
    }
}
