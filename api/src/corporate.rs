//! Businesses of hosts: shown by them, judged by administrators.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::Caller;
use commands::corporate::{self, AddDocument, OfCorporate, RejectCorporate, SubmitProfile};
use domain::corporate::Status;
use domain::ids::{CorporateId, UserId};
use domain::user::Role;
use kernel::jiff::SignedDuration;
use projections::models::{CorporateProfileRow, CorporateProfiles};
use projections::views::{Direction, Query};

use crate::app::real_now;
use crate::connection::{Connection, Page};
use crate::errors::ApiError;
use crate::event::{self, EventNode};
use crate::input::id;
use crate::mutation::{Answer, Reply, Shown};
use crate::reading::Reader;
use crate::scalars::DateTime;
use crate::tokens::Purpose;
use crate::user::UserNode;

const ADMIN: [Role; 1] = [Role::Admin];
/// An address under which a paper is shown works for so long.
const DOCUMENT_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// Where a business stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CorporateStatus {
    /// Waits for an administrator.
    Submitted,
    /// It is what it shows.
    Verified,
    /// It is not what it shows.
    Rejected,
}

impl From<Status> for CorporateStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Submitted => Self::Submitted,
            Status::Verified => Self::Verified,
            Status::Rejected => Self::Rejected,
        }
    }
}

impl CorporateStatus {
    const fn stored(self) -> Status {
        match self {
            Self::Submitted => Status::Submitted,
            Self::Verified => Status::Verified,
            Self::Rejected => Status::Rejected,
        }
    }
}

/// A business, to its host and administrators.
#[derive(Clone, Debug)]
pub struct CorporateProfileNode(CorporateProfileRow);

impl CorporateProfileNode {
    /// A business that the viewer may see, by its id.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn find(reader: &Reader<'_>, id: &str) -> Result<Option<Self>, ApiError> {
        Ok(reader.get::<CorporateProfiles>(id).await?.and_then(|row| Self::visible(reader, row)))
    }

    /// The business, if it is the viewer's or the viewer is an administrator.
    #[must_use]
    pub fn visible(reader: &Reader<'_>, row: CorporateProfileRow) -> Option<Self> {
        (reader.viewer.user == Some(row.user) || reader.viewer.is_any(&ADMIN)).then_some(Self(row))
    }

    /// The business of a person.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    pub async fn of_user(reader: &Reader<'_>, user: UserId) -> Result<Option<Self>, ApiError> {
        Self::find(reader, &CorporateId::new(user.uuid()).to_string()).await
    }
}

impl Shown for CorporateProfileNode {
    type Id = CorporateId;

    async fn fresh(reader: &Reader<'_>, id: CorporateId, position: u64) -> Result<Option<Self>, ApiError> {
        Ok(reader.fresh::<CorporateProfiles>(&id.to_string(), position).await?.map(Self))
    }
}

/// A business for which a host rents out.
#[Object(name = "CorporateProfile")]
impl CorporateProfileNode {
    /// The profile's id.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Whose it is.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<UserNode>, ApiError> {
        UserNode::find(ctx, self.0.user).await
    }

    /// What it is called; null once it was erased.
    async fn company_name(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.0.company_name).await
    }

    /// Its ten digits; null once they were erased.
    async fn business_registration_number(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.0.registration_number).await
    }

    /// Its number at the tax office, where that is another one.
    async fn tax_id(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.0.tax_id.as_ref()).await
    }

    /// Where it stands.
    async fn status(&self) -> CorporateStatus {
        self.0.status.into()
    }

    /// Did an administrator find it to be what it shows?
    async fn is_verified(&self) -> bool {
        self.0.status == Status::Verified
    }

    /// Why it was rejected, while it is.
    async fn rejected_for(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.0.rejected_for.as_ref()).await
    }

    /// Addresses of its papers, each good for 15 minutes.
    async fn documents(&self, ctx: &Context<'_>) -> Result<Vec<String>, ApiError> {
        let reader = Reader::of(ctx)?;
        let ends = real_now().checked_add(DOCUMENT_LIFETIME).map_err(ApiError::internal)?.as_second();
        let address = |upload: uuid::Uuid| {
            let code = reader.app.tokens.code(Purpose::Document, upload, ends);
            format!("{}/documents/{code}", reader.app.public_url)
        };
        Ok(self.0.documents.iter().map(|document| address(document.upload.uuid())).collect())
    }

    /// When it was first shown.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
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
}

