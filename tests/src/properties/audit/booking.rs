//! D1–D4 and D6–D8: slots and bookings, as the log has them.

use std::collections::{BTreeMap, BTreeSet};

use domain::booking::{Event as E, Terms};
use domain::cancellation::{self, CancelCause};
use domain::{pricing, vehcal};
use kernel::jiff::SignedDuration;
use kernel::{Currency, Money, Period};
use uuid::Uuid;

use super::super::model::booking::{due, expiry, inside, meet, price, refund};
use super::super::model::{HOUR, MINUTE, Status};
use super::super::play::instant;
use super::super::world::CARS;
use super::{Findings, Property};

#[derive(Clone, Debug, Default)]
struct Calendar {
    windows: Vec<(u8, u16, u16)>,
    blocks: Vec<(i64, i64)>,
    buffers: (i64, i64),
    /// Live slots: with buffers as they were, and whether the car is out.
    slots: BTreeMap<Uuid, ((i64, i64), bool)>,
}

#[derive(Clone, Debug)]
struct Known {
    status: Status,
    terms: Terms,
    expires: i64,
    due: i64,
    paid_at: i64,
}

/// Slots and bookings.
#[derive(Clone, Debug, Default)]
pub struct BookingAudit {
    cars: BTreeMap<Uuid, Calendar>,
    bookings: BTreeMap<Uuid, Known>,
    rates: BTreeMap<Uuid, i128>,
    /// Lengths and totals that were asked for, by rate.
    prices: BTreeMap<i128, BTreeMap<i64, i128>>,
    over: BTreeSet<Uuid>,
}

fn span(period: &Period) -> (i64, i64) {
    (period.start().as_microsecond(), period.end().as_microsecond())
}

impl BookingAudit {
    /// One more event.
    pub fn read(&mut self, id: Uuid, now: i64, event: &domain::Event, findings: &mut Findings) {
        match event {
            domain::Event::Vehicle(domain::vehicle::Event::VehicleRegistered { hourly_rate, .. }) => {
                self.rates.insert(id, hourly_rate.minor());
            }
            domain::Event::Vehcal(event) => self.calendar(id, now, event, findings),
            domain::Event::Booking(event) => self.booking(id, now, event, findings),
            _ => {}
        }
    }

    fn calendar(&mut self, car: Uuid, now: i64, event: &vehcal::Event, findings: &mut Findings) {
        let calendar = self.cars.entry(car).or_default();
        match event {
            vehcal::Event::WeeklyWindowsSet { windows } => calendar.windows = windows.iter().map(|w| (w.day, w.start, w.end)).collect(),
            vehcal::Event::PeriodBlocked { period, .. } => calendar.blocks.push(span(period)),
            vehcal::Event::BookingPolicySet { policy } => {
                let minutes = |minutes: u32| i64::from(minutes) * MINUTE;
                calendar.buffers = (minutes(policy.buffer_before_minutes), minutes(policy.buffer_after_minutes));
            }
            vehcal::Event::SlotHeld { booking, period, .. } => {
                let period = span(period);
                let wide = (period.0 - calendar.buffers.0, period.1 + calendar.buffers.1);
                let met = calendar.slots.iter().find(|(_, (other, _))| meet(*other, wide));
                findings.hold(Property::D1, met.is_none(), || format!("slots of {booking} and {met:?} overlap"));
                let open = inside(&calendar.windows, period) && !calendar.blocks.iter().any(|block| meet(*block, period));
                findings.hold(Property::D2, open, || format!("{booking} was accepted while the car is closed"));
                calendar.slots.insert(booking.uuid(), (wide, false));
            }
            vehcal::Event::SlotReleased { booking } | vehcal::Event::SlotEnded { booking } => {
                calendar.slots.remove(&booking.uuid());
            }
            vehcal::Event::SlotStarted { booking } => {
                let out = calendar.slots.values().any(|(_, out)| *out);
                let closed = calendar.blocks.iter().any(|(from, to)| *from <= now && now < *to);
                findings.hold(Property::D8, !out && !closed, || format!("{booking} starts while the car is out or out of service"));
                if let Some((_, out)) = calendar.slots.get_mut(&booking.uuid()) {
                    *out = true;
                }
            }
        }
    }

