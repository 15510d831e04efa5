//! What changes products.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::product as command;
use commands::{Caller, ExecuteError};
use domain::ids::ProductId;

use super::ProductNode;
use crate::errors::ApiError;
use crate::input::{id, invalid};
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;
use crate::scalars::MoneyInput;

/// What a product's mutation answers.
#[derive(SimpleObject)]
pub struct ProductPayload {
    /// The product as of the receipt.
    product: Option<ProductNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<ProductNode>> for ProductPayload {
    fn from(Reply { entity, answer }: Reply<ProductNode>) -> Self {
        Self { product: entity, answer }
    }
}

/// Something to be sold.
#[derive(InputObject)]
pub struct CreateProductInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// What it is called, at most 100 characters.
    name: String,
    /// What it is found under, at most 50 characters.
    category: String,
    /// More about it, at most 2,000 characters.
    description: Option<String>,
    /// What one unit costs, in won.
    price: MoneyInput,
    /// One buyer may have so many units in all, at most 999; left out or 0: as many as there are.
    max_per_buyer: Option<i32>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

impl CreateProductInput {
    fn command(&self) -> Result<command::CreateProduct, ExecuteError> {
        Ok(command::CreateProduct {
            name: self.name.clone(),
            category: self.category.clone(),
            description: self.description.clone(),
            price: self.price.money(&["price"]).map_err(invalid)?,
            max_per_buyer: self.max_per_buyer,
        })
    }
}

/// Another description; what is left out stays as it is.
#[derive(InputObject)]
pub struct UpdateProductInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which product.
    product_id: ID,
    /// What it is called, at most 100 characters.
    name: Option<String>,
    /// What it is found under, at most 50 characters.
    category: Option<String>,
    /// More about it, at most 2,000 characters; blank: nothing.
    description: Option<String>,
    /// One buyer may have so many units in all, at most 999; 0: as many as there are.
    max_per_buyer: Option<i32>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Another price.
#[derive(InputObject)]
pub struct ChangePriceInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which product.
    product_id: ID,
    /// What one unit costs from now on, in won.
    price: MoneyInput,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A product to be sold from now on.
#[derive(InputObject)]
pub struct PublishProductInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which product.
    product_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A product that is no longer sold.
#[derive(InputObject)]
pub struct ArchiveProductInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which product.
    product_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

fn product_id(text: &ID) -> Result<ProductId, ExecuteError> {
    id(text, "SYS007", "productId")
}

/// Mutations of products.
#[derive(Default)]
pub struct ProductMutation;

#[Object]
impl ProductMutation {
    /// Describes something that you sell; nobody else sees it before it is published.
    async fn create_product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: CreateProductInput,
    ) -> Result<ProductPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key.clone());
        let act = async |caller: Caller| command::create_product(&reader.app.ctx, &caller, &input.command()?).await;
        reader.mutate(caller, input.client_mutation_id.clone(), act).await
    }

    /// Describes a product of yours anew. Orders keep what they were placed for.
    async fn update_product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: UpdateProductInput,
    ) -> Result<ProductPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let product_id = product_id(&input.product_id)?;
            let (name, category, description, max_per_buyer) = (input.name, input.category, input.description, input.max_per_buyer);
            let command = command::UpdateProduct { product_id, name, category, description, max_per_buyer };
            command::update_product(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Asks another price for a product of yours. Orders keep the price at which they were placed.
    async fn change_price(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ChangePriceInput,
    ) -> Result<ProductPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let price = input.price.money(&["price"]).map_err(invalid)?;
            let command = command::ChangePrice { product_id: product_id(&input.product_id)?, price };
            command::change_price(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Lets everybody find and buy a product of yours; you proved your address.
    async fn publish_product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: PublishProductInput,
    ) -> Result<ProductPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| command::publish_product(&reader.app.ctx, &caller, product_id(&input.product_id)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Sells a product of yours no longer, for good. Orders that were placed are not touched.
    async fn archive_product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ArchiveProductInput,
    ) -> Result<ProductPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| command::archive_product(&reader.app.ctx, &caller, product_id(&input.product_id)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
