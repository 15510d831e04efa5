//! What changes the number of units.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::stock as command;
use commands::{Caller, ExecuteError};
use domain::ids::SkuId;

use super::StockLevelNode;
use crate::errors::ApiError;
use crate::input::id;
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;

/// What a stock's mutation answers.
#[derive(SimpleObject)]
pub struct StockPayload {
    /// The stock as of the receipt.
    stock_level: Option<StockLevelNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<StockLevelNode>> for StockPayload {
    fn from(Reply { entity, answer }: Reply<StockLevelNode>) -> Self {
        Self { stock_level: entity, answer }
    }
}

/// Units that came in.
#[derive(InputObject)]
pub struct ReceiveStockInput {
    /// Makes retries harmless: 1 to 255 printable characters of your choice, new for every delivery.
    idempotency_key: String,
    /// The product's stock-keeping unit.
    sku: ID,
    /// How many units.
    quantity: i32,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// What a count found.
#[derive(InputObject)]
pub struct AdjustStockInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// The product's stock-keeping unit.
    sku: ID,
    /// How many more units there are; below zero: fewer.
    change: i32,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

fn sku(text: &ID) -> Result<SkuId, ExecuteError> {
    id(text, "SYS007", "sku")
}

/// Mutations of stock.
#[derive(Default)]
pub struct StockMutation;

#[Object]
impl StockMutation {
    /// Takes units of a product of yours in.
    async fn receive_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ReceiveStockInput,
    ) -> Result<StockPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let command = command::ReceiveStock { sku: sku(&input.sku)?, quantity: input.quantity };
            command::receive_stock(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Corrects the number of units of a product of yours; what orders were promised stays (SHOP001).
    async fn adjust_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: AdjustStockInput,
    ) -> Result<StockPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let command = command::AdjustStock { sku: sku(&input.sku)?, change: input.change, reason: input.reason };
            command::adjust_stock(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
