//! Hand-written histories for the models' tests.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fmt::Display;

use domain::booking::Terms;
use domain::cancellation::CancellationPolicy;
use domain::geo::GeoPoint;
use domain::ids::{PaymentId, RefundId, UserId};
use domain::payable::Earning;
use domain::payment::{self, RefundCause};
use domain::payout;
use domain::pricing::Price;
use domain::product::{self, Details};
use domain::purpose::Purpose;
use domain::shop_order;
use domain::vehicle;
use kernel::jiff::SignedDuration;
use kernel::{Actor, Currency, DomainEvent, Id, KeyClass, Money, Period, Personal, Sealed, Timestamp};
use uuid::Uuid;

mod store;

use crate::known::{Event, Known};
use crate::model::{Poison, ReadModel};
pub(crate) use store::Store;

/// Events in the order of their positions, from 1 on.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(pub Vec<Known>);

impl History {
    /// One more event on a stream. It occurred at [`at`] its position and was recorded a second later.
    pub(crate) fn on(mut self, stream: impl Display, event: Event) -> Self {
        let position = self.0.len() as u64 + 1;
        let recorded = eventlog::Recorded {
            position,
            stream: stream.to_string().parse().unwrap(),
            version: 1,
            event_id: Uuid::from_u128(u128::from(position)),
            event_type: type_of(&event),
            schema_version: 1,
            recorded_at: recorded_at(position),
            occurred_at: at(position),
            actor: Actor::Anonymous,
            correlation_id: Uuid::nil(),
            causation_id: None,
            command_id: Uuid::from_u128(1_000 + u128::from(position)),
            traceparent: None,
            digest: eventlog::payload_digest(b"{}"),
            payload: "{}".into(),
        };
        self.0.push(Known { recorded, event });
        self
    }

    /// All rows of a model after this history. Each must survive its storage and fit the columns.
    pub(crate) fn rows<M: ReadModel>(&self) -> BTreeMap<String, M::Row> {
        let rows = self.fold::<M>().unwrap();
        for (key, row) in &rows {
            let stored = serde_json::to_string(row).unwrap();
            assert!(serde_json::from_str::<M::Row>(&stored).unwrap() == *row, "it changed in storage: {stored}");
            let index = M::index(key, row);
            assert_eq!(index.len(), M::columns().len());
            assert!(M::columns().iter().zip(&index).all(|(column, value)| column.takes(value)), "{index:?}");
        }
        rows
    }

    /// The row of a key.
    pub(crate) fn row<M: ReadModel>(&self, key: &str) -> Option<M::Row> {
        self.rows::<M>().remove(key)
    }

    /// Is there an event that the model cannot apply?
    pub(crate) fn is_poison<M: ReadModel>(&self) -> bool {
        self.fold::<M>().is_err()
    }

    fn fold<M: ReadModel>(&self) -> Result<BTreeMap<String, M::Row>, Poison> {
        let mut rows = BTreeMap::<String, M::Row>::new();
        for event in &self.0 {
            let mut keys = M::keys(event);
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let row = M::apply(&key, rows.remove(&key), event)?;
                rows.extend(row.map(|row| (key, row)));
            }
        }
        Ok(rows)
    }
}

