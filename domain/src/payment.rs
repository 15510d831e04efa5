//! The money side of one booking or shop order: captured into escrow, given back in parts or released to whoever earned it
//! (domain.md §3.4). What a payment is for is a [`Purpose`]; nothing here depends on which.
//!
//! ```text
//! pending → confirming → completed → (partly) refunded;  confirming → pending (declined) | unknown → completed | pending
//! pending → expired | voided;  late money: confirming | unknown | expired | voided → completed, and refunded in full
//! ```
//! The stream is the lock: a refund racing with a release meets a version. Its events post (see [`crate::ledger`]).

use std::collections::{BTreeMap, BTreeSet};

use kernel::{At, Decider, Fact, JournalEntry, Money, Personal, Timestamp, Unbalanced, upcast::Upcasts};
use serde::{Deserialize, Serialize};

mod decisions;
mod event;
pub mod notice;
mod refusal;
pub mod split;

use crate::ids::{PayoutId, RefundId, SettlementId, UserId};
use crate::purpose::Purpose;
pub use event::Event;
pub use refusal::Refusal;

/// What is to be paid, for what, by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// For what.
    #[serde(alias = "booking")]
    pub purpose: Purpose,
    /// Who pays.
    pub payer: UserId,
    /// Who earns: the host, or the seller.
    pub host: UserId,
    /// Our order number at the provider: 6 to 64 of `[A-Za-z0-9-_]`.
    pub order_id: String,
    /// The whole amount.
    pub amount: Money,
    /// The platform's share of it, VAT included.
    pub fee: Money,
    /// End of the payment window.
    pub due_at: Timestamp,
}

/// One try to have the provider capture the money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1, 2, …
    pub number: u32,
    /// The provider's key of the payer's authorisation.
    pub payment_key: String,
}

/// Where the capture stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// To be paid; with the code of the last decline.
    Pending {
        /// The provider's code.
        last_failure: Option<String>,
        /// The attempt that was declined: should its money come all the same, it is accepted.
        attempt: Option<Attempt>,
    },
    /// The provider is being asked.
    Confirming {
        /// Under this attempt.
        attempt: Attempt,
    },
    /// The provider did not answer; it may have captured.
    Unknown {
        /// Under this attempt.
        attempt: Attempt,
        /// Since when.
        since: Timestamp,
        /// How often it was asked again.
        asked: u32,
    },
    /// Captured.
    Completed {
        /// Under this attempt.
        attempt: Attempt,
        /// When.
        paid_at: Timestamp,
    },
    /// Not paid in time.
    Expired {
        /// An attempt whose money may still come.
        attempt: Option<Attempt>,
    },
    /// No longer wanted: what it was for ended unpaid.
    Voided {
        /// An attempt whose money may still come.
        attempt: Option<Attempt>,
    },
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundPhase {
    /// Above the limit; a second person must approve.
    Proposed {
        /// Who proposed it.
        by: UserId,
    },
    /// The provider is being asked.
    Requested,
    /// The provider did not answer.
    Unknown {
        /// Since when.
        since: Timestamp,
        /// How often it was asked again.
        asked: u32,
    },
    /// The provider said no; it is tried again a few times.
    Failed,
    /// Given back.
    Completed,
}

/// Money going back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// How much.
    pub amount: Money,
    /// The platform's share that goes with it.
    pub fee_share: Money,
    /// Where it stands.
    pub phase: RefundPhase,
    /// How often the provider was told to.
    pub attempt: u32,
    /// One person asked for it, and nobody else agreed: it counts towards the limit.
    pub by_one: bool,
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundCause {
    /// The booking or order was cancelled.
    Cancellation,
    /// The money came after what it was for had ended.
    LateMoney,
    /// Goods came back.
    Return,
    /// Support or finance asked for it.
    Goodwill,
}

/// The payment of one purchase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Payment {
    /// No such payment.
    #[default]
    Absent,
    /// A payment that was asked for.
    Requested {
        /// What is to be paid.
        order: Box<Order>,
        /// Where the capture stands.
        phase: Phase,
        /// Attempts so far.
        attempts: u32,
        /// Money going back.
        refunds: BTreeMap<RefundId, Refund>,
        /// The rest of the escrow went to host and platform.
        released: bool,
        /// The payout that paid the host, while it stands (L6).
        settled: Option<PayoutId>,
        /// Notices of the provider that were acted upon.
        #[serde(default)]
        notices: BTreeSet<String>,
    },
}

