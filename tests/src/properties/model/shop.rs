//! Products, their units, and the purchases of them.

use uuid::Uuid;

use super::super::world::{ADMIN, PRODUCTS};
use super::{Capture, DAY, Deal, MINUTE, Model, Pay, Status, Verdict};

mod returns;

/// A product. Units that were promised are not kept: they are counted over all purchases.
#[derive(Clone, Debug)]
pub struct Product {
    pub seller: usize,
    pub price: i128,
    /// One buyer may have so many.
    pub limit: Option<i64>,
    pub on_hand: i64,
}

/// How far a purchase has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Placed,
    Paid,
    Shipped,
    Delivered,
    Completed,
    Returned,
    Cancelled,
    Expired,
}

/// Units of one product in a purchase.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub product: usize,
    pub units: i64,
    /// Of one unit.
    pub price: i128,
    pub shipped: i64,
    /// Never leaves.
    pub cut: i64,
    pub returned: i64,
}

/// What a deal in the shop is about.
#[derive(Clone, Debug)]
pub struct Goods {
    pub seller: usize,
    pub items: Vec<Item>,
    pub step: Step,
    /// When what was shipped counts as delivered, or what was delivered is confirmed.
    pub due: i64,
    pub delivered: i64,
    /// What the buyer wants to give back, item by item.
    pub returning: Option<Vec<i64>>,
    /// When that lapses.
    pub answer_due: i64,
    /// When what has not left is called off, once something has.
    pub rest_due: Option<i64>,
}

/// What a buyer wants to have.
#[derive(Clone, Debug)]
pub struct Basket {
    pub buyer: usize,
    /// Product and units.
    pub lines: Vec<(usize, i32)>,
    pub expected: Option<i128>,
}

/// Lines as somebody lists them; none: all there is.
pub type Lines = Vec<(usize, i32)>;

impl Goods {
    /// Is it over, and its escrow empty?
    pub const fn is_over(&self) -> bool {
        matches!(self.step, Step::Completed | Step::Returned | Step::Cancelled | Step::Expired)
    }

    fn promised(&self, item: &Item) -> i64 {
        match self.step {
            Step::Placed | Step::Paid => item.units - item.shipped,
            Step::Shipped | Step::Delivered | Step::Completed | Step::Returned | Step::Cancelled | Step::Expired => 0,
        }
    }

    fn had(&self, item: &Item) -> i64 {
        match self.step {
            Step::Cancelled | Step::Expired => 0,
            Step::Placed | Step::Paid | Step::Shipped | Step::Delivered | Step::Completed | Step::Returned => {
                item.units - item.cut - item.returned
            }
        }
    }

    /// What was listed, item by item, when there is so much of it beside what is gone.
    fn take(&self, lines: &Lines, gone: impl Fn(&Item) -> i64) -> Option<Vec<i64>> {
        let left = |item: &Item| item.units - gone(item);
        if lines.is_empty() {
            return Some(self.items.iter().map(left).collect());
        }
        let mut taken = vec![0; self.items.len()];
        for (product, units) in lines {
            let at = self.items.iter().position(|item| item.product == *product)?;
            let fits = *units > 0 && i64::from(*units) <= left(&self.items[at]) && taken[at] == 0;
            taken[at] = fits.then_some(i64::from(*units))?;
        }
        Some(taken)
    }
}

impl Model {
    /// The products as the world begins.
    pub fn products() -> Vec<Product> {
        let product = |(seller, price, limit, on_hand): (usize, i128, Option<i32>, i32)| Product {
            seller,
            price,
            limit: limit.map(i64::from),
            on_hand: i64::from(on_hand),
        };
        PRODUCTS.into_iter().map(product).collect()
    }

    fn items(&self) -> impl Iterator<Item = (&Deal, &Goods, &Item)> {
        let goods = self.deals.iter().filter_map(|deal| deal.goods.as_ref().map(|goods| (deal, goods)));
        goods.flat_map(|(deal, goods)| goods.items.iter().map(move |item| (deal, goods, item)))
    }

    /// Units that were promised and have not left.
    pub fn reserved(&self, product: usize) -> i64 {
        self.items().filter(|(.., item)| item.product == product).map(|(_, goods, item)| goods.promised(item)).sum()
    }

    /// Units that may be promised.
    pub fn available(&self, product: usize) -> i64 {
        self.products[product].on_hand - self.reserved(product)
    }

    fn had(&self, product: usize, buyer: usize) -> i64 {
        let theirs = self.items().filter(|(deal, _, item)| item.product == product && deal.guest == buyer);
        theirs.map(|(_, goods, item)| goods.had(item)).sum()
    }

