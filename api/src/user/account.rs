//! What people do with their own accounts (domain.md §3.1).

use std::time::Duration;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::user::{self, ChangeEmail, ChangePassword, ConfirmEmailChange, NewPassword, ResetPassword, UpdateProfile, VerifyPhone};
use commands::{Caller, ExecuteError};
use domain::ids::UserId;
use domain::text::PASSWORD_CHARS;
use kernel::Refused;

use super::UserNode;
use super::mutation::{FAILURE_WINDOW, MAX_FAILURES, UserPayload, busy};
use super::post;
use crate::app::real_now;
use crate::errors::ApiError;
use crate::input::{id, invalid};
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;

/// Tries of a code of six digits before the next one has to be waited for.
pub(super) const MAX_CODE_TRIES: u64 = 5;
/// How long tries are remembered: longer than a code lives.
pub(super) const CODE_WINDOW: Duration = Duration::from_secs(20 * 60);
/// Messages to one person within [`FAILURE_WINDOW`].
pub(super) const MAX_MESSAGES: u64 = 5;

/// Ways to reach a person that want to be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum VerificationChannel {
    /// Their address.
    Email,
    /// Their telephone number.
    Phone,
}

/// A wish for another code.
#[derive(InputObject)]
pub struct ResendVerificationInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// What is to be proved.
    #[graphql(default_with = "VerificationChannel::Email")]
    channel: VerificationChannel,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// The proof of a telephone number.
#[derive(InputObject)]
pub struct VerifyPhoneInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// The six digits that came by SMS.
    code: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Another password for the present one.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// The present password.
    old_password: String,
    /// The password from now on, 8 to 128 characters.
    new_password: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A forgotten password.
#[derive(InputObject)]
pub struct RequestPasswordResetInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// The address of the account.
    email: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Another password for a code.
#[derive(InputObject)]
pub struct ResetPasswordInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// The code that came by mail.
    code: String,
    /// The password from now on, 8 to 128 characters.
    new_password: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Another name or number; what is left out stays.
#[derive(InputObject)]
pub struct UpdateProfileInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Whose; without it, your own. Another's only for administrators.
    user_id: Option<ID>,
    /// At most 100 characters.
    name: Option<String>,
    /// Korean domestic, or international with `+`; to be proved anew.
    phone: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Another picture.
#[derive(InputObject)]
pub struct SetProfileImageInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Whose; without it, your own. Another's only for administrators.
    user_id: Option<ID>,
    /// The upload that holds its bytes; asked for with `ofMyself`.
    upload_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Another address.
#[derive(InputObject)]
pub struct ChangeEmailInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Where you want to be reached; unique.
    email: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// The proof of another address.
#[derive(InputObject)]
pub struct ConfirmEmailChangeInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// The code that came to the new address.
    code: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A wish that was taken; what becomes of it comes by mail.
#[derive(SimpleObject)]
pub struct RequestPasswordResetPayload {
    #[graphql(flatten)]
    answer: Answer,
}

