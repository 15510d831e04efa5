//! The close of a month of the books.

use domain::calendar::Month;
use domain::period::{AccountingPeriod, ClosingBalance, Command, Refusal, Sealed};
use eventlog::{ExecuteError, Executed, Stop};

use crate::access::actor_of;
use crate::context::{Caller, Context};

/// What a month is closed with: derived from the log alone, so that anybody can derive it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Tree and export.
    pub sealed: Sealed,
    /// What the accounts hold at its end.
    pub balances: Vec<ClosingBalance>,
}

/// Is there a point in deriving what a month would be closed with?
///
/// # Errors
/// LEDGER003, LEDGER004; or the log's.
pub async fn can_close(ctx: &Context, month: Month) -> Result<(), ExecuteError> {
    let (period, _) = ctx.log.load::<AccountingPeriod>(month).await.map_err(ExecuteError::Log)?;
    let refusal = if period.closed {
        Refusal::Closed
    } else if month.end() > ctx.clock.now() {
        Refusal::NotOver
    } else {
        return Ok(());
    };
    Err(ExecuteError::Refused { refused: kernel::Refusal::refused(&refusal), replayed: false })
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
