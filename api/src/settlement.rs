//! Settlements, their lines and payouts as GraphQL shows and changes them.

use async_graphql::{Context, Enum, ID, Object};
use domain::ids::{SettlementId, UserId};
use domain::user::Role;
use kernel::Money as Amount;
use projections::models::settlements::SettlementStatus as Status;
use projections::models::{SettlementLines, SettlementRow, Settlements};
use projections::views::{Direction, Query};

mod hold;
mod line;
mod mutation;
mod payout;
mod query;

use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::mutation::Shown;
use crate::reading::{Reader, from_view};
use crate::scalars::{DateTime, Money};
use crate::user::UserNode;
pub use hold::{PayoutHoldMutation, PayoutHoldQuery};
pub use line::SettlementLineNode;
pub use mutation::SettlementMutation;
pub use payout::{PayoutNode, PayoutStatus};
pub use query::SettlementQuery;

/// Who sees whole settlements.
const READERS: [Role; 2] = [Role::Finance, Role::Auditor];

/// Where a settlement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SettlementStatus {
    /// Under review.
    Open,
    /// A second person agreed.
    Approved,
    /// Money is leaving.
    Paying,
    /// Every host was paid.
    Paid,
    /// Every host was tried; some are still owed.
    PartlyPaid,
    /// Called off; its lines are free again.
    Cancelled,
}

impl From<Status> for SettlementStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Open => Self::Open,
            Status::Approved => Self::Approved,
            Status::Paying => Self::Paying,
            Status::Paid => Self::Paid,
            Status::PartlyPaid => Self::PartlyPaid,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

/// How much of a settlement the viewer sees.
#[derive(Clone, Copy, Debug)]
enum Scope {
    /// Every host's lines and payouts.
    Whole,
    /// Those of one host.
    Of(UserId),
}

impl Scope {
    /// The lines or payouts of a batch that are within it.
    fn of(self, settlement: SettlementId) -> Query {
        let all = Query::new().eq("settlement", settlement);
        match self {
            Self::Whole => all,
            Self::Of(host) => all.eq("host", host),
        }
    }
}

/// More lines of one host than a batch can hold.
const MAX_OWN_LINES: u64 = 10_000;

/// A settlement, as far as the viewer may see it.
#[derive(Clone, Debug)]
pub struct SettlementNode {
    row: SettlementRow,
    scope: Scope,
}

impl SettlementNode {
    /// A settlement by its id, when the viewer may see it: whole for finance and auditors, and for a host with a line in it
    /// what is theirs.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        let Ok(id) = id.parse::<SettlementId>() else { return Ok(None) };
        let Some(row) = reader.get::<Settlements>(&id.to_string()).await? else { return Ok(None) };
        Self::visible(reader, row).await
    }

    /// The settlement, as far as the viewer may see it.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn visible(reader: &Reader<'_>, row: SettlementRow) -> Result<Option<Self>, ApiError> {
        if reader.viewer.is_any(&READERS) {
            return Ok(Some(Self { row, scope: Scope::Whole }));
        }
        let Some(user) = reader.viewer.user else { return Ok(None) };
        let scope = Scope::Of(user);
        reader.ready::<SettlementLines>().await?;
        let own = reader.app.views.all::<SettlementLines>(&scope.of(row.id), 1).await.map_err(from_view)?;
        Ok((!own.is_empty()).then_some(Self { row, scope }))
    }
}

impl Shown for SettlementNode {
    type Id = SettlementId;

    async fn fresh(reader: &Reader<'_>, id: SettlementId, position: u64) -> Result<Option<Self>, ApiError> {
        match reader.fresh::<Settlements>(&id.to_string(), position).await? {
            Some(row) => Self::visible(reader, row).await,
            None => Ok(None),
        }
    }
}

/// One batch that pays all hosts what they earned before a date. Opened by one person of finance, approved by another.
#[Object(name = "Settlement")]
impl SettlementNode {
    /// The settlement's id.
    pub async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// What was earned before this instant is in it.
    async fn period_end(&self) -> DateTime {
        self.row.period_end.into()
    }

    /// Where it stands.
    async fn status(&self) -> SettlementStatus {
        self.row.status.into()
    }

    /// While payouts wait for banks to open: until when. Banks pay on business days of Korea.
    async fn payouts_due_at(&self) -> Option<DateTime> {
        self.row.payouts_due_at.map(Into::into)
    }

    /// Who opened it.
    async fn opened_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.row.opened_by).await
    }

    /// The second person, who agreed.
    async fn approved_by(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        match self.row.approved_by {
            Some(approver) => UserNode::find(ctx, approver).await,
            None => Ok(None),
        }
    }

    /// What the hosts earned by its lines; a host sees what they earned themselves.
    async fn total(&self, ctx: &Context<'_>) -> Result<Money, ApiError> {
        let reader = Reader::of(ctx)?;
        let zero = Amount::zero(reader.app.ctx.settings.currency);
        match self.scope {
            Scope::Whole => Ok(self.row.total.unwrap_or(zero).into()),
            Scope::Of(_) => {
                let own = reader.app.views.all::<SettlementLines>(&self.scope.of(self.row.id), MAX_OWN_LINES).await.map_err(from_view)?;
                let minor = own.iter().map(|(_, line)| line.earning.net.minor()).sum();
                Ok(zero.with_minor(minor).into())
            }
        }
    }

    /// What it pays for, in the order in which it was earned; a host sees their own.
    async fn lines(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<SettlementLineNode>, ApiError> {
        let page = Page::new(first, after, last, before)?;
        line::page(&Reader::of(ctx)?, self.scope.of(self.row.id).order_by("earned_at", Direction::Asc), &page).await
    }

    /// The money that left for it, in the order in which it was asked for; a host sees their own.
    async fn payouts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<PayoutNode>, ApiError> {
        let page = Page::new(first, after, last, before)?;
        payout::page(&Reader::of(ctx)?, self.scope.of(self.row.id).order_by("requested_at", Direction::Asc), &page).await
    }

    /// The events that made it, oldest first; for finance and auditors, a host sees none.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<EventNode>, ApiError> {
        let (reader, page) = (Reader::of(ctx)?, Page::new(first, after, last, before)?);
        match self.scope {
            Scope::Whole => event::history(&reader, self.row.id.to_string(), &page).await,
            Scope::Of(_) => Ok(Connection::empty()),
        }
    }
}
