//! Units that the buyer gives back: asked for, and approved, declined, withdrawn or lapsed (domain.md §3.8).

use domain::ids::{RefundId, ShopOrderId, UserId};
use domain::payment::RefundCause;
use domain::shop_order::{Command, Event, Refusal, ShopOrder};
use domain::stock;
use eventlog::{ExecuteError, Executed, Stop};
use serde::Serialize;

use super::{LineInput, for_seller, left_to_pay_back, listed, on_stocks, pay_back};
use crate::access::{self, Denied, actor_of};
use crate::context::{self, Caller, Context};
use crate::escrow;

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

/// Input of [`decline_return`].
#[derive(Clone, Debug, Serialize)]
pub struct DeclineReturn {
    /// Which order.
    pub order_id: ShopOrderId,
    /// Why.
    pub reason: String,
}

/// Asks to give units back.
///
/// # Errors
/// SYS007, AUTH010, SYS003, SHOP005, SHOP006.
pub async fn request_return(ctx: &Context, caller: &Caller, input: &RequestReturn) -> Result<Executed<ShopOrderId>, ExecuteError> {
    ctx.execute("requestReturn", caller, input, |s| async move {
        let buyer = actor_of(&s)?;
        let mut order = s.load::<ShopOrder>(input.order_id.uuid()).await?;
        as_buyer(&order, buyer)?;
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
        for_seller(caller, by, &order)?;
        let (payment_id, buyer) = order.deal().map(|deal| (deal.payment, deal.terms.buyer)).ok_or(Refusal::NotFound)?;
        let left = left_to_pay_back(&s, &order).await?;
        for event in s.decide(&mut order, Command::ApproveReturn { by, left })? {
            let Event::ReturnApproved { units, refund, complete, .. } = event else { continue };
            on_stocks(&s, &units, |quantity| stock::Command::Restock { order: order_id, buyer, quantity }).await?;
            pay_back(&s, payment_id, refund_id, refund, RefundCause::Return).await?;
            if complete {
                escrow::release(&s, payment_id).await?;
            }
        }
        Ok(order_id)
    })
    .await
}

/// The units stay with the buyer, who keeps the right to ask again while there is time.
///
/// # Errors
/// SYS007, AUTH010, SYS003, SHOP005.
pub async fn decline_return(ctx: &Context, caller: &Caller, input: &DeclineReturn) -> Result<Executed<ShopOrderId>, ExecuteError> {
    ctx.execute("declineReturn", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let mut order = s.load::<ShopOrder>(input.order_id.uuid()).await?;
        for_seller(caller, by, &order)?;
        let reason = access::record(by, "reason", &input.reason)?;
        s.decide(&mut order, Command::DeclineReturn { by, reason })?;
        Ok(input.order_id)
    })
    .await
}

/// The buyer keeps the units after all.
///
/// # Errors
/// SYS007, AUTH010, SHOP005.
pub async fn withdraw_return(ctx: &Context, caller: &Caller, order_id: ShopOrderId) -> Result<Executed<ShopOrderId>, ExecuteError> {
    ctx.execute("withdrawReturn", caller, &order_id, |s| async move {
        let mut order = s.load::<ShopOrder>(order_id.uuid()).await?;
        as_buyer(&order, actor_of(&s)?)?;
        s.decide(&mut order, Command::WithdrawReturn)?;
        Ok(order_id)
    })
    .await
}

/// Nobody answered in time: the units stay with the buyer; changes nothing when somebody did.
///
/// # Errors
/// Of the log only.
pub async fn lapse_return(ctx: &Context, caller: &Caller, order_id: ShopOrderId) -> Result<Executed<ShopOrderId>, ExecuteError> {
    ctx.change::<ShopOrder, _, _, _>("lapseReturn", caller, order_id, Command::LapseReturn, context::nothing_else).await
}

/// Only for the buyer.
fn as_buyer(order: &ShopOrder, person: UserId) -> Result<(), Stop> {
    if access::deal_of(order, person)?.terms.buyer == person { Ok(()) } else { Err(Denied::Forbidden.into()) }
}