    /// What a basket costs today.
    pub fn basket_total(&self, lines: &[(usize, i32)]) -> i128 {
        lines.iter().map(|(product, units)| self.products[*product].price * i128::from(*units)).sum()
    }

    /// What a basket must be answered.
    pub fn may_place(&self, basket: &Basket) -> Verdict {
        let lines = &basket.lines;
        let twice = lines.iter().enumerate().any(|(at, line)| lines[..at].iter().any(|other| other.0 == line.0));
        if lines.is_empty() || twice || lines.iter().any(|(_, units)| *units < 1) {
            return Err("SYS003");
        }
        let sellers: Vec<usize> = lines.iter().map(|(product, _)| self.products[*product].seller).collect();
        if sellers.contains(&basket.buyer) || sellers.iter().any(|seller| *seller != sellers[0]) {
            return Err("SHOP002");
        }
        if lines.iter().any(|(product, units)| i64::from(*units) > self.available(*product)) {
            return Err("SHOP001");
        }
        if basket.expected.is_some_and(|expected| expected != self.basket_total(lines)) {
            return Err("SHOP003");
        }
        let over = |(product, units): &(usize, i32)| {
            let limit = self.products[*product].limit;
            limit.is_some_and(|limit| self.had(*product, basket.buyer) + i64::from(*units) > limit)
        };
        if lines.iter().any(over) { Err("SHOP004") } else { Ok(()) }
    }

    /// A basket that was ordered.
    pub fn place(&mut self, basket: &Basket, id: Uuid, payment: Uuid) {
        let (total, due) = (self.basket_total(&basket.lines), self.now + 30 * MINUTE);
        let item = |(product, units): &(usize, i32)| Item {
            product: *product,
            units: i64::from(*units),
            price: self.products[*product].price,
            shipped: 0,
            cut: 0,
            returned: 0,
        };
        let items: Vec<Item> = basket.lines.iter().map(item).collect();
        let seller = self.products[items[0].product].seller;
        let goods = Goods { seller, items, step: Step::Placed, due, delivered: 0, returning: None, answer_due: 0, rest_due: None };
        let pay = Pay { id: payment, due, capture: Capture::Waiting, attempts: 0, paid_at: 0, released: false, backs: Vec::new() };
        self.deals.push(Deal::of_goods(id, basket.buyer, total, goods, pay));
    }

    fn goods(&self, deal: usize) -> Option<&Goods> {
        self.deals[deal].goods.as_ref()
    }

    fn goods_mut(&mut self, deal: usize) -> Option<&mut Goods> {
        self.deals[deal].goods.as_mut()
    }

    fn step(&self, deal: usize) -> Option<Step> {
        self.goods(deal).map(|goods| goods.step)
    }

    /// Only for one side of a purchase; support and administrators may stand in where `office` says so.
    fn for_side(&self, deal: usize, who: usize, buyer: bool, office: bool) -> Verdict {
        let (guest, seller) = (self.deals[deal].guest, self.host(deal));
        let side = if buyer { guest } else { seller };
        match who {
            _ if who == side => Ok(()),
            _ if who == guest || who == seller => Err("AUTH010"),
            _ if office && who == ADMIN => Ok(()),
            _ => Err("SYS007"),
        }
    }

    /// What calling a purchase off must be answered.
    pub fn may_call_back(&self, deal: usize, who: usize) -> Verdict {
        if ![self.deals[deal].guest, self.host(deal), ADMIN].contains(&who) {
            return Err("SYS007");
        }
        let rest_due = self.goods(deal).and_then(|goods| goods.rest_due);
        let in_time = rest_due.is_none_or(|due| who != self.deals[deal].guest || self.now >= due);
        if in_time && matches!(self.step(deal), Some(Step::Placed | Step::Paid)) { Ok(()) } else { Err("SHOP005") }
    }

    /// A purchase that was called off, with the id of the refund if one was needed.
    pub fn call_back(&mut self, deal: usize, refund: Option<Uuid>) {
        if self.goods(deal).is_some_and(|goods| goods.rest_due.is_some()) {
            return self.cut_rest(deal, refund);
        }
        let (paid, left) = (self.step(deal) == Some(Step::Paid), self.left(deal));
        if let Some(goods) = self.goods_mut(deal) {
            goods.step = Step::Cancelled;
        }
        if let Some(pay) = &mut self.deals[deal].pay
            && pay.capture == Capture::Waiting
        {
            pay.capture = Capture::Voided;
        }
        if let Some(refund) = refund.filter(|_| paid && left > 0) {
            self.give_back(deal, refund, left);
        }
    }