fn type_of(event: &Event) -> String {
    match event {
        Event::User(e) => e.event_type(),
        Event::Session(e) => e.event_type(),
        Event::Admins(e) => e.event_type(),
        Event::Corporate(e) => e.event_type(),
        Event::ApiKey(e) => e.event_type(),
        Event::ExchangeKey(e) => e.event_type(),
        Event::Claim(e) => e.event_type(),
        Event::Vehicle(e) => e.event_type(),
        Event::Vehcal(e) => e.event_type(),
        Event::Upload(e) => e.event_type(),
        Event::Booking(e) => e.event_type(),
        Event::Pending(e) => e.event_type(),
        Event::Product(e) => e.event_type(),
        Event::Stock(e) => e.event_type(),
        Event::ShopOrder(e) => e.event_type(),
        Event::Payment(e) => e.event_type(),
        Event::Payable(e) => e.event_type(),
        Event::Settlement(e) => e.event_type(),
        Event::SettlementGuard(e) => e.event_type(),
        Event::Payout(e) => e.event_type(),
        Event::DeadLetter(e) => e.event_type(),
        Event::Adjustment(e) => e.event_type(),
        Event::Period(e) => e.event_type(),
        Event::Recon(e) => e.event_type(),
        Event::Statement(e) => e.event_type(),
        Event::Export(e) => e.event_type(),
        Event::FeeInvoice(e) => e.event_type(),
        Event::FeeNumbers(e) => e.event_type(),
        Event::Projection(e) => e.event_type(),
        Event::Transfers(e) => e.event_type(),
        Event::Inbox(e) => e.event_type(),
        Event::Device(e) => e.event_type(),
    }
}

/// The business time of so many minutes after the beginning.
pub(crate) fn at(minutes: u64) -> Timestamp {
    let beginning: Timestamp = "2026-11-02T00:00:00Z".parse().unwrap();
    beginning.checked_add(SignedDuration::from_mins(i64::try_from(minutes).unwrap())).unwrap()
}

/// When the event at a position was recorded.
pub(crate) fn recorded_at(position: u64) -> Timestamp {
    at(position).checked_add(SignedDuration::from_secs(1)).unwrap()
}

/// The period between two such times.
pub(crate) fn period(from: u64, to: u64) -> Period {
    Period::new(at(from), at(to)).unwrap()
}

/// The id of a number.
pub(crate) fn id<K>(number: u128) -> Id<K> {
    Id::new(Uuid::from_u128(number))
}

/// An amount in won.
pub(crate) fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

/// A value about a person, as it is stored.
pub(crate) fn person<K, T>(subject: Id<K>, value: &str) -> Personal<T> {
    Personal::Sealed(Sealed { subject: subject.uuid(), class: KeyClass::Profile, associated: "".into(), bytes: value.into() })
}

/// A listed car, not yet active.
pub(crate) fn registered_vehicle(owner: UserId, location: Option<GeoPoint>) -> Event {
    Event::Vehicle(vehicle::Event::VehicleRegistered {
        owner,
        license_plate: person(owner, "12가3456"),
        make: "Hyundai".into(),
        model: "Ioniq 5".into(),
        year: 2025,
        color: None,
        fuel_type: None,
        transmission: None,
        hourly_rate: won(12_000),
        location_address: "Seoul".into(),
        location,
        time_zone: "Asia/Seoul".parse().unwrap(),
        description: None,
    })
}

/// A rental of two hours: vehicle 11, guest 12, host 13; 24,000 won, of which 3,600 for the platform.
pub(crate) fn terms() -> Terms {
    let price = Price { total: won(24_000), platform_fee: won(3_600), host_amount: won(20_400), fee_bps: 1_500, lines: Vec::new() };
    Terms {
        vehicle: id(11),
        guest: id(12),
        host: id(13),
        period: period(600, 720),
        price,
        cancellation: CancellationPolicy::Standard,
        require_pickup_photos: false,
        instant: false,
    }
}

/// Booking 1, as what is paid for.
pub(crate) fn bought() -> Purpose {
    Purpose::Booking(id(1))
}

/// The order of a payment of booking 1 on [`terms`].
pub(crate) fn order() -> payment::Order {
    let Terms { guest, host, .. } = terms();
    payment::Order {
        purpose: bought(),
        payer: guest,
        host,
        order_id: "order-0001".into(),
        amount: won(24_000),
        fee: won(3_600),
        due_at: at(120),
    }
}

