//! Slots, prices, and the life of a deal.

use domain::cancellation::CancellationPolicy;
use uuid::Uuid;

use super::super::world::{ADMIN, MAX_PENDING};
use super::{Capture, DAY, Deal, HOUR, MINUTE, Model, Pay, Status, Verdict};

/// What is asked for in a request.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub guest: usize,
    pub car: usize,
    pub from: i64,
    pub to: i64,
    /// The total that the guest expects, and whether it is in won.
    pub expected: Option<(i128, bool)>,
}

/// Do two periods share an instant?
pub const fn meet(a: (i64, i64), b: (i64, i64)) -> bool {
    a.0 < b.1 && b.0 < a.1
}

/// Is every minute of a period inside a window? Seoul is nine hours ahead all year.
pub fn inside(windows: &[(u8, u16, u16)], (from, to): (i64, i64)) -> bool {
    let mut at = from;
    while at < to {
        let minutes = (at + 9 * HOUR).div_euclid(MINUTE);
        // The first of January 1970 was a Thursday.
        let (weekday, minute) = ((minutes.div_euclid(1_440) + 4).rem_euclid(7), minutes.rem_euclid(1_440));
        let covers =
            |(day, first, last): &(u8, u16, u16)| i64::from(*day) == weekday && i64::from(*first) <= minute && minute < i64::from(*last);
        if !windows.iter().any(covers) {
            return windows.is_empty();
        }
        at = at.div_euclid(MINUTE) * MINUTE + MINUTE;
    }
    true
}

/// Ten minutes after ten minutes, each begun one paid: the total and the fifteen percent of it.
pub fn price(rate: i128, length: i64) -> (i128, i128) {
    let mut tens = 0;
    while tens * 10 * MINUTE < length {
        tens += 1;
    }
    let sixths = rate * i128::from(tens);
    let total = sixths / 6 + i128::from(sixths % 6 != 0);
    (total, (total * 15 + 50) / 100)
}

/// When a request ends unanswered.
pub const fn expiry(now: i64, start: i64) -> i64 {
    let lead = start - now;
    if lead > 10 * HOUR {
        now + 8 * HOUR
    } else if lead >= 4 * HOUR {
        start - 2 * HOUR
    } else {
        now + lead / 2
    }
}

/// When an approved booking lapses unpaid.
pub fn due(now: i64, start: i64) -> i64 {
    let soon = if now + 2 * HOUR < start - 30 * MINUTE { now + 2 * HOUR } else { start - 30 * MINUTE };
    soon.max(now + 10 * MINUTE)
}

/// What of a total a guest gets back.
pub fn refund(policy: CancellationPolicy, total: i128, start: i64, paid_at: i64, now: i64) -> i128 {
    let lead = start - now;
    let steps: [(i64, i128); 2] = match policy {
        CancellationPolicy::Flexible => [(HOUR, 100), (0, 50)],
        CancellationPolicy::Standard => [(DAY, 100), (0, 50)],
        CancellationPolicy::Strict => [(7 * DAY, 100), (2 * DAY, 50)],
    };
    let in_grace = policy == CancellationPolicy::Standard && now <= paid_at + 30 * MINUTE;
    let percent = if lead <= 0 {
        0
    } else if lead >= steps[0].0 || in_grace {
        100
    } else if lead >= steps[1].0 {
        50
    } else {
        0
    };
    (total * percent * 2 + 100) / 200
}

impl Model {
    /// What a request must be answered.
    pub fn may_request(&self, wish: &Wish) -> Verdict {
        if wish.to <= wish.from {
            return Err("SYS003");
        }
        let (car, wide) = (&self.cars[wish.car], self.widened(wish));
        if self.deals.iter().any(|deal| deal.car == wish.car && deal.live() && meet(deal.wide, wide)) {
            return Err("BOOKING002");
        }
        let period = (wish.from, wish.to);
        if car.blocks.iter().any(|block| meet(*block, period)) || !inside(&car.windows, period) {
            return Err("BOOKING003");
        }
        if wish.guest == car.owner {
            return Err("BOOKING005");
        }
        let (lead, length) = (wish.from - self.now, wish.to - wish.from);
        let least = if car.rules.instant { 10 * MINUTE } else { HOUR };
        let lead_fits = lead >= least && lead >= car.rules.notice && lead <= car.rules.advance;
        if !lead_fits || length < car.rules.shortest || length > car.rules.longest {
            return Err("BOOKING006");
        }
        let waiting = self.deals.iter().filter(|deal| deal.guest == wish.guest && deal.status == Status::Pending).count();
        if waiting >= MAX_PENDING {
            return Err("BOOKING007");
        }
        match wish.expected {
            Some((_, false)) => Err("SYS003"),
            Some((total, true)) if total != price(car.rate, length).0 => Err("BOOKING010"),
            _ => Ok(()),
        }
    }

