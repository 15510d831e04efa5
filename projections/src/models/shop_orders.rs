//! Purchases from placement to the end of their returns: the source of `ShopOrder` and `myShopOrders`.

use domain::ids::{PaymentId, ShopOrderId, UserId};
use domain::shop_order::{self, Address, CancelledBy, Status, Terms, Tracking, Units};
use kernel::{Money, Personal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{begin, existing, foreign, own_id, own_key};
use crate::known::{Event, Known};
use crate::model::{Column, Poison, ReadModel, Value};

/// One row per order; the key is the order's id.
#[derive(Debug)]
pub struct ShopOrders;

/// How an order was called off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancellation {
    /// On whose side.
    pub by: CancelledBy,
    /// Who.
    pub person: UserId,
    /// In their words.
    pub reason: Personal<String>,
    /// What the buyer gets back.
    pub refund: Money,
    /// Business time.
    pub at: Timestamp,
}

/// What never left, and what the buyer gets back for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCut {
    /// Which units.
    pub units: Units,
    /// What the buyer gets back.
    pub refund: Money,
    /// Who called it off; none: time passed.
    pub by: Option<UserId>,
    /// In their words.
    pub reason: Option<Personal<String>>,
    /// Business time.
    pub at: Timestamp,
}

/// Units that left together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Which.
    pub units: Units,
    /// How it is followed.
    pub tracking: Personal<Tracking>,
    /// Business time.
    pub shipped_at: Timestamp,
}

/// Units that the buyer gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReturn {
    /// Which.
    pub units: Units,
    /// In the buyer's words.
    pub reason: Personal<String>,
    /// Business time of the wish.
    pub requested_at: Timestamp,
    /// Unanswered until then, it lapses.
    pub answer_due_at: Timestamp,
    /// What became of it, once it is over.
    pub answer: Option<ReturnAnswer>,
}

impl OrderReturn {
    /// The units arrived.
    #[must_use]
    pub const fn approval(&self) -> Option<&ReturnApproval> {
        match &self.answer {
            Some(ReturnAnswer::Approved(approval)) => Some(approval),
            Some(ReturnAnswer::Declined(_) | ReturnAnswer::Withdrawn { .. }) | None => None,
        }
    }
}

/// How a return ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnAnswer {
    /// The units arrived.
    Approved(ReturnApproval),
    /// The units stay with the buyer.
    Declined(ReturnDecline),
    /// The buyer keeps them after all.
    Withdrawn {
        /// Business time.
        at: Timestamp,
    },
}

/// The units stay with the buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnDecline {
    /// Who declined; none: nobody answered in time.
    pub by: Option<UserId>,
    /// In their words.
    pub reason: Option<Personal<String>>,
    /// Business time.
    pub at: Timestamp,
}

/// The seller has the units back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnApproval {
    /// What the buyer gets back.
    pub refund: Money,
    /// Who received them.
    pub by: UserId,
    /// Business time.
    pub at: Timestamp,
}

/// A purchase as its parties see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopOrderRow {
    /// Which order.
    pub id: ShopOrderId,
    /// What buyer and seller agreed on: lines, prices, total.
    pub terms: Terms,
    /// Where it goes.
    pub address: Personal<Address>,
    /// Where it stands.
    pub status: Status,
    /// What is to be paid.
    pub payment: PaymentId,
    /// End of the payment window.
    pub payment_due_at: Timestamp,
    /// When the payment was captured.
    pub paid_at: Option<Timestamp>,
    /// How it was called off, if it was.
    pub cancellation: Option<OrderCancellation>,
    /// What left, in the order of time.
    pub parcels: Vec<Parcel>,
    /// When what has not left is called off, once some of it left.
    pub rest_due_at: Option<Timestamp>,
    /// What never left, if something did not.
    pub cut: Option<OrderCut>,
    /// When it counts as delivered, once all of it left.
    pub delivery_due_at: Option<Timestamp>,
    /// When all of it arrived.
    pub delivered_at: Option<Timestamp>,
    /// Until when units may be given back; the purchase is confirmed then.
    pub confirm_due_at: Option<Timestamp>,
    /// What came or comes back, in the order of time.
    pub returns: Vec<OrderReturn>,
    /// When it was confirmed.
    pub completed_at: Option<Timestamp>,
    /// Business time of the order.
    pub created_at: Timestamp,
}

/// The value of the column `status`.
#[must_use]
pub const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Placed => "PLACED",
        Status::Paid => "PAID",
        Status::PartiallyShipped => "PARTIALLY_SHIPPED",
        Status::Shipped => "SHIPPED",
        Status::Delivered => "DELIVERED",
        Status::Completed => "COMPLETED",
        Status::Cancelled => "CANCELLED",
        Status::Expired => "EXPIRED",
        Status::Returned => "RETURNED",
    }
}

impl ReadModel for ShopOrders {
    const NAME: &'static str = "shop_orders";
    const VERSION: u32 = 2;
    type Row = ShopOrderRow;

