//! Every event of every module under one roof, for those who read the log: read models, processes, exports.

use kernel::{Decider, DomainEvent, Fact, JournalEntry, Unbalanced};

use crate::settlement::guard;
use crate::{
    booking, claim, payable, payment, payout, pending, product, session, settlement, shop_order, stock, upload, user, vehcal, vehicle,
};

/// An event of some module; one variant per kind of stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// `user-…`
    User(user::Event),
    /// `session-…`
    Session(session::Event),
    /// `claim-…`
    Claim(claim::Event),
    /// `vehicle-…`
    Vehicle(vehicle::Event),
    /// `vehcal-…`
    Vehcal(vehcal::Event),
    /// `upload-…`
    Upload(upload::Event),
    /// `booking-…`
    Booking(booking::Event),
    /// `pending-…`
    Pending(pending::Event),
    /// `product-…`
    Product(product::Event),
    /// `stock-…`
    Stock(stock::Event),
    /// `shoporder-…`
    ShopOrder(shop_order::Event),
    /// `payment-…`
    Payment(payment::Event),
    /// `payable-…`
    Payable(payable::Event),
    /// `settlement-…`
    Settlement(settlement::Event),
    /// `settlementguard-…`
    SettlementGuard(guard::Event),
    /// `payout-…`
    Payout(payout::Event),
}

impl Event {
    /// Reads a stored event; `None` for a kind of stream that no module here owns.
    ///
    /// # Errors
    /// When the payload is not what the module's type says.
    pub fn decode(kind: &str, event_type: &str, payload: &str) -> Result<Option<Self>, serde_json::Error> {
        let read = Stored { event_type, payload };
        Ok(Some(match kind {
            user::User::KIND => Self::User(read.event()?),
            session::Session::KIND => Self::Session(read.event()?),
            claim::Claim::KIND => Self::Claim(read.event()?),
            vehicle::Vehicle::KIND => Self::Vehicle(read.event()?),
            vehcal::VehicleCalendar::KIND => Self::Vehcal(read.event()?),
            upload::Upload::KIND => Self::Upload(read.event()?),
            booking::Booking::KIND => Self::Booking(read.event()?),
            pending::PendingRequests::KIND => Self::Pending(read.event()?),
            product::Product::KIND => Self::Product(read.event()?),
            stock::Stock::KIND => Self::Stock(read.event()?),
            shop_order::ShopOrder::KIND => Self::ShopOrder(read.event()?),
            payment::Payment::KIND => Self::Payment(read.event()?),
            payable::Payable::KIND => Self::Payable(read.event()?),
            settlement::Settlement::KIND => Self::Settlement(read.event()?),
            guard::SettlementGuard::KIND => Self::SettlementGuard(read.event()?),
            payout::Payout::KIND => Self::Payout(read.event()?),
            _ => return Ok(None),
        }))
    }

    /// What the event posts (domain.md §3.4).
    ///
    /// # Errors
    /// [`Unbalanced`] when its amounts do not add up; the log has refused such an event.
    pub fn entry(&self) -> Result<Option<JournalEntry>, Unbalanced> {
        match self {
            Self::User(event) => event.entry(),
            Self::Session(event) => event.entry(),
            Self::Claim(event) => event.entry(),
            Self::Vehicle(event) => event.entry(),
            Self::Vehcal(event) => event.entry(),
            Self::Upload(event) => event.entry(),
            Self::Booking(event) => event.entry(),
            Self::Pending(event) => event.entry(),
            Self::Product(event) => event.entry(),
            Self::Stock(event) => event.entry(),
            Self::ShopOrder(event) => event.entry(),
            Self::Payment(event) => event.entry(),
            Self::Payable(event) => event.entry(),
            Self::Settlement(event) => event.entry(),
            Self::SettlementGuard(event) => event.entry(),
            Self::Payout(event) => event.entry(),
        }
    }
}

struct Stored<'s> {
    event_type: &'s str,
    payload: &'s str,
}

impl Stored<'_> {
    /// The stored payload is the inside of an externally tagged enum; the tag is the event's type.
    fn event<E: DomainEvent>(&self) -> Result<E, serde_json::Error> {
        serde_json::from_str(&format!("{{\"{}\":{}}}", self.event_type, self.payload))
    }
}
