//! The payment provider and the bank that pays hosts out, as the rest of the program sees them.
//!
//! Three answers are possible to a call that moves money: yes, a definite no ([`ProviderError::Declined`]) and *unknown*.
//! A timeout is unknown, never failed (K27): ask again with [`PaymentProvider::find`] or [`PayoutBank::find`].
//! There are no retries here: the effect queue retries, at most three times, with the same idempotency key (EXT-07).

use std::sync::Arc;

use kernel::{Money, Timestamp};

use crate::BoxFuture;

/// What a provider's method returns.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

/// Asks the provider to capture a payment that its payer has approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmRequest {
    /// The provider's key of the payment, at most 200 characters; it came through the payer's browser.
    pub payment_key: String,
    /// Our order, 6 to 64 characters of `A-Z a-z 0-9 - _`.
    pub order_id: String,
    /// What to capture; compared with our own order before the call.
    pub amount: Money,
    /// One per attempt, kept over its retries; at most 300 characters.
    pub idempotency_key: String,
}

/// The provider has captured a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// How it was paid, for example `card`.
    pub method: String,
    /// When, by the provider's clock.
    pub approved_at: Timestamp,
    /// The provider's own key of this capture, for reconciliation.
    pub reference: String,
}

/// Asks the provider to give back a captured payment or a part of it.
#[derive(Clone, PartialEq, Eq)]
pub struct CancelRequest {
    /// The provider's key of the payment.
    pub payment_key: String,
    /// How much to give back.
    pub amount: Money,
    /// Shown to the payer, at most 200 characters. Free text: never logged, never kept by the sandbox (SEC-13).
    pub reason: String,
    /// One per refund, kept over its retries; at most 300 characters.
    pub idempotency_key: String,
}

impl std::fmt::Debug for CancelRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CancelRequest")
            .field("payment_key", &self.payment_key)
            .field("amount", &self.amount)
            .field("idempotency_key", &self.idempotency_key)
            .finish_non_exhaustive()
    }
}

/// The provider has given money back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// The provider's own key of this cancellation.
    pub reference: String,
    /// When, by the provider's clock.
    pub cancelled_at: Timestamp,
}

/// A cancellation as the provider has it in its books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderCancel {
    /// The idempotency key that it was asked with: tells whether a refund of unknown outcome was carried out.
    pub idempotency_key: String,
    /// How much was given back.
    pub amount: Money,
    /// The provider's own key and time.
    pub cancellation: Cancellation,
}

/// What became of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentOutcome {
    /// Captured, even if all of it was given back since.
    Confirmed(Confirmation),
    /// Refused; no attempt with this payment key has succeeded.
    Declined {
        /// The provider's code, for example `REJECT_CARD_PAYMENT`.
        code: String,
        /// The provider's words; not for the payer's eyes untranslated.
        message: String,
    },
}

/// A payment as the provider has it in its books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderPayment {
    /// What became of it.
    pub outcome: PaymentOutcome,
    /// The amount that was asked for; captured if the outcome says so.
    pub amount: Money,
    /// How much of it was given back so far.
    pub cancelled: Money,
    /// Every cancellation, in order.
    pub cancels: Vec<ProviderCancel>,
}

impl ProviderPayment {
    /// The cancellation that was asked for with this key, if it was carried out.
    #[must_use]
    pub fn cancel_by_key(&self, idempotency_key: &str) -> Option<&ProviderCancel> {
        self.cancels.iter().find(|cancel| cancel.idempotency_key == idempotency_key)
    }
}

/// Asks the bank to pay a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutOrder {
    /// Our payout, paid at most once.
    pub payout: String,
    /// Whom to pay.
    pub payee: String,
    /// How much.
    pub amount: Money,
    /// One per attempt, kept over its retries; at most 300 characters.
    pub idempotency_key: String,
}

/// The bank has paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutResult {
    /// The bank's own key of the transfer.
    pub reference: String,
    /// When, by the bank's clock.
    pub paid_at: Timestamp,
}

/// A payout as the bank has it in its books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayoutState {
    /// The money has left.
    Paid(PayoutResult),
    /// The bank refused; no money has left.
    Declined {
        /// The bank's code.
        code: String,
        /// The bank's words.
        message: String,
    },
}

