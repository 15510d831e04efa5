//! Money leaving to one host, for the lines of one settlement (domain.md §3.4).
//!
//! `requested → completed → returned | failed`, by way of `unknown` when the bank does not answer. A failed payout is
//! repeated as a new one over the same lines.

use kernel::{At, Decider, DomainEvent, Fact, JournalEntry, Money, Refused, Timestamp, Unbalanced, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{PaymentId, PayoutId, SettlementId, UserId};
use crate::schedule::{ALERT_AFTER, ask_again_at};

/// What is paid to whom, for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its own id.
    pub payout: PayoutId,
    /// In which batch.
    pub settlement: SettlementId,
    /// To whom.
    pub host: UserId,
    /// How much.
    pub amount: Money,
    /// For which payments.
    pub lines: Vec<PaymentId>,
    /// 1, 2, …: how often this host was tried in this batch.
    pub attempt: u32,
}

/// What happened to a payout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The bank is to be told.
    PayoutRequested {
        /// Its own id.
        payout: PayoutId,
        /// In which batch.
        settlement: SettlementId,
        /// To whom.
        host: UserId,
        /// How much.
        amount: Money,
        /// For which payments.
        lines: Vec<PaymentId>,
        /// 1, 2, ….
        attempt: u32,
        /// Business date.
        at: Timestamp,
    },
    /// The bank did not answer; it is asked again.
    PayoutUnknown {
        /// Since when.
        since: Timestamp,
        /// How often it was asked again.
        asked: u32,
        /// When it will be asked next.
        ask_again_at: Timestamp,
        /// Unknown for so long that an operator must look.
        escalated: bool,
    },
    /// The provider says, signed, that something has changed: the bank is asked what.
    PayoutNoticeReceived {
        /// Tells the notice from others: 32 hexadecimal digits.
        notice: String,
    },
    /// The money arrived.
    PayoutCompleted {
        /// Its own id.
        payout: PayoutId,
        /// In which batch.
        settlement: SettlementId,
        /// How much.
        amount: Money,
        /// For which payments.
        lines: Vec<PaymentId>,
        /// The bank's own key.
        reference: String,
        /// Business date.
        at: Timestamp,
    },
    /// The bank refused; the host is owed it again.
    PayoutFailed {
        /// Its own id.
        payout: PayoutId,
        /// In which batch.
        settlement: SettlementId,
        /// To whom.
        host: UserId,
        /// How much.
        amount: Money,
        /// The bank's code.
        code: String,
        /// 1, 2, ….
        attempt: u32,
        /// Business date.
        at: Timestamp,
    },
    /// The money came back after it had arrived; the host is owed it again.
    PayoutReturned {
        /// Its own id.
        payout: PayoutId,
        /// In which batch.
        settlement: SettlementId,
        /// To whom.
        host: UserId,
        /// How much.
        amount: Money,
        /// For which payments.
        lines: Vec<PaymentId>,
        /// 1, 2, ….
        attempt: u32,
        /// Business date.
        at: Timestamp,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::PayoutRequested { .. } => "PayoutRequested",
            Self::PayoutUnknown { .. } => "PayoutUnknown",
            Self::PayoutNoticeReceived { .. } => "PayoutNoticeReceived",
            Self::PayoutCompleted { .. } => "PayoutCompleted",
            Self::PayoutFailed { .. } => "PayoutFailed",
            Self::PayoutReturned { .. } => "PayoutReturned",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        crate::ledger::payout_entry(self)
    }

    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

/// Where a payout stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Payout {
    /// No such payout.
    #[default]
    Absent,
    /// The bank is being asked.
    Requested(Box<Order>),
    /// The bank did not answer.
    Unknown {
        /// What is paid.
        order: Box<Order>,
        /// Since when.
        since: Timestamp,
        /// How often it was asked again.
        asked: u32,
    },
    /// The money arrived.
    Completed(Box<Order>),
    /// The bank refused.
    Failed(Box<Order>),
    /// The money came back.
    Returned(Box<Order>),
}

