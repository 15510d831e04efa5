//! One movement of money as the provider or the bank reports it, beside what our books say of it.
//!
//! The stream of a provider's row is found by its payment's key and its own, that of a bank's line by its file and number, so that
//! whatever is imported twice meets itself. A row posts when it is first recorded: what is left on `psp_clearing` and what is on
//! `psp_variance` is what nobody has explained yet.

use kernel::jiff::civil::Date;
use kernel::{At, Decider, DomainEvent, Fact, JournalEntry, Money, Personal, Refused, Timestamp, Unbalanced, upcast::Upcasts};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::calendar::day_of;
use crate::ids::{PaymentId, PayoutId, ReconId, StatementId, UserId};
use crate::ledger::{BANK, PSP_CLEARING, PSP_FEE_EXPENSE, PSP_FEE_VAT, PSP_VARIANCE};

/// A row of the provider's settlement report; a cancellation is negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderRow {
    /// The provider's key of the payment.
    pub payment_key: String,
    /// The provider's key of this capture or cancellation.
    pub movement_key: String,
    /// Our order number.
    pub order_id: String,
    /// What the payer paid or got back.
    pub amount: Money,
    /// What the provider charges of it, VAT included.
    pub fee: Money,
    /// The VAT in that.
    pub vat: Money,
    /// What it pays us.
    pub paid_out: Money,
    /// When it captured or cancelled.
    pub approved_at: Timestamp,
    /// The day on which it pays us.
    pub paid_out_on: Date,
    /// Do the parts of the fee that it reports make the fee?
    pub parts_add_up: bool,
}

/// What our books say of the same movement; a refund is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ours {
    /// Which payment.
    pub payment: PaymentId,
    /// How much.
    pub amount: Money,
    /// When, by business date.
    pub at: Timestamp,
}

/// A line of a bank statement; what leaves is negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankLine {
    /// The day of booking.
    pub day: Date,
    /// How much.
    pub amount: Money,
    /// The bank's reference.
    pub reference: String,
}

/// What a line of the bank is, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BankSide {
    /// What the provider said it would pay us on a day, all its rows together.
    ProviderDay {
        /// That day.
        day: Date,
        /// Their sum.
        expected: Money,
    },
    /// Money that left to a host.
    Payout {
        /// Which.
        payout: PayoutId,
        /// How much it was.
        expected: Money,
        /// On which day the bank told us.
        day: Date,
    },
    /// Nothing that we know.
    Unknown,
}

/// How a movement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconOutcome {
    /// Both sides say the same.
    Matched,
    /// The amounts differ.
    AmountMismatch,
    /// The fee is not what was agreed, or its parts do not add up.
    FeeMismatch,
    /// Our books have it, the provider has not.
    MissingAtPsp,
    /// The provider or bank has it, our books have not.
    MissingHere,
    /// It was reported before.
    Duplicate,
    /// The amounts agree, the days do not.
    DateShift,
}

/// What happened to a movement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The provider reported it: it posts.
    ProviderRowRecorded {
        /// Its own id.
        recon: ReconId,
        /// From which file or call.
        statement: StatementId,
        /// As reported.
        row: ProviderRow,
        /// What our books say of it, if they do.
        ours: Option<Ours>,
        /// The fee that was agreed for such an amount, VAT included.
        expected_fee: Money,
    },
    /// The bank reported it: it posts nothing, both of its sides have.
    BankLineRecorded {
        /// Its own id.
        recon: ReconId,
        /// From which file.
        statement: StatementId,
        /// As reported.
        line: BankLine,
        /// What it is.
        side: BankSide,
    },
    /// Both sides say the same.
    LineMatched {
        /// Which.
        recon: ReconId,
    },
    /// They do not: somebody has to look.
    ExceptionRaised {
        /// Which.
        recon: ReconId,
        /// In what.
        outcome: ReconOutcome,
        /// What our books say.
        ours: Option<Money>,
        /// What the report says.
        theirs: Option<Money>,
        /// Since when it is open; its age counts from here.
        at: Timestamp,
    },
    /// Somebody looked.
    ExceptionResolved {
        /// Which.
        recon: ReconId,
        /// Who.
        by: UserId,
        /// What they found, in their words.
        reason: Personal<String>,
        /// Business time.
        at: Timestamp,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::ProviderRowRecorded { .. } => "ProviderRowRecorded",
            Self::BankLineRecorded { .. } => "BankLineRecorded",
            Self::LineMatched { .. } => "LineMatched",
            Self::ExceptionRaised { .. } => "ExceptionRaised",
            Self::ExceptionResolved { .. } => "ExceptionResolved",
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
            Self::ProviderRowRecorded { recon, row, expected_fee, .. } => row.entry(*recon, *expected_fee),
            Self::BankLineRecorded { .. } | Self::LineMatched { .. } | Self::ExceptionRaised { .. } | Self::ExceptionResolved { .. } => {
                Ok(None)
            }
        }
    }

    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

