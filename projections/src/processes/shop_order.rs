//! Shop orders: unpaid ones expire, late rests are called off, what was shipped counts as delivered, unanswered
//! returns lapse, and a purchase is confirmed (domain.md §7).

use domain::ids::ShopOrderId;
use domain::shop_order::Event as E;

use super::{Call, Intent, Reactions, id_of};
use crate::Known;
use crate::process::{Process, Reaction};

/// The deadlines of an order, one at a time: each step of the order takes the place of the one before.
#[derive(Debug)]
pub struct ShopOrderDeadlines;

impl Process for ShopOrderDeadlines {
    const NAME: &'static str = "shop-order-deadlines";
    type Intent = Intent;
    type Call = Call;

    fn react(event: &Known) -> Reactions {
        let domain::Event::ShopOrder(happened) = &event.event else { return Vec::new() };
        let Some(order) = id_of(event).map(ShopOrderId::new) else { return Vec::new() };
        let key = || format!("deadline:{order}");
        let timer = |due, intent| vec![Reaction::Timer { key: key(), due, intent }];
        match happened {
            E::ShopOrderPlaced { payment_due_at, .. } => timer(*payment_due_at, Intent::ExpireShopOrder { order }),
            E::ShopOrderShipped { rest_due_at: Some(due), .. } => timer(*due, Intent::CutShort { order }),
            E::ShopOrderShipped { delivery_due_at: Some(due), .. } | E::ShopOrderCutShort { delivery_due_at: due, .. } => {
                timer(*due, Intent::AssumeDelivery { order })
            }
            E::ReturnRequested { answer_due_at, .. } => timer(*answer_due_at, Intent::LapseReturn { order }),
            E::ShopOrderDelivered { confirm_due_at, .. }
            | E::ReturnDeclined { confirm_due_at, .. }
            | E::ReturnWithdrawn { confirm_due_at }
            | E::ReturnApproved { complete: false, confirm_due_at, .. } => timer(*confirm_due_at, Intent::CompleteShopOrder { order }),
            E::ShopOrderPaid { .. }
            | E::ShopOrderExpired {}
            | E::ShopOrderCancelled { .. }
            | E::ReturnApproved { complete: true, .. }
            | E::ShopOrderCompleted { .. } => vec![Reaction::CancelTimer { key: key() }],
            E::ShopOrderShipped { rest_due_at: None, delivery_due_at: None, .. } => Vec::new(),
        }
    }
}
