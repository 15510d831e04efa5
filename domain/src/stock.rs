//! The units of one product: how many there are, and which orders were promised some (S1, S2).
//! One stream per product owns them all, so two orders of the last unit meet at a version and only one wins.
//!
//! A reservation: `reserved → confirmed (paid) → shipped, in parts`, or `reserved | confirmed → released`.

use std::collections::BTreeMap;

use kernel::{At, Decider, DomainEvent, Fact, Personal, Refused, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use crate::ids::{ProductId, ShopOrderId, SkuId, UserId};
use crate::sabotage::{Rule, broken};

/// The stock-keeping unit of a product: each has exactly one.
#[must_use]
pub const fn sku_of(product: ProductId) -> SkuId {
    SkuId::new(product.uuid())
}

/// The product that a stock-keeping unit is of.
#[must_use]
pub const fn product_of(sku: SkuId) -> ProductId {
    ProductId::new(sku.uuid())
}

/// No product has more units.
pub const MAX_ON_HAND: u32 = 1_000_000;

/// What happened to a stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Units came in.
    StockReceived {
        /// How many.
        quantity: u32,
        /// Who received them.
        by: UserId,
    },
    /// Somebody counted and found another number.
    StockAdjusted {
        /// How many more there are; below zero: fewer.
        change: i32,
        /// In their words.
        reason: Personal<String>,
        /// Who counted.
        by: UserId,
    },
    /// An order was promised units.
    StockReserved {
        /// Which order.
        order: ShopOrderId,
        /// Whose.
        buyer: UserId,
        /// How many.
        quantity: u32,
        /// Unpaid until then, they are free again.
        until: Timestamp,
    },
    /// The order was paid: its units stay until they are shipped.
    ReservationConfirmed {
        /// Which order.
        order: ShopOrderId,
    },
    /// The order ended unshipped: its units are free again.
    StockReleased {
        /// Which order.
        order: ShopOrderId,
        /// How many.
        quantity: u32,
    },
    /// Units left for the buyer.
    StockShipped {
        /// For which order.
        order: ShopOrderId,
        /// How many.
        quantity: u32,
    },
    /// Units came back from the buyer.
    StockRestocked {
        /// Of which order.
        order: ShopOrderId,
        /// Whose.
        buyer: UserId,
        /// How many.
        quantity: u32,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::StockReceived { .. } => "StockReceived",
            Self::StockAdjusted { .. } => "StockAdjusted",
            Self::StockReserved { .. } => "StockReserved",
            Self::ReservationConfirmed { .. } => "ReservationConfirmed",
            Self::StockReleased { .. } => "StockReleased",
            Self::StockShipped { .. } => "StockShipped",
            Self::StockRestocked { .. } => "StockRestocked",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

impl Fact for Event {
    fn upcasts() -> Option<&'static Upcasts> {
        Some(&crate::upcasts::UPCASTS)
    }
}

/// Units that an order was promised and that have not left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Whose order it is.
    pub buyer: UserId,
    /// How many.
    pub quantity: u32,
    /// The order was paid.
    pub confirmed: bool,
}

/// The units of one product. Orders that have nothing left here are forgotten; what each buyer has is not (SHOP004).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Units that are there, promised or not.
    pub on_hand: u32,
    /// Units that were promised (S2).
    pub reservations: BTreeMap<ShopOrderId, Reservation>,
    /// Units that each buyer was promised or sent and has not given back.
    pub bought: BTreeMap<UserId, u32>,
}

/// What may be asked of a stock. Who may ask is the caller's to check.
#[derive(Clone, Debug)]
pub enum Command {
    /// Units came in.
    Receive {
        /// How many.
        quantity: u32,
        /// Who received them.
        by: UserId,
    },
    /// Somebody counted.
    Adjust {
        /// How many more there are; below zero: fewer.
        change: i32,
        /// In their words.
        reason: Personal<String>,
        /// Who counted.
        by: UserId,
    },
    /// Promise units to an order.
    Reserve {
        /// Which order.
        order: ShopOrderId,
        /// Whose.
        buyer: UserId,
        /// How many.
        quantity: u32,
        /// One buyer may have so many in all.
        limit: Option<u32>,
        /// Unpaid until then, they are free again.
        until: Timestamp,
    },
    /// The order was paid.
    Confirm(ShopOrderId),
    /// The order ended unshipped.
    Release(ShopOrderId),
    /// Units leave.
    Ship {
        /// For which order.
        order: ShopOrderId,
        /// How many.
        quantity: u32,
    },
    /// Units came back.
    Restock {
        /// Of which order.
        order: ShopOrderId,
        /// Whose.
        buyer: UserId,
        /// How many.
        quantity: u32,
    },
}

/// Why a stock says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Fewer units are free than are asked for (S1).
    #[error("only {available} units are available")]
    Short {
        /// So many are free.
        available: u32,
    },
    /// The buyer would have more than one buyer may (SHOP004).
    #[error("one buyer may have at most {limit}")]
    OverLimit {
        /// So many are allowed.
        limit: u32,
    },
    /// No units, or more than any stock has.
    #[error("{0} is out of range")]
    BadQuantity(&'static str),
}

