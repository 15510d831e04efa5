//! Shop orders, from placement to the end of their returns (domain.md §3.8). What belongs together happens in one append: a
//! placement reserves every line's units and asks for the payment, an end gives them back and settles the escrow.

use domain::ids::{ProductId, RefundId, ShopOrderId};
use domain::payment::{Payment, RefundCause};
use domain::shop_order::{CancelledBy, Command, Event, Refusal, ShopOrder, Units};
use domain::stock::{self, Stock};
use domain::user::Role;
use eventlog::{ExecuteError, Executed, Loaded, Session, Stop};
use serde::Serialize;

mod placement;

use crate::access::{self, Denied, actor_of};
use crate::context::{Caller, Context};
use crate::escrow::{self, Ending, IfUnpaid, RefundOrder};
pub use placement::{AddressInput, LineInput, PlaceShopOrder, place_shop_order};

/// Input of [`cancel_shop_order`].
#[derive(Clone, Debug, Serialize)]
pub struct CancelShopOrder {
    /// Which order.
    pub order_id: ShopOrderId,
    /// Why.
    pub reason: String,
}

/// Input of [`ship_shop_order`].
#[derive(Clone, Debug, Serialize)]
pub struct ShipShopOrder {
    /// Which order.
    pub order_id: ShopOrderId,
    /// What leaves in this parcel; nothing listed: all that has not left.
    pub lines: Vec<LineInput>,
    /// Who carries it.
    pub carrier: String,
    /// The carrier's number.
    pub tracking_number: String,
}

/// Input of [`request_return`].
#[derive(Clone, Debug, Serialize)]
pub struct RequestReturn {
    /// Which order.
    pub order_id: ShopOrderId,
    /// What goes back; nothing listed: all that is not back.
    pub lines: Vec<LineInput>,
    /// Why.
    pub reason: String,
}

/// Calls an order off before anything left: its units are free again, and what was paid goes back in full.
///
/// # Errors
/// SYS007, SYS003, SHOP005.
pub async fn cancel_shop_order(ctx: &Context, caller: &Caller, input: &CancelShopOrder) -> Result<Executed<ShopOrderId>, ExecuteError> {
    let refund = RefundId::new(ctx.ids.mint());
    ctx.execute("cancelShopOrder", caller, input, |s| async move {
        let person = actor_of(&s)?;
        let mut order = s.load::<ShopOrder>(input.order_id.uuid()).await?;
        let terms = order.terms().ok_or(Refusal::NotFound)?;
        let by = if person == terms.buyer {
            CancelledBy::Buyer
        } else if person == terms.seller {
            CancelledBy::Seller
        } else if caller.is_any(&[Role::Admin]) {
            CancelledBy::Admin
        } else {
            return Err(Refusal::NotFound.into());
        };
        let reason = access::record(person, "reason", &input.reason)?;
        let events = s.decide(&mut order, Command::Cancel { by, person, reason })?;
        let amount = events.iter().find_map(|event| match event {
            Event::ShopOrderCancelled { refund, .. } => Some(*refund),
            _ => None,
        });
        end(&s, input.order_id, &order, &Ending::cancelled(refund, amount)).await?;
        Ok(input.order_id)
    })
    .await
}

/// Sends units in one parcel.
///
/// # Errors
/// SYS007, AUTH010, SYS003, SHOP005.
pub async fn ship_shop_order(ctx: &Context, caller: &Caller, input: &ShipShopOrder) -> Result<Executed<ShopOrderId>, ExecuteError> {
    let id = input.order_id;
    ctx.execute("shipShopOrder", caller, input, |s| async move {
        let seller = actor_of(&s)?;
        let mut order = s.load::<ShopOrder>(id.uuid()).await?;
        access::as_seller(&order, seller)?;
        let tracking = placement::tracking(&input.carrier, &input.tracking_number)?;
        let events = s.decide(&mut order, Command::Ship { units: listed(&input.lines)?, tracking })?;
        for event in &events {
            if let Event::ShopOrderShipped { units, .. } = event {
                on_stocks(&s, units, |quantity| stock::Command::Ship { order: id, quantity }).await?;
            }
        }
        Ok(id)
    })
    .await
}

/// Says that everything arrived: the buyer, or support for the carrier.
///
/// # Errors
/// SYS007, AUTH010, SHOP005.
pub async fn confirm_delivery(ctx: &Context, caller: &Caller, order_id: ShopOrderId) -> Result<Executed<ShopOrderId>, ExecuteError> {
    ctx.execute("confirmDelivery", caller, &order_id, |s| async move {
        let by = actor_of(&s)?;
        let mut order = s.load::<ShopOrder>(order_id.uuid()).await?;
        if !caller.is_any(&[Role::Support, Role::Admin]) && access::deal_of(&order, by)?.terms.buyer != by {
            return Err(Denied::Forbidden.into());
        }
        s.decide(&mut order, Command::Deliver { by: Some(by) })?;
        Ok(order_id)
    })
    .await
}

