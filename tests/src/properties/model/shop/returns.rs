//! What comes back, and what never leaves.

use uuid::Uuid;

use super::{DAY, Lines, Model, Step, Verdict};

impl Model {
    /// What a return must be answered.
    pub fn may_return(&self, deal: usize, who: usize, lines: &Lines) -> Verdict {
        self.for_side(deal, who, true, false)?;
        let Some(goods) = self.goods(deal) else { return Err("SHOP005") };
        let malformed = lines.iter().any(|(_, units)| *units < 0);
        match goods.step {
            _ if malformed => Err("SYS003"),
            Step::Completed => Err("SHOP006"),
            Step::Delivered if goods.returning.is_none() && self.now > goods.delivered + 7 * DAY => Err("SHOP006"),
            Step::Delivered if goods.returning.is_none() => self.may_take(deal, lines, Step::Delivered, |item| item.cut + item.returned),
            _ => Err("SHOP005"),
        }
    }

    /// A return that was asked for.
    pub fn ask_back(&mut self, deal: usize, lines: &Lines) {
        let now = self.now;
        if let Some(goods) = self.goods_mut(deal) {
            goods.returning = goods.take(lines, |item| item.cut + item.returned);
            goods.answer_due = now + 14 * DAY;
        }
    }

    fn is_asked_back(&self, deal: usize) -> Verdict {
        let asked = self.goods(deal).is_some_and(|goods| goods.step == Step::Delivered && goods.returning.is_some());
        if asked { Ok(()) } else { Err("SHOP005") }
    }

    /// What a yes or a no to a return must be answered.
    pub fn may_answer(&self, deal: usize, who: usize) -> Verdict {
        self.for_side(deal, who, false, true)?;
        self.is_asked_back(deal)
    }

    /// What a buyer must be answered who keeps the units after all.
    pub fn may_withdraw(&self, deal: usize, who: usize) -> Verdict {
        self.for_side(deal, who, true, false)?;
        self.is_asked_back(deal)
    }

    /// The units stay with the buyer.
    pub fn keep(&mut self, deal: usize) {
        let now = self.now;
        if let Some(goods) = self.goods_mut(deal) {
            (goods.returning, goods.due) = (None, goods.due.max(now));
        }
    }

    /// Nobody answered, if it is time.
    pub fn lapse_return(&mut self, deal: usize) {
        if self.is_asked_back(deal).is_ok() && self.goods(deal).is_some_and(|goods| self.now >= goods.answer_due) {
            self.keep(deal);
        }
    }

    /// What has not left never will, with the id of the refund if one was needed.
    pub(super) fn cut_rest(&mut self, deal: usize, refund: Option<Uuid>) {
        let (now, left) = (self.now, self.left(deal));
        let Some(goods) = self.goods_mut(deal) else { return };
        let mut worth = 0;
        for item in &mut goods.items {
            item.cut = item.units - item.shipped;
            worth += item.price * i128::from(item.cut);
        }
        (goods.step, goods.due, goods.rest_due) = (Step::Shipped, now + 7 * DAY, None);
        if let Some(refund) = refund.filter(|_| worth.min(left) > 0) {
            self.give_back(deal, refund, worth.min(left));
        }
    }

    /// The same, if it is time.
    pub fn cut_late_rest(&mut self, deal: usize, refund: Option<Uuid>) {
        let due = self.goods(deal).filter(|goods| goods.step == Step::Paid).and_then(|goods| goods.rest_due);
        if due.is_some_and(|due| self.now >= due) {
            self.cut_rest(deal, refund);
        }
    }

    /// Units that came back, with the id of their refund.
    pub fn take_back(&mut self, deal: usize, refund: Option<Uuid>) {
        let (now, left) = (self.now, self.left(deal));
        let Some(goods) = self.deals[deal].goods.as_mut() else { return };
        let (taken, mut worth) = (goods.returning.take().unwrap_or_default(), 0);
        for (item, units) in goods.items.iter_mut().zip(taken) {
            item.returned += units;
            self.products[item.product].on_hand += units;
            worth += item.price * i128::from(units);
        }
        goods.due = goods.due.max(now);
        let complete = goods.items.iter().all(|item| item.cut + item.returned == item.units);
        if complete {
            goods.step = Step::Returned;
        }
        // What was given back before counts.
        let worth = worth.min(left);
        if let Some(refund) = refund.filter(|_| worth > 0) {
            self.give_back(deal, refund, worth);
        }
        if complete {
            self.release(deal);
        }
    }
}