/// What a business's mutation answers.
#[derive(SimpleObject)]
pub struct CorporateProfilePayload {
    /// The business as of the receipt.
    corporate_profile: Option<CorporateProfileNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<CorporateProfileNode>> for CorporateProfilePayload {
    fn from(Reply { entity, answer }: Reply<CorporateProfileNode>) -> Self {
        Self { corporate_profile: entity, answer }
    }
}

/// A business to be shown.
#[derive(InputObject)]
pub struct SubmitCorporateProfileInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// What it is called, at most 200 characters.
    company_name: String,
    /// Its ten digits, with or without hyphens.
    business_registration_number: String,
    /// Its number at the tax office, where that is another one, at most 50 characters.
    tax_id: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A paper of your business.
#[derive(InputObject)]
pub struct AddCorporateDocumentInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// The upload that holds its bytes; asked for with `ofMyself`.
    upload_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A business that is what it shows.
#[derive(InputObject)]
pub struct VerifyCorporateInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which.
    corporate_profile_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A business that is not what it shows.
#[derive(InputObject)]
pub struct RejectCorporateInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which.
    corporate_profile_id: ID,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Queries of businesses.
#[derive(Default)]
pub struct CorporateQuery;

#[Object]
impl CorporateQuery {
    /// Businesses, those that wait longest first; for administrators.
    async fn corporate_profiles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those that stand there.")] status: Option<CorporateStatus>,
        #[graphql(desc = "So many from the start, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<CorporateProfileNode>, ApiError> {
        let reader = Reader::of(ctx)?;
        let page = Page::new(first, after, last, before)?;
        let query = match status {
            Some(status) => Query::new().eq("status", status.stored().name()),
            None => Query::new(),
        };
        let query = query.order_by("created_at", Direction::Asc);
        reader.page::<CorporateProfiles, _>(query, &page, |_, row| CorporateProfileNode(row)).await
    }
}

/// Mutations of businesses.
#[derive(Default)]
pub struct CorporateMutation;

#[Object]
impl CorporateMutation {
    /// Shows the business for which you rent out; for hosts. After a rejection it may be shown anew.
    async fn submit_corporate_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SubmitCorporateProfileInput,
    ) -> Result<CorporateProfilePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let (company_name, business_registration_number) = (input.company_name, input.business_registration_number);
        let command = SubmitProfile { company_name, business_registration_number, tax_id: input.tax_id };
        let act = async |caller: Caller| corporate::submit_profile(&reader.app.ctx, &caller, &command).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Adds a paper to your business; for hosts.
    async fn add_corporate_document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: AddCorporateDocumentInput,
    ) -> Result<CorporateProfilePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = AddDocument { upload_id: id(&input.upload_id, "SYS007", "uploadId")? };
            corporate::add_document(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Says that a business is what it shows; for administrators, never of their own.
    async fn verify_corporate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: VerifyCorporateInput,
    ) -> Result<CorporateProfilePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = OfCorporate { profile: id(&input.corporate_profile_id, "SYS007", "corporateProfileId")? };
            corporate::verify_corporate(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Says that a business is not what it shows; for administrators, never of their own.
    async fn reject_corporate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RejectCorporateInput,
    ) -> Result<CorporateProfilePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let profile = id(&input.corporate_profile_id, "SYS007", "corporateProfileId")?;
            corporate::reject_corporate(&reader.app.ctx, &caller, &RejectCorporate { profile, reason: input.reason }).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
