//! Accounts and transfers as a product of their own (ledger-and-audit.md §1; docs/transfers.md): for finance and for programs.

use std::sync::Arc;

use domain::transfers::{Account, AccountOutcome, Answers, Command, LedgerName, Transfer, TransferLedger, TransferOutcome};
use domain::user::Role;
use eventlog::{CommandMeta, Decision, ExecuteError, Executed, Joint, LogError, Stop};
use kernel::{Decider, StreamName};
use serde::{Serialize, Serializer};

use crate::access::{Denied, person};
use crate::context::{Caller, Context};

/// Who moves value in a transfer ledger.
pub const WRITERS: [Role; 2] = [Role::Finance, Role::Service];

/// Input of [`create_accounts`].
#[derive(Clone, Debug, Serialize)]
pub struct CreateAccounts {
    /// In which book; it begins with its first account.
    pub book: LedgerName,
    /// 1 to 8,000 accounts.
    #[serde(serialize_with = "each")]
    pub accounts: Arc<[Account]>,
}

/// Input of [`create_transfers`].
#[derive(Clone, Debug, Serialize)]
pub struct CreateTransfers {
    /// In which book.
    pub book: LedgerName,
    /// 1 to 8,000 transfers.
    #[serde(serialize_with = "each")]
    pub transfers: Arc<[Transfer]>,
}

fn each<T: Serialize, S: Serializer>(items: &Arc<[T]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter())
}

/// Creates accounts: one answer for each, in order, whatever becomes of the others.
///
/// # Errors
/// AUTH002, AUTH010, SYS003, TRANSFER001.
pub async fn create_accounts(
    ctx: &Context,
    caller: &Caller,
    input: &CreateAccounts,
) -> Result<Executed<Answers<AccountOutcome>>, ExecuteError> {
    ctx.execute("createAccounts", caller, input, |s| async move {
        allowed(caller)?;
        let mut ledger = s.load::<TransferLedger>(&input.book).await?;
        let mut state = ledger.state.clone();
        let (answers, events) = state.create_accounts(s.now(), &input.accounts)?;
        s.append(&mut ledger, &events, state)?;
        Ok(answers)
    })
    .await
}

/// Batches that wait for the same book are decided together, in the order in which they came, each as if it had come alone.
impl Joint for CreateTransfers {
    type State = TransferLedger;
    type Answer = Answers<TransferOutcome>;

    fn weight(&self) -> usize {
        self.transfers.len()
    }

    fn decide(&self, command: &CommandMeta, state: &mut TransferLedger) -> Result<Decision<Self>, Stop> {
        Ok(state.create_transfers(command.now, &self.transfers)?)
    }
}

/// Records transfers: one answer for each, in order, whatever becomes of the others (linked ones apart). Calls for one book that come
/// at the same time are decided and appended together.
///
/// # Errors
/// AUTH002, AUTH010, SYS003, TRANSFER001.
pub async fn create_transfers(
    ctx: &Context,
    caller: &Caller,
    input: &CreateTransfers,
) -> Result<Executed<Answers<TransferOutcome>>, ExecuteError> {
    const NAME: &str = "createTransfers";
    if let Err(denied) = allowed(caller) {
        return ctx.execute(NAME, caller, input, |_| async move { Err(denied.into()) }).await;
    }
    let stream = StreamName::new(TransferLedger::KIND, &input.book).map_err(LogError::from)?;
    ctx.log.execute_together(&ctx.meta(NAME, caller, input), stream, Arc::new(input.clone())).await
}

/// Releases the pending transfers of a book whose time is over; for its timer.
///
/// # Errors
/// The log's.
pub async fn expire_transfers(ctx: &Context, caller: &Caller, book: &LedgerName) -> Result<Executed<()>, ExecuteError> {
    ctx.execute("expireTransfers", caller, book, |s| async move {
        let mut ledger = s.load::<TransferLedger>(book).await?;
        s.decide(&mut ledger, Command::Expire)?;
        Ok(())
    })
    .await
}

fn allowed(caller: &Caller) -> Result<(), Denied> {
    person(caller)?;
    if caller.is_any(&WRITERS) { Ok(()) } else { Err(Denied::Forbidden) }
}

#[cfg(test)]
mod tests;
