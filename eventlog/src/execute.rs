//! From a command to its receipt: receipt known? else decide and append, again while others get in between.

use std::collections::BTreeSet;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use fail::fail_point;
use kernel::{Refused, StreamName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::answer::{Kept, Run, Typed, json, read};
use crate::command::{CommandMeta, Executed, Receipt};
use crate::error::{ExecuteError, LogError, Stop};
use crate::log::Log;
use crate::metrics;
use crate::outcome::{Append, Draft, Expected, Outcome, Placed, ReceiptDraft, StoredReceipt};
use crate::recorded::timestamp;
use crate::session::{Session, Work};
use crate::snapshot;
use crate::states::{Basis, Fate, Known, Overtaken};
use crate::turns::Turn;

/// Times that a command is decided again on what another node has written before its conflict is reported.
const MAX_CONFLICTS: u64 = 60;
/// Times that it is decided again on what this node's other commands have decided.
const MAX_OVERTAKEN: u64 = 1_000;
/// Times that a keyed command is tried again after the outcome of its commit was unknown.
const MAX_DOUBTS: u64 = 5;
/// Longest wait between two attempts, in microseconds; the waits grow up to it and are spread at random.
const MAX_BACKOFF_US: u64 = 20_000;
const BACKOFF_STEP_US: u64 = 500;

/// Limits of one command.
const MAX_EVENTS: usize = 10_000;
const MAX_STREAMS: usize = 10_000;
const MAX_BYTES: usize = 8 << 20;
const MAX_SECRET_BYTES: usize = 64 << 10;
const MAX_KEY_BYTES: usize = 1_024;
const MAX_TRACEPARENT_BYTES: usize = 128;

/// A command's idempotency key.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    pub digest: Uuid,
    pub fingerprint: Uuid,
}

impl Key {
    /// Of a command that has one.
    pub(crate) fn of(command: &CommandMeta, secret: &[u8; 32]) -> Option<Self> {
        command.key_digest().map(|digest| Self { digest, fingerprint: command.fingerprint(secret) })
    }
}

/// What a run of the command's function came to.
pub(crate) enum Decided<T> {
    Done(T),
    Refused(Refused),
}

/// What an attempt came to.
enum Attempt {
    Done(Executed<Kept>),
    /// Another command of this node was quicker on one of these streams; nothing has left this node.
    Overtaken(BTreeSet<StreamName>),
    /// The version of one of these streams did not hold in the store.
    Conflict(BTreeSet<StreamName>),
}

impl Log {
    /// Executes a command: answers it from its receipt, or runs its function over a fresh session and appends all that it
    /// recorded, or nothing (E2, E3).
    ///
    /// The function may run several times, and must not act outside of its session. What it returns is kept as JSON in the
    /// receipt of a keyed command. A refusal, too, is only given when the versions that it was decided on still hold.
    ///
    /// # Errors
    /// [`ExecuteError`]; nothing was appended, unless it says [`LogError::Unknown`].
    pub async fn execute<T, F, Fut>(&self, command: &CommandMeta, run: F) -> Result<Executed<T>, ExecuteError>
    where
        T: Serialize + DeserializeOwned + Send,
        F: Fn(Session) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, Stop>> + Send,
    {
        let begun = std::time::Instant::now();
        let answer = self.decided_alone(command, run).await;
        metrics::command(command.name, &answer, begun.elapsed());
        answer
    }

    async fn decided_alone<T, F, Fut>(&self, command: &CommandMeta, run: F) -> Result<Executed<T>, ExecuteError>
    where
        T: Serialize + DeserializeOwned + Send,
        F: Fn(Session) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, Stop>> + Send,
    {
        within_limits(command)?;
        let command = at_business_time(command)?;
        self.until_answered(&command, Key::of(&command, &self.inner.secret), None, run).await
    }

