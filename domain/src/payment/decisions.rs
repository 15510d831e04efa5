//! Decisions of [`Payment`], one function per intent.

use std::collections::{BTreeMap, BTreeSet};

use kernel::jiff::SignedDuration;
use kernel::{Money, Personal, Timestamp};

use super::{Attempt, Command, Event, Order, Payment, Phase, Refund, RefundCause, RefundPhase, Refusal, split};
use crate::ids::{RefundId, UserId};
use crate::sabotage::{Rule, broken};
use crate::schedule::{ALERT_AFTER, ask_again_at};

/// The longest provider key of an authorisation (ledger-and-audit.md §6.1).
const MAX_PAYMENT_KEY: usize = 200;
/// A refund that the provider refuses is tried so often before finance has to look.
const MAX_REFUND_ATTEMPTS: u32 = 3;
const REFUND_RETRY: SignedDuration = SignedDuration::from_hours(24);

impl Phase {
    /// The attempt that may have captured money, if there was one.
    #[must_use]
    pub const fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Confirming { attempt } | Self::Unknown { attempt, .. } | Self::Completed { attempt, .. } => Some(attempt),
            Self::Pending { attempt, .. } | Self::Expired { attempt } | Self::Voided { attempt } => attempt.as_ref(),
        }
    }

    /// Is an attempt under way whose outcome is open?
    #[must_use]
    pub const fn in_progress(&self) -> bool {
        matches!(self, Self::Confirming { .. } | Self::Unknown { .. })
    }

    /// Was money captured?
    #[must_use]
    pub const fn captured(&self) -> bool {
        matches!(self, Self::Completed { .. })
    }
}

impl Payment {
    /// What is to be paid, unless there is no such payment.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Absent => None,
            Self::Requested { order, .. } => Some(order),
        }
    }

    /// Where the capture stands.
    #[must_use]
    pub const fn phase(&self) -> Option<&Phase> {
        match self {
            Self::Absent => None,
            Self::Requested { phase, .. } => Some(phase),
        }
    }

    /// A refund by its id.
    #[must_use]
    pub fn refund(&self, refund: RefundId) -> Option<&Refund> {
        match self {
            Self::Absent => None,
            Self::Requested { refunds, .. } => refunds.get(&refund),
        }
    }

    /// Every refund there is.
    pub fn refunds(&self) -> impl Iterator<Item = (&RefundId, &Refund)> {
        let known = match self {
            Self::Absent => None,
            Self::Requested { refunds, .. } => Some(refunds),
        };
        known.into_iter().flatten()
    }

    /// Σ of the refunds that were requested of the provider (L3).
    #[must_use]
    pub fn refunded(&self) -> Option<Money> {
        match self {
            Self::Absent => None,
            Self::Requested { order, refunds, .. } => Some(total_refunded(order, refunds)),
        }
    }
}

fn total_refunded(order: &Order, refunds: &BTreeMap<RefundId, Refund>) -> Money {
    let requested = refunds.values().filter(|refund| !matches!(refund.phase, RefundPhase::Proposed { .. }));
    order.amount.with_minor(requested.map(|refund| refund.amount.minor()).sum())
}

/// A payment that exists, taken apart.
pub(super) struct Known<'p> {
    order: &'p Order,
    pub(super) phase: &'p Phase,
    attempts: u32,
    pub(super) refunds: &'p BTreeMap<RefundId, Refund>,
    pub(super) notices: &'p BTreeSet<String>,
    released: bool,
}

pub(super) fn decide(payment: &Payment, command: Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let Payment::Requested { order, phase, attempts, refunds, released, settled, notices } = payment else {
        return match command {
            Command::Request(order) => Ok(vec![Event::PaymentRequested { order }]),
            _ => Err(Refusal::NotFound),
        };
    };
    let known = Known { order, phase, attempts: *attempts, refunds, notices, released: *released };
    match command {
        Command::Request(_) => Err(Refusal::AnotherOpen),
        Command::StartConfirm { payment_key, order_id, amount } => known.start_confirm(payment_key, &order_id, amount, now),
        Command::Complete { paid_at, method, reference, late } => known.complete(paid_at, method, reference, late, now),
        Command::Decline { attempt, code, open } => Ok(known.decline(attempt, code, open)),
        Command::MarkUnknown { attempt } => Ok(known.mark_unknown(attempt, now)),
        Command::ReceiveNotice { notice, payment_key } => Ok(known.receive_notice(notice, payment_key.as_deref())),
        Command::Expire => Ok(known.unless_captured(Event::PaymentExpired { purpose: order.purpose })),
        Command::Void => Ok(known.unless_captured(Event::PaymentVoided { purpose: order.purpose })),
        Command::RequestRefund { refund, amount, cause, reason, by, limit } => {
            known.request_refund(refund, amount, cause, reason, by, limit, now)
        }
        Command::ApproveRefund { refund, by } => known.approve_refund(refund, by, now),
        // Money that left is a fact, also when the provider had said no before.
        Command::CompleteRefund { refund, reference } => Ok(known
            .unfinished(refund)
            .map_or_else(Vec::new, |found| vec![Event::RefundCompleted { refund, amount: found.amount, reference, at: now }])),
        Command::FailRefund { refund, code } => Ok(known.fail_refund(refund, code, now)),
        Command::MarkRefundUnknown { refund } => Ok(known.mark_refund_unknown(refund, now)),
        Command::RetryRefund { refund } => Ok(known.retry_refund(refund)),
        Command::ReleaseEscrow => known.release_escrow(now),
        Command::Settle { settlement, payout } => {
            Ok(if *settled == Some(payout) { Vec::new() } else { vec![Event::PaymentSettled { settlement, payout }] })
        }
        Command::Unsettle { payout } => {
            Ok(if *settled == Some(payout) && !broken(Rule::Unsettle) { vec![Event::PaymentUnsettled { payout }] } else { Vec::new() })
        }
    }
}

