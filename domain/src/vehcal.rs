//! A vehicle's calendar: its weekly windows, blocked periods, booking policy and every slot that is taken.
//! One stream per vehicle owns them all, so two bookings of one slot meet at a version and only one wins (D1, D5).
//!
//! A slot: `held → started → ended`, or `held → released`.

use std::collections::BTreeMap;

use kernel::jiff::SignedDuration;
use kernel::{At, Decider, DomainEvent, Fact, Period, Personal, Refused, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub mod windows;

use crate::cancellation::CancellationPolicy;
use crate::ids::{BookingId, UserId};
use crate::sabotage::{Rule, broken};
pub use windows::{WeeklyWindow, WindowInput};

/// Before the start a guest may pick up so much earlier (domain.md §9).
pub const EARLY_PICKUP: SignedDuration = SignedDuration::from_mins(15);
/// A request this short before its start needs instant booking (domain.md §5).
pub const SHORT_LEAD: SignedDuration = SignedDuration::from_hours(1);
/// With less than this left there is no time to pay (domain.md §7).
pub const LEAST_LEAD: SignedDuration = SignedDuration::from_mins(10);

/// What happened to a calendar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The weekly windows were replaced; none means always open.
    WeeklyWindowsSet {
        /// In normal form.
        windows: Vec<WeeklyWindow>,
    },
    /// The owner closed a period.
    PeriodBlocked {
        /// Names the block.
        block: Uuid,
        /// When.
        period: Period,
        /// Why, in the owner's words.
        reason: Option<Personal<String>>,
    },
    /// The booking policy was replaced.
    BookingPolicySet {
        /// The whole policy.
        policy: BookingPolicy,
    },
    /// A booking took a slot.
    SlotHeld {
        /// Which booking.
        booking: BookingId,
        /// The rental itself.
        period: Period,
        /// The rental with the buffers of that day: no two of these overlap (D1).
        occupied: Period,
    },
    /// The slot was given back before a trip.
    SlotReleased {
        /// Which booking.
        booking: BookingId,
    },
    /// The vehicle left with its guest.
    SlotStarted {
        /// Which booking.
        booking: BookingId,
    },
    /// The vehicle came back.
    SlotEnded {
        /// Which booking.
        booking: BookingId,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::WeeklyWindowsSet { .. } => "WeeklyWindowsSet",
            Self::PeriodBlocked { .. } => "PeriodBlocked",
            Self::BookingPolicySet { .. } => "BookingPolicySet",
            Self::SlotHeld { .. } => "SlotHeld",
            Self::SlotReleased { .. } => "SlotReleased",
            Self::SlotStarted { .. } => "SlotStarted",
            Self::SlotEnded { .. } => "SlotEnded",
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

/// What a vehicle's owner asks of bookings; the default is domain.md §9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingPolicy {
    /// Requests are approved at once.
    pub instant_book: bool,
    /// Least minutes between request and start.
    pub min_notice_minutes: u32,
    /// Furthest start in days from now.
    pub max_advance_days: u32,
    /// Shortest rental.
    pub min_duration_minutes: u32,
    /// Longest rental.
    pub max_duration_minutes: u32,
    /// Kept free before a rental.
    pub buffer_before_minutes: u32,
    /// Kept free after a rental.
    pub buffer_after_minutes: u32,
    /// What cancelling guests get back.
    pub cancellation: CancellationPolicy,
    /// A trip starts only with pickup photos.
    pub require_pickup_photos: bool,
}

impl Default for BookingPolicy {
    fn default() -> Self {
        Self {
            instant_book: false,
            min_notice_minutes: 0,
            max_advance_days: 180,
            min_duration_minutes: 60,
            max_duration_minutes: 30 * 24 * 60,
            buffer_before_minutes: 0,
            buffer_after_minutes: 0,
            cancellation: CancellationPolicy::Standard,
            require_pickup_photos: false,
        }
    }
}

impl BookingPolicy {
    fn in_range(&self) -> bool {
        self.min_notice_minutes <= 30 * 24 * 60
            && (1..=730).contains(&self.max_advance_days)
            && self.min_duration_minutes >= 10
            && self.min_duration_minutes <= self.max_duration_minutes
            && self.max_duration_minutes <= 90 * 24 * 60
            && self.buffer_before_minutes <= 24 * 60
            && self.buffer_after_minutes <= 24 * 60
    }
}

/// A slot that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The rental itself.
    pub period: Period,
    /// With buffers.
    pub occupied: Period,
    /// The vehicle is out with this guest.
    pub started: bool,
}

