//! The shop: people buy, pay, wait for their parcels, and give things back; sellers send them.

mod parcels;

use domain::ids::{ProductId, ShopOrderId, UserId};
use kernel::Timestamp;

use super::{Card, City, Task, granted};
use crate::month::driver::{AnyError, Bill, Cart, Driver, No, OrderStatus};
use crate::month::plan::later;
use crate::month::report::Kind;
use crate::month::shop::{LIMIT, Purchase, ShopStory, Ware};

const HOUR: i64 = 60;
/// Wares that somebody looks at before taking any.
const LOOKS: usize = 60;

/// What somebody is going to do in the shop.
#[derive(Clone, Copy, Debug)]
pub(super) enum ShopTask {
    /// Make the purchase of this number.
    Buy(usize),
    /// Pay.
    Pay(usize, Card),
    /// See what has become of an order.
    Look(usize),
    /// Call it off.
    Cancel(usize),
    /// Send what has not left, or a part of it first.
    Ship(usize),
    /// Say that it arrived.
    Deliver(usize),
    /// Ask to give something back.
    AskBack(usize),
    /// Take it back.
    TakeBack(usize),
}

/// A ware on its shelf, as the city itself counts.
struct Shelf {
    ware: Ware,
    product: ProductId,
    seller: UserId,
    on_hand: i64,
    promised: i64,
}

/// A purchase as its people know it.
struct Bought {
    order: ShopOrderId,
    buyer: UserId,
    seller: UserId,
    /// Shelf and units.
    lines: Vec<(usize, u32)>,
    story: ShopStory,
    total_won: i128,
    bill: Bill,
    due_at: Timestamp,
    paid: bool,
    cancelled: bool,
    /// Units that have left.
    sent: u32,
    /// Units of each line that go back.
    returning: Vec<u32>,
    back_won: i128,
    over: bool,
}

/// All of it.
#[derive(Default)]
pub(super) struct Shop {
    shelves: Vec<Shelf>,
    orders: Vec<Bought>,
}