    /// Tries until there is an answer, and gives it its type. `doubt`: nobody knows whether an attempt before went in.
    pub(crate) async fn until_answered<T, F, Fut>(
        &self,
        command: &Arc<CommandMeta>,
        key: Option<Key>,
        doubt: Option<LogError>,
        run: F,
    ) -> Result<Executed<T>, ExecuteError>
    where
        T: Serialize + DeserializeOwned + Send,
        F: Fn(Session) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, Stop>> + Send,
    {
        let typed = Typed::new(run, key.is_some());
        let Executed { receipt, value } = self.answer(command, key, doubt, &typed).await?;
        // The last attempt is the one that went in, unless the receipt of an earlier one answers.
        let value = typed.last().filter(|_| !receipt.replayed).map_or_else(|| read(command, value.get()), Ok)?;
        Ok(Executed { receipt, value })
    }

    /// Tries until there is an answer.
    async fn answer(
        &self,
        command: &Arc<CommandMeta>,
        key: Option<Key>,
        mut doubt: Option<LogError>,
        run: &dyn Run,
    ) -> Result<Executed<Kept>, ExecuteError> {
        let (mut doubts, mut turn) = (0, None::<Turn<'_>>);
        let (mut conflicts, mut overtaken) = (0, 0);
        while conflicts < MAX_CONFLICTS && overtaken < MAX_OVERTAKEN {
            let attempt = self.attempt(command, key, conflicts > 0, &mut turn, run).await;
            let streams = match attempt {
                Ok(Attempt::Done(done)) => return Ok(done),
                Ok(Attempt::Overtaken(streams)) => {
                    overtaken += 1;
                    streams
                }
                Ok(Attempt::Conflict(streams)) => {
                    conflicts += 1;
                    self.inner.states.forget(streams.iter());
                    back_off(conflicts).await;
                    streams
                }
                // Once an outcome is unknown, only the receipt, or the lack of it under the head's lock, can tell.
                Err(ExecuteError::Log(error)) if key.is_some() && doubts < MAX_DOUBTS && in_doubt(&error, doubt.is_some()) => {
                    doubts += 1;
                    doubt.get_or_insert(error);
                    back_off(doubts).await;
                    continue;
                }
                Err(ExecuteError::Log(error)) => return Err(doubt.unwrap_or(error).into()),
                Err(error) => return Err(error),
            };
            if !turn.as_ref().is_some_and(|turn| turn.covers(&streams)) {
                // Given back before others are taken: turns are only ever taken all at once, in order.
                drop(turn.take());
                turn = Some(self.inner.turns.take(streams).await);
            }
        }
        Err(ExecuteError::Conflict)
    }

    /// Answers from a receipt at hand, or decides and appends once. A turn is given back as soon as the command is on its
    /// way: the next one decides on its state without waiting for the store.
    async fn attempt<'t>(
        &'t self,
        command: &Arc<CommandMeta>,
        key: Option<Key>,
        again: bool,
        turn: &mut Option<Turn<'t>>,
        run: &dyn Run,
    ) -> Result<Attempt, ExecuteError> {
        if let Some(key) = &key
            && let Some(stored) = self.inner.memory.receipt(&key.digest)
        {
            return self.replay_if_same(command, key, stored).await.map(Attempt::Done);
        }
        let session = Session::new(self.inner.store.clone(), self.inner.states.clone(), command.clone(), again);
        let decided = match run.run(session.clone()).await {
            Ok(value) => Decided::Done(value),
            Err(Stop::Refused(refused)) => Decided::Refused(refused),
            Err(Stop::Unbalanced(unbalanced)) => return Err(ExecuteError::Unbalanced(unbalanced)),
            Err(Stop::Log(error)) => return Err(error.into()),
        };
        // It leaves no receipt, and so meets none when it is appended: an older one is looked for here.
        if let (Decided::Refused(refused), Some(key)) = (&decided, &key)
            && refused.is_malformed()
            && let Some(stored) = self.inner.store.receipt(key.digest).await?
        {
            return self.replay_if_same(command, key, stored).await.map(Attempt::Done);
        }
        let mut work = session.finish();
        if let Decided::Refused(_) = decided {
            work.refuse();
        }
        let due = work.due();
        let events = self.inner.keyring.encode_sealed(command.command_id, || work.encode()).await?;
        let (append, bases, written) = ready(command, key, &decided, work, events)?;
        fail_point!("append::decided");
        let place = self.inner.appender.reserve().await?;
        let mut answer = None;
        let published = match self.inner.turns.yields_to_others(bases.iter().map(|basis| &basis.stream), turn.as_ref()) {
            true => Err(Overtaken),
            false => self.inner.states.publish(&bases, written, || answer = Some(place.hand_over(append))),
        };
        let streams = || bases.iter().map(|basis| basis.stream.clone()).collect();
        let Some(outcome) = answer.filter(|_| published.is_ok()) else { return Ok(Attempt::Overtaken(streams())) };
        drop(turn.take());
        // On its way, but the appender is gone: nobody can tell.
        match outcome.await.map_err(|_| LogError::Unknown(Arc::new(sqlx::Error::WorkerCrashed)))?? {
            Outcome::Appended(placed) => {
                snapshot::renew_all(&self.inner.store, due);
                answered(command, decided, placed).map(Attempt::Done)
            }
            Outcome::Replayed(stored) => self.replay(command, stored).await.map(Attempt::Done),
            Outcome::KeyReused => Err(ExecuteError::KeyReused),
            Outcome::Conflict => Ok(Attempt::Conflict(streams())),
        }
    }

