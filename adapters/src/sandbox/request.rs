//! What both counters of the sandbox share: checking a request, and a decision with its line.

use kernel::{Money, Timestamp};
use sha2::{Digest, Sha256};

use super::book::{Entry, Outcome, Subject};
use crate::provider::{CancelRequest, ConfirmRequest, PayoutOrder, ProviderError};

pub(super) const INVALID: &str = "INVALID_REQUEST";
pub(super) const ALREADY_PROCESSED: &str = "ALREADY_PROCESSED_PAYMENT";
pub(super) const CARD_REJECTED: &str = "REJECT_CARD_PAYMENT";
pub(super) const REFUND_REJECTED: &str = "REFUND_REJECTED";
pub(super) const ALREADY_CANCELLED: &str = "ALREADY_CANCELED_PAYMENT";
pub(super) const NOT_CANCELABLE: &str = "NOT_CANCELABLE_AMOUNT";
pub(super) const PAYOUT_REJECTED: &str = "PAYOUT_REJECTED";
pub(super) const DUPLICATE_PAYOUT: &str = "DUPLICATE_PAYOUT";

/// An answer and the line that must be on disk before it leaves, if the call adds one.
pub(super) struct Decision<T> {
    pub answer: Result<T, ProviderError>,
    pub entry: Option<Entry>,
}

impl<T> Decision<T> {
    /// An answer that changes nothing.
    pub const fn unbooked(answer: Result<T, ProviderError>) -> Self {
        Self { answer, entry: None }
    }
}

/// A call that is worth a line: everything of it but its outcome.
pub(super) struct Request {
    pub at: Timestamp,
    pub subject: Subject,
    pub amount: Money,
    pub idempotency_key: String,
}

impl Request {
    /// The line of a yes. The reference depends on the request alone, so that a simulation run twice gives the same books.
    pub fn booked(self) -> Entry {
        let reference = self.reference();
        self.ended(Outcome::Booked { reference })
    }

    /// The line of a no.
    pub fn declined(self, code: &str, message: &str) -> Entry {
        self.ended(Outcome::Declined { code: code.to_owned(), message: message.to_owned() })
    }

    fn ended(self, outcome: Outcome) -> Entry {
        Entry { at: self.at, subject: self.subject, amount: self.amount, idempotency_key: self.idempotency_key, outcome }
    }

    fn reference(&self) -> String {
        let (kind, first, second) = match &self.subject {
            Subject::Confirm { payment_key, order_id } => ("confirm", payment_key, order_id),
            Subject::Cancel { payment_key, order_id } => ("cancel", payment_key, order_id),
            Subject::Payout { payout, payee } => ("payout", payout, payee),
        };
        // Checked fields have no control characters, so the separator is unambiguous.
        let digest: [u8; 32] = Sha256::digest([kind, first, second, self.idempotency_key.as_str()].join("\n")).into();
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("sbx_{hex}")
    }
}

pub(super) fn check_confirm(request: &ConfirmRequest) -> Result<(), ProviderError> {
    check_text("paymentKey", &request.payment_key, 200)?;
    check_order_id(&request.order_id)?;
    check_text("idempotency key", &request.idempotency_key, 300)?;
    check_amount(request.amount)
}

pub(super) fn check_cancel(request: &CancelRequest) -> Result<(), ProviderError> {
    check_text("paymentKey", &request.payment_key, 200)?;
    check_text("cancelReason", &request.reason.replace(['\n', '\t', '\r'], " "), 200)?;
    check_text("idempotency key", &request.idempotency_key, 300)?;
    check_amount(request.amount)
}

pub(super) fn check_payout(order: &PayoutOrder) -> Result<(), ProviderError> {
    check_text("payout", &order.payout, 200)?;
    check_text("payee", &order.payee, 200)?;
    check_text("idempotency key", &order.idempotency_key, 300)?;
    check_amount(order.amount)
}

pub(super) fn invalid(what: &str) -> ProviderError {
    ProviderError::declined(INVALID, what)
}

fn check_text(name: &str, text: &str, max_chars: usize) -> Result<(), ProviderError> {
    let fits = !text.is_empty() && text.chars().count() <= max_chars && !text.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(invalid(&format!("{name} is empty, longer than {max_chars} characters or not printable"))) }
}

fn check_order_id(order_id: &str) -> Result<(), ProviderError> {
    let plain = order_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain && (6..=64).contains(&order_id.len()) { Ok(()) } else { Err(invalid("orderId is not 6 to 64 of A-Z a-z 0-9 - _")) }
}

fn check_amount(amount: Money) -> Result<(), ProviderError> {
    let fits = amount.is_positive() && amount.minor() <= kernel::money::MAX_MINOR;
    if fits { Ok(()) } else { Err(invalid("the amount is not positive")) }
}