    fn widened(&self, wish: &Wish) -> (i64, i64) {
        let rules = &self.cars[wish.car].rules;
        (wish.from - rules.before, wish.to + rules.after)
    }

    /// A request that went through; with its payment when it was approved at once.
    pub fn request(&mut self, wish: &Wish, id: Uuid, payment: Option<Uuid>) {
        let (car, wide) = (&self.cars[wish.car], self.widened(wish));
        let (total, fee) = price(car.rate, wish.to - wish.from);
        self.deals.push(Deal {
            id,
            car: wish.car,
            guest: wish.guest,
            from: wish.from,
            to: wish.to,
            wide,
            total,
            fee,
            refunds: car.rules.refunds,
            expires: expiry(self.now, wish.from),
            status: Status::Pending,
            odometer: 0,
            pay: None,
            goods: None,
        });
        if let Some(payment) = payment {
            self.approve(self.deals.len() - 1, payment);
        }
    }

    /// The host of a deal.
    pub fn host(&self, deal: usize) -> usize {
        let known = &self.deals[deal];
        known.goods.as_ref().map_or_else(|| self.cars[known.car].owner, |goods| goods.seller)
    }

    fn for_party(&self, deal: usize, who: usize) -> Verdict {
        if who == self.deals[deal].guest || who == self.host(deal) { Ok(()) } else { Err("BOOKING001") }
    }

    fn for_host(&self, deal: usize, who: usize) -> Verdict {
        self.for_party(deal, who)?;
        if who == self.host(deal) { Ok(()) } else { Err("AUTH010") }
    }

    fn only(&self, deal: usize, status: Status) -> Verdict {
        if self.deals[deal].status == status { Ok(()) } else { Err("BOOKING004") }
    }

    /// What an approval must be answered.
    pub fn may_approve(&self, deal: usize, who: usize) -> Verdict {
        self.for_host(deal, who)?;
        self.only(deal, Status::Pending)?;
        let Deal { expires, from, .. } = self.deals[deal];
        if self.now >= expires || from - self.now < 10 * MINUTE { Err("BOOKING008") } else { Ok(()) }
    }

    /// An approval that went through.
    pub fn approve(&mut self, deal: usize, payment: Uuid) {
        let now = self.now;
        let deal = &mut self.deals[deal];
        deal.status = Status::Approved;
        let (due, capture) = (due(now, deal.from), Capture::Waiting);
        deal.pay = Some(Pay { id: payment, due, capture, attempts: 0, paid_at: 0, released: false, backs: Vec::new() });
    }

    /// What a rejection must be answered.
    pub fn may_reject(&self, deal: usize, who: usize) -> Verdict {
        self.for_host(deal, who)?;
        self.only(deal, Status::Pending)
    }

    /// A rejection that went through.
    pub fn reject(&mut self, deal: usize) {
        self.deals[deal].status = Status::Rejected;
    }

    /// What a cancellation must be answered.
    pub fn may_cancel(&self, deal: usize, who: usize) -> Verdict {
        if who != ADMIN {
            self.for_party(deal, who)?;
        }
        let (guest, host) = (who == self.deals[deal].guest, who == self.host(deal));
        match self.deals[deal].status {
            Status::Pending if guest => Ok(()),
            Status::Approved if guest || host => Ok(()),
            Status::Confirmed => Ok(()),
            _ => Err("BOOKING004"),
        }
    }

