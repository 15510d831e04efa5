//! Holds of payouts: finance lets no money leave to a host until it is released.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::settlement as command;
use commands::{Caller, ExecuteError};
use domain::ids::UserId;
use projections::models::{PayoutHoldRow, PayoutHolds};
use projections::views::{Direction, Query};

use super::SettlementNode;
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::input::id;
use crate::mutation::{Answer, Reply, Shown};
use crate::reading::Reader;
use crate::scalars::DateTime;
use crate::user::UserNode;

/// The newest hold of a host, for a viewer who reads the books.
#[derive(Clone, Debug)]
pub struct PayoutHoldNode(PayoutHoldRow);

impl Shown for PayoutHoldNode {
    type Id = UserId;

    async fn fresh(reader: &Reader<'_>, host: UserId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<PayoutHolds>(&format!("payable-{}", host.uuid()), position).await?.map(Self))
    }
}

/// Payouts to a host that finance holds, or held last.
#[Object(name = "PayoutHold")]
impl PayoutHoldNode {
    /// Names the host's hold.
    pub async fn id(&self) -> ID {
        ID(format!("hold-{}", self.0.host.uuid()))
    }

    /// Whose payouts.
    async fn host(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.host).await
    }

    /// Are they held now?
    async fn active(&self) -> bool {
        self.0.released_at.is_none()
    }

    /// Who holds them.
    async fn held_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.held_by).await
    }

    /// Why, in their words.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.0.reason).await
    }

    /// Since when.
    async fn held_at(&self) -> DateTime {
        self.0.held_at.into()
    }

    /// The batches whose payout waits for the release.
    async fn waiting(&self, ctx: &Context<'_>) -> Result<Vec<SettlementNode>, ApiError> {
        let (reader, mut found) = (Reader::of(ctx)?, Vec::with_capacity(self.0.waiting.len()));
        for settlement in &self.0.waiting {
            found.extend(SettlementNode::find(&reader, &settlement.to_string()).await?);
        }
        Ok(found)
    }

    /// Who released them.
    async fn released_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        match self.0.released_by {
            Some(user) => UserNode::find(ctx, user).await,
            None => Ok(None),
        }
    }

    /// Why, in their words.
    async fn release_reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.0.release_reason.as_ref()).await
    }

    /// When they were released.
    async fn released_at(&self) -> Option<DateTime> {
        self.0.released_at.map(Into::into)
    }
}

/// What a hold's mutation answers.
#[derive(SimpleObject)]
pub struct PayoutHoldPayload {
    /// The hold as of the receipt.
    payout_hold: Option<PayoutHoldNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<PayoutHoldNode>> for PayoutHoldPayload {
    fn from(Reply { entity, answer }: Reply<PayoutHoldNode>) -> Self {
        Self { payout_hold: entity, answer }
    }
}

/// Payouts to hold.
#[derive(InputObject)]
pub struct SetPayoutHoldInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// To whom.
    host_id: ID,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Payouts to release.
#[derive(InputObject)]
pub struct ReleasePayoutHoldInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// To whom.
    host_id: ID,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

fn hold(host_id: &ID, reason: String) -> Result<command::PayoutHold, ExecuteError> {
    Ok(command::PayoutHold { host_id: id(host_id, "SYS007", "hostId")?, reason })
}

/// Questions about holds.
#[derive(Default)]
pub struct PayoutHoldQuery;

#[Object]
impl PayoutHoldQuery {
    /// Hosts whose payouts are held or were, newest first; for finance and auditors.
    async fn payout_holds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those that are held now, or only those that are not.")] active: Option<bool>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<PayoutHoldNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        let query = Query::new().order_by("held_at", Direction::Desc);
        let query = match active {
            Some(active) => query.eq("held", active),
            None => query,
        };
        reader.page::<PayoutHolds, _>(query, &page, |_, row| PayoutHoldNode(row)).await
    }
}

/// Mutations of holds.
#[derive(Default)]
pub struct PayoutHoldMutation;

#[Object]
impl PayoutHoldMutation {
    /// Lets no money leave to a host: payouts that fall due wait, and new settlements leave their lines out.
    async fn set_payout_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "To whom, and why.")] input: SetPayoutHoldInput,
    ) -> Result<PayoutHoldPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| command::set_payout_hold(&reader.app.ctx, &caller, &hold(&input.host_id, input.reason)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Lets money leave to a host again; payouts that waited for it are made now, or on the next business day.
    async fn release_payout_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "To whom, and why.")] input: ReleasePayoutHoldInput,
    ) -> Result<PayoutHoldPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| command::release_payout_hold(&reader.app.ctx, &caller, &hold(&input.host_id, input.reason)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
