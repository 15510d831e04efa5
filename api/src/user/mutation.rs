//! Signing up, in and out (domain.md §3.1).

use std::time::Duration;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::session::{Login, Logout, RefreshOutcome, RefreshSession, RenewedHash, SignedIn};
use commands::user::{NewPassword, RegisterUser, VerifyEmail};
use commands::{ExecuteError, Executed};
use domain::session::Refusal as SessionRefusal;
use domain::text::{self, PASSWORD_CHARS};
use domain::user::Role as Granted;
use kernel::{Refusal as _, Refused};
use projections::models::Users;

use super::{UserNode, post};
use crate::app::real_now;
use crate::errors::{ApiError, UNAVAILABLE, UserError};
use crate::input::invalid;
use crate::mutation::{Answer, Decided, Receipt, Reply};
use crate::password::PasswordError;
use crate::reading::Reader;
use crate::scalars::DateTime;
use crate::tokens::{ACCESS_MINUTES, Claims, Lifetime};

/// Failed sign-ins of one address before it is locked for a while.
pub(super) const MAX_FAILURES: u64 = 10;
/// How long failures are remembered, and so how long a lock lasts.
pub(super) const FAILURE_WINDOW: Duration = Duration::from_secs(15 * 60);

/// A role that people sign up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SignUpRole {
    /// To rent vehicles.
    Guest,
    /// To rent vehicles out.
    Host,
}

/// A new account.
#[derive(InputObject)]
pub struct RegisterUserInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// An address that a mail reaches; unique.
    email: String,
    /// The password, 8 to 128 characters.
    password: String,
    /// At most 100 characters.
    name: String,
    /// Korean domestic, or international with `+`.
    phone: String,
    /// What for.
    role: SignUpRole,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// The proof of an address.
#[derive(InputObject)]
pub struct VerifyEmailInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// The code that came by mail.
    code: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A sign-in.
#[derive(InputObject)]
pub struct LoginInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// The address of the account.
    email: String,
    /// Its password.
    password: String,
    /// What the device calls itself, to know it among your sessions.
    device: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A refresh token to be exchanged.
#[derive(InputObject)]
pub struct RefreshSessionInput {
    /// The newest refresh token of the session.
    refresh_token: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A sign-out.
#[derive(InputObject)]
pub struct LogoutInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// End every session of yours, not just this one.
    #[graphql(default_with = "Some(false)")]
    everywhere: Option<bool>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A signed-in session.
#[derive(SimpleObject, Default)]
pub struct AuthPayload {
    /// Send it as `Authorization: Bearer …`; good for 30 minutes.
    access_token: Option<String>,
    /// Exchange it with `refreshSession` for a new pair; good once, for seven days.
    refresh_token: Option<String>,
    /// When the access token ends.
    expires_at: Option<DateTime>,
    /// Who is signed in.
    user: Option<UserNode>,
    /// What the command did.
    receipt: Option<Receipt>,
    /// Why it was refused.
    user_errors: Vec<UserError>,
    /// As the client sent it.
    client_mutation_id: Option<String>,
}

/// A signed-out session.
#[derive(SimpleObject)]
pub struct LogoutPayload {
    #[graphql(flatten)]
    answer: Answer,
}

/// What a user's mutation answers.
#[derive(SimpleObject)]
pub struct UserPayload {
    /// The user as of the receipt.
    user: Option<UserNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<UserNode>> for UserPayload {
    fn from(Reply { entity, answer }: Reply<UserNode>) -> Self {
        Self { user: entity, answer }
    }
}

impl AuthPayload {
    fn refused(refused: Refused, client_mutation_id: Option<String>) -> Self {
        Self { user_errors: vec![refused.into()], client_mutation_id, ..Self::default() }
    }

