//! One purchase in the shop, from placement to the end of its returns (domain.md §3.8).
//!
//! ```text
//! Placed → Paid → PartiallyShipped → Shipped → Delivered → Completed | Returned
//! Placed → Expired | Cancelled;  Paid → Shipped | Cancelled
//! ```
//! What a partly shipped order still lacks may be called off: then it is shipped, and smaller.
//!
//! An order's own events never post money: its payment's stream does, in the same append. All its lines are of one seller, who
//! earns the payment. Units are reserved when it is placed and leave the stock parcel by parcel.

use std::collections::BTreeMap;

use kernel::jiff::SignedDuration;
use kernel::{At, Decider, Money, Personal, Timestamp};
use serde::{Deserialize, Serialize};

mod decisions;
mod event;
mod refusal;
mod terms;

use crate::ids::{PaymentId, ProductId, UserId};
pub use event::Event;
pub use refusal::{Refusal, ShortLine};
pub use terms::{OrderLine, Terms};

/// An order that is not paid so long after it was placed expires (domain.md §7).
pub const PAYMENT_WINDOW: SignedDuration = SignedDuration::from_mins(30);
/// What was shipped counts as delivered so long afterwards, unless the delivery was confirmed before.
pub const DELIVERY_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// So long after the delivery units may be given back (SHOP006); then the purchase is confirmed (domain.md §5).
pub const RETURN_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What has not left so long after the first parcel is called off.
pub const REST_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A return that nobody answered so long after it was asked for lapses.
pub const ANSWER_WINDOW: SignedDuration = SignedDuration::from_hours(14 * 24);
/// More lines than this are refused.
pub const MAX_LINES: usize = 100;
/// More units of one product than this are refused.
pub const MAX_QUANTITY: u32 = crate::product::MAX_UNITS;

/// Units by product.
pub type Units = BTreeMap<ProductId, u32>;

/// Where an order goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Who receives it.
    pub recipient: String,
    /// Under which number they are called.
    pub phone: String,
    /// Where.
    pub address: String,
}

/// How a parcel is followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// Who carries it.
    pub carrier: String,
    /// The carrier's number.
    pub number: String,
}

/// On whose side an order was called off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// Who ordered.
    Buyer,
    /// Who sells.
    Seller,
    /// An administrator, or support.
    Admin,
}

/// Where an order stands, in the words of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting for the payment.
    Placed,
    /// Waiting to be shipped.
    Paid,
    /// Some units left.
    PartiallyShipped,
    /// All units left.
    Shipped,
    /// All units arrived.
    Delivered,
    /// Confirmed.
    Completed,
    /// Called off.
    Cancelled,
    /// Not paid in time.
    Expired,
    /// Every unit came back.
    Returned,
}

/// What was agreed, and the payment that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// What was agreed.
    pub terms: Terms,
    /// The payment.
    pub payment: PaymentId,
    /// Units that were called off after others had left.
    pub cut: Units,
}

/// A return that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returning {
    /// Units that the buyer wants to give back.
    pub units: Units,
    /// Until when.
    pub due_at: Timestamp,
}

/// Where an order stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShopOrder {
    /// No such order.
    #[default]
    Absent,
    /// Waiting for the payment.
    Placed {
        /// What was agreed.
        deal: Box<Deal>,
        /// Until when.
        due_at: Timestamp,
    },
    /// Paid; some units may have left.
    Paid {
        /// What was agreed.
        deal: Box<Deal>,
        /// Units that left.
        shipped: Units,
        /// When what has not left is called off; set by the first parcel.
        rest_due_at: Option<Timestamp>,
    },
    /// All units left, but for those that were called off.
    Shipped {
        /// What was agreed.
        deal: Box<Deal>,
        /// When it counts as delivered.
        delivery_due_at: Timestamp,
    },
    /// All units arrived.
    Delivered {
        /// What was agreed.
        deal: Box<Deal>,
        /// When.
        delivered_at: Timestamp,
        /// When it is confirmed.
        confirm_due_at: Timestamp,
        /// Units that came back.
        returned: Units,
        /// What the buyer wants to give back.
        returning: Option<Returning>,
    },
    /// Confirmed.
    Completed {
        /// What was agreed.
        deal: Box<Deal>,
        /// Units that came back.
        returned: Units,
    },
    /// Every unit came back.
    Returned {
        /// What was agreed.
        deal: Box<Deal>,
    },
    /// Called off before anything left.
    Cancelled {
        /// What was agreed.
        deal: Box<Deal>,
    },
    /// Not paid in time.
    Expired {
        /// What was agreed.
        deal: Box<Deal>,
    },
}

