//! People: who they are, signing up, in and out.

use async_graphql::{Context, Enum, ID, Object};
use domain::ids::UserId;
use domain::user::Role as Granted;
use projections::models::{UserRow, Users};

mod mutation;

use crate::connection::{Connection, Page};
use crate::errors::{ApiError, Language};
use crate::event::{self, EventNode};
use crate::reading::Reader;
use crate::scalars::DateTime;
pub use mutation::UserMutation;

/// The name of whoever was erased.
const LEFT_KO: &str = "탈퇴한 회원";
const LEFT_EN: &str = "Former member";

/// What somebody may do; a role grants only what its own operations name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Role {
    /// Rents vehicles.
    Guest,
    /// Rents vehicles out.
    Host,
    /// Opens projects.
    Creator,
    /// Trades.
    Trader,
    /// Maintains vehicles.
    Mechanic,
    /// Keeps order in what people write.
    Moderator,
    /// Helps clients.
    Support,
    /// Settles, refunds and reads the books.
    Finance,
    /// Reads everything and changes nothing.
    Auditor,
    /// Runs and rebuilds the read side.
    Engineer,
    /// Administers people.
    Admin,
    /// A program.
    Service,
    /// A display.
    Device,
}

impl From<Granted> for Role {
    fn from(role: Granted) -> Self {
        match role {
            Granted::Guest => Self::Guest,
            Granted::Host => Self::Host,
            Granted::Creator => Self::Creator,
            Granted::Trader => Self::Trader,
            Granted::Mechanic => Self::Mechanic,
            Granted::Moderator => Self::Moderator,
            Granted::Support => Self::Support,
            Granted::Finance => Self::Finance,
            Granted::Auditor => Self::Auditor,
            Granted::Engineer => Self::Engineer,
            Granted::Admin => Self::Admin,
            Granted::Service => Self::Service,
            Granted::Device => Self::Device,
        }
    }
}

/// A user, as everybody may know one; the rest is for themselves and for administrators.
#[derive(Clone, Debug)]
pub struct UserNode {
    row: UserRow,
    /// Shown to the person themselves, whoever the request came from: they have just signed up or in.
    own: bool,
}

impl UserNode {
    /// The user, as the viewer may know them.
    #[must_use]
    pub const fn new(row: UserRow) -> Self {
        Self { row, own: false }
    }

    /// The user, to themselves.
    #[must_use]
    pub const fn own(row: UserRow) -> Self {
        Self { row, own: true }
    }

    /// A user by their id.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>, ApiError> {
        Ok(Reader::of(ctx)?.get::<Users>(&id.to_string()).await?.map(Self::new))
    }

    fn is_open_to(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        let viewer = Reader::of(ctx)?.viewer;
        Ok(self.own || viewer.user == Some(self.row.id) || viewer.is_any(&[Granted::Admin]))
    }
}

/// A person with an account.
#[Object(name = "User")]
impl UserNode {
    /// The user's id.
    pub async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// The name; once it was erased, words that stand for somebody who has left.
    async fn name(&self, ctx: &Context<'_>) -> Result<String, ApiError> {
        let reader = Reader::of(ctx)?;
        let left = || match reader.meta.language {
            Language::Ko => LEFT_KO,
            Language::En => LEFT_EN,
        };
        Ok(reader.open(&self.row.name).await?.unwrap_or_else(|| left().to_owned()))
    }

    /// The address, for the user and administrators.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.is_open_to(ctx)?.then_some(&self.row.email)).await
    }

    /// The telephone number, for the user and administrators.
    async fn phone(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.is_open_to(ctx)?.then_some(&self.row.phone)).await
    }

    /// The roles, for the user and administrators; empty for everybody else.
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>, ApiError> {
        let open = self.is_open_to(ctx)?;
        Ok(self.row.roles.iter().filter(|_| open).map(|role| (*role).into()).collect())
    }

    /// Did the user prove their address?
    async fn is_verified(&self) -> bool {
        self.row.email_verified
    }

    /// When the account was opened.
    async fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    /// The events that made it, oldest first: what happened, when, and by whom. For the user and administrators.
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<EventNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        if !self.is_open_to(ctx)? {
            return Err(ApiError::forbidden());
        }
        event::history(&reader, self.row.id.to_string(), &Page::new(first, after, last, before)?).await
    }
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
}
