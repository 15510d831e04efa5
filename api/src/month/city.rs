//! Plays a plan: everybody does at their time what their story says, and takes what Daybook answers.

mod asking;
mod ending;
mod office;
mod paying;
mod shop;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use domain::cancellation::CancelCause;
use domain::ids::{BookingId, RefundId, SettlementId, UserId};
use kernel::Timestamp;

use super::Progress;
use super::audit::{Ended, Record, Sale};
use super::driver::{AnyError, Bill, Driver, No, Span, Status};
use super::market::Stall;
use super::plan::{DAYS, Plan, Request, later};
use super::report::{Kind, Tally};
use super::rng::Rng;
use super::story::{Manner, Story};
use shop::{Shop, ShopTask};

/// After the last action: time for refunds and payouts that were refused to be repeated, over a weekend and holidays.
const AFTERMATH_DAYS: i64 = 11;
const DAY_MIN: i64 = 24 * 60;
/// Days between two looks at all live slots.
const SLOT_CHECK_EVERY: i64 = 5;

/// What somebody is going to do.
#[derive(Clone, Copy, Debug)]
enum Task {
    /// Make the request of this number.
    Ask(usize),
    /// Answer a request.
    Answer(usize),
    /// Pay.
    Pay(usize, Card),
    /// See what has become of a booking.
    Look(usize),
    /// Call it off.
    Cancel(usize, Who),
    /// Report that the guest did not come.
    NoShow(usize),
    /// Take the car.
    Start(usize),
    /// Bring it back.
    End(usize),
    /// Give money back.
    Refund(usize),
    /// Agree to giving money back.
    Consent(usize, RefundId),
    /// Try to close time that is taken.
    Block,
    /// Open a settlement.
    OpenSettlement(Fate),
    /// Decide on a settlement.
    DecideSettlement(Fate, SettlementId),
    /// Compare all live slots.
    CompareSlots,
    /// In the shop.
    Shop(ShopTask),
}

/// Which card a guest pays with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Card {
    /// The first one.
    First,
    /// Another one.
    Second,
}

/// Who calls a booking off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Guest,
    Host,
    Admin,
}

/// What is to become of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Approved,
    Cancelled,
}

/// A task with its time; of two at one time the one that was planned first.
struct Due {
    at: Timestamp,
    order: u64,
    task: Task,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// A booking as its people know it.
struct Deal {
    booking: BookingId,
    stall: usize,
    guest: UserId,
    host: UserId,
    span: Span,
    total_won: i128,
    story: Story,
    manner: Manner,
    bill: Option<Bill>,
    due_at: Timestamp,
    /// The provider did not answer at first.
    unknown: bool,
    /// When it was paid, if it was in time.
    paid_at: Option<Timestamp>,
    ended: Option<Ended>,
    goodwill_won: i128,
    returned: bool,
    /// No longer live.
    over: bool,
}

/// A plan being played.
pub struct City<'d, D> {
    driver: &'d mut D,
    rng: Rng,
    plan: Plan,
    hosts: Vec<UserId>,
    guests: Vec<UserId>,
    stalls: Vec<Stall>,
    deals: Vec<Deal>,
    queue: BinaryHeap<Reverse<Due>>,
    planned: u64,
    tally: Tally,
    findings: Vec<String>,
    surprises: BTreeMap<String, u64>,
    bank_in_reach: bool,
    slot_checks: usize,
    shop: Shop,
}

/// What is left of a city when all is played.
pub struct Played {
    /// Every booking.
    pub records: Vec<Record>,
    /// Every purchase in the shop.
    pub sales: Vec<Sale>,
    /// How often what happened.
    pub tally: Tally,
    /// What should not have happened.
    pub findings: Vec<String>,
    /// What nobody had planned for.
    pub surprises: BTreeMap<String, u64>,
    /// Could payouts be made to fail?
    pub bank_in_reach: bool,
    /// How often all live slots were compared.
    pub slot_checks: usize,
}