/// The calendar of one vehicle. Slots that ended or were released are forgotten.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VehicleCalendar {
    /// Weekly windows in normal form; none: always open.
    pub windows: Vec<WeeklyWindow>,
    /// Closed periods.
    pub blocks: BTreeMap<Uuid, Period>,
    /// What the owner asks of bookings.
    pub policy: BookingPolicy,
    /// Live slots (D3).
    pub slots: BTreeMap<BookingId, Slot>,
}

/// Who wants which slot of which vehicle.
#[derive(Clone, Debug)]
pub struct SlotRequest {
    /// For which booking.
    pub booking: BookingId,
    /// The rental.
    pub period: Period,
    /// Who asks.
    pub guest: UserId,
    /// The vehicle's owner.
    pub owner: UserId,
    /// Is the vehicle active?
    pub active: bool,
    /// The vehicle's zone, in which its windows are meant.
    pub zone: String,
}

/// What may be asked of a calendar.
#[derive(Clone, Debug)]
pub enum Command {
    /// Replace the weekly windows (AVL-05).
    SetWeeklyWindows(Vec<WindowInput>),
    /// Close a period (AVL-04).
    BlockPeriod {
        /// Names the block.
        block: Uuid,
        /// When.
        period: Period,
        /// Why.
        reason: Option<Personal<String>>,
    },
    /// Replace the booking policy.
    SetPolicy(BookingPolicy),
    /// Take a slot (BKG-09).
    HoldSlot(SlotRequest),
    /// Give a slot back.
    ReleaseSlot(BookingId),
    /// The vehicle leaves.
    StartSlot(BookingId),
    /// The vehicle is back.
    EndSlot(BookingId),
}

/// Why a calendar says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another booking has the slot.
    #[error("the slot overlaps another booking")]
    Taken,
    /// Outside the windows, in a blocked period, or the vehicle is not active.
    #[error("the vehicle is not available then")]
    Unavailable,
    /// Nobody rents their own car.
    #[error("the vehicle is the guest's own")]
    OwnVehicle,
    /// Past, too short, too long, too soon or too far ahead.
    #[error("the period is not one that can be booked")]
    NotBookable,
    /// Windows overlap or are out of range.
    #[error("the windows overlap or are malformed")]
    BadWindows,
    /// Live bookings lie in the period.
    #[error("the period overlaps {} live bookings", .0.len())]
    BlocksBookings(Vec<BookingId>),
    /// A policy value is out of range.
    #[error("a policy value is out of range")]
    BadPolicy,
    /// The previous guest still has the vehicle, or it is out of service.
    #[error("the vehicle is not back yet or out of service")]
    NotBack,
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Taken => Refused::code("BOOKING002"),
            Self::Unavailable => Refused::code("BOOKING003"),
            Self::OwnVehicle => Refused::at("BOOKING005", &["vehicleId"]),
            Self::NotBookable => Refused::at("BOOKING006", &["startsAt"]),
            Self::BadWindows => Refused::at("AVL001", &["windows"]),
            Self::BlocksBookings(bookings) => {
                let list = bookings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Refused::at("AVL002", &["startsAt"]).with("bookings", list)
            }
            Self::BadPolicy => Refused::code("AVL003"),
            Self::NotBack => Refused::code("BOOKING015"),
        }
    }
}

