//! How many units of each product there are and are promised: the source of `StockLevel` and `stockLevels`. For sellers to look
//! at; an order is decided on the stock's own stream.
//!
//! A row folds two streams, `product-…` (whose it is) and `stock-…`.

use domain::ids::{ProductId, SkuId, UserId};
use domain::product::{self, Product};
use domain::stock::{self, Stock, sku_of};
use kernel::{Decider, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, existing, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per stock-keeping unit; the key is its id, which shares the product's UUID.
#[derive(Debug)]
pub struct StockLevels;

/// The units of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevelRow {
    /// Which stock.
    pub sku: SkuId,
    /// Of which product.
    pub product: ProductId,
    /// Whose.
    pub seller: UserId,
    /// Units that are there, promised or not.
    pub on_hand: u32,
    /// Units that orders were promised.
    pub reserved: u32,
    /// Business time at which the product was created.
    pub created_at: Timestamp,
    /// Business time of the last movement.
    pub changed_at: Timestamp,
}

impl StockLevelRow {
    /// Units that may still be promised (S1).
    #[must_use]
    pub const fn available(&self) -> u32 {
        self.on_hand.saturating_sub(self.reserved)
    }

    fn moved(mut self, happened: &stock::Event) -> Option<Self> {
        match happened {
            stock::Event::StockReceived { quantity, .. } | stock::Event::StockRestocked { quantity, .. } => {
                self.on_hand = self.on_hand.checked_add(*quantity)?;
            }
            stock::Event::StockAdjusted { change, .. } => self.on_hand = self.on_hand.checked_add_signed(*change)?,
            stock::Event::StockReserved { quantity, .. } => self.reserved = self.reserved.checked_add(*quantity)?,
            // Promised before, promised still.
            stock::Event::ReservationConfirmed { .. } => {}
            stock::Event::StockReleased { quantity, .. } => self.reserved = self.reserved.checked_sub(*quantity)?,
            stock::Event::StockShipped { quantity, .. } => {
                self.on_hand = self.on_hand.checked_sub(*quantity)?;
                self.reserved = self.reserved.checked_sub(*quantity)?;
            }
        }
        Some(self)
    }
}

impl ReadModel for StockLevels {
    const NAME: &'static str = "stock_levels";
    const VERSION: u32 = 1;
    type Row = StockLevelRow;

    fn columns() -> &'static [Column] {
        const { &[Column::uuid("seller").indexed(), Column::bigint("available"), Column::timestamp("created_at")] }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::Product(product::Event::ProductCreated { .. })) {
            // A stock's stream shares the product's UUID.
            vec![format!("{}-{}", Stock::KIND, event.stream().id())]
        } else if matches!(event.event, Event::Stock(_)) {
            own_key(event)
        } else {
            Vec::new()
        }
    }

    fn apply(_key: &str, row: Option<StockLevelRow>, event: &Known) -> Result<Option<StockLevelRow>, Poison> {
        let at = event.recorded.occurred_at;
        if let Event::Product(product::Event::ProductCreated { seller, .. }) = &event.event {
            let product: ProductId = own_id(event)?;
            let sku = sku_of(product);
            let empty = StockLevelRow { sku, product, seller: *seller, on_hand: 0, reserved: 0, created_at: at, changed_at: at };
            return begin(row, event, empty);
        }
        let Event::Stock(happened) = &event.event else { return Err(foreign(event)) };
        let row = existing(row, event)?;
        let moved = row.moved(happened).ok_or_else(|| Poison::new("the units do not add up"))?;
        Ok(Some(StockLevelRow { changed_at: at, ..moved }))
    }

    fn index(_key: &str, row: &StockLevelRow) -> Vec<Value> {
        vec![row.seller.into(), row.available().into(), row.created_at.into()]
    }

    fn streams(key: &str) -> Vec<String> {
        let id = key.split_once('-').map_or("", |(_, id)| id);
        vec![format!("{}-{id}", Product::KIND), key.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use stock::Event as E;

    use super::*;
    use crate::models::testing::{History, at, created_product, id, person};

    fn after(events: impl IntoIterator<Item = E>) -> History {
        let (product, sku): (ProductId, SkuId) = (id(1), id(1));
        let history = History::default().on(product, created_product("귤 5kg", "과일"));
        events.into_iter().fold(history, |history, event| history.on(sku, Event::Stock(event)))
    }

    fn row(history: &History) -> StockLevelRow {
        history.row::<StockLevels>(&SkuId::new(id::<()>(1).uuid()).to_string()).unwrap()
    }

    #[test]
    fn units_come_are_promised_and_leave() {
        let (by, buyer, order, until) = (id(2), id(3), id(4), at(30));
        let history = after([
            E::StockReceived { quantity: 10, by },
            E::StockReserved { order, buyer, quantity: 4, until },
            E::StockReserved { order: id(5), buyer, quantity: 3, until },
            E::StockReleased { order: id(5), quantity: 3 },
            E::ReservationConfirmed { order },
            E::StockShipped { order, quantity: 3 },
        ]);
        assert_eq!((row(&history).on_hand, row(&history).reserved, row(&history).available()), (7, 1, 6));
        let history = history.on(SkuId::new(id::<()>(1).uuid()), Event::Stock(E::StockRestocked { order, buyer, quantity: 2 }));
        let reason = person(by, "broken");
        let history = history.on(SkuId::new(id::<()>(1).uuid()), Event::Stock(E::StockAdjusted { change: -4, reason, by }));
        let row = row(&history);
        assert_eq!((row.on_hand, row.reserved, row.created_at, row.changed_at), (5, 1, at(1), at(9)));
        assert_eq!(StockLevels::index("", &row), [row.seller.into(), Value::BigInt(4), at(1).into()]);
        assert_eq!(StockLevels::streams(&row.sku.to_string()), [row.product.to_string(), row.sku.to_string()]);
    }

    #[test]
    fn what_does_not_add_up_is_a_poison() {
        assert!(after([E::StockShipped { order: id(4), quantity: 1 }]).is_poison::<StockLevels>());
        assert!(after([E::StockReleased { order: id(4), quantity: 1 }]).is_poison::<StockLevels>());
        let received = Event::Stock(E::StockReceived { quantity: 1, by: id(2) });
        assert!(History::default().on(SkuId::new(id::<()>(1).uuid()), received).is_poison::<StockLevels>());
    }
}
