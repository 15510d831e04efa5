//! S1–S3: stocks and orders, as the log has them.

use std::collections::{BTreeMap, BTreeSet};

use domain::shop_order::Event as E;
use domain::stock::Event as S;
use uuid::Uuid;

use super::{Findings, Property};

/// Units by product.
type Units = BTreeMap<Uuid, i64>;

#[derive(Clone, Debug, Default)]
struct Shelf {
    on_hand: i64,
    /// By order.
    reserved: Units,
    shipped: Units,
    restocked: Units,
}

#[derive(Clone, Debug, Default)]
struct Order {
    ordered: Units,
    shipped: Units,
    /// Never leaves.
    cut: Units,
    returned: Units,
    over: bool,
}

/// Stocks and orders.
#[derive(Clone, Debug, Default)]
pub struct ShopAudit {
    shelves: BTreeMap<Uuid, Shelf>,
    orders: BTreeMap<Uuid, Order>,
    ended: BTreeSet<Uuid>,
}

fn add(units: &mut Units, of: Uuid, more: i64) {
    *units.entry(of).or_default() += more;
}

impl ShopAudit {
    /// One more event.
    pub fn read(&mut self, id: Uuid, event: &domain::Event, findings: &mut Findings) {
        match event {
            domain::Event::Stock(event) => self.stock(id, event, findings),
            domain::Event::ShopOrder(event) => self.order(id, event, findings),
            _ => {}
        }
    }

    fn stock(&mut self, sku: Uuid, event: &S, findings: &mut Findings) {
        let shelf = self.shelves.entry(sku).or_default();
        match event {
            S::StockReceived { quantity, .. } => shelf.on_hand += i64::from(*quantity),
            S::StockAdjusted { change, .. } => shelf.on_hand += i64::from(*change),
            S::StockReserved { order, quantity, .. } => add(&mut shelf.reserved, order.uuid(), i64::from(*quantity)),
            S::ReservationConfirmed { .. } => {}
            S::StockReleased { order, quantity } => add(&mut shelf.reserved, order.uuid(), -i64::from(*quantity)),
            S::StockShipped { order, quantity } => {
                shelf.on_hand -= i64::from(*quantity);
                add(&mut shelf.reserved, order.uuid(), -i64::from(*quantity));
                add(&mut shelf.shipped, order.uuid(), i64::from(*quantity));
            }
            S::StockRestocked { order, quantity, .. } => {
                shelf.on_hand += i64::from(*quantity);
                add(&mut shelf.restocked, order.uuid(), i64::from(*quantity));
            }
        }
        let (on_hand, reserved) = (shelf.on_hand, shelf.reserved.values().sum::<i64>());
        let fits = (0..=on_hand).contains(&reserved) && shelf.reserved.values().all(|units| *units >= 0);
        findings.hold(Property::S1, fits, || format!("{reserved} of {on_hand} units of {sku} are promised"));
    }

    fn order(&mut self, id: Uuid, event: &E, findings: &mut Findings) {
        let order = self.orders.entry(id).or_default();
        let add_all = |to: &mut Units, units: &domain::shop_order::Units| {
            units.iter().for_each(|(product, quantity)| add(to, product.uuid(), i64::from(*quantity)));
        };
        match event {
            E::ShopOrderPlaced { terms, .. } => {
                let lines: i128 = terms.lines.iter().map(|line| line.unit_price.minor() * i128::from(line.quantity)).sum();
                let shares = terms.platform_fee.minor() + terms.seller_amount.minor();
                let adds_up = lines == terms.total.minor() && shares == lines;
                findings.hold(Property::S3, adds_up, || format!("{id} costs {}, its lines {lines}", terms.total));
                add_all(&mut order.ordered, &terms.by_product());
            }
            E::ShopOrderShipped { units, .. } => add_all(&mut order.shipped, units),
            E::ShopOrderCutShort { units, .. } => add_all(&mut order.cut, units),
            E::ReturnApproved { units, complete, .. } => {
                add_all(&mut order.returned, units);
                order.over |= *complete;
            }
            E::ShopOrderExpired {} | E::ShopOrderCancelled { .. } | E::ShopOrderCompleted { .. } => order.over = true,
            E::ShopOrderPaid { .. }
            | E::ShopOrderDelivered { .. }
            | E::ReturnRequested { .. }
            | E::ReturnDeclined { .. }
            | E::ReturnWithdrawn { .. } => {}
        }
        if order.over {
            self.ended.insert(id);
        }
    }

    /// S2 and S3, whenever nothing is half done: stocks and orders tell the same story.
    pub fn pause(&self, findings: &mut Findings) {
        for (sku, shelf) in &self.shelves {
            let of = |units: &Units, product| units.get(product).copied().unwrap_or(0);
            let waits = |order: &Order| of(&order.ordered, sku) - of(&order.shipped, sku) - of(&order.cut, sku);
            let promised = |order: &Order| if order.over { 0 } else { waits(order) };
            let (ours, theirs) = (shelf.reserved.values().sum::<i64>(), self.orders.values().map(promised).sum::<i64>());
            findings.hold(Property::S2, ours == theirs, || format!("{ours} units of {sku} are reserved, orders wait for {theirs}"));
            for (id, order) in &self.orders {
                let stock = (of(&shelf.shipped, id), of(&shelf.restocked, id));
                let told = (of(&order.shipped, sku), of(&order.returned, sku));
                findings.hold(Property::S3, stock == told, || format!("{id} moved {told:?} of {sku}, the stock {stock:?}"));
            }
        }
        let known = |product: &&Uuid| self.shelves.contains_key(*product);
        let lost = self.orders.values().flat_map(|order| order.ordered.keys()).find(|product| !known(product));
        findings.hold(Property::S2, lost.is_none(), || format!("{lost:?} was sold and never stocked"));
    }

    /// Orders that are over.
    pub const fn over(&self) -> &BTreeSet<Uuid> {
        &self.ended
    }

    /// On hand and reserved, by product, to be held against the model.
    pub fn shelves(&self) -> BTreeMap<Uuid, (i64, i64)> {
        self.shelves.iter().map(|(sku, shelf)| (*sku, (shelf.on_hand, shelf.reserved.values().sum()))).collect()
    }
}