/// What may be asked of an order. Who may ask is the caller's to check.
#[derive(Clone, Debug)]
pub enum Command {
    /// Order; units and payment are asked for in the same append (SHP-02).
    Place {
        /// Everything that is to be agreed, priced.
        terms: Box<Terms>,
        /// Where it goes.
        address: Personal<Address>,
        /// What is to be paid.
        payment: PaymentId,
        /// The total that the buyer was shown.
        expected_total: Option<Money>,
    },
    /// The payment arrived.
    Pay {
        /// When it was captured.
        paid_at: Timestamp,
    },
    /// Nobody paid in time.
    Expire,
    /// Call it off before anything leaves, or what has not left.
    Cancel {
        /// On whose side.
        by: CancelledBy,
        /// Who.
        person: UserId,
        /// In their words.
        reason: Personal<String>,
        /// What is left of the payment: no more goes back.
        left: Money,
    },
    /// What should have left by now is called off.
    CutShort {
        /// What is left of the payment: no more goes back.
        left: Money,
    },
    /// Units leave in one parcel.
    Ship {
        /// Which, as the seller listed them; none listed: all that have not left.
        units: Vec<(ProductId, u32)>,
        /// How the parcel is followed.
        tracking: Personal<Tracking>,
    },
    /// Everything arrived.
    Deliver {
        /// Who says so; none: time passed.
        by: Option<UserId>,
    },
    /// Give units back.
    RequestReturn {
        /// Which, as the buyer listed them; none listed: all that are not back.
        units: Vec<(ProductId, u32)>,
        /// In their words.
        reason: Personal<String>,
    },
    /// The units are back.
    ApproveReturn {
        /// Who received them.
        by: UserId,
        /// What is left of the payment: no more goes back.
        left: Money,
    },
    /// The units stay with the buyer.
    DeclineReturn {
        /// Who says so.
        by: UserId,
        /// In their words.
        reason: Personal<String>,
    },
    /// The buyer keeps the units after all.
    WithdrawReturn,
    /// Nobody answered the return in time.
    LapseReturn,
    /// The time to return is over.
    Complete,
}

impl Decider for ShopOrder {
    const KIND: &'static str = "shoporder";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, at: At<Command>) -> Result<Vec<Event>, Refusal> {
        let now = at.now;
        match at.command {
            Command::Place { terms, address, payment, expected_total } => self.place(terms, address, payment, expected_total, now),
            Command::Pay { paid_at } => Ok(match self {
                Self::Placed { deal, .. } => vec![Event::ShopOrderPaid { payment: deal.payment, paid_at }],
                // Late money: nothing revives.
                _ => Vec::new(),
            }),
            Command::Expire => Ok(self.expire(now)),
            Command::Cancel { by, person, reason, left } => self.cancel(by, person, reason, left, now),
            Command::CutShort { left } => self.cut_short(left, now),
            Command::Ship { units, tracking } => self.ship(&units, tracking, now),
            Command::Deliver { by } => self.deliver(by, now),
            Command::RequestReturn { units, reason } => self.request_return(&units, reason, now),
            Command::ApproveReturn { by, left } => self.approve_return(by, left, now),
            Command::DeclineReturn { by, reason } => self.decline_return(by, reason, now),
            Command::WithdrawReturn => self.withdraw_return(now),
            Command::LapseReturn => Ok(self.lapse_return(now)),
            Command::Complete => Ok(self.complete(now)),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (Self::Absent, Event::ShopOrderPlaced { terms, payment, payment_due_at, .. }) => {
                let deal = Box::new(Deal { terms: (**terms).clone(), payment: *payment, cut: Units::new() });
                Self::Placed { deal, due_at: *payment_due_at }
            }
            (Self::Placed { deal, .. }, Event::ShopOrderPaid { .. }) => Self::Paid { deal, shipped: Units::new(), rest_due_at: None },
            (Self::Placed { deal, .. }, Event::ShopOrderExpired {}) => Self::Expired { deal },
            (Self::Placed { deal, .. } | Self::Paid { deal, .. }, Event::ShopOrderCancelled { .. }) => Self::Cancelled { deal },
            (Self::Paid { deal, .. }, Event::ShopOrderShipped { delivery_due_at: Some(delivery_due_at), .. }) => {
                Self::Shipped { deal, delivery_due_at: *delivery_due_at }
            }
            (Self::Paid { deal, shipped, .. }, Event::ShopOrderShipped { units, rest_due_at, .. }) => {
                Self::Paid { deal, shipped: sum(shipped, units), rest_due_at: *rest_due_at }
            }
            (Self::Paid { mut deal, .. }, Event::ShopOrderCutShort { units, delivery_due_at, .. }) => {
                deal.cut = units.clone();
                Self::Shipped { deal, delivery_due_at: *delivery_due_at }
            }
            (Self::Shipped { deal, .. }, Event::ShopOrderDelivered { delivered_at, confirm_due_at, .. }) => Self::Delivered {
                deal,
                delivered_at: *delivered_at,
                confirm_due_at: *confirm_due_at,
                returned: Units::new(),
                returning: None,
            },
            (Self::Delivered { deal, delivered_at, confirm_due_at, returned, .. }, Event::ReturnRequested { units, answer_due_at, .. }) => {
                let returning = Some(Returning { units: units.clone(), due_at: *answer_due_at });
                Self::Delivered { deal, delivered_at, confirm_due_at, returned, returning }
            }
            (
                Self::Delivered { deal, delivered_at, returned, .. },
                Event::ReturnDeclined { confirm_due_at, .. } | Event::ReturnWithdrawn { confirm_due_at },
            ) => Self::Delivered { deal, delivered_at, confirm_due_at: *confirm_due_at, returned, returning: None },
            (Self::Delivered { deal, .. }, Event::ReturnApproved { complete: true, .. }) => Self::Returned { deal },
            (Self::Delivered { deal, delivered_at, returned, .. }, Event::ReturnApproved { units, confirm_due_at, .. }) => {
                let returned = sum(returned, units);
                Self::Delivered { deal, delivered_at, confirm_due_at: *confirm_due_at, returned, returning: None }
            }
            (Self::Delivered { deal, returned, .. }, Event::ShopOrderCompleted { .. }) => Self::Completed { deal, returned },
            // Any other pair is no path of the state graph.
            (state, _) => state,
        }
    }
}

/// Units of both, by product.
fn sum(mut units: Units, more: &Units) -> Units {
    for (product, quantity) in more {
        *units.entry(*product).or_default() += quantity;
    }
    units
}

#[cfg(test)]
mod tests;
