//! Corrections of the books as GraphQL shows and changes them: one person of finance asks, another posts.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::adjustment as command;
use commands::{Caller, ExecuteError};
use domain::ids::AdjustmentId;
use projections::models::adjustments::AdjustmentStatus as Stands;
use projections::models::{AdjustmentRow, Adjustments};
use projections::views::{Direction, Query};

use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::input::{id, invalid};
use crate::ledger::{Posting, Side};
use crate::mutation::{Answer, Reply, Shown};
use crate::reading::Reader;
use crate::scalars::{DateTime, MoneyInput};
use crate::user::UserNode;

/// Where an adjustment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AdjustmentStatus {
    /// A second person must agree.
    Proposed,
    /// In the books.
    Posted,
    /// Called off.
    Declined,
}

impl From<Stands> for AdjustmentStatus {
    fn from(status: Stands) -> Self {
        match status {
            Stands::Proposed => Self::Proposed,
            Stands::Posted => Self::Posted,
            Stands::Declined => Self::Declined,
        }
    }
}

/// An adjustment, for a viewer who reads the books.
#[derive(Clone, Debug)]
pub struct AdjustmentNode(AdjustmentRow);

impl Shown for AdjustmentNode {
    type Id = AdjustmentId;

    async fn fresh(reader: &Reader<'_>, id: AdjustmentId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<Adjustments>(&id.to_string(), position).await?.map(Self))
    }
}

/// A correction of the books that one person entered and another posts.
#[Object(name = "Adjustment")]
impl AdjustmentNode {
    /// The adjustment's id; also the reference of its journal entry.
    pub async fn id(&self) -> ID {
        ID(self.0.proposal.adjustment.to_string())
    }

    /// Where it stands.
    async fn status(&self) -> AdjustmentStatus {
        self.0.status.into()
    }

    /// Its lines; debits equal credits in every currency.
    async fn lines(&self) -> Vec<Posting> {
        self.0.proposal.lines.iter().map(Into::into).collect()
    }

    /// The reference of the entry that it takes back.
    async fn reverses(&self) -> Option<&str> {
        self.0.proposal.reverses.as_deref()
    }

    /// The business date that it counts from; it may lie in a closed month.
    async fn effective_at(&self) -> DateTime {
        self.0.proposal.effective_at.into()
    }

    /// Why, in the words of who asked.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.0.reason).await
    }

    /// Who asked.
    async fn proposed_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.proposal.by).await
    }

    /// Who agreed or did not.
    async fn decided_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        match self.0.decided_by {
            Some(user) => UserNode::find(ctx, user).await,
            None => Ok(None),
        }
    }
}

/// What an adjustment's mutation answers.
#[derive(SimpleObject)]
pub struct AdjustmentPayload {
    /// The adjustment as of the receipt.
    adjustment: Option<AdjustmentNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<AdjustmentNode>> for AdjustmentPayload {
    fn from(Reply { entity, answer }: Reply<AdjustmentNode>) -> Self {
        Self { adjustment: entity, answer }
    }
}

/// A line to post.
#[derive(InputObject)]
pub struct AdjustmentLineInput {
    /// The account by its name, for example `psp_variance`; accounts that belong to somebody are not adjusted.
    account: String,
    /// Which side of it.
    side: Side,
    /// A positive amount.
    amount: MoneyInput,
}

/// A correction to ask for.
#[derive(InputObject)]
pub struct PostAdjustmentInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Its lines, at most 100; debits equal credits.
    lines: Vec<AdjustmentLineInput>,
    /// The reference of the entry that it takes back.
    reverses: Option<String>,
    /// The business date that it counts from; without it, now. Not in the future.
    effective_at: Option<DateTime>,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A second person's yes.
#[derive(InputObject)]
pub struct ApproveAdjustmentInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which adjustment.
    adjustment_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// An end before anything is posted.
#[derive(InputObject)]
pub struct DeclineAdjustmentInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which adjustment.
    adjustment_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

fn adjustment_id(text: &ID) -> Result<AdjustmentId, ExecuteError> {
    id(text, "SYS007", "adjustmentId")
}

/// Queries of adjustments.
#[derive(Default)]
pub struct AdjustmentQuery;

#[Object]
impl AdjustmentQuery {
    /// Corrections of the books, newest first; for finance and auditors.
    async fn adjustments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<AdjustmentNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        reader.page::<Adjustments, _>(Query::new().order_by("proposed_at", Direction::Desc), &page, |_, row| AdjustmentNode(row)).await
    }
}

/// Mutations of adjustments.
#[derive(Default)]
pub struct AdjustmentMutation;

#[Object]
impl AdjustmentMutation {
    /// Asks for a correction of the books; nothing is posted until another person of finance agrees.
    async fn post_adjustment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be posted.")] input: PostAdjustmentInput,
    ) -> Result<AdjustmentPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let line = |line: AdjustmentLineInput| {
                let amount = line.amount.money(&["lines", "amount"])?;
                Ok(kernel::Posting { account: line.account, side: line.side.into(), amount })
            };
            let lines = input.lines.into_iter().map(line).collect::<Result<_, kernel::Refused>>().map_err(invalid)?;
            let effective_at = input.effective_at.map(|at| at.instant(&["effectiveAt"])).transpose().map_err(invalid)?;
            let command = command::PostAdjustment { lines, reverses: input.reverses, effective_at, reason: input.reason };
            command::post_adjustment(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Another person of finance agrees: the correction is posted.
    async fn approve_adjustment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which adjustment.")] input: ApproveAdjustmentInput,
    ) -> Result<AdjustmentPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| command::approve_adjustment(&reader.app.ctx, &caller, adjustment_id(&input.adjustment_id)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Calls a correction off before it is posted.
    async fn decline_adjustment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which adjustment.")] input: DeclineAdjustmentInput,
    ) -> Result<AdjustmentPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| command::decline_adjustment(&reader.app.ctx, &caller, adjustment_id(&input.adjustment_id)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
