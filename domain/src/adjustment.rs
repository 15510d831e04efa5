//! A correction of the books that a person enters and a second one approves: the only entries that no business fact posts.
//!
//! ```text
//! Absent ── propose ──▶ Proposed ── approve ──▶ Posted
//!                           └────── decline ──▶ Declined
//! ```
//!
//! Its effective date may lie in a month that is closed: it is posted where the log is, and counts from where it belongs.
//! Accounts that an aggregate guards (escrows, payables) are not adjusted: their money moves by refunds and payouts only.

use kernel::{At, Decider, DomainEvent, Fact, JournalEntry, Personal, Posting, Refused, Side, Timestamp, Unbalanced, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{AdjustmentId, UserId};
use crate::ledger;

/// Most lines of one adjustment.
pub const MAX_LINES: usize = 100;

/// What is to be posted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its own id.
    pub adjustment: AdjustmentId,
    /// Its lines; they balance.
    pub lines: Vec<Posting>,
    /// The reference of the entry that it takes back.
    pub reverses: Option<String>,
    /// The business date that it counts from.
    pub effective_at: Timestamp,
    /// Who asks.
    pub by: UserId,
}

/// What happened to an adjustment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Somebody asked for it; nothing is posted yet.
    AdjustmentProposed {
        /// What is to be posted.
        proposal: Proposal,
        /// In their words.
        reason: Personal<String>,
    },
    /// A second person agreed: it is posted.
    AdjustmentPosted {
        /// What is posted.
        proposal: Proposal,
        /// Who agreed.
        approved_by: UserId,
    },
    /// A second person did not agree, or the first one changed their mind.
    AdjustmentDeclined {
        /// Which.
        adjustment: AdjustmentId,
        /// Who.
        by: UserId,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::AdjustmentProposed { .. } => "AdjustmentProposed",
            Self::AdjustmentPosted { .. } => "AdjustmentPosted",
            Self::AdjustmentDeclined { .. } => "AdjustmentDeclined",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        match self {
            Self::AdjustmentPosted { proposal, .. } => proposal.entry(),
            Self::AdjustmentProposed { .. } | Self::AdjustmentDeclined { .. } => Ok(None),
        }
    }

    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

/// Where an adjustment stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Adjustment {
    /// No such adjustment.
    #[default]
    Absent,
    /// A second person must agree.
    Proposed(Box<Proposal>),
    /// In the books.
    Posted(AdjustmentId),
    /// Called off.
    Declined(AdjustmentId),
}

/// What may be asked of an adjustment.
#[derive(Clone, Debug)]
pub enum Command {
    /// Ask for it.
    Propose(Box<Proposal>, Personal<String>),
    /// Agree.
    Approve {
        /// Who.
        by: UserId,
    },
    /// Do not.
    Decline {
        /// Who.
        by: UserId,
    },
}

/// Why an adjustment says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such adjustment.
    #[error("no such adjustment")]
    NotFound,
    /// Debits and credits differ, or there is nothing to post.
    #[error("debits and credits do not match")]
    Unbalanced,
    /// An account that the chart has not, or that an aggregate guards.
    #[error("the account cannot be adjusted")]
    Account,
    /// Too many lines, or an amount that is not positive.
    #[error("the lines cannot be posted")]
    Lines,
    /// A business date that is still to come.
    #[error("the date lies in the future")]
    Future,
    /// The same person asked for it.
    #[error("the same person proposed it")]
    SamePerson,
    /// Posted or declined already.
    #[error("the adjustment is no longer open")]
    NotOpen,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotFound => Refused::at("SYS007", &["adjustmentId"]),
            Self::Unbalanced => Refused::at("LEDGER001", &["lines"]),
            Self::Account => Refused::at("SYS003", &["lines", "account"]),
            Self::Lines => Refused::at("SYS003", &["lines"]),
            Self::Future => Refused::at("SYS003", &["effectiveAt"]),
            Self::SamePerson => Refused::code("SETTLE003"),
            Self::NotOpen => Refused::code("SYS006"),
        }
    }
}

impl Proposal {
    fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        let mut draft = JournalEntry::draft("adjustment_posted", self.adjustment, self.effective_at);
        for Posting { account, side, amount } in &self.lines {
            draft = match side {
                Side::Debit => draft.debit(account, *amount),
                Side::Credit => draft.credit(account, *amount),
            };
        }
        match &self.reverses {
            Some(reference) => draft.reversing(reference).balance(),
            None => draft.balance(),
        }
    }

    /// Can it be posted?
    fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        // An account with an owner is guarded by the owner's stream; so are they all, and no other is.
        let open = |line: &Posting| ledger::class_of(&line.account).is_some() && !line.account.contains(':');
        if self.lines.is_empty() || self.lines.len() > MAX_LINES || !self.lines.iter().all(|line| line.amount.is_positive()) {
            return Err(Refusal::Lines);
        }
        if !self.lines.iter().all(|line| open(line) && !ledger::is_owned(&line.account)) {
            return Err(Refusal::Account);
        }
        if self.effective_at > now {
            return Err(Refusal::Future);
        }
        match self.entry() {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) => Err(Refusal::Unbalanced),
        }
    }
}

