//! The platform's invoices for its fees: the source of `feeInvoices`.

use domain::calendar::Month;
use domain::fee_invoice::{self, FeeLine, Recipient, Supplier};
use domain::ids::{FeeInvoiceId, UserId};
use kernel::jiff::civil::Date;
use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, change, foreign};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per invoice; the key is its id.
#[derive(Debug)]
pub struct FeeInvoices;

/// An invoice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeeInvoiceRow {
    /// Which.
    pub id: FeeInvoiceId,
    /// Its number.
    pub number: String,
    /// To whom.
    pub host: UserId,
    /// For which month.
    pub month: Month,
    /// The date that it is written for.
    pub written_on: Date,
    /// By whom.
    pub supplier: Supplier,
    /// To whom, by name.
    pub recipient: Recipient,
    /// Without VAT.
    pub supply: Money,
    /// The VAT.
    pub vat: Money,
    /// Both.
    pub total: Money,
    /// What for, in the order of time.
    pub lines: Vec<FeeLine>,
    /// Business time at which it was issued.
    pub issued_at: Timestamp,
    /// Where in the log.
    pub position: u64,
}

impl ReadModel for FeeInvoices {
    const NAME: &'static str = "fee_invoices";
    const VERSION: u32 = 1;
    type Row = FeeInvoiceRow;

    fn columns() -> &'static [Column] {
        const { &[Column::uuid("host").indexed(), Column::text("month"), Column::text("number")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        match &event.event {
            Event::FeeInvoice(
                fee_invoice::Event::FeeInvoiceIssued { invoice, .. } | fee_invoice::Event::FeeInvoiceLinesRecorded { invoice, .. },
            ) => vec![invoice.to_string()],
            _ => Vec::new(),
        }
    }

    fn apply(_key: &str, row: Option<FeeInvoiceRow>, event: &Known) -> Result<Option<FeeInvoiceRow>, Poison> {
        let Event::FeeInvoice(happened) = &event.event else { return Err(foreign(event)) };
        match happened {
            fee_invoice::Event::FeeInvoiceIssued {
                invoice,
                number,
                host,
                month,
                written_on,
                supplier,
                recipient,
                supply,
                vat,
                total,
                at,
                ..
            } => {
                let issued = FeeInvoiceRow {
                    id: *invoice,
                    number: number.clone(),
                    host: *host,
                    month: *month,
                    written_on: *written_on,
                    supplier: supplier.clone(),
                    recipient: recipient.clone(),
                    supply: *supply,
                    vat: *vat,
                    total: *total,
                    lines: Vec::new(),
                    issued_at: *at,
                    position: event.recorded.position,
                };
                begin(row, event, issued)
            }
            fee_invoice::Event::FeeInvoiceLinesRecorded { lines, .. } => change(row, event, |row| row.lines.extend_from_slice(lines)),
        }
    }

    fn index(_key: &str, row: &FeeInvoiceRow) -> Vec<Value> {
        vec![row.host.into(), row.month.to_string().into(), row.number.clone().into()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use domain::fee_invoice::FeeLineKind;

    use super::*;
    use crate::models::testing::{History, at, earning, id, won};

    #[test]
    fn an_invoice_gathers_its_lines() {
        let (host, month): (UserId, Month) = (id(13), "2026-10".parse().unwrap());
        let invoice = fee_invoice::id_of(host, month);
        let earned = earning(id(7));
        let line = FeeLine {
            kind: FeeLineKind::Earned,
            payment: earned.payment,
            purpose: earned.purpose,
            gross: earned.gross,
            fee: earned.fee,
            vat: won(1),
            at: at(0),
        };
        let first = fee_invoice::Event::FeeInvoiceIssued {
            invoice,
            number: "2026-10-000001".to_owned(),
            host,
            month,
            written_on: fee_invoice::written_on(month),
            supplier: Supplier::default(),
            recipient: Recipient { registration_number: None, name: None },
            supply: won(10),
            vat: won(1),
            total: won(11),
            lines: 2,
            through: 4,
            at: at(1),
        };
        let lines = |lines| Event::FeeInvoice(fee_invoice::Event::FeeInvoiceLinesRecorded { invoice, lines });
        let stream = "feebook-00000000-0000-0000-0000-00000000000d";
        let history = History::default().on(stream, Event::FeeInvoice(first)).on(stream, lines(vec![line])).on(stream, lines(vec![line]));
        let row = history.row::<FeeInvoices>(&invoice.to_string()).unwrap();
        assert_eq!((row.lines.len(), row.total, row.position), (2, won(11), 1));
    }
}
