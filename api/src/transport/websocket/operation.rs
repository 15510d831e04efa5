//! One operation of a socket: a task that executes it and queues its answers.

use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, ServerError, Value};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::errors;
use crate::observe::trace::{Named, TraceContext};
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
    pub(super) queue: mpsc::Sender<Box<Outgoing>>,
}

impl Answers {
    /// Waits for room in the queue. A closed queue means that the socket is gone, and this task about to be ended.
    async fn send(&self, answer: Answer) {
        let outgoing = Outgoing { id: self.id.clone(), serial: self.serial, answer };
        drop(self.queue.send(Box::new(outgoing)).await);
    }
}

/// How operations of a socket are called in log lines, where requests have their method.
const METHOD: &str = "WEBSOCKET";

/// The span of an operation, as requests over HTTP have theirs; from here on the operation is a step of its own in its caller's trace.
fn named(meta: &mut RequestMeta, viewer: &Admitted) -> Span {
    let caller = meta.traceparent.as_deref().and_then(TraceContext::parse);
    let ours = TraceContext::within(caller);
    meta.traceparent = Some(ours.to_string());
    let ip = meta.remote.map(|address| address.to_canonical().to_string()).unwrap_or_default();
    let span = Named { method: METHOD, correlation_id: &meta.correlation_id.to_string(), caller, ours, ip: &ip }.span();
    if let Some(caller) = &viewer.caller {
        span.record("user_id", caller.as_str());
    }
    span
}

/// A line for the log when an operation has ended by itself; what its client ends is not worth one.
async fn noted(operation: impl Future<Output = ()>) {
    let begun = Instant::now();
    operation.await;
    tracing::info!(target: "daybook::access", duration_s = begun.elapsed().as_secs_f64(), "answered");
}

pub(super) fn start(endpoint: &Endpoint, params: Params, viewer: &Admitted, mut meta: RequestMeta, answers: Answers) -> Running {
    let serial = answers.serial;
    let span = named(&mut meta, viewer);
    let prepared = endpoint.prepare(params, viewer, &meta);
    let answers_once = prepared.as_ref().map_or(true, |p| p.operation != OperationType::Subscription);
    let task = match prepared {
        Ok(mut prepared) => {
            let endpoint = endpoint.clone();
            let operation = async move {
                if let Err(unpaid) = endpoint.charge(&mut prepared).await {
                    let response = errors::finished(unpaid.into(), &meta);
                    answers.send(Answer::Error(response.errors)).await;
                } else if answers_once {
                    once(&endpoint, prepared, &meta, &answers).await
                } else {
                    many(&endpoint, prepared, &meta, &answers).await
                }
            };
            tokio::spawn(noted(operation).instrument(span))
        }
        Err(unprepared) => {
            let endpoint = endpoint.clone();
            let refusal = async move {
                // Whoever is refused is counted, too.
                let limited = endpoint.door.refused(&meta).await.map(|retry_after| Unprepared::Limited { retry_after });
                let response = errors::finished(limited.unwrap_or(unprepared).into(), &meta);
                answers.send(Answer::Error(response.errors)).await;
            };
            tokio::spawn(noted(refusal).instrument(span))
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