/// Asks to give units back.
///
/// # Errors
/// SYS007, AUTH010, SYS003, SHOP005, SHOP006.
pub async fn request_return(ctx: &Context, caller: &Caller, input: &RequestReturn) -> Result<Executed<ShopOrderId>, ExecuteError> {
    ctx.execute("requestReturn", caller, input, |s| async move {
        let buyer = actor_of(&s)?;
        let mut order = s.load::<ShopOrder>(input.order_id.uuid()).await?;
        if access::deal_of(&order, buyer)?.terms.buyer != buyer {
            return Err(Denied::Forbidden.into());
        }
        let reason = access::record(buyer, "reason", &input.reason)?;
        s.decide(&mut order, Command::RequestReturn { units: listed(&input.lines)?, reason })?;
        Ok(input.order_id)
    })
    .await
}

/// The units are back: they are sold again, and their price goes back to the buyer, in one append.
///
/// # Errors
/// SYS007, AUTH010, SHOP005.
pub async fn approve_return(ctx: &Context, caller: &Caller, order_id: ShopOrderId) -> Result<Executed<ShopOrderId>, ExecuteError> {
    let refund_id = RefundId::new(ctx.ids.mint());
    ctx.execute("approveReturn", caller, &order_id, |s| async move {
        let by = actor_of(&s)?;
        let mut order = s.load::<ShopOrder>(order_id.uuid()).await?;
        if !caller.is_any(&[Role::Support, Role::Admin]) {
            access::as_seller(&order, by)?;
        }
        let (payment_id, buyer) = order.deal().map(|deal| (deal.payment, deal.terms.buyer)).ok_or(Refusal::NotFound)?;
        for event in s.decide(&mut order, Command::ApproveReturn { by })? {
            let Event::ReturnApproved { units, refund, complete, .. } = event else { continue };
            on_stocks(&s, &units, |quantity| stock::Command::Restock { order: order_id, buyer, quantity }).await?;
            let mut payment = s.load::<Payment>(payment_id.uuid()).await?;
            let order = RefundOrder::system(refund_id, refund, RefundCause::Return);
            escrow::request_refund(&s, payment_id, &mut payment, order).await?;
            if complete {
                escrow::release(&s, payment_id).await?;
            }
        }
        Ok(order_id)
    })
    .await
}

/// Nobody paid in time: the units are free again; changes nothing when somebody did.
///
/// # Errors
/// Of the log only.
pub async fn expire_shop_order(ctx: &Context, caller: &Caller, order_id: ShopOrderId) -> Result<Executed<ShopOrderId>, ExecuteError> {
    let then = move |s, order: Loaded<ShopOrder>, _| async move {
        let ending = Ending::unpaid(IfUnpaid::Expire);
        end(&s, order_id, &order, &ending).await
    };
    ctx.change("expireShopOrder", caller, order_id, Command::Expire, then).await
}

/// What was shipped counts as delivered; changes nothing when somebody confirmed it before.
///
/// # Errors
/// Of the log only.
pub async fn assume_delivery(ctx: &Context, caller: &Caller, order_id: ShopOrderId) -> Result<Executed<ShopOrderId>, ExecuteError> {
    let command = Command::Deliver { by: None };
    ctx.change::<ShopOrder, _, _, _>("assumeDelivery", caller, order_id, command, crate::context::nothing_else).await
}

/// The time to return is over: the purchase is confirmed and the seller has earned their share; changes nothing while a return
/// waits for its answer.
///
/// # Errors
/// Of the log only.
pub async fn complete_shop_order(ctx: &Context, caller: &Caller, order_id: ShopOrderId) -> Result<Executed<ShopOrderId>, ExecuteError> {
    let then = |s, order: Loaded<ShopOrder>, _| async move {
        match order.deal() {
            Some(deal) => escrow::release(&s, deal.payment).await,
            None => Ok(()),
        }
    };
    ctx.change("completeShopOrder", caller, order_id, Command::Complete, then).await
}

/// The order was paid: its units stay promised until they are shipped.
pub(crate) async fn confirm_units(s: &Session, id: ShopOrderId, order: &ShopOrder) -> Result<(), Stop> {
    let Some(terms) = order.terms() else { return Ok(()) };
    on_stocks(s, &terms.by_product(), |_| stock::Command::Confirm(id)).await
}

/// Frees the units and settles the payment of an order that ended before anything left.
async fn end(s: &Session, id: ShopOrderId, order: &ShopOrder, ending: &Ending) -> Result<(), Stop> {
    let Some(deal) = order.deal() else { return Ok(()) };
    on_stocks(s, &deal.terms.by_product(), |_| stock::Command::Release(id)).await?;
    escrow::close(s, deal.payment, ending).await
}

/// One command on the stock of each product, in the order of their ids.
async fn on_stocks(s: &Session, units: &Units, command: impl Fn(u32) -> stock::Command + Send + Sync) -> Result<(), Stop> {
    for (product, quantity) in units {
        let mut stock = s.load::<Stock>(stock::sku_of(*product).uuid()).await?;
        s.decide(&mut stock, command(*quantity))?;
    }
    Ok(())
}

/// Quantities as they were typed.
fn listed(lines: &[LineInput]) -> Result<Vec<(ProductId, u32)>, Refusal> {
    let line = |(index, line): (usize, &LineInput)| match u32::try_from(line.quantity) {
        Ok(quantity) => Ok((line.product_id, quantity)),
        Err(_) => Err(Refusal::BadQuantity(index)),
    };
    lines.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests;
