//! What the program could not do by itself, for those who run it: rows that stand still, halted models, parked reactions.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::deadletter::{HandleDeadLetter, Handled, Remedy, handle_dead_letter};
use commands::{Caller, ExecuteError, Executed};
use domain::deadletter::LeftOut;
use kernel::Refused;
use projections::process::DeadLetter as Parked;
use projections::views::{ParkedKey, ViewError};

use crate::app::App;
use crate::errors::ApiError;
use crate::input::invalid;
use crate::mutation::{Answer, Reply, Shown};
use crate::reading::{Reader, from_view};
use crate::scalars::BigInt;

/// Most dead letters of one answer.
const MAX_LETTERS: u64 = 1_000;

/// Where a dead letter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DeadLetterKind {
    /// A row of a read model stands still.
    Row,
    /// A read model of money has halted as a whole.
    Projection,
    /// A command or an outside call of a process does not go through.
    Reaction,
}

/// Something that the program could not do by itself.
#[derive(Clone, Debug, SimpleObject)]
pub struct DeadLetter {
    /// Its name, for what is done about it.
    pub id: ID,
    /// Where it comes from.
    pub kind: DeadLetterKind,
    /// The read model or the process.
    pub source: String,
    /// The row, when it is one that stands still.
    pub key: Option<String>,
    /// Position of the event that is in the way, or that the reaction is because of.
    pub position: BigInt,
    /// Type of that event, where it is known.
    pub event_type: Option<String>,
    /// Events that wait behind it, itself included; 1 for a reaction.
    pub waiting: BigInt,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it does not work.
    pub reason: Option<String>,
}

impl From<ParkedKey> for DeadLetter {
    fn from(parked: ParkedKey) -> Self {
        Self {
            id: ID(parked.name()),
            kind: if parked.key.is_some() { DeadLetterKind::Row } else { DeadLetterKind::Projection },
            source: parked.projection,
            key: parked.key,
            position: parked.position.into(),
            event_type: parked.event_type,
            waiting: parked.events.into(),
            attempts: 1,
            reason: parked.reason,
        }
    }
}

impl From<Parked> for DeadLetter {
    fn from(parked: Parked) -> Self {
        Self {
            id: ID(parked.id),
            kind: DeadLetterKind::Reaction,
            source: parked.process,
            key: None,
            position: parked.position.into(),
            event_type: None,
            waiting: 1_u64.into(),
            attempts: i32::try_from(parked.attempts).unwrap_or(i32::MAX),
            reason: parked.reason,
        }
    }
}

/// A dead letter as its keeper has it.
enum Kept {
    Row(ParkedKey),
    Reaction(Parked),
}

async fn kept(app: &App, id: &str) -> Result<Option<Kept>, ApiError> {
    if let Some(parked) = app.views.parked_by_name(id).await.map_err(from_view)? {
        return Ok(Some(Kept::Row(parked)));
    }
    Ok(app.letters.find(id).await.map_err(ApiError::internal)?.map(Kept::Reaction))
}

impl Shown for DeadLetter {
    type Id = Handled;

    /// Does what was recorded, as often as it is told, and shows what is left of the letter.
    async fn fresh(reader: &Reader<'_>, Handled { letter, remedy }: Handled, _: u64) -> Result<Option<Self>, ApiError> {
        match (kept(reader.app, &letter).await?, remedy) {
            (None, _) => return Ok(None),
            (Some(Kept::Row(parked)), Remedy::Retry | Remedy::Skip | Remedy::Resolve) => {
                match reader.app.views.try_again(&parked).await {
                    // A newer program's model: that program's workers look again when they start.
                    Ok(_) | Err(ViewError::Unknown(_)) => {}
                    Err(error) => return Err(from_view(error)),
                }
            }
            (Some(Kept::Reaction(parked)), Remedy::Retry) => {
                reader.app.letters.retry(&parked.id).await.map_err(ApiError::internal)?;
            }
            (Some(Kept::Reaction(parked)), Remedy::Skip | Remedy::Resolve) => {
                reader.app.letters.put_away(&parked.id).await.map_err(ApiError::internal)?;
            }
        }
        Ok(kept(reader.app, &letter).await?.map(|kept| match kept {
            Kept::Row(parked) => parked.into(),
            Kept::Reaction(parked) => parked.into(),
        }))
    }
}

