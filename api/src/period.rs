//! The close of months as GraphQL shows and changes it.

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::period::{can_close, close_again, close_period};
use commands::{Caller, ExecuteError};
use domain::calendar::Month;
use domain::period::Refusal;
use kernel::Refused;
use projections::closing::{ClosingError, closing, sealed_head};
use projections::export::ExportError;
use projections::models::{PeriodRow, Periods};
use projections::views::{Direction, Query};

use crate::connection::{Connection, Page};
use crate::errors::{ApiError, MALFORMED};
use crate::input::invalid;
use crate::mutation::{Answer, Reply, Shown};
use crate::reading::Reader;
use crate::scalars::{BigInt, DateTime, Money};
use crate::user::UserNode;

/// How long a close waits until the log is sealed up to its end; it is sealed every second.
const PATIENCE: Duration = Duration::from_secs(20);

/// A closed month, for a viewer who reads the books.
#[derive(Clone, Debug)]
pub struct AccountingPeriodNode(PeriodRow);

/// What an account held at the end of a month.
#[derive(Clone, Debug, SimpleObject)]
pub struct ClosingBalance {
    /// The account by its name.
    pub account: String,
    /// Debits less credits.
    pub balance: Money,
}

impl Shown for AccountingPeriodNode {
    type Id = Month;

    async fn fresh(reader: &Reader<'_>, month: Month, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<Periods>(&format!("period-{month}"), position).await?.map(Self))
    }
}

/// A month of the books that was closed. What is found out later is posted later, with an effective date in it; the close stays.
#[Object(name = "AccountingPeriod")]
impl AccountingPeriodNode {
    /// The month's id.
    pub async fn id(&self) -> ID {
        ID(format!("period-{}", self.0.month))
    }

    /// Which month, as `2026-11`, by Seoul's calendar.
    async fn month(&self) -> String {
        self.0.month.to_string()
    }

    /// When it was closed.
    async fn closed_at(&self) -> DateTime {
        self.0.closed_at.into()
    }

    /// Who closed it.
    async fn closed_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.closed_by).await
    }

    /// The last position that was counted: the size of the tree.
    async fn tree_size(&self) -> BigInt {
        self.0.sealed.position.into()
    }

    /// Root of the tree over all events up to there (RFC 6962), in hexadecimal digits.
    async fn tree_root(&self) -> &str {
        &self.0.sealed.root
    }

    /// The signed head of that size and root, byte for byte as it was served then: whoever has the log's public key can check it.
    async fn signed_head(&self) -> Option<&str> {
        self.0.sealed.signed_head.as_deref()
    }

    /// In which form the books were exported up to there: `daybook-replay export` makes the same bytes again.
    async fn export_format(&self) -> &str {
        &self.0.sealed.export_format
    }

    /// SHA-256 of that export, in hexadecimal digits.
    async fn export_sha256(&self) -> &str {
        &self.0.sealed.export_sha256
    }

    /// What the accounts held at the end of the month, by name; those that are not named held nothing.
    async fn balances(
        &self,
        #[graphql(desc = "So many, at most 10,000.", default = 1000)] first: i32,
        #[graphql(desc = "Only accounts after this name.")] after: Option<String>,
    ) -> Vec<ClosingBalance> {
        let rest = self.0.balances.iter().filter(|balance| after.as_ref().is_none_or(|after| balance.account > *after));
        let first = usize::try_from(first).unwrap_or(0).min(10_000);
        rest.take(first).map(|of| ClosingBalance { account: of.account.clone(), balance: of.balance.into() }).collect()
    }
}

/// What `closePeriod` answers.
#[derive(SimpleObject)]
pub struct AccountingPeriodPayload {
    /// The month as of the receipt.
    period: Option<AccountingPeriodNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<AccountingPeriodNode>> for AccountingPeriodPayload {
    fn from(Reply { entity, answer }: Reply<AccountingPeriodNode>) -> Self {
        Self { period: entity, answer }
    }
}

/// A month to close.
#[derive(InputObject)]
pub struct ClosePeriodInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which month, as `2026-11`; it must be over.
    month: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Queries of closed months.
#[derive(Default)]
pub struct PeriodQuery;

#[Object]
impl PeriodQuery {
    /// The months that were closed, newest first; for finance and auditors.
    async fn accounting_periods(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<AccountingPeriodNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        reader.page::<Periods, _>(Query::new().order_by("month", Direction::Desc), &page, |_, row| AccountingPeriodNode(row)).await
    }
}

/// Mutations of months.
#[derive(Default)]
pub struct PeriodMutation;

#[Object]
impl PeriodMutation {
    /// Closes a month of the books: its closing balances, the signed head of the log and the digest of the export up to it become an
    /// event. Waits until the log is sealed up to its end.
    async fn close_period(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which month.")] input: ClosePeriodInput,
    ) -> Result<AccountingPeriodPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let month: Month = input.month.parse().map_err(|_| invalid(Refused::at(MALFORMED, &["month"])))?;
            let ctx = &reader.app.ctx;
            if !can_close(ctx, month).await? {
                return close_again(ctx, &caller, month).await;
            }
            let head = ctx.log.head().await.map_err(ExecuteError::Log)?;
            let sealed = sealed_head(&ctx.log, head, PATIENCE).await.map_err(ExecuteError::Log)?;
            let sealed = sealed.ok_or_else(|| invalid(kernel::Refusal::refused(&Refusal::NotSealed)))?;
            let closing = closing(&ctx.log, month, &sealed).await.map_err(underivable)?;
            close_period(ctx, &caller, month, &closing).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}

/// The log cannot be read, holds an event that does not post, or is not the one that was signed: nothing to tell a client.
fn underivable(error: ClosingError) -> ExecuteError {
    match error {
        ClosingError::Export(ExportError::Log(error)) => ExecuteError::Log(error),
        other => {
            tracing::error!(error = %other, "a month cannot be derived from the log");
            invalid(Refused::code(crate::errors::INTERNAL))
        }
    }
}
