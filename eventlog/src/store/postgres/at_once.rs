//! A whole batch by one call of the function `append_batch`: one round trip, one database transaction.

use sqlx::PgExecutor;

use super::column;
use crate::leaf;
use crate::outcome::Head;
use crate::plan::{Plan, ReceiptInsert};
use crate::recorded::signed;
use crate::store::rows::head;

/// What `append_batch` raises when a version or a key is not as the plan assumes.
const DOES_NOT_FIT: &str = "DB001";
const UNIQUE_VIOLATION: &str = "23505";

const CALL: &str = "select fits, position, recorded_at, last_event_id from append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
     $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)";

/// Writes what the plan says, if all that it assumes holds; the head when it stands elsewhere, and nothing is written.
pub(super) async fn call(db: impl PgExecutor<'_>, plan: &Plan<'_>) -> Result<Option<Head>, sqlx::Error> {
    let leaves = leaf::hashes(&plan.events, plan.head.recorded_at).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let checked: Vec<_> = plan.checked().collect();
    let (empty, receipts): (Vec<_>, Vec<_>) = plan.receipts.iter().partition(|receipt: &&ReceiptInsert<'_>| receipt.event_ids.is_empty());
    let events = &plan.events;
    let query = sqlx::query_as::<_, Row>(CALL)
        .bind(signed(plan.base.position))
        .bind(plan.base.recorded_at)
        .bind(plan.base.last_event)
        .bind(signed(plan.head.position))
        .bind(plan.head.recorded_at)
        .bind(plan.head.last_event)
        .bind(column(&receipts, |r| r.draft.key))
        .bind(column(&receipts, |r| r.draft.fingerprint))
        .bind(column(&receipts, |r| r.command.command_id))
        .bind(column(&receipts, |r| signed(r.first_position)))
        .bind(column(&receipts, |r| i32::try_from(r.event_ids.len()).unwrap_or(i32::MAX)))
        .bind(column(&receipts, |r| r.draft.refused))
        .bind(column(&receipts, |r| r.draft.answer.as_str()))
        .bind(column(&empty, |r| r.draft.key))
        .bind(column(&empty, |r| r.draft.fingerprint))
        .bind(column(&empty, |r| signed(r.first_position)))
        .bind(column(&empty, |r| r.draft.refused))
        .bind(column(&empty, |r| r.command.command_id))
        .bind(column(&empty, |r| r.command.correlation_id))
        .bind(column(&empty, |r| r.draft.answer.as_str()))
        .bind(column(&checked, |(name, _)| name.as_str()))
        .bind(column(&checked, |(_, version)| signed(*version)));
    let query = query
        .bind(column(events, |e| e.draft.stream.as_str()))
        .bind(column(events, |e| signed(e.version)))
        .bind(column(events, |e| e.event_id))
        .bind(column(events, |e| e.draft.event.event_type.as_str()))
        .bind(column(events, |e| i32::try_from(e.draft.event.schema_version).unwrap_or(i32::MAX)))
        .bind(column(events, |e| e.command.now.as_microsecond()))
        .bind(column(events, |e| e.command.actor.to_string()))
        .bind(column(events, |e| e.command.correlation_id))
        .bind(column(events, |e| e.command.causation_id))
        .bind(column(events, |e| e.command.command_id))
        .bind(column(events, |e| e.command.traceparent.as_deref()))
        .bind(column(events, |e| e.draft.event.digest.as_slice()))
        .bind(leaves.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>())
        .bind(column(events, |e| &*e.draft.event.payload));
    let (fits, position, recorded_at, last_event) = query.fetch_one(db).await?;
    Ok((!fits).then(|| head((position, recorded_at, last_event))))
}

/// Whether it fits, and the head that was found.
type Row = (bool, i64, i64, Option<uuid::Uuid>);

/// Did the store hold something else than the plan assumed? Nothing was written.
pub(super) fn does_not_fit(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == DOES_NOT_FIT || code == UNIQUE_VIOLATION)
}

/// Is it certain that nothing was written? Not when the connection broke, or the server said goodbye, on the way back.
/// (sqlx's own enum: open-ended.)
pub(super) fn is_certain(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| !code.starts_with("57P")),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Encode(_) => true,
        _ => false,
    }
}
