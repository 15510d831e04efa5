//! Driver's licences, terms of use and consents.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use commands::Caller;
use commands::user::{self, AcceptTerms, OfUser, RejectLicence, SetConsent, SubmitLicence};
use domain::user::LicenceStatus;
use projections::models::users::LicenceRow;

use super::admin::user_id;
use super::mutation::UserPayload;
use super::{ConsentKind, UserNode};
use crate::errors::ApiError;
use crate::input::invalid;
use crate::reading::Reader;
use crate::scalars::DateTime;

/// Where a driver's licence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DriverLicenceStatus {
    /// Waits to be looked at.
    Submitted,
    /// Good.
    Verified,
    /// Not good.
    Rejected,
    /// Over.
    Expired,
}

impl From<LicenceStatus> for DriverLicenceStatus {
    fn from(status: LicenceStatus) -> Self {
        match status {
            LicenceStatus::Submitted => Self::Submitted,
            LicenceStatus::Verified => Self::Verified,
            LicenceStatus::Rejected => Self::Rejected,
            LicenceStatus::Expired => Self::Expired,
        }
    }
}

/// A driver's licence, to whoever may see it.
#[derive(Clone, Debug)]
pub struct DriverLicence(pub(super) LicenceRow);

/// A driver's licence.
#[Object]
impl DriverLicence {
    /// Its number; null once it was erased.
    async fn number(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(&self.0.number).await
    }

    /// When it expires.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }

    /// Where it stands.
    async fn status(&self) -> DriverLicenceStatus {
        self.0.status.into()
    }

    /// Why it is not good, when it is not.
    async fn rejected_for(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        Reader::of(ctx)?.open(self.0.rejected_for.as_ref()).await
    }
}

/// A driver's licence to be shown.
#[derive(InputObject)]
pub struct SubmitDriverLicenceInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Its number: 8 to 20 letters and digits; hyphens and spaces are left out.
    number: String,
    /// When it expires.
    expires_at: DateTime,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A licence that is good.
#[derive(InputObject)]
pub struct VerifyDriverLicenceInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Whose.
    user_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A licence that is not good.
#[derive(InputObject)]
pub struct RejectDriverLicenceInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Whose.
    user_id: ID,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Terms of use to be agreed to.
#[derive(InputObject)]
pub struct AcceptTermsInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Which ones, at most 50 characters.
    version: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A yes or a no.
#[derive(InputObject)]
pub struct SetConsentInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// To what.
    kind: ConsentKind,
    /// Yes or no.
    granted: bool,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Mutations of licences, terms and consents.
#[derive(Default)]
pub struct LicenceMutation;

#[Object]
impl LicenceMutation {
    /// Shows your driver's licence; support looks at it.
    async fn submit_driver_licence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SubmitDriverLicenceInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let expires_at = input.expires_at.instant(&["expiresAt"]).map_err(invalid)?;
            let command = SubmitLicence { number: input.number, expires_at };
            user::submit_licence(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Says that somebody's driver's licence is good; for support.
    async fn verify_driver_licence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: VerifyDriverLicenceInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| user::verify_licence(&reader.app.ctx, &caller, &OfUser { user: user_id(&input.user_id)? }).await;
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Says that somebody's driver's licence is not good; for support.
    async fn reject_driver_licence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RejectDriverLicenceInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = RejectLicence { user: user_id(&input.user_id)?, reason: input.reason };
            user::reject_licence(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Agrees to the terms of use.
    async fn accept_terms(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: AcceptTermsInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| user::accept_terms(&reader.app.ctx, &caller, &AcceptTerms { version: input.version }).await;
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Agrees to something that is not needed to use the service, or no longer.
    async fn set_consent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SetConsentInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = SetConsent { kind: input.kind.kind(), granted: input.granted };
            user::set_consent(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }
}
