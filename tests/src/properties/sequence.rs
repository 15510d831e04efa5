//! One sequence: people act, clocks jump, the driver catches up, and after every command model and auditors are asked.

use std::collections::{BTreeMap, VecDeque};

use eventlog::Recorded;
use uuid::Uuid;

use super::action::{Action, choose, wish};
use super::audit::{Audit, Property, Violation};
use super::dice::Dice;
use super::driver::{Driver, Task};
use super::model::{DAY, Deal, HOUR, MINUTE, Model, Stage, Status};
use super::outside::Outside;
use super::play::{Done, Minted, Outcome, follow, foresee, instant, perform};
use super::sabotage::{Broken, Sabotage};
use super::world::{FINANCE, World, beginning};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Commands of people; those of timers and answers come on top.
    pub commands: usize,
    /// So many of a hundred new things happen in the shop.
    pub shop: u64,
    pub sabotage: Option<Sabotage>,
    /// Run on until this property fails, whatever else does.
    pub until: Option<Property>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    pub seed: u64,
    /// Commands of people, and of the driver.
    pub commands: (usize, usize),
    pub events: u64,
    pub violations: Vec<Violation>,
    /// The last things that happened.
    pub last: VecDeque<String>,
    /// How often each kind of action got which answer.
    pub answers: BTreeMap<String, usize>,
    /// How often each kind of event happened.
    pub facts: BTreeMap<String, usize>,
}

/// How many of the last things are remembered.
const MEMORY: usize = 40;
/// More rounds than this are not needed for everything to come to rest.
const MAX_ROUNDS: usize = 5_000;

/// A command of a person that may be sent again.
#[derive(Clone, Debug)]
struct Sent {
    action: Action,
    key: String,
    outcome: Outcome,
}

/// A sequence under way.
pub struct Sequence {
    pub world: World,
    pub model: Model,
    pub driver: Driver,
    pub outside: Outside,
    pub audit: Audit,
    pub dice: Dice,
    pub report: Report,
    plan: Plan,
    sent: Vec<Sent>,
    skipped: u64,
    /// The deal that the clock moved for.
    focus: Option<usize>,
}

/// Runs one sequence to its end, or to the first violation.
pub async fn run(plan: Plan) -> Report {
    let _broken = Broken::rule(plan.sabotage);
    let mut sequence = Sequence::new(plan).await;
    sequence.catch_up(None).await;
    for _ in 0..plan.commands {
        if sequence.is_over() {
            return sequence.report();
        }
        sequence.step().await;
    }
    sequence.settle_all().await;
    sequence.come_to_rest().await;
    sequence.report()
}

impl Sequence {
    async fn new(plan: Plan) -> Self {
        let world = World::new(plan.seed).await;
        let model = Model::new(&world.cast, beginning().as_microsecond());
        let (seed, commands, last) = (plan.seed, (0, 0), VecDeque::new());
        let report = Report { seed, commands, events: 0, violations: Vec::new(), last, answers: BTreeMap::new(), facts: BTreeMap::new() };
        let mut audit = Audit::default();
        audit.money.loses_postings = plan.sabotage == Some(Sabotage::LostPosting);
        let (driver, outside, dice) = (Driver::default(), Outside::default(), Dice::new(plan.seed));
        Self { world, model, driver, outside, audit, dice, report, plan, sent: Vec::new(), skipped: 0, focus: None }
    }

    fn is_over(&self) -> bool {
        match self.plan.until {
            None => !self.audit.findings.0.is_empty(),
            Some(property) => self.audit.findings.0.iter().any(|violation| violation.property == property),
        }
    }

    fn report(mut self) -> Report {
        self.report.events = self.audit.log.position();
        self.report.violations = std::mem::take(&mut self.audit.findings.0);
        self.report
    }

    /// Keeps in mind what happened.
    pub fn remember(&mut self, what: String) {
        if self.report.last.len() == MEMORY {
            self.report.last.pop_front();
        }
        self.report.last.push_back(what);
    }

