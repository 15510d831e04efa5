//! What changes shop orders.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::shop_order as command;
use commands::{Caller, ExecuteError};
use domain::ids::ShopOrderId;
use kernel::Refused;

use super::ShopOrderNode;
use crate::errors::ApiError;
use crate::input::{id, invalid};
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;
use crate::scalars::MoneyInput;

/// What a shop order's mutation answers.
#[derive(SimpleObject)]
pub struct ShopOrderPayload {
    /// The order as of the receipt.
    shop_order: Option<ShopOrderNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<ShopOrderNode>> for ShopOrderPayload {
    fn from(Reply { entity, answer }: Reply<ShopOrderNode>) -> Self {
        Self { shop_order: entity, answer }
    }
}

/// So many units of one product.
#[derive(InputObject)]
pub struct ShopLineInput {
    /// Which product.
    product_id: ID,
    /// How many units, at least 1 and at most 999.
    quantity: i32,
}

/// What is ordered, shipped or given back; which products those are is the command's to check.
fn listed(lines: &[ShopLineInput]) -> Result<Vec<command::LineInput>, ExecuteError> {
    let line = |(index, line): (usize, &ShopLineInput)| {
        let unknown = |_| invalid(Refused::at("SHOP002", &["lines", &index.to_string(), "productId"]));
        Ok(command::LineInput { product_id: line.product_id.parse().map_err(unknown)?, quantity: line.quantity })
    };
    lines.iter().enumerate().map(line).collect()
}

/// Where an order goes.
#[derive(InputObject)]
pub struct ShopAddressInput {
    /// Who receives it, at most 100 characters.
    recipient: String,
    /// Under which number they are called.
    phone: String,
    /// Where, at most 200 characters.
    address: String,
}

/// A wish to buy.
#[derive(InputObject)]
pub struct PlaceShopOrderInput {
    /// Makes retries harmless: 1 to 255 printable characters of your choice, new for every new order.
    idempotency_key: String,
    /// What, all of one seller; 1 to 100 lines, each of another product.
    lines: Vec<ShopLineInput>,
    /// Where it goes.
    address: ShopAddressInput,
    /// The total that you were shown; refused with SHOP003 when it is no longer that.
    expected_total: Option<MoneyInput>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

impl PlaceShopOrderInput {
    fn command(&self) -> Result<command::PlaceShopOrder, ExecuteError> {
        let ShopAddressInput { recipient, phone, address } = &self.address;
        let (recipient, phone, address) = (recipient.clone(), phone.clone(), address.clone());
        Ok(command::PlaceShopOrder {
            lines: listed(&self.lines)?,
            address: command::AddressInput { recipient, phone, address },
            expected_total: self.expected_total.as_ref().map(|total| total.money(&["expectedTotal"])).transpose().map_err(invalid)?,
        })
    }
}

/// An end before anything left.
#[derive(InputObject)]
pub struct CancelShopOrderInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which order.
    order_id: ID,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A parcel.
#[derive(InputObject)]
pub struct ShipShopOrderInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which order.
    order_id: ID,
    /// What is in it; left out or empty: all that has not left.
    lines: Option<Vec<ShopLineInput>>,
    /// Who carries it, at most 50 characters.
    carrier: String,
    /// The carrier's number, at most 50 characters.
    tracking_number: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Everything has arrived.
#[derive(InputObject)]
pub struct ConfirmDeliveryInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which order.
    order_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Units that are to go back.
#[derive(InputObject)]
pub struct RequestReturnInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which order.
    order_id: ID,
    /// What goes back; left out or empty: all that is not back.
    lines: Option<Vec<ShopLineInput>>,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// The units are back.
#[derive(InputObject)]
pub struct ApproveReturnInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which order.
    order_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// The units are not taken back.
#[derive(InputObject)]
pub struct DeclineReturnInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which order.
    order_id: ID,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// The buyer keeps the units after all.
#[derive(InputObject)]
pub struct WithdrawReturnInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which order.
    order_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

fn order_id(text: &ID) -> Result<ShopOrderId, ExecuteError> {
    id(text, "SYS007", "orderId")
}

/// Mutations of shop orders.
#[derive(Default)]
pub struct ShopOrderMutation;

#[Object]
impl ShopOrderMutation {
    /// Orders: all lines or none. The units are kept for 30 minutes; pay in that time with `confirmPayment`. When units are
    /// short (SHOP001), the error's details name every line.
    async fn place_shop_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: PlaceShopOrderInput,
    ) -> Result<ShopOrderPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key.clone()));
        let act = async |caller: Caller| command::place_shop_order(&reader.app.ctx, &caller, &input.command()?).await;
        reader.mutate(caller, input.client_mutation_id.clone(), act).await
    }

    /// Calls an order off before anything left: what was paid goes back in full. For its buyer and its seller. Of an order that
    /// left in part, calls off the rest and gives its price back: for its seller and support, and for its buyer when it is late.
    async fn cancel_shop_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: CancelShopOrderInput,
    ) -> Result<ShopOrderPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let command = command::CancelShopOrder { order_id: order_id(&input.order_id)?, reason: input.reason };
            command::cancel_shop_order(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Sends units in one parcel. For the order's seller.
    async fn ship_shop_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ShipShopOrderInput,
    ) -> Result<ShopOrderPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let (order_id, lines) = (order_id(&input.order_id)?, listed(&input.lines.unwrap_or_default())?);
            let command = command::ShipShopOrder { order_id, lines, carrier: input.carrier, tracking_number: input.tracking_number };
            command::ship_shop_order(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Says that everything arrived; seven days after the last parcel that is assumed. For the order's buyer, and for support on
    /// a carrier's word.
    async fn confirm_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ConfirmDeliveryInput,
    ) -> Result<ShopOrderPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| command::confirm_delivery(&reader.app.ctx, &caller, order_id(&input.order_id)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Asks to give units back, within seven days of the delivery. For the order's buyer.
    async fn request_return(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RequestReturnInput,
    ) -> Result<ShopOrderPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let (order_id, lines) = (order_id(&input.order_id)?, listed(&input.lines.unwrap_or_default())?);
            let command = command::RequestReturn { order_id, lines, reason: input.reason };
            command::request_return(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Says that the units are back: they are sold again, and their price goes back to the buyer. For the order's seller.
    async fn approve_return(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ApproveReturnInput,
    ) -> Result<ShopOrderPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| command::approve_return(&reader.app.ctx, &caller, order_id(&input.order_id)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Says that the units stay with the buyer. Unanswered for 14 days, a return lapses the same way. For the order's seller, and
    /// for support.
    async fn decline_return(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: DeclineReturnInput,
    ) -> Result<ShopOrderPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let command = command::DeclineReturn { order_id: order_id(&input.order_id)?, reason: input.reason };
            command::decline_return(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Takes a return back that nobody has answered. For the order's buyer.
    async fn withdraw_return(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: WithdrawReturnInput,
    ) -> Result<ShopOrderPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| command::withdraw_return(&reader.app.ctx, &caller, order_id(&input.order_id)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
