//! What operators do with read models: built anew beside the live one, stopped, let go on. Recorded first, with who and why.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use commands::Caller;
use commands::projection::{HoldProjection, RebuildProjection, pause_projection, rebuild_projection, resume_projection};

use super::ProjectionStatus;
use crate::errors::ApiError;
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;

/// A read model to be built anew.
#[derive(InputObject)]
pub struct RebuildProjectionInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Its name, as `projections` tells it.
    name: String,
    /// Why, at most 1,000 characters; kept with who said it.
    reason: String,
    /// Build and compare, and do not switch.
    #[graphql(default)]
    dry_run: bool,
    /// Switch although rows differ: the live model is what is wrong.
    #[graphql(default)]
    accept: bool,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A read model to be stopped.
#[derive(InputObject)]
pub struct PauseProjectionInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Its name, as `projections` tells it.
    name: String,
    /// Why, at most 1,000 characters; kept with who said it.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A read model to be let go on.
#[derive(InputObject)]
pub struct ResumeProjectionInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// Its name, as `projections` tells it.
    name: String,
    /// Why, at most 1,000 characters; kept with who said it.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// What a mutation of a read model answers.
#[derive(SimpleObject)]
pub struct ProjectionPayload {
    /// How the model is now.
    projection: Option<ProjectionStatus>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<ProjectionStatus>> for ProjectionPayload {
    fn from(Reply { entity, answer }: Reply<ProjectionStatus>) -> Self {
        Self { projection: entity, answer }
    }
}

/// Mutations of read models, for engineers and administrators; who, when and why stand in the log.
#[derive(Default)]
pub struct ProjectionMutation;

fn known(reader: &Reader<'_>, name: &str) -> bool {
    reader.app.views.models().iter().any(|(known, _)| *known == name)
}

#[Object]
impl ProjectionMutation {
    /// Has a read model built anew by a worker, beside the live one, which goes on: compared at one position, and switched to where no
    /// row differs. `projections` tells how far it is.
    async fn rebuild_projection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: RebuildProjectionInput,
    ) -> Result<ProjectionPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let known = known(&reader, &input.name);
        let RebuildProjectionInput { name, reason, dry_run, accept, .. } = input;
        let command = RebuildProjection { name, dry_run, accept, reason, known };
        let act = async |caller: Caller| rebuild_projection(&reader.app.ctx, &caller, &command).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Stops a read model on every node, after the event that says so; what is read of it stands still, and reads that must see more say
    /// so (`PROJECTION_LAGGING`).
    async fn pause_projection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: PauseProjectionInput,
    ) -> Result<ProjectionPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let command = HoldProjection { known: known(&reader, &input.name), name: input.name, reason: input.reason };
        let act = async |caller: Caller| pause_projection(&reader.app.ctx, &caller, &command).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Lets a read model go on where it stands; a worker takes it up within a second or two.
    async fn resume_projection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: ResumeProjectionInput,
    ) -> Result<ProjectionPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(input.idempotency_key);
        let command = HoldProjection { known: known(&reader, &input.name), name: input.name, reason: input.reason };
        let act = async |caller: Caller| resume_projection(&reader.app.ctx, &caller, &command).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
