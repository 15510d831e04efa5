//! Corrections of the books: one person of finance asks, another agrees (domain.md §3.4).

use domain::adjustment::{Adjustment, Command, Proposal};
use domain::ids::AdjustmentId;
use eventlog::{ExecuteError, Executed};
use kernel::{Posting, Timestamp};
use serde::Serialize;

use crate::access::{self, actor_of};
use crate::context::{Caller, Context};

/// Input of [`post_adjustment`].
#[derive(Clone, Debug, Serialize)]
pub struct PostAdjustment {
    /// Its lines; they balance.
    pub lines: Vec<Posting>,
    /// The reference of the entry that it takes back.
    pub reverses: Option<String>,
    /// The business date that it counts from; without it, now.
    pub effective_at: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// Asks for an adjustment; a second person posts it.
///
/// # Errors
/// SYS003, LEDGER001.
pub async fn post_adjustment(ctx: &Context, caller: &Caller, input: &PostAdjustment) -> Result<Executed<AdjustmentId>, ExecuteError> {
    let id = AdjustmentId::new(ctx.ids.mint());
    ctx.execute("postAdjustment", caller, input, |s| async move {
        let by = actor_of(&s)?;
        let reason = access::record(by, "reason", &input.reason)?;
        let PostAdjustment { lines, reverses, effective_at, .. } = input.clone();
        let proposal = Proposal { adjustment: id, lines, reverses, effective_at: effective_at.unwrap_or(s.now()), by };
        let mut adjustment = s.load::<Adjustment>(id.uuid()).await?;
        s.decide(&mut adjustment, Command::Propose(Box::new(proposal), reason))?;
        Ok(id)
    })
    .await
}

/// A second person agrees: the adjustment is posted.
///
/// # Errors
/// SYS007, SETTLE003, SYS006.
pub async fn approve_adjustment(ctx: &Context, caller: &Caller, id: AdjustmentId) -> Result<Executed<AdjustmentId>, ExecuteError> {
    ctx.execute("approveAdjustment", caller, &id, |s| async move {
        let by = actor_of(&s)?;
        let mut adjustment = s.load::<Adjustment>(id.uuid()).await?;
        s.decide(&mut adjustment, Command::Approve { by })?;
        Ok(id)
    })
    .await
}

/// Calls an adjustment off.
///
/// # Errors
/// SYS007, SYS006.
pub async fn decline_adjustment(ctx: &Context, caller: &Caller, id: AdjustmentId) -> Result<Executed<AdjustmentId>, ExecuteError> {
    ctx.execute("declineAdjustment", caller, &id, |s| async move {
        let by = actor_of(&s)?;
        let mut adjustment = s.load::<Adjustment>(id.uuid()).await?;
        s.decide(&mut adjustment, Command::Decline { by })?;
        Ok(id)
    })
    .await
}
