//! What a purchase in the shop must leave in the accounts.

use domain::ids::{ShopOrderId, UserId};

use super::{Expected, Order};
use crate::month::report::{Kind, Tally};

/// One purchase as its people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Which order.
    pub order: ShopOrderId,
    /// Who sells.
    pub seller: UserId,
    /// By the price list.
    pub total_won: i128,
    /// Under which number it was to be paid.
    pub order_id: String,
    /// Was it ever a paid order?
    pub paid: bool,
    /// Is it over, one way or another?
    pub finished: bool,
    /// Called off.
    pub cancelled: bool,
    /// By the price list, of what came back.
    pub back_won: i128,
}

impl Sale {
    /// What the buyer was to get back of a captured price.
    const fn promised_won(&self, captured: i128) -> i128 {
        if !self.paid || self.cancelled { captured } else { self.back_won }
    }
}

impl Expected {
    /// What is captured and not given back belongs to the seller once the order is over: the fee is nothing.
    pub(super) fn sale(&mut self, sale: &Sale, order: &Order) {
        let (captured, returned) = (order.captured_won, order.returned_won);
        let promised = sale.promised_won(captured);
        if captured != sale.total_won || returned != promised {
            let (name, total) = (sale.order, sale.total_won);
            self.findings.push(format!("{name}: captured {captured} of {total} won, gave {returned} of {promised} won back"));
        }
        self.add("psp_clearing", captured - returned);
        let escrow = format!("order_escrow:{}", sale.order.uuid());
        self.add(escrow, if sale.finished { 0 } else { returned - captured });
        if sale.finished {
            self.add(format!("host_payable:{}", sale.seller.uuid()), returned - captured);
        }
    }
}

/// Counts what only the books of the provider can tell.
pub(super) fn count(tally: &mut Tally, sales: &[Sale], captured: impl Fn(&str) -> bool) {
    let late = sales.iter().filter(|sale| !sale.paid && captured(&sale.order_id)).count();
    tally.add(Kind::ShopLateMoney, late as u64);
}