    fn booking(&mut self, id: Uuid, now: i64, event: &E, findings: &mut Findings) {
        if let E::BookingRequested { terms, expires_at, .. } = event {
            self.price(terms, findings);
            let start = span(&terms.period).0;
            let expires = expires_at.as_microsecond();
            findings.hold(Property::D4, expires == expiry(now, start), || format!("{id} expires at {expires_at}"));
            let known = Known { status: Status::Pending, terms: (**terms).clone(), expires, due: 0, paid_at: 0 };
            findings.hold(Property::D4, self.bookings.insert(id, known).is_none(), || format!("{id} was requested twice"));
            return;
        }
        let Some(known) = self.bookings.get_mut(&id) else {
            findings.hold(Property::D4, false, || format!("{id} was never requested"));
            return;
        };
        let before = known.status;
        known.status = next(before, event);
        let after = known.status;
        findings.hold(Property::D4, is_path(before, after), || format!("{id} goes from {before:?} to {after:?}"));
        match event {
            E::BookingApproved { payment_due_at, .. } => {
                known.due = payment_due_at.as_microsecond();
                let in_time = now < known.expires && known.due == due(now, span(&known.terms.period).0);
                findings.hold(Property::D4, in_time, || format!("{id} was approved after its expiry, or is due at {payment_due_at}"));
            }
            E::BookingConfirmed { paid_at, .. } => known.paid_at = paid_at.as_microsecond(),
            E::BookingCancelled { cause, refund: quote, .. } => quoted(known, before, *cause, quote.minor(), now, findings),
            _ => {}
        }
        if matches!(after, Status::Completed | Status::Rejected | Status::Cancelled) {
            self.over.insert(id);
        }
    }

    /// D7: monotone and subadditive in duration, one hour costs the rate, and the total is the quote.
    fn price(&mut self, terms: &Terms, findings: &mut Findings) {
        let period = span(&terms.period);
        let length = period.1 - period.0;
        let rate = self.rates.get(&terms.vehicle.uuid()).copied().unwrap_or(CARS[0].1);
        let (total, fee) = price(rate, length);
        let asked = (terms.price.total.minor(), terms.price.platform_fee.minor());
        findings.hold(Property::D7, asked == (total, fee), || format!("{length} µs cost {asked:?}, not {total}"));
        let lines: i128 = terms.price.lines.iter().map(|line| line.amount.minor()).sum();
        let adds_up = lines == asked.0 && asked.1 + terms.price.host_amount.minor() == asked.0;
        findings.hold(Property::D7, adds_up, || format!("{:?} does not add up", terms.price));
        findings.hold(Property::D7, quote(rate, HOUR) == rate, || "an hour does not cost the hourly rate".to_owned());
        let known = self.prices.entry(rate).or_default();
        for (other, cost) in known.iter() {
            let monotone = (length.cmp(other) as i8) * (asked.0.cmp(cost) as i8) >= 0 || asked.0 == *cost;
            findings.hold(Property::D7, monotone, || format!("{length} µs cost {}, {other} µs {cost}", asked.0));
            let together = quote(rate, length + other);
            findings.hold(Property::D7, together <= asked.0 + cost, || format!("{length} µs and {other} µs together cost {together}"));
        }
        known.insert(length, asked.0);
    }

    /// D3: live slots are those of live bookings.
    pub fn pause(&mut self, findings: &mut Findings) {
        let slots: BTreeSet<Uuid> = self.cars.values().flat_map(|calendar| calendar.slots.keys().copied()).collect();
        let live = |known: &&Known| matches!(known.status, Status::Pending | Status::Approved | Status::Confirmed | Status::Active);
        let bookings: BTreeSet<Uuid> = self.bookings.iter().filter(|(_, known)| live(known)).map(|(id, _)| *id).collect();
        findings.hold(Property::D3, slots == bookings, || {
            format!("slots without a booking or the reverse: {:?}", slots.symmetric_difference(&bookings).collect::<Vec<_>>())
        });
        let mut out = BTreeMap::<Uuid, u32>::new();
        for known in self.bookings.values().filter(|known| known.status == Status::Active) {
            *out.entry(known.terms.vehicle.uuid()).or_default() += 1;
        }
        findings.hold(Property::D8, out.values().all(|trips| *trips <= 1), || format!("two trips at once: {out:?}"));
    }

