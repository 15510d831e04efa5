//! The payment provider's settlement report, in the shape of Toss Payments' `GET /v1/settlements` (ledger-and-audit.md §6).
//!
//! Amounts are read as decimal text, never as floating point; unknown members are ignored, since they are added without notice.

use kernel::jiff::civil::Date;
use kernel::{Currency, Money, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::provider::Answer;
use crate::sandbox::{Book, Entry, Outcome, Subject};

/// Most rows of one report, as of one page of the provider's.
pub const MAX_ROWS: usize = 5_000;
/// What the sandbox charges: 2.75 % with the VAT in it.
pub const SANDBOX_FEE_BPS: u32 = 275;
/// The sandbox pays so many days after the capture.
const SANDBOX_DELAY_DAYS: i64 = 2;

/// Where settlement reports are asked for.
pub trait SettlementReports: Send + Sync {
    /// The report of what was captured and cancelled from one day (of Seoul) to another, as the provider's bytes.
    fn settlements(&self, from: Date, to: Date) -> Answer<'_, Vec<u8>>;
}

/// A row of a report; a cancellation is negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementRow {
    /// The provider's key of the payment.
    pub payment_key: String,
    /// The provider's key of this capture or cancellation.
    pub movement_key: String,
    /// Our order number.
    pub order_id: String,
    /// What the payer paid or got back.
    pub amount: Money,
    /// What the provider charges of it, VAT included.
    pub fee: Money,
    /// The VAT in that.
    pub vat: Money,
    /// What it pays us.
    pub paid_out: Money,
    /// When it captured or cancelled.
    pub approved_at: Timestamp,
    /// The day on which it pays us.
    pub paid_out_on: Date,
    /// Do supply and VAT, and the parts of the fee, make the fee?
    pub parts_add_up: bool,
}

/// A report that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row}: {reason}")]
pub struct BadReport {
    /// Which row, from 1; 0 when it is the whole.
    pub row: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// A part of a fee.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: String,
    fee: Box<RawValue>,
}

/// A row as the provider writes it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    payment_key: String,
    transaction_key: String,
    order_id: String,
    #[serde(default = "won")]
    currency: String,
    amount: Box<RawValue>,
    fee: Box<RawValue>,
    #[serde(default)]
    fees: Option<Vec<Part>>,
    #[serde(alias = "suppliedAmount")]
    supply_amount: Box<RawValue>,
    vat: Box<RawValue>,
    pay_out_amount: Box<RawValue>,
    approved_at: String,
    sold_date: Date,
    paid_out_date: Date,
}

fn won() -> String {
    Currency::Krw.code().to_owned()
}

/// Reads a report: a JSON array of rows, or one row a line.
///
/// # Errors
/// [`BadReport`] naming the first row that cannot be read.
pub fn read(bytes: &[u8]) -> Result<Vec<SettlementRow>, BadReport> {
    let whole = |reason: String| BadReport { row: 0, reason };
    let text = std::str::from_utf8(bytes).map_err(|error| whole(error.to_string()))?;
    let rows: Vec<&RawValue> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|error| whole(error.to_string()))?
    } else {
        let lines = text.lines().filter(|line| !line.trim().is_empty()).enumerate();
        let line = |(row, line)| serde_json::from_str(line).map_err(|error| BadReport { row: row + 1, reason: error.to_string() });
        lines.map(line).collect::<Result<_, _>>()?
    };
    if rows.len() > MAX_ROWS {
        return Err(whole(format!("more than {MAX_ROWS} rows")));
    }
    rows.iter().enumerate().map(|(row, raw)| row_of(raw.get()).map_err(|reason| BadReport { row: row + 1, reason })).collect()
}

fn row_of(json: &str) -> Result<SettlementRow, String> {
    let row: Written = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let currency: Currency = row.currency.parse().map_err(|_| format!("currency {}", row.currency))?;
    // Amounts are numbers; some programs write them in quotes.
    let money = |raw: &RawValue| Money::parse(raw.get().trim_matches('"'), currency).map_err(|error| format!("{}: {error}", raw.get()));
    let (amount, fee, vat, supply) = (money(&row.amount)?, money(&row.fee)?, money(&row.vat)?, money(&row.supply_amount)?);
    let parts = row.fees.iter().flatten().map(|part| money(&part.fee)).collect::<Result<Vec<_>, _>>()?;
    let sum: i128 = parts.iter().map(|part| part.minor()).sum();
    let parts_add_up = supply.minor() + vat.minor() == fee.minor() && (row.fees.is_none() || sum == fee.minor());
    let keys = [&row.payment_key, &row.transaction_key, &row.order_id];
    if keys.iter().any(|key| key.is_empty() || key.len() > 200 || key.chars().any(char::is_control)) {
        return Err("a key is empty, too long or not printable".to_owned());
    }
    Ok(SettlementRow {
        amount,
        fee,
        vat,
        paid_out: money(&row.pay_out_amount)?,
        approved_at: row.approved_at.parse().map_err(|error: kernel::jiff::Error| error.to_string())?,
        paid_out_on: row.paid_out_date,
        parts_add_up,
        payment_key: row.payment_key,
        movement_key: row.transaction_key,
        order_id: row.order_id,
    })
}

