//! Locking, closing and opening accounts.

use domain::booking::Booking;
use domain::ids::{BookingId, ShopOrderId, UserId, user_of};
use domain::payable::Payable;
use domain::shop_order::ShopOrder;
use domain::user::{self, User};
use eventlog::{ExecuteError, Executed, Session, Stop};
use serde::Serialize;

use super::{roles, self_or_admin};
use crate::{Caller, Context, access};

/// Input of a command on somebody's account.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OfUser {
    /// Whose.
    pub user: UserId,
}

/// Input of [`suspend_user`].
#[derive(Clone, Debug, Serialize)]
pub struct SuspendUser {
    /// Whose account.
    pub user: UserId,
    /// Why, in the administrator's words.
    pub reason: String,
}

/// Locks an account: every session and API key of it stops working. That an administrator asks is checked before.
///
/// # Errors
/// USER001, SYS003 (reason), USER004, SYS006 when the person is being erased; or the log's.
pub async fn suspend_user(ctx: &Context, caller: &Caller, input: &SuspendUser) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("suspendUser", caller, input, |s| async move {
        let mut user = known(&s, input.user).await?;
        let reason = access::note(input.user, "reason", &input.reason)?;
        roles::leaves(&s, &user, input.user).await?;
        s.decide(&mut user, user::Command::Suspend { reason })?;
        Ok(input.user)
    })
    .await
}

/// Opens a locked or closed account again. That an administrator asks is checked before.
///
/// # Errors
/// USER001, SYS006 when the person is being erased; or the log's.
pub async fn reactivate_user(ctx: &Context, caller: &Caller, input: &OfUser) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("reactivateUser", caller, input, |s| async move {
        let mut user = known(&s, input.user).await?;
        s.decide(&mut user, user::Command::Reactivate {})?;
        roles::joins(&s, &user, input.user).await?;
        Ok(input.user)
    })
    .await
}

/// Closes an account: by its person, who owes and is owed nothing, or by an administrator.
///
/// # Errors
/// AUTH010, USER001, USER003, USER004, SYS006 when the person is being erased; or the log's.
pub async fn deactivate_user(
    ctx: &Context,
    caller: &Caller,
    input: &OfUser,
    found: &Obligations,
) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("deactivateUser", caller, input, |s| async move {
        self_or_admin(caller, input.user)?;
        let mut user = known(&s, input.user).await?;
        if user_of(s.actor()) == Some(input.user) && found.are_open(&s, input.user).await? {
            return Err(user::Refusal::Obliged.into());
        }
        roles::leaves(&s, &user, input.user).await?;
        s.decide(&mut user, user::Command::Deactivate {})?;
        Ok(input.user)
    })
    .await
}

/// An account, before any rule of its row is tested.
pub(super) async fn known(s: &Session, user: UserId) -> Result<eventlog::Loaded<User>, Stop> {
    let loaded = s.load::<User>(user.uuid()).await?;
    if loaded.account().is_none() { Err(user::Refusal::Unknown.into()) } else { Ok(loaded) }
}

/// What a read model has found a person to be part of. Whether it is still open is asked of the log; that nothing is missing
/// follows from the position that the model had reached.
#[derive(Clone, Debug, Default)]
pub struct Obligations {
    /// Rentals, as guest and as host.
    pub bookings: Vec<BookingId>,
    /// Purchases, as buyer and as seller.
    pub orders: Vec<ShopOrderId>,
}

impl Obligations {
    /// Is something of it open, or money owed (USER003)?
    pub(super) async fn are_open(&self, s: &Session, user: UserId) -> Result<bool, Stop> {
        for booking in &self.bookings {
            match s.load::<Booking>(booking.uuid()).await?.state {
                Booking::Pending { .. } | Booking::Approved { .. } | Booking::Confirmed { .. } | Booking::Active { .. } => return Ok(true),
                Booking::Absent | Booking::Rejected { .. } | Booking::Completed { .. } | Booking::Cancelled { .. } => {}
            }
        }
        for order in &self.orders {
            match s.load::<ShopOrder>(order.uuid()).await?.state {
                ShopOrder::Placed { .. } | ShopOrder::Paid { .. } | ShopOrder::Shipped { .. } | ShopOrder::Delivered { .. } => {
                    return Ok(true);
                }
                ShopOrder::Absent
                | ShopOrder::Completed { .. }
                | ShopOrder::Returned { .. }
                | ShopOrder::Cancelled { .. }
                | ShopOrder::Expired { .. } => {}
            }
        }
        let payable = s.load::<Payable>(user.uuid()).await?;
        Ok(payable.balance_minor != 0 || !payable.lines.is_empty() || !payable.reserved.is_empty())
    }
}
