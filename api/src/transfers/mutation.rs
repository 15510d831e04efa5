//! What creates accounts and records transfers.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use commands::transfers::{CreateAccounts, CreateTransfers, create_accounts, create_transfers};
use commands::{ExecuteError, Executed};
use domain::transfers::{Answers, Outcome};

use super::input::{self, TransferAccountInput, TransferInput};
use super::outcome::{CreateAccountOutcome, CreateTransferOutcome};
use crate::errors::ApiError;
use crate::input::invalid;
use crate::mutation::{Answer, Decided};
use crate::reading::Reader;
use crate::scalars::{BigInt, UInt128};

/// Accounts to create.
#[derive(InputObject)]
pub struct CreateAccountsInput {
    /// Makes retries harmless.
    idempotency_key: Option<String>,
    /// In which book: a name of your choice, `main` when left out.
    book: Option<String>,
    /// The accounts: 1 to 500.
    accounts: Vec<TransferAccountInput>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// Transfers to record.
#[derive(InputObject)]
pub struct CreateTransfersInput {
    /// Makes retries harmless: 1 to 255 printable characters of your choice, new for every batch.
    idempotency_key: String,
    /// In which book: `main` when left out.
    book: Option<String>,
    /// The transfers: 1 to 500; larger batches go to `POST /ledger/transfers`.
    transfers: Vec<TransferInput>,
    /// Echoed in the answer.
    client_mutation_id: Option<String>,
}

/// What became of one account.
#[derive(SimpleObject)]
pub struct CreateAccountResult {
    /// Its id.
    id: UInt128,
    /// Whether it was created, or why not.
    result: CreateAccountOutcome,
    /// The same in words.
    message: &'static str,
    /// When it was created, in nanoseconds since 1970.
    timestamp: Option<BigInt>,
}

/// What became of one transfer.
#[derive(SimpleObject)]
pub struct CreateTransferResult {
    /// Its id.
    id: UInt128,
    /// Whether it was recorded, or why not.
    result: CreateTransferOutcome,
    /// The same in words.
    message: &'static str,
    /// When it was recorded, in nanoseconds since 1970.
    timestamp: Option<BigInt>,
}

/// What `createAccounts` answers.
#[derive(SimpleObject)]
pub struct CreateAccountsPayload {
    /// One for each account, in the order of the input; null when the whole batch was refused.
    results: Option<Vec<CreateAccountResult>>,
    #[graphql(flatten)]
    answer: Answer,
}

/// What `createTransfers` answers.
#[derive(SimpleObject)]
pub struct CreateTransfersPayload {
    /// One for each transfer, in the order of the input; null when the whole batch was refused.
    results: Option<Vec<CreateTransferResult>>,
    #[graphql(flatten)]
    answer: Answer,
}

/// The results of a batch, each with its id; what is said of the batch as a whole.
async fn answered<O, R>(
    reader: &Reader<'_>,
    outcome: Result<Executed<Answers<O>>, ExecuteError>,
    ids: &[u128],
    client_mutation_id: Option<String>,
    result: impl Fn(u128, O, Option<BigInt>) -> R,
) -> Result<(Option<Vec<R>>, Answer), ApiError> {
    Ok(match reader.decided(outcome).await? {
        Decided::Refused(refused) => (None, Answer { receipt: None, user_errors: vec![refused.into()], client_mutation_id }),
        Decided::Done { receipt, value, .. } => {
            let at = |timestamp: u64| (timestamp != 0).then(|| BigInt::from(timestamp));
            let results = ids.iter().zip(value.0).map(|(id, answer)| result(*id, answer.outcome, at(answer.timestamp)));
            (Some(results.collect()), Answer { receipt: Some(receipt), user_errors: Vec::new(), client_mutation_id })
        }
    })
}

/// Mutations of transfer ledgers.
#[derive(Default)]
pub struct TransferMutation;

#[Object]
impl TransferMutation {
    /// Creates accounts of a transfer ledger, each with an answer of its own; for finance and programs.
    async fn create_accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: CreateAccountsInput,
    ) -> Result<CreateAccountsPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let language = reader.meta.language;
        let CreateAccountsInput { idempotency_key, book, accounts, client_mutation_id } = input;
        let ids: Vec<_> = accounts.iter().map(TransferAccountInput::id).collect();
        let act = async {
            let caller = reader.caller(idempotency_key)?;
            let book = super::book(book.as_deref()).map_err(invalid)?;
            let command = CreateAccounts { book, accounts: input::accounts(accounts)? };
            create_accounts(&reader.app.ctx, &caller, &command).await
        };
        let result = |id, outcome: domain::transfers::AccountOutcome, timestamp| {
            let message = outcome.message(language);
            CreateAccountResult { id: UInt128(id), result: outcome.into(), message, timestamp }
        };
        let outcome = act.await;
        let (results, answer) = answered(&reader, outcome, &ids, client_mutation_id, result).await?;
        Ok(CreateAccountsPayload { results, answer })
    }

    /// Records transfers between accounts of a transfer ledger, each with an answer of its own, linked ones all or none; for finance and
    /// programs.
    async fn create_transfers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is to be done.")] input: CreateTransfersInput,
    ) -> Result<CreateTransfersPayload, ApiError> {
        let reader = Reader::of(ctx)?;
        let language = reader.meta.language;
        let CreateTransfersInput { idempotency_key, book, transfers, client_mutation_id } = input;
        let ids: Vec<_> = transfers.iter().map(TransferInput::id).collect();
        let act = async {
            let caller = reader.caller(Some(idempotency_key))?;
            let book = super::book(book.as_deref()).map_err(invalid)?;
            let command = CreateTransfers { book, transfers: input::transfers(transfers)? };
            create_transfers(&reader.app.ctx, &caller, &command).await
        };
        let result = |id, outcome: domain::transfers::TransferOutcome, timestamp| {
            let message = outcome.message(language);
            CreateTransferResult { id: UInt128(id), result: outcome.into(), message, timestamp }
        };
        let outcome = act.await;
        let (results, answer) = answered(&reader, outcome, &ids, client_mutation_id, result).await?;
        Ok(CreateTransfersPayload { results, answer })
    }
}
