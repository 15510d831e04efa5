//! Describing, pricing and publishing what a seller sells (domain.md §3.8, SHP-01).

use domain::ids::ProductId;
use domain::product::{Command, Details, Offer, Product, Refusal};
use domain::user::{Role, User};
use eventlog::{ExecuteError, Executed, Loaded, Session, Stop};
use kernel::Money;
use serde::Serialize;

use crate::access::{Denied, actor_of};
use crate::context::{Caller, Context};

/// Input of [`create_product`]; texts as typed.
#[derive(Clone, Debug, Serialize)]
pub struct CreateProduct {
    /// What it is called.
    pub name: String,
    /// What it is found under.
    pub category: String,
    /// More about it.
    pub description: Option<String>,
    /// Of one unit.
    pub price: Money,
    /// One buyer may have so many units in all; none or 0: as many as there are.
    pub max_per_buyer: Option<i32>,
}

/// Input of [`update_product`]: what is left out stays as it is.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateProduct {
    /// Which product.
    pub product_id: ProductId,
    /// What it is called.
    pub name: Option<String>,
    /// What it is found under.
    pub category: Option<String>,
    /// More about it; blank: nothing.
    pub description: Option<String>,
    /// One buyer may have so many units in all; 0: as many as there are.
    pub max_per_buyer: Option<i32>,
}

/// Input of [`change_price`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ChangePrice {
    /// Which product.
    pub product_id: ProductId,
    /// Of one unit from now on.
    pub price: Money,
}

/// Describes a new product; nobody else sees it yet.
///
/// # Errors
/// AUTH002, SHOP002, SYS003.
pub async fn create_product(ctx: &Context, caller: &Caller, input: &CreateProduct) -> Result<Executed<ProductId>, ExecuteError> {
    let id = ProductId::new(ctx.ids.mint());
    ctx.execute("createProduct", caller, input, |s| async move {
        let seller = actor_of(&s)?;
        let mut product = s.load::<Product>(id.uuid()).await?;
        let CreateProduct { name, category, description, price, max_per_buyer } = input.clone();
        let details = Details { name, category, description, max_per_buyer: limit(max_per_buyer, None)? };
        s.decide(&mut product, Command::Create { seller, details, price })?;
        Ok(id)
    })
    .await
}

/// Describes a product anew.
///
/// # Errors
/// SYS007, AUTH010, SHOP002.
pub async fn update_product(ctx: &Context, caller: &Caller, input: &UpdateProduct) -> Result<Executed<ProductId>, ExecuteError> {
    change(ctx, "updateProduct", caller, input.product_id, input, |offer| {
        let known = offer.details.clone();
        Ok(Command::Update(Details {
            name: input.name.clone().unwrap_or(known.name),
            category: input.category.clone().unwrap_or(known.category),
            description: input.description.clone().or(known.description),
            max_per_buyer: limit(input.max_per_buyer, known.max_per_buyer)?,
        }))
    })
    .await
}

/// Asks for another price; orders keep the one that they were placed at.
///
/// # Errors
/// SYS007, AUTH010, SHOP002, SYS003.
pub async fn change_price(ctx: &Context, caller: &Caller, input: &ChangePrice) -> Result<Executed<ProductId>, ExecuteError> {
    change(ctx, "changePrice", caller, input.product_id, input, |_| Ok(Command::ChangePrice(input.price))).await
}

/// Lets a product be found and bought; its seller has proved their e-mail address.
///
/// # Errors
/// SYS007, AUTH010, SHOP002.
pub async fn publish_product(ctx: &Context, caller: &Caller, product_id: ProductId) -> Result<Executed<ProductId>, ExecuteError> {
    ctx.execute("publishProduct", caller, &product_id, |s| async move {
        let mut product = own(&s, caller, product_id).await?;
        let seller = product.offer()?.seller;
        if !s.load::<User>(seller.uuid()).await?.is_verified() {
            return Err(Denied::Forbidden.into());
        }
        s.decide(&mut product, Command::Publish)?;
        Ok(product_id)
    })
    .await
}

/// Sells a product no longer; orders that were placed are not touched.
///
/// # Errors
/// SYS007, AUTH010.
pub async fn archive_product(ctx: &Context, caller: &Caller, product_id: ProductId) -> Result<Executed<ProductId>, ExecuteError> {
    change(ctx, "archiveProduct", caller, product_id, &product_id, |_| Ok(Command::Archive)).await
}

/// One command on one's own product.
async fn change<I: Serialize + Sync>(
    ctx: &Context,
    name: &'static str,
    caller: &Caller,
    id: ProductId,
    input: &I,
    command: impl Fn(&Offer) -> Result<Command, Refusal> + Send + Sync,
) -> Result<Executed<ProductId>, ExecuteError> {
    let command = &command;
    ctx.execute(name, caller, input, |s| async move {
        let mut product = own(&s, caller, id).await?;
        let command = command(product.offer()?)?;
        s.decide(&mut product, command)?;
        Ok(id)
    })
    .await
}

/// A product for its seller, or for an administrator.
///
/// # Errors
/// SYS007, AUTH010.
pub(crate) async fn own(s: &Session, caller: &Caller, id: ProductId) -> Result<Loaded<Product>, Stop> {
    let user = actor_of(s)?;
    let product = s.load::<Product>(id.uuid()).await?;
    if caller.is_any(&[Role::Admin]) {
        product.offer()?;
    } else {
        product.offer_of(user)?;
    }
    Ok(product)
}

/// Nothing given keeps the limit, 0 lifts it.
fn limit(given: Option<i32>, known: Option<u32>) -> Result<Option<u32>, Refusal> {
    match given {
        None => Ok(known),
        Some(0) => Ok(None),
        Some(units) => u32::try_from(units).map(Some).map_err(|_| Refusal::Bad("maxPerBuyer")),
    }
}

#[cfg(test)]
mod tests;