impl Adjustment {
    fn proposed(&self) -> Result<&Proposal, Refusal> {
        match self {
            Self::Proposed(proposal) => Ok(proposal),
            Self::Absent => Err(Refusal::NotFound),
            Self::Posted(_) | Self::Declined(_) => Err(Refusal::NotOpen),
        }
    }
}

impl Decider for Adjustment {
    const KIND: &'static str = "ledgertx";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        match at.command {
            Command::Propose(proposal, reason) => {
                proposal.check(at.now)?;
                Ok(vec![Event::AdjustmentProposed { proposal: *proposal, reason }])
            }
            Command::Approve { by } => {
                let proposal = self.proposed()?;
                if proposal.by == by {
                    return Err(Refusal::SamePerson);
                }
                Ok(vec![Event::AdjustmentPosted { proposal: proposal.clone(), approved_by: by }])
            }
            Command::Decline { by } => Ok(vec![Event::AdjustmentDeclined { adjustment: self.proposed()?.adjustment, by }]),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::AdjustmentProposed { proposal, .. } => Self::Proposed(Box::new(proposal.clone())),
            Event::AdjustmentPosted { proposal, .. } => Self::Posted(proposal.adjustment),
            Event::AdjustmentDeclined { adjustment, .. } => Self::Declined(*adjustment),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Currency, Money};
    use uuid::Uuid;

    use super::*;
    use crate::testing::{given, moment};

    fn user(n: u128) -> UserId {
        UserId::new(Uuid::from_u128(n))
    }

    fn line(account: &str, side: Side, minor: i128) -> Posting {
        Posting { account: account.into(), side, amount: Money::new(minor, Currency::Krw) }
    }

    fn proposal(lines: Vec<Posting>) -> Proposal {
        let adjustment = AdjustmentId::new(Uuid::from_u128(1));
        Proposal { adjustment, lines, reverses: Some("payout-1".into()), effective_at: moment("2026-10-31T00:00:00Z"), by: user(1) }
    }

    fn balanced() -> Proposal {
        proposal(vec![line("psp_variance", Side::Debit, 10), line("psp_clearing", Side::Credit, 10)])
    }

    fn reason() -> Personal<String> {
        Personal::retained(user(1).uuid(), "차액 정리".to_owned())
    }

    fn propose(proposal: Proposal) -> Command {
        Command::Propose(Box::new(proposal), reason())
    }

    fn proposed() -> Event {
        Event::AdjustmentProposed { proposal: balanced(), reason: reason() }
    }

    #[test]
    fn two_people_post_a_balanced_entry_into_any_past_day() {
        given::<Adjustment>([]).when(propose(balanced())).then([proposed()]);
        let posted = Event::AdjustmentPosted { proposal: balanced(), approved_by: user(2) };
        given::<Adjustment>([proposed()]).when(Command::Approve { by: user(2) }).then([posted.clone()]);
        let entry = posted.entry().ok().flatten();
        assert_eq!(entry.as_ref().and_then(JournalEntry::reverses), Some("payout-1"));
        assert_eq!(entry.map(|entry| entry.effective_at()), Some(moment("2026-10-31T00:00:00Z")));
        given::<Adjustment>([proposed()]).when(Command::Approve { by: user(1) }).refused("SETTLE003", "");
        given::<Adjustment>([proposed(), posted]).when(Command::Approve { by: user(3) }).refused("SYS006", "");
        given::<Adjustment>([]).when(Command::Approve { by: user(3) }).refused("SYS007", "adjustmentId");
    }

    #[test]
    fn what_does_not_balance_or_is_guarded_is_refused() {
        let refused = |lines, code, field| {
            given::<Adjustment>([]).when(propose(proposal(lines))).refused(code, field);
        };
        let (one, other) = (line("psp_variance", Side::Debit, 10), line("psp_clearing", Side::Credit, 9));
        refused(vec![one.clone(), other], "LEDGER001", "lines");
        refused(vec![], "SYS003", "lines");
        refused(vec![line("bank", Side::Debit, 0)], "SYS003", "lines");
        for account in ["cash", "escrow", "host_payable", "host_payable:00000000-0000-0000-0000-000000000001"] {
            refused(vec![one.clone(), line(account, Side::Credit, 10)], "SYS003", "lines.account");
        }
        let late = Proposal { effective_at: moment("2026-11-02T00:00:01Z"), ..balanced() };
        given::<Adjustment>([]).when(propose(late)).refused("SYS003", "effectiveAt");
    }
}
