//! A batch that pays hosts what they earned before a date: opened by one person of finance, approved by another.
//!
//! `open → approved → paying → paid | partly paid`, or `open → cancelled`. Its lines are frozen when it is opened; a
//! failed payout is repeated inside the batch, lines never move.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{At, Decider, DomainEvent, Fact, Money, Personal, Refused, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

mod event;
pub mod guard;

use crate::ids::{PayoutId, SettlementId, UserId};
use crate::payable::Earning;
pub use event::{Deferral, Event, PayoutOutcome};

/// Where one host of a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostState {
    /// Not paid yet.
    Waiting,
    /// A payout is under way.
    Paying {
        /// Which.
        payout: PayoutId,
        /// How much.
        amount: Money,
        /// How often it was tried.
        attempt: u32,
    },
    /// Paid.
    Paid {
        /// By which payout.
        payout: PayoutId,
        /// How much.
        amount: Money,
        /// How often it was tried.
        attempt: u32,
    },
    /// The last payout failed or came back, or the first one waits for a reason that may last.
    Unpaid {
        /// How much it was.
        amount: Money,
        /// How often it was tried.
        attempt: u32,
    },
    /// Nothing was left to pay: what the host owed has used the lines up.
    Skipped,
}

/// Where the batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Under review.
    Open,
    /// Two people agreed; payouts follow.
    Approved,
    /// Every host was tried, and all were paid.
    Paid,
    /// Every host was tried; some are still owed.
    PartlyPaid,
    /// Called off.
    Cancelled,
}

/// A batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Settlement {
    /// No such batch.
    #[default]
    Absent,
    /// A batch that was opened.
    Opened {
        /// Its own id.
        settlement: SettlementId,
        /// By whom.
        opened_by: UserId,
        /// Where it stands.
        stage: Stage,
        /// Its hosts.
        hosts: BTreeMap<UserId, HostState>,
    },
}

/// What may be asked of a batch.
#[derive(Clone, Debug)]
pub enum Command {
    /// Freeze the lines (PAY-06).
    Open {
        /// Its own id.
        settlement: SettlementId,
        /// Exclusive upper bound of what was earned.
        period_end: Timestamp,
        /// By whom.
        by: UserId,
        /// Hosts with their lines.
        lines: Vec<(UserId, Earning)>,
        /// The currency of the total.
        zero: Money,
    },
    /// A second person agrees.
    Approve {
        /// Who.
        by: UserId,
    },
    /// Call it off.
    Cancel {
        /// Who.
        by: UserId,
        /// In their words.
        reason: Personal<String>,
    },
    /// A payout to a host begins.
    StartPayout {
        /// Which.
        payout: PayoutId,
        /// To whom.
        host: UserId,
        /// How much.
        amount: Money,
    },
    /// A payout that was due waits.
    Defer {
        /// To whom.
        host: UserId,
        /// How much it would be.
        amount: Money,
        /// Why.
        why: Deferral,
        /// Until when, where a day is known.
        until: Option<Timestamp>,
    },
    /// Nothing is left to pay to a host.
    SkipHost {
        /// Whom.
        host: UserId,
    },
    /// A payout ended.
    FinishPayout {
        /// To whom.
        host: UserId,
        /// Which.
        payout: PayoutId,
        /// How.
        outcome: PayoutOutcome,
    },
}

/// Why a batch says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such batch.
    #[error("no such settlement")]
    NotFound,
    /// The period ends in the future.
    #[error("the period is not over")]
    NotOver,
    /// Another batch is under review.
    #[error("another settlement is open")]
    AnotherOpen,
    /// The same person opened it.
    #[error("the same person opened it")]
    SamePerson,
    /// Approved or cancelled already.
    #[error("the settlement is no longer open")]
    NotOpen,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotFound => Refused::at("SYS007", &["settlementId"]),
            Self::NotOver => Refused::at("SETTLE001", &["periodEnd"]),
            Self::AnotherOpen => Refused::code("SETTLE002"),
            Self::SamePerson => Refused::code("SETTLE003"),
            Self::NotOpen => Refused::code("SYS006"),
        }
    }
}

