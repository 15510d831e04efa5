//! Roles, and the circle of administrators that must not run empty.

use domain::admins::{self, ADMINS_ID, Admins};
use domain::ids::UserId;
use domain::user::{self, Role, User};
use eventlog::{ExecuteError, Executed, Loaded, Session, Stop};
use serde::Serialize;

use crate::{Caller, Context};

/// Input of [`grant_role`] and [`revoke_role`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GrantRole {
    /// To whom.
    pub user: UserId,
    /// Which.
    pub role: Role,
}

/// Grants a role (IAM-04). That an administrator or the program itself asks is checked before.
///
/// # Errors
/// USER001, AUTH011, SYS006 when the person is being erased; or the log's.
pub async fn grant_role(ctx: &Context, caller: &Caller, input: &GrantRole) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("grantRole", caller, input, |s| async move {
        let mut user = s.load::<User>(input.user.uuid()).await?;
        s.decide(&mut user, user::Command::GrantRole { user: input.user, role: input.role })?;
        joins(&s, &user, input.user).await?;
        Ok(input.user)
    })
    .await
}

/// Takes a role away; the next request of the person is decided without it.
///
/// # Errors
/// USER001, USER004, AUTH011, SYS006 when the person is being erased; or the log's.
pub async fn revoke_role(ctx: &Context, caller: &Caller, input: &GrantRole) -> Result<Executed<UserId>, ExecuteError> {
    ctx.execute("revokeRole", caller, input, |s| async move {
        let mut user = s.load::<User>(input.user.uuid()).await?;
        if input.role == Role::Admin {
            leaves(&s, &user, input.user).await?;
        }
        s.decide(&mut user, user::Command::RevokeRole { user: input.user, role: input.role })?;
        Ok(input.user)
    })
    .await
}

fn administers(user: &User) -> bool {
    user.active().is_some_and(|account| account.roles.contains(&Role::Admin))
}

/// Counts a person in who administers from now on.
pub(super) async fn joins(s: &Session, user: &Loaded<User>, id: UserId) -> Result<(), Stop> {
    if administers(user) {
        let mut circle = s.load::<Admins>(ADMINS_ID).await?;
        s.decide(&mut circle, admins::Command::Add(id))?;
    }
    Ok(())
}

/// Counts a person out who is about to administer no longer: given the account before that.
pub(super) async fn leaves(s: &Session, user: &Loaded<User>, id: UserId) -> Result<(), Stop> {
    if administers(user) {
        let mut circle = s.load::<Admins>(ADMINS_ID).await?;
        s.decide(&mut circle, admins::Command::Remove(id))?;
    }
    Ok(())
}