impl Known<'_> {
    fn start_confirm(&self, payment_key: String, order_id: &str, amount: Money, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        if payment_key.is_empty() || payment_key.len() > MAX_PAYMENT_KEY || !payment_key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Refusal::BadKey);
        }
        if amount.currency() != self.order.amount.currency() {
            return Err(Refusal::WrongCurrency);
        }
        if amount != self.order.amount || order_id != self.order.order_id {
            return Err(Refusal::Mismatch);
        }
        match self.phase {
            Phase::Confirming { .. } | Phase::Unknown { .. } => Err(Refusal::InProgress),
            Phase::Completed { .. } | Phase::Voided { .. } => Err(Refusal::NotPending),
            Phase::Expired { .. } => Err(Refusal::PastDue),
            Phase::Pending { .. } if now >= self.order.due_at => Err(Refusal::PastDue),
            Phase::Pending { .. } => Ok(vec![Event::PaymentConfirmStarted { attempt: Attempt { number: self.attempts + 1, payment_key } }]),
        }
    }

    /// Money that arrived is a fact: it is accepted in every phase that had an attempt, and refunded in full when late.
    fn complete(
        &self,
        paid_at: Timestamp,
        method: String,
        reference: String,
        late: Option<RefundId>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let refused = late.is_some() && broken(Rule::LateMoney);
        if self.phase.captured() || self.phase.attempt().is_none() || refused {
            return Ok(Vec::new());
        }
        let Order { purpose, amount, fee, .. } = *self.order;
        let mut events = vec![Event::PaymentCompleted { purpose, amount, fee, paid_at, method, reference, late: late.is_some() }];
        if let Some(refund) = late {
            events.push(self.requested(refund, amount, RefundCause::LateMoney, None, None, None, now)?);
        }
        Ok(events)
    }

    fn decline(&self, attempt: u32, code: String, open: bool) -> Vec<Event> {
        if !self.awaits(attempt) {
            return Vec::new();
        }
        let mut events = vec![Event::PaymentFailed { attempt, code }];
        if !open {
            events.push(Event::PaymentExpired { purpose: self.order.purpose });
        }
        events
    }

    fn mark_unknown(&self, attempt: u32, now: Timestamp) -> Vec<Event> {
        if !self.awaits(attempt) {
            return Vec::new();
        }
        let (since, asked) = match self.phase {
            Phase::Unknown { since, asked, .. } => (*since, asked + 1),
            _ => (now, 0),
        };
        let escalated = now.duration_since(since) >= ALERT_AFTER && !broken(Rule::UnknownAlert);
        vec![Event::PaymentOutcomeUnknown { attempt, since, asked, ask_again_at: ask_again_at(now, asked), escalated }]
    }

    fn awaits(&self, attempt: u32) -> bool {
        self.phase.in_progress() && self.phase.attempt().is_some_and(|known| known.number == attempt)
    }

    /// Only a pending payment ends here; one whose outcome is open stays as it is until the provider answers.
    fn unless_captured(&self, event: Event) -> Vec<Event> {
        if matches!(self.phase, Phase::Pending { .. }) { vec![event] } else { Vec::new() }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one command")]
    fn request_refund(
        &self,
        refund: RefundId,
        amount: Option<Money>,
        cause: RefundCause,
        reason: Option<Personal<String>>,
        by: Option<UserId>,
        limit: Option<Money>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        if self.refunds.contains_key(&refund) {
            return Ok(Vec::new());
        }
        let left = self.left()?;
        let mut amount = amount.unwrap_or(left);
        if matches!(cause, RefundCause::Cancellation | RefundCause::Return) {
            // What was given back before counts: this tops it up and never fails for it.
            if left.is_zero() {
                return Ok(Vec::new());
            }
            amount = amount.min(left);
        }
        if amount.currency() != left.currency() {
            return Err(Refusal::WrongCurrency);
        }
        if (left.is_zero() || amount > left) && !broken(Rule::RefundLimit) {
            return Err(Refusal::ExceedsPaid);
        }
        if !amount.is_positive() {
            return Err(Refusal::NotPositive);
        }
        match by {
            Some(by) if limit.is_some_and(|limit| self.exceeds(amount, limit)) => {
                Ok(vec![Event::RefundProposed { refund, amount, by, reason }])
            }
            _ => Ok(vec![self.requested(refund, amount, cause, reason, by, None, now)?]),
        }
    }

    fn approve_refund(&self, refund: RefundId, approver: UserId, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let found = self.refunds.get(&refund).ok_or(Refusal::RefundNotFound)?;
        let RefundPhase::Proposed { by } = found.phase else { return Err(Refusal::NotPending) };
        if by == approver {
            return Err(Refusal::SamePerson);
        }
        if found.amount > self.left()? {
            return Err(Refusal::ExceedsPaid);
        }
        Ok(vec![self.requested(refund, found.amount, RefundCause::Goodwill, None, Some(by), Some(approver), now)?])
    }

    /// Would this refund and those that one person asked for before exceed the limit together? Many small ones are one large.
    fn exceeds(&self, amount: Money, limit: Money) -> bool {
        let before: i128 = self.refunds.values().filter(|refund| refund.by_one).map(|refund| refund.amount.minor()).sum();
        amount.currency() == limit.currency() && before + amount.minor() > limit.minor()
    }

    /// What was captured and has not been asked back.
    fn left(&self) -> Result<Money, Refusal> {
        let captured = if self.phase.captured() { self.order.amount } else { self.order.amount.with_minor(0) };
        let refunded = total_refunded(self.order, self.refunds);
        Ok(captured.minus(refunded)?)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one event")]
    fn requested(
        &self,
        refund: RefundId,
        amount: Money,
        cause: RefundCause,
        reason: Option<Personal<String>>,
        requested_by: Option<UserId>,
        approved_by: Option<UserId>,
        at: Timestamp,
    ) -> Result<Event, Refusal> {
        let before = total_refunded(self.order, self.refunds);
        let (fee_share, vat_share) = split::refund_shares(self.order.amount, self.order.fee, before, amount)?;
        let Order { purpose, host, .. } = *self.order;
        let released = self.released;
        Ok(Event::RefundRequested {
            refund,
            purpose,
            host,
            amount,
            fee_share,
            vat_share,
            released,
            cause,
            reason,
            requested_by,
            approved_by,
            at,
        })
    }

    /// A refund whose outcome is open.
    fn under_way(&self, refund: RefundId) -> Option<&Refund> {
        let open = |found: &&Refund| matches!(found.phase, RefundPhase::Requested | RefundPhase::Unknown { .. });
        self.refunds.get(&refund).filter(open)
    }

    /// A refund that was requested and is not done.
    fn unfinished(&self, refund: RefundId) -> Option<&Refund> {
        let open = |found: &&Refund| matches!(found.phase, RefundPhase::Requested | RefundPhase::Unknown { .. } | RefundPhase::Failed);
        self.refunds.get(&refund).filter(open)
    }

    fn fail_refund(&self, refund: RefundId, code: String, now: Timestamp) -> Vec<Event> {
        let Some(found) = self.under_way(refund) else { return Vec::new() };
        let retry_at = (found.attempt < MAX_REFUND_ATTEMPTS).then(|| now.checked_add(REFUND_RETRY).unwrap_or(Timestamp::MAX));
        vec![Event::RefundFailed { refund, code, attempt: found.attempt, retry_at }]
    }

    fn mark_refund_unknown(&self, refund: RefundId, now: Timestamp) -> Vec<Event> {
        let Some(found) = self.under_way(refund) else { return Vec::new() };
        let (since, asked) = match found.phase {
            RefundPhase::Unknown { since, asked } => (since, asked + 1),
            _ => (now, 0),
        };
        let escalated = now.duration_since(since) >= ALERT_AFTER;
        vec![Event::RefundUnknown { refund, since, asked, ask_again_at: ask_again_at(now, asked), escalated }]
    }

    fn retry_refund(&self, refund: RefundId) -> Vec<Event> {
        match self.refunds.get(&refund) {
            Some(found) if found.phase == RefundPhase::Failed => {
                vec![Event::RefundRetried { refund, attempt: found.attempt + 1 }]
            }
            _ => Vec::new(),
        }
    }

    fn release_escrow(&self, at: Timestamp) -> Result<Vec<Event>, Refusal> {
        if self.released || !self.phase.captured() || broken(Rule::EscrowRelease) {
            return Ok(Vec::new());
        }
        let (order, amount) = (self.order, self.left()?);
        if amount.is_zero() {
            return Ok(Vec::new());
        }
        let fee = split::fee_kept(order.amount, order.fee, order.amount.minus(amount)?)?;
        let Order { purpose, host, .. } = *order;
        Ok(vec![Event::EscrowReleased { purpose, host, amount, fee, vat: split::vat_in(fee)?, net: amount.minus(fee)?, at }])
    }
}
