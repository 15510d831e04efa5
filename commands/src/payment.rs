//! Payments: the payer's confirmation, the provider's answers, refunds (domain.md §3.4).

use domain::ids::{PaymentId, PayoutId, RefundId, SettlementId};
use domain::payment::{Command, Payment, RefundCause, Refusal};
use domain::purpose::Purpose;
use eventlog::{ExecuteError, Executed};
use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};

use crate::access::{self, actor_of};
use crate::context::{Caller, Context, nothing_else};
use crate::escrow::{self, RefundOrder};
use crate::purchase::Purchase;

/// Input of [`confirm_payment`], as the payer's browser brought it back from the provider.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmPayment {
    /// What is paid for.
    pub purpose: Purpose,
    /// The provider's key of the authorisation.
    pub payment_key: String,
    /// Our order number.
    pub order_id: String,
    /// The amount.
    pub amount: Money,
}

/// Input of [`receive_notice`]: all that is taken from a notice.
#[derive(Clone, Debug, Serialize)]
pub struct ReceiveNotice {
    /// Which payment it is about.
    pub payment_id: PaymentId,
    /// Tells this notice from others: 32 hexadecimal digits.
    pub notice: String,
    /// The provider's key of the attempt, if the notice names one.
    pub payment_key: Option<String>,
}

/// Input of [`request_refund`].
#[derive(Clone, Debug, Serialize)]
pub struct RequestRefund {
    /// Which payment.
    pub payment_id: PaymentId,
    /// How much; none: all that is left.
    pub amount: Option<Money>,
    /// Why.
    pub reason: String,
}

/// Input of [`approve_refund`].
#[derive(Clone, Debug, Serialize)]
pub struct ApproveRefund {
    /// Which payment.
    pub payment_id: PaymentId,
    /// Which refund.
    pub refund_id: RefundId,
}

/// The confirmation that a key stands for: which payment, which attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirming {
    /// Which payment.
    pub payment: PaymentId,
    /// Which attempt.
    pub attempt: u32,
}

/// What the provider said of a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum CaptureAnswer {
    /// It captured the money.
    Captured {
        /// When.
        paid_at: Timestamp,
        /// Card, transfer, ….
        method: String,
        /// Its own key.
        reference: String,
    },
    /// It did not, and will not.
    Declined {
        /// Its code.
        code: String,
    },
    /// It did not answer.
    Unknown,
}

/// What the provider or bank said of money that is to leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum TransferAnswer {
    /// It left.
    Done {
        /// Their own key.
        reference: String,
    },
    /// It did not, and will not.
    Declined {
        /// Their code.
        code: String,
    },
    /// They did not answer.
    Unknown,
}

/// Records that the payer confirmed; the provider is asked by an effect (PAY-04).
///
/// # Errors
/// BOOKING001 or SYS007, AUTH010, BOOKING004, SYS003, PAY002, PAY008, PAY003, PAY004.
pub async fn confirm_payment(ctx: &Context, caller: &Caller, input: &ConfirmPayment) -> Result<Executed<Confirming>, ExecuteError> {
    ctx.execute("confirmPayment", caller, input, |s| async move {
        let payer = actor_of(&s)?;
        let payment_id = Purchase::load(&s, input.purpose).await?.payment_for(payer)?;
        let mut payment = s.load::<Payment>(payment_id.uuid()).await?;
        let (payment_key, order_id, amount) = (input.payment_key.clone(), input.order_id.clone(), input.amount);
        s.decide(&mut payment, Command::StartConfirm { payment_key, order_id, amount })?;
        let attempt = payment.phase().and_then(|phase| phase.attempt()).map_or(0, |attempt| attempt.number);
        Ok(Confirming { payment: payment_id, attempt })
    })
    .await
}

/// Records what the provider said of a capture. Money that came is a fact whatever became of what it was for: it confirms
/// what waits for it, else it is refunded in full in the same append (late money revives nothing).
///
/// # Errors
/// Of the log only.
pub async fn record_capture(
    ctx: &Context,
    caller: &Caller,
    confirming: Confirming,
    answer: &CaptureAnswer,
) -> Result<Executed<PaymentId>, ExecuteError> {
    let refund = RefundId::new(ctx.ids.mint());
    let Confirming { payment: payment_id, attempt } = confirming;
    ctx.execute("recordCapture", caller, &(confirming, answer), |s| async move {
        let mut payment = s.load::<Payment>(payment_id.uuid()).await?;
        let order = payment.order().ok_or(Refusal::NotFound)?;
        let purchase = Purchase::load(&s, order.purpose).await?;
        let open = purchase.awaits_payment();
        match answer.clone() {
            CaptureAnswer::Captured { paid_at, method, reference } => {
                let late = (!open).then_some(refund);
                let events = s.decide(&mut payment, Command::Complete { paid_at, method, reference, late })?;
                if open && !events.is_empty() {
                    purchase.paid(&s, paid_at).await?;
                }
            }
            CaptureAnswer::Declined { code } => {
                s.decide(&mut payment, Command::Decline { attempt, code, open })?;
            }
            CaptureAnswer::Unknown => {
                s.decide(&mut payment, Command::MarkUnknown { attempt })?;
            }
        }
        Ok(payment_id)
    })
    .await
}

