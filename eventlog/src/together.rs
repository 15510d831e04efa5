//! Commands on one aggregate that are decided together: one load, one new state and one append for all that wait, while each has its
//! own answer, receipt, events and refusal.
//!
//! A group forms by load alone: whatever waits while another group is on its way goes into the next one, so an idle log adds no delay.
//! Only speed: a group that does not go through as it is falls apart, and each of its commands is executed as any other.

mod group;
mod lane;

use std::sync::Arc;

use kernel::{Decider, StreamName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::command::{CommandMeta, Executed};
use crate::error::{ExecuteError, LogError, Stop};
use crate::execute::{Key, at_business_time, within_limits};
use crate::log::Log;
use crate::metrics;

pub(crate) use lane::Lanes;
use lane::Member;

/// What commands on one aggregate ask for that may be decided together.
pub trait Joint: Send + Sync + Sized + 'static {
    /// The aggregate.
    type State: Decider;
    /// What each of them is answered; kept as JSON in its receipt.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// How large it is, as a part of [`MAX_WEIGHT`]: what one group carries.
    fn weight(&self) -> usize;

    /// Decides on a state and moves it on: it is then what the events make of it. Pure, and it may run several times.
    ///
    /// # Errors
    /// When it refuses, the state must be as it was.
    fn decide(&self, command: &CommandMeta, state: &mut Self::State) -> Result<Decision<Self>, Stop>;
}

/// The answer to a command, and its events.
pub type Decision<J> = (<J as Joint>::Answer, Vec<<<J as Joint>::State as Decider>::Event>);

/// What the commands of one group weigh together, unless a single one is heavier.
pub const MAX_WEIGHT: usize = 8_000;

/// What a group made of one of its commands.
enum Verdict<T> {
    Answered(Result<Executed<T>, ExecuteError>),
    /// It is to be executed as any other; the error says that nobody knows whether it is in already.
    Alone(Option<LogError>),
}

impl Log {
    /// Executes a command on one stream, together with others of its kind that wait for the same stream at the same time. Each means
    /// and answers just what [`Log::execute`] would: its own key, receipt, events and actor.
    ///
    /// # Errors
    /// As [`Log::execute`].
    pub async fn execute_together<J: Joint>(
        &self,
        command: &CommandMeta,
        stream: StreamName,
        asked: Arc<J>,
    ) -> Result<Executed<J::Answer>, ExecuteError> {
        let begun = std::time::Instant::now();
        let answer = self.joined(command, stream, asked).await;
        metrics::command(command.name, &answer, begun.elapsed());
        answer
    }

    async fn joined<J: Joint>(
        &self,
        command: &CommandMeta,
        stream: StreamName,
        asked: Arc<J>,
    ) -> Result<Executed<J::Answer>, ExecuteError> {
        within_limits(command)?;
        let command = at_business_time(command)?;
        let key = Key::of(&command, &self.inner.secret);
        if let Some(key) = &key
            && let Some(stored) = self.inner.memory.receipt(&key.digest)
        {
            return self.kept(&command, key, stored).await;
        }
        let (answer, verdict) = oneshot::channel();
        let member = Member { command: command.clone(), key, asked: asked.clone(), conflicts: 0, answer };
        let room = self.inner.lanes.room().await;
        self.inner.lanes.join(self, &stream, member);
        // A group that is gone leaves it open whether it went in.
        let lost = || Verdict::Alone(Some(LogError::Unknown(Arc::new(sqlx::Error::WorkerCrashed))));
        let verdict = verdict.await.unwrap_or_else(|_| lost());
        drop(room);
        match verdict {
            Verdict::Answered(answer) => answer,
            Verdict::Alone(Some(doubt)) if key.is_none() => Err(doubt.into()),
            Verdict::Alone(doubt) => self.alone(&command, key, doubt, &stream, &asked).await,
        }
    }

    /// Executes a command of a group as any other.
    async fn alone<J: Joint>(
        &self,
        command: &Arc<CommandMeta>,
        key: Option<Key>,
        doubt: Option<LogError>,
        stream: &StreamName,
        asked: &Arc<J>,
    ) -> Result<Executed<J::Answer>, ExecuteError> {
        let run = |session: crate::Session| async move {
            let mut loaded = session.load_stream::<J::State>(stream.clone()).await?;
            let mut state = loaded.state.clone();
            let (answer, events) = asked.decide(session.command(), &mut state)?;
            session.append(&mut loaded, &events, state)?;
            Ok(answer)
        };
        self.until_answered(command, key, doubt, run).await
    }
}