    /// The answer that a receipt keeps, with its type.
    pub(crate) async fn kept<T: DeserializeOwned>(
        &self,
        command: &CommandMeta,
        key: &Key,
        stored: StoredReceipt,
    ) -> Result<Executed<T>, ExecuteError> {
        let Executed { receipt, value } = self.replay_if_same(command, key, stored).await?;
        Ok(Executed { receipt, value: read(command, value.get())? })
    }

    async fn replay_if_same(&self, command: &CommandMeta, key: &Key, stored: StoredReceipt) -> Result<Executed<Kept>, ExecuteError> {
        if stored.fingerprint != key.fingerprint {
            return Err(ExecuteError::KeyReused);
        }
        self.replay(command, stored).await
    }

    async fn replay(&self, command: &CommandMeta, stored: StoredReceipt) -> Result<Executed<Kept>, ExecuteError> {
        if stored.refused {
            return Err(ExecuteError::Refused { refused: read(command, &stored.answer)?, replayed: true });
        }
        let value = read(command, &stored.answer)?;
        let event_ids = match &stored.event_ids {
            Some(event_ids) => event_ids.clone(),
            None if stored.events == 0 => Vec::new(),
            None => self.inner.store.event_ids(&stored).await?,
        };
        if event_ids.len() as u64 != stored.events {
            return Err(LogError::Damaged(format!("command {} has lost events", stored.command_id)).into());
        }
        let receipt = Receipt {
            command_id: stored.command_id,
            correlation_id: stored.correlation_id,
            event_ids,
            position: (stored.first_position + stored.events).saturating_sub(1),
            replayed: true,
            committed_at: timestamp(stored.recorded_at)?,
        };
        Ok(Executed { receipt, value })
    }
}

/// Is it unknown, now or since an earlier attempt, whether the command went in, and may another attempt tell?
fn in_doubt(error: &LogError, already: bool) -> bool {
    matches!(error, LogError::Unknown(_)) || (already && error.retryable())
}

/// A command ready to leave: what is appended, what it was decided on, and the states that it makes the newest.
type Ready = (Append, Vec<Basis>, Vec<(StreamName, Known)>);

