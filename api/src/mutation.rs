//! The one way every mutation goes: caller, command, receipt, the entity as of that receipt. A new mutation cannot forget
//! idempotency, receipts or the caller's own position, since it gets its answer from here (api.md §2).

use commands::{Caller, ExecuteError, Executed};
use domain::ids::UserId;
use kernel::Refused;

use crate::errors::{ApiError, FORBIDDEN, INTERNAL, LIMITED, SIGN_IN, UNAVAILABLE, UserError};
use crate::reading::{Reader, token};
use crate::scalars::{BigInt, DateTime};
use async_graphql::{ID, SimpleObject};

/// What a command did, and where: kept for ever under its idempotency key.
#[derive(Clone, Debug, SimpleObject)]
pub struct Receipt {
    /// The command. The same for every retry under its key.
    pub command_id: ID,
    /// Links everything that the request set off.
    pub correlation_id: ID,
    /// The events that it appended, in order; none when it found nothing to do.
    pub event_ids: Vec<ID>,
    /// The position of its last event; the log's end when it appended nothing.
    pub position: BigInt,
    /// Give it as `Daybook-Consistency` to read what this command wrote.
    pub token: String,
    /// True when the answer is that of an earlier call with the same key.
    pub replayed: bool,
    /// When it was recorded.
    pub committed_at: DateTime,
}

impl Receipt {
    /// The receipt of a command, for clients.
    #[must_use]
    pub fn of(receipt: &eventlog::Receipt) -> Self {
        Self {
            command_id: ID(receipt.command_id.to_string()),
            correlation_id: ID(receipt.correlation_id.to_string()),
            event_ids: receipt.event_ids.iter().map(|id| ID(format!("event-{id}"))).collect(),
            position: BigInt(receipt.position.into()),
            token: token(receipt.position),
            replayed: receipt.replayed,
            committed_at: receipt.committed_at.into(),
        }
    }
}

/// What every payload says besides its entity.
#[derive(Clone, Debug, SimpleObject)]
pub struct Answer {
    /// What the command did.
    pub receipt: Option<Receipt>,
    /// Why it was refused, or what it met that is no refusal.
    pub user_errors: Vec<UserError>,
    /// As the client sent it.
    pub client_mutation_id: Option<String>,
}

/// What every payload is made of.
pub struct Reply<N> {
    /// The entity as of the receipt.
    pub entity: Option<N>,
    /// The rest.
    pub answer: Answer,
}

impl<N> Reply<N> {
    /// A refusal: nothing was done.
    #[must_use]
    pub fn refused(refused: Refused, client_mutation_id: Option<String>) -> Self {
        Self { entity: None, answer: Answer { receipt: None, user_errors: vec![refused.into()], client_mutation_id } }
    }
}

/// An entity that a mutation answers with.
pub trait Shown: Sized {
    /// What its commands return.
    type Id: Send;

    /// The entity as of a position, for whoever just changed it.
    ///
    /// # Errors
    /// PROJECTION_LAGGING, or the database's.
    fn fresh(reader: &Reader<'_>, id: Self::Id, position: u64) -> impl Future<Output = Result<Option<Self>, ApiError>> + Send;
}

/// A command that was accepted, or the refusal that its payload shows.
pub enum Decided<T> {
    /// Accepted, now or before.
    Done {
        /// What it did.
        receipt: Receipt,
        /// Its last position.
        position: u64,
        /// What it is about.
        value: T,
    },
    /// Refused in the payload.
    Refused(Refused),
}

impl Reader<'_> {
    /// Sorts a command's outcome into payload and top-level errors, and notes how far its caller has come.
    ///
    /// # Errors
    /// Whatever does not belong into `userErrors`: not signed in, not allowed, not now, and our own failures.
    pub async fn decided<T>(&self, outcome: Result<Executed<T>, ExecuteError>) -> Result<Decided<T>, ApiError> {
        match outcome {
            Ok(done) => {
                self.app.writes.went_through();
                let position = done.receipt.position;
                tracing::Span::current().record("command_id", done.receipt.command_id.to_string());
                if let Some(user) = self.viewer.user {
                    self.acknowledge(user, position).await;
                }
                Ok(Decided::Done { receipt: Receipt::of(&done.receipt), position, value: done.value })
            }
            Err(error) => {
                self.blame(&error);
                refusal(error).map(Decided::Refused)
            }
        }
    }

    /// Notes when the log is to blame that a command failed.
    fn blame(&self, error: &ExecuteError) {
        if let ExecuteError::Log(error) = error
            && error.retryable()
        {
            self.app.writes.failed();
        }
    }

    /// The caller has seen the log up to here; their next reads must, too.
    pub async fn acknowledge(&self, user: UserId, position: u64) {
        self.app.hot.acknowledge(&user.to_string(), position).await;
    }

    /// A mutation from its caller to its payload: most are no more than the command that they give here. A caller who may not
    /// act is told so before the input is looked at.
    ///
    /// # Errors
    /// As [`Reader::decided`], or when the entity cannot be read.
    pub async fn mutate<N: Shown, P: From<Reply<N>>>(
        &self,
        caller: Result<Caller, ExecuteError>,
        client_mutation_id: Option<String>,
        act: impl AsyncFnOnce(Caller) -> Result<Executed<N::Id>, ExecuteError>,
    ) -> Result<P, ApiError> {
        let outcome = match caller {
            Ok(caller) => act(caller).await,
            Err(refused) => Err(refused),
        };
        let show = async |id, position| N::fresh(self, id, position).await;
        self.reply(client_mutation_id, outcome, show).await.map(P::from)
    }

    /// Runs the end of a mutation whose entity one function shows, given the command's value and its position.
    ///
    /// # Errors
    /// As [`Reader::decided`], or what `show` fails with.
    pub async fn reply<T, N>(
        &self,
        client_mutation_id: Option<String>,
        outcome: Result<Executed<T>, ExecuteError>,
        show: impl AsyncFnOnce(T, u64) -> Result<Option<N>, ApiError>,
    ) -> Result<Reply<N>, ApiError> {
        Ok(match self.decided(outcome).await? {
            Decided::Refused(refused) => Reply::refused(refused, client_mutation_id),
            Decided::Done { receipt, position, value } => {
                let entity = show(value, position).await?;
                Reply { entity, answer: Answer { receipt: Some(receipt), user_errors: Vec::new(), client_mutation_id } }
            }
        })
    }
}

/// A failed command as its payload shows it, or as a top-level error.
///
/// # Errors
/// What does not belong into a payload.
pub fn refusal(error: ExecuteError) -> Result<Refused, ApiError> {
    match error {
        ExecuteError::Refused { refused, .. } => match refused.code.as_str() {
            SIGN_IN | FORBIDDEN | INTERNAL | LIMITED | UNAVAILABLE => Err(refused.into()),
            _ => Ok(refused),
        },
        ExecuteError::KeyReused => Ok(Refused::at("SYS004", &["idempotencyKey"])),
        ExecuteError::Conflict => Ok(Refused::code("SYS006")),
        ExecuteError::Log(error) if error.retryable() => {
            tracing::warn!(%error, "a command found the log unavailable");
            Err(ApiError::code(UNAVAILABLE))
        }
        other => Err(ApiError::internal(other)),
    }
}
