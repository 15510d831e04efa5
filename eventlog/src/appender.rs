//! Group commit: one task per log appends what many commands have decided, in one database transaction.
//!
//! A batch forms by load alone: whatever waits while the last batch was written goes into the next one, so an idle log
//! adds no delay. Each command gets its own answer.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{LogError, is_passing};
use crate::outcome::{Append, Outcome};
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
    /// Starts the task; it raises `head` to the last position appended.
    pub(crate) fn start(store: Store, head: Arc<watch::Sender<u64>>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (close, closing) = watch::channel(false);
        let (running, ended) = watch::channel(());
        tokio::spawn(async move {
            run(&store, &head, waiting, closing).await;
            drop(running);
        });
        Self { queue, close, ended }
    }

    /// Appends one command's decision; waits while the queue is full.
    pub(crate) async fn append(&self, append: Append) -> Result<Outcome, LogError> {
        let (answer, outcome) = oneshot::channel();
        self.queue.send(Waiting { append, answer }).await.map_err(|_| LogError::Closed)?;
        outcome.await.map_err(|_| LogError::Closed)?
    }

    /// Answers what waits, takes nothing more, and ends.
    pub(crate) async fn close(&self) {
        self.close.send_replace(true);
        // An error says that the task has dropped its end: it is over.
        let _ = self.ended.clone().changed().await;
    }
}

async fn run(store: &Store, head: &watch::Sender<u64>, mut queue: mpsc::Receiver<Waiting>, mut closing: watch::Receiver<bool>) {
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
        commit(store, head, batch, answers).await;
    }
}

type Answers = Vec<oneshot::Sender<Result<Outcome, LogError>>>;

fn gather(first: Waiting, queue: &mut mpsc::Receiver<Waiting>) -> (Vec<Append>, Answers) {
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

/// Appends a batch and answers each of its commands. When the database refuses the batch as a whole, each command is
/// tried alone, so that what is wrong with one of them never fails its neighbours.
async fn commit(store: &Store, head: &watch::Sender<u64>, batch: Vec<Append>, answers: Answers) {
    match attempt(store, &batch).await {
        Ok(outcomes) => {
            raise(head, &outcomes);
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                // A client that has gone hears nothing; its command is in all the same.
                let _ = answer.send(Ok(outcome));
            }
        }
        Err(AppendFailure::Nothing(error)) if batch.len() > 1 && !is_passing(&error) => {
            tracing::warn!(%error, commands = batch.len(), "batch refused, appending its commands one by one");
            for (append, answer) in batch.into_iter().zip(answers) {
                let result = attempt(store, std::slice::from_ref(&append)).await;
                let result = result.map(|mut outcomes| {
                    raise(head, &outcomes);
                    outcomes.remove(0)
                });
                let _ = answer.send(result.map_err(LogError::from));
            }
        }
        Err(failure) => {
            let error = LogError::from(failure);
            tracing::error!(%error, commands = batch.len(), "batch failed");
            for answer in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}

/// Tries a batch once more when its connection turned out to be dead before anything was committed.
async fn attempt(store: &Store, batch: &[Append]) -> Result<Vec<Outcome>, AppendFailure> {
    match store.append(batch).await {
        Err(AppendFailure::Nothing(error)) if is_lost(&error) => {
            tracing::warn!(%error, "connection lost before commit, trying once more");
            store.append(batch).await
        }
        result => result,
    }
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
