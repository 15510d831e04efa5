//! Reconciliation as GraphQL shows and changes it: reports of the provider and the bank beside our books.

use async_graphql::{Context, Enum, ID, Object};
use commands::recon::age_days;
use domain::ids::ReconId;
use domain::recon::ReconOutcome as Outcome;
use projections::models::recon_lines::outcome_name;
use projections::models::{Payments, ReconLineRow, ReconLines};
use projections::views::{Direction, Query};

mod mutation;
mod report;

use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::mutation::Shown;
use crate::payment::PaymentNode;
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};
use crate::settlement::PayoutNode;
use crate::user::UserNode;
pub use mutation::ReconMutation;

/// How a movement compares with our books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ReconOutcome {
    /// Both sides say the same.
    Matched,
    /// The amounts differ.
    AmountMismatch,
    /// The fee is not what was agreed, or its parts do not add up.
    FeeMismatch,
    /// Our books have it, the provider has not.
    MissingAtPsp,
    /// The provider or bank has it, our books have not.
    MissingHere,
    /// It was reported before, and otherwise.
    Duplicate,
    /// The amounts agree, the days do not.
    DateShift,
}

impl From<Outcome> for ReconOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Matched => Self::Matched,
            Outcome::AmountMismatch => Self::AmountMismatch,
            Outcome::FeeMismatch => Self::FeeMismatch,
            Outcome::MissingAtPsp => Self::MissingAtPsp,
            Outcome::MissingHere => Self::MissingHere,
            Outcome::Duplicate => Self::Duplicate,
            Outcome::DateShift => Self::DateShift,
        }
    }
}

impl From<ReconOutcome> for Outcome {
    fn from(outcome: ReconOutcome) -> Self {
        match outcome {
            ReconOutcome::Matched => Self::Matched,
            ReconOutcome::AmountMismatch => Self::AmountMismatch,
            ReconOutcome::FeeMismatch => Self::FeeMismatch,
            ReconOutcome::MissingAtPsp => Self::MissingAtPsp,
            ReconOutcome::MissingHere => Self::MissingHere,
            ReconOutcome::Duplicate => Self::Duplicate,
            ReconOutcome::DateShift => Self::DateShift,
        }
    }
}

/// A movement, for a viewer who reads the books.
#[derive(Clone, Debug)]
pub struct ReconLineNode(ReconLineRow);

impl Shown for ReconLineNode {
    type Id = ReconId;

    async fn fresh(reader: &Reader<'_>, id: ReconId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<ReconLines>(&id.to_string(), position).await?.map(Self))
    }
}

/// One movement of money as the provider or the bank reports it, beside what our books say.
#[Object(name = "ReconLine")]
impl ReconLineNode {
    /// The movement's id; `resolveReconException` asks for it, and `explain` shows its journal entry.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// How it compares.
    async fn outcome(&self) -> ReconOutcome {
        self.0.outcome.into()
    }

    /// Is there something to explain?
    async fn open(&self) -> bool {
        self.0.open
    }

    /// Since when it is as it is.
    async fn since(&self) -> DateTime {
        self.0.since.into()
    }

    /// How old an open exception is, in whole days; null when nothing is open.
    async fn age_days(&self, ctx: &Context<'_>) -> Result<Option<i32>, ApiError> {
        let now = Reader::of(ctx)?.app.ctx.clock.now();
        Ok(self.0.open.then(|| i32::try_from(age_days(self.0.since, now)).unwrap_or(i32::MAX)))
    }

    /// The provider's key of the payment.
    async fn payment_key(&self) -> Option<&str> {
        self.0.payment_key.as_deref()
    }

    /// The provider's key of the movement, or the bank's reference.
    async fn movement_key(&self) -> Option<&str> {
        self.0.movement_key.as_deref()
    }

    /// Our payment.
    async fn payment(&self, ctx: &Context<'_>) -> Result<Option<PaymentNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let Some(payment) = self.0.payment else { return Ok(None) };
        let row = reader.get::<Payments>(&payment.to_string()).await?;
        Ok(row.and_then(|row| PaymentNode::visible(&reader, row)))
    }

    /// Our payout, where the bank's line is one that left or came back.
    async fn payout(&self, ctx: &Context<'_>) -> Result<Option<PayoutNode>, ApiError> {
        match self.0.payout {
            Some(payout) => PayoutNode::find(&Reader::of(ctx)?, &payout.to_string()).await,
            None => Ok(None),
        }
    }

    /// What our books say; the agreed fee, where the fee is in question.
    async fn ours(&self) -> Option<Money> {
        self.0.ours.map(Into::into)
    }

    /// What the report says; its fee, where the fee is in question.
    async fn theirs(&self) -> Option<Money> {
        self.0.theirs.map(Into::into)
    }

    /// Who explained it.
    async fn resolved_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        match &self.0.resolution {
            Some(resolution) => UserNode::find(ctx, resolution.by).await,
            None => Ok(None),
        }
    }

    /// What they found, in their words.
    async fn resolution(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.0.resolution.as_ref().map(|resolution| &resolution.reason)).await
    }
}

/// Queries of reconciliation.
#[derive(Default)]
pub struct ReconQuery;

#[Object]
impl ReconQuery {
    /// What provider and bank reported, oldest first, so that what is open longest comes first; for finance and auditors.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn recon_lines(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what is to be explained, or only what is not.")] open: Option<bool>,
        #[graphql(desc = "Only what compares like this.")] outcome: Option<ReconOutcome>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ReconLineNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        let all = Query::new().order_by("since", Direction::Asc);
        let all = open.map_or(all.clone(), |open| all.eq("open", open));
        let wanted = outcome.map_or(all.clone(), |outcome| all.eq("outcome", outcome_name(outcome.into())));
        reader.page::<ReconLines, _>(wanted, &page, |_, row| ReconLineNode(row)).await
    }
}
