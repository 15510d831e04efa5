//! People: who they are, signing up, in and out.

use async_graphql::{Context, Enum, ID, Object};
use domain::ids::UserId;
use domain::user::Role as Granted;
use projections::models::{UserRow, Users};

mod account;
mod admin;
mod licence;
mod mutation;
mod post;
mod query;
mod second_factor;
mod standing;

use crate::connection::{Connection, Page};
use crate::corporate::CorporateProfileNode;
use crate::errors::{ApiError, Language};
use crate::event::{self, EventNode};
use crate::mutation::Shown;
use crate::reading::Reader;
use crate::scalars::DateTime;
pub use account::AccountMutation;
pub use admin::UserAdminMutation;
pub use licence::{DriverLicence, LicenceMutation};
pub use mutation::{UserMutation, UserPayload};
pub use query::UserQuery;
pub use second_factor::SecondFactorMutation;
pub use standing::{ConsentKind, TermsOfUse, UserStatus};

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

impl Role {
    /// As the domain knows it.
    #[must_use]
    pub const fn granted(self) -> Granted {
        match self {
            Self::Guest => Granted::Guest,
            Self::Host => Granted::Host,
            Self::Creator => Granted::Creator,
            Self::Trader => Granted::Trader,
            Self::Mechanic => Granted::Mechanic,
            Self::Moderator => Granted::Moderator,
            Self::Support => Granted::Support,
            Self::Finance => Granted::Finance,
            Self::Auditor => Granted::Auditor,
            Self::Engineer => Granted::Engineer,
            Self::Admin => Granted::Admin,
            Self::Service => Granted::Service,
            Self::Device => Granted::Device,
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

    /// Did the user prove their telephone number?
    async fn is_phone_verified(&self) -> bool {
        self.row.phone_verified
    }

    /// The address of their picture.
    async fn image_url(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let reader = Reader::of(ctx)?;
        Ok(self.row.image.map(|image| format!("{}/photos/{}/{}", reader.app.public_url, self.row.id, image.upload)))
    }

    /// May the account be used? For the user and administrators.
    async fn status(&self, ctx: &Context<'_>) -> Result<Option<UserStatus>, ApiError> {
        Ok(self.is_open_to(ctx)?.then(|| self.row.standing.into()))
    }

    /// Why an administrator locked the account; for the user and administrators.
    async fn suspended_for(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let reason = self.row.suspended_for.as_ref();
        Reader::of(ctx)?.open(if self.is_open_to(ctx)? { reason } else { None }).await
    }

    /// The address that waits to be proved; for the user and administrators.
    async fn pending_email(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let waiting = self.row.new_email.as_ref();
        Reader::of(ctx)?.open(if self.is_open_to(ctx)? { waiting } else { None }).await
    }

    /// The driver's licence; for the user, support and administrators.
    async fn driver_licence(&self, ctx: &Context<'_>) -> Result<Option<DriverLicence>, ApiError> {
        let support = Reader::of(ctx)?.viewer.is_any(&[Granted::Support]);
        let open = support || self.is_open_to(ctx)?;
        Ok(self.row.licence.clone().filter(|_| open).map(DriverLicence))
    }

    /// The terms of use that the user agreed to last; for the user and administrators.
    async fn terms(&self, ctx: &Context<'_>) -> Result<Option<TermsOfUse>, ApiError> {
        let open = self.is_open_to(ctx)?;
        Ok(self.row.terms.clone().filter(|_| open).map(Into::into))
    }

    /// What the user agreed to without having to; for the user and administrators.
    async fn consents(&self, ctx: &Context<'_>) -> Result<Vec<ConsentKind>, ApiError> {
        let open = self.is_open_to(ctx)?;
        Ok(self.row.consents.iter().filter(|_| open).map(|kind| (*kind).into()).collect())
    }

    /// The user's business; for the user and administrators.
    async fn corporate_profile(&self, ctx: &Context<'_>) -> Result<Option<CorporateProfileNode>, ApiError> {
        if self.is_open_to(ctx)? { CorporateProfileNode::of_user(&Reader::of(ctx)?, self.row.id).await } else { Ok(None) }
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

impl Shown for UserNode {
    type Id = UserId;

    async fn fresh(reader: &Reader<'_>, id: UserId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<Users>(&id.to_string(), position).await?.map(Self::new))
    }
}
