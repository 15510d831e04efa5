//! What changes settlements.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use commands::Caller;
use commands::settlement as command;
use domain::ids::SettlementId;

use super::SettlementNode;
use crate::errors::ApiError;
use crate::input::{id, invalid};
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;
use crate::scalars::DateTime;

/// What a settlement's mutation answers.
#[derive(SimpleObject)]
pub struct SettlementPayload {
    /// The settlement as of the receipt.
    settlement: Option<SettlementNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<SettlementNode>> for SettlementPayload {
    fn from(Reply { entity, answer }: Reply<SettlementNode>) -> Self {
        Self { settlement: entity, answer }
    }
}

/// A new batch for all hosts.
#[derive(InputObject)]
pub struct OpenSettlementInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// What was earned before this instant goes into it; not in the future.
    period_end: DateTime,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// A second person's yes.
#[derive(InputObject)]
pub struct ApproveSettlementInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which settlement.
    settlement_id: ID,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// An end before anything is paid.
#[derive(InputObject)]
pub struct CancelSettlementInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which settlement.
    settlement_id: ID,
    /// Why, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

fn settlement_id(text: &ID) -> Result<SettlementId, commands::ExecuteError> {
    id(text, "SYS007", "settlementId")
}

/// Mutations of settlements.
#[derive(Default)]
pub struct SettlementMutation;

#[Object]
impl SettlementMutation {
    /// Opens one batch for all hosts: whatever was earned before `periodEnd`, is past its holding time and in no other batch.
    async fn open_settlement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Up to when.")] input: OpenSettlementInput,
    ) -> Result<SettlementPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let period_end = input.period_end.instant(&["periodEnd"]).map_err(invalid)?;
            command::open_settlement(&reader.app.ctx, &caller, period_end).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// A second person of finance agrees; the payouts follow by themselves.
    async fn approve_settlement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which settlement.")] input: ApproveSettlementInput,
    ) -> Result<SettlementPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| command::approve_settlement(&reader.app.ctx, &caller, settlement_id(&input.settlement_id)?).await;
        reader.mutate(caller, input.client_mutation_id, act).await
    }

    /// Calls a batch off before anything is paid; its lines go into the next one.
    async fn cancel_settlement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which settlement, and why.")] input: CancelSettlementInput,
    ) -> Result<SettlementPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let settlement_id = settlement_id(&input.settlement_id)?;
            let command = command::CancelSettlement { settlement_id, reason: input.reason };
            command::cancel_settlement(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
