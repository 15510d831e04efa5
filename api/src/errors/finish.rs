//! The last pass over every response: no error leaves without its code, and no internal text leaves at all.

use async_graphql::{PathSegment, Response, ServerError, Value};
use kernel::Refused;

use super::{ApiError, INTERNAL, PAGE_SIZE_OUT_OF_RANGE, RequestError, VALIDATION_FAILED, facts, text, timestamp};
use crate::transport::RequestMeta;

/// Errors beyond this many are left out: a response must not be much larger than its request.
const MAX_ERRORS: usize = 50;
/// What async-graphql begins the text with when a value passed validation and still would not fit its type.
const COERCION: [&str; 2] = ["Failed to parse \"", "Expected input type \""];
/// Characters of the library's own words: they may repeat a value of the request.
const MAX_REASON: usize = 500;

/// Fills code, message, status, path, time, correlation id and details of every error. Internal causes are logged here.
pub fn finish(response: &mut Response, meta: &RequestMeta) {
    let executed = !missing_data(response);
    response.errors.truncate(MAX_ERRORS);
    for error in &mut response.errors {
        let public = Public::of(error, executed, meta);
        public.write(error, meta);
    }
}

/// A finished response that only says why the request was not executed.
#[must_use]
pub fn finished(fault: RequestError, meta: &RequestMeta) -> Response {
    let mut public = Public::plain(fault.refused, meta);
    if let Some(reason) = fault.reason {
        public.message.clone_from(&reason);
        public.details.push(("reason", reason.into()));
    }
    let mut error = ServerError { locations: fault.locations, ..ServerError::new("", None) };
    public.write(&mut error, meta);
    Response::from_errors(vec![error])
}

/// Was the request turned down before execution, so that the response has no `data` at all?
#[must_use]
pub fn missing_data(response: &Response) -> bool {
    response.data == Value::Null && !response.errors.is_empty() && response.errors.iter().all(|e| e.path.is_empty())
}

/// What the world may know of an error.
struct Public {
    message: String,
    refused: Refused,
    details: Vec<(&'static str, Value)>,
}

impl Public {
    fn of(error: &ServerError, executed: bool, meta: &RequestMeta) -> Self {
        if let Some(known) = error.source::<ApiError>() {
            return Self::known(known, meta);
        }
        // The library's own words about a request that it did not execute, or about a value; they name fields, never internals.
        if error.source.is_none() && (!executed || COERCION.iter().any(|begin| error.message.starts_with(begin))) {
            let message: String = error.message.chars().take(MAX_REASON).collect();
            let details = vec![("reason", message.clone().into())];
            return Self { message, refused: Refused::code(VALIDATION_FAILED), details };
        }
        log(&error.message, meta);
        Self::plain(Refused::code(INTERNAL), meta)
    }

    fn known(error: &ApiError, meta: &RequestMeta) -> Self {
        match error {
            ApiError::Refused(refused) => Self::plain(refused.clone(), meta),
            ApiError::Lagging { projection, applied, required, retry_after_ms } => {
                let mut public = Self::plain(Refused::code(error.public_code()), meta);
                public.details = vec![
                    ("projection", projection.clone().into()),
                    ("applied", applied.to_string().into()),
                    ("required", required.to_string().into()),
                    ("retryAfterMs", (*retry_after_ms).into()),
                ];
                public
            }
            ApiError::Slow { cursor } => {
                let mut public = Self::plain(Refused::code(error.public_code()), meta);
                public.details = vec![("cursor", cursor.clone().into())];
                public
            }
            ApiError::Internal(cause) => {
                log(&chain(cause.as_ref()), meta);
                Self::plain(Refused::code(INTERNAL), meta)
            }
        }
    }

    fn plain(refused: Refused, meta: &RequestMeta) -> Self {
        let mut details = Vec::new();
        if !refused.field.is_empty() {
            details.push(("fields", Value::List(vec![refused.field.join(".").into()])));
        }
        if refused.code == PAGE_SIZE_OUT_OF_RANGE {
            details.extend(refused.params.get("max").map(|max| ("max", Value::from(max.clone()))));
        }
        Self { message: text(&refused, meta.language), refused, details }
    }

    fn write(self, error: &mut ServerError, meta: &RequestMeta) {
        let facts = facts(&self.refused.code);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", self.refused.code.clone());
        extensions.set("status", facts.status);
        extensions.set("message", text(&self.refused, meta.language));
        let details = self.details.into_iter().map(|(name, value)| (async_graphql::Name::new(name), value));
        extensions.set("details", Value::Object(details.collect()));
        extensions.set("path", path(&error.path));
        extensions.set("timestamp", timestamp());
        extensions.set("correlationId", meta.correlation_id.to_string());
        extensions.set("retryable", facts.retryable);
        error.message = self.message;
        error.source = None;
    }
}

fn path(path: &[PathSegment]) -> Value {
    let segment = |s: &PathSegment| match s {
        PathSegment::Field(name) => Value::from(name.clone()),
        PathSegment::Index(index) => Value::from(*index),
    };
    Value::List(path.iter().map(segment).collect())
}

fn log(cause: &str, meta: &RequestMeta) {
    tracing::error!(correlation_id = %meta.correlation_id, cause, "a resolver failed");
}

/// An error with its causes, one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