    async fn step(&mut self) {
        if self.focus.is_none() && self.dice.chance(40) {
            self.jump().await;
        }
        match self.dice.between(0, 99) {
            0..=3 if !self.sent.is_empty() => self.repeat().await,
            4..=5 if !self.sent.is_empty() => self.reuse().await,
            6 => self.world.restart().await,
            _ => {
                let focus = self.focus.take();
                let action = choose(&mut self.dice, &self.model, focus, self.plan.shop);
                self.act(action).await;
            }
        }
        if self.dice.chance(70) {
            self.work_off().await;
        }
    }

    /// The clock moves: a little, to where something interesting is, or far.
    async fn jump(&mut self) {
        let now = self.model.now;
        let to = match self.dice.between(0, 9) {
            0 => now + self.dice.between(0, HOUR),
            1..=7 => self.interesting().unwrap_or(now + 10 * MINUTE),
            8 => now + self.dice.between(HOUR, DAY),
            _ => now + self.dice.between(DAY, 9 * DAY),
        };
        // Timers run in their time, or all at once and too late.
        if self.dice.chance(60) {
            while let Some(due) = self.next_due().filter(|due| *due <= to) {
                self.set_clock(due);
                if !self.work_off().await {
                    break;
                }
            }
        }
        self.set_clock(to);
    }

    /// A moment at which an answer changes for somebody, give or take a microsecond.
    fn interesting(&mut self) -> Option<i64> {
        let out = |car| self.model.deals.iter().any(|deal| deal.car == car && deal.status == Status::Active);
        let weight = |deal: &Deal| match deal.status {
            _ if deal.goods.as_ref().is_some_and(|goods| !goods.is_over()) => 1,
            _ if deal.goods.is_some() => 0,
            // The next guest comes, and the car is still out.
            Status::Confirmed if out(deal.car) => 60,
            Status::Confirmed | Status::Active => 5,
            Status::Pending | Status::Approved => 1,
            Status::Completed | Status::Rejected | Status::Cancelled => 0,
        };
        let deals: Vec<usize> = self.model.deals.iter().enumerate().flat_map(|(at, deal)| std::iter::repeat_n(at, weight(deal))).collect();
        let at = self.dice.pick(&deals)?;
        self.focus = Some(at);
        let deal = &self.model.deals[at];
        let moments = match deal.status {
            _ if let Some(goods) = &deal.goods => vec![goods.due, goods.due + MINUTE],
            Status::Confirmed => {
                vec![deal.from - 15 * MINUTE, deal.from, deal.from, deal.from + 30 * MINUTE, deal.from - DAY, deal.from - HOUR]
            }
            Status::Active => vec![deal.to, deal.to + 31 * MINUTE],
            _ => vec![deal.pay.as_ref().map_or(deal.expires, |pay| pay.due), deal.from - 10 * MINUTE],
        };
        let ahead: Vec<i64> = moments.into_iter().filter(|at| *at > self.model.now).collect();
        Some(self.dice.pick(&ahead)? + self.dice.between(-1, 1))
    }

    fn set_clock(&mut self, to: i64) {
        if to > self.model.now {
            self.model.now = to;
            self.world.ctx.clock.advance_to(instant(to));
        }
    }