impl kernel::Refusal for Refusal {
    fn refused(&self) -> Refused {
        match self {
            Self::Short { available } => Refused::code("SHOP001").with("available", available),
            Self::OverLimit { limit } => Refused::at("SHOP004", &["lines"]).with("limit", limit),
            Self::BadQuantity(field) => Refused::at("SYS003", &[field]),
        }
    }
}

impl Stock {
    /// Units that were promised and have not left (S2).
    #[must_use]
    pub fn reserved(&self) -> u32 {
        self.reservations.values().map(|reservation| reservation.quantity).sum()
    }

    /// Units that may be promised: on hand − reserved.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.on_hand.saturating_sub(self.reserved())
    }

    fn adjust(&self, change: i32, reason: Personal<String>, by: UserId) -> Result<Option<Event>, Refusal> {
        let counted = self.on_hand.checked_add_signed(change).ok_or(Refusal::Short { available: self.available() })?;
        if counted < self.reserved() {
            return Err(Refusal::Short { available: self.available() });
        }
        if counted > MAX_ON_HAND {
            return Err(Refusal::BadQuantity("change"));
        }
        Ok((change != 0).then_some(Event::StockAdjusted { change, reason, by }))
    }

    /// Are so many units free (S1)?
    ///
    /// # Errors
    /// [`Refusal::Short`] with what is free.
    pub fn check(&self, quantity: u32) -> Result<(), Refusal> {
        let available = self.available();
        if quantity > available && !broken(Rule::Oversell) { Err(Refusal::Short { available }) } else { Ok(()) }
    }

    fn check_limit(&self, buyer: UserId, quantity: u32, limit: Option<u32>) -> Result<(), Refusal> {
        let before = self.bought.get(&buyer).copied().unwrap_or_default();
        match limit {
            Some(limit) if before.saturating_add(quantity) > limit => Err(Refusal::OverLimit { limit }),
            Some(_) | None => Ok(()),
        }
    }

    fn give_back(&mut self, buyer: UserId, quantity: u32) {
        let left = self.bought.get(&buyer).copied().unwrap_or_default().saturating_sub(quantity);
        if left == 0 {
            self.bought.remove(&buyer);
        } else {
            self.bought.insert(buyer, left);
        }
    }
}

impl Decider for Stock {
    const KIND: &'static str = "stock";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let event = match at.command {
            Command::Receive { quantity, by } => {
                if quantity == 0 || quantity > MAX_ON_HAND - self.on_hand.min(MAX_ON_HAND) {
                    return Err(Refusal::BadQuantity("quantity"));
                }
                Some(Event::StockReceived { quantity, by })
            }
            Command::Adjust { change, reason, by } => self.adjust(change, reason, by)?,
            Command::Reserve { order, .. } if self.reservations.contains_key(&order) => None,
            Command::Reserve { quantity: 0, .. } => return Err(Refusal::BadQuantity("quantity")),
            Command::Reserve { order, buyer, quantity, limit, until } => {
                self.check(quantity)?;
                self.check_limit(buyer, quantity, limit)?;
                Some(Event::StockReserved { order, buyer, quantity, until })
            }
            Command::Confirm(order) => {
                let unpaid = self.reservations.get(&order).is_some_and(|reservation| !reservation.confirmed);
                unpaid.then_some(Event::ReservationConfirmed { order })
            }
            Command::Release(order) => {
                let kept = self.reservations.get(&order).filter(|_| !broken(Rule::StockRelease));
                kept.map(|reservation| Event::StockReleased { order, quantity: reservation.quantity })
            }
            Command::Ship { order, quantity } => {
                let promised = self.reservations.get(&order).map_or(0, |reservation| reservation.quantity);
                if quantity == 0 || quantity > promised {
                    return Err(Refusal::BadQuantity("quantity"));
                }
                Some(Event::StockShipped { order, quantity })
            }
            Command::Restock { order, buyer, quantity } => {
                (quantity > 0 && !broken(Rule::Restock)).then_some(Event::StockRestocked { order, buyer, quantity })
            }
        };
        Ok(event.into_iter().collect())
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::StockReceived { quantity, .. } => self.on_hand = self.on_hand.saturating_add(*quantity),
            Event::StockAdjusted { change, .. } => self.on_hand = self.on_hand.saturating_add_signed(*change),
            Event::StockReserved { order, buyer, quantity, .. } => {
                self.reservations.insert(*order, Reservation { buyer: *buyer, quantity: *quantity, confirmed: false });
                *self.bought.entry(*buyer).or_default() += quantity;
            }
            Event::ReservationConfirmed { order } => {
                if let Some(reservation) = self.reservations.get_mut(order) {
                    reservation.confirmed = true;
                }
            }
            Event::StockReleased { order, quantity } => {
                if let Some(reservation) = self.reservations.remove(order) {
                    self.give_back(reservation.buyer, *quantity);
                }
            }
            Event::StockShipped { order, quantity } => {
                self.on_hand = self.on_hand.saturating_sub(*quantity);
                if let Some(reservation) = self.reservations.get_mut(order) {
                    reservation.quantity = reservation.quantity.saturating_sub(*quantity);
                }
                self.reservations.retain(|_, reservation| reservation.quantity > 0);
            }
            Event::StockRestocked { buyer, quantity, .. } => {
                self.on_hand = self.on_hand.saturating_add(*quantity);
                self.give_back(*buyer, *quantity);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests;
