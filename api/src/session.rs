//! Signed-in devices: seeing one's own, ending one from another, and hearing when one ends.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject, Subscription};
use commands::Caller;
use commands::session::RevokeSession;
use domain::ids::{SessionId, UserId};
use domain::session::{self, RevokeReason};
use domain::user::User;
use futures_util::stream::{self, Stream, StreamExt};
use kernel::Decider;
use projections::feed::Wanted;
use projections::models::{SessionRow, Sessions};
use projections::views::{Direction, Query};

use crate::app::{App, real_now};
use crate::connection::{Connection, Edge, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::input::id;
use crate::mutation::{Answer, Reply, Shown};
use crate::reading::{Reader, from_view, token};
use crate::scalars::DateTime;

/// Sessions that one event can end for a subscriber to hear of.
const MOST_AT_ONCE: u64 = 1_000;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SessionEnd {
    /// Its user signed out on that device.
    LoggedOut,
    /// A refresh token that was exchanged before came back: it may be stolen.
    TokenReused,
    /// Its user ended it from another device.
    Dismissed,
    /// Every session ended: everywhere signed out, another password, or the account was locked or closed.
    AllEnded,
}

impl From<RevokeReason> for SessionEnd {
    fn from(reason: RevokeReason) -> Self {
        match reason {
            RevokeReason::LoggedOut => Self::LoggedOut,
            RevokeReason::TokenReused => Self::TokenReused,
            RevokeReason::Dismissed => Self::Dismissed,
        }
    }
}

/// A session, to its user.
#[derive(Clone, Debug)]
pub struct SessionNode {
    row: SessionRow,
    ended: Option<SessionEnd>,
}

impl SessionNode {
    fn new(row: SessionRow) -> Self {
        let ended = row.revoked.map(Into::into);
        Self { row, ended }
    }

    /// A session of the viewer's own by its id.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        Ok(reader.get::<Sessions>(id).await?.and_then(|row| Self::visible(reader, row)))
    }

    /// The session, if it is the viewer's.
    #[must_use]
    pub fn visible(reader: &Reader<'_>, row: SessionRow) -> Option<Self> {
        (reader.viewer.user == Some(row.user)).then(|| Self::new(row))
    }
}

impl Shown for SessionNode {
    type Id = SessionId;

    async fn fresh(reader: &Reader<'_>, id: SessionId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<Sessions>(&id.to_string(), position).await?.map(Self::new))
    }
}

/// A device on which you are signed in.
#[Object(name = "Session")]
impl SessionNode {
    /// The session's id.
    pub async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// What the device called itself at the sign-in.
    async fn device(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.row.device.as_ref()).await
    }

    /// When you signed in.
    async fn started_at(&self) -> DateTime {
        self.row.started_at.into()
    }

    /// When the device was heard of last.
    async fn refreshed_at(&self) -> DateTime {
        self.row.refreshed_at.into()
    }

    /// When it ends, if nothing is heard of the device until then.
    async fn expires_at(&self) -> DateTime {
        self.row.expires_at.into()
    }

    /// Is it the session that asks?
    async fn is_current(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        Ok(Reader::of(ctx)?.viewer.session == Some(self.row.id))
    }

    /// Why it ended, if it did before its time.
    async fn ended(&self) -> Option<SessionEnd> {
        self.ended
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
        event::history(&Reader::of(ctx)?, self.row.id.to_string(), &page).await
    }
}

/// A session to be ended.
#[derive(InputObject)]
pub struct RevokeSessionInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which of yours.
    session_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// What a session's mutation answers.
#[derive(SimpleObject)]
pub struct SessionPayload {
    /// The session as of the receipt.
    session: Option<SessionNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<SessionNode>> for SessionPayload {
    fn from(Reply { entity, answer }: Reply<SessionNode>) -> Self {
        Self { session: entity, answer }
    }
}

/// Queries of sessions.
#[derive(Default)]
pub struct SessionQuery;

#[Object]
impl SessionQuery {
    /// The devices on which you are signed in, newest first.
    async fn my_sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<SessionNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let page = Page::new(first, after, last, before)?;
        let (state, _) = reader.app.ctx.log.load::<User>(user.uuid()).await.map_err(ApiError::internal)?;
        let epoch = state.session_epoch().unwrap_or_default();
        let live = Query::new().eq("owner", user).eq("epoch", epoch).eq("revoked", false).gt("expires_at", real_now());
        reader.page::<Sessions, _>(live.order_by("started_at", Direction::Desc), &page, |_, row| SessionNode::new(row)).await
    }
}