impl ProviderRow {
    /// The id of the movement with these keys; the same for everybody who imports it.
    #[must_use]
    pub fn id(payment_key: &str, movement_key: &str) -> ReconId {
        // Lengths keep one pair of keys from being another's.
        let name = format!("daybook recon {}:{payment_key}|{movement_key}", payment_key.len());
        ReconId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
    }

    /// What it posts: n to our bank, its fee, and n + fee off what the provider holds for us. What the fee is off from what was
    /// agreed goes to the variance. A negative amount swaps its side (domain.md §3.4).
    fn entry(&self, recon: ReconId, expected_fee: Money) -> Result<Option<JournalEntry>, Unbalanced> {
        let less = |a: Money, b: Money| a.with_minor(a.minor() - b.minor());
        let drift = less(self.fee, expected_fee);
        let debits = [
            (BANK, self.paid_out),
            (PSP_FEE_EXPENSE, less(less(self.fee, self.vat), drift)),
            (PSP_FEE_VAT, self.vat),
            (PSP_VARIANCE, drift),
            (PSP_CLEARING, self.paid_out.with_minor(-self.paid_out.minor() - self.fee.minor())),
        ];
        let mut draft = JournalEntry::draft("provider_row_recorded", recon, self.approved_at);
        for (account, amount) in debits {
            let size = amount.with_minor(amount.minor().abs());
            draft = if amount.minor() < 0 { draft.credit(account, size) } else { draft.debit(account, size) };
        }
        draft.balance()
    }

    /// Does it hold in itself (ledger-and-audit.md §6): paid out = amount − fee?
    const fn adds_up(&self) -> bool {
        self.parts_add_up && self.paid_out.minor() == self.amount.minor() - self.fee.minor()
    }

    fn outcome(&self, ours: Option<&Ours>, expected_fee: Money) -> ReconOutcome {
        match ours {
            None => ReconOutcome::MissingHere,
            Some(ours) if ours.amount != self.amount => ReconOutcome::AmountMismatch,
            Some(_) if self.fee != expected_fee || !self.adds_up() => ReconOutcome::FeeMismatch,
            Some(ours) if day_of(ours.at) != day_of(self.approved_at) => ReconOutcome::DateShift,
            Some(_) => ReconOutcome::Matched,
        }
    }
}

impl BankSide {
    fn outcome(&self, line: &BankLine) -> (ReconOutcome, Option<Money>) {
        let of = |expected: Money, day: Date| match (expected == line.amount, day == line.day) {
            (false, _) => ReconOutcome::AmountMismatch,
            (true, false) => ReconOutcome::DateShift,
            (true, true) => ReconOutcome::Matched,
        };
        match *self {
            Self::ProviderDay { day, expected } | Self::Payout { expected, day, .. } => (of(expected, day), Some(expected)),
            Self::Unknown => (ReconOutcome::MissingHere, None),
        }
    }
}

/// Where a movement stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recon {
    /// What was reported of it, when it was.
    pub reported: Option<String>,
    /// What is open, when something is.
    pub open: Option<ReconOutcome>,
    /// Is there such a movement?
    pub known: bool,
}