/// What is appended: all that the session recorded; of a refused command only that its versions hold, and its receipt.
fn ready(
    command: &Arc<CommandMeta>,
    key: Option<Key>,
    decided: &Decided<Kept>,
    mut work: Work,
    events: Vec<Draft>,
) -> Result<Ready, LogError> {
    let fate = Arc::<Fate>::default();
    let (bases, written) = work.bases(&fate);
    let append = Append {
        command: command.clone(),
        receipts: receipt(None, key, decided, 0..events.len())?.into_iter().collect(),
        expected: bases.iter().map(Expected::of).collect(),
        events,
        secrets: work.secrets,
        fate,
    };
    let secret_fits = |s: &crate::outcome::Secret| s.name.len() + s.value.as_ref().map_or(0, String::len) <= MAX_SECRET_BYTES;
    check(&append)?;
    match append.secrets.iter().all(secret_fits) {
        true => Ok((append, bases, written)),
        false => Err(LogError::Limit { of: "bytes in a secret", limit: MAX_SECRET_BYTES }),
    }
}

/// Is an append within the limits of one command?
pub(crate) fn check(append: &Append) -> Result<(), LogError> {
    at_most("events", append.events.len(), MAX_EVENTS)?;
    at_most("streams", append.expected.len(), MAX_STREAMS)?;
    at_most("bytes", append.bytes(), MAX_BYTES)
}

impl Expected {
    pub(crate) fn of(basis: &Basis) -> Self {
        Self { stream: basis.stream.clone(), version: basis.version, rests_on: basis.rests_on() }
    }
}

/// The receipt of a keyed command; a malformed input leaves none, so that it can be mended under the same key.
pub(crate) fn receipt<T: Serialize>(
    command: Option<&Arc<CommandMeta>>,
    key: Option<Key>,
    decided: &Decided<T>,
    events: Range<usize>,
) -> Result<Option<ReceiptDraft>, LogError> {
    let unkept = matches!(decided, Decided::Refused(refused) if refused.is_malformed());
    let Some(key) = key.filter(|_| !unkept) else { return Ok(None) };
    let (refused, answer) = match decided {
        Decided::Done(value) => (false, json(value)?),
        Decided::Refused(refused) => (true, json(refused)?),
    };
    Ok(Some(ReceiptDraft { key: key.digest, fingerprint: key.fingerprint, refused, answer, command: command.cloned(), events }))
}

pub(crate) fn answered<T>(command: &CommandMeta, decided: Decided<T>, placed: Placed) -> Result<Executed<T>, ExecuteError> {
    let value = match decided {
        Decided::Done(value) => value,
        Decided::Refused(refused) => return Err(ExecuteError::Refused { refused, replayed: false }),
    };
    let receipt = Receipt {
        command_id: command.command_id,
        correlation_id: command.correlation_id,
        event_ids: placed.event_ids,
        position: placed.position,
        replayed: false,
        committed_at: timestamp(placed.recorded_at)?,
    };
    Ok(Executed { receipt, value })
}

/// A command with its business clock as the log keeps it: in microseconds; a finer one would decide on what no replay sees.
pub(crate) fn at_business_time(command: &CommandMeta) -> Result<Arc<CommandMeta>, LogError> {
    Ok(Arc::new(CommandMeta { now: timestamp(command.now.as_microsecond())?, ..command.clone() }))
}

pub(crate) fn within_limits(command: &CommandMeta) -> Result<(), LogError> {
    at_most("bytes in an actor", command.actor.to_string().len(), kernel::actor::MAX_ACTOR_BYTES)?;
    at_most("bytes in a key", command.key.as_ref().map_or(0, String::len), MAX_KEY_BYTES)?;
    at_most("bytes in a trace context", command.traceparent.as_ref().map_or(0, String::len), MAX_TRACEPARENT_BYTES)
}

fn at_most(of: &'static str, found: usize, limit: usize) -> Result<(), LogError> {
    if found <= limit { Ok(()) } else { Err(LogError::Limit { of, limit }) }
}

/// A random wait below a bound that grows with the attempts.
async fn back_off(attempt: u64) {
    let bound = (attempt * BACKOFF_STEP_US).min(MAX_BACKOFF_US);
    // Random bits of a version 4 UUID.
    let wait = u64::try_from(Uuid::new_v4().as_u128() & 0xffff_ffff).unwrap_or_default() % (bound + 1);
    tokio::time::sleep(Duration::from_micros(wait)).await;
}
