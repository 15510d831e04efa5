//! A whole batch by one text: one hop to SQLite's thread, one database transaction.

use std::fmt::Write as _;

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};

use crate::leaf;
use crate::plan::{EventInsert, Plan, ReceiptInsert};
use crate::recorded::signed;

/// What a trigger refuses, and a check: the head is not the one that was planned on.
const CONSTRAINT_TRIGGER: &str = "1811";
const CONSTRAINT_CHECK: &str = "275";

/// Refuses unless the head is the one given: no position is negative.
const GUARD: &str = "update or rollback log_head set position = case when position = ? and recorded_at = ? and last_event_id is ? then position \
     else -1 end;";
const HEAD: &str = "update or rollback log_head set position = ?, recorded_at = ?, last_event_id = ?;";
const RECEIPTS: &str = "insert or rollback into receipts(key, fingerprint, first_position, events, refused, answer, command_id, correlation_id, \
     recorded_at) values ";
const RECEIPT_VALUES: usize = 9;
const EVENTS: &str = "insert or rollback into events(position, version, recorded_at, occurred_at, event_id, correlation_id, command_id, \
     causation_id, schema_version, digest, leaf, stream, event_type, actor, traceparent, payload) values ";
const EVENT_VALUES: usize = 16;
/// Rows of one insert where they are not all written by one text: far below SQLite's 32,766 values.
const CHUNK: usize = 128;

pub(super) type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

/// What writes a plan if all that it assumes holds, and fails otherwise, so that the caller rolls back. Made before there is a
/// connection to write it: that one is never kept waiting for it.
pub(super) fn call<'p>(plan: &'p Plan<'_>, leaves: &'p [[u8; 32]]) -> Bound<'p> {
    // One text for each size of a batch, so that it stays prepared.
    let mut text = format!("begin immediate;{GUARD}");
    if !plan.receipts.is_empty() {
        insert(&mut text, RECEIPTS, plan.receipts.len(), RECEIPT_VALUES);
    }
    if !plan.events.is_empty() {
        insert(&mut text, EVENTS, plan.events.len(), EVENT_VALUES);
        text.push_str(HEAD);
    }
    text.push_str("commit");
    let mut query = sqlx::query(AssertSqlSafe(text));
    query = query.bind(signed(plan.base.position)).bind(plan.base.recorded_at).bind(plan.base.last_event);
    query = plan.receipts.iter().fold(query, |query, receipt| bind_receipt(query, receipt, plan));
    query = plan.events.iter().zip(leaves).fold(query, |query, (event, leaf)| bind_event(query, event, leaf, plan));
    if !plan.events.is_empty() {
        query = query.bind(signed(plan.head.position)).bind(plan.head.recorded_at).bind(plan.head.last_event);
    }
    query
}

/// Writes the rows of a plan of any size within a database transaction that has made it.
pub(super) async fn rows(db: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    let leaves = leaves(plan)?;
    for receipts in plan.receipts.chunks(CHUNK) {
        let mut text = String::new();
        insert(&mut text, RECEIPTS, receipts.len(), RECEIPT_VALUES);
        let query = sqlx::query(AssertSqlSafe(text));
        receipts.iter().fold(query, |query, receipt| bind_receipt(query, receipt, plan)).execute(&mut *db).await?;
    }
    for (events, leaves) in plan.events.chunks(CHUNK).zip(leaves.chunks(CHUNK)) {
        let mut text = String::new();
        insert(&mut text, EVENTS, events.len(), EVENT_VALUES);
        let query = sqlx::query(AssertSqlSafe(text));
        let rows = events.iter().zip(leaves);
        rows.fold(query, |query, (event, leaf)| bind_event(query, event, leaf, plan)).execute(&mut *db).await?;
    }
    if !plan.events.is_empty() {
        let head = sqlx::query(HEAD).bind(signed(plan.head.position)).bind(plan.head.recorded_at).bind(plan.head.last_event);
        head.execute(&mut *db).await?;
    }
    Ok(())
}

pub(super) fn leaves(plan: &Plan<'_>) -> Result<Vec<[u8; 32]>, sqlx::Error> {
    leaf::hashes(&plan.events, plan.head.recorded_at).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// Correlation and time only where there are no events to tell them.
fn bind_receipt<'q>(query: Bound<'q>, receipt: &'q ReceiptInsert<'_>, plan: &Plan<'_>) -> Bound<'q> {
    let alone = receipt.event_ids.is_empty();
    query
        .bind(receipt.draft.key)
        .bind(receipt.draft.fingerprint)
        .bind(signed(receipt.first_position))
        .bind(signed(receipt.event_ids.len() as u64))
        .bind(receipt.draft.refused)
        .bind(receipt.draft.answer.as_str())
        .bind(receipt.command.command_id)
        .bind(alone.then_some(receipt.command.correlation_id))
        .bind(alone.then_some(plan.head.recorded_at))
}

fn bind_event<'q>(query: Bound<'q>, event: &'q EventInsert<'_>, leaf: &'q [u8; 32], plan: &Plan<'_>) -> Bound<'q> {
    query
        .bind(signed(event.position))
        .bind(signed(event.version))
        .bind(plan.head.recorded_at)
        .bind(event.command.now.as_microsecond())
        .bind(event.event_id)
        .bind(event.command.correlation_id)
        .bind(event.command.command_id)
        .bind(event.command.causation_id)
        .bind(i64::from(event.draft.event.schema_version))
        .bind(event.draft.event.digest.as_slice())
        .bind(leaf.as_slice())
        .bind(event.draft.stream.as_str())
        .bind(event.draft.event.event_type.as_str())
        .bind(event.command.actor.to_string())
        .bind(event.command.traceparent.as_deref())
        .bind(&*event.draft.event.payload)
}

/// An insert of so many rows.
fn insert(text: &mut String, into: &str, rows: usize, columns: usize) {
    let row = format!("({})", vec!["?"; columns].join(","));
    text.push_str(into);
    for i in 0..rows {
        let comma = if i == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{row}");
    }
    text.push(';');
}

/// Did the store hold something else than the plan assumed?
pub(super) fn does_not_fit(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    error.is_unique_violation() || error.code().is_some_and(|code| code == CONSTRAINT_TRIGGER || code == CONSTRAINT_CHECK)
}