    /// The tokens of a session that was just started or refreshed.
    async fn signed_in(
        reader: &Reader<'_>,
        client_mutation_id: Option<String>,
        outcome: Result<Executed<SignedIn>, ExecuteError>,
    ) -> Result<Self, ApiError> {
        let (receipt, position, session) = match reader.decided(outcome).await? {
            Decided::Refused(refused) => return Ok(Self::refused(refused, client_mutation_id)),
            Decided::Done { receipt, position, value } => (receipt, position, value),
        };
        reader.acknowledge(session.user, position).await;
        let row = reader.fresh::<Users>(&session.user.to_string(), position).await?;
        let roles = row.iter().flat_map(|row| row.roles.iter().map(|role| role.name().to_owned())).collect();
        let now = real_now();
        let claims = Claims::new(session.user.uuid(), session.session.uuid(), roles, now.as_second(), Lifetime::Usual);
        let ends = now.checked_add(kernel::jiff::SignedDuration::from_mins(ACCESS_MINUTES)).map_err(ApiError::internal)?;
        Ok(Self {
            access_token: Some(reader.app.tokens.access(&claims).map_err(ApiError::internal)?),
            refresh_token: Some(reader.app.tokens.refresh(session.session.uuid(), session.generation)),
            expires_at: Some(ends.into()),
            user: row.map(UserNode::own),
            receipt: Some(receipt),
            user_errors: Vec::new(),
            client_mutation_id,
        })
    }
}

/// Mutations of people.
#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Opens an account and signs in. A code to prove the address goes out by mail.
    async fn register_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RegisterUserInput,
    ) -> Result<AuthPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let (chars, mark) = (input.password.chars().count(), reader.app.ctx.keys.mark(&[&input.password]));
        // Hashing is dear: not for a password that is refused anyway.
        let phc = match PASSWORD_CHARS.contains(&chars) {
            true => reader.app.passwords.hash(input.password).await.map_err(busy)?,
            false => String::new(),
        };
        let role = match input.role {
            SignUpRole::Guest => Granted::Guest,
            SignUpRole::Host => Granted::Host,
        };
        let account = RegisterUser { email: input.email, name: input.name, phone: input.phone, role };
        let outcome = async {
            let caller = reader.anyone_about(input.idempotency_key, &account.email)?;
            commands::user::register_user(&reader.app.ctx, &caller, &account, &NewPassword { chars, phc, mark }, real_now()).await
        };
        let outcome = outcome.await;
        if let Ok(done) = &outcome
            && !done.receipt.replayed
        {
            post::prove_email(&reader, done.value.user).await;
            post::prove_phone(&reader, done.value.user).await;
        }
        AuthPayload::signed_in(&reader, input.client_mutation_id, outcome).await
    }

    /// Proves an address by the code that was sent to it.
    async fn verify_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: VerifyEmailInput,
    ) -> Result<UserPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let outcome = async {
            let caller = reader.anyone_about(input.idempotency_key, &input.code)?;
            commands::user::verify_email(&reader.app.ctx, &caller, &VerifyEmail { code: input.code }, real_now()).await
        };
        let outcome = outcome.await;
        let show =
            async |user: domain::ids::UserId, position| Ok(reader.fresh::<Users>(&user.to_string(), position).await?.map(UserNode::new));
        reader.reply(input.client_mutation_id, outcome, show).await.map(Into::into)
    }

    /// Signs in. The answer to a wrong password and to an unknown address is the same, and takes as long.
    async fn login(&self, ctx: &Context<'_>, #[graphql(desc = "What is to be done.")] input: LoginInput) -> Result<AuthPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let address = text::Email::parse(&input.email).map_or_else(|_| input.email.clone(), |email| email.claimed());
        let failures = format!("login:{}", reader.app.ctx.keys.claim("login", &address));
        // Counted before the password is looked at, and taken back when it was right: guesses made at once count, too.
        let locks = reader.app.lockout;
        if locks && reader.app.hot.increment(&failures, FAILURE_WINDOW).await > MAX_FAILURES {
            let locked = Refused::code("AUTH006").with("minutes", FAILURE_WINDOW.as_secs() / 60);
            return Ok(AuthPayload::refused(locked, input.client_mutation_id));
        }
        let candidate = commands::user::candidate(&reader.app.ctx, &input.email).await.map_err(ApiError::internal)?;
        let (user, phc) = candidate.map(|candidate| (candidate.user, candidate.phc)).unzip();
        let checked = reader.app.passwords.check(input.password, phc.clone()).await.map_err(busy)?;
        let proven = user.filter(|_| checked.right);
        let renewed = phc.zip(checked.renewed).map(|(replaces, phc)| RenewedHash { replaces, phc });
        let outcome = async {
            let caller = reader.anyone_about(input.idempotency_key, &address)?;
            let login = Login { proven, device: input.device };
            commands::session::login(&reader.app.ctx, &caller, &login, renewed.as_ref(), real_now()).await
        };
        let outcome = outcome.await;
        if locks && outcome.is_ok() {
            reader.app.hot.reset(&failures).await;
        }
        AuthPayload::signed_in(&reader, input.client_mutation_id, outcome).await
    }

    /// Exchanges a refresh token for a new pair. A token that was exchanged before ends its session (AUTH009), except right
    /// after, when it answers the same pair again.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RefreshSessionInput,
    ) -> Result<AuthPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let mut reused = None;
        let outcome = async {
            let over = |_| invalid(SessionRefusal::Over.refused());
            let (session, generation) = reader.app.tokens.verify_refresh(&input.refresh_token).map_err(over)?;
            let command = RefreshSession { session: domain::ids::SessionId::new(session), generation };
            let done = commands::session::refresh_session(&reader.app.ctx, &reader.anyone(None)?, &command, real_now()).await?;
            match done.value {
                RefreshOutcome::SignedIn(value) => Ok(Executed { receipt: done.receipt, value }),
                RefreshOutcome::Reused => {
                    reader.deny(command.session).await;
                    reused = Some(Receipt::of(&done.receipt));
                    Err(invalid(SessionRefusal::TokenReused.refused()))
                }
            }
        };
        let outcome = outcome.await;
        let payload = AuthPayload::signed_in(&reader, input.client_mutation_id, outcome).await?;
        // That the session was ended is on record, although the answer is no.
        Ok(match reused {
            Some(receipt) => AuthPayload { receipt: Some(receipt), ..payload },
            None => payload,
        })
    }

    /// Signs out, here or everywhere; access tokens stop working at once.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: LogoutInput,
    ) -> Result<LogoutPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let session = reader.viewer.session.ok_or_else(ApiError::sign_in)?;
        let command = Logout { session, everywhere: input.everywhere.unwrap_or(false) };
        let outcome = async { commands::session::logout(&reader.app.ctx, &reader.caller(input.idempotency_key)?, &command).await };
        let outcome = outcome.await;
        if outcome.is_ok() {
            reader.deny(session).await;
        }
        let show = async |_, _| Ok(None::<ID>);
        let Reply { answer, .. } = reader.reply(input.client_mutation_id, outcome, show).await?;
        Ok(LogoutPayload { answer })
    }
}

impl Reader<'_> {
    /// Access tokens of a session that ended are turned away from now on, until the last of them has expired.
    pub(crate) async fn deny(&self, session: domain::ids::SessionId) {
        let lifetime = Duration::from_secs(u64::try_from(ACCESS_MINUTES * 60).unwrap_or(0));
        self.app.hot.deny(&session.to_string(), lifetime).await;
    }
}

/// More people sign in at once than passwords can be checked: try again in a moment.
pub(super) fn busy(error: PasswordError) -> ApiError {
    match error {
        PasswordError::Busy => ApiError::code(UNAVAILABLE),
        other => ApiError::internal(other),
    }
}
