//! A naive model: the same business kept a second time, in lists, amounts and minutes, with none of the domain's code.
//!
//! It says beforehand what every command must answer, and afterwards which slots and units are taken, where each booking
//! stands and what every account holds.

pub mod booking;
pub mod money;
pub mod settle;
pub mod shop;

use std::collections::BTreeMap;

use domain::cancellation::CancellationPolicy;
use uuid::Uuid;

use super::world::{CARS, Cast, PEOPLE};
use shop::{Goods, Product};

/// Microseconds.
pub const MINUTE: i64 = 60_000_000;
/// Microseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds.
pub const DAY: i64 = 24 * HOUR;

/// Yes, or the code of the refusal.
pub type Verdict = Result<(), &'static str>;

/// What an owner asks of bookings.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub instant: bool,
    pub notice: i64,
    pub advance: i64,
    pub shortest: i64,
    pub longest: i64,
    pub before: i64,
    pub after: i64,
    pub refunds: CancellationPolicy,
}

/// A car with its calendar, without slots: those are the deals'.
#[derive(Clone, Debug)]
pub struct Car {
    pub owner: usize,
    pub rate: i128,
    pub rules: Rules,
    /// (weekday from Sunday, first minute, minute after the last)
    pub windows: Vec<(u8, u16, u16)>,
    pub blocks: Vec<(i64, i64)>,
}

/// Where a deal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Pending,
    Approved,
    Confirmed,
    Active,
    Completed,
    Rejected,
    Cancelled,
}

/// A booking, or a purchase in the shop: what is paid for.
#[derive(Clone, Debug)]
pub struct Deal {
    pub id: Uuid,
    pub car: usize,
    pub guest: usize,
    pub from: i64,
    pub to: i64,
    /// With the buffers of the day of the request.
    pub wide: (i64, i64),
    pub total: i128,
    pub fee: i128,
    pub refunds: CancellationPolicy,
    pub expires: i64,
    pub status: Status,
    pub odometer: u32,
    pub pay: Option<Pay>,
    /// A purchase in the shop, which has no car, no slot and no place in the life of a booking.
    pub goods: Option<Goods>,
}

impl Deal {
    /// Does it hold its slot?
    pub fn live(&self) -> bool {
        self.goods.is_none() && matches!(self.status, Status::Pending | Status::Approved | Status::Confirmed | Status::Active)
    }
}

/// Where the capture of a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    Waiting,
    /// By this attempt.
    Asking(u32),
    /// By this attempt.
    Unknown(u32),
    Paid,
    Expired,
    Voided,
}

/// The payment of a deal.
#[derive(Clone, Debug)]
pub struct Pay {
    pub id: Uuid,
    pub due: i64,
    pub capture: Capture,
    pub attempts: u32,
    pub paid_at: i64,
    pub released: bool,
    pub backs: Vec<Back>,
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// By this person.
    Proposed(usize),
    Open,
    Failed,
    Done,
}

/// A refund.
#[derive(Clone, Debug)]
pub struct Back {
    pub id: Uuid,
    pub amount: i128,
    pub stand: Stand,
    /// One person asked for it, and nobody else agreed.
    pub by_one: bool,
}

/// What a host is owed for one payment.
#[derive(Clone, Debug)]
pub struct Line {
    pub payment: Uuid,
    pub net: i128,
    pub earned: i64,
    /// The batch that it is in.
    pub batch: Option<Uuid>,
}

/// What a host is owed.
#[derive(Clone, Debug, Default)]
pub struct Owed {
    pub balance: i128,
    /// Not paid.
    pub lines: Vec<Line>,
    /// Payouts under way: payout, batch, amount.
    pub leaving: Vec<(Uuid, Uuid, i128)>,
}

/// Where a host of a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Waiting,
    Paying(Uuid, i128, u32),
    Paid(Uuid, i128, u32),
    Unpaid(i128, u32),
    Skipped,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Open,
    Approved,
    Over,
    Cancelled,
}

/// A settlement.
#[derive(Clone, Debug)]
pub struct Batch {
    pub id: Uuid,
    pub opener: usize,
    pub stage: Stage,
    pub turns: BTreeMap<usize, Turn>,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Model {
    pub now: i64,
    pub cars: Vec<Car>,
    pub products: Vec<Product>,
    pub deals: Vec<Deal>,
    pub owed: BTreeMap<usize, Owed>,
    pub batches: Vec<Batch>,
    /// Debits less credits of every account that is not zero.
    pub accounts: BTreeMap<String, i128>,
    pub cast: Cast,
}

impl Model {
    /// The world as it begins.
    pub fn new(cast: &Cast, now: i64) -> Self {
        let rules = Rules {
            instant: false,
            notice: 0,
            advance: 180 * DAY,
            shortest: HOUR,
            longest: 30 * DAY,
            before: 0,
            after: 0,
            refunds: CancellationPolicy::Standard,
        };
        let car = |(owner, rate)| Car { owner, rate, rules, windows: Vec::new(), blocks: Vec::new() };
        let (cars, cast) = (CARS.into_iter().map(car).collect(), cast.clone());
        let owed = (0..PEOPLE).map(|person| (person, Owed::default())).collect();
        let products = Self::products();
        Self { now, cars, products, deals: Vec::new(), owed, batches: Vec::new(), accounts: BTreeMap::new(), cast }
    }

    /// The deal of a payment.
    pub fn deal_of(&self, payment: Uuid) -> Option<usize> {
        self.deals.iter().position(|deal| deal.pay.as_ref().is_some_and(|pay| pay.id == payment))
    }

    /// The deal of a booking or of a purchase.
    pub fn deal(&self, booking: Uuid) -> Option<usize> {
        self.deals.iter().position(|deal| deal.id == booking)
    }

    /// The person's number.
    pub fn person(&self, id: Uuid) -> Option<usize> {
        self.cast.people.iter().position(|known| *known == id)
    }
}