    /// Somebody does something.
    pub async fn act(&mut self, action: Action) {
        let key = format!("key-{}", self.report.commands.0);
        let foreseen = foresee(&self.model, &action);
        let nameless = action.payment_of().is_some_and(|deal| self.model.deals[deal].pay.is_none());
        let outcome = self.send(&action, Some(key.clone())).await;
        let told = outcome.as_ref().map(|_| ()).map_err(|(code, _)| code.clone());
        self.remember(format!("{} {action:?} → {}", instant(self.model.now), told.as_ref().err().map_or("yes", String::as_str)));
        let agree = told.as_ref().map_err(String::as_str) == foreseen.as_ref().map_err(|code| *code);
        let what = || format!("{action:?} is answered {told:?}, the model says {foreseen:?}");
        self.audit.findings.hold(Property::Model, agree, what);
        let events = self.catch_up(outcome.as_ref().ok()).await;
        let name = format!("{action:?}");
        let kind = name.split([' ', '(', '{']).next().unwrap_or_default();
        let answer = told.as_ref().err().map_or("yes", String::as_str);
        *self.report.answers.entry(format!("{kind} {answer}")).or_default() += 1;
        if let Ok(done) = &outcome {
            follow(&mut self.model, &action, done, &Minted::of(&events));
            // Who has got something will often go on with it.
            self.focus = action.leads_to(self.model.deals.len()).filter(|_| self.dice.chance(60));
        } else {
            self.audit.findings.hold(Property::E2, events.is_empty(), || format!("a refused command appended {} events", events.len()));
        }
        self.compare();
        self.report.commands.0 += 1;
        // A malformed command leaves no receipt: its key may still be used. What names a payment is another command once there is one.
        if told.err().is_none_or(|code| code != "SYS003") && !nameless {
            self.sent.push(Sent { action, key, outcome });
        }
    }

    async fn send(&self, action: &Action, key: Option<String>) -> Outcome {
        let caller = self.world.caller(action.who(), key);
        perform(&self.world.ctx, &caller, &self.model, action).await
    }

    /// The same command again under its key: the same answer, and nothing new (E3).
    async fn repeat(&mut self) {
        let Sent { action, key, outcome, .. } = self.sent[self.dice.index(self.sent.len())].clone();
        let key = (self.plan.sabotage != Some(Sabotage::ForgottenKey)).then_some(key);
        let again = self.send(&action, key).await;
        let events = self.catch_up(None).await;
        self.remember(format!("{} again {action:?}", instant(self.model.now)));
        let right = match (&outcome, &again) {
            (Ok(first), Ok(second)) => same(first, second),
            (Err((first, _)), Err((second, replayed))) => first == second && *replayed,
            _ => false,
        };
        let what = || format!("{action:?} was answered {outcome:?}, now {again:?} with {} events", events.len());
        self.audit.findings.hold(Property::E3, right && events.is_empty(), what);
        self.report.commands.0 += 1;
    }

    /// Another command under a key that is used: refused, and nothing new (E3).
    async fn reuse(&mut self) {
        let Sent { action, key, .. } = self.sent[self.dice.index(self.sent.len())].clone();
        // A key is its actor's own, and no two wishes are the same to the microsecond.
        let mut wish = wish(&mut self.dice, &self.model);
        (wish.guest, wish.to) = (action.who(), wish.to + 1);
        let other = Action::Request(wish);
        let told = self.send(&other, Some(key)).await;
        let events = self.catch_up(None).await;
        let refused = told.as_ref().is_err_and(|(code, _)| code == "SYS004");
        self.audit.findings.hold(Property::E3, refused && events.is_empty(), || format!("the key of {action:?} did {other:?}: {told:?}"));
        self.report.commands.0 += 1;
    }

    /// Reads what is new in the log: to the auditors and to the driver.
    pub async fn catch_up(&mut self, done: Option<&Done>) -> Vec<(Recorded, domain::Event)> {
        let mut new = Vec::new();
        loop {
            let after = self.audit.log.position() + self.skipped + new.len() as u64;
            let page = self.world.ctx.log.read(after, 1_000).await.unwrap();
            let more = page.len() == 1_000;
            new.extend(page.into_iter().map(|recorded| {
                let event = domain::Event::today(recorded.stream.kind(), &recorded.event_type, &recorded.payload).unwrap().unwrap();
                (recorded, event)
            }));
            if !more {
                break;
            }
        }
        for (at, (recorded, event)) in new.iter().enumerate() {
            let last_of_many = at > 0 && at + 1 == new.len();
            let lost = match self.plan.sabotage {
                Some(Sabotage::SkippedEvent) => recorded.position.is_multiple_of(97),
                Some(Sabotage::TornAppend) => last_of_many && recorded.position.is_multiple_of(3),
                _ => false,
            };
            if lost {
                self.skipped += 1;
                continue;
            }
            *self.report.facts.entry(recorded.event_type.clone()).or_default() += 1;
            if let domain::Event::Payment(domain::payment::Event::PaymentCompleted { late: true, .. }) = event {
                *self.report.facts.entry("late money".to_owned()).or_default() += 1;
            }
            self.audit.read(recorded, event);
            self.driver.read(recorded, event, &mut self.dice, self.outside.calm);
        }
        if let Some(done) = done {
            self.audit.log.receipt(&done.receipt, &mut self.audit.findings);
        }
        self.audit.pause();
        new
    }