impl<'d, D: Driver> City<'d, D> {
    /// Signs everybody up and lists the cars.
    ///
    /// # Errors
    /// When something breaks.
    pub async fn open(driver: &'d mut D, plan: Plan) -> Result<Self, AnyError> {
        driver.advance_to(plan.begins).await?;
        let (mut hosts, mut guests, mut stalls) = (Vec::new(), Vec::new(), Vec::new());
        for person in &plan.hosts {
            hosts.push(driver.register(person).await?);
        }
        for person in &plan.guests {
            guests.push(driver.register(person).await?);
        }
        for car in &plan.cars {
            let host = hosts[car.host];
            let vehicle = driver.list_vehicle(host, car).await?;
            granted("set a policy", driver.set_policy(host, vehicle, &car.policy).await?)?;
            if let Some(hours) = car.hours {
                granted("set opening hours", driver.set_hours(host, vehicle, hours).await?)?;
            }
            for block in &car.blocks {
                granted("block a period", driver.block(host, vehicle, *block).await?)?;
            }
            stalls.push(Stall { car: car.clone(), vehicle, blocks: car.blocks.clone(), lots: Vec::new() });
        }
        let rng = Rng::new(plan.seed.rotate_left(17));
        let mut city = Self {
            driver,
            rng,
            plan,
            hosts,
            guests,
            stalls,
            deals: Vec::new(),
            queue: BinaryHeap::new(),
            planned: 0,
            tally: Tally::default(),
            findings: Vec::new(),
            surprises: BTreeMap::new(),
            bank_in_reach: true,
            slot_checks: 0,
            shop: Shop::default(),
        };
        city.open_shop().await?;
        city.plan_tasks();
        Ok(city)
    }

    fn plan_tasks(&mut self) {
        let begins = self.plan.begins;
        let asks: Vec<_> = self.plan.requests.iter().map(|request| request.at).collect();
        for (number, at) in asks.into_iter().enumerate() {
            self.later(at, Task::Ask(number));
        }
        for at in self.plan.late_blocks.clone() {
            self.later(at, Task::Block);
        }
        let noon = |day: i64| later(begins, day * DAY_MIN + DAY_MIN / 2);
        self.later(noon(11), Task::OpenSettlement(Fate::Cancelled));
        self.later(noon(14), Task::OpenSettlement(Fate::Approved));
        self.later(noon(DAYS - 1), Task::OpenSettlement(Fate::Approved));
        for day in (SLOT_CHECK_EVERY..=DAYS).step_by(5) {
            self.later(later(begins, day * DAY_MIN - 1), Task::CompareSlots);
        }
    }

    /// Plays until nobody has anything left to do, and waits for what follows from it.
    ///
    /// # Errors
    /// When something breaks.
    pub async fn play(&mut self, progress: Progress<'_>) -> Result<(), AnyError> {
        let (mut asked, all) = (0, self.plan.requests.len());
        let mut last = self.plan.begins;
        while let Some(Reverse(Due { at, task, .. })) = self.queue.pop() {
            self.driver.advance_to(at).await?;
            last = at;
            self.act(at, task).await?;
            if matches!(task, Task::Ask(_)) {
                asked += 1;
                progress(asked, all);
            }
        }
        self.driver.advance_to(later(last, AFTERMATH_DAYS * DAY_MIN)).await
    }

    async fn act(&mut self, at: Timestamp, task: Task) -> Result<(), AnyError> {
        match task {
            Task::Ask(number) => {
                let request = self.plan.requests[number];
                self.ask(at, request).await
            }
            Task::Answer(deal) => self.answer(at, deal).await,
            Task::Pay(deal, card) => self.pay(at, deal, card).await,
            Task::Look(deal) => self.look(at, deal).await,
            Task::Cancel(deal, who) => self.cancel(at, deal, who).await,
            Task::NoShow(deal) => self.report_no_show(deal).await,
            Task::Start(deal) => self.start_trip(at, deal).await,
            Task::End(deal) => self.end_trip(at, deal).await,
            Task::Refund(deal) => self.refund(at, deal).await,
            Task::Consent(deal, refund) => self.consent(deal, refund).await,
            Task::Block => self.block_taken_time(at).await,
            Task::OpenSettlement(fate) => self.open_settlement(at, fate).await,
            Task::DecideSettlement(fate, settlement) => self.decide_settlement(fate, settlement).await,
            Task::CompareSlots => self.compare_slots(at).await,
            Task::Shop(task) => self.act_in_shop(at, task).await,
        }
    }

