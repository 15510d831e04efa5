//! The close of a month of the books.

use domain::calendar::Month;
use domain::period::{AccountingPeriod, ClosingBalance, Command, Refusal, Sealed};
use eventlog::{ExecuteError, Executed, Stop};

use crate::access::actor_of;
use crate::context::{Caller, Context};

/// What a month is closed with: derived from the log alone, so that anybody can derive it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Signed head and export.
    pub sealed: Sealed,
    /// What the accounts hold at its end.
    pub balances: Vec<ClosingBalance>,
}

/// Is there a point in deriving what a month would be closed with? Not where it was closed: then [`close_again`] answers.
///
/// # Errors
/// LEDGER003; or the log's.
pub async fn can_close(ctx: &Context, month: Month) -> Result<bool, ExecuteError> {
    let (period, _) = ctx.log.load::<AccountingPeriod>(month).await.map_err(ExecuteError::Log)?;
    if !period.closed && month.end() > ctx.clock.now() {
        return Err(ExecuteError::Refused { refused: kernel::Refusal::refused(&Refusal::NotOver), replayed: false });
    }
    Ok(!period.closed)
}

/// Answers who asks for a month that was closed: with the receipt, when it was by the same key.
///
/// # Errors
/// LEDGER004.
pub async fn close_again(ctx: &Context, caller: &Caller, month: Month) -> Result<Executed<Month>, ExecuteError> {
    ctx.execute("closePeriod", caller, &month, |s| async move {
        actor_of(&s)?;
        s.load::<AccountingPeriod>(month).await?;
        Err::<Month, Stop>(Refusal::Closed.into())
    })
    .await
}

/// Closes a month.
///
/// # Errors
/// LEDGER003, LEDGER004.
pub async fn close_period(ctx: &Context, caller: &Caller, month: Month, closing: &Closing) -> Result<Executed<Month>, ExecuteError> {
    ctx.execute("closePeriod", caller, &month, |s| async move {
        let by = actor_of(&s)?;
        let mut period = s.load::<AccountingPeriod>(month).await?;
        let Closing { sealed, balances } = closing.clone();
        s.decide(&mut period, Command::Close { month, sealed, balances, by })?;
        Ok::<_, Stop>(month)
    })
    .await
}
