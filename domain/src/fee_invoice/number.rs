//! The numbers of a month's invoices, without gaps: the stream `feenumbers-2026-11`.

use kernel::{At, Decider, DomainEvent, Fact, Refused, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::calendar::Month;
use crate::ids::FeeInvoiceId;

/// What happened to the numbers of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The next one was given.
    FeeInvoiceNumbered {
        /// To which invoice.
        invoice: FeeInvoiceId,
        /// 1, 2, ….
        number: u32,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::FeeInvoiceNumbered { .. } => "FeeInvoiceNumbered",
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

/// The numbers of a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeNumbers {
    /// The last one that was given.
    pub last: u32,
}

impl FeeNumbers {
    /// The last number as an invoice bears it.
    #[must_use]
    pub fn text(&self, month: Month) -> String {
        format!("{month}-{:06}", self.last)
    }
}

/// What may be asked of the numbers.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Give the next one.
    Next(FeeInvoiceId),
}

/// There are no more numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no more numbers")]
pub struct Refusal;

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        Refused::at("SYS003", &["month"])
    }
}

impl Decider for FeeNumbers {
    const KIND: &'static str = "feenumbers";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let Command::Next(invoice) = at.command;
        Ok(vec![Event::FeeInvoiceNumbered { invoice, number: self.last.checked_add(1).ok_or(Refusal)? }])
    }

    fn evolve(self, event: &Event) -> Self {
        let Event::FeeInvoiceNumbered { number, .. } = event;
        Self { last: *number }
    }
}