    /// What became of every booking in the end.
    ///
    /// # Errors
    /// When something breaks.
    pub async fn close(mut self) -> Result<Played, AnyError> {
        let mut records = Vec::with_capacity(self.deals.len());
        for number in 0..self.deals.len() {
            let status = self.see(number).await?;
            let deal = &self.deals[number];
            records.push(Record {
                booking: deal.booking,
                host: deal.host,
                total_won: deal.total_won,
                cancellation: self.stalls[deal.stall].car.policy.cancellation,
                starts_at: deal.span.0,
                order_id: deal.bill.as_ref().map(|bill| bill.order_id.clone()),
                confirmed: deal.paid_at.is_some(),
                unknown: deal.unknown,
                finished: matches!(status, Status::Completed | Status::Rejected | Status::Cancelled),
                ended: deal.ended,
                goodwill_won: deal.goodwill_won,
            });
        }
        let sales = self.close_shop().await?;
        let Self { tally, findings, surprises, bank_in_reach, slot_checks, .. } = self;
        Ok(Played { records, sales, tally, findings, surprises, bank_in_reach, slot_checks })
    }

    /// Looks at a booking and takes over what it shows.
    async fn see(&mut self, number: usize) -> Result<Status, AnyError> {
        let (guest, booking) = (self.deals[number].guest, self.deals[number].booking);
        let seen = self.driver.see(guest, booking).await?;
        let deal = &mut self.deals[number];
        deal.due_at = seen.due_at.unwrap_or(deal.due_at);
        deal.bill = seen.bill.or_else(|| deal.bill.take());
        let ended = matches!(seen.status, Status::Rejected | Status::Cancelled | Status::Completed);
        if ended && !deal.over {
            match seen.cause {
                Some(CancelCause::Expired) => self.tally.count(Kind::Expired),
                Some(CancelCause::PaymentLapsed) => self.tally.count(Kind::Lapsed),
                Some(CancelCause::Guest | CancelCause::Host | CancelCause::Admin | CancelCause::NoShow) | None => {
                    self.findings.push(format!("{booking} ended as {:?} {:?} without anybody's doing", seen.status, seen.cause));
                }
            }
            self.over(number);
        }
        Ok(seen.status)
    }

    /// A booking no longer takes its slot.
    fn over(&mut self, number: usize) {
        let deal = &mut self.deals[number];
        deal.over = true;
        for lot in self.stalls[deal.stall].lots.iter_mut().filter(|lot| lot.deal == number) {
            lot.live = false;
        }
    }

    fn later(&mut self, at: Timestamp, task: Task) {
        self.planned += 1;
        self.queue.push(Reverse(Due { at, order: self.planned, task }));
    }

    /// A time between two, so many minutes away from them.
    fn between(&mut self, from: Timestamp, to: Timestamp) -> Timestamp {
        let seconds = self.rng.between(0, to.as_second() - from.as_second());
        from.checked_add(kernel::jiff::SignedDuration::from_secs(seconds)).unwrap_or(from)
    }

    fn surprise(&mut self, what: &str, no: &No) {
        *self.surprises.entry(format!("{what}: {}", no.0)).or_default() += 1;
    }
}

/// What cannot be refused in a month of ours.
fn granted<T>(what: &str, answer: Result<T, No>) -> Result<T, AnyError> {
    answer.map_err(|No(code)| format!("cannot {what}: {code}").into())
}