/// Takes note of what the provider's webhook says, if it is worth asking the provider (PAY-08). Of a payment that there is not it is
/// worth nothing. Answers whether it was.
///
/// # Errors
/// Of the log only.
pub async fn receive_notice(ctx: &Context, caller: &Caller, input: &ReceiveNotice) -> Result<Executed<bool>, ExecuteError> {
    ctx.execute("receiveNotice", caller, input, |s| async move {
        let mut payment = s.load::<Payment>(input.payment_id.uuid()).await?;
        if payment.order().is_none() {
            return Ok(false);
        }
        let (notice, payment_key) = (input.notice.clone(), input.payment_key.clone());
        let events = s.decide(&mut payment, Command::ReceiveNotice { notice, payment_key })?;
        Ok(!events.is_empty())
    })
    .await
}

/// Gives money back; above the limit it waits for a second person (PAY-12).
///
/// # Errors
/// SYS007, SYS003, PAY006.
pub async fn request_refund(ctx: &Context, caller: &Caller, input: &RequestRefund) -> Result<Executed<PaymentId>, ExecuteError> {
    let (refund, limit) = (RefundId::new(ctx.ids.mint()), ctx.settings.refund_approval_limit);
    ctx.execute("requestRefund", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let mut payment = s.load::<Payment>(input.payment_id.uuid()).await?;
        payment.order().ok_or(Refusal::NotFound)?;
        let reason = Some(access::record(by, "reason", &input.reason)?);
        let (amount, cause) = (input.amount, RefundCause::Goodwill);
        let order = RefundOrder { refund, amount, cause, reason, by: Some((by, limit)) };
        escrow::request_refund(&s, input.payment_id, &mut payment, order).await?;
        Ok(input.payment_id)
    })
    .await
}

/// A second person agrees to a refund above the limit.
///
/// # Errors
/// SYS007, PAY003, SETTLE003, PAY006.
pub async fn approve_refund(ctx: &Context, caller: &Caller, input: &ApproveRefund) -> Result<Executed<PaymentId>, ExecuteError> {
    ctx.execute("approveRefund", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let mut payment = s.load::<Payment>(input.payment_id.uuid()).await?;
        let events = s.decide(&mut payment, Command::ApproveRefund { refund: input.refund_id, by })?;
        escrow::reverse_earnings(&s, input.payment_id, &events).await?;
        Ok(input.payment_id)
    })
    .await
}

/// Records what the provider said of a refund.
///
/// # Errors
/// Of the log only.
pub async fn record_refund(
    ctx: &Context,
    caller: &Caller,
    payment_id: PaymentId,
    refund: RefundId,
    answer: &TransferAnswer,
) -> Result<Executed<PaymentId>, ExecuteError> {
    decide(
        ctx,
        "recordRefund",
        caller,
        payment_id,
        match answer.clone() {
            TransferAnswer::Done { reference } => Command::CompleteRefund { refund, reference },
            TransferAnswer::Declined { code } => Command::FailRefund { refund, code },
            TransferAnswer::Unknown => Command::MarkRefundUnknown { refund },
        },
    )
    .await
}

/// Tries a refund again that the provider refused.
///
/// # Errors
/// Of the log only.
pub async fn retry_refund(
    ctx: &Context,
    caller: &Caller,
    payment_id: PaymentId,
    refund: RefundId,
) -> Result<Executed<PaymentId>, ExecuteError> {
    decide(ctx, "retryRefund", caller, payment_id, Command::RetryRefund { refund }).await
}

/// Marks the payment as settled: its host's share was paid out (PAY-11, L6).
///
/// # Errors
/// Of the log only.
pub async fn settle_payment(
    ctx: &Context,
    caller: &Caller,
    payment_id: PaymentId,
    settlement: SettlementId,
    payout: PayoutId,
) -> Result<Executed<PaymentId>, ExecuteError> {
    decide(ctx, "settlePayment", caller, payment_id, Command::Settle { settlement, payout }).await
}

/// Takes that back: the payout was returned (L6).
///
/// # Errors
/// Of the log only.
pub async fn unsettle_payment(
    ctx: &Context,
    caller: &Caller,
    payment_id: PaymentId,
    payout: PayoutId,
) -> Result<Executed<PaymentId>, ExecuteError> {
    decide(ctx, "unsettlePayment", caller, payment_id, Command::Unsettle { payout }).await
}

/// One command on the payment's own stream.
async fn decide(
    ctx: &Context,
    name: &'static str,
    caller: &Caller,
    payment_id: PaymentId,
    command: Command,
) -> Result<Executed<PaymentId>, ExecuteError> {
    ctx.change::<Payment, _, _, _>(name, caller, payment_id, command, nothing_else).await
}
