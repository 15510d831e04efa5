//! E1 and E2: the log itself.

use std::collections::{BTreeMap, BTreeSet};

use domain::purpose::Purpose;
use domain::{booking, payable, payment, payout, shop_order, stock, vehcal};
use eventlog::{Receipt, Recorded};
use kernel::Timestamp;
use uuid::Uuid;

use super::{Findings, Property};

/// Versions, positions, and which events came together.
#[derive(Clone, Debug, Default)]
pub struct LogAudit {
    position: u64,
    recorded_at: Option<Timestamp>,
    versions: BTreeMap<String, u64>,
    /// Events of every command, in order.
    commands: BTreeMap<Uuid, Vec<Uuid>>,
    current: Option<Uuid>,
    /// What the current command has done, by what must come with what.
    together: BTreeSet<&'static str>,
}

impl LogAudit {
    /// One more event.
    pub fn read(&mut self, recorded: &Recorded, event: &domain::Event, findings: &mut Findings) {
        let Recorded { position, version, recorded_at, command_id, .. } = *recorded;
        findings.hold(Property::E1, position == self.position + 1, || format!("{position} follows {}", self.position));
        let before = self.versions.insert(recorded.stream.to_string(), version).unwrap_or(0);
        findings.hold(Property::E1, version == before + 1, || format!("{} goes from {before} to {version}", recorded.stream));
        findings.hold(Property::E1, self.recorded_at.is_none_or(|last| last <= recorded_at), || format!("time falls at {position}"));
        (self.position, self.recorded_at) = (position, Some(recorded_at));
        if self.current != Some(command_id) {
            self.pause(findings);
            findings.hold(Property::E2, !self.commands.contains_key(&command_id), || format!("command {command_id} is torn apart"));
            self.current = Some(command_id);
        }
        self.commands.entry(command_id).or_default().push(recorded.event_id);
        self.together.extend(part(event));
    }

    /// The end of a command: did all of it come?
    pub fn pause(&mut self, findings: &mut Findings) {
        for (one, other) in COMPANIONS {
            let alone = self.together.contains(one) && !self.together.contains(other);
            findings.hold(Property::E2, !alone, || format!("{one} without {other} by {:?}", self.current));
        }
        (self.current, self.together) = (None, BTreeSet::new());
    }

    /// A receipt names exactly the events that are there.
    pub fn receipt(&self, receipt: &Receipt, findings: &mut Findings) {
        let found = self.commands.get(&receipt.command_id).map_or(&[][..], Vec::as_slice);
        findings.hold(Property::E2, found == receipt.event_ids, || {
            format!("command {} has {} events, its receipt {}", receipt.command_id, found.len(), receipt.event_ids.len())
        });
    }

    /// How many commands appended something.
    pub fn commands(&self) -> usize {
        self.commands.len()
    }

    /// The last position.
    pub const fn position(&self) -> u64 {
        self.position
    }
}

/// What never comes without the other.
const COMPANIONS: [(&str, &str); 23] = [
    ("requested", "slot held"),
    ("slot held", "requested"),
    ("approved", "payment asked"),
    ("payment asked", "approved"),
    ("confirmed", "money in time"),
    ("money in time", "confirmed"),
    ("late money", "refund"),
    ("started", "slot started"),
    ("completed", "slot ended"),
    ("over", "slot released"),
    ("escrow released", "credited"),
    ("host gives back", "reversed"),
    ("payout", "reserved"),
    ("placed", "order payment asked"),
    ("order payment asked", "placed"),
    ("placed", "units reserved"),
    ("units reserved", "placed"),
    ("order paid", "order money in time"),
    ("order money in time", "order paid"),
    ("order off", "units released"),
    ("rest off", "units released"),
    ("shipped", "units shipped"),
    ("units shipped", "shipped"),
];

fn part(event: &domain::Event) -> Vec<&'static str> {
    use booking::Event as B;
    use payable::Event as O;
    use payment::Event as P;
    use shop_order::Event as E;
    match event {
        domain::Event::Booking(B::BookingRequested { .. }) => vec!["requested"],
        domain::Event::Booking(B::BookingApproved { .. }) => vec!["approved"],
        domain::Event::Booking(B::BookingConfirmed { .. }) => vec!["confirmed"],
        domain::Event::Booking(B::BookingRejected { .. } | B::BookingCancelled { .. }) => vec!["over"],
        domain::Event::Booking(B::TripStarted { .. }) => vec!["started"],
        domain::Event::Booking(B::BookingCompleted { .. }) => vec!["completed"],
        domain::Event::Vehcal(vehcal::Event::SlotHeld { .. }) => vec!["slot held"],
        domain::Event::Vehcal(vehcal::Event::SlotStarted { .. }) => vec!["slot started"],
        domain::Event::Vehcal(vehcal::Event::SlotEnded { .. }) => vec!["slot ended"],
        domain::Event::Vehcal(vehcal::Event::SlotReleased { .. }) => vec!["slot released"],
        domain::Event::ShopOrder(E::ShopOrderPlaced { .. }) => vec!["placed"],
        domain::Event::ShopOrder(E::ShopOrderPaid { .. }) => vec!["order paid"],
        domain::Event::ShopOrder(E::ShopOrderCancelled { .. } | E::ShopOrderExpired {}) => vec!["order off"],
        domain::Event::ShopOrder(E::ShopOrderShipped { .. }) => vec!["shipped"],
        domain::Event::ShopOrder(E::ShopOrderCutShort { .. }) => vec!["rest off"],
        domain::Event::Stock(stock::Event::StockReserved { .. }) => vec!["units reserved"],
        domain::Event::Stock(stock::Event::StockReleased { .. }) => vec!["units released"],
        domain::Event::Stock(stock::Event::StockShipped { .. }) => vec!["units shipped"],
        domain::Event::Payment(P::PaymentRequested { order }) => vec![match order.purpose {
            Purpose::Booking(_) => "payment asked",
            Purpose::ShopOrder(_) => "order payment asked",
        }],
        domain::Event::Payment(P::PaymentCompleted { late: true, .. }) => vec!["late money"],
        domain::Event::Payment(P::PaymentCompleted { purpose, .. }) => vec![match purpose {
            Purpose::Booking(_) => "money in time",
            Purpose::ShopOrder(_) => "order money in time",
        }],
        domain::Event::Payment(P::RefundRequested { released: true, .. }) => vec!["refund", "host gives back"],
        domain::Event::Payment(P::RefundRequested { .. }) => vec!["refund"],
        domain::Event::Payment(P::EscrowReleased { .. }) => vec!["escrow released"],
        domain::Event::Payable(O::EarningCredited { .. }) => vec!["credited"],
        domain::Event::Payable(O::EarningReversed { .. }) => vec!["reversed"],
        domain::Event::Payable(O::PayoutReserved { .. }) => vec!["reserved"],
        domain::Event::Payout(payout::Event::PayoutRequested { .. }) => vec!["payout"],
        _ => Vec::new(),
    }
}