/// What a mutation of a dead letter answers.
#[derive(SimpleObject)]
pub struct DeadLetterPayload {
    /// What is left of it; null when nothing is in the way any more, or a worker tries it now.
    dead_letter: Option<DeadLetter>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<DeadLetter>> for DeadLetterPayload {
    fn from(Reply { entity, answer }: Reply<DeadLetter>) -> Self {
        Self { dead_letter: entity, answer }
    }
}

/// A dead letter, and what its operator has to say.
#[derive(InputObject)]
pub struct DeadLetterInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// The dead letter.
    id: ID,
    /// Why, at most 1,000 characters; kept with who said it.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Queries of dead letters.
#[derive(Default)]
pub struct DeadLetterQuery;

#[Object]
impl DeadLetterQuery {
    /// What the program could not do by itself, from whichever node it is asked; at most 1,000, halted models first, then rows and
    /// reactions, each oldest first. For engineers, administrators and auditors.
    async fn dead_letters(&self, ctx: &Context<'_>) -> Result<Vec<DeadLetter>, ApiError> {
        let reader = Reader::of(ctx)?;
        let rows = reader.app.views.parked(MAX_LETTERS).await.map_err(from_view)?;
        let left = MAX_LETTERS.saturating_sub(rows.len() as u64);
        let reactions = reader.app.letters.all(left).await.map_err(ApiError::internal)?;
        Ok(rows.into_iter().map(DeadLetter::from).chain(reactions.into_iter().map(DeadLetter::from)).collect())
    }
}

/// Mutations of dead letters, for engineers and administrators; who, when and why stand in the log.
#[derive(Default)]
pub struct DeadLetterMutation;

#[Object]
impl DeadLetterMutation {
    /// Tries again what did not work, from the event that is in the way on.
    async fn retry_dead_letter(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: DeadLetterInput,
    ) -> Result<DeadLetterPayload, ApiError> {
        handle(&Reader::of(ctx)?, input, Remedy::Retry).await
    }

    /// Leaves out the event that is in the way, in every rebuild too, and goes on after it; a reaction does not happen.
    async fn skip_dead_letter(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: DeadLetterInput,
    ) -> Result<DeadLetterPayload, ApiError> {
        handle(&Reader::of(ctx)?, input, Remedy::Skip).await
    }

    /// Leaves out all that waits, because it was seen to by other means; a reaction does not happen.
    async fn resolve_dead_letter(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: DeadLetterInput,
    ) -> Result<DeadLetterPayload, ApiError> {
        handle(&Reader::of(ctx)?, input, Remedy::Resolve).await
    }
}

async fn handle(reader: &Reader<'_>, input: DeadLetterInput, remedy: Remedy) -> Result<DeadLetterPayload, ApiError> {
    let caller = reader.caller(input.idempotency_key);
    let (letter, reason) = (input.id.to_string(), input.reason);
    let act = async |caller: Caller| record(reader.app, &caller, letter, remedy, reason).await;
    reader.mutate(caller, input.client_mutation_id, act).await
}

async fn record(app: &App, caller: &Caller, letter: String, remedy: Remedy, reason: String) -> Result<Executed<Handled>, ExecuteError> {
    let found = kept(app, &letter).await.map_err(|_: ApiError| invalid(Refused::code(crate::errors::UNAVAILABLE)))?;
    let standing = match (found, remedy) {
        (None, _) => Err(Refused::at("SYS007", &["id"])),
        // Money is never passed over: its model goes on when the program can apply the event.
        (Some(Kept::Row(ParkedKey { key: None, .. })), Remedy::Skip | Remedy::Resolve) => Err(Refused::at("SYS006", &["id"])),
        (Some(Kept::Row(parked)), Remedy::Skip) => Ok(left_out(&parked, parked.position)),
        (Some(Kept::Row(parked)), Remedy::Resolve) => Ok(left_out(&parked, parked.last_position)),
        (Some(Kept::Row(_)), Remedy::Retry) | (Some(Kept::Reaction(_)), Remedy::Retry | Remedy::Skip | Remedy::Resolve) => Ok(None),
    };
    handle_dead_letter(&app.ctx, caller, &HandleDeadLetter { letter, remedy, reason, standing }).await
}

fn left_out(parked: &ParkedKey, upto: u64) -> Option<LeftOut> {
    let ParkedKey { projection, version, key, position, .. } = parked;
    key.as_ref().map(|key| LeftOut { projection: projection.clone(), version: *version, key: key.clone(), from: *position, upto })
}
