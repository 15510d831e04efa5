//! A whole batch by one call of the function `append_batch`: one round trip, one database transaction.

use sqlx::PgPool;

use super::column;
use crate::leaf;
use crate::outcome::Head;
use crate::plan::Plan;
use crate::recorded::signed;

/// What `append_batch` raises when a version or a key is not as the plan assumes.
const DOES_NOT_FIT: &str = "DB001";
const UNIQUE_VIOLATION: &str = "23505";

const CALL: &str = "select fits, position, recorded_at from append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
     $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)";

/// Writes what the plan says, if all that it assumes holds; the head when it stands elsewhere, and nothing is written.
pub(super) async fn call(pool: &PgPool, plan: &Plan<'_>, base: Head) -> Result<Option<Head>, sqlx::Error> {
    let leaves = leaf::hashes(&plan.events, plan.head.recorded_at).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let (streams, checked): (Vec<_>, Vec<_>) = (plan.streams.iter().collect(), plan.checked().collect());
    let (receipts, events) = (&plan.receipts, &plan.events);
    let query = sqlx::query_as::<_, (bool, i64, i64)>(CALL)
        .bind(signed(base.position))
        .bind(signed(plan.head.position))
        .bind(plan.head.recorded_at)
        .bind(column(receipts, |r| r.draft.key.as_slice()))
        .bind(column(receipts, |r| r.draft.fingerprint.as_slice()))
        .bind(column(receipts, |r| r.command.command_id))
        .bind(column(receipts, |r| r.command.correlation_id))
        .bind(column(receipts, |r| signed(r.first_position)))
        .bind(column(receipts, |r| signed(r.event_ids.len() as u64)))
        .bind(column(receipts, |r| r.draft.refusal.as_deref()))
        .bind(column(receipts, |r| r.draft.result.as_deref()))
        .bind(column(&streams, |(_, head)| head.id))
        .bind(column(&streams, |(name, _)| name.as_str()))
        .bind(column(&streams, |(name, _)| signed(plan.bases.get(*name).copied().unwrap_or_default())))
        .bind(column(&streams, |(_, head)| signed(head.version)))
        .bind(column(&checked, |(name, _)| name.as_str()))
        .bind(column(&checked, |(_, version)| signed(*version)));
    let query = query
        .bind(column(events, |e| signed(e.position)))
        .bind(column(events, |e| e.stream_id))
        .bind(column(events, |e| e.draft.stream.kind()))
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
    let (fits, position, recorded_at) = query.fetch_one(pool).await?;
    Ok((!fits).then_some(Head { position: position.unsigned_abs(), recorded_at }))
}

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
