//! What one host or seller is owed, line by line: guards every payout and keeps a line in one batch only (L5).
//!
//! Mirrors the account `host_payable` without posting, always in the append of the event that posts. It may fall below
//! zero through a refund (carried over), never through a payout.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{At, Decider, Money, Personal, Refused, Timestamp};
use serde::{Deserialize, Serialize};

mod event;

use crate::ids::{PaymentId, PayoutId, RefundId, SettlementId, UserId};
use crate::purpose::Purpose;
use crate::sabotage::{Rule, broken};
pub use event::Event;

/// What one payment earned the host or seller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earning {
    /// Which payment.
    pub payment: PaymentId,
    /// For what.
    #[serde(alias = "booking")]
    pub purpose: Purpose,
    /// What the payer finally paid.
    pub gross: Money,
    /// The platform's share of it.
    pub fee: Money,
    /// The host's or seller's share of it.
    pub net: Money,
    /// Since when it is owed.
    pub earned_at: Timestamp,
}

/// A line that was not paid out yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What was earned, less what was reversed while the line was in no batch.
    pub earning: Earning,
    /// The batch that it is in.
    pub claimed: Option<SettlementId>,
}

/// What a host is owed. Lines that were paid are forgotten; the balance remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Payable {
    /// Owed in all, in minor units; equals the account `host_payable` (below zero: the host owes us).
    pub balance_minor: i128,
    /// Lines that are not paid.
    pub lines: BTreeMap<PaymentId, Line>,
    /// Payouts whose outcome is open, with what they took.
    pub reserved: BTreeMap<PayoutId, (SettlementId, Money)>,
    /// Finance lets no money leave.
    #[serde(default)]
    pub held: bool,
    /// Batches that were about to pay while it was so.
    #[serde(default)]
    pub held_back: BTreeSet<SettlementId>,
}

/// What may be asked of a payable.
#[derive(Clone, Debug)]
pub enum Command {
    /// Add a line.
    Credit(Earning),
    /// Take back the host's part of a refund.
    Reverse {
        /// Of which payment.
        payment: PaymentId,
        /// By which refund.
        refund: RefundId,
        /// The host's part.
        amount: Money,
        /// The guest's refund.
        gross: Money,
    },
    /// Put lines into a batch.
    Claim {
        /// Which batch.
        settlement: SettlementId,
        /// Which lines.
        lines: Vec<PaymentId>,
    },
    /// Take them out again.
    Release {
        /// Which batch.
        settlement: SettlementId,
    },
    /// Count them as paid by what the host owed (negative balance, carried over).
    Offset {
        /// Which batch.
        settlement: SettlementId,
    },
    /// Let money leave.
    Reserve {
        /// By which payout.
        payout: PayoutId,
        /// For which batch.
        settlement: SettlementId,
        /// How much.
        amount: Money,
    },
    /// It arrived.
    Close {
        /// By which payout.
        payout: PayoutId,
    },
    /// It failed or came back.
    Recredit {
        /// Which payout.
        payout: PayoutId,
        /// How much.
        amount: Money,
    },
    /// Let no money leave.
    Hold {
        /// To whom.
        host: UserId,
        /// Who says so.
        by: UserId,
        /// In their words.
        reason: Personal<String>,
    },
    /// A batch would pay: it waits.
    HoldBack {
        /// Which batch.
        settlement: SettlementId,
    },
    /// Let it leave again.
    ReleaseHold {
        /// To whom.
        host: UserId,
        /// Who says so.
        by: UserId,
        /// In their words.
        reason: Personal<String>,
    },
}

/// Why a payable says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than is owed (L5).
    #[error("the payout exceeds what the host is owed")]
    Exceeds,
    /// A line is in another batch, or paid, or unknown (L5).
    #[error("a line is not free")]
    LineNotFree,
    /// Payouts are held already.
    #[error("payouts to the host are held already")]
    AlreadyHeld,
    /// They are not held.
    #[error("payouts to the host are not held")]
    NotHeld,
    /// No money leaves while payouts are held.
    #[error("payouts to the host are held")]
    Held,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Exceeds => Refused::code("LEDGER002"),
            Self::LineNotFree => Refused::code("SETTLE002"),
            Self::AlreadyHeld | Self::Held => Refused::at("SETTLE004", &["hostId"]),
            Self::NotHeld => Refused::at("SETTLE005", &["hostId"]),
        }
    }
}

impl Payable {
    /// Lines that a batch may take: earned before `period_end`, not after `held_before`, and in no batch.
    pub fn free_lines(&self, period_end: Timestamp, held_before: Timestamp) -> impl Iterator<Item = &Earning> {
        let free =
            move |line: &&Line| line.claimed.is_none() && line.earning.earned_at < period_end && line.earning.earned_at <= held_before;
        self.lines.values().filter(free).map(|line| &line.earning)
    }

