//! A payment provider and a bank with books of their own, which answer late, twice, never, or not at all.

use std::collections::BTreeMap;

use super::dice::Dice;
use super::model::{DAY, HOUR, MINUTE};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Done and answered.
    Fine,
    /// Refused for good.
    Refused,
    /// Done, but the answer is lost.
    AnswerLost,
    /// Lost on its way.
    CallLost,
    /// Slow: done at that time, after everybody gave it up.
    Straggling(i64),
}

/// What the caller hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, at this time.
    Done(i64),
    /// Refused for good.
    Refused,
    /// Nothing.
    Silence,
    /// To a question: never heard of it.
    NotFound,
}

/// An order in the provider's book.
#[derive(Clone, Debug, Default)]
struct Order {
    /// How much, and when.
    captured: Option<(i128, i64)>,
    /// By idempotency key.
    refunds: BTreeMap<String, (i128, i64)>,
}

/// A capture on its way.
#[derive(Clone, Debug)]
struct Straggler {
    at: i64,
    order: String,
    amount: i128,
}

/// Both of them.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    orders: BTreeMap<String, Order>,
    refused: BTreeMap<String, ()>,
    stragglers: Vec<Straggler>,
    paid: BTreeMap<String, (i128, i64)>,
    came_back: i128,
    /// From now on everything is answered at once.
    pub calm: bool,
}

impl Outside {
    /// What happens to the next call that moves money.
    pub fn fate(&self, dice: &mut Dice, now: i64) -> Fate {
        match dice.between(0, 99) {
            _ if self.calm => Fate::Fine,
            0..=69 => Fate::Fine,
            70..=78 => Fate::Refused,
            79..=86 => Fate::AnswerLost,
            87..=95 => Fate::CallLost,
            _ => Fate::Straggling(now + dice.between(MINUTE, 6 * HOUR)),
        }
    }

    /// Does a question stay unanswered?
    pub fn silent(&self, dice: &mut Dice) -> bool {
        !self.calm && dice.chance(25)
    }

    /// Captures an order, once.
    pub fn capture(&mut self, order: &str, key: &str, amount: i128, fate: Fate, now: i64) -> Reply {
        if let Some((_, at)) = self.orders.get(order).and_then(|order| order.captured) {
            return Reply::Done(at);
        }
        if self.refused.contains_key(key) {
            return Reply::Refused;
        }
        match fate {
            Fate::Refused => {
                self.refused.insert(key.to_owned(), ());
                Reply::Refused
            }
            Fate::CallLost => Reply::Silence,
            Fate::Straggling(at) => {
                self.stragglers.push(Straggler { at, order: order.to_owned(), amount });
                Reply::Silence
            }
            Fate::Fine | Fate::AnswerLost => {
                self.orders.entry(order.to_owned()).or_default().captured = Some((amount, now));
                if fate == Fate::Fine { Reply::Done(now) } else { Reply::Silence }
            }
        }
    }

    /// What became of an order?
    pub fn find(&self, order: &str) -> Reply {
        self.orders.get(order).and_then(|order| order.captured).map_or(Reply::NotFound, |(_, at)| Reply::Done(at))
    }

    /// Captures on their way that have arrived: the orders that are paid now, for which a notice goes out.
    pub fn arrivals(&mut self, now: i64) -> Vec<String> {
        let (arrived, under_way) = std::mem::take(&mut self.stragglers).into_iter().partition(|straggler| straggler.at <= now);
        self.stragglers = under_way;
        let mut notices = Vec::new();
        let arrived: Vec<Straggler> = arrived;
        for Straggler { at, order, amount } in arrived {
            let known = self.orders.entry(order.clone()).or_default();
            // An order is paid once.
            if known.captured.is_none() {
                known.captured = Some((amount, at));
                notices.push(order);
            }
        }
        notices
    }

    /// When the next capture arrives.
    pub fn next_arrival(&self) -> Option<i64> {
        self.stragglers.iter().map(|straggler| straggler.at).min()
    }

    /// Gives back, once for each key.
    pub fn refund(&mut self, order: &str, key: &str, amount: i128, fate: Fate, now: i64) -> Reply {
        let Some(known) = self.orders.get_mut(order) else { return Reply::Refused };
        if let Some((_, at)) = known.refunds.get(key) {
            return Reply::Done(*at);
        }
        let (captured, given) =
            (known.captured.map_or(0, |(amount, _)| amount), known.refunds.values().map(|(amount, _)| amount).sum::<i128>());
        if self.refused.contains_key(key) || given + amount > captured {
            return Reply::Refused;
        }
        match fate {
            Fate::Refused => {
                self.refused.insert(key.to_owned(), ());
                Reply::Refused
            }
            Fate::CallLost => Reply::Silence,
            Fate::Fine | Fate::AnswerLost | Fate::Straggling(_) => {
                known.refunds.insert(key.to_owned(), (amount, now));
                if fate == Fate::Fine { Reply::Done(now) } else { Reply::Silence }
            }
        }
    }

    /// What became of a refund?
    pub fn find_refund(&self, order: &str, key: &str) -> Reply {
        let found = self.orders.get(order).and_then(|order| order.refunds.get(key));
        found.map_or(Reply::NotFound, |(_, at)| Reply::Done(*at))
    }

    /// Pays a payout, once.
    pub fn pay(&mut self, payout: &str, amount: i128, fate: Fate, now: i64) -> Reply {
        if let Some((_, at)) = self.paid.get(payout) {
            return Reply::Done(*at);
        }
        if self.refused.contains_key(payout) {
            return Reply::Refused;
        }
        match fate {
            Fate::Refused => {
                self.refused.insert(payout.to_owned(), ());
                Reply::Refused
            }
            Fate::CallLost => Reply::Silence,
            Fate::Fine | Fate::AnswerLost | Fate::Straggling(_) => {
                self.paid.insert(payout.to_owned(), (amount, now));
                if fate == Fate::Fine { Reply::Done(now) } else { Reply::Silence }
            }
        }
    }

    /// What became of a payout?
    pub fn find_payout(&self, payout: &str) -> Reply {
        match self.paid.get(payout) {
            Some((_, at)) => Reply::Done(*at),
            None if self.refused.contains_key(payout) => Reply::Refused,
            None => Reply::NotFound,
        }
    }

    /// A payout that was paid comes back.
    pub fn send_back(&mut self, amount: i128) {
        self.came_back += amount;
    }

    /// What the provider holds for us, order by order.
    pub fn held(&self) -> BTreeMap<String, i128> {
        let of =
            |order: &Order| order.captured.map_or(0, |(amount, _)| amount) - order.refunds.values().map(|(amount, _)| amount).sum::<i128>();
        self.orders.iter().map(|(id, order)| (id.clone(), of(order))).collect()
    }

    /// What left our bank account.
    pub fn left_the_bank(&self) -> i128 {
        self.paid.values().map(|(amount, _)| amount).sum::<i128>() - self.came_back
    }

    /// How long an answer takes that comes late.
    pub fn lateness(dice: &mut Dice) -> i64 {
        if dice.chance(85) { dice.between(0, 10 * MINUTE) } else { dice.between(HOUR, 2 * DAY) }
    }
}
