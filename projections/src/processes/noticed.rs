//! What follows from a notice of the provider: it is asked what has changed, and only its answer counts (domain.md §3.4).
//!
//! Questions that are open anyway keep their own timers, so an answer of no use here costs nothing. Nobody else asks about an attempt
//! that was given up: there, silence is no answer, and the question is put again.

use adapters::{PaymentProvider, ProviderError, ProviderPayment};
use commands::payment::{CaptureAnswer, Confirming, TransferAnswer};
use commands::{Caller, Context};
use domain::ids::PaymentId;
use domain::payment::{Order, Payment, Phase, RefundPhase};

use super::desk::{captured, done, failed, later, refund_key};
use crate::process::WorkError;

/// Asks the provider about a payment, and records what it knows better than we do.
pub(super) async fn ask(ctx: &Context, provider: &dyn PaymentProvider, by: &Caller, payment: PaymentId) -> Result<(), WorkError> {
    let (state, _) = ctx.log.load::<Payment>(payment.uuid()).await.map_err(failed)?;
    let (Some(order), Some(phase)) = (state.order(), state.phase()) else { return Ok(()) };
    let Some(attempt) = phase.attempt() else { return Ok(()) };
    let found = match provider.find(&attempt.payment_key, &order.order_id).await {
        Ok(found) => found,
        Err(ProviderError::Unknown { cause }) if !phase.in_progress() => return Err(WorkError::Retry { after: None, reason: cause }),
        Err(ProviderError::Unavailable { retry_in_ms }) => return Err(later(retry_in_ms)),
        // Asked again by the timer of what is open; or the provider has never heard of it, and there is nothing to record.
        Err(ProviderError::Unknown { .. } | ProviderError::NotFound | ProviderError::Declined { .. }) => return Ok(()),
    };
    refunds(ctx, by, payment, &state, &found).await?;
    if phase.captured() {
        return Ok(());
    }
    capture(ctx, by, Confirming { payment, attempt: attempt.number }, order, phase, found).await
}

/// The capture: money that is there is a fact, whatever was said before. A no counts only for an attempt that waits for one.
async fn capture(
    ctx: &Context,
    by: &Caller,
    confirming: Confirming,
    order: &Order,
    phase: &Phase,
    found: ProviderPayment,
) -> Result<(), WorkError> {
    let answer = match captured(found, &order.order_id, order.amount) {
        Ok(capture) => CaptureAnswer::Captured { paid_at: capture.approved_at, method: capture.method, reference: capture.reference },
        Err(ProviderError::Declined { code, .. }) if phase.in_progress() => CaptureAnswer::Declined { code },
        Err(_) => return Ok(()),
    };
    done(commands::payment::record_capture(ctx, by, confirming, &answer).await)
}

/// Refunds that the provider has made, and that we do not know to be made.
async fn refunds(ctx: &Context, by: &Caller, payment: PaymentId, state: &Payment, found: &ProviderPayment) -> Result<(), WorkError> {
    for (refund, known) in state.refunds() {
        let open = match known.phase {
            RefundPhase::Requested | RefundPhase::Unknown { .. } | RefundPhase::Failed => true,
            RefundPhase::Proposed { .. } | RefundPhase::Completed => false,
        };
        let Some(made) = found.cancel_by_key(&refund_key(*refund, known.attempt)).filter(|_| open) else { continue };
        let answer = TransferAnswer::Done { reference: made.cancellation.reference.clone() };
        done(commands::payment::record_refund(ctx, by, payment, *refund, &answer).await)?;
    }
    Ok(())
}