/// Mutations of one's own account.
#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Sends another code to prove your address or your telephone number, while there is something to prove.
    async fn resend_verification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ResendVerificationInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let act = async |caller: Caller| {
            let user = reader.viewer.person().map_err(|_| invalid(Refused::code(crate::errors::SIGN_IN)))?;
            let counter = format!("resend:{user}");
            let limit = || reader.too_many(&counter, MAX_MESSAGES, FAILURE_WINDOW);
            let asked = match input.channel {
                VerificationChannel::Email => "EMAIL",
                VerificationChannel::Phone => "PHONE",
            };
            let done = user::nothing_but_a_receipt(&reader.app.ctx, "resendVerification", &caller, (asked, user), limit).await?;
            match input.channel {
                _ if done.receipt.replayed => {}
                VerificationChannel::Email => post::prove_email(&reader, user).await,
                VerificationChannel::Phone => post::prove_phone(&reader, user).await,
            }
            Ok::<_, ExecuteError>(done)
        };
        reader.mutate::<UserNode, _>(reader.caller(input.idempotency_key), input.client_mutation_id, act).await
    }

    /// Proves your telephone number by the code that was sent to it.
    async fn verify_phone(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: VerifyPhoneInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            // A million codes are soon tried; so they are counted before they are looked at.
            reader.at_most(&format!("phone:{}", caller.actor), MAX_CODE_TRIES, CODE_WINDOW).await?;
            user::verify_phone(&reader.app.ctx, &caller, &VerifyPhone { code: input.code }, real_now()).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Sets another password. Every other session of yours ends.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ChangePasswordInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let session = reader.viewer.in_person()?;
        let user = reader.viewer.person()?;
        let tries = format!("password:{user}");
        let caller = match reader.at_most(&tries, MAX_FAILURES, FAILURE_WINDOW).await {
            Ok(()) => reader.caller(input.idempotency_key),
            Err(locked) => Err(locked),
        };
        let (password, proven) = match &caller {
            Ok(_) => reader.proven(user, input.old_password, input.new_password).await?,
            Err(_) => (NewPassword { chars: 0, phc: String::new(), mark: String::new() }, None),
        };
        if proven.is_some() {
            reader.app.hot.reset(&tries).await;
        }
        let act =
            async |caller: Caller| user::change_password(&reader.app.ctx, &caller, &ChangePassword { session, proven }, &password).await;
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Sends a code to set a password anew to an address, if it has an account. The answer is the same if it has none.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RequestPasswordResetInput,
    ) -> Result<RequestPasswordResetPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let outcome = async {
            let caller = reader.anyone_about(input.idempotency_key, &input.email)?;
            let address = reader.app.ctx.keys.claim("reset", &input.email.trim().to_lowercase());
            let counter = format!("reset:{address}");
            let limit = || reader.too_many(&counter, MAX_MESSAGES, FAILURE_WINDOW);
            let done = user::nothing_but_a_receipt(&reader.app.ctx, "requestPasswordReset", &caller, (&address, ()), limit).await?;
            if !done.receipt.replayed {
                post::reset_password(reader.app, input.email);
            }
            Ok::<_, ExecuteError>(done)
        };
        let outcome = outcome.await;
        let show = async |(), _| Ok(None::<ID>);
        let Reply { answer, .. } = reader.reply(input.client_mutation_id, outcome, show).await?;
        Ok(RequestPasswordResetPayload { answer })
    }

    /// Sets another password with a code that came by mail. Every session of yours ends.
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ResetPasswordInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        // Hashing is dear: only for whoever has a code that is good.
        let good = user::reset_code_fits(&reader.app.ctx, &input.code, real_now()).await.map_err(ApiError::internal)?;
        let password = reader.hashed(input.new_password, "", good).await?;
        let caller = reader.anyone_about(input.idempotency_key, &input.code);
        let act = async |caller: Caller| {
            user::reset_password(&reader.app.ctx, &caller, &ResetPassword { code: input.code }, &password, real_now()).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Changes a name or a telephone number: your own, or as an administrator anybody's.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: UpdateProfileInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let command = UpdateProfile { user: reader.whose(input.user_id.as_ref())?, name: input.name, phone: input.phone };
            user::update_profile(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Shows another picture: of yourself, or as an administrator of anybody.
    async fn set_profile_image(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: SetProfileImageInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let act = async |caller: Caller| {
            let upload_id = id(&input.upload_id, "SYS007", "uploadId")?;
            let command = user::SetProfileImage { user: reader.whose(input.user_id.as_ref())?, upload_id };
            user::set_profile_image(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Asks for another address. It counts once you have proved it by the code that goes there.
    async fn change_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ChangeEmailInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.in_person(input.idempotency_key);
        let act = async |caller: Caller| {
            let done = user::change_email(&reader.app.ctx, &caller, &ChangeEmail { email: input.email }).await?;
            if !done.receipt.replayed {
                post::prove_new_email(&reader, done.value).await;
            }
            Ok::<_, ExecuteError>(done)
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }

    /// Changes your address to the one that you prove with this code.
    async fn confirm_email_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ConfirmEmailChangeInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.in_person(input.idempotency_key);
        let act = async |caller: Caller| {
            user::confirm_email_change(&reader.app.ctx, &caller, &ConfirmEmailChange { code: input.code }, real_now()).await
        };
        reader.mutate::<UserNode, _>(caller, input.client_mutation_id, act).await
    }
}

impl Reader<'_> {
    /// Counts one more of something, where limits are on.
    ///
    /// # Errors
    /// AUTH006 when there were too many.
    pub(super) async fn at_most(&self, what: &str, most: u64, window: Duration) -> Result<(), ExecuteError> {
        self.too_many(what, most, window).await.map_or(Ok(()), |refused| Err(invalid(refused)))
    }

    /// Counts one more of something, where limits are on; AUTH006 when there were too many.
    pub(super) async fn too_many(&self, what: &str, most: u64, window: Duration) -> Option<Refused> {
        let exceeded = self.app.lockout && self.app.hot.increment(what, window).await > most;
        exceeded.then(|| Refused::code("AUTH006").with("minutes", window.as_secs() / 60))
    }

    /// Looks at the present password, and hashes the new one if it was right: then with the number of the present one.
    async fn proven(&self, user: UserId, old: String, new: String) -> Result<(NewPassword, Option<u32>), ApiError> {
        let found = user::credential(&self.app.ctx, user).await.map_err(ApiError::internal)?;
        let (version, phc) = found.unzip();
        let shown = old.clone();
        let right = self.app.passwords.verify(old, phc).await.map_err(busy)?;
        Ok((self.hashed(new, &shown, right).await?, version.filter(|_| right)))
    }

    /// A new password, for the one that was shown; hashed only when it may be taken and somebody may set it.
    async fn hashed(&self, password: String, shown: &str, wanted: bool) -> Result<NewPassword, ApiError> {
        let (chars, mark) = (password.chars().count(), self.app.ctx.keys.mark(&[shown, &password]));
        let phc = match wanted && PASSWORD_CHARS.contains(&chars) {
            true => self.app.passwords.hash(password).await.map_err(busy)?,
            false => String::new(),
        };
        Ok(NewPassword { chars, phc, mark })
    }
}