    fn columns() -> &'static [Column] {
        const {
            &[
                Column::uuid("buyer").listed_by("created_at"),
                Column::uuid("seller").listed_by("created_at"),
                Column::text("status"),
                Column::timestamp("created_at"),
            ]
        }
    }

    fn keys(event: &Known) -> Vec<String> {
        if matches!(event.event, Event::ShopOrder(_)) { own_key(event) } else { Vec::new() }
    }

    fn apply(_key: &str, row: Option<ShopOrderRow>, event: &Known) -> Result<Option<ShopOrderRow>, Poison> {
        let Event::ShopOrder(happened) = &event.event else { return Err(foreign(event)) };
        if let shop_order::Event::ShopOrderPlaced { .. } = happened {
            return begin(row, event, placed(happened, event)?);
        }
        let mut row = existing(row, event)?;
        row.advance(happened, event.recorded.occurred_at)?;
        Ok(Some(row))
    }

    fn index(_key: &str, row: &ShopOrderRow) -> Vec<Value> {
        vec![row.terms.buyer.into(), row.terms.seller.into(), status_name(row.status).into(), row.created_at.into()]
    }
}

fn placed(happened: &shop_order::Event, event: &Known) -> Result<ShopOrderRow, Poison> {
    let shop_order::Event::ShopOrderPlaced { terms, address, payment, payment_due_at } = happened else { return Err(foreign(event)) };
    Ok(ShopOrderRow {
        id: own_id(event)?,
        terms: (**terms).clone(),
        address: address.clone(),
        status: Status::Placed,
        payment: *payment,
        payment_due_at: *payment_due_at,
        paid_at: None,
        cancellation: None,
        parcels: Vec::new(),
        rest_due_at: None,
        cut: None,
        delivery_due_at: None,
        delivered_at: None,
        confirm_due_at: None,
        returns: Vec::new(),
        completed_at: None,
        created_at: event.recorded.occurred_at,
    })
}

impl ShopOrderRow {
    fn advance(&mut self, happened: &shop_order::Event, at: Timestamp) -> Result<(), Poison> {
        match happened {
            // It begins a row and changes none.
            shop_order::Event::ShopOrderPlaced { .. } => {}
            shop_order::Event::ShopOrderPaid { payment: _, paid_at } => {
                (self.status, self.paid_at) = (Status::Paid, Some(*paid_at));
            }
            shop_order::Event::ShopOrderExpired {} => self.status = Status::Expired,
            shop_order::Event::ShopOrderCancelled { by, person, reason, refund } => {
                self.status = Status::Cancelled;
                self.cancellation = Some(OrderCancellation { by: *by, person: *person, reason: reason.clone(), refund: *refund, at });
            }
            shop_order::Event::ShopOrderShipped { units, tracking, complete, shipped_at, delivery_due_at, rest_due_at } => {
                self.status = if *complete { Status::Shipped } else { Status::PartiallyShipped };
                (self.delivery_due_at, self.rest_due_at) = (*delivery_due_at, *rest_due_at);
                self.parcels.push(Parcel { units: units.clone(), tracking: tracking.clone(), shipped_at: *shipped_at });
            }
            shop_order::Event::ShopOrderCutShort { units, refund, by, reason, delivery_due_at } => {
                self.status = Status::Shipped;
                (self.delivery_due_at, self.rest_due_at) = (Some(*delivery_due_at), None);
                self.cut = Some(OrderCut { units: units.clone(), refund: *refund, by: *by, reason: reason.clone(), at });
            }
            shop_order::Event::ShopOrderDelivered { delivered_at, confirm_due_at, by: _ } => {
                self.status = Status::Delivered;
                (self.delivered_at, self.confirm_due_at) = (Some(*delivered_at), Some(*confirm_due_at));
            }
            shop_order::Event::ReturnRequested { units, reason, answer_due_at } => {
                let (units, reason, answer_due_at) = (units.clone(), reason.clone(), *answer_due_at);
                self.returns.push(OrderReturn { units, reason, requested_at: at, answer_due_at, answer: None });
            }
            shop_order::Event::ReturnApproved { units: _, refund, complete, confirm_due_at, by } => {
                self.answer(ReturnAnswer::Approved(ReturnApproval { refund: *refund, by: *by, at }), *confirm_due_at)?;
                if *complete {
                    self.status = Status::Returned;
                }
            }
            shop_order::Event::ReturnDeclined { by, reason, confirm_due_at } => {
                self.answer(ReturnAnswer::Declined(ReturnDecline { by: *by, reason: reason.clone(), at }), *confirm_due_at)?;
            }
            shop_order::Event::ReturnWithdrawn { confirm_due_at } => {
                self.answer(ReturnAnswer::Withdrawn { at }, *confirm_due_at)?;
            }
            shop_order::Event::ShopOrderCompleted { completed_at } => {
                (self.status, self.completed_at) = (Status::Completed, Some(*completed_at));
            }
        }
        Ok(())
    }

    fn answer(&mut self, answer: ReturnAnswer, confirm_due_at: Timestamp) -> Result<(), Poison> {
        let open = self.returns.iter_mut().rfind(|known| known.answer.is_none());
        open.ok_or_else(|| Poison::new("a return was answered that nobody asked for"))?.answer = Some(answer);
        self.confirm_due_at = Some(confirm_due_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
