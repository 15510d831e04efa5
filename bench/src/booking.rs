//! The aggregate that every contestant runs: a booking that is requested, approved and paid, one event a command.

use kernel::{At, Currency, Decider, DomainEvent, Fact, JournalEntry, Money, Personal, Refused, Timestamp, Unbalanced};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The platform's share in basis points.
const FEE_BPS: u32 = 1_500;

/// What happened to a booking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A guest asked for a car.
    BookingRequested {
        /// Who.
        guest: Uuid,
        /// Which car.
        vehicle: Uuid,
        /// From.
        starts_at: Timestamp,
        /// Up to.
        ends_at: Timestamp,
        /// The price.
        total: Money,
        /// The guest's words.
        message: Personal<String>,
    },
    /// The host agreed.
    BookingApproved {
        /// The payment that it waits for.
        payment: Uuid,
        /// Until when.
        due_at: Timestamp,
    },
    /// The money came.
    BookingPaid {
        /// Under this payment.
        payment: Uuid,
        /// All of it.
        amount: Money,
        /// The platform's share.
        fee: Money,
        /// When.
        paid_at: Timestamp,
    },
    /// The guest wrote something; any number of times.
    NoteAdded {
        /// Their words.
        note: Personal<String>,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::BookingRequested { .. } => "BookingRequested",
            Self::BookingApproved { .. } => "BookingApproved",
            Self::BookingPaid { .. } => "BookingPaid",
            Self::NoteAdded { .. } => "NoteAdded",
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
            Self::BookingPaid { payment, amount, fee, paid_at } => {
                // An overflow leaves the share as it was: the entry then does not balance, which is refused.
                let share = amount.minus(*fee).unwrap_or(*amount);
                JournalEntry::draft("booking_paid", payment, *paid_at)
                    .debit("provider_clearing", *amount)
                    .credit(format!("escrow:{payment}"), share)
                    .credit("platform_fees", *fee)
                    .balance()
            }
            Self::BookingRequested { .. } | Self::BookingApproved { .. } | Self::NoteAdded { .. } => Ok(None),
        }
    }
}

/// Where a booking stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Booking {
    /// Nobody asked yet.
    #[default]
    Absent,
    /// Asked for.
    Requested {
        /// The price.
        total: Money,
        /// Notes so far.
        notes: u64,
    },
    /// Agreed to.
    Approved {
        /// The price.
        total: Money,
        /// The payment that it waits for.
        payment: Uuid,
        /// Notes so far.
        notes: u64,
    },
    /// Paid.
    Paid {
        /// Notes so far.
        notes: u64,
    },
}

/// What may be asked of a booking.
#[derive(Clone, Debug, Serialize)]
pub enum Command {
    /// Ask for a car.
    Request {
        /// Who.
        guest: Uuid,
        /// Which car.
        vehicle: Uuid,
        /// Minor units of the price.
        won: u32,
        /// The guest's words.
        message: String,
    },
    /// Agree.
    Approve {
        /// The payment to wait for.
        payment: Uuid,
    },
    /// Record the money.
    Pay,
    /// Write something.
    Note {
        /// Who.
        guest: Uuid,
        /// Their words.
        note: String,
    },
}

/// Why a booking says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state does not allow it.
    #[error("not possible in the booking's present state")]
    WrongState,
    /// The caller knows an older version.
    #[error("the booking has changed since")]
    Stale,
}

/// The code of [`Refusal::Stale`].
pub const STALE: &str = "BENCH002";

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::WrongState => Refused::code("BENCH001"),
            Self::Stale => Refused::code(STALE),
        }
    }
}

impl Decider for Booking {
    const KIND: &'static str = "booking";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let later = |hours| at.now.checked_add(kernel::jiff::SignedDuration::from_hours(hours)).unwrap_or(at.now);
        let event = match (self, at.command) {
            (Self::Absent, Command::Request { guest, vehicle, won, message }) => Event::BookingRequested {
                guest,
                vehicle,
                starts_at: later(24),
                ends_at: later(48),
                total: Money::new(i128::from(won), Currency::Krw),
                message: Personal::profile(guest, message),
            },
            (Self::Requested { .. }, Command::Approve { payment }) => Event::BookingApproved { payment, due_at: later(2) },
            (Self::Approved { total, payment, .. }, Command::Pay) => {
                let fee = total.basis_points(FEE_BPS).unwrap_or(Money::zero(total.currency()));
                Event::BookingPaid { payment: *payment, amount: *total, fee, paid_at: at.now }
            }
            (Self::Requested { .. } | Self::Approved { .. } | Self::Paid { .. }, Command::Note { guest, note }) => {
                Event::NoteAdded { note: Personal::profile(guest, note) }
            }
            (Self::Requested { .. } | Self::Approved { .. } | Self::Paid { .. }, Command::Request { .. })
            | (Self::Absent | Self::Approved { .. } | Self::Paid { .. }, Command::Approve { .. })
            | (Self::Absent | Self::Requested { .. } | Self::Paid { .. }, Command::Pay)
            | (Self::Absent, Command::Note { .. }) => return Err(Refusal::WrongState),
        };
        Ok(vec![event])
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::BookingRequested { total, .. }) => Self::Requested { total: *total, notes: 0 },
            (Self::Requested { total, notes }, Event::BookingApproved { payment, .. }) => {
                Self::Approved { total, payment: *payment, notes }
            }
            (Self::Approved { notes, .. }, Event::BookingPaid { .. }) => Self::Paid { notes },
            (Self::Requested { total, notes }, Event::NoteAdded { .. }) => Self::Requested { total, notes: notes + 1 },
            (Self::Approved { total, payment, notes }, Event::NoteAdded { .. }) => Self::Approved { total, payment, notes: notes + 1 },
            (Self::Paid { notes }, Event::NoteAdded { .. }) => Self::Paid { notes: notes + 1 },
            // Never stored by this aggregate: the state stays.
            (state, Event::BookingApproved { .. } | Event::BookingPaid { .. } | Event::NoteAdded { .. }) => state,
        }
    }
}

/// What a guest of the bench writes.
pub const MESSAGE: &str = "안녕하세요, 내일 오전에 픽업하고 싶습니다. 잘 부탁드립니다!";

/// The commands of one client, booking after booking: request, approve, pay.
pub struct Journey {
    /// The client, as a guest.
    pub guest: Uuid,
    booking: Uuid,
    step: u8,
}

impl Journey {
    /// A guest of their own.
    pub fn new() -> Self {
        Self { guest: Uuid::now_v7(), booking: Uuid::nil(), step: 0 }
    }

    /// The next booking's command, and the version that it makes.
    pub fn next(&mut self) -> (Uuid, Command, u64) {
        let (command, version) = match self.step {
            0 => {
                self.booking = Uuid::now_v7();
                let command = Command::Request { guest: self.guest, vehicle: Uuid::new_v4(), won: 84_000, message: MESSAGE.to_owned() };
                (command, 1)
            }
            1 => (Command::Approve { payment: Uuid::new_v4() }, 2),
            _ => (Command::Pay, 3),
        };
        self.step = (self.step + 1) % 3;
        (self.booking, command, version)
    }
}
