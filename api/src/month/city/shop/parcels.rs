//! What was paid for leaves, arrives, and at times comes back.

use kernel::Timestamp;

use super::{Bought, HOUR, Shelf, ShopTask};
use crate::month::audit::Sale;
use crate::month::city::City;
use crate::month::driver::{AnyError, Driver};
use crate::month::plan::later;
use crate::month::report::Kind;
use crate::month::shop::ShopStory;

const DAY: i64 = 24 * HOUR;
/// After this an order that was sent is over, whoever said nothing.
const OVER_AFTER: i64 = 16 * DAY;

impl<D: Driver> City<'_, D> {
    pub(super) async fn ship(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        let bought = &self.shop.orders[number];
        let (order, seller, story, first) = (bought.order, bought.seller, bought.story, bought.lines[0]);
        let in_parts = story == ShopStory::Parcels && bought.sent == 0;
        let lines = if in_parts { vec![(self.shop.shelves[first.0].product, 1)] } else { Vec::new() };
        if let Err(no) = self.driver.ship(seller, order, &lines).await? {
            self.surprise("ship", &no);
            return Ok(());
        }
        let bought = &mut self.shop.orders[number];
        if in_parts {
            self.tally.count(Kind::ShopPart);
            bought.sent = 1;
            leave(&mut self.shop.shelves[first.0], 1);
            self.in_shop(later(at, DAY), ShopTask::Ship(number));
            return Ok(());
        }
        self.tally.count(Kind::ShopShipped);
        for (line, (shelf, units)) in bought.lines.iter().enumerate() {
            let sent = if line == 0 { bought.sent } else { 0 };
            leave(&mut self.shop.shelves[*shelf], i64::from(units - sent));
        }
        if story == ShopStory::CancelsTooLate {
            self.in_shop(later(at, HOUR), ShopTask::Cancel(number));
        }
        let arrives = later(at, self.rng.between(DAY, 3 * DAY));
        if story == ShopStory::Silent {
            self.in_shop(later(at, OVER_AFTER), ShopTask::Look(number));
        } else {
            self.in_shop(arrives, ShopTask::Deliver(number));
        }
        Ok(())
    }

    pub(super) async fn deliver(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        let Bought { order, buyer, story, .. } = self.shop.orders[number];
        if let Err(no) = self.driver.confirm_delivery(buyer, order).await? {
            self.surprise("confirm a delivery", &no);
        }
        self.tally.count(Kind::ShopDelivered);
        let wait = match story {
            ShopStory::PartBack | ShopStory::AllBack => Some(self.rng.between(HOUR, 5 * DAY)),
            ShopStory::BackTooLate => Some(8 * DAY),
            _ => None,
        };
        if let Some(wait) = wait {
            self.in_shop(later(at, wait), ShopTask::AskBack(number));
        }
        if story != ShopStory::AllBack {
            self.in_shop(later(at, 9 * DAY), ShopTask::Look(number));
        }
        Ok(())
    }

    pub(super) async fn ask_back(&mut self, at: Timestamp, number: usize) -> Result<(), AnyError> {
        let bought = &self.shop.orders[number];
        let (order, buyer) = (bought.order, bought.buyer);
        let all: Vec<u32> = bought.lines.iter().map(|(_, units)| *units).collect();
        let part = (0..all.len()).map(|line| u32::from(line == 0)).collect();
        let (lines, returning) = if bought.story == ShopStory::PartBack {
            (vec![(self.shop.shelves[bought.lines[0].0].product, 1)], part)
        } else {
            (Vec::new(), all)
        };
        match self.driver.ask_back(buyer, order, &lines).await? {
            Ok(()) => {
                self.shop.orders[number].returning = returning;
                let when = later(at, self.rng.between(HOUR, DAY));
                self.in_shop(when, ShopTask::TakeBack(number));
            }
            Err(no) if no.0 == "SHOP006" => self.tally.count(Kind::ShopBackTooLate),
            Err(no) => self.surprise("ask to give back", &no),
        }
        Ok(())
    }

    pub(super) async fn take_back(&mut self, number: usize) -> Result<(), AnyError> {
        let Bought { order, seller, .. } = self.shop.orders[number];
        if let Err(no) = self.driver.take_back(seller, order).await? {
            self.surprise("take back", &no);
            return Ok(());
        }
        let bought = &mut self.shop.orders[number];
        let mut all = true;
        for ((shelf, units), back) in bought.lines.iter().zip(&bought.returning) {
            let shelf = &mut self.shop.shelves[*shelf];
            shelf.on_hand += i64::from(*back);
            bought.back_won += shelf.ware.price_won * i128::from(*back);
            all &= units == back;
        }
        bought.over |= all;
        self.tally.count(if all { Kind::ShopAllBack } else { Kind::ShopPartBack });
        Ok(())
    }

    /// What became of every order; and the shelves hold what the city has counted (S1–S3).
    pub(in crate::month::city) async fn close_shop(&mut self) -> Result<Vec<Sale>, AnyError> {
        let mut sales = Vec::with_capacity(self.shop.orders.len());
        for bought in &self.shop.orders {
            sales.push(Sale {
                order: bought.order,
                seller: bought.seller,
                total_won: bought.total_won,
                order_id: bought.bill.order_id.clone(),
                paid: bought.paid,
                finished: bought.over,
                cancelled: bought.cancelled,
                back_won: bought.back_won,
            });
        }
        for seller in self.hosts.clone() {
            let stocks = self.driver.stocks(seller).await?;
            for shelf in self.shop.shelves.iter().filter(|shelf| shelf.seller == seller) {
                let (ours, theirs) = ((shelf.on_hand, shelf.promised), stocks.get(&shelf.product));
                if theirs != Some(&ours) {
                    self.findings.push(format!("{} has {theirs:?} units and reservations, not {ours:?}", shelf.product));
                }
            }
        }
        Ok(sales)
    }
}

fn leave(shelf: &mut Shelf, units: i64) {
    shelf.on_hand -= units;
    shelf.promised -= units;
}