impl Decider for VehicleCalendar {
    const KIND: &'static str = "vehcal";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let event = match at.command {
            Command::SetWeeklyWindows(inputs) => {
                let windows = windows::normalise(&inputs).ok_or(Refusal::BadWindows)?;
                (windows != self.windows).then_some(Event::WeeklyWindowsSet { windows })
            }
            Command::BlockPeriod { block, period, reason } => {
                let hit: Vec<_> = self.slots.iter().filter(|(_, slot)| slot.period.overlaps(&period)).map(|(id, _)| *id).collect();
                if !hit.is_empty() {
                    return Err(Refusal::BlocksBookings(hit));
                }
                Some(Event::PeriodBlocked { block, period, reason })
            }
            Command::SetPolicy(policy) if !policy.in_range() => return Err(Refusal::BadPolicy),
            Command::SetPolicy(policy) => (policy != self.policy).then_some(Event::BookingPolicySet { policy }),
            Command::HoldSlot(request) => {
                self.check(&request, at.now)?;
                let occupied = self.occupied(&request.period);
                Some(Event::SlotHeld { booking: request.booking, period: request.period, occupied })
            }
            Command::ReleaseSlot(booking) => {
                (self.slots.contains_key(&booking) && !broken(Rule::Release)).then_some(Event::SlotReleased { booking })
            }
            Command::StartSlot(booking) => {
                let out_of_service = self.blocks.values().any(|block| block.start() <= at.now && at.now < block.end());
                let out = self.slots.values().any(|slot| slot.started);
                if (out_of_service || out) && !broken(Rule::OneTrip) {
                    return Err(Refusal::NotBack);
                }
                self.slots.contains_key(&booking).then_some(Event::SlotStarted { booking })
            }
            Command::EndSlot(booking) => self.slots.contains_key(&booking).then_some(Event::SlotEnded { booking }),
        };
        Ok(event.into_iter().collect())
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::WeeklyWindowsSet { windows } => self.windows.clone_from(windows),
            Event::PeriodBlocked { block, period, .. } => {
                self.blocks.insert(*block, *period);
            }
            Event::BookingPolicySet { policy } => self.policy = *policy,
            Event::SlotHeld { booking, period, occupied } => {
                self.slots.insert(*booking, Slot { period: *period, occupied: *occupied, started: false });
            }
            Event::SlotReleased { booking } | Event::SlotEnded { booking } => {
                self.slots.remove(booking);
            }
            Event::SlotStarted { booking } => {
                if let Some(slot) = self.slots.get_mut(booking) {
                    slot.started = true;
                }
            }
        }
        self
    }
}

impl VehicleCalendar {
    /// The period with today's buffers; slots that were taken before keep theirs.
    #[must_use]
    pub fn occupied(&self, period: &Period) -> Period {
        if broken(Rule::Buffers) {
            return *period;
        }
        period.widened(self.policy.buffer_before_minutes, self.policy.buffer_after_minutes)
    }

    /// May this slot be taken now? The search asks the very same question (domain.md §3.2, soundness and completeness).
    ///
    /// # Errors
    /// The first rule broken, in the order of domain.md §3.3: taken, unavailable, own vehicle, not bookable.
    pub fn check(&self, request: &SlotRequest, now: Timestamp) -> Result<(), Refusal> {
        let occupied = self.occupied(&request.period);
        let taken = self.slots.iter().any(|(booking, slot)| *booking != request.booking && slot.occupied.overlaps(&occupied));
        if taken && !broken(Rule::Overlap) {
            return Err(Refusal::Taken);
        }
        let blocked = self.blocks.values().any(|block| block.overlaps(&request.period));
        let open = !blocked && windows::covers(&self.windows, &request.zone, &request.period);
        if !request.active || !(open || broken(Rule::Windows)) {
            return Err(Refusal::Unavailable);
        }
        if request.guest == request.owner {
            return Err(Refusal::OwnVehicle);
        }
        if self.bookable(&request.period, now) { Ok(()) } else { Err(Refusal::NotBookable) }
    }

    fn bookable(&self, period: &Period, now: Timestamp) -> bool {
        let policy = &self.policy;
        let minutes = |m: u32| SignedDuration::from_mins(i64::from(m));
        let length = period.end().duration_since(period.start());
        let lead = period.start().duration_since(now);
        let least_lead = if policy.instant_book { LEAST_LEAD } else { SHORT_LEAD };
        lead >= least_lead.max(minutes(policy.min_notice_minutes))
            && lead <= minutes(policy.max_advance_days.saturating_mul(24 * 60))
            && length >= minutes(policy.min_duration_minutes)
            && length <= minutes(policy.max_duration_minutes)
    }
}

#[cfg(test)]
mod tests;
