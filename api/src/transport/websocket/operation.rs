//! One operation of a socket: a task that executes it and queues its answers.

use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError, Value};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::errors;
use crate::transport::admission::Unprepared;
use crate::transport::document::{Params, Prepared};
use crate::transport::http::{panicked, run};
use crate::transport::{Admitted, Endpoint, RequestMeta};

/// Something that an operation has to say.
pub(super) struct Outgoing {
    pub(super) id: String,
    /// Tells an operation from an earlier one of the same id.
    pub(super) serial: u64,
    pub(super) answer: Answer,
}

pub(super) enum Answer {
    Next(Box<Response>),
    Error(Vec<ServerError>),
    Complete,
}

/// An operation under way; dropping it ends its task (a mutation runs to its end all the same).
pub(super) struct Running {
    pub(super) serial: u64,
    pub(super) answers_once: bool,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where the answers of one operation go.
pub(super) struct Answers {
    pub(super) id: String,
    pub(super) serial: u64,
    pub(super) queue: mpsc::Sender<Outgoing>,
}

impl Answers {
    /// Waits for room in the queue. A closed queue means that the socket is gone, and this task about to be ended.
    async fn send(&self, answer: Answer) {
        let outgoing = Outgoing { id: self.id.clone(), serial: self.serial, answer };
        drop(self.queue.send(outgoing).await);
    }
}

pub(super) fn start(endpoint: &Endpoint, params: Params, viewer: &Admitted, meta: RequestMeta, answers: Answers) -> Running {
    let serial = answers.serial;
    let prepared = endpoint.prepare(params, viewer, &meta);
    let answers_once = prepared.as_ref().map_or(true, |p| p.operation != OperationType::Subscription);
    let task = match prepared {
        Ok(mut prepared) => {
            let endpoint = endpoint.clone();
            tokio::spawn(async move {
                if let Err(unpaid) = endpoint.charge(&mut prepared).await {
                    let response = errors::finished(unpaid.into(), &meta);
                    answers.send(Answer::Error(response.errors)).await;
                } else if answers_once {
                    once(&endpoint, prepared, &meta, &answers).await
                } else {
                    many(&endpoint, prepared, &meta, &answers).await
                }
            })
        }
        Err(unprepared) => {
            let endpoint = endpoint.clone();
            tokio::spawn(async move {
                // Whoever is refused is counted, too.
                let limited = endpoint.door.refused(&meta).await.map(|retry_after| Unprepared::Limited { retry_after });
                let response = errors::finished(limited.unwrap_or(unprepared).into(), &meta);
                answers.send(Answer::Error(response.errors)).await;
            })
        }
    };
    Running { serial, answers_once, task: task.abort_handle() }
}

async fn once(endpoint: &Endpoint, prepared: Prepared, meta: &RequestMeta, answers: &Answers) {
    let response = run(endpoint, prepared, meta).await;
    if errors::missing_data(&response) {
        answers.send(Answer::Error(response.errors)).await;
    } else {
        answers.send(Answer::Next(Box::new(response))).await;
        answers.send(Answer::Complete).await;
    }
}

/// `prepared` holds the subscription's place until the end.
async fn many(endpoint: &Endpoint, prepared: Prepared, meta: &RequestMeta, answers: &Answers) {
    let mut responses = AssertUnwindSafe(endpoint.schema.subscribe(prepared.request)).catch_unwind();
    let mut first = true;
    while let Some(outcome) = responses.next().await {
        let Ok(mut response) = outcome else {
            return answers.send(Answer::Error(panicked(meta).errors)).await;
        };
        let never_began = first && response.data == Value::Null && !response.errors.is_empty();
        endpoint.finish(&mut response, &prepared.source, meta);
        if never_began {
            return answers.send(Answer::Error(response.errors)).await;
        }
        first = false;
        answers.send(Answer::Next(Box::new(response))).await;
    }
    answers.send(Answer::Complete).await;
}