    /// D4: nothing waits beyond its time.
    pub fn rest(&self, now: i64, findings: &mut Findings) {
        for (id, known) in &self.bookings {
            let overdue = match known.status {
                Status::Pending => known.expires <= now,
                Status::Approved => known.due <= now,
                _ => false,
            };
            findings.hold(Property::D4, !overdue, || format!("{id} is still {:?}", known.status));
        }
    }

    /// Bookings that are over.
    pub const fn over(&self) -> &BTreeSet<Uuid> {
        &self.over
    }

    /// Where every booking stands.
    pub fn standings(&self) -> BTreeMap<Uuid, Status> {
        self.bookings.iter().map(|(id, known)| (*id, known.status)).collect()
    }

    /// Every live slot with its buffers.
    pub fn slots(&self) -> BTreeMap<Uuid, (i64, i64)> {
        self.cars.values().flat_map(|calendar| calendar.slots.iter().map(|(id, (wide, _))| (*id, *wide))).collect()
    }
}

/// What the real rule would ask for so long a rental.
fn quote(rate: i128, length: i64) -> i128 {
    let period = Period::new(instant(0), instant(length)).unwrap();
    pricing::price(Money::new(rate, Currency::Krw), &period, 10, 1_500).unwrap().total.minor()
}

/// D6: the refund is the policy's, lies in [0, paid], never rises with time, and is all of it unless the guest is the cause.
fn quoted(known: &Known, before: Status, cause: CancelCause, quote: i128, now: i64, findings: &mut Findings) {
    let terms = &known.terms;
    let (total, start) = (terms.price.total.minor(), span(&terms.period).0);
    let right = match cause {
        _ if before != Status::Confirmed => 0,
        CancelCause::Guest => refund(terms.cancellation, total, start, known.paid_at, now),
        CancelCause::NoShow => 0,
        CancelCause::Host | CancelCause::Admin => total,
        CancelCause::Expired | CancelCause::PaymentLapsed => -1,
    };
    findings.hold(Property::D6, quote == right, || format!("{cause:?} gets {quote} back, not {right}"));
    if before != Status::Confirmed {
        return;
    }
    let mut last = total;
    let mut at = instant(known.paid_at);
    while at.as_microsecond() < start + HOUR {
        let give = |cause| cancellation::refund(terms.cancellation, cause, terms.price.total, instant(start), instant(known.paid_at), at);
        let (guest, host) = (give(CancelCause::Guest).unwrap().minor(), give(CancelCause::Host).unwrap().minor());
        let fits = (0..=last).contains(&guest) && host == total;
        findings.hold(Property::D6, fits, || format!("at {at} a guest gets {guest} back after {last}"));
        last = guest;
        at += SignedDuration::from_mins(29);
    }
}

const fn next(status: Status, event: &E) -> Status {
    match event {
        E::BookingRequested { .. } => Status::Pending,
        E::BookingApproved { .. } => Status::Approved,
        E::BookingRejected { .. } => Status::Rejected,
        E::BookingConfirmed { .. } => Status::Confirmed,
        E::BookingCancelled { .. } => Status::Cancelled,
        E::TripStarted { .. } => Status::Active,
        E::BookingCompleted { .. } => Status::Completed,
        E::PickupPhotoAttached { .. } | E::ReturnPhotoAttached { .. } | E::TripEnded { .. } => status,
    }
}

fn is_path(before: Status, after: Status) -> bool {
    use Status::{Active, Approved, Cancelled, Completed, Confirmed, Pending, Rejected};
    match before {
        Pending => matches!(after, Approved | Rejected | Cancelled),
        Approved => matches!(after, Confirmed | Cancelled),
        Confirmed => matches!(after, Confirmed | Active | Cancelled),
        Active => matches!(after, Active | Completed),
        Completed => after == Completed,
        Rejected | Cancelled => false,
    }
}