/// Why a call brought no yes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// A definite no: nothing has happened and the same request will never succeed.
    #[error("declined with {code}: {message}")]
    Declined {
        /// The other side's code.
        code: String,
        /// The other side's words.
        message: String,
    },
    /// It may have happened or not: a timeout, a broken connection, a 5xx. Ask again by key.
    #[error("outcome unknown: {cause}")]
    Unknown {
        /// What went wrong; for the log.
        cause: String,
    },
    /// The other side knows no such payment or payout.
    #[error("not found")]
    NotFound,
    /// The circuit breaker is open: *this* call was not sent. It says nothing about an earlier one with the same key.
    #[error("not sent: the circuit breaker is open for another {retry_in_ms} ms")]
    Unavailable {
        /// When a probe is let through, in milliseconds from now.
        retry_in_ms: u64,
    },
}

impl ProviderError {
    /// A no with its code.
    #[must_use]
    pub fn declined(code: &str, message: &str) -> Self {
        Self::Declined { code: code.to_owned(), message: message.to_owned() }
    }

    /// An outcome that nobody knows.
    #[must_use]
    pub fn unknown(cause: impl ToString) -> Self {
        Self::Unknown { cause: cause.to_string() }
    }

    /// May the same request, with the same idempotency key, be sent again?
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unknown { .. } | Self::Unavailable { .. } => true,
            Self::Declined { .. } | Self::NotFound => false,
        }
    }

    /// Does the error leave it open whether money has moved?
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown { .. } => true,
            Self::Declined { .. } | Self::NotFound | Self::Unavailable { .. } => false,
        }
    }
}

/// Captures payments and gives them back (PAY-12).
pub trait PaymentProvider: Send + Sync {
    /// Captures a payment. The same idempotency key again: the same answer, captured once.
    ///
    /// `Declined` with `ALREADY_PROCESSED_PAYMENT` is no failure: [`find`](Self::find) the payment and compare.
    fn confirm(&self, request: ConfirmRequest) -> Answer<'_, Confirmation>;

    /// What the provider has in its books about a payment: the question after an unknown outcome.
    ///
    /// `NotFound` after an unknown `confirm`: the request never arrived; it may be sent again with the same key.
    fn find<'a>(&'a self, payment_key: &'a str, order_id: &'a str) -> Answer<'a, ProviderPayment>;

    /// Gives money back. The same idempotency key again: the same answer, given back once.
    fn cancel(&self, request: CancelRequest) -> Answer<'_, Cancellation>;
}

/// Pays hosts out.
pub trait PayoutBank: Send + Sync {
    /// Pays. The same idempotency key again: the same answer, paid once.
    fn pay(&self, order: PayoutOrder) -> Answer<'_, PayoutResult>;

    /// What became of the payout that was ordered with this key; `NotFound`: the order never arrived.
    fn find<'a>(&'a self, idempotency_key: &'a str) -> Answer<'a, PayoutState>;
}

impl<P: PaymentProvider + ?Sized> PaymentProvider for Arc<P> {
    fn confirm(&self, request: ConfirmRequest) -> Answer<'_, Confirmation> {
        (**self).confirm(request)
    }

    fn find<'a>(&'a self, payment_key: &'a str, order_id: &'a str) -> Answer<'a, ProviderPayment> {
        (**self).find(payment_key, order_id)
    }

    fn cancel(&self, request: CancelRequest) -> Answer<'_, Cancellation> {
        (**self).cancel(request)
    }
}

impl<B: PayoutBank + ?Sized> PayoutBank for Arc<B> {
    fn pay(&self, order: PayoutOrder) -> Answer<'_, PayoutResult> {
        (**self).pay(order)
    }

    fn find<'a>(&'a self, idempotency_key: &'a str) -> Answer<'a, PayoutState> {
        (**self).find(idempotency_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_definite_answer_ends_the_retries() {
        assert!(!ProviderError::declined("X", "no").retryable() && !ProviderError::NotFound.retryable());
        assert!(ProviderError::unknown("timeout").retryable() && ProviderError::Unavailable { retry_in_ms: 1 }.retryable());
        assert!(ProviderError::unknown("timeout").is_unknown() && !ProviderError::Unavailable { retry_in_ms: 1 }.is_unknown());
    }

    #[test]
    fn a_reason_in_free_text_stays_out_of_the_log() {
        let request = CancelRequest {
            payment_key: "sandbox-ok-1".to_owned(),
            amount: Money::new(1, kernel::Currency::Krw),
            reason: "call me on 010-1234-5678".to_owned(),
            idempotency_key: "key".to_owned(),
        };
        assert!(!format!("{request:?}").contains("5678"));
    }
}
