//! A whole batch by one text: one hop to SQLite's thread, one database transaction.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqliteConnection};

use crate::leaf;
use crate::plan::Plan;
use crate::recorded::signed;

/// Most events of one call; a text binds at most 32,766 values a statement.
pub(super) const MAX_EVENTS: usize = 1_024;

/// A trigger has refused: the head would have gone back.
const CONSTRAINT_TRIGGER: &str = "1811";

const RECEIPT_VALUES: usize = 9;
const STREAM_VALUES: usize = 4;
const EVENT_VALUES: usize = 17;

/// Writes what the plan says, if all that it assumes holds; else an error, and the caller rolls back.
pub(super) async fn call(db: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    let at = plan.head.recorded_at;
    let leaves = leaf::hashes(&plan.events, at).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let mut query = sqlx::query(AssertSqlSafe(text(plan)));
    for receipt in &plan.receipts {
        query = query
            .bind(receipt.draft.key.as_slice())
            .bind(receipt.draft.fingerprint.as_slice())
            .bind(receipt.command.command_id)
            .bind(receipt.command.correlation_id)
            .bind(signed(receipt.first_position))
            .bind(signed(receipt.event_ids.len() as u64))
            .bind(receipt.draft.refusal.as_deref())
            .bind(receipt.draft.result.as_deref())
            .bind(at);
    }
    for (name, head) in &plan.streams {
        query = query.bind(head.id).bind(name.as_str()).bind(name.kind()).bind(signed(head.version));
    }
    for (event, leaf) in plan.events.iter().zip(&leaves) {
        query = query
            .bind(signed(event.position))
            .bind(event.stream_id)
            .bind(event.draft.stream.kind())
            .bind(signed(event.version))
            .bind(event.event_id)
            .bind(event.draft.event.event_type.as_str())
            .bind(i64::from(event.draft.event.schema_version))
            .bind(at)
            .bind(event.command.now.as_microsecond())
            .bind(event.command.actor.to_string())
            .bind(event.command.correlation_id)
            .bind(event.command.causation_id)
            .bind(event.command.command_id)
            .bind(event.command.traceparent.as_deref())
            .bind(event.draft.event.digest.as_slice())
            .bind(leaf.as_slice())
            .bind(&*event.draft.event.payload);
    }
    query.bind(signed(plan.head.position)).bind(at).execute(db).await.map(|_| ())
}

/// One text for each size of a batch, so that it stays prepared.
fn text(plan: &Plan<'_>) -> String {
    let mut text = String::from("begin immediate;");
    if !plan.receipts.is_empty() {
        text.push_str(
            "insert into receipts(key, fingerprint, command_id, correlation_id, first_position, events, refusal, result, recorded_at) values ",
        );
        values(&mut text, plan.receipts.len(), RECEIPT_VALUES);
        text.push(';');
    }
    text.push_str("insert into streams(id, name, kind, version) values ");
    values(&mut text, plan.streams.len(), STREAM_VALUES);
    text.push_str(
        " on conflict (id) do update set version = excluded.version;insert into events(position, stream_id, kind, version, event_id, \
         event_type, schema_version, recorded_at, occurred_at, actor, correlation_id, causation_id, command_id, traceparent, digest, leaf, \
         payload) values ",
    );
    values(&mut text, plan.events.len(), EVENT_VALUES);
    text.push_str(";update log_head set position = ?, recorded_at = ?;commit");
    text
}

fn values(text: &mut String, rows: usize, columns: usize) {
    let row = format!("({})", vec!["?"; columns].join(","));
    for i in 0..rows {
        let comma = if i == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{row}");
    }
}

/// Did the store hold something else than the plan assumed?
pub(super) fn does_not_fit(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    error.is_unique_violation() || error.code().is_some_and(|code| code == CONSTRAINT_TRIGGER)
}