impl Settlement {
    /// Where a host of the batch stands.
    #[must_use]
    pub fn host(&self, host: UserId) -> Option<HostState> {
        match self {
            Self::Absent => None,
            Self::Opened { hosts, .. } => hosts.get(&host).copied(),
        }
    }

    /// Where a host stands in a batch that two people agreed to; nobody is paid from any other.
    fn payable(&self, host: UserId) -> Option<HostState> {
        match self {
            Self::Opened { stage: Stage::Approved | Stage::Paid | Stage::PartlyPaid, hosts, .. } => hosts.get(&host).copied(),
            Self::Absent | Self::Opened { stage: Stage::Open | Stage::Cancelled, .. } => None,
        }
    }

    fn open_stage(&self) -> Result<(SettlementId, UserId, &BTreeMap<UserId, HostState>), Refusal> {
        match self {
            Self::Absent => Err(Refusal::NotFound),
            Self::Opened { stage: Stage::Open, settlement, opened_by, hosts } => Ok((*settlement, *opened_by, hosts)),
            Self::Opened { .. } => Err(Refusal::NotOpen),
        }
    }

    /// The closing event, when `changed` was the last host that anything was still to happen to.
    fn closing(&self, changed: UserId, now_is: HostState) -> Option<Event> {
        let Self::Opened { hosts, settlement, .. } = self else { return None };
        let settlement = *settlement;
        let states = || hosts.iter().map(|(host, state)| if *host == changed { now_is } else { *state });
        let done = |state: HostState| match state {
            HostState::Waiting | HostState::Paying { .. } => false,
            HostState::Paid { .. } | HostState::Skipped | HostState::Unpaid { .. } => true,
        };
        let owed = |state: HostState| matches!(state, HostState::Unpaid { .. });
        if !states().all(done) {
            return None;
        }
        Some(if states().any(owed) { Event::SettlementPartlyPaid { settlement } } else { Event::SettlementPaid { settlement } })
    }
}

impl Decider for Settlement {
    const KIND: &'static str = "settlement";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::Open { settlement, period_end, by, lines, zero } => {
                if !matches!(self, Self::Absent) {
                    return Err(Refusal::AnotherOpen);
                }
                if period_end > at.now {
                    return Err(Refusal::NotOver);
                }
                Ok(opening(settlement, period_end, by, lines, zero))
            }
            Command::Approve { by } => {
                let (settlement, opened_by, hosts) = self.open_stage()?;
                if by == opened_by {
                    return Err(Refusal::SamePerson);
                }
                let mut events = vec![Event::SettlementApproved { settlement, by, hosts: hosts.keys().copied().collect() }];
                if hosts.is_empty() {
                    events.push(Event::SettlementPaid { settlement });
                }
                Ok(events)
            }
            Command::Cancel { by, reason } => {
                let (settlement, ..) = self.open_stage()?;
                Ok(vec![Event::SettlementCancelled { settlement, by, reason }])
            }
            Command::StartPayout { payout, host, amount } => Ok(match self.payable(host) {
                Some(HostState::Waiting) => vec![Event::PayoutStarted { payout, host, amount, attempt: 1 }],
                Some(HostState::Unpaid { attempt, .. }) => {
                    vec![Event::PayoutStarted { payout, host, amount, attempt: attempt.saturating_add(1) }]
                }
                _ => Vec::new(),
            }),
            Command::Defer { host, amount, why, until } => Ok(self.defer(host, amount, why, until)),
            Command::SkipHost { host } => Ok(match self.payable(host) {
                Some(HostState::Waiting | HostState::Unpaid { .. }) => {
                    [Event::HostSkipped { host }].into_iter().chain(self.closing(host, HostState::Skipped)).collect()
                }
                _ => Vec::new(),
            }),
            Command::FinishPayout { host, payout, outcome } => Ok(self.finish(host, payout, outcome)),
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        if let Event::SettlementOpened { settlement, opened_by, .. } = event {
            let (settlement, opened_by, stage) = (*settlement, *opened_by, Stage::Open);
            return Self::Opened { settlement, opened_by, stage, hosts: BTreeMap::new() };
        }
        if let Self::Opened { stage, hosts, .. } = &mut self {
            match event {
                Event::SettlementOpened { .. } | Event::SettlementTotalled { .. } => {}
                Event::LineAdded { host, .. } => {
                    hosts.insert(*host, HostState::Waiting);
                }
                Event::SettlementApproved { .. } => *stage = Stage::Approved,
                Event::SettlementCancelled { .. } => *stage = Stage::Cancelled,
                Event::PayoutStarted { payout, host, amount, attempt } => {
                    *stage = Stage::Approved;
                    hosts.insert(*host, HostState::Paying { payout: *payout, amount: *amount, attempt: *attempt });
                }
                Event::PayoutDeferred { host, amount, why, .. } => {
                    if *why != Deferral::ClosedDay && matches!(hosts.get(host), Some(HostState::Waiting)) {
                        hosts.insert(*host, HostState::Unpaid { amount: *amount, attempt: 0 });
                    }
                }
                Event::PayoutFinished { host, payout, amount, attempt, outcome } => {
                    hosts.insert(*host, finished(*payout, *amount, *attempt, *outcome));
                }
                Event::HostSkipped { host } => {
                    hosts.insert(*host, HostState::Skipped);
                }
                Event::SettlementPaid { .. } => *stage = Stage::Paid,
                Event::SettlementPartlyPaid { .. } => *stage = Stage::PartlyPaid,
            }
        }
        self
    }
}

