//! How a payment's row follows its events.

use domain::ids::{PaymentId, RefundId};
use domain::payment::{Event as E, Order, RefundCause};
use kernel::{Money, Timestamp};

use super::{AttemptOutcome, AttemptRow, EscrowRelease, PaymentPhase, PaymentRow, RefundRow, RefundStatus, Settled};
use crate::known::Known;
use crate::model::Poison;

/// The row of a payment that was just asked for.
pub(super) fn requested(id: PaymentId, order: &Order, created_at: Timestamp) -> PaymentRow {
    PaymentRow {
        id,
        purpose: order.purpose,
        payer: order.payer,
        host: order.host,
        order_id: order.order_id.clone(),
        amount: order.amount,
        fee: order.fee,
        due_at: order.due_at,
        phase: PaymentPhase::Pending,
        attempts: Vec::new(),
        last_failure: None,
        unknown_since: None,
        escalated: false,
        method: None,
        reference: None,
        paid_at: None,
        late: false,
        refunds: Vec::new(),
        refunded: Money::zero(order.amount.currency()),
        release: None,
        settled: None,
        created_at,
    }
}

impl PaymentRow {
    /// The row after one more event.
    pub(super) fn advance(&mut self, happened: &E, event: &Known) -> Result<(), Poison> {
        let occurred_at = event.recorded.occurred_at;
        match happened {
            // The one begins a row, the other is only a reason to ask.
            E::PaymentRequested { .. } | E::ProviderNoticeReceived { .. } => {}
            E::PaymentConfirmStarted { attempt } => self.start(attempt.number, event),
            E::PaymentFailed { attempt, code } => {
                self.conclude(*attempt, AttemptOutcome::Declined { code: code.clone() })?;
                self.enter(PaymentPhase::Pending);
                self.last_failure = Some(code.clone());
            }
            E::PaymentOutcomeUnknown { attempt, since, escalated, asked: _, ask_again_at: _ } => {
                self.conclude(*attempt, AttemptOutcome::Unknown)?;
                self.enter(PaymentPhase::Unknown);
                (self.unknown_since, self.escalated) = (Some(*since), *escalated);
            }
            E::PaymentCompleted { paid_at, method, reference, late, purpose: _, amount: _, fee: _ } => {
                self.capture();
                (self.paid_at, self.late) = (Some(*paid_at), *late);
                (self.method, self.reference) = (Some(method.clone()), Some(reference.clone()));
            }
            E::PaymentExpired { purpose: _ } => self.enter(PaymentPhase::Expired),
            E::PaymentVoided { purpose: _ } => self.enter(PaymentPhase::Voided),
            E::RefundProposed { .. } | E::RefundRequested { .. } => self.add_refund(happened, occurred_at),
            E::RefundRetried { refund, attempt } => {
                let row = self.known_refund(*refund)?;
                (row.attempt, row.retry_at) = (*attempt, None);
                row.enter(RefundStatus::Requested);
            }
            E::RefundCompleted { refund, amount, at, reference: _ } => {
                let row = self.known_refund(*refund)?;
                (row.completed_at, row.failure, row.retry_at) = (Some(*at), None, None);
                row.enter(RefundStatus::Completed);
                self.give_back(*amount)?;
            }
            E::RefundFailed { refund, code, attempt, retry_at } => {
                let row = self.known_refund(*refund)?;
                (row.attempt, row.failure, row.retry_at) = (*attempt, Some(code.clone()), *retry_at);
                row.enter(RefundStatus::Failed);
            }
            E::RefundUnknown { refund, since, escalated, asked: _, ask_again_at: _ } => {
                let row = self.known_refund(*refund)?;
                row.enter(RefundStatus::Unknown);
                (row.unknown_since, row.escalated) = (Some(*since), *escalated);
            }
            E::EscrowReleased { amount, fee, vat, net, at, purpose: _, host: _ } => {
                self.release = Some(EscrowRelease { amount: *amount, fee: *fee, vat: *vat, net: *net, at: *at });
            }
            E::PaymentSettled { settlement, payout } => {
                self.settled = Some(Settled { settlement: *settlement, payout: *payout, at: occurred_at });
            }
            E::PaymentUnsettled { payout: _ } => self.settled = None,
        }
        Ok(())
    }

