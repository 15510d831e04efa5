//! Keys by which programs act for people: sent as `Authorization: Bearer dbk_…`.

use std::collections::BTreeSet;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::Caller;
use commands::api_key::{self, IssueApiKey, RevokeApiKey};
use domain::ids::ApiKeyId;
use projections::models::{ApiKeyRow, ApiKeys};
use projections::views::{Direction, Query};

use crate::app::real_now;
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::input::{id, invalid};
use crate::mutation::{Answer, Reply, Shown};
use crate::reading::Reader;
use crate::scalars::DateTime;
use crate::user::Role;

/// A key, to its owner.
#[derive(Clone, Debug)]
pub struct ApiKeyNode(ApiKeyRow);

impl ApiKeyNode {
    /// A key of the viewer's own by its id.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        Ok(reader.get::<ApiKeys>(id).await?.and_then(|row| Self::visible(reader, row)))
    }

    /// The key, if it is the viewer's.
    #[must_use]
    pub fn visible(reader: &Reader<'_>, row: ApiKeyRow) -> Option<Self> {
        (reader.viewer.user == Some(row.user)).then_some(Self(row))
    }
}

impl Shown for ApiKeyNode {
    type Id = ApiKeyId;

    async fn fresh(reader: &Reader<'_>, id: ApiKeyId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<ApiKeys>(&id.to_string(), position).await?.map(Self))
    }
}

/// A key by which a program acts for you.
#[Object(name = "ApiKey")]
impl ApiKeyNode {
    /// The key's id.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// What it is for, in your words.
    async fn label(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.0.label).await
    }

    /// Its first characters, to tell it from others.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The roles in which it may act, as far as you hold them.
    async fn scopes(&self) -> Vec<Role> {
        self.0.scopes.iter().map(|role| (*role).into()).collect()
    }

    /// When it stops working; null: when you end it.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(Into::into)
    }

    /// Was it ended?
    async fn is_revoked(&self) -> bool {
        self.0.revoked
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
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

/// A key to be made.
#[derive(InputObject)]
pub struct IssueApiKeyInput {
    /// Makes retries harmless: the same key again.
    idempotency_key: Option<String>,
    /// What it is for, at most 100 characters.
    label: String,
    /// The roles in which it is to act: some of yours.
    scopes: Vec<Role>,
    /// When it is to stop working; null: when you end it.
    expires_at: Option<DateTime>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A key to be ended.
#[derive(InputObject)]
pub struct RevokeApiKeyInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which.
    api_key_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// What a key's mutation answers.
#[derive(SimpleObject)]
pub struct ApiKeyPayload {
    /// The key as of the receipt.
    api_key: Option<ApiKeyNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<ApiKeyNode>> for ApiKeyPayload {
    fn from(Reply { entity, answer }: Reply<ApiKeyNode>) -> Self {
        Self { api_key: entity, answer }
    }
}

/// A new key.
#[derive(SimpleObject)]
pub struct IssueApiKeyPayload {
    /// The key as of the receipt.
    api_key: Option<ApiKeyNode>,
    /// The key itself: keep it safe, nothing shows it again.
    secret: Option<String>,
    #[graphql(flatten)]
    answer: Answer,
}

/// Queries of keys.
#[derive(Default)]
pub struct ApiKeyQuery;

#[Object]
impl ApiKeyQuery {
    /// Your keys, newest first, also those that were ended.
    async fn my_api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ApiKeyNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let page = Page::new(first, after, last, before)?;
        let query = Query::new().eq("owner", user).order_by("created_at", Direction::Desc);
        reader.page::<ApiKeys, _>(query, &page, |_, row| ApiKeyNode(row)).await
    }
}

/// Mutations of keys.
#[derive(Default)]
pub struct ApiKeyMutation;

#[Object]
impl ApiKeyMutation {
    /// Makes a key by which a program acts for you in some of your roles. Nothing shows it again.
    async fn issue_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: IssueApiKeyInput,
    ) -> Result<IssueApiKeyPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let outcome = async {
            let caller = reader.in_person(input.idempotency_key)?;
            let scopes: BTreeSet<_> = input.scopes.iter().map(|role| role.granted()).collect();
            let expires_at = input.expires_at.map(|end| end.instant(&["expiresAt"])).transpose().map_err(invalid)?;
            let command = IssueApiKey { label: input.label, scopes, expires_at };
            api_key::issue_api_key(&reader.app.ctx, &caller, &command, real_now()).await
        };
        let outcome = outcome.await;
        let secret = outcome.as_ref().ok().map(|done| api_key::token(&reader.app.ctx, done.value));
        let show = async |id, position| ApiKeyNode::fresh(&reader, id, position).await;
        let Reply { entity, answer } = reader.reply(input.client_mutation_id, outcome, show).await?;
        Ok(IssueApiKeyPayload { api_key: entity, secret, answer })
    }

    /// Ends one of your keys; it stops working at once.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RevokeApiKeyInput,
    ) -> Result<ApiKeyPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.in_person(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = RevokeApiKey { key: id(&input.api_key_id, "SYS007", "apiKeyId")? };
            api_key::revoke_api_key(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
