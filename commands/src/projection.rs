//! What operators have done with read models: recorded here with who and why; workers act on what is in the log.

use domain::projection::{Built, Command, Projection};
use eventlog::{ExecuteError, Executed, Stop};
use kernel::{Personal, Refused};
use serde::Serialize;

use crate::access::{self, Denied, actor_of};
use crate::context::{Caller, Context};
pub use crate::deadletter::OPERATORS;

/// Input of [`rebuild_projection`].
#[derive(Clone, Debug, Serialize)]
pub struct RebuildProjection {
    /// The read model.
    pub name: String,
    /// Only build and compare.
    pub dry_run: bool,
    /// Switch although rows differ: the live model is what is wrong.
    pub accept: bool,
    /// Why, in the operator's words.
    pub reason: String,
    /// Is there such a model in this program?
    #[serde(skip)]
    pub known: bool,
}

/// Input of [`pause_projection`] and [`resume_projection`].
#[derive(Clone, Debug, Serialize)]
pub struct HoldProjection {
    /// The read model.
    pub name: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// Is there such a model in this program?
    #[serde(skip)]
    pub known: bool,
}

/// Has a read model built anew beside the live one: workers build, compare and switch.
///
/// # Errors
/// AUTH002, AUTH010, SYS007, SYS003, SYS006 while it is being rebuilt.
pub async fn rebuild_projection(ctx: &Context, caller: &Caller, input: &RebuildProjection) -> Result<Executed<String>, ExecuteError> {
    let RebuildProjection { name, dry_run, accept, reason, known } = input;
    let command = |reason| Command::Rebuild { projection: name.clone(), dry_run: *dry_run, accept: *accept, reason };
    decided(ctx, caller, ("rebuildProjection", input), (name, *known, reason), command).await
}

/// Stops a read model: workers apply nothing to it after this event, on any node.
///
/// # Errors
/// AUTH002, AUTH010, SYS007, SYS003, SYS006 when it stands still already.
pub async fn pause_projection(ctx: &Context, caller: &Caller, input: &HoldProjection) -> Result<Executed<String>, ExecuteError> {
    let HoldProjection { name, reason, known } = input;
    let command = |reason| Command::Pause { projection: name.clone(), reason };
    decided(ctx, caller, ("pauseProjection", input), (name, *known, reason), command).await
}

/// Lets a read model go on.
///
/// # Errors
/// AUTH002, AUTH010, SYS007, SYS003, SYS006 when it does not stand still.
pub async fn resume_projection(ctx: &Context, caller: &Caller, input: &HoldProjection) -> Result<Executed<String>, ExecuteError> {
    let HoldProjection { name, reason, known } = input;
    let command = |reason| Command::Resume { projection: name.clone(), reason };
    decided(ctx, caller, ("resumeProjection", input), (name, *known, reason), command).await
}

/// An operator's command on one model; answers with its name.
async fn decided<I: Serialize + Sync>(
    ctx: &Context,
    caller: &Caller,
    (intent, input): (&'static str, &I),
    (name, known, reason): (&String, bool, &String),
    command: impl Fn(Personal<String>) -> Command + Send + Sync,
) -> Result<Executed<String>, ExecuteError> {
    let command = &command;
    ctx.execute(intent, caller, input, |s| async move {
        let by = actor_of(&s)?;
        if !caller.is_any(&OPERATORS) {
            return Err(Denied::Forbidden.into());
        }
        if !known {
            return Err(Stop::Refused(Refused::at("SYS007", &["name"])));
        }
        let reason = access::record(by, "reason", reason)?;
        let mut loaded = s.load::<Projection>(name).await?;
        s.decide(&mut loaded, command(reason))?;
        Ok(name.clone())
    })
    .await
}

/// How a rebuild ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RebuildEnd {
    /// It was built and compared.
    Built(Built),
    /// It could not be done.
    Failed(String),
}

/// Is this rebuild still to be done?
///
/// # Errors
/// The log's.
pub async fn is_open(ctx: &Context, name: &str, number: u32) -> Result<bool, eventlog::LogError> {
    Ok(ctx.log.load::<Projection>(name).await?.0.is_open(number))
}

/// Records how a rebuild ended; told again, nothing changes.
///
/// # Errors
/// The log's.
pub async fn record_rebuild(
    ctx: &Context,
    caller: &Caller,
    name: &str,
    number: u32,
    end: &RebuildEnd,
) -> Result<Executed<String>, ExecuteError> {
    ctx.execute("recordRebuild", caller, &(name, number), |s| async move {
        let projection = name.to_owned();
        let command = match end.clone() {
            RebuildEnd::Built(built) => Command::Finish { projection, number, built },
            RebuildEnd::Failed(error) => Command::Fail { projection, number, error },
        };
        let mut loaded = s.load::<Projection>(name).await?;
        s.decide(&mut loaded, command)?;
        Ok(name.to_owned())
    })
    .await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use domain::ids::UserId;
    use domain::user::Role;
    use uuid::Uuid;

    use super::*;
    use crate::testing::{book, by, events, refusal};

    fn rebuild(known: bool) -> RebuildProjection {
        RebuildProjection { name: "bookings".to_owned(), dry_run: false, accept: false, reason: "a column was wrong".to_owned(), known }
    }

    fn hold() -> HoldProjection {
        HoldProjection { name: "bookings".to_owned(), reason: "it is being looked into".to_owned(), known: true }
    }

    #[tokio::test]
    async fn operators_are_on_record_and_nobody_else_acts() {
        let book = book().await;
        let (ctx, nobody) = (&book.ctx, by(UserId::new(Uuid::from_u128(8))));
        let mut admin = nobody.clone();
        admin.roles.insert(Role::Admin);
        assert_eq!(refusal(rebuild_projection(ctx, &nobody, &rebuild(false)).await).0, "AUTH010");
        assert_eq!(refusal(rebuild_projection(ctx, &admin, &rebuild(false)).await), ("SYS007".into(), "name".into()));
        assert_eq!(refusal(resume_projection(ctx, &admin, &hold()).await).0, "SYS006");
        rebuild_projection(ctx, &admin, &rebuild(true)).await.unwrap();
        assert!(is_open(ctx, "bookings", 1).await.unwrap());
        assert_eq!(refusal(rebuild_projection(ctx, &admin, &rebuild(true)).await).0, "SYS006");
        pause_projection(ctx, &admin, &hold()).await.unwrap();
        resume_projection(ctx, &admin, &hold()).await.unwrap();
        let end = RebuildEnd::Failed("the live one does not move".to_owned());
        let worker = Caller::system("rebuilds", None, Uuid::nil());
        for _ in 0..2 {
            record_rebuild(ctx, &worker, "bookings", 1, &end).await.unwrap();
        }
        let expected = ["ProjectionRebuildRequested", "ProjectionPaused", "ProjectionResumed", "ProjectionRebuildFailed"];
        assert_eq!(events(&book).await, expected);
    }
}