    /// A cancellation that went through; with the refund's id, if money goes back.
    pub fn cancel(&mut self, deal: usize, who: usize, back: Option<Uuid>) {
        let (now, confirmed) = (self.now, self.deals[deal].status == Status::Confirmed);
        let known = &self.deals[deal];
        let paid_at = known.pay.as_ref().map_or(0, |pay| pay.paid_at);
        let full = who != known.guest;
        let quote = if full { known.total } else { refund(known.refunds, known.total, known.from, paid_at, now) };
        self.end(deal, Capture::Voided, if confirmed { quote } else { 0 }, back);
    }

    /// What a report of absence must be answered.
    pub fn may_report(&self, deal: usize, who: usize) -> Verdict {
        self.for_host(deal, who)?;
        self.only(deal, Status::Confirmed)?;
        if self.now < self.deals[deal].from + 30 * MINUTE { Err("BOOKING006") } else { Ok(()) }
    }

    /// A report that went through.
    pub fn report(&mut self, deal: usize) {
        self.end(deal, Capture::Voided, 0, None);
    }

    /// A timer: nobody answered.
    pub fn expire(&mut self, deal: usize) {
        if self.deals[deal].status == Status::Pending && self.now >= self.deals[deal].expires {
            self.end(deal, Capture::Expired, 0, None);
        }
    }

    /// A timer: nobody paid.
    pub fn lapse(&mut self, deal: usize) {
        let late = self.deals[deal].pay.as_ref().is_some_and(|pay| self.now >= pay.due);
        if self.deals[deal].status == Status::Approved && late {
            self.end(deal, Capture::Expired, 0, None);
        }
    }

    /// The end without a trip: what was paid goes back in part, the rest to host and platform.
    fn end(&mut self, deal: usize, unpaid: Capture, quote: i128, back: Option<Uuid>) {
        self.deals[deal].status = Status::Cancelled;
        let Some(pay) = &mut self.deals[deal].pay else { return };
        if pay.capture == Capture::Waiting {
            pay.capture = unpaid;
        }
        if pay.capture == Capture::Paid {
            // What went back before counts.
            let amount = quote - self.refunded(deal);
            if let Some(back) = back.filter(|_| amount > 0) {
                self.give_back(deal, back, amount);
            }
            self.release(deal);
        }
    }

    /// What the start of a trip must be answered.
    pub fn may_start(&self, deal: usize, who: usize, odometer: i32) -> Verdict {
        self.for_party(deal, who)?;
        if !(0..=9_999_999).contains(&odometer) {
            return Err("SYS003");
        }
        if self.deals[deal].status == Status::Approved {
            return Err("BOOKING012");
        }
        self.only(deal, Status::Confirmed)?;
        if self.now < self.deals[deal].from - 15 * MINUTE || self.now >= self.deals[deal].to {
            return Err("BOOKING012");
        }
        let car = self.deals[deal].car;
        let out = self.deals.iter().any(|other| other.car == car && other.status == Status::Active);
        let closed = self.cars[car].blocks.iter().any(|(from, to)| *from <= self.now && self.now < *to);
        if out || closed { Err("BOOKING015") } else { Ok(()) }
    }

    /// A trip that began.
    pub fn start(&mut self, deal: usize, odometer: i32) {
        self.deals[deal].status = Status::Active;
        self.deals[deal].odometer = odometer.unsigned_abs();
    }

    /// What the end of a trip must be answered.
    pub fn may_finish(&self, deal: usize, who: usize, odometer: i32) -> Verdict {
        self.for_party(deal, who)?;
        if !(0..=9_999_999).contains(&odometer) {
            return Err("SYS003");
        }
        self.only(deal, Status::Active)?;
        if odometer.unsigned_abs() < self.deals[deal].odometer { Err("BOOKING013") } else { Ok(()) }
    }

    /// A trip that ended.
    pub fn finish(&mut self, deal: usize) {
        self.deals[deal].status = Status::Completed;
        self.release(deal);
    }

    /// What closing a period must be answered.
    pub fn may_block(&self, car: usize, who: usize, period: (i64, i64)) -> Verdict {
        if who != self.cars[car].owner {
            return Err("AUTH010");
        }
        if period.1 <= period.0 {
            return Err("SYS003");
        }
        let hit = self.deals.iter().any(|deal| deal.car == car && deal.live() && meet((deal.from, deal.to), period));
        if hit { Err("AVL002") } else { Ok(()) }
    }
}
