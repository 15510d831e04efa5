//! What changes reconciliation: imports, and explanations of what did not match.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use commands::recon as command;
use commands::{Caller, ExecuteError};
use domain::ids::StatementId;
use kernel::Refused;
use kernel::jiff::civil::Date;

use super::{ReconLineNode, report};
use crate::errors::{ApiError, MALFORMED, UNAVAILABLE};
use crate::input::{id, invalid};
use crate::mutation::{Answer, Reply};
use crate::reading::Reader;

/// Most days that the provider is asked about at once.
const MAX_DAYS: i32 = 92;

/// Whose report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum StatementSource {
    /// The payment provider's settlement rows: a JSON array in the shape of Toss `GET /v1/settlements`, or one row a line.
    Provider,
    /// Our bank's statement: CSV with `date,amount,reference`; what leaves is negative.
    Bank,
}

/// A report that was imported.
#[derive(Clone, Debug, SimpleObject)]
pub struct ImportedStatement {
    /// Its id: that of its bytes.
    pub id: ID,
}

/// What an import answers.
#[derive(SimpleObject)]
pub struct StatementPayload {
    /// The report.
    statement: Option<ImportedStatement>,
    #[graphql(flatten)]
    answer: Answer,
}

/// What an explanation answers.
#[derive(SimpleObject)]
pub struct ReconLinePayload {
    /// The movement as of the receipt.
    recon_line: Option<ReconLineNode>,
    #[graphql(flatten)]
    answer: Answer,
}

impl From<Reply<ReconLineNode>> for ReconLinePayload {
    fn from(Reply { entity, answer }: Reply<ReconLineNode>) -> Self {
        Self { recon_line: entity, answer }
    }
}

/// A report to import.
#[derive(InputObject)]
pub struct ImportStatementInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Whose it is.
    source: StatementSource,
    /// Its bytes, as text; at most 5,000 rows.
    content: String,
    /// It has everything that was captured or given back from this day (of Seoul) on.
    complete_from: Option<String>,
    /// Up to and with this day: what it has not is missing at the provider.
    complete_to: Option<String>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Days to ask the provider about.
#[derive(InputObject)]
pub struct FetchSettlementsInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// From this day (of Seoul) on, as `2026-11-01`.
    from: String,
    /// Up to and with this day.
    to: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// An explanation.
#[derive(InputObject)]
pub struct ResolveReconExceptionInput {
    /// Makes retries harmless.
    idempotency_key: String,
    /// Which movement.
    exception_id: ID,
    /// What was found, at most 1,000 characters.
    reason: String,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

fn day(text: &str, field: &str) -> Result<Date, ExecuteError> {
    text.parse().map_err(|_| invalid(Refused::at(MALFORMED, &[field])))
}

/// A range of days that is one.
fn days(from: &str, to: &str, names: [&str; 2]) -> Result<(Date, Date), ExecuteError> {
    let (from, to) = (day(from, names[0])?, day(to, names[1])?);
    let length = to.since(from).map_or(i32::MAX, |span| span.get_days());
    if to < from || length > MAX_DAYS { Err(invalid(Refused::at(MALFORMED, &[names[1]]))) } else { Ok((from, to)) }
}

async fn reply(
    reader: &Reader<'_>,
    client_mutation_id: Option<String>,
    outcome: Result<commands::Executed<StatementId>, ExecuteError>,
) -> Result<StatementPayload, ApiError> {
    let show = async |id: StatementId, _| Ok(Some(ImportedStatement { id: ID(id.to_string()) }));
    let Reply { entity, answer } = reader.reply(client_mutation_id, outcome, show).await?;
    Ok(StatementPayload { statement: entity, answer })
}

/// Mutations of reconciliation.
#[derive(Default)]
pub struct ReconMutation;

#[Object]
impl ReconMutation {
    /// Imports a report of the provider or the bank; every row is compared with our books, and the same bytes are taken once.
    async fn import_statement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The report.")] input: ImportStatementInput,
    ) -> Result<StatementPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let ImportStatementInput { idempotency_key, source, content, complete_from, complete_to, client_mutation_id } = input;
        let act = async {
            let caller = reader.caller(Some(idempotency_key))?;
            match source {
                StatementSource::Provider => {
                    let range = match (&complete_from, &complete_to) {
                        (Some(from), Some(to)) => Some(days(from, to, ["completeFrom", "completeTo"])?),
                        (None, None) => None,
                        _ => return Err(invalid(Refused::at(MALFORMED, &["completeTo"]))),
                    };
                    let report = report::provider(content.as_bytes(), range).map_err(invalid)?;
                    command::import_provider(&reader.app.ctx, &caller, &report).await
                }
                StatementSource::Bank => {
                    let report = report::bank(content.as_bytes()).map_err(invalid)?;
                    command::import_bank(&reader.app.ctx, &caller, &report).await
                }
            }
        };
        let outcome = act.await;
        reply(&reader, client_mutation_id, outcome).await
    }

    /// Asks the provider for the settlement rows of some days and imports them; what it does not know of those days is missing there.
    async fn fetch_settlements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which days.")] input: FetchSettlementsInput,
    ) -> Result<StatementPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let FetchSettlementsInput { idempotency_key, from, to, client_mutation_id } = input;
        let act = async {
            let caller = reader.caller(Some(idempotency_key))?;
            let (from, to) = days(&from, &to, ["from", "to"])?;
            let unavailable = || invalid(Refused::code(UNAVAILABLE));
            let reports = reader.app.reports.as_ref().ok_or_else(unavailable)?;
            let bytes = reports.settlements(from, to).await.map_err(|error| {
                tracing::warn!(%error, "the provider gives no settlement report");
                unavailable()
            })?;
            let report = report::provider(&bytes, Some((from, to))).map_err(invalid)?;
            command::import_provider(&reader.app.ctx, &caller, &report).await
        };
        let outcome = act.await;
        reply(&reader, client_mutation_id, outcome).await
    }

    /// A person explains what did not match; the movement stays as it is on record.
    async fn resolve_recon_exception(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which movement, and what was found.")] input: ResolveReconExceptionInput,
    ) -> Result<ReconLinePayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let caller = reader.caller(Some(input.idempotency_key));
        let act = async |caller: Caller| {
            let exception_id = id(&input.exception_id, "SYS007", "exceptionId")?;
            let command = command::ResolveReconException { exception_id, reason: input.reason };
            command::resolve_recon_exception(&reader.app.ctx, &caller, &command).await
        };
        reader.mutate(caller, input.client_mutation_id, act).await
    }
}
