//! Units of products: what comes in, and what a count finds (domain.md §3.8, SHP-03).

use domain::ids::SkuId;
use domain::stock::{Command, Refusal, Stock, product_of};
use eventlog::{ExecuteError, Executed};
use serde::Serialize;

use crate::access::{self, actor_of};
use crate::context::{Caller, Context};
use crate::product;

/// Input of [`receive_stock`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ReceiveStock {
    /// Of which product.
    pub sku: SkuId,
    /// How many units.
    pub quantity: i32,
}

/// Input of [`adjust_stock`].
#[derive(Clone, Debug, Serialize)]
pub struct AdjustStock {
    /// Of which product.
    pub sku: SkuId,
    /// How many more units there are; below zero: fewer.
    pub change: i32,
    /// Why.
    pub reason: String,
}

/// Takes units in.
///
/// # Errors
/// SYS007, AUTH010, SYS003.
pub async fn receive_stock(ctx: &Context, caller: &Caller, input: &ReceiveStock) -> Result<Executed<SkuId>, ExecuteError> {
    ctx.execute("receiveStock", caller, input, |s| async move {
        let by = actor_of(&s)?;
        product::own(&s, caller, product_of(input.sku)).await?;
        let quantity = u32::try_from(input.quantity).map_err(|_| Refusal::BadQuantity("quantity"))?;
        let mut stock = s.load::<Stock>(input.sku.uuid()).await?;
        s.decide(&mut stock, Command::Receive { quantity, by })?;
        Ok(input.sku)
    })
    .await
}

/// Corrects a number that a count found wrong; what was promised to orders stays.
///
/// # Errors
/// SYS007, AUTH010, SYS003, SHOP001.
pub async fn adjust_stock(ctx: &Context, caller: &Caller, input: &AdjustStock) -> Result<Executed<SkuId>, ExecuteError> {
    ctx.execute("adjustStock", caller, input, |s| async move {
        let by = actor_of(&s)?;
        product::own(&s, caller, product_of(input.sku)).await?;
        let reason = access::record(by, "reason", &input.reason)?;
        let mut stock = s.load::<Stock>(input.sku.uuid()).await?;
        s.decide(&mut stock, Command::Adjust { change: input.change, reason, by })?;
        Ok(input.sku)
    })
    .await
}
