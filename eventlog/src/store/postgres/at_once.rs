//! A whole batch by one call of the function `append_batch`: one round trip, one database transaction.

use sqlx::PgExecutor;

use super::row::{EventRow, ReceiptRow};
use crate::leaf;
use crate::outcome::Head;
use crate::plan::Plan;
use crate::recorded::signed;
use crate::store::rows::head;

/// What `append_batch` raises when a version or a key is not as the plan assumes.
const DOES_NOT_FIT: &str = "DB001";
const UNIQUE_VIOLATION: &str = "23505";

const CALL: &str = "select fits, position, recorded_at, last_event_id from append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Writes what the plan says, if all that it assumes holds; the head when it stands elsewhere, and nothing is written.
pub(super) async fn call(db: impl PgExecutor<'_>, plan: &Plan<'_>) -> Result<Option<Head>, sqlx::Error> {
    let leaves = leaf::hashes(&plan.events, plan.head.recorded_at).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let receipts: Vec<_> = plan.receipts.iter().map(|receipt| ReceiptRow { receipt, recorded_at: plan.head.recorded_at }).collect();
    let events: Vec<_> = plan.events.iter().zip(&leaves).map(|(event, leaf)| EventRow { event, leaf }).collect();
    let (names, versions): (Vec<_>, Vec<_>) = plan.checked().map(|(name, version)| (name.as_str(), signed(version))).unzip();
    let query = sqlx::query_as::<_, Row>(CALL)
        .bind(signed(plan.base.position))
        .bind(plan.base.recorded_at)
        .bind(plan.base.last_event)
        .bind(signed(plan.head.position))
        .bind(plan.head.recorded_at)
        .bind(plan.head.last_event)
        .bind(receipts)
        .bind(events)
        .bind(names)
        .bind(versions);
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
