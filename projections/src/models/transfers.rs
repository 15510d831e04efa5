//! Transfers by id and by account: the source of `Transfer`. A recorded transfer never changes; what becomes of a pending one is
//! noted beside it.

use domain::transfers::{Event as E, Expiry, Movement, Transfer, TransferFlags};
use serde::{Deserialize, Serialize};

use super::{begin, existing, foreign};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per transfer; the key is the book and the id.
#[derive(Debug)]
pub struct Transfers;

/// A transfer and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRow {
    /// In which book.
    pub book: String,
    /// As it was recorded, with all that it depends on.
    pub movement: Movement,
    /// What became of it, where it was created pending.
    pub status: Option<PendingStatus>,
    /// The transfer that posted or voided it.
    pub resolved_by: Option<Box<Movement>>,
    /// When it was posted, voided or released, in nanoseconds since 1970; 0: not yet.
    pub resolved_at: u64,
    /// Position of the event that recorded it.
    pub position: u64,
}

/// What became of a pending transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PendingStatus {
    /// Nothing yet.
    Pending,
    /// It was posted, all or a part.
    Posted,
    /// It was voided.
    Voided,
    /// Its time was over.
    Expired,
}

/// The key of an account's or transfer's row.
#[must_use]
pub fn key(book: &str, id: u128) -> String {
    format!("{book}:{id:032x}")
}

/// The book and the id of a key.
pub(super) fn parse(key: &str) -> Result<(&str, u128), Poison> {
    let (book, id) = key.split_once(':').ok_or_else(|| Poison::new("no key of a transfer ledger"))?;
    Ok((book, u128::from_str_radix(id, 16).map_err(Poison::new)?))
}

/// What happened to a transfer ledger, if the event is of one.
pub(super) fn of(event: &Known) -> Option<(&str, &E)> {
    let Event::Transfers(happened) = &event.event else { return None };
    Some((event.stream().id(), happened))
}

/// A timestamp as a column: rises as it does until the year 2262.
pub(super) fn nanoseconds(timestamp: u64) -> Value {
    Value::BigInt(i64::try_from(timestamp).unwrap_or(i64::MAX))
}

/// An account's id as a column: text that sorts as the number does.
#[must_use]
pub fn account_column(id: u128) -> String {
    format!("{id:032x}")
}

fn recorded(event: &Known, book: &str, movement: &Movement) -> TransferRow {
    let pending = movement.transfer.flags.has(TransferFlags::PENDING);
    TransferRow {
        book: book.to_owned(),
        movement: movement.clone(),
        status: pending.then_some(PendingStatus::Pending),
        resolved_by: None,
        resolved_at: 0,
        position: event.position(),
    }
}

fn resolved(row: &mut TransferRow, by: &Movement) {
    let voided = by.transfer.flags.has(TransferFlags::VOID_PENDING_TRANSFER);
    row.status = Some(if voided { PendingStatus::Voided } else { PendingStatus::Posted });
    row.resolved_at = by.transfer.timestamp;
    row.resolved_by = Some(Box::new(by.clone()));
}

fn expired(row: &mut TransferRow, expiry: &Expiry) {
    row.status = Some(PendingStatus::Expired);
    row.resolved_at = expiry.timestamp;
}

impl ReadModel for Transfers {
    const NAME: &'static str = "transfers";
    const VERSION: u32 = 1;
    type Row = TransferRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::text("book"),
                Column::text("debit_account").indexed(),
                Column::text("credit_account").indexed(),
                Column::bigint("ledger"),
                Column::bigint("code"),
                Column::bigint("recorded_ns").indexed(),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        match of(event) {
            Some((book, E::TransfersCreated { transfers, .. })) => transfers.ids().map(|id| key(book, id)).collect(),
            Some((book, E::TransfersExpired { expired, .. })) => expired.ids().map(|id| key(book, id)).collect(),
            Some((_, E::AccountsCreated { .. })) | None => Vec::new(),
        }
    }

    fn apply(key: &str, row: Option<TransferRow>, event: &Known) -> Result<Option<TransferRow>, Poison> {
        let (book, id) = parse(key)?;
        match of(event) {
            // A batch may hold a pending transfer and what resolves it: in this order.
            Some((_, E::TransfersCreated { transfers, .. })) => transfers.of_id(id).try_fold(row, |row, movement| {
                if movement.transfer.id == id {
                    return begin(row, event, recorded(event, book, movement));
                }
                let mut row = existing(row, event)?;
                resolved(&mut row, movement);
                Ok(Some(row))
            }),
            Some((_, E::TransfersExpired { expired: over, .. })) => {
                let mut row = existing(row, event)?;
                over.of_id(id).for_each(|expiry| expired(&mut row, expiry));
                Ok(Some(row))
            }
            Some((_, E::AccountsCreated { .. })) | None => Err(foreign(event)),
        }
    }

    fn index(_key: &str, row: &TransferRow) -> Vec<Value> {
        let Transfer { debit_account_id, credit_account_id, ledger, code, timestamp, .. } = row.movement.transfer;
        vec![
            row.book.as_str().into(),
            account_column(debit_account_id).into(),
            account_column(credit_account_id).into(),
            ledger.into(),
            u32::from(code).into(),
            nanoseconds(timestamp),
        ]
    }

    fn streams(key: &str) -> Vec<String> {
        streams(key)
    }
}

/// The stream of a book, by the key of one of its rows.
pub(super) fn streams(key: &str) -> Vec<String> {
    let book = key.split(':').next().unwrap_or_default();
    vec![format!("{}-{book}", <domain::transfers::TransferLedger as kernel::Decider>::KIND)]
}

#[cfg(test)]
mod tests;
