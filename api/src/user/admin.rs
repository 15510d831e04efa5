//! What administrators do with accounts, and how people leave (domain.md §3.1).

use async_graphql::{Context, ID, InputObject, Object};
use commands::user::{self, GrantRole, Obligations, OfUser, SuspendUser};
use commands::{Caller, ExecuteError};
use domain::ids::UserId;
use domain::user::Role as Granted;
use projections::models::obligations;

use super::mutation::UserPayload;
use super::{Role, UserNode};
use crate::errors::ApiError;
use crate::input::id;
use crate::reading::{Reader, from_view};

const ADMIN: [Granted; 1] = [Granted::Admin];

/// A role for somebody.
#[derive(InputObject)]
pub struct GrantRoleInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// For whom.
    user_id: ID,
    /// Which.
    role: Role,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A role that somebody is to lose.
#[derive(InputObject)]
pub struct RevokeRoleInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Who.
    user_id: ID,
    /// Which.
    role: Role,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// An account to be locked.
#[derive(InputObject)]
pub struct SuspendUserInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Whose.
    user_id: ID,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// An account to be opened again.
#[derive(InputObject)]
pub struct ReactivateUserInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Whose.
    user_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// An account to be closed.
#[derive(InputObject)]
pub struct DeactivateUserInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Whose; without it, your own. Another's only for administrators.
    user_id: Option<ID>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A person to be forgotten.
#[derive(InputObject)]
pub struct EraseUserInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Who; without it, you. Another only for administrators.
    user_id: Option<ID>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Mutations of accounts by administrators, and of one's own by leaving.
#[derive(Default)]
pub struct UserAdminMutation;

#[Object]
impl UserAdminMutation {
    /// Lets somebody act in one more role; for administrators, never for themselves.
    async fn grant_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: GrantRoleInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = GrantRole { user: user_id(&input.user_id)?, role: input.role.granted() };
            user::grant_role(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Lets somebody act in a role no longer; for administrators. Their next request is decided without it.
    async fn revoke_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RevokeRoleInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = GrantRole { user: user_id(&input.user_id)?, role: input.role.granted() };
            user::revoke_role(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Locks an account; for administrators. Its sessions and API keys stop working at once.
    async fn suspend_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SuspendUserInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = SuspendUser { user: user_id(&input.user_id)?, reason: input.reason };
            user::suspend_user(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Opens a locked or closed account again; for administrators.
    async fn reactivate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ReactivateUserInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| user::reactivate_user(&reader.app.ctx, &caller, &OfUser { user: user_id(&input.user_id)? }).await;
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Closes an account: your own while nothing is open, or as an administrator anybody's. Its sessions and API keys stop
    /// working at once.
    async fn deactivate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: DeactivateUserInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.in_person(input.idempotency_key);
        let (user, found) = reader.leaving(input.user_id.as_ref(), caller.is_ok()).await?;
        let act = async |caller: Caller| user::deactivate_user(&reader.app.ctx, &caller, &OfUser { user: user? }, &found).await;
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Forgets a person for good: you, or as an administrator anybody. Refused while bookings, orders or money are open; what
    /// the law keeps stays sealed for five years more. The answer shows the account as it is being erased.
    async fn erase_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: EraseUserInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.in_person(input.idempotency_key);
        let (user, found) = reader.leaving(input.user_id.as_ref(), caller.is_ok()).await?;
        let act = async |caller: Caller| user::request_erasure(&reader.app.ctx, &caller, &OfUser { user: user? }, &found).await;
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }
}

/// The id of a person.
///
/// # Errors
/// USER001 for a text that names nobody.
pub(super) fn user_id(given: &ID) -> Result<UserId, ExecuteError> {
    id(given, "USER001", "userId")
}

impl Reader<'_> {
    /// Whom an input means that may leave it out.
    ///
    /// # Errors
    /// USER001 for a text that names nobody.
    pub(super) fn whose(&self, given: Option<&ID>) -> Result<UserId, ExecuteError> {
        match given {
            Some(given) => user_id(given),
            None => self.viewer.person().map_err(|_| crate::input::invalid(kernel::Refused::code(crate::errors::SIGN_IN))),
        }
    }

    /// Who is to leave, and what they are part of; nothing is looked up for whoever may not ask.
    async fn leaving(&self, given: Option<&ID>, may: bool) -> Result<(Result<UserId, ExecuteError>, Obligations), ApiError> {
        let user = self.whose(given);
        let open = self.viewer.is_any(&ADMIN) || user.as_ref().is_ok_and(|user| self.viewer.user == Some(*user));
        let found = match &user {
            Ok(user) if may && open => obligations::of(&self.app.views, *user).await.map_err(from_view)?,
            Ok(_) | Err(_) => Obligations::default(),
        };
        Ok((user, found))
    }
}
