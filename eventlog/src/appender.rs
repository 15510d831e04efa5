//! Group commit: one task per log appends what many commands have decided, in one database transaction.
//!
//! A batch forms by load alone: whatever waits while the last batch was written goes into the next one, so an idle log
//! adds no delay. Each command gets its own answer.

use std::sync::Arc;

use fail::fail_point;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{LogError, is_passing};
use crate::memory::Memory;
use crate::outcome::{Append, Outcome};
use crate::states::States;
use crate::store::{AppendFailure, Store};

/// Commands that may wait; more wait for room.
const QUEUE: usize = 1_024;
/// Commands of one batch.
const BATCH_COMMANDS: usize = 256;
/// Payload bytes of one batch; a single larger command makes a batch of its own.
const BATCH_BYTES: usize = 1 << 20;
/// Turns that the appender gives to others before it takes a batch: clients that have just been answered join it, instead
/// of waiting for the next one.
const GATHER_TURNS: usize = 2;

/// A command waiting for its place.
struct Waiting {
    append: Append,
    answer: oneshot::Sender<Result<Outcome, LogError>>,
}

/// Hands commands to the appender.
pub(crate) struct Appender {
    queue: mpsc::Sender<Waiting>,
    close: watch::Sender<bool>,
    ended: watch::Receiver<()>,
}

impl Appender {
    /// Starts the task; it raises `head` to the last position appended, and settles the states that its commands made.
    pub(crate) fn start(store: Store, memory: Arc<Memory>, states: Arc<States>, head: Arc<watch::Sender<u64>>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (close, closing) = watch::channel(false);
        let (running, ended) = watch::channel(());
        tokio::spawn(async move {
            let lane = Lane { store, memory, states, head };
            lane.run(waiting, closing).await;
            drop(running);
        });
        Self { queue, close, ended }
    }

    /// A place in the queue; waits while it is full.
    pub(crate) async fn reserve(&self) -> Result<Place<'_>, LogError> {
        self.queue.reserve().await.map(Place).map_err(|_| LogError::Closed)
    }

    /// Answers what waits, takes nothing more, and ends.
    pub(crate) async fn close(&self) {
        self.close.send_replace(true);
        // An error says that the task has dropped its end: it is over.
        let _ = self.ended.clone().changed().await;
    }
}

/// A place in the queue.
pub(crate) struct Place<'a>(mpsc::Permit<'a, Waiting>);

impl Place<'_> {
    /// Puts one command's decision there; its outcome comes when it is durable.
    pub(crate) fn hand_over(self, append: Append) -> oneshot::Receiver<Result<Outcome, LogError>> {
        let (answer, outcome) = oneshot::channel();
        self.0.send(Waiting { append, answer });
        outcome
    }
}

type Answer = oneshot::Sender<Result<Outcome, LogError>>;

/// The one lane in which commands are appended.
struct Lane {
    store: Store,
    memory: Arc<Memory>,
    states: Arc<States>,
    head: Arc<watch::Sender<u64>>,
}

impl Lane {
    async fn run(&self, mut queue: mpsc::Receiver<Waiting>, mut closing: watch::Receiver<bool>) {
        loop {
            let first = tokio::select! {
                first = queue.recv() => first,
                _ = async { closing.wait_for(|&closing| closing).await.is_ok() } => {
                    queue.close();
                    queue.recv().await
                }
            };
            let Some(first) = first else { return };
            for _ in 0..GATHER_TURNS {
                tokio::task::yield_now().await;
            }
            let (batch, answers) = gather(first, &mut queue);
            fail_point!("append::gathered");
            self.commit(batch, answers).await;
        }
    }

    /// Appends a batch and answers each of its commands. When the database refuses the batch as a whole, each command is
    /// tried alone, so that what is wrong with one of them never fails its neighbours.
    async fn commit(&self, batch: Vec<Append>, answers: Vec<Answer>) {
        match self.attempt(&batch).await {
            Ok(outcomes) => self.answer(batch, answers, outcomes),
            Err(AppendFailure::Nothing(error)) if batch.len() > 1 && !is_passing(&error) => {
                tracing::warn!(%error, commands = batch.len(), "batch refused, appending its commands one by one");
                for (append, answer) in batch.into_iter().zip(answers) {
                    match self.attempt(std::slice::from_ref(&append)).await {
                        Ok(outcomes) => self.answer(vec![append], vec![answer], outcomes),
                        Err(failure) => self.fail(vec![append], vec![answer], failure),
                    }
                }
            }
            Err(failure) => self.fail(batch, answers, failure),
        }
    }

