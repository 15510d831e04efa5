//! Reports as they come: bytes that are read into rows, or the row that cannot be.

use adapters::settlements;
use commands::recon::{BankReport, ProviderReport};
use domain::recon::{BankLine, ProviderRow};
use kernel::jiff::civil::Date;
use kernel::{Currency, Money, Refused};
use sha2::{Digest, Sha256};

/// Most lines of a bank's statement.
const MAX_LINES: usize = 5_000;
/// Longest reference of a bank, in bytes.
const MAX_REFERENCE_BYTES: usize = 200;
/// The first line of a bank's statement.
const HEADER: &str = "date,amount,reference";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bad(row: usize) -> Refused {
    Refused::at("RECON002", &["content"]).with("line", row)
}

/// A settlement report of the provider.
pub(super) fn provider(bytes: &[u8], complete: Option<(Date, Date)>) -> Result<ProviderReport, Refused> {
    let rows = settlements::read(bytes).map_err(|error| bad(error.row))?;
    let row = |row: settlements::SettlementRow| ProviderRow {
        payment_key: row.payment_key,
        movement_key: row.movement_key,
        order_id: row.order_id,
        amount: row.amount,
        fee: row.fee,
        vat: row.vat,
        paid_out: row.paid_out,
        approved_at: row.approved_at,
        paid_out_on: row.paid_out_on,
        parts_add_up: row.parts_add_up,
    };
    Ok(ProviderReport { sha256: sha256(bytes), rows: rows.into_iter().map(row).collect(), complete })
}

/// A statement of the bank: `date,amount,reference` and a line each, in won; what leaves is negative.
pub(super) fn bank(bytes: &[u8]) -> Result<BankReport, Refused> {
    let text = std::str::from_utf8(bytes).map_err(|_| bad(0))?;
    let mut lines = text.lines().map(str::trim_end).enumerate().filter(|(_, line)| !line.is_empty());
    if lines.next().map(|(_, line)| line.trim_start_matches('\u{feff}')) != Some(HEADER) {
        return Err(bad(1));
    }
    let lines = lines.map(|(number, line)| bank_line(line).ok_or_else(|| bad(number + 1))).collect::<Result<Vec<_>, _>>()?;
    if lines.len() > MAX_LINES { Err(bad(MAX_LINES + 1)) } else { Ok(BankReport { sha256: sha256(bytes), lines }) }
}

fn bank_line(line: &str) -> Option<BankLine> {
    let mut cells = line.splitn(3, ',').map(|cell| cell.trim().trim_matches('"'));
    let (day, amount, reference) = (cells.next()?.parse::<Date>().ok()?, cells.next()?, cells.next()?);
    let amount = Money::parse(amount, Currency::Krw).ok()?;
    let fits = reference.len() <= MAX_REFERENCE_BYTES && !reference.chars().any(char::is_control);
    fits.then(|| BankLine { day, amount, reference: reference.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bank_statement_is_read_or_its_bad_line_named() {
        let good = bank("date,amount,reference\n2026-11-03,23340,토스페이먼츠\n2026-11-04,-20400,\"bank-1\"\n".as_bytes());
        let lines = good.map(|report| report.lines).unwrap_or_default();
        assert_eq!(
            lines.iter().map(|line| (line.amount.minor(), line.reference.as_str())).collect::<Vec<_>>(),
            [(23_340, "토스페이먼츠"), (-20_400, "bank-1")]
        );
        let row = |text: &str| bank(text.as_bytes()).err().and_then(|refused| refused.params.get("line").cloned());
        assert_eq!(row("date,amount\n").as_deref(), Some("1"));
        assert_eq!(row("date,amount,reference\n2026-11-03,1.5,x\n").as_deref(), Some("2"));
        assert_eq!(row("date,amount,reference\n2026-11-03,1,x\n2026-13-03,1,x\n").as_deref(), Some("3"));
    }

    #[test]
    fn a_report_of_the_provider_names_its_bad_row() {
        let refused = provider(b"[1]", None).err();
        assert_eq!(refused.and_then(|refused| refused.params.get("line").cloned()).as_deref(), Some("1"));
        assert!(provider(b"[]", None).is_ok_and(|report| report.rows.is_empty()));
    }
}
