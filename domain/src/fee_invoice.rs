//! The platform's monthly invoice to a host or seller for its fees: issued on the 5th of the next month, by the 10th at the latest,
//! as a Korean tax invoice needs it (domain.md §5, §9 decision 5: the fee includes VAT, shown split).
//!
//! One stream per host, `feebook-…`, one invoice a month at most. Its lines are the fees that the books earned or gave back in the
//! month, with the very VAT that was posted; a fee that goes back after its month's invoice is a negative line of a later one.

use std::collections::BTreeSet;

use kernel::jiff::civil::Date;
use kernel::{At, Decider, DomainEvent, Fact, Money, Personal, Refused, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub mod lines;
pub mod number;

use crate::calendar::{Month, day_of};
use crate::ids::{FeeInvoiceId, UserId};
pub use lines::{FeeLine, FeeLineKind};

/// Lines of one event; more of them make more events in the same append.
pub const LINES_PER_EVENT: usize = 500;
/// Invoices are issued on this day of the next month.
pub const ISSUE_DAY: i8 = 5;
/// They are due on this day of the next month.
pub const DUE_DAY: i8 = 10;

/// Who invoices: the platform, as its operator has configured it. A tax invoice needs all of it but the address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplier {
    /// Its business registration number, ten digits.
    pub registration_number: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// Who represents it.
    pub representative: Option<String>,
    /// Where it is.
    pub address: Option<String>,
}

/// Who is invoiced, as they were known on that day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    /// A verified business's registration number; a private person has none.
    pub registration_number: Option<Personal<String>>,
    /// The company's or the person's name; none once the person was forgotten.
    pub name: Option<Personal<String>>,
}

/// An invoice that is to be issued.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// To whom.
    pub host: UserId,
    /// For which month.
    pub month: Month,
    /// Its number among all invoices of the month.
    pub number: String,
    /// By whom.
    pub supplier: Supplier,
    /// To whom, by name.
    pub recipient: Recipient,
    /// What for; at least one.
    pub lines: Vec<FeeLine>,
    /// The last version of the host's payable that is looked at.
    pub through: u64,
    /// Nothing, in the currency of the book.
    pub zero: Money,
}

/// What happened to the invoices of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// One was issued; its lines follow.
    FeeInvoiceIssued {
        /// Its own id.
        invoice: FeeInvoiceId,
        /// Its number among all invoices of the month, without gaps.
        number: String,
        /// To whom.
        host: UserId,
        /// For which month.
        month: Month,
        /// The date that it is written for: the last day of the month (작성일자).
        written_on: Date,
        /// By whom.
        supplier: Supplier,
        /// To whom, by name.
        recipient: Recipient,
        /// Σ fees without VAT (공급가액).
        supply: Money,
        /// Σ VAT (세액).
        vat: Money,
        /// Both (합계).
        total: Money,
        /// How many lines.
        lines: u64,
        /// The last version of the host's payable that was looked at: the next invoice begins after it.
        through: u64,
        /// Business time.
        at: Timestamp,
    },
    /// What some of it is for.
    FeeInvoiceLinesRecorded {
        /// Of which invoice.
        invoice: FeeInvoiceId,
        /// At most 500, in the order of time.
        lines: Vec<FeeLine>,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::FeeInvoiceIssued { .. } => "FeeInvoiceIssued",
            Self::FeeInvoiceLinesRecorded { .. } => "FeeInvoiceLinesRecorded",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

/// The invoices of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeBook {
    /// Months with an invoice.
    pub months: BTreeSet<Month>,
    /// The last version of the host's payable that is on one.
    pub through: u64,
}

/// What may be asked of them.
#[derive(Clone, Debug)]
pub enum Command {
    /// Issue one.
    Issue(Box<Draft>),
}

/// Why an invoice is not issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The month is not over.
    #[error("the month is not over")]
    NotOver,
    /// Its sums leave the range of money.
    #[error("the sums are out of range")]
    OutOfRange,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::NotOver => Refused::at("LEDGER003", &["month"]),
            Self::OutOfRange => Refused::at("SYS003", &["month"]),
        }
    }
}

/// The id of a host's invoice for a month.
#[must_use]
pub fn id_of(host: UserId, month: Month) -> FeeInvoiceId {
    FeeInvoiceId::new(Uuid::new_v5(&host.uuid(), format!("daybook fee invoice {month}").as_bytes()))
}

/// When the invoices of a month are issued.
#[must_use]
pub fn issued_from(month: Month) -> Timestamp {
    month.next().day(ISSUE_DAY)
}

/// The date that the invoice of a month is written for: its last day.
#[must_use]
pub fn written_on(month: Month) -> Date {
    let last = month.end().checked_sub(kernel::jiff::SignedDuration::from_secs(1)).unwrap_or(Timestamp::MIN);
    day_of(last)
}

/// The date by which the invoice of a month must be out.
#[must_use]
pub fn due_on(month: Month) -> Date {
    day_of(month.next().day(DUE_DAY))
}

impl Decider for FeeBook {
    const KIND: &'static str = "feebook";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let Command::Issue(draft) = at.command;
        if draft.month.end() > at.now {
            return Err(Refusal::NotOver);
        }
        // The same month again, or one that is older than what was invoiced: nothing is left to say.
        if draft.lines.is_empty() || self.months.range(draft.month..).next().is_some() {
            return Ok(Vec::new());
        }
        issued(*draft, at.now)
    }

    fn evolve(mut self, event: &Event) -> Self {
        if let Event::FeeInvoiceIssued { month, through, .. } = event {
            self.months.insert(*month);
            self.through = *through;
        }
        self
    }
}

fn issued(draft: Draft, at: Timestamp) -> Result<Vec<Event>, Refusal> {
    let Draft { host, month, number, supplier, recipient, lines, through, zero } = draft;
    let sum = |of: fn(&FeeLine) -> Money| lines.iter().map(of).try_fold(zero, Money::plus).map_err(|_| Refusal::OutOfRange);
    let (total, vat) = (sum(|line| line.fee)?, sum(|line| line.vat)?);
    let (invoice, supply) = (id_of(host, month), total.minus(vat).map_err(|_| Refusal::OutOfRange)?);
    let (count, written_on) = (lines.len() as u64, written_on(month));
    let first = Event::FeeInvoiceIssued {
        invoice,
        number,
        host,
        month,
        written_on,
        supplier,
        recipient,
        supply,
        vat,
        total,
        lines: count,
        through,
        at,
    };
    let recorded = |lines: &[FeeLine]| Event::FeeInvoiceLinesRecorded { invoice, lines: lines.to_vec() };
    Ok(std::iter::once(first).chain(lines.chunks(LINES_PER_EVENT).map(recorded)).collect())
}

#[cfg(test)]
mod tests;
