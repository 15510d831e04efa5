//! Questions about people.

use async_graphql::{Context, ID, InputObject, Object};
use domain::ids::UserId;
use projections::models::Users;
use projections::views::{Direction, Query};

use super::{Role, UserNode, UserStatus};
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, AsOf};
use crate::reading::Reader;

/// Which people; all of what is given must fit.
#[derive(InputObject, Default)]
pub struct UserFilter {
    /// Those who hold this role.
    role: Option<Role>,
    /// Those whose account stands there.
    status: Option<UserStatus>,
    /// The one with this address, exactly.
    email: Option<String>,
}

/// Queries of people.
#[derive(Default)]
pub struct UserQuery;

#[Object]
impl UserQuery {
    /// Yourself; null when nobody is signed in.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let Some(user) = reader.viewer.user else { return Ok(None) };
        Ok(reader.get::<Users>(&user.to_string()).await?.map(UserNode::new))
    }

    /// Somebody, as you may know them.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] id: ID,
        #[graphql(desc = "As of a moment of the past.")] as_of: Option<AsOf>,
    ) -> Result<Option<UserNode>, ApiError> {
        let Ok(id) = id.parse::<UserId>() else { return Ok(None) };
        match as_of {
            None => UserNode::find(ctx, id).await,
            Some(as_of) => Ok(event::row_as_of::<Users>(&Reader::of(ctx)?, &id.to_string(), &as_of).await?.map(UserNode::new)),
        }
    }

    /// Everybody, newest first; for administrators.
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; without it, all.")] filter: Option<UserFilter>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<UserNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        let UserFilter { role, status, email } = filter.unwrap_or_default();
        let mut query = Query::new();
        if let Some(role) = role {
            query = query.contains("roles", &format!("|{}|", role.granted().name()));
        }
        if let Some(status) = status {
            query = query.eq("standing", status.name());
        }
        if let Some(email) = email {
            // Addresses are sealed: the claim says whose it is.
            let holder = commands::user::holder(&reader.app.ctx, &email).await.map_err(ApiError::internal)?;
            let Some(user) = holder else { return Ok(Connection::empty()) };
            query = query.eq("id", user);
        }
        reader.page::<Users, _>(query.order_by("created_at", Direction::Desc), &page, |_, row| UserNode::new(row)).await
    }
}
