//! Traders' keys of exchanges. What was given is never shown again.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::Caller;
use commands::exchange_key::{self, DeactivateExchangeKey, KeyPair, RegisterExchangeKey, RotateExchangeKey};
use domain::exchange_key::Permission;
use domain::ids::ExchangeKeyId;
use projections::models::{ExchangeKeyRow, ExchangeKeys};
use projections::views::{Direction, Query};

use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::input::id;
use crate::mutation::{Answer, Reply, Shown};
use crate::reading::Reader;
use crate::scalars::DateTime;

/// What an exchange lets a key do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ExchangePermission {
    /// See balances and orders.
    Read,
    /// Place orders.
    Trade,
    /// Take money out; such a key is refused.
    Withdraw,
}

impl ExchangePermission {
    const fn stored(self) -> Permission {
        match self {
            Self::Read => Permission::Read,
            Self::Trade => Permission::Trade,
            Self::Withdraw => Permission::Withdraw,
        }
    }
}

/// A registered key, to its owner.
#[derive(Clone, Debug)]
pub struct ExchangeKeyNode(ExchangeKeyRow);

impl ExchangeKeyNode {
    /// A registered key of the viewer's own by its id.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        Ok(reader.get::<ExchangeKeys>(id).await?.and_then(|row| Self::visible(reader, row)))
    }

    /// The key, if it is the viewer's.
    #[must_use]
    pub fn visible(reader: &Reader<'_>, row: ExchangeKeyRow) -> Option<Self> {
        (reader.viewer.user == Some(row.user)).then_some(Self(row))
    }
}

impl Shown for ExchangeKeyNode {
    type Id = ExchangeKeyId;

    async fn fresh(reader: &Reader<'_>, id: ExchangeKeyId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<ExchangeKeys>(&id.to_string(), position).await?.map(Self))
    }
}

/// A key of an exchange.
#[Object(name = "ExchangeKey")]
impl ExchangeKeyNode {
    /// The id under which it is registered.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Of which exchange.
    async fn exchange(&self) -> &str {
        &self.0.exchange
    }

    /// Its last four characters behind asterisks.
    async fn masked_key(&self, ctx: &Context<'_>) -> Result<String, ApiError> {
        Ok(format!("****{}", Reader::of(ctx)?.open(&self.0.last4).await?.unwrap_or_default()))
    }

    /// Is it a key for play money?
    async fn is_testnet(&self) -> bool {
        self.0.is_testnet
    }

    /// Is it in use?
    async fn is_active(&self) -> bool {
        self.0.active
    }

    /// When it was registered.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When another key took its place.
    async fn rotated_at(&self) -> Option<DateTime> {
        self.0.rotated_at.map(Into::into)
    }

    /// The events that made it, oldest first: what happened, when, and by whom.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<EventNode>, ApiError> {
        let page = Page::new(first, after, last, before)?;
        event::history(&Reader::of(ctx)?, self.0.id.to_string(), &page).await
    }
}

/// A key to be registered.
#[derive(InputObject)]
pub struct RegisterExchangeKeyInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Of which exchange, at most 50 characters.
    exchange: String,
    /// The key.
    api_key: String,
    /// Its secret.
    api_secret: String,
    /// What the exchange lets it do.
    permissions: Vec<ExchangePermission>,
    /// Is it a key for play money? Others need a second factor.
    #[graphql(default_with = "Some(true)")]
    is_testnet: Option<bool>,
    /// The code that `requestSecondFactor` sent; needed for a key of real money.
    second_factor: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A key that takes the place of another.
#[derive(InputObject)]
pub struct RotateExchangeKeyInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which registered key.
    exchange_key_id: ID,
    /// The new key.
    api_key: String,
    /// Its secret.
    api_secret: String,
    /// What the exchange lets it do.
    permissions: Vec<ExchangePermission>,
    /// The code that `requestSecondFactor` sent; needed for a key of real money.
    second_factor: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A key that is to be used no longer.
#[derive(InputObject)]
pub struct DeactivateExchangeKeyInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which registered key.
    exchange_key_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// What a registered key's mutation answers.
#[derive(SimpleObject)]
pub struct ExchangeKeyPayload {
    /// The registered key as of the receipt.
    exchange_key: Option<ExchangeKeyNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<ExchangeKeyNode>> for ExchangeKeyPayload {
    fn from(Reply { entity, answer }: Reply<ExchangeKeyNode>) -> Self {
        Self { exchange_key: entity, answer }
    }
}

fn stored(permissions: &[ExchangePermission]) -> Vec<Permission> {
    permissions.iter().map(|permission| permission.stored()).collect()
}

/// Queries of registered keys.
#[derive(Default)]
pub struct ExchangeKeyQuery;

#[Object]
impl ExchangeKeyQuery {
    /// Your keys of exchanges, newest first, also those that are used no longer.
    async fn my_exchange_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ExchangeKeyNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let page = Page::new(first, after, last, before)?;
        let query = Query::new().eq("owner", user).order_by("created_at", Direction::Desc);
        reader.page::<ExchangeKeys, _>(query, &page, |_, row| ExchangeKeyNode(row)).await
    }
}

/// Mutations of registered keys.
#[derive(Default)]
pub struct ExchangeKeyMutation;

#[Object]
impl ExchangeKeyMutation {
    /// Registers a key of an exchange; for traders. Key and secret are kept encrypted and never shown again.
    async fn register_exchange_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RegisterExchangeKeyInput,
    ) -> Result<ExchangeKeyPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.in_person(input.idempotency_key);
        let pair = KeyPair { key: input.api_key, secret: input.api_secret };
        let (permissions, is_testnet) = (stored(&input.permissions), input.is_testnet.unwrap_or(true));
        let command = RegisterExchangeKey { exchange: input.exchange, permissions, is_testnet };
        let act = async |caller: Caller| {
            let proven = reader.second_factor(input.second_factor.as_deref()).await?;
            exchange_key::register_exchange_key(&reader.app.ctx, &caller, &command, &pair, proven).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Puts another key in the place of one of yours; for traders.
    async fn rotate_exchange_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RotateExchangeKeyInput,
    ) -> Result<ExchangeKeyPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.in_person(input.idempotency_key);
        let pair = KeyPair { key: input.api_key, secret: input.api_secret };
        let act = async |caller: Caller| {
            let key = id(&input.exchange_key_id, "SYS007", "exchangeKeyId")?;
            let command = RotateExchangeKey { key, permissions: stored(&input.permissions) };
            let proven = reader.second_factor(input.second_factor.as_deref()).await?;
            exchange_key::rotate_exchange_key(&reader.app.ctx, &caller, &command, &pair, proven).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Uses a key of yours no longer and forgets it.
    async fn deactivate_exchange_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: DeactivateExchangeKeyInput,
    ) -> Result<ExchangeKeyPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.in_person(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = DeactivateExchangeKey { key: id(&input.exchange_key_id, "SYS007", "exchangeKeyId")? };
            exchange_key::deactivate_exchange_key(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