    /// The model and the log agree on slots, bookings, stocks and accounts.
    pub fn compare(&mut self) {
        let standings = self.model.deals.iter().filter(|deal| deal.goods.is_none()).map(|deal| (deal.id, deal.status)).collect();
        let slots = self.model.deals.iter().filter(|deal| deal.live()).map(|deal| (deal.id, deal.wide)).collect();
        let (Audit { booking, money, shop, findings, .. }, model) = (&mut self.audit, &self.model);
        let (theirs, theirs_slots) = (booking.standings(), booking.slots());
        findings.hold(Property::Model, theirs == standings, || format!("bookings: {theirs:?}, the model says {standings:?}"));
        findings.hold(Property::Model, theirs_slots == slots, || format!("slots: {theirs_slots:?}, the model says {slots:?}"));
        let count = |(product, id): (usize, &Uuid)| (*id, (model.products[product].on_hand, model.reserved(product)));
        let (theirs, ours) = (shop.shelves(), model.cast.products.iter().enumerate().map(count).collect());
        findings.hold(Property::Model, theirs == ours, || format!("stocks: {theirs:?}, the model says {ours:?}"));
        let accounts = money.accounts();
        findings
            .hold(Property::Model, *accounts == model.accounts, || format!("accounts: {accounts:?}, the model says {:?}", model.accounts));
    }

    fn next_due(&self) -> Option<i64> {
        [self.driver.next_due(), self.outside.next_arrival()].into_iter().flatten().min()
    }

    /// Does all that has fallen due; `false` when that was nothing.
    async fn work_off(&mut self) -> bool {
        let mut any = false;
        for _ in 0..MAX_ROUNDS {
            self.hear_notices();
            if self.is_over() {
                return false;
            }
            let Some(Task { work, key, .. }) = self.driver.take(self.model.now) else {
                self.audit.caught_up();
                return any;
            };
            any = true;
            self.report.commands.1 += 1;
            self.perform_work(work, key).await;
            self.compare();
        }
        any
    }

    /// What was earned is settled, while everything still goes wrong.
    async fn settle_all(&mut self) {
        let [one, other] = FINANCE;
        for _ in 0..3 {
            self.set_clock(self.model.now + 2 * DAY);
            if let Some(batch) = self.model.batches.iter().position(|batch| batch.stage == Stage::Open) {
                self.act(Action::CallOff { batch, who: one }).await;
            }
            self.act(Action::OpenBatch { who: one, end: self.model.now }).await;
            self.act(Action::Sign { batch: self.model.batches.len().saturating_sub(1), who: other }).await;
            self.work_off().await;
            if self.is_over() {
                return;
            }
        }
    }

    /// Everything answers, and the clock runs on until nothing is left to be done.
    async fn come_to_rest(&mut self) {
        self.outside.calm = true;
        for _ in 0..MAX_ROUNDS {
            self.work_off().await;
            if self.is_over() {
                return;
            }
            let Some(due) = self.next_due() else { break };
            self.set_clock(due);
        }
        self.audit.rest(self.model.now, &self.outside);
    }
}

/// Equal answers, but for being a replay; an answer that appended nothing carries the head of its time.
fn same(first: &Done, second: &Done) -> bool {
    let (one, other) = (&first.receipt, &second.receipt);
    let position = one.position == other.position || one.event_ids.is_empty();
    first.value == second.value && one.command_id == other.command_id && one.event_ids == other.event_ids && position && other.replayed
}
