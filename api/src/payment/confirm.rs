//! What `confirmPayment` answers: the payment as the provider left it, if it answers in time.

use std::time::Duration;

use commands::payment::Confirming;
use commands::{ExecuteError, Executed};
use kernel::Refused;
use projections::models::payments::{AttemptOutcome, PaymentPhase};
use projections::models::{PaymentRow, Payments};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{DECLINED, PaymentNode};
use crate::errors::{ApiError, UserError};
use crate::mutation::{Answer, Decided, Reply};
use crate::reading::{Reader, token};

/// How long the answer waits for the provider's.
const OUTCOME_WAIT: Duration = Duration::from_secs(10);
/// How often the payment is looked at when nothing is heard of the log: another node may have appended.
const POLL: Duration = Duration::from_millis(250);
/// The least time between two looks: a busy log is heard of all the time.
const PAUSE: Duration = Duration::from_millis(20);
/// The outcome is being found out; the payer must not pay again.
const IN_PROGRESS: &str = "PAY008";

/// The end of `confirmPayment`: waits for the outcome of the attempt, then shows the payment as it is.
///
/// # Errors
/// As [`Reader::decided`], or when the payment cannot be read.
pub(super) async fn answer(
    reader: &Reader<'_>,
    client_mutation_id: Option<String>,
    outcome: Result<Executed<Confirming>, ExecuteError>,
) -> Result<Reply<PaymentNode>, ApiError> {
    let (mut receipt, position, confirming) = match reader.decided(outcome).await? {
        Decided::Refused(refused) => return Ok(Reply::refused(refused, client_mutation_id)),
        Decided::Done { receipt, position, value } => (receipt, position, value),
    };
    let (row, seen) = settled(reader, confirming, position).await?;
    if let Some(user) = reader.viewer.user {
        reader.acknowledge(user, seen).await;
    }
    receipt.token = token(seen);
    let user_errors = verdict(&row, confirming.attempt).map(UserError::from).into_iter().collect();
    let answer = Answer { receipt: Some(receipt), user_errors, client_mutation_id };
    Ok(Reply { entity: PaymentNode::visible(reader, row), answer })
}

/// The payment once its attempt is no longer being confirmed, or as it is when the time is over, with the position that it
/// was read at.
async fn settled(reader: &Reader<'_>, confirming: Confirming, position: u64) -> Result<(PaymentRow, u64), ApiError> {
    let (key, log) = (confirming.payment.to_string(), &reader.app.ctx.log);
    let deadline = Instant::now() + OUTCOME_WAIT;
    let mut hint = log.watch();
    loop {
        hint.mark_unchanged();
        let head = log.head().await.map_err(ApiError::internal)?.max(position);
        let row = reader.fresh::<Payments>(&key, head).await?;
        let row = row.ok_or_else(|| ApiError::internal(format!("{key} was confirmed and has no row")))?;
        let open = outcome_of(&row, confirming.attempt).is_none_or(|outcome| *outcome == AttemptOutcome::Confirming);
        if !open || Instant::now() >= deadline {
            return Ok((row, head));
        }
        // Whether it was the hint, the poll or the deadline that ended the wait is all the same: the row tells.
        let woken = async {
            sleep(PAUSE).await;
            let _ = timeout(POLL, hint.changed()).await;
        };
        let _ = timeout_at(deadline, woken).await;
    }
}

fn outcome_of(row: &PaymentRow, attempt: u32) -> Option<&AttemptOutcome> {
    row.attempts.iter().find(|known| known.number == attempt).map(|known| &known.outcome)
}

/// What the payer is told beside the payment as it is now; nothing once it was paid.
fn verdict(row: &PaymentRow, attempt: u32) -> Option<Refused> {
    match row.phase {
        PaymentPhase::Confirming | PaymentPhase::Unknown => Some(Refused::code(IN_PROGRESS)),
        PaymentPhase::Completed | PaymentPhase::PartiallyRefunded | PaymentPhase::Refunded => None,
        PaymentPhase::Pending | PaymentPhase::Expired | PaymentPhase::Voided => {
            let declined = matches!(outcome_of(row, attempt), Some(AttemptOutcome::Declined { .. }));
            declined.then(|| Refused::code(DECLINED))
        }
    }
}

#[cfg(test)]
mod tests;