/// The provider captured that payment.
pub(crate) fn payment_completed(late: bool) -> payment::Event {
    payment::Event::PaymentCompleted {
        purpose: bought(),
        amount: won(24_000),
        fee: won(3_600),
        paid_at: at(3),
        method: "card".into(),
        reference: "psp-1".into(),
        late,
    }
}

/// Money of that payment is to go back out of escrow, under this id.
pub(crate) fn refund_requested(refund: RefundId, amount: Money) -> payment::Event {
    payment::Event::RefundRequested {
        refund,
        purpose: bought(),
        host: terms().host,
        amount,
        fee_share: amount.basis_points(1_500).unwrap(),
        vat_share: won(0),
        released: false,
        cause: RefundCause::Cancellation,
        reason: None,
        requested_by: None,
        approved_by: None,
        at: at(4),
    }
}

/// A payment whose money came too late: asked for, tried, captured, and asked back.
pub(crate) fn completed_late(payment: PaymentId) -> History {
    let attempt = payment::Attempt { number: 1, payment_key: "sandbox-ok-1".into() };
    History::default()
        .on(payment, Event::Payment(payment::Event::PaymentRequested { order: Box::new(order()) }))
        .on(payment, Event::Payment(payment::Event::PaymentConfirmStarted { attempt }))
        .on(payment, Event::Payment(payment_completed(true)))
        .on(payment, Event::Payment(refund_requested(id(21), won(24_000))))
}

/// A release of escrow whose shares do not add up; no log would take it.
pub(crate) fn unbalanced() -> Event {
    let (purpose, host, amount) = (bought(), terms().host, won(24_000));
    Event::Payment(payment::Event::EscrowReleased { purpose, host, amount, fee: won(3_600), vat: won(300), net: won(1), at: at(5) })
}

/// What that payment earned the host.
pub(crate) fn earning(payment: PaymentId) -> Earning {
    Earning { payment, purpose: bought(), gross: won(24_000), fee: won(3_600), net: won(20_400), earned_at: at(5) }
}

/// Payout 60 of batch 1 to that host was asked for.
pub(crate) fn payout_requested() -> Event {
    let (payout, settlement, host, amount) = (id(60), id(1), terms().host, won(20_400));
    Event::Payout(payout::Event::PayoutRequested { payout, settlement, host, amount, lines: vec![id(7)], attempt: 1, at: at(6) })
}

/// That payout arrived.
pub(crate) fn payout_completed() -> Event {
    let (payout, settlement, amount, reference) = (id(60), id(1), won(20_400), "bank-1".into());
    Event::Payout(payout::Event::PayoutCompleted { payout, settlement, amount, lines: vec![id(7)], reference, at: at(7) })
}

/// That payout was refused.
pub(crate) fn payout_failed() -> Event {
    let (payout, settlement, host, amount, code) = (id(60), id(1), terms().host, won(20_400), "CLOSED".into());
    Event::Payout(payout::Event::PayoutFailed { payout, settlement, host, amount, code, attempt: 1, at: at(7) })
}

/// A draft of seller 23 for 10,000 won.
pub(crate) fn created_product(name: &str, category: &str) -> Event {
    let details = Details { name: name.into(), category: category.into(), description: None, max_per_buyer: None };
    Event::Product(product::Event::ProductCreated { seller: id(23), details, price: won(10_000) })
}

/// What buyer 22 and seller 23 agreed on: two units of product 21 for 10,000 won each.
pub(crate) fn purchase() -> shop_order::Terms {
    let line = shop_order::OrderLine::new(id(21), "귤 5kg".into(), 2, won(10_000)).unwrap();
    shop_order::Terms::new(id(22), id(23), vec![line], won(0), 0).unwrap()
}

/// That purchase was placed; payment 7 is due after half an hour.
pub(crate) fn order_placed() -> shop_order::Event {
    let address = person(purchase().buyer, "Seoul");
    shop_order::Event::ShopOrderPlaced { terms: Box::new(purchase()), address, payment: id(7), payment_due_at: at(31) }
}
