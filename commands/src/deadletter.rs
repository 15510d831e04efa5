//! What operators do about dead letters: recorded first, with who and why; whoever keeps the letter acts on it then.

use domain::deadletter::{Command, DeadLetter, LeftOut};
use domain::user::Role;
use eventlog::{ExecuteError, Executed};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::{self, Denied, actor_of};
use crate::context::{Caller, Context};

/// Who may do something about dead letters (domain.md §3.12).
pub const OPERATORS: [Role; 2] = [Role::Engineer, Role::Admin];

/// Names the streams of dead letters.
const LETTERS: Uuid = Uuid::from_u128(0x6461_7962_6f6f_8b5d_9e1f_6465_6164_6c74);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remedy {
    /// Try again.
    Retry,
    /// Leave out what is in the way.
    Skip,
    /// Leave out all that waits: it was seen to by other means.
    Resolve,
}

/// Input of [`handle_dead_letter`].
#[derive(Clone, Debug, Serialize)]
pub struct HandleDeadLetter {
    /// The letter's name.
    pub letter: String,
    /// What is to be done.
    pub remedy: Remedy,
    /// Why, in the operator's words.
    pub reason: String,
    /// Of a read model: what is not to be applied.
    #[serde(skip)]
    pub left_out: Option<LeftOut>,
}

/// What was recorded; whoever keeps the letter acts on it, as often as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// The letter's name.
    pub letter: String,
    /// What is to be done.
    pub remedy: Remedy,
}

/// Records what an operator wants done about a dead letter.
///
/// # Errors
/// AUTH002, AUTH010, SYS003.
pub async fn handle_dead_letter(ctx: &Context, caller: &Caller, input: &HandleDeadLetter) -> Result<Executed<Handled>, ExecuteError> {
    ctx.execute("handleDeadLetter", caller, input, |s| async move {
        let by = actor_of(&s)?;
        if !caller.is_any(&OPERATORS) {
            return Err(Denied::Forbidden.into());
        }
        let reason = access::record(by, "reason", &input.reason)?;
        let (letter, left_out) = (input.letter.clone(), input.left_out.clone());
        let command = match input.remedy {
            Remedy::Retry => Command::Retry { letter, reason },
            Remedy::Skip => Command::Skip { letter, left_out, reason },
            Remedy::Resolve => Command::Resolve { letter, left_out, reason },
        };
        let mut loaded = s.load::<DeadLetter>(Uuid::new_v5(&LETTERS, input.letter.as_bytes())).await?;
        s.decide(&mut loaded, command)?;
        Ok(Handled { letter: input.letter.clone(), remedy: input.remedy })
    })
    .await
}
