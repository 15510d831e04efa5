//! Money leaving to hosts.

use async_graphql::{Context, Enum, ID, Object};
use domain::ids::PayoutId;
use projections::models::payouts::PayoutStatus as Status;
use projections::models::{PayoutRow, Payouts};
use projections::views::Query;

use super::READERS;
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::proof::{self, EventProof};
use crate::reading::Reader;
use crate::scalars::{DateTime, Money};
use crate::user::UserNode;

/// Where a payout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PayoutStatus {
    /// The bank is being asked, or has not answered.
    Requested,
    /// The money arrived.
    Completed,
    /// The bank refused.
    Failed,
    /// The money came back.
    Returned,
}

impl From<Status> for PayoutStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Requested => Self::Requested,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Returned => Self::Returned,
        }
    }
}

/// A payout that the viewer may see.
#[derive(Clone, Debug)]
pub struct PayoutNode(PayoutRow);

impl PayoutNode {
    /// A payout by its id, when it goes to the viewer or the viewer may see them all.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        let Ok(id) = id.parse::<PayoutId>() else { return Ok(None) };
        Ok(reader.get::<Payouts>(&id.to_string()).await?.and_then(|row| Self::visible(reader, row)))
    }

    /// The payout, if it goes to the viewer or the viewer may see them all.
    #[must_use]
    pub fn visible(reader: &Reader<'_>, row: PayoutRow) -> Option<Self> {
        (reader.viewer.user == Some(row.host) || reader.viewer.is_any(&READERS)).then_some(Self(row))
    }
}

/// A page of payouts that the query's maker knows to be visible.
pub(super) async fn page(reader: &Reader<'_>, query: Query, page: &Page) -> Result<Connection<PayoutNode>, ApiError> {
    reader.page::<Payouts, _>(query, page, |_, row| PayoutNode(row)).await
}

/// Money that leaves to one host. One that fails or comes back is repeated as a new one.
#[Object(name = "Payout")]
impl PayoutNode {
    /// The payout's id.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Who is paid.
    async fn host(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.host).await
    }

    /// How much.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Where it stands.
    async fn status(&self) -> PayoutStatus {
        self.0.status.into()
    }

    /// When the money arrived.
    async fn completed_at(&self) -> Option<DateTime> {
        self.0.completed_at.map(Into::into)
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

    /// The proof that the payout is in the log, as a download; null until the money arrived and that is sealed.
    async fn proof(&self, ctx: &Context<'_>) -> Result<Option<EventProof>, ApiError> {
        proof::of_stream(&Reader::of(ctx)?, &self.0.id.to_string(), "PayoutCompleted").await
    }
}