    fn answer(&self, batch: Vec<Append>, answers: Vec<Answer>, outcomes: Vec<Outcome>) {
        fail_point!("append::before_settling");
        raise(&self.head, &outcomes);
        crate::metrics::batch(&batch, &outcomes);
        for (append, outcome) in batch.iter().zip(&outcomes) {
            self.settle(append, matches!(outcome, Outcome::Appended(_)));
        }
        fail_point!("append::before_answering");
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A client that has gone hears nothing; its command is in all the same.
            let _ = answer.send(Ok(outcome));
            fail_point!("append::answered_one");
        }
    }

    fn fail(&self, batch: Vec<Append>, answers: Vec<Answer>, failure: AppendFailure) {
        let error = LogError::from(failure);
        tracing::error!(%error, commands = batch.len(), "batch failed");
        for append in &batch {
            self.settle(append, false);
        }
        for answer in answers {
            let _ = answer.send(Err(error.clone()));
        }
    }

    /// Before the answer leaves: whoever is answered finds its own state settled.
    fn settle(&self, append: &Append, committed: bool) {
        append.fate.settle(committed);
        self.states.settle(&append.fate, append.events.iter().map(|draft| &draft.stream));
    }

    /// Tries a batch once more when its connection turned out to be dead before anything was committed.
    async fn attempt(&self, batch: &[Append]) -> Result<Vec<Outcome>, AppendFailure> {
        match self.store.append(batch, &self.memory).await {
            Err(AppendFailure::Nothing(error)) if is_lost(&error) => {
                tracing::warn!(%error, "connection lost before commit, trying once more");
                self.store.append(batch, &self.memory).await
            }
            result => result,
        }
    }
}

fn gather(first: Waiting, queue: &mut mpsc::Receiver<Waiting>) -> (Vec<Append>, Vec<Answer>) {
    let mut bytes = first.append.bytes();
    let (mut batch, mut answers) = (vec![first.append], vec![first.answer]);
    while batch.len() < BATCH_COMMANDS && bytes < BATCH_BYTES {
        let Ok(next) = queue.try_recv() else { break };
        bytes += next.append.bytes();
        batch.push(next.append);
        answers.push(next.answer);
    }
    (batch, answers)
}

/// Did the connection go, rather than the database say no? (sqlx's own enum: open-ended.)
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        // PostgreSQL says goodbye: shut down, crashed, or starting up again.
        sqlx::Error::Database(e) => e.code().is_some_and(|code| code.starts_with("57P") || code == "25P03"),
        _ => false,
    }
}

fn raise(head: &watch::Sender<u64>, outcomes: &[Outcome]) {
    let last = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Appended(placed) => Some(placed.position),
        Outcome::Replayed(_) | Outcome::KeyReused | Outcome::Conflict => None,
    });
    if let Some(last) = last.max() {
        head.send_if_modified(|head| std::mem::replace(head, last.max(*head)) < last);
    }
}

impl Append {
    /// Bytes that it brings to a batch, near enough.
    pub(crate) fn bytes(&self) -> usize {
        let events = self.events.iter().map(|draft| draft.event.payload.len());
        let secrets = self.secrets.iter().map(|secret| secret.name.len() + secret.value.as_ref().map_or(0, String::len));
        let receipt = self.receipt.as_ref().map_or(0, |r| r.refusal.as_ref().or(r.result.as_ref()).map_or(0, String::len));
        events.sum::<usize>() + secrets.sum::<usize>() + receipt
    }
}

impl From<AppendFailure> for LogError {
    fn from(failure: AppendFailure) -> Self {
        match failure {
            AppendFailure::Nothing(error) => Self::Store(Arc::new(error)),
            AppendFailure::Damaged(error) => error,
            AppendFailure::Unknown(error) => Self::Unknown(Arc::new(error)),
        }
    }
}
