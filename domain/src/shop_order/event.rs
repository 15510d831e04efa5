//! What happened to a shop order: the storage format.

use kernel::{DomainEvent, Fact, Money, Personal, Timestamp, upcast::Upcasts};
use serde::{Deserialize, Serialize};

use super::{Address, CancelledBy, Tracking, Units};
use crate::ids::{PaymentId, UserId};
use crate::shop_order::Terms;

/// What happened to a shop order. Prices and deadlines are frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Somebody ordered; the units are reserved and the payment is asked for.
    ShopOrderPlaced {
        /// Everything that was agreed.
        terms: Box<Terms>,
        /// Where it goes.
        address: Personal<Address>,
        /// What is to be paid.
        payment: PaymentId,
        /// End of the payment window.
        payment_due_at: Timestamp,
    },
    /// The payment arrived.
    ShopOrderPaid {
        /// Which payment.
        payment: PaymentId,
        /// When it was captured.
        paid_at: Timestamp,
    },
    /// Nobody paid in time.
    ShopOrderExpired {},
    /// It was called off before anything left.
    ShopOrderCancelled {
        /// On whose side.
        by: CancelledBy,
        /// Who.
        person: UserId,
        /// In their words.
        reason: Personal<String>,
        /// What the buyer gets back.
        refund: Money,
    },
    /// Units left for the buyer.
    ShopOrderShipped {
        /// Which, in this parcel.
        units: Units,
        /// How the parcel is followed.
        tracking: Personal<Tracking>,
        /// Nothing is left to be shipped.
        complete: bool,
        /// When.
        shipped_at: Timestamp,
        /// Unless somebody confirms the delivery, it counts as delivered then; set with the last parcel.
        delivery_due_at: Option<Timestamp>,
        /// What has not left by then is called off; set until the last parcel, by the first.
        rest_due_at: Option<Timestamp>,
    },
    /// What had not left was called off; the rest of the order goes on.
    ShopOrderCutShort {
        /// Which units never leave.
        units: Units,
        /// What the buyer gets back.
        refund: Money,
        /// Who did it; none: time passed.
        by: Option<UserId>,
        /// In their words.
        reason: Option<Personal<String>>,
        /// Unless somebody confirms the delivery, it counts as delivered then.
        delivery_due_at: Timestamp,
    },
    /// Everything arrived.
    ShopOrderDelivered {
        /// When.
        delivered_at: Timestamp,
        /// End of the time to return; the purchase is confirmed then.
        confirm_due_at: Timestamp,
        /// Who confirmed it; none: time passed.
        by: Option<UserId>,
    },
    /// The buyer wants to give units back.
    ReturnRequested {
        /// Which.
        units: Units,
        /// In their words.
        reason: Personal<String>,
        /// Unanswered until then, it lapses.
        answer_due_at: Timestamp,
    },
    /// The units stay with the buyer.
    ReturnDeclined {
        /// Who declined; none: nobody answered in time.
        by: Option<UserId>,
        /// In their words.
        reason: Option<Personal<String>>,
        /// When the purchase is confirmed.
        confirm_due_at: Timestamp,
    },
    /// The buyer keeps the units after all.
    ReturnWithdrawn {
        /// When the purchase is confirmed.
        confirm_due_at: Timestamp,
    },
    /// The units are back, and so is the money.
    ReturnApproved {
        /// Which.
        units: Units,
        /// What the buyer gets back.
        refund: Money,
        /// Every unit of the order is back: it is over.
        complete: bool,
        /// When what is left of it is confirmed.
        confirm_due_at: Timestamp,
        /// Who approved it.
        by: UserId,
    },
    /// The purchase is confirmed; the seller has earned their share.
    ShopOrderCompleted {
        /// When.
        completed_at: Timestamp,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::ShopOrderPlaced { .. } => "ShopOrderPlaced",
            Self::ShopOrderPaid { .. } => "ShopOrderPaid",
            Self::ShopOrderExpired {} => "ShopOrderExpired",
            Self::ShopOrderCancelled { .. } => "ShopOrderCancelled",
            Self::ShopOrderShipped { .. } => "ShopOrderShipped",
            Self::ShopOrderCutShort { .. } => "ShopOrderCutShort",
            Self::ShopOrderDelivered { .. } => "ShopOrderDelivered",
            Self::ReturnRequested { .. } => "ReturnRequested",
            Self::ReturnDeclined { .. } => "ReturnDeclined",
            Self::ReturnWithdrawn { .. } => "ReturnWithdrawn",
            Self::ReturnApproved { .. } => "ReturnApproved",
            Self::ShopOrderCompleted { .. } => "ShopOrderCompleted",
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