impl Settlement {
    /// A host who must wait for long stays unpaid, so that the others' end is the batch's.
    fn defer(&self, host: UserId, amount: Money, why: Deferral, until: Option<Timestamp>) -> Vec<Event> {
        match self.payable(host) {
            Some(HostState::Waiting) => {
                let deferred = Event::PayoutDeferred { host, amount, attempt: 0, why, until };
                let unpaid = HostState::Unpaid { amount, attempt: 0 };
                let closing = if why == Deferral::ClosedDay { None } else { self.closing(host, unpaid) };
                [deferred].into_iter().chain(closing).collect()
            }
            Some(HostState::Unpaid { attempt, .. }) => vec![Event::PayoutDeferred { host, amount, attempt, why, until }],
            Some(HostState::Paying { .. } | HostState::Paid { .. } | HostState::Skipped) | None => Vec::new(),
        }
    }

    fn finish(&self, host: UserId, payout: PayoutId, outcome: PayoutOutcome) -> Vec<Event> {
        let (amount, attempt) = match self.host(host) {
            Some(HostState::Paying { payout: known, amount, attempt }) if known == payout => (amount, attempt),
            Some(HostState::Paid { payout: known, amount, attempt }) if known == payout && outcome == PayoutOutcome::Returned => {
                (amount, attempt)
            }
            _ => return Vec::new(),
        };
        let event = Event::PayoutFinished { host, payout, amount, attempt, outcome };
        [event].into_iter().chain(self.closing(host, finished(payout, amount, attempt, outcome))).collect()
    }
}

const fn finished(payout: PayoutId, amount: Money, attempt: u32, outcome: PayoutOutcome) -> HostState {
    match outcome {
        PayoutOutcome::Completed => HostState::Paid { payout, amount, attempt },
        PayoutOutcome::Failed | PayoutOutcome::Returned => HostState::Unpaid { amount, attempt },
    }
}

fn opening(settlement: SettlementId, period_end: Timestamp, opened_by: UserId, lines: Vec<(UserId, Earning)>, zero: Money) -> Vec<Event> {
    let hosts = lines.iter().map(|(host, _)| *host).collect::<BTreeSet<_>>().len();
    let total = zero.with_minor(lines.iter().map(|(_, earning)| earning.net.minor()).sum());
    let totalled = Event::SettlementTotalled { total, lines: lines.len(), hosts };
    let added = lines.into_iter().map(|(host, earning)| Event::LineAdded { settlement, host, earning });
    [Event::SettlementOpened { settlement, period_end, opened_by }].into_iter().chain(added).chain([totalled]).collect()
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

#[cfg(test)]
mod tests;