/// What may be asked of a payment.
#[derive(Clone, Debug)]
pub enum Command {
    /// An approval asks for its payment.
    Request(Box<Order>),
    /// The payer confirms (PAY-04).
    StartConfirm {
        /// The provider's key of the authorisation.
        payment_key: String,
        /// As the payer's browser brought it back.
        order_id: String,
        /// As the payer's browser brought it back.
        amount: Money,
    },
    /// The provider captured.
    Complete {
        /// When.
        paid_at: Timestamp,
        /// Card, transfer, ….
        method: String,
        /// The provider's own key.
        reference: String,
        /// Nothing waits for it any more: refund in full under this id.
        late: Option<RefundId>,
    },
    /// The provider declined.
    Decline {
        /// Which attempt.
        attempt: u32,
        /// The provider's code.
        code: String,
        /// Does anything still wait for the payment?
        open: bool,
    },
    /// The provider did not answer.
    MarkUnknown {
        /// Which attempt.
        attempt: u32,
    },
    /// The provider says that something has changed; a hint, of no consequence but a question.
    ReceiveNotice {
        /// Tells this notice from others.
        notice: String,
        /// The attempt that it names.
        payment_key: Option<String>,
    },
    /// The payment window is over.
    Expire,
    /// What it was for ended unpaid.
    Void,
    /// Give money back (PAY-12).
    RequestRefund {
        /// Its new id.
        refund: RefundId,
        /// How much; none: all that is left.
        amount: Option<Money>,
        /// Why.
        cause: RefundCause,
        /// In somebody's words.
        reason: Option<Personal<String>>,
        /// Who asks, when a person does.
        by: Option<UserId>,
        /// A person's refund above this waits for a second one.
        limit: Option<Money>,
    },
    /// A second person agrees.
    ApproveRefund {
        /// Which.
        refund: RefundId,
        /// Who.
        by: UserId,
    },
    /// The provider gave the money back.
    CompleteRefund {
        /// Which.
        refund: RefundId,
        /// The provider's own key.
        reference: String,
    },
    /// The provider refused to.
    FailRefund {
        /// Which.
        refund: RefundId,
        /// The provider's code.
        code: String,
    },
    /// The provider did not answer.
    MarkRefundUnknown {
        /// Which.
        refund: RefundId,
    },
    /// A refused refund is tried again.
    RetryRefund {
        /// Which.
        refund: RefundId,
    },
    /// What it was for is over: what is left of the escrow belongs to host or seller and platform.
    ReleaseEscrow,
    /// The host was paid.
    Settle {
        /// In which batch.
        settlement: SettlementId,
        /// By which payout.
        payout: PayoutId,
    },
    /// The payout came back.
    Unsettle {
        /// Which payout.
        payout: PayoutId,
    },
}

impl Decider for Payment {
    const KIND: &'static str = "payment";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        decisions::decide(self, at.command, at.now)
    }

    fn evolve(self, event: &Event) -> Self {
        if let Event::PaymentRequested { order } = event {
            return Self::Requested {
                order: order.clone(),
                phase: Phase::Pending { last_failure: None, attempt: None },
                attempts: 0,
                refunds: BTreeMap::new(),
                released: false,
                settled: None,
                notices: BTreeSet::new(),
            };
        }
        let Self::Requested { order, mut phase, mut attempts, mut refunds, mut released, mut settled, mut notices } = self else {
            return self;
        };
        match event {
            Event::PaymentRequested { .. } => {}
            Event::PaymentConfirmStarted { attempt, .. } => {
                attempts = attempt.number;
                phase = Phase::Confirming { attempt: attempt.clone() };
            }
            Event::PaymentFailed { code, .. } => {
                phase = Phase::Pending { last_failure: Some(code.clone()), attempt: phase.attempt().cloned() };
            }
            Event::PaymentOutcomeUnknown { asked, since, .. } => {
                if let Some(attempt) = phase.attempt().cloned() {
                    phase = Phase::Unknown { attempt, since: *since, asked: *asked };
                }
            }
            Event::PaymentCompleted { paid_at, .. } => {
                if let Some(attempt) = phase.attempt().cloned() {
                    phase = Phase::Completed { attempt, paid_at: *paid_at };
                }
            }
            Event::PaymentExpired { .. } => phase = Phase::Expired { attempt: phase.attempt().cloned() },
            Event::PaymentVoided { .. } => phase = Phase::Voided { attempt: phase.attempt().cloned() },
            Event::RefundProposed { refund, amount, by, .. } => {
                let proposed = RefundPhase::Proposed { by: *by };
                refunds.insert(
                    *refund,
                    Refund { amount: *amount, fee_share: amount.with_minor(0), phase: proposed, attempt: 0, by_one: false },
                );
            }
            Event::RefundRequested { refund, amount, fee_share, requested_by, approved_by, .. } => {
                let by_one = requested_by.is_some() && approved_by.is_none();
                let requested = Refund { amount: *amount, fee_share: *fee_share, phase: RefundPhase::Requested, attempt: 1, by_one };
                refunds.insert(*refund, requested);
            }
            Event::RefundRetried { refund, attempt } => {
                if let Some(known) = refunds.get_mut(refund) {
                    (known.phase, known.attempt) = (RefundPhase::Requested, *attempt);
                }
            }
            Event::RefundCompleted { refund, .. } => set_phase(&mut refunds, *refund, RefundPhase::Completed),
            Event::RefundFailed { refund, .. } => set_phase(&mut refunds, *refund, RefundPhase::Failed),
            Event::RefundUnknown { refund, since, asked, .. } => {
                set_phase(&mut refunds, *refund, RefundPhase::Unknown { since: *since, asked: *asked });
            }
            Event::ProviderNoticeReceived { notice } => {
                notices.insert(notice.clone());
            }
            Event::EscrowReleased { .. } => released = true,
            Event::PaymentSettled { payout, .. } => settled = Some(*payout),
            Event::PaymentUnsettled { .. } => settled = None,
        }
        Self::Requested { order, phase, attempts, refunds, released, settled, notices }
    }
}

fn set_phase(refunds: &mut BTreeMap<RefundId, Refund>, refund: RefundId, phase: RefundPhase) {
    if let Some(known) = refunds.get_mut(&refund) {
        known.phase = phase;
    }
}

impl Fact for Event {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        crate::ledger::payment_entry(self)
    }

    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

#[cfg(test)]
mod tests;