/// The report that the sandbox's book makes of the days from one to another, by Seoul's calendar.
///
/// # Errors
/// What could not be computed or written; amounts of our own never are.
pub fn of_book(book: &Book, from: Date, to: Date) -> Result<Vec<u8>, String> {
    let zone = kernel::jiff::tz::TimeZone::fixed(kernel::jiff::tz::offset(9));
    let mut rows = Vec::new();
    for entry in &book.entries {
        let day = entry.at.to_zoned(zone.clone()).date();
        if (from..=to).contains(&day) {
            rows.extend(written(entry, day)?);
        }
    }
    serde_json::to_vec(&rows).map_err(|error| error.to_string())
}

fn written(entry: &Entry, day: Date) -> Result<Option<Written>, String> {
    let (sign, payment_key, order_id) = match &entry.subject {
        Subject::Confirm { payment_key, order_id } => (1, payment_key, order_id),
        Subject::Cancel { payment_key, order_id } => (-1, payment_key, order_id),
        Subject::Payout { .. } => return Ok(None),
    };
    let Outcome::Booked { reference } = &entry.outcome else { return Ok(None) };
    let fee = entry.amount.basis_points(SANDBOX_FEE_BPS).map_err(|error| error.to_string())?;
    let supply = fee.ratio(10, 11).map_err(|error| error.to_string())?;
    let less = |a: Money, b: Money| a.with_minor(a.minor() - b.minor());
    let raw = |money: Money| RawValue::from_string(money.with_minor(sign * money.minor()).decimal()).map_err(|error| error.to_string());
    let paid_out_date = day.checked_add(kernel::jiff::Span::new().days(SANDBOX_DELAY_DAYS)).map_err(|error| error.to_string())?;
    Ok(Some(Written {
        payment_key: payment_key.clone(),
        transaction_key: reference.clone(),
        order_id: order_id.clone(),
        currency: entry.amount.currency().code().to_owned(),
        amount: raw(entry.amount)?,
        fee: raw(fee)?,
        fees: Some(vec![Part { kind: "BASE".to_owned(), fee: raw(fee)? }]),
        supply_amount: raw(supply)?,
        vat: raw(less(fee, supply))?,
        pay_out_amount: raw(less(entry.amount, fee))?,
        approved_at: entry.at.to_string(),
        sold_date: day,
        paid_out_date,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"mId":"m","paymentKey":"k","transactionKey":"t","orderId":"order-1","currency":"KRW","method":"카드","amount":-99800,
        "interestFee":0,"fee":-2250,"fees":[{"type":"BASE","fee":-2250}],"supplyAmount":-2045,"vat":-205,"payOutAmount":-97550,
        "approvedAt":"2024-01-02T10:00:00+09:00","soldDate":"2024-01-02","paidOutDate":"2024-01-05","card":null,"cancel":{}}"#;

    #[test]
    fn the_providers_own_sample_is_read() {
        let rows = read(format!("[{ROW}]").as_bytes()).unwrap_or_default();
        assert_eq!(rows.len(), 1);
        let row = &rows[0];
        assert_eq!((row.amount.minor(), row.fee.minor(), row.vat.minor(), row.paid_out.minor()), (-99_800, -2_250, -205, -97_550));
        assert!(row.parts_add_up && row.paid_out_on.to_string() == "2024-01-05" && row.approved_at.to_string() == "2024-01-02T01:00:00Z");
        assert_eq!(read(ROW.replace('\n', " ").as_bytes()).map(|rows| rows.len()), Ok(1), "one row a line");
    }

    #[test]
    fn fees_may_be_absent_and_amounts_have_the_decimals_of_their_currency() {
        let without = ROW.replace(r#""fees":[{"type":"BASE","fee":-2250}],"#, "").replace("supplyAmount", "suppliedAmount");
        assert!(read(format!("[{without}]").as_bytes()).is_ok_and(|rows| rows[0].parts_add_up));
        let dollars = ROW.replace("KRW", "USD").replace("-99800", "-181.56");
        assert!(read(format!("[{dollars}]").as_bytes()).is_ok_and(|rows| rows[0].amount.minor() == -18_156));
        let wrong = ROW.replace("-2045", "-2044");
        assert!(read(format!("[{wrong}]").as_bytes()).is_ok_and(|rows| !rows[0].parts_add_up));
    }

    #[test]
    fn what_cannot_be_read_names_its_row() {
        let row = |text: &str| read(text.as_bytes()).map_err(|bad| bad.row);
        assert_eq!(row("no report"), Err(1));
        assert_eq!(row(&format!("[{ROW},{}]", ROW.replace("-99800", "1e3"))), Err(2));
        assert_eq!(row(&format!("[{}]", ROW.replace("KRW", "XXX"))), Err(1));
        assert_eq!(row("[1"), Err(0));
        assert_eq!(row(""), Ok(Vec::new()));
    }
}
