//! A second factor for what a password alone must not do: a code by SMS, good once.

use async_graphql::{Context, InputObject, Object};
use commands::user::{self, second_factor_fits};
use commands::{Caller, ExecuteError};
use kernel::Refused;

use super::account::{CODE_WINDOW, MAX_CODE_TRIES, MAX_MESSAGES};
use super::mutation::{FAILURE_WINDOW, UserPayload};
use super::{UserNode, post};
use crate::app::real_now;
use crate::errors::{ApiError, FORBIDDEN, SIGN_IN};
use crate::input::invalid;
use crate::reading::Reader;

/// More proof is needed than there is (domain.md §4).
const MORE_PROOF: &str = "KEY003";

/// A wish for a code.
#[derive(InputObject)]
pub struct RequestSecondFactorInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Mutations of second factors.
#[derive(Default)]
pub struct SecondFactorMutation;

#[Object]
impl SecondFactorMutation {
    /// Sends a code to your telephone number, which must be proved (`verifyPhone`); it is good once, for ten minutes at least, and for this
    /// session alone. Keys of real money are registered with it.
    async fn request_second_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RequestSecondFactorInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let act = async |caller: Caller| {
            let user = reader.viewer.person().map_err(|_| invalid(Refused::code(SIGN_IN)))?;
            let session = reader.viewer.in_person().map_err(|_| invalid(Refused::code(FORBIDDEN)))?;
            let counter = format!("second-factor-sent:{user}");
            let limit = || reader.too_many(&counter, MAX_MESSAGES, FAILURE_WINDOW);
            let letter = post::second_factor(&reader, user, session).await.ok_or_else(|| invalid(Refused::code(MORE_PROOF)))?;
            let asked = session.to_string();
            let done = user::nothing_but_a_receipt(&reader.app.ctx, "requestSecondFactor", &caller, (&asked, user), limit).await?;
            if !done.receipt.replayed {
                post::send_second_factor(&reader, letter).await;
            }
            Ok::<_, ExecuteError>(done)
        };
        reader.mutate::<UserNode, _>(reader.in_person(input.idempotency_key), input.client_mutation_id, act).await
    }
}

impl Reader<'_> {
    /// Was a second factor shown? Each code counts once, and tries are counted before they are looked at.
    ///
    /// # Errors
    /// AUTH006 after too many tries; or the log's.
    pub async fn second_factor(&self, presented: Option<&str>) -> Result<bool, ExecuteError> {
        let (Some(presented), Some(user), Some(session)) = (presented, self.viewer.user, self.viewer.session) else { return Ok(false) };
        self.at_most(&format!("second-factor:{user}"), MAX_CODE_TRIES, CODE_WINDOW).await?;
        let used =
            format!("second-factor-used:{}", self.app.ctx.keys.claim("second-factor-used", &format!("{session}|{}", presented.trim())));
        let fits = second_factor_fits(&self.app.ctx, user, session, presented, real_now()).await?;
        if !fits || self.app.hot.is_denied(&used).await {
            return Ok(false);
        }
        self.app.hot.deny(&used, CODE_WINDOW).await;
        Ok(true)
    }
}