/// Mutations of sessions from another device.
#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Signs one of your devices out from another one; its access tokens stop working at once.
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RevokeSessionInput,
    ) -> Result<SessionPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.in_person(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = RevokeSession { session: id(&input.session_id, "SYS007", "sessionId")? };
            let done = commands::session::revoke_session(&reader.app.ctx, &caller, &command).await?;
            reader.deny(command.session).await;
            Ok(done)
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}

/// The event that ends one session.
const SESSION_ENDS: &str = "SessionRevoked";

/// Sessions as they end.
#[derive(Default)]
pub struct SessionSubscription;

#[Subscription]
impl SessionSubscription {
    /// Every session of yours that ends before its time, this one too.
    async fn session_revoked(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Edge<SessionNode>, ApiError>> + use<>, ApiError> {
        let reader = Reader::of(ctx)?;
        let user = reader.viewer.person()?;
        let after = event::start(reader.app, after).await?;
        let app = reader.app.clone();
        let own = user.to_string();
        let wants: Wanted = Arc::new(move |event: &eventlog::Recorded| {
            // By its name, before anybody reads it: sign-ins are many, and end nothing.
            let ends = event.stream.kind() == session::Session::KIND && event.event_type == SESSION_ENDS;
            ends || event.stream.as_str() == own
        });
        let ended = event::tail(&app, after, wants).then(move |recorded| {
            let app = app.clone();
            async move {
                match recorded {
                    Ok(recorded) => ended(&app, user, &recorded).await,
                    Err(error) => Err(error),
                }
            }
        });
        Ok(ended.flat_map(|edges| match edges {
            Ok(edges) => stream::iter(edges.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        }))
    }
}

/// The sessions of a user that an event ends.
async fn ended(app: &App, user: UserId, recorded: &eventlog::Recorded) -> Result<Vec<Edge<SessionNode>>, ApiError> {
    let mut edges = Vec::new();
    let edge = |row: SessionRow, ended| Edge { cursor: token(recorded.position), node: SessionNode { row, ended: Some(ended) } };
    for event in projections::decode(recorded).map_err(ApiError::internal)?.into_vec() {
        match event {
            domain::Event::Session(session::Event::SessionRevoked { reason }) => {
                let stream = recorded.stream.as_str();
                let find = async || {
                    let row = app.views.fresh::<Sessions>(stream, recorded.position).await.map_err(from_view)?;
                    Ok(row.map_or_else(Box::default, |row| [row.user].into()))
                };
                if !app.parties.is_of(stream, user, find).await? {
                    continue;
                }
                let row = app.views.fresh::<Sessions>(stream, recorded.position).await.map_err(from_view)?;
                edges.extend(row.filter(|row| row.user == user).map(|row| edge(row, reason.into())));
            }
            domain::Event::User(domain::user::Event::SessionsRevoked { epoch }) if recorded.stream.as_str() == user.to_string() => {
                app.views.wait::<Sessions>(recorded.position, std::time::Duration::from_secs(2)).await.map_err(from_view)?;
                let older = Query::new().eq("owner", user).lt("epoch", epoch).eq("revoked", false);
                let rows = app.views.all::<Sessions>(&older, MOST_AT_ONCE).await.map_err(from_view)?;
                // Those of earlier epochs ended before; the one that is kept carries the new epoch already.
                let now = rows.into_iter().map(|(_, row)| row).filter(|row| row.epoch.checked_add(1) == Some(epoch));
                edges.extend(now.map(|row| edge(row, SessionEnd::AllEnded)));
            }
            _ => {}
        }
    }
    Ok(edges)
}