/// What may be asked of a payout.
#[derive(Clone, Debug)]
pub enum Command {
    /// Pay.
    Request(Box<Order>),
    /// The bank paid.
    Complete {
        /// The bank's own key.
        reference: String,
    },
    /// The bank refused.
    Fail {
        /// The bank's code.
        code: String,
    },
    /// The bank did not answer.
    MarkUnknown,
    /// The provider gave notice (SEC-16); worth a question while the outcome is open.
    ReceiveNotice {
        /// Tells it from others.
        notice: String,
    },
    /// The money came back.
    Return,
}

/// Why a payout says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such payout.
    #[error("no such payout")]
    NotFound,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotFound => Refused::code("SYS007"),
        }
    }
}

impl Payout {
    /// What is paid, unless there is no such payout.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Absent => None,
            Self::Requested(order) | Self::Completed(order) | Self::Failed(order) | Self::Returned(order) => Some(order),
            Self::Unknown { order, .. } => Some(order),
        }
    }

    /// Is the outcome open?
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Requested(_) | Self::Unknown { .. })
    }
}

impl Decider for Payout {
    const KIND: &'static str = "payout";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let now = at.now;
        if let Command::Request(order) = at.command {
            let Order { payout, settlement, host, amount, lines, attempt } = *order;
            let requested = Event::PayoutRequested { payout, settlement, host, amount, lines, attempt, at: now };
            return Ok(if matches!(self, Self::Absent) { vec![requested] } else { Vec::new() });
        }
        let Order { payout, settlement, host, amount, lines, attempt } = self.order().ok_or(Refusal::NotFound)?.clone();
        let event = match at.command {
            Command::Complete { reference } if self.is_open() => {
                Event::PayoutCompleted { payout, settlement, amount, lines, reference, at: now }
            }
            Command::Fail { code } if self.is_open() => Event::PayoutFailed { payout, settlement, host, amount, code, attempt, at: now },
            Command::MarkUnknown if self.is_open() => {
                let (since, asked) = match self {
                    Self::Unknown { since, asked, .. } => (*since, asked + 1),
                    _ => (now, 0),
                };
                let escalated = now.duration_since(since) >= ALERT_AFTER;
                Event::PayoutUnknown { since, asked, ask_again_at: ask_again_at(now, asked), escalated }
            }
            Command::ReceiveNotice { notice } if self.is_open() => Event::PayoutNoticeReceived { notice },
            Command::Return if matches!(self, Self::Completed(_)) => {
                Event::PayoutReturned { payout, settlement, host, amount, lines, attempt, at: now }
            }
            Command::Request(_)
            | Command::Complete { .. }
            | Command::Fail { .. }
            | Command::MarkUnknown
            | Command::ReceiveNotice { .. }
            | Command::Return => return Ok(Vec::new()),
        };
        Ok(vec![event])
    }

    fn evolve(self, event: &Event) -> Self {
        if let Event::PayoutRequested { payout, settlement, host, amount, lines, attempt, .. } = event {
            let (payout, settlement, host, amount, attempt) = (*payout, *settlement, *host, *amount, *attempt);
            return Self::Requested(Box::new(Order { payout, settlement, host, amount, lines: lines.clone(), attempt }));
        }
        if matches!(event, Event::PayoutNoticeReceived { .. }) {
            return self;
        }
        let order = match self {
            Self::Absent => return Self::Absent,
            Self::Requested(order) | Self::Completed(order) | Self::Failed(order) | Self::Returned(order) => order,
            Self::Unknown { order, .. } => order,
        };
        match event {
            Event::PayoutRequested { .. } | Event::PayoutNoticeReceived { .. } => Self::Requested(order),
            Event::PayoutUnknown { since, asked, .. } => Self::Unknown { order, since: *since, asked: *asked },
            Event::PayoutCompleted { .. } => Self::Completed(order),
            Event::PayoutFailed { .. } => Self::Failed(order),
            Event::PayoutReturned { .. } => Self::Returned(order),
        }
    }
}

#[cfg(test)]
mod tests;