    /// What a parcel must be answered.
    pub fn may_ship(&self, deal: usize, who: usize, lines: &Lines) -> Verdict {
        self.for_side(deal, who, false, false)?;
        self.may_take(deal, lines, Step::Paid, |item| item.shipped)
    }

    fn may_take(&self, deal: usize, lines: &Lines, step: Step, gone: impl Fn(&Item) -> i64) -> Verdict {
        if lines.iter().any(|(_, units)| *units < 0) {
            return Err("SYS003");
        }
        let Some(goods) = self.goods(deal).filter(|goods| goods.step == step) else { return Err("SHOP005") };
        if goods.take(lines, gone).is_none() { Err("SYS003") } else { Ok(()) }
    }

    /// A parcel that left.
    pub fn ship(&mut self, deal: usize, lines: &Lines) {
        let now = self.now;
        let Some(goods) = self.deals[deal].goods.as_mut() else { return };
        let taken = goods.take(lines, |item| item.shipped).unwrap_or_default();
        for (item, units) in goods.items.iter_mut().zip(taken) {
            item.shipped += units;
            self.products[item.product].on_hand -= units;
        }
        if goods.items.iter().all(|item| item.shipped == item.units) {
            (goods.step, goods.due, goods.rest_due) = (Step::Shipped, now + 7 * DAY, None);
        } else {
            goods.rest_due.get_or_insert(now + 7 * DAY);
        }
    }

    /// What a confirmed delivery must be answered.
    pub fn may_deliver(&self, deal: usize, who: usize) -> Verdict {
        self.for_side(deal, who, true, true)?;
        if self.step(deal) == Some(Step::Shipped) { Ok(()) } else { Err("SHOP005") }
    }

    /// Everything arrived.
    pub fn deliver(&mut self, deal: usize) {
        let now = self.now;
        if let Some(goods) = self.goods_mut(deal) {
            (goods.step, goods.delivered, goods.due) = (Step::Delivered, now, now + 7 * DAY);
        }
    }

    /// It counts as delivered, if it is time.
    pub fn assume_delivery(&mut self, deal: usize) {
        if self.goods(deal).is_some_and(|goods| goods.step == Step::Shipped && self.now >= goods.due) {
            self.deliver(deal);
        }
    }

    /// The purchase is confirmed, if it is time and nothing is to come back.
    pub fn confirm_purchase(&mut self, deal: usize) {
        let now = self.now;
        let Some(goods) = self.goods_mut(deal) else { return };
        if goods.step == Step::Delivered && goods.returning.is_none() && now >= goods.due {
            goods.step = Step::Completed;
            self.release(deal);
        }
    }

    /// Nobody paid, if it is time.
    pub fn expire_order(&mut self, deal: usize) {
        let now = self.now;
        let Some(goods) = self.goods_mut(deal) else { return };
        if goods.step != Step::Placed || now < goods.due {
            return;
        }
        goods.step = Step::Expired;
        if let Some(pay) = &mut self.deals[deal].pay
            && pay.capture == Capture::Waiting
        {
            pay.capture = Capture::Expired;
        }
    }

    /// What a seller must be answered who changes a product: `fits` says whether the change itself does.
    pub fn may_change(&self, product: usize, who: usize, fits: Verdict) -> Verdict {
        if who != self.products[product].seller && who != ADMIN { Err("AUTH010") } else { fits }
    }

    /// What a count must be answered.
    pub fn may_count(&self, product: usize, change: i32) -> Verdict {
        if i64::from(change) + self.products[product].on_hand < self.reserved(product) { Err("SHOP001") } else { Ok(()) }
    }
}

impl Deal {
    fn of_goods(id: Uuid, buyer: usize, total: i128, goods: Goods, pay: Pay) -> Self {
        Self {
            id,
            car: usize::MAX,
            guest: buyer,
            from: 0,
            to: 0,
            wide: (0, 0),
            total,
            fee: 0,
            refunds: domain::cancellation::CancellationPolicy::Standard,
            expires: 0,
            status: Status::Completed,
            odometer: 0,
            pay: Some(pay),
            goods: Some(goods),
        }
    }

    /// Does it wait for its payment?
    pub fn awaits_payment(&self) -> bool {
        self.goods.as_ref().map_or(self.status == Status::Approved, |goods| goods.step == Step::Placed)
    }

    /// Its payment came while it waited.
    pub const fn paid(&mut self) {
        match &mut self.goods {
            Some(goods) => goods.step = Step::Paid,
            None => self.status = Status::Confirmed,
        }
    }
}