    /// What a payout over lines of `net` in all may be, in minor units: max(0, min(net + carried, balance)), where
    /// carried is what reversals of paid lines left behind (domain.md §3.4, Settlement). A payout under way has taken its
    /// share of that with it, so its lines no longer count.
    #[must_use]
    pub fn payable_minor(&self, net_minor: i128) -> i128 {
        let leaving = |line: &&Line| self.reserved.values().any(|(settlement, _)| line.claimed == Some(*settlement));
        let unpaid: i128 = self.lines.values().filter(|line| !leaving(line)).map(|line| line.earning.net.minor()).sum();
        let carried = self.balance_minor - unpaid;
        (net_minor + carried.min(0)).min(self.balance_minor).max(0)
    }

    fn has_claimed(&self, settlement: SettlementId) -> bool {
        self.lines.values().any(|line| line.claimed == Some(settlement))
    }

    /// Σ net of the lines in a batch, in minor units, as it stands now.
    #[must_use]
    pub fn claimed_minor(&self, settlement: SettlementId) -> i128 {
        self.lines.values().filter(|line| line.claimed == Some(settlement)).map(|line| line.earning.net.minor()).sum()
    }
}

impl Decider for Payable {
    const KIND: &'static str = "payable";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let event = match at.command {
            Command::Credit(earning) => Event::EarningCredited { earning },
            Command::Reverse { payment, refund, amount, gross } => Event::EarningReversed { payment, refund, amount, gross },
            Command::Claim { settlement, lines } => {
                let free = |payment: &PaymentId| self.lines.get(payment).is_some_and(|line| line.claimed.is_none());
                if !lines.iter().all(free) {
                    return Err(Refusal::LineNotFree);
                }
                Event::LinesClaimed { settlement, lines }
            }
            Command::Release { settlement } if self.has_claimed(settlement) => Event::LinesReleased { settlement },
            Command::Offset { settlement } if self.has_claimed(settlement) => Event::LinesOffset { settlement },
            Command::Release { .. } | Command::Offset { .. } => return Ok(Vec::new()),
            Command::Reserve { payout, settlement, amount } => {
                if self.held {
                    return Err(Refusal::Held);
                }
                if !amount.is_positive() || amount.minor() > self.balance_minor {
                    return Err(Refusal::Exceeds);
                }
                Event::PayoutReserved { payout, settlement, amount }
            }
            Command::Close { payout } if self.reserved.contains_key(&payout) => Event::PayoutClosed { payout },
            Command::Close { .. } => return Ok(Vec::new()),
            Command::Recredit { payout, amount } => Event::Recredited { payout, amount },
            Command::Hold { .. } if self.held => return Err(Refusal::AlreadyHeld),
            Command::Hold { host, by, reason } => Event::PayoutHeld { host, by, reason, at: at.now },
            Command::HoldBack { settlement } if self.held && !self.held_back.contains(&settlement) => Event::PayoutHeldBack { settlement },
            Command::HoldBack { .. } => return Ok(Vec::new()),
            Command::ReleaseHold { host, by, reason } if self.held => {
                let settlements = self.held_back.iter().copied().collect();
                Event::PayoutReleased { host, by, reason, settlements, at: at.now }
            }
            Command::ReleaseHold { .. } => return Err(Refusal::NotHeld),
        };
        Ok(vec![event])
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::EarningCredited { earning } => {
                self.balance_minor += earning.net.minor();
                self.lines.insert(earning.payment, Line { earning: *earning, claimed: None });
            }
            Event::EarningReversed { payment, amount, gross, .. } => {
                self.balance_minor -= amount.minor();
                if let Some(line) = self.lines.get_mut(payment).filter(|line| line.claimed.is_none()) {
                    let less = |of: Money, by: i128| of.with_minor(of.minor() - by);
                    let earning = &mut line.earning;
                    earning.gross = less(earning.gross, gross.minor());
                    earning.fee = less(earning.fee, gross.minor() - amount.minor());
                    earning.net = less(earning.net, amount.minor());
                }
            }
            Event::LinesClaimed { settlement, lines } => {
                for payment in lines {
                    if let Some(line) = self.lines.get_mut(payment) {
                        line.claimed = (!broken(Rule::LineClaim)).then_some(*settlement);
                    }
                }
            }
            Event::LinesReleased { settlement } => {
                for line in self.lines.values_mut().filter(|line| line.claimed == Some(*settlement)) {
                    line.claimed = None;
                }
            }
            Event::LinesOffset { settlement } => self.lines.retain(|_, line| line.claimed != Some(*settlement)),
            Event::PayoutReserved { payout, settlement, amount } => {
                self.balance_minor -= amount.minor();
                self.reserved.insert(*payout, (*settlement, *amount));
            }
            Event::PayoutClosed { payout } => {
                if let Some((settlement, _)) = self.reserved.remove(payout) {
                    self.lines.retain(|_, line| line.claimed != Some(settlement));
                }
            }
            Event::Recredited { payout, amount } => {
                self.balance_minor += amount.minor();
                self.reserved.remove(payout);
            }
            Event::PayoutHeld { .. } => self.held = true,
            Event::PayoutHeldBack { settlement } => {
                self.held_back.insert(*settlement);
            }
            Event::PayoutReleased { .. } => {
                self.held = false;
                self.held_back.clear();
            }
        }
        self
    }
}

#[cfg(test)]
mod tests;
