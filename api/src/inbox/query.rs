//! Questions about one's own inbox.

use async_graphql::{Context, Object};
use domain::ids::UserId;
use domain::inbox::{KEPT, Standing};
use projections::models::notifications::standing_name;
use projections::models::{Notifications, Unread};
use projections::views::{Direction, Query};

use super::NotificationNode;
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::reading::{Reader, from_view};

/// Queries of inboxes.
#[derive(Default)]
pub struct InboxQuery;

#[Object]
impl InboxQuery {
    /// What you were told, newest first, without what you have put away.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a GraphQL field")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what you have not seen yet.", default = false)] unread_only: bool,
        #[graphql(desc = "What you have put away, instead.", default = false)] archived: bool,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<NotificationNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let page = Page::new(first, after, last, before)?;
        let query = match (archived, unread_only) {
            (true, _) => Query::new().eq("owner", user).eq("standing", standing_name(Standing::Archived)),
            (false, true) => Query::new().eq("unread_of", user),
            (false, false) => Query::new().eq("owner", user).within("standing", [Standing::Unread, Standing::Read].map(standing_name)),
        };
        reader.page::<Notifications, _>(query.order_by("created_at", Direction::Desc), &page, |_, row| NotificationNode(row)).await
    }

    /// How many of your notifications you have not seen yet: cheap to ask again and again.
    async fn unread_count(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let required = reader.required().await?.position;
        let count = match reader.app.live.get::<Unread>(&user.to_string(), required).await {
            Some(row) => row.map_or(0, |row| u64::from(row.unread)),
            None => counted(&reader, user).await?,
        };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// The same from the tables; an inbox has no more of them than it remembers.
async fn counted(reader: &Reader<'_>, user: UserId) -> Result<u64, ApiError> {
    reader.ready::<Notifications>().await?;
    let unread = Query::new().eq("unread_of", user);
    let rows = reader.app.views.all::<Notifications>(&unread, KEPT as u64).await.map_err(from_view)?;
    Ok(rows.len() as u64)
}
