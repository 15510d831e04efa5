//! The close of a month: what every account held, the signed head of the tree over the log, and the digest of the export up to it.
//! What is found out later is posted later, with an effective date in the closed month; the close stays what it was.

use kernel::{At, Decider, DomainEvent, Fact, Money, Refused, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::calendar::Month;
use crate::ids::UserId;

/// Balances of one event; more of them make more events in the same append.
pub const BALANCES_PER_EVENT: usize = 500;

/// What an account held at the end of a month, by business date, as the log knew it when the month was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosingBalance {
    /// The account by name.
    pub account: String,
    /// Σ debits − Σ credits.
    pub balance: Money,
}

/// What the log was when a month was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The last position that was counted; also the size of the tree.
    pub position: u64,
    /// Root of the tree over all events up to there (RFC 6962), 64 hexadecimal digits.
    pub root: String,
    /// The signed head of that very size and root, as it was served then (a checkpoint of c2sp.org/tlog-checkpoint). Only closes of
    /// books before it was kept have none.
    pub signed_head: Option<String>,
    /// In which form the books were exported up to there.
    pub export_format: String,
    /// SHA-256 of that export, 64 hexadecimal digits.
    pub export_sha256: String,
    /// Its size in bytes.
    pub export_bytes: u64,
    /// Its entries.
    pub export_records: u64,
}

/// What happened to a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It was closed.
    PeriodClosed {
        /// Which month.
        month: Month,
        /// What the log was.
        sealed: Sealed,
        /// How many accounts held something; their balances follow.
        accounts: u64,
        /// Who closed it.
        by: UserId,
        /// Business time.
        at: Timestamp,
    },
    /// What some of the accounts held. Accounts that are not named held nothing.
    PeriodBalancesRecorded {
        /// Which month.
        month: Month,
        /// At most 500, in the order of their names.
        balances: Vec<ClosingBalance>,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::PeriodClosed { .. } => "PeriodClosed",
            Self::PeriodBalancesRecorded { .. } => "PeriodBalancesRecorded",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        match self {
            // 2: with the signed head.
            Self::PeriodClosed { .. } => "2",
            Self::PeriodBalancesRecorded { .. } => "1",
        }
        .to_owned()
    }
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

/// A month of the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountingPeriod {
    /// Is it closed?
    pub closed: bool,
}

/// What may be asked of a month.
#[derive(Clone, Debug)]
pub enum Command {
    /// Close it.
    Close {
        /// Which.
        month: Month,
        /// What the log is.
        sealed: Sealed,
        /// What the accounts hold at its end, in the order of their names.
        balances: Vec<ClosingBalance>,
        /// Who.
        by: UserId,
    },
}

/// Why a month says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not over.
    #[error("the month is not over")]
    NotOver,
    /// It was closed before.
    #[error("the month is closed already")]
    Closed,
    /// No head that was signed covers the log.
    #[error("the log is not sealed")]
    NotSealed,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotOver => Refused::at("LEDGER003", &["month"]),
            Self::Closed => Refused::at("LEDGER004", &["month"]),
            Self::NotSealed => Refused::code("LEDGER005"),
        }
    }
}

impl Decider for AccountingPeriod {
    const KIND: &'static str = "period";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let Command::Close { month, sealed, balances, by } = at.command;
        if self.closed {
            return Err(Refusal::Closed);
        }
        if month.end() > at.now {
            return Err(Refusal::NotOver);
        }
        let closed = Event::PeriodClosed { month, sealed, accounts: balances.len() as u64, by, at: at.now };
        let recorded = |balances: &[ClosingBalance]| Event::PeriodBalancesRecorded { month, balances: balances.to_vec() };
        Ok(std::iter::once(closed).chain(balances.chunks(BALANCES_PER_EVENT).map(recorded)).collect())
    }

    fn evolve(self, _: &Event) -> Self {
        Self { closed: true }
    }
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use uuid::Uuid;

    use super::*;
    use crate::testing::{given, moment};

    fn close(accounts: usize) -> Command {
        let balance = |n| ClosingBalance { account: format!("escrow:{n:03}"), balance: Money::new(1, Currency::Krw) };
        let balances = (0..accounts).map(balance).collect();
        let (month, by) = ("2026-10".parse().unwrap_or(Month::of(Timestamp::MIN)), UserId::new(Uuid::from_u128(1)));
        let (format, root) = ("ndjson".to_owned(), "ab".repeat(32));
        let sealed = Sealed {
            position: 9,
            root: root.clone(),
            signed_head: None,
            export_format: format,
            export_sha256: root,
            export_bytes: 1,
            export_records: 2,
        };
        Command::Close { month, sealed, balances, by }
    }

    #[test]
    fn a_month_that_is_over_is_closed_once_with_all_balances() {
        let decided = AccountingPeriod::default().decide(At {
            now: moment("2026-11-02T00:00:00Z"),
            actor: kernel::Actor::Anonymous,
            command: close(501),
        });
        let events = decided.unwrap_or_default();
        let counted: usize = events
            .iter()
            .map(|event| match event {
                Event::PeriodBalancesRecorded { balances, .. } => balances.len(),
                Event::PeriodClosed { accounts, .. } => usize::from(*accounts != 501),
            })
            .sum();
        assert_eq!((events.len(), counted), (3, 501));
        given::<AccountingPeriod>(events).when(close(0)).refused("LEDGER004", "month");
        given::<AccountingPeriod>([]).at(moment("2026-10-31T14:59:59Z")).when(close(0)).refused("LEDGER003", "month");
    }
}
