//! Shop orders, from placement to the end of their returns (domain.md §3.8). What belongs together happens in one append: a
//! placement reserves every line's units and asks for the payment, an end gives them back and settles the escrow.

use domain::ids::{PaymentId, ProductId, RefundId, ShopOrderId, UserId};
use domain::payment::{Payment, Phase, RefundCause};
use domain::shop_order::{CancelledBy, Command, Event, Refusal, ShopOrder, Status, Units};
use domain::stock::{self, Stock};
use domain::user::Role;
use eventlog::{ExecuteError, Executed, Loaded, Session, Stop};
use kernel::{Money, Personal};
use serde::Serialize;

mod placement;
mod returns;

use crate::access::{self, Denied, actor_of};
use crate::context::{Caller, Context};
use crate::escrow::{self, Ending, IfUnpaid, RefundOrder};
pub use placement::{AddressInput, LineInput, PlaceShopOrder, place_shop_order};
pub use returns::{DeclineReturn, RequestReturn, approve_return, decline_return, lapse_return, request_return, withdraw_return};

/// Who stands in for a party.
const OFFICE: [Role; 2] = [Role::Support, Role::Admin];

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

/// Calls an order off before anything left: its units are free again, and what was paid goes back in full. Of an order that left
/// in part, only the rest is called off: its seller and support may do that at any time, its buyer when the rest is late.
///
/// # Errors
/// SYS007, SYS003, SHOP005.
pub async fn cancel_shop_order(ctx: &Context, caller: &Caller, input: &CancelShopOrder) -> Result<Executed<ShopOrderId>, ExecuteError> {
    let (refund, id) = (RefundId::new(ctx.ids.mint()), input.order_id);
    ctx.execute("cancelShopOrder", caller, input, |s| async move {
        let person = actor_of(&s)?;
        let mut order = s.load::<ShopOrder>(id.uuid()).await?;
        let by = side_of(caller, person, &order)?;
        let reason = access::record(person, "reason", &input.reason)?;
        let left = left_to_pay_back(&s, &order).await?;
        for event in s.decide(&mut order, Command::Cancel { by, person, reason, left })? {
            match &event {
                // The escrow counts what went back before towards the whole price.
                Event::ShopOrderCancelled { .. } => {
                    let whole = order.terms().map(|terms| terms.total);
                    end(&s, id, &order, &Ending::cancelled(refund, whole)).await?;
                }
                event => release_rest(&s, id, &order, event, refund).await?,
            }
        }
        Ok(id)
    })
    .await
}

/// What should have left by now is called off; changes nothing when it did leave.
///
/// # Errors
/// Of the log only.
pub async fn cut_short(ctx: &Context, caller: &Caller, order_id: ShopOrderId) -> Result<Executed<ShopOrderId>, ExecuteError> {
    let refund = RefundId::new(ctx.ids.mint());
    ctx.execute("cutShort", caller, &order_id, |s| async move {
        let mut order = s.load::<ShopOrder>(order_id.uuid()).await?;
        let left = left_to_pay_back(&s, &order).await?;
        for event in s.decide(&mut order, Command::CutShort { left })? {
            release_rest(&s, order_id, &order, &event, refund).await?;
        }
        Ok(order_id)
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
        let buyer = access::as_seller(&order, seller)?.terms.buyer;
        let tracking = placement::tracking(&input.carrier, &input.tracking_number)?;
        let tracking = Personal::retained(buyer.uuid(), tracking);
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
        for_buyer(caller, by, &order)?;
        s.decide(&mut order, Command::Deliver { by: Some(by) })?;
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

/// Frees the units of a partly shipped order that never leave, and gives their price back.
async fn release_rest(s: &Session, id: ShopOrderId, order: &ShopOrder, event: &Event, refund_id: RefundId) -> Result<(), Stop> {
    let (Event::ShopOrderCutShort { units, refund, .. }, Some(deal)) = (event, order.deal()) else { return Ok(()) };
    on_stocks(s, units, |_| stock::Command::Release(id)).await?;
    pay_back(s, deal.payment, refund_id, *refund, RefundCause::Cancellation).await
}

/// Gives a part of the price back; nothing when nothing is left of it.
async fn pay_back(s: &Session, payment_id: PaymentId, refund_id: RefundId, amount: Money, cause: RefundCause) -> Result<(), Stop> {
    if !amount.is_positive() {
        return Ok(());
    }
    let mut payment = s.load::<Payment>(payment_id.uuid()).await?;
    escrow::request_refund(s, payment_id, &mut payment, RefundOrder::system(refund_id, amount, cause)).await
}

/// What was paid for the order and has not been asked back.
async fn left_to_pay_back(s: &Session, order: &ShopOrder) -> Result<Money, Stop> {
    let deal = order.deal().ok_or(Refusal::NotFound)?;
    let payment = s.load::<Payment>(deal.payment.uuid()).await?;
    let none = deal.terms.total.with_minor(0);
    let refunded = payment.refunded().unwrap_or(none);
    let captured = payment.phase().is_some_and(Phase::captured);
    Ok(if captured { deal.terms.total.minus(refunded).map_err(Refusal::from)? } else { none })
}

/// On whose side somebody calls an order off; to strangers there is no such order.
fn side_of(caller: &Caller, person: UserId, order: &ShopOrder) -> Result<CancelledBy, Refusal> {
    let terms = order.terms().ok_or(Refusal::NotFound)?;
    // Support ends what nobody else ends; before anything left that is the parties' own affair.
    let office: &[Role] = if order.status() == Some(Status::PartiallyShipped) { &OFFICE } else { &[Role::Admin] };
    match person {
        _ if person == terms.buyer => Ok(CancelledBy::Buyer),
        _ if person == terms.seller => Ok(CancelledBy::Seller),
        _ if caller.is_any(office) => Ok(CancelledBy::Admin),
        _ => Err(Refusal::NotFound),
    }
}

/// Only for the buyer, and for support in an order that is not their own sale.
fn for_buyer(caller: &Caller, person: UserId, order: &ShopOrder) -> Result<(), Stop> {
    let terms = order.terms().ok_or(Refusal::NotFound)?;
    match person {
        _ if person == terms.buyer => Ok(()),
        _ if person == terms.seller => Err(Denied::Forbidden.into()),
        _ if caller.is_any(&OFFICE) => Ok(()),
        _ => Err(Refusal::NotFound.into()),
    }
}

/// Only for the seller, and for support in an order that is not their own purchase.
fn for_seller(caller: &Caller, person: UserId, order: &ShopOrder) -> Result<(), Stop> {
    let terms = order.terms().ok_or(Refusal::NotFound)?;
    match person {
        _ if person == terms.seller => Ok(()),
        _ if person == terms.buyer => Err(Denied::Forbidden.into()),
        _ if caller.is_any(&OFFICE) => Ok(()),
        _ => Err(Refusal::NotFound.into()),
    }
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
