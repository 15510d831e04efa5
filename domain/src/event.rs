//! Every event of every module under one roof, for those who read the log: read models, processes, exports.

use kernel::upcast::{self, Decoded, Unreadable};
use kernel::{Decider, Fact, JournalEntry, Unbalanced};

use crate::fee_invoice::number;
use crate::settlement::guard;
use crate::{
    adjustment, admins, api_key, booking, claim, corporate, deadletter, device, exchange_key, export, fee_invoice, inbox, payable, payment,
    payout, pending, period, product, projection, recon, session, settlement, shop_order, statement, stock, transfers, upload, user,
    vehcal, vehicle,
};

/// An event of some module; one variant per kind of stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// `user-…`
    User(user::Event),
    /// `session-…`
    Session(session::Event),
    /// `roles-…`
    Admins(admins::Event),
    /// `corp-…`
    Corporate(corporate::Event),
    /// `apikey-…`
    ApiKey(api_key::Event),
    /// `xkey-…`
    ExchangeKey(exchange_key::Event),
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
    /// `deadletter-…`
    DeadLetter(deadletter::Event),
    /// `ledgertx-…`
    Adjustment(adjustment::Event),
    /// `period-…`
    Period(period::Event),
    /// `recon-…`
    Recon(recon::Event),
    /// `statement-…`
    Statement(statement::Event),
    /// `export-…`
    Export(export::Event),
    /// `feebook-…`
    FeeInvoice(fee_invoice::Event),
    /// `feenumbers-…`
    FeeNumbers(number::Event),
    /// `projection-…`
    Projection(projection::Event),
    /// `transferledger-…`
    Transfers(transfers::Event),
    /// `inbox-…`
    Inbox(inbox::Event),
    /// `device-…`
    Device(device::Event),
}

impl Event {
    /// What a stored event says today, through the table of [`crate::upcasts`]: mostly one event. `None` for a kind of stream
    /// that no module here owns.
    ///
    /// # Errors
    /// [`Unreadable`] when no path leads from this type and version to today's, or the payload does not fit.
    pub fn decode(kind: &str, event_type: &str, version: u32, payload: &str) -> Result<Option<Decoded<Self>>, Unreadable> {
        Self::read(kind, &Stored { event_type, version, payload })
    }

    /// Reads an event of today's shapes, past the table; `None` for a kind of stream that no module here owns.
    ///
    /// # Errors
    /// [`Unreadable::Payload`] when the payload is not what the module's type says.
    pub fn today(kind: &str, event_type: &str, payload: &str) -> Result<Option<Self>, Unreadable> {
        let read = Self::read(kind, &Today { event_type, payload })?;
        Ok(read.and_then(|event| event.into_vec().pop()))
    }

    fn read(kind: &str, from: &impl Source) -> Result<Option<Decoded<Self>>, Unreadable> {
        Ok(Some(match kind {
            user::User::KIND => from.event()?.map(Self::User),
            session::Session::KIND => from.event()?.map(Self::Session),
            admins::Admins::KIND => from.event()?.map(Self::Admins),
            corporate::Corporate::KIND => from.event()?.map(Self::Corporate),
            api_key::ApiKey::KIND => from.event()?.map(Self::ApiKey),
            exchange_key::ExchangeKey::KIND => from.event()?.map(Self::ExchangeKey),
            claim::Claim::KIND => from.event()?.map(Self::Claim),
            vehicle::Vehicle::KIND => from.event()?.map(Self::Vehicle),
            vehcal::VehicleCalendar::KIND => from.event()?.map(Self::Vehcal),
            upload::Upload::KIND => from.event()?.map(Self::Upload),
            booking::Booking::KIND => from.event()?.map(Self::Booking),
            pending::PendingRequests::KIND => from.event()?.map(Self::Pending),
            product::Product::KIND => from.event()?.map(Self::Product),
            stock::Stock::KIND => from.event()?.map(Self::Stock),
            shop_order::ShopOrder::KIND => from.event()?.map(Self::ShopOrder),
            payment::Payment::KIND => from.event()?.map(Self::Payment),
            payable::Payable::KIND => from.event()?.map(Self::Payable),
            settlement::Settlement::KIND => from.event()?.map(Self::Settlement),
            guard::SettlementGuard::KIND => from.event()?.map(Self::SettlementGuard),
            payout::Payout::KIND => from.event()?.map(Self::Payout),
            deadletter::DeadLetter::KIND => from.event()?.map(Self::DeadLetter),
            adjustment::Adjustment::KIND => from.event()?.map(Self::Adjustment),
            period::AccountingPeriod::KIND => from.event()?.map(Self::Period),
            recon::Recon::KIND => from.event()?.map(Self::Recon),
            statement::Statement::KIND => from.event()?.map(Self::Statement),
            export::Export::KIND => from.event()?.map(Self::Export),
            fee_invoice::FeeBook::KIND => from.event()?.map(Self::FeeInvoice),
            number::FeeNumbers::KIND => from.event()?.map(Self::FeeNumbers),
            projection::Projection::KIND => from.event()?.map(Self::Projection),
            transfers::TransferLedger::KIND => from.event()?.map(Self::Transfers),
            inbox::Inbox::KIND => from.event()?.map(Self::Inbox),
            device::Devices::KIND => from.event()?.map(Self::Device),
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
            Self::Admins(event) => event.entry(),
            Self::Corporate(event) => event.entry(),
            Self::ApiKey(event) => event.entry(),
            Self::ExchangeKey(event) => event.entry(),
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
            Self::DeadLetter(event) => event.entry(),
            Self::Adjustment(event) => event.entry(),
            Self::Period(event) => event.entry(),
            Self::Recon(event) => event.entry(),
            Self::Statement(event) => event.entry(),
            Self::Export(event) => event.entry(),
            Self::FeeInvoice(event) => event.entry(),
            Self::FeeNumbers(event) => event.entry(),
            Self::Projection(event) => event.entry(),
            Self::Transfers(event) => event.entry(),
            Self::Inbox(event) => event.entry(),
            Self::Device(event) => event.entry(),
        }
    }
}

impl Event {
    /// The provider's or bank's own key of what it did, when the event says so: what a reconciliation goes by.
    #[must_use]
    pub fn provider_reference(&self) -> Option<&str> {
        match self {
            Self::Payment(payment::Event::PaymentCompleted { reference, .. } | payment::Event::RefundCompleted { reference, .. })
            | Self::Payout(payout::Event::PayoutCompleted { reference, .. }) => Some(reference),
            Self::Recon(recon::Event::ProviderRowRecorded { row, .. }) => Some(&row.movement_key),
            _ => None,
        }
    }
}

/// Where an event is read from.
trait Source {
    fn event<E: Fact>(&self) -> Result<Decoded<E>, Unreadable>;
}

/// As any program of any time stored it.
struct Stored<'s> {
    event_type: &'s str,
    version: u32,
    payload: &'s str,
}

impl Source for Stored<'_> {
    fn event<E: Fact>(&self) -> Result<Decoded<E>, Unreadable> {
        upcast::decode(self.event_type, self.version, self.payload)
    }
}

/// As today's program stores it.
struct Today<'s> {
    event_type: &'s str,
    payload: &'s str,
}

impl Source for Today<'_> {
    fn event<E: Fact>(&self) -> Result<Decoded<E>, Unreadable> {
        upcast::today(self.event_type, 0, self.payload).map(Decoded::One)
    }
}