    fn start(&mut self, number: u32, event: &Known) {
        let (event_id, position, started_at) = (event.recorded.event_id, event.position(), event.recorded.occurred_at);
        self.attempts.push(AttemptRow { number, event_id, position, outcome: AttemptOutcome::Confirming, started_at });
        self.enter(PaymentPhase::Confirming);
        self.last_failure = None;
    }

    /// What was said of an earlier phase no longer holds.
    fn enter(&mut self, phase: PaymentPhase) {
        self.phase = phase;
        (self.unknown_since, self.escalated) = (None, false);
    }

    fn conclude(&mut self, number: u32, outcome: AttemptOutcome) -> Result<(), Poison> {
        let attempt = self.attempts.iter_mut().rev().find(|attempt| attempt.number == number);
        attempt.ok_or_else(|| Poison::new(format_args!("there was no attempt {number}")))?.outcome = outcome;
        Ok(())
    }

    /// The provider names no attempt: it is the one whose outcome was open.
    fn capture(&mut self) {
        if let Some(attempt) = self.attempts.iter_mut().rev().find(|attempt| attempt.outcome.is_open()) {
            attempt.outcome = AttemptOutcome::Completed;
        }
        self.enter(PaymentPhase::Completed);
        self.last_failure = None;
    }

    fn known_refund(&mut self, refund: RefundId) -> Result<&mut RefundRow, Poison> {
        let found = self.refunds.iter_mut().find(|row| row.id == refund);
        found.ok_or_else(|| Poison::new(format_args!("there was no {refund}")))
    }

    /// A refund that was proposed keeps what was said of it when it is approved.
    fn add_refund(&mut self, happened: &E, at: Timestamp) {
        let Some(row) = refund_row(happened, at) else { return };
        match self.refunds.iter_mut().find(|known| known.id == row.id) {
            Some(known) => {
                let (reason, requested_at) = (row.reason.clone().or(known.reason.take()), known.requested_at);
                *known = RefundRow { reason, requested_at, ..row };
            }
            None => self.refunds.push(row),
        }
    }

    fn give_back(&mut self, amount: Money) -> Result<(), Poison> {
        self.refunded = self.refunded.plus(amount).map_err(Poison::new)?;
        self.phase = if self.refunded < self.amount { PaymentPhase::PartiallyRefunded } else { PaymentPhase::Refunded };
        Ok(())
    }
}

impl RefundRow {
    fn enter(&mut self, status: RefundStatus) {
        self.status = status;
        (self.unknown_since, self.escalated) = (None, false);
    }
}

/// The refund that one of the two events begins.
fn refund_row(happened: &E, at: Timestamp) -> Option<RefundRow> {
    let blank = |id, amount: Money, status| RefundRow {
        id,
        amount,
        status,
        fee_share: amount.with_minor(0),
        // Only a person's own request can wait for a second one.
        cause: RefundCause::Goodwill,
        reason: None,
        requested_by: None,
        approved_by: None,
        attempt: 0,
        failure: None,
        retry_at: None,
        unknown_since: None,
        escalated: false,
        requested_at: at,
        completed_at: None,
    };
    if let E::RefundProposed { refund, amount, by, reason } = happened {
        let proposed = blank(*refund, *amount, RefundStatus::Proposed);
        return Some(RefundRow { requested_by: Some(*by), reason: reason.clone(), ..proposed });
    }
    let E::RefundRequested { refund, amount, fee_share, cause, reason, requested_by, approved_by, .. } = happened else { return None };
    Some(RefundRow {
        fee_share: *fee_share,
        cause: *cause,
        reason: reason.clone(),
        requested_by: *requested_by,
        approved_by: *approved_by,
        attempt: 1,
        ..blank(*refund, *amount, RefundStatus::Requested)
    })
}
