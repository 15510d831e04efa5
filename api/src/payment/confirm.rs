//! What `confirmPayment` answers: the payment as the provider left it, if it answers in time.

use std::time::Duration;

use commands::payment::Confirming;
use commands::{ExecuteError, Executed};
use kernel::Refused;
use projections::models::payments::{AttemptOutcome, PaymentPhase};
use projections::models::{PaymentRow, Payments};
use tokio::time::{Instant, timeout_at};

use super::{DECLINED, PaymentNode};
use crate::errors::{ApiError, UserError};
use crate::mutation::{Answer, Decided, Reply};
use crate::reading::{Reader, from_view, token};

/// How long the answer waits for the provider's.
const OUTCOME_WAIT: Duration = Duration::from_secs(10);
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
    let deadline = Instant::now() + OUTCOME_WAIT;
    let mut payment = reader.follow::<Payments>(&confirming.payment.to_string(), position).await?;
    while is_open(payment.row(), confirming.attempt) {
        // Whether it was an event, another node's hint or the deadline that ended the wait is all the same: the row tells.
        match timeout_at(deadline, payment.next()).await {
            Ok(moved) => moved.map_err(from_view)?,
            Err(_) => break,
        }
    }
    let seen = payment.position();
    let row = payment.into_row().ok_or_else(|| ApiError::internal(format!("{} was confirmed and has no row", confirming.payment)))?;
    Ok((row, seen))
}

/// Is the attempt still being confirmed?
fn is_open(row: Option<&PaymentRow>, attempt: u32) -> bool {
    row.is_some_and(|row| outcome_of(row, attempt).is_none_or(|outcome| *outcome == AttemptOutcome::Confirming))
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