impl<D: Driver> City<'_, D> {
    /// Puts the wares on their shelves and plans who buys when.
    pub(super) async fn open_shop(&mut self) -> Result<(), AnyError> {
        for ware in self.plan.wares.clone() {
            let seller = self.hosts[ware.seller];
            let product = self.driver.sell(seller, &ware).await?;
            granted("receive stock", self.driver.receive(seller, product, ware.units).await?)?;
            let on_hand = i64::from(ware.units);
            self.shop.shelves.push(Shelf { ware, product, seller, on_hand, promised: 0 });
        }
        let buys: Vec<_> = self.plan.purchases.iter().map(|purchase| purchase.at).collect();
        for (number, at) in buys.into_iter().enumerate() {
            self.later(at, Task::Shop(ShopTask::Buy(number)));
        }
        Ok(())
    }

    pub(super) async fn act_in_shop(&mut self, at: Timestamp, task: ShopTask) -> Result<(), AnyError> {
        match task {
            ShopTask::Buy(number) => {
                let purchase = self.plan.purchases[number];
                self.buy(at, purchase).await
            }
            ShopTask::Pay(number, card) => self.pay_order(at, number, card).await,
            ShopTask::Look(number) => self.look_at_order(at, number).await,
            ShopTask::Cancel(number) => self.cancel_order(number).await,
            ShopTask::Ship(number) => self.ship(at, number).await,
            ShopTask::Deliver(number) => self.deliver(at, number).await,
            ShopTask::AskBack(number) => self.ask_back(at, number).await,
            ShopTask::TakeBack(number) => self.take_back(number).await,
        }
    }

    fn in_shop(&mut self, at: Timestamp, task: ShopTask) {
        self.later(at, Task::Shop(task));
    }

    /// What somebody takes: what everybody wants as it comes, of the rest something that is there.
    fn cart(&mut self, purchase: Purchase) -> Vec<(usize, u32)> {
        let shelves = &self.shop.shelves;
        let over_limit = purchase.story == ShopStory::OverLimit;
        let mut shelf = self.rng.below(shelves.len());
        for _ in 0..LOOKS {
            let found = &shelves[shelf];
            let room = found.on_hand - found.promised >= 4 || purchase.popular;
            if Ware::is_popular(shelf) == purchase.popular && found.ware.max_per_buyer.is_some() == over_limit && room {
                break;
            }
            shelf = self.rng.below(shelves.len());
        }
        let units = if over_limit { LIMIT + 1 } else { u32::try_from(self.rng.between(1, 3)).unwrap_or(1) };
        let units = if matches!(purchase.story, ShopStory::Parcels | ShopStory::PartBack) { units.max(2) } else { units };
        let mut lines = vec![(shelf, units)];
        // Something else of the same seller's, at times.
        let seller = shelves[shelf].ware.seller;
        let beside = |(n, other): &(usize, &Shelf)| {
            let free = other.on_hand - other.promised >= 4 && other.ware.max_per_buyer.is_none();
            *n != shelf && other.ware.seller == seller && free && !Ware::is_popular(*n)
        };
        if self.rng.chance(40) && !over_limit {
            lines.extend(shelves.iter().enumerate().find(beside).map(|(n, _)| (n, 1)));
        }
        lines
    }

    async fn buy(&mut self, at: Timestamp, purchase: Purchase) -> Result<(), AnyError> {
        let lines = self.cart(purchase);
        let shelves = &self.shop.shelves;
        let seller = shelves[lines[0].0].seller;
        let buyer = if purchase.story == ShopStory::OwnWare { seller } else { self.guests[purchase.buyer] };
        let total_won: i128 = lines.iter().map(|(shelf, units)| shelves[*shelf].ware.price_won * i128::from(*units)).sum();
        let shown_won = if purchase.story == ShopStory::OtherPrice { total_won + 100 } else { total_won };
        let cart = Cart { lines: lines.iter().map(|(shelf, units)| (shelves[*shelf].product, *units)).collect(), total_won: shown_won };
        let is_short = lines.iter().any(|(shelf, units)| shelves[*shelf].on_hand - shelves[*shelf].promised < i64::from(*units));
        self.tally.count(Kind::ShopAsked);
        match self.driver.order(buyer, &cart).await? {
            Err(no) => {
                self.not_sold(is_short, &no);
                Ok(())
            }
            Ok(order) => self.sold(at, order, Bought::new(order, buyer, seller, lines, purchase.story, total_won)).await,
        }
    }

    /// The city hears of expired orders later than Daybook: what it counts as free is free.
    fn not_sold(&mut self, is_short: bool, no: &No) {
        match no.0.as_str() {
            "SHOP001" if is_short => self.tally.count(Kind::ShopShort),
            "SHOP001" => self.findings.push("an order was refused for units that are there".to_owned()),
            "SHOP002" => self.tally.count(Kind::ShopOwn),
            "SHOP003" => self.tally.count(Kind::ShopOtherPrice),
            "SHOP004" => self.tally.count(Kind::ShopOverLimit),
            _ => self.surprise("order", no),
        }
    }

    async fn sold(&mut self, at: Timestamp, order: ShopOrderId, mut bought: Bought) -> Result<(), AnyError> {
        self.tally.count(Kind::ShopOrdered);
        if matches!(bought.story, ShopStory::OtherPrice | ShopStory::OverLimit | ShopStory::OwnWare) {
            self.findings.push(format!("{order} was accepted against the rules: {:?}", bought.story));
        }
        for (shelf, units) in &bought.lines {
            self.shop.shelves[*shelf].promised += i64::from(*units);
        }
        let seen = self.driver.see_order(bought.buyer, order).await?;
        (bought.bill, bought.due_at) = (seen.bill, seen.due_at);
        if bought.bill.won != bought.total_won {
            self.findings.push(format!("{order} costs {} won, the price list says {}", bought.bill.won, bought.total_won));
        }
        let (number, story, due_at) = (self.shop.orders.len(), bought.story, bought.due_at);
        self.shop.orders.push(bought);
        let soon = later(at, self.rng.between(1, 20));
        match story {
            ShopStory::Unpaid => self.in_shop(later(due_at, 2), ShopTask::Look(number)),
            ShopStory::UnpaidCancel => self.in_shop(soon, ShopTask::Cancel(number)),
            ShopStory::LateMoney => {
                let moments = kernel::jiff::SignedDuration::from_secs(10);
                self.in_shop(due_at.checked_sub(moments).unwrap_or(due_at), ShopTask::Pay(number, Card::First));
                self.in_shop(later(due_at, 5), ShopTask::Look(number));
            }
            _ => self.in_shop(soon, ShopTask::Pay(number, Card::First)),
        }
        Ok(())
    }

    async fn pay_order(&mut self, at: Timestamp, number: usize, card: Card) -> Result<(), AnyError> {
        let Bought { order, buyer, story, ref bill, .. } = self.shop.orders[number];
        let scenario = match (story, card, number % 20) {
            (ShopStory::LateMoney, ..) => "late",
            (_, Card::First, 3) => "declined",
            (_, Card::First, 7) => "timeout",
            (_, Card::First | Card::Second, _) => "ok",
        };
        let (bill, key) = (bill.clone(), format!("sandbox-{scenario}-shop{number:05}-{card:?}"));
        match self.driver.pay(buyer, order.into(), &bill, &key).await? {
            Ok(()) => self.order_paid(at, number),
            Err(no) if no.0 == "PAY001" && card == Card::First => self.in_shop(later(at, 1), ShopTask::Pay(number, Card::Second)),
            Err(no) if no.0 == "PAY008" && story == ShopStory::LateMoney => {}
            Err(no) if no.0 == "PAY008" => self.in_shop(later(at, 1), ShopTask::Look(number)),
            Err(no) => self.surprise("pay an order", &no),
        }
        Ok(())
    }

    fn order_paid(&mut self, at: Timestamp, number: usize) {
        self.tally.count(Kind::ShopPaid);
        let bought = &mut self.shop.orders[number];
        bought.paid = true;
        let story = bought.story;
        let when = later(at, self.rng.between(HOUR, 20 * HOUR));
        let task = match story {
            ShopStory::BuyerCancels | ShopStory::SellerCancels => ShopTask::Cancel(number),
            _ => ShopTask::Ship(number),
        };
        self.in_shop(when, task);
    }

    /// See what has become of an order while nobody looked.
    async fn look_at_order(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        let Bought { order, buyer, paid, over, .. } = self.shop.orders[number];
        if over {
            return Ok(());
        }
        match self.driver.see_order(buyer, order).await?.status {
            OrderStatus::Paid if !paid => self.order_paid(at, number),
            OrderStatus::Placed if at < self.shop.orders[number].due_at => self.in_shop(later(at, 1), ShopTask::Look(number)),
            OrderStatus::Expired => {
                self.tally.count(Kind::ShopExpired);
                self.give_up(number);
            }
            OrderStatus::Completed => {
                self.tally.count(Kind::ShopCompleted);
                self.shop.orders[number].over = true;
            }
            status => self.findings.push(format!("{order} is still {status:?} at {at}")),
        }
        Ok(())
    }

    /// Units that were promised and never left are free again.
    fn give_up(&mut self, number: usize) {
        let bought = &mut self.shop.orders[number];
        bought.over = true;
        for (shelf, units) in &bought.lines {
            self.shop.shelves[*shelf].promised -= i64::from(*units);
        }
    }

    async fn cancel_order(&mut self, number: usize) -> Result<(), AnyError> {
        let Bought { order, buyer, seller, story, paid, .. } = self.shop.orders[number];
        let by = if story == ShopStory::SellerCancels { seller } else { buyer };
        match self.driver.cancel_order(by, order).await? {
            Ok(()) => {
                self.tally.count(match (story, paid) {
                    (ShopStory::SellerCancels, _) => Kind::ShopBySeller,
                    (_, true) => Kind::ShopByBuyer,
                    (_, false) => Kind::ShopUnpaidCancel,
                });
                self.shop.orders[number].cancelled = true;
                self.give_up(number);
            }
            Err(no) if no.0 == "SHOP005" && story == ShopStory::CancelsTooLate => self.tally.count(Kind::ShopCancelTooLate),
            Err(no) => self.surprise("cancel an order", &no),
        }
        Ok(())
    }
}

impl Bought {
    fn new(order: ShopOrderId, buyer: UserId, seller: UserId, lines: Vec<(usize, u32)>, story: ShopStory, total_won: i128) -> Self {
        let bill = Bill { payment: domain::ids::PaymentId::new(uuid::Uuid::nil()), order_id: String::new(), won: 0 };
        let (due_at, returning) = (Timestamp::MIN, Vec::new());
        let (paid, cancelled, over) = (false, false, false);
        Self { order, buyer, seller, lines, story, total_won, bill, due_at, paid, cancelled, sent: 0, returning, back_won: 0, over }
    }
}
