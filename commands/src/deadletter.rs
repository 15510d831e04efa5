//! What operators do about dead letters: recorded first, with who and why; whoever keeps the letter acts on it then.

use domain::deadletter::{Command, DeadLetter, LeftOut};
use domain::user::Role;
use eventlog::{ExecuteError, Executed, Stop};
use kernel::Refused;
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
    /// What the letter's keeper says of it: of a row, what is not to be applied; or why nothing can be done. It is no part of what was
    /// asked: the same key gets the first answer long after the letter was closed.
    #[serde(skip)]
    pub standing: Result<Option<LeftOut>, Refused>,
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
/// AUTH002, AUTH010, what its keeper says, SYS003.
pub async fn handle_dead_letter(ctx: &Context, caller: &Caller, input: &HandleDeadLetter) -> Result<Executed<Handled>, ExecuteError> {
    ctx.execute("handleDeadLetter", caller, input, |s| async move {
        let by = actor_of(&s)?;
        if !caller.is_any(&OPERATORS) {
            return Err(Denied::Forbidden.into());
        }
        let left_out = input.standing.clone().map_err(Stop::Refused)?;
        let reason = access::record(by, "reason", &input.reason)?;
        let letter = input.letter.clone();
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use domain::ids::UserId;

    use super::*;
    use crate::testing::{book, by, events, refusal};

    fn skip(standing: Result<Option<LeftOut>, Refused>) -> HandleDeadLetter {
        HandleDeadLetter { letter: "tallies@1/toy-a".to_owned(), remedy: Remedy::Skip, reason: "the car was sold".to_owned(), standing }
    }

    #[tokio::test]
    async fn the_same_key_gets_the_first_answer_when_the_letter_is_long_closed() {
        let book = book().await;
        let mut engineer = by(UserId::new(Uuid::from_u128(7)));
        engineer.roles.insert(Role::Engineer);
        let gone = Err(Refused::at("SYS007", &["id"]));
        assert_eq!(refusal(handle_dead_letter(&book.ctx, &engineer, &skip(gone.clone())).await), ("SYS007".into(), "id".into()));
        let keyed = Caller { key: Some("skip-1".to_owned()), ..engineer };
        let first = handle_dead_letter(&book.ctx, &keyed, &skip(Ok(None))).await.unwrap();
        let again = handle_dead_letter(&book.ctx, &keyed, &skip(gone.clone())).await.unwrap();
        assert_eq!((again.value, again.receipt.position, again.receipt.replayed), (first.value, first.receipt.position, true));
        assert_eq!(events(&book).await, ["DeadLetterSkipped"]);
        let nobody = by(UserId::new(Uuid::from_u128(8)));
        assert_eq!(refusal(handle_dead_letter(&book.ctx, &nobody, &skip(gone)).await).0, "AUTH010");
    }
}
