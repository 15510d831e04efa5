//! Auditors: each reads the log's events one by one, keeps its own books of them, and says which property is broken.

pub mod booking;
pub mod log;
pub mod money;
pub mod shop;

use std::collections::BTreeMap;
use std::fmt;

use eventlog::Recorded;
use uuid::Uuid;

use super::outside::Outside;
use booking::BookingAudit;
use log::LogAudit;
use money::MoneyAudit;
use shop::ShopAudit;

/// The properties, as domain.md §6 numbers them; `Model` is the agreement with the naive model on answers and state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    D1,
    D2,
    D3,
    D4,
    D5,
    D6,
    D7,
    D8,
    L1,
    L2,
    L3,
    L4,
    L5,
    L6,
    L7,
    L8,
    S1,
    S2,
    S3,
    E1,
    E2,
    E3,
    Model,
}

/// A property that does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    pub property: Property,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.property, self.what)
    }
}

/// Where auditors write what they find.
#[derive(Clone, Debug, Default)]
pub struct Findings(pub Vec<Violation>);

impl Findings {
    /// Writes a finding unless the property holds.
    pub fn hold(&mut self, property: Property, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Violation { property, what: what() });
        }
    }
}

/// All auditors.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    pub log: LogAudit,
    pub booking: BookingAudit,
    pub money: MoneyAudit,
    pub shop: ShopAudit,
    pub findings: Findings,
}

impl Audit {
    /// One more event of the log.
    pub fn read(&mut self, recorded: &Recorded, event: &domain::Event) {
        let id = Uuid::try_parse(recorded.stream.id()).unwrap_or_default();
        self.log.read(recorded, event, &mut self.findings);
        self.booking.read(id, recorded.occurred_at.as_microsecond(), event, &mut self.findings);
        self.money.read(id, recorded.occurred_at.as_microsecond(), event, &mut self.findings);
        self.shop.read(id, event, &mut self.findings);
    }

    /// Between two commands: what must hold whenever nothing is half done.
    pub fn pause(&mut self) {
        self.log.pause(&mut self.findings);
        self.booking.pause(&mut self.findings);
        self.shop.pause(&mut self.findings);
        self.money.pause(&[self.booking.over(), self.shop.over()], &mut self.findings);
    }

    /// When the driver has done all that has fallen due.
    pub fn caught_up(&mut self) {
        self.money.marked(&mut self.findings);
    }

    /// When nothing is under way any more and all that fell due has run.
    pub fn rest(&mut self, now: i64, outside: &Outside) {
        self.booking.rest(now, &mut self.findings);
        self.money.rest(outside, &mut self.findings);
    }

    /// What the log says of the slots, the bookings and the accounts, to be held against the model.
    pub fn accounts(&self) -> &BTreeMap<String, i128> {
        self.money.accounts()
    }
}