/// What may be asked of a movement.
#[derive(Clone, Debug)]
pub enum Command {
    /// The provider reports it.
    Record {
        /// Its own id.
        recon: ReconId,
        /// From where.
        statement: StatementId,
        /// As reported.
        row: ProviderRow,
        /// What our books say of it.
        ours: Option<Ours>,
        /// The fee that was agreed.
        expected_fee: Money,
    },
    /// The bank reports it.
    RecordBank {
        /// Its own id.
        recon: ReconId,
        /// From which file.
        statement: StatementId,
        /// As reported.
        line: BankLine,
        /// What it is.
        side: BankSide,
    },
    /// A report that should have it has not.
    Miss {
        /// Its own id.
        recon: ReconId,
        /// What our books say of it.
        ours: Ours,
    },
    /// Somebody explains it.
    Resolve {
        /// Which.
        recon: ReconId,
        /// Who.
        by: UserId,
        /// In their words.
        reason: Personal<String>,
    },
}

/// Why a movement says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is open there.
    #[error("no such exception")]
    NotFound,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotFound => Refused::at("SYS007", &["exceptionId"]),
        }
    }
}

/// The event that an outcome leads to.
fn judged(recon: ReconId, outcome: ReconOutcome, ours: Option<Money>, theirs: Option<Money>, at: Timestamp) -> Event {
    match outcome {
        ReconOutcome::Matched => Event::LineMatched { recon },
        other => Event::ExceptionRaised { recon, outcome: other, ours, theirs, at },
    }
}

impl Decider for Recon {
    const KIND: &'static str = "recon";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let now = at.now;
        Ok(match at.command {
            // The very same row again says nothing new; another one under its keys is one too many.
            Command::Record { row, .. } if self.reported.as_deref() == Some(row.text().as_str()) => Vec::new(),
            Command::Record { recon, row, ours, .. } if self.reported.is_some() => {
                vec![judged(recon, ReconOutcome::Duplicate, ours.map(|ours| ours.amount), Some(row.amount), now)]
            }
            Command::Record { recon, statement, row, ours, expected_fee } => {
                let outcome = row.outcome(ours.as_ref(), expected_fee);
                let theirs = if outcome == ReconOutcome::FeeMismatch { row.fee } else { row.amount };
                let mine = if outcome == ReconOutcome::FeeMismatch { Some(expected_fee) } else { ours.map(|ours| ours.amount) };
                vec![
                    Event::ProviderRowRecorded { recon, statement, row, ours, expected_fee },
                    judged(recon, outcome, mine, Some(theirs), now),
                ]
            }
            Command::RecordBank { .. } | Command::Miss { .. } if self.known => Vec::new(),
            Command::RecordBank { recon, statement, line, side } => {
                let ((outcome, expected), theirs) = (side.outcome(&line), line.amount);
                vec![Event::BankLineRecorded { recon, statement, line, side }, judged(recon, outcome, expected, Some(theirs), now)]
            }
            Command::Miss { recon, ours } => vec![judged(recon, ReconOutcome::MissingAtPsp, Some(ours.amount), None, now)],
            Command::Resolve { .. } if self.open.is_none() => return Err(Refusal::NotFound),
            Command::Resolve { recon, by, reason } => vec![Event::ExceptionResolved { recon, by, reason, at: now }],
        })
    }

    fn evolve(mut self, event: &Event) -> Self {
        self.known = true;
        match event {
            Event::ProviderRowRecorded { row, .. } => {
                self.reported = Some(row.text());
                // What was missing has come.
                self.open = None;
            }
            Event::BankLineRecorded { .. } => {}
            Event::LineMatched { .. } | Event::ExceptionResolved { .. } => self.open = None,
            Event::ExceptionRaised { outcome, .. } => self.open = Some(*outcome),
        }
        self
    }
}

impl ProviderRow {
    /// What tells one row under the same keys from another.
    fn text(&self) -> String {
        format!("{}|{}|{}|{}|{}", self.amount, self.fee, self.vat, self.paid_out, self.paid_out_on)
    }
}

#[cfg(test)]
mod tests;
