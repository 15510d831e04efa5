//! Moments of the books, in positions of the log, and which accounts there are to ask for.

use std::time::Duration;

use eventlog::Log;
use kernel::Timestamp;
use projections::ReadModel;
use projections::models::balances;

use crate::errors::ApiError;
use crate::event::{AsOf, Moment};
use crate::reading::{Reader, from_view};

/// How long a model is waited for that has not come to the moment yet.
const WAIT: Duration = Duration::from_secs(2);
/// Longest account name that is looked for, in bytes.
const MAX_ACCOUNT_BYTES: usize = 200;

/// Could there be such an account?
pub(super) fn is_account(name: &str) -> bool {
    name.len() <= MAX_ACCOUNT_BYTES && !name.chars().any(char::is_control) && domain::ledger::class_of(name).is_some()
}

/// A position as columns hold it; no log is longer than 63 bits.
pub(super) fn stored(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Which postings count at a moment. Times of recording never fall along the log, so `recordedAt` is the position of the
/// last event recorded by then, and the same question gets the same answer for ever.
///
/// # Errors
/// SYS003 for an impossible moment, or the log's.
pub(super) async fn limit(reader: &Reader<'_>, as_of: Option<&AsOf>) -> Result<balances::AsOf, ApiError> {
    let Moment { position, recorded_at, effective_at } = as_of.map(AsOf::moment).transpose()?.unwrap_or_default();
    let log = &reader.app.ctx.log;
    let position = match (position, recorded_at) {
        (None, None) => None,
        (asked, at) => {
            let head = log.head().await.map_err(ApiError::internal)?;
            let end = asked.map_or(head, |asked| asked.min(head));
            match at {
                Some(at) => Some(recorded_by(log, at, end).await?),
                None => Some(end),
            }
        }
    };
    Ok(balances::AsOf { position, recorded_at: None, effective_at })
}

/// The last position up to `end` that was recorded at or before an instant; 0 when there is none.
async fn recorded_by(log: &Log, at: Timestamp, end: u64) -> Result<u64, ApiError> {
    let (mut within, mut end) = (0, end);
    while within < end {
        let middle = within + (end - within).div_ceil(2);
        let event = log.read(middle - 1, 1).await.map_err(ApiError::internal)?.into_iter().next();
        if event.is_some_and(|event| event.recorded_at <= at) {
            within = middle;
        } else {
            end = middle - 1;
        }
    }
    Ok(within)
}

/// Waits until a model has seen what this request must see, and the moment that it asks about.
///
/// # Errors
/// PROJECTION_LAGGING.
pub(super) async fn ready<M: ReadModel>(reader: &Reader<'_>, limit: &balances::AsOf) -> Result<(), ApiError> {
    reader.ready::<M>().await?;
    reach::<M>(reader, limit.position.unwrap_or(0)).await
}

/// Waits until a model has come to a position.
///
/// # Errors
/// PROJECTION_LAGGING.
pub(super) async fn reach<M: ReadModel>(reader: &Reader<'_>, position: u64) -> Result<(), ApiError> {
    reader.app.views.wait::<M>(position, WAIT).await.map(|_| ()).map_err(from_view)
}
