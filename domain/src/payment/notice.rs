//! What the provider's notices may do: they are hints that its books have changed, never facts (domain.md §3.4, SEC-16).
//!
//! Nobody signs a notice of a payment, so whoever knows an order number can write one. It makes us ask the provider, at most
//! [`MAX_NOTICES`] times for one payment, and only while something is open that the provider may know better.

use uuid::Uuid;

use super::decisions::Known;
use super::{Event, RefundPhase};
use crate::ids::PaymentId;

/// Most notices of one payment that are acted upon; the provider sends one a change, and repeats it at most seven times.
pub const MAX_NOTICES: usize = 32;
/// What our order numbers begin with.
const PREFIX: &str = "db-";

/// Our order number at the provider: 6 to 64 of `[A-Za-z0-9-_]`.
#[must_use]
pub fn order_number(payment: PaymentId) -> String {
    format!("{PREFIX}{}", payment.uuid().simple())
}

/// The payment behind an order number, if it is one of ours by its form; there need not be such a payment.
#[must_use]
pub fn payment_of(order_number: &str) -> Option<PaymentId> {
    let digits = order_number.strip_prefix(PREFIX)?;
    let id = Uuid::try_parse(digits).ok().map(PaymentId::new)?;
    // One number a payment: other spellings of the same UUID are nobody's.
    (self::order_number(id) == order_number).then_some(id)
}

impl Known<'_> {
    /// Takes note of a notice that is worth a question. `payment_key` is the attempt that it names, if it names one.
    pub(super) fn receive_notice(&self, notice: String, payment_key: Option<&str>) -> Vec<Event> {
        let Some(attempt) = self.phase.attempt() else { return Vec::new() };
        let ours = payment_key.is_none_or(|key| key == attempt.payment_key);
        let repeated = self.notices.contains(&notice) || self.notices.len() >= MAX_NOTICES;
        if !ours || repeated || !self.is_open() {
            return Vec::new();
        }
        vec![Event::ProviderNoticeReceived { notice }]
    }

    /// May the provider know something that we do not? Money that it captured after all, or a refund that it made.
    fn is_open(&self) -> bool {
        !self.phase.captured()
            || self.refunds.values().any(|refund| match refund.phase {
                RefundPhase::Requested | RefundPhase::Unknown { .. } | RefundPhase::Failed => true,
                RefundPhase::Proposed { .. } | RefundPhase::Completed => false,
            })
    }
}
