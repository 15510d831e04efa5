//! Server-sent events, one connection for each operation: the "distinct connections mode" of
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>.
//!
//! Every answer is a `next` event; `complete` ends the stream. Whatever is wrong with the document or with a field is said in a
//! `next` event: a browser's `EventSource` shows no body of any other status than 200. Events of subscriptions have the cursor of
//! their item for an id, so that a client that comes back with `Last-Event-ID` goes on where it was.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Response as GraphQlResponse, Value as ConstValue};
use async_graphql_value::Value;
use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, Interval};

use super::document::Prepared;
use super::http::{Written, panicked, run};
use super::types::{Types, innermost};
use super::websocket::{expiry, turned_true};
use super::welcome::{Stay, ticks};
use super::{Admitted, Endpoint, RequestMeta};
use crate::errors;

/// A comment goes out this often, so that nothing on the way takes the connection for dead; the door is asked again, too.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// The first bytes: how long a browser waits before it comes back, in milliseconds.
const OPENING: &str = "retry: 1000\n\n";
/// A comment.
const ALIVE: &str = ":\n\n";
/// The end. It has data: a browser drops events without.
const COMPLETE: &str = "event: complete\ndata:\n\n";
/// Under which name each item's cursor is asked for; no field of a schema begins with two underscores.
const CURSOR: &str = "__cursor";

/// Who listens.
pub(super) struct Visitor {
    pub(super) viewer: Admitted,
    pub(super) token: Option<String>,
    pub(super) meta: RequestMeta,
}

/// The stream of a request that is not executed: says why, and ends.
pub(super) fn refused(response: GraphQlResponse) -> Response {
    let events = [OPENING.to_owned(), next(&response, None), COMPLETE.to_owned()];
    respond(stream::iter(events))
}

/// The stream of an operation.
pub(super) fn serve(endpoint: &Endpoint, mut prepared: Prepared, visitor: Visitor, resumed: Option<&str>) -> Response {
    let subscription = prepared.operation == OperationType::Subscription;
    let numbered = subscription.then(|| number(&mut prepared, &endpoint.types, resumed)).flatten();
    let responses = if subscription {
        many(endpoint.clone(), prepared, visitor.meta.clone())
    } else {
        let (endpoint, meta) = (endpoint.clone(), visitor.meta.clone());
        stream::once(async move { run(&endpoint, prepared, &meta).await }).boxed()
    };
    let events = Events {
        _open: endpoint.in_flight.subscribe(),
        draining: endpoint.draining.clone(),
        deadline: expiry(&visitor.viewer),
        alive: ticks(ALIVE_EVERY),
        endpoint: endpoint.clone(),
        responses,
        subscription,
        numbered,
        visitor,
        ending: false,
    };
    let live = stream::unfold(events, |mut events| async move { events.next().await.map(|text| (text, events)) });
    respond(stream::once(std::future::ready(OPENING.to_owned())).chain(live))
}

fn respond(events: impl stream::Stream<Item = String> + Send + 'static) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept, accept-language, authorization")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // Proxies that gather answers would hold events back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(events.map(|text| Ok::<_, Infallible>(Bytes::from(text))))).into_response()
}

/// The finished responses of a subscription. After a panic, the stream says so and ends.
fn many(endpoint: Endpoint, prepared: Prepared, meta: RequestMeta) -> BoxStream<'static, GraphQlResponse> {
    let responses = AssertUnwindSafe(endpoint.schema.subscribe(prepared.request)).catch_unwind();
    let (source, place) = (prepared.source, prepared.place);
    let finished = responses.map(move |outcome| match outcome {
        Ok(mut response) => {
            // Held for as long as the stream is there.
            let _ = &place;
            endpoint.finish(&mut response, &source, &meta);
            response
        }
        Err(_) => panicked(&meta),
    });
    finished.boxed()
}

/// A stream under way. Dropped with its connection, and everything that it asked for with it (a mutation ends all the same).
struct Events {
    endpoint: Endpoint,
    responses: BoxStream<'static, GraphQlResponse>,
    subscription: bool,
    /// The response key of the items that have cursors.
    numbered: Option<Name>,
    visitor: Visitor,
    alive: Interval,
    /// When the token ends.
    deadline: Instant,
    draining: watch::Receiver<bool>,
    ending: bool,
    _open: watch::Receiver<()>,
}

impl Events {
    /// The next piece of text; none at the end. Without a word when the server goes away: the client comes back to another.
    async fn next(&mut self) -> Option<String> {
        if self.ending {
            return None;
        }
        tokio::select! {
            biased;
            () = turned_true(&mut self.draining), if self.subscription => None,
            () = tokio::time::sleep_until(self.deadline), if self.subscription => Some(self.signed_out()),
            _ = self.alive.tick() => Some(if self.is_welcome().await { ALIVE.to_owned() } else { self.signed_out() }),
            response = self.responses.next() => Some(match response {
                Some(mut response) => {
                    let cursor = self.numbered.as_ref().and_then(|key| take_cursor(&mut response, key));
                    next(&response, cursor.as_deref())
                }
                None => {
                    self.ending = true;
                    COMPLETE.to_owned()
                }
            }),
        }
    }

    /// The token has ended or was revoked.
    fn signed_out(&mut self) -> String {
        self.ending = true;
        let refused = kernel::Refused::code(errors::TOKEN_REFUSED);
        next(&errors::finished(refused.into(), &self.visitor.meta), None) + COMPLETE
    }

    /// Asks whether the client may stay: a session that was revoked ends here and not with its token.
    async fn is_welcome(&mut self) -> bool {
        let Visitor { viewer, token, meta } = &self.visitor;
        match self.endpoint.may_stay(token.as_deref(), viewer, meta).await {
            Stay::As(viewer) => self.deadline = expiry(&viewer),
            Stay::Unasked => {}
            Stay::No => return false,
        }
        true
    }
}

/// A response as a `next` event. JSON as it is written here has no line breaks.
fn next(response: &GraphQlResponse, id: Option<&str>) -> String {
    let data = serde_json::to_string(&Written::from(response)).unwrap_or_else(|error| {
        tracing::error!(%error, "a response could not be written");
        r#"{"errors":[{"message":"internal error","extensions":{"code":"SYS001","status":500}}]}"#.to_owned()
    });
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    format!("event: next\n{id}data: {data}\n\n")
}

/// Asks for the cursor of every item, and makes the subscription go on after the last one that the client has seen. Answers the
/// response key of the items; none when the schema gives them no cursors.
fn number(prepared: &mut Prepared, types: &Types, resumed: Option<&str>) -> Option<Name> {
    let mut document = async_graphql::parser::parse_query(&prepared.source.query).ok()?;
    let root = types.root(OperationType::Subscription)?;
    let field = root_field(&mut document, prepared.source.operation_name.as_deref())?;
    let shape = types.field(root, &field.node.name.node)?;
    types.field(innermost(&shape.ty), "cursor")?;
    // A document that asks for nothing stays as wrong as it is.
    field.node.selection_set.node.items.first()?;
    let (key, pos) = (field.node.response_key().node.clone(), field.pos);
    let cursor = Field {
        alias: Some(Positioned::new(Name::new(CURSOR), pos)),
        name: Positioned::new(Name::new("cursor"), pos),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet { items: Vec::new() }, pos),
    };
    field.node.selection_set.node.items.push(Positioned::new(Selection::Field(Positioned::new(cursor, pos)), pos));
    let mut variable = None;
    if let Some(seen) = resumed.filter(|_| shape.takes("after")) {
        match field.node.arguments.iter_mut().find(|(name, _)| name.node == "after") {
            Some((_, Positioned { node: Value::Variable(name), .. })) => variable = Some((name.clone(), seen.to_owned())),
            Some((_, value)) => value.node = Value::String(seen.to_owned()),
            None => {
                let after = (Positioned::new(Name::new("after"), pos), Positioned::new(Value::String(seen.to_owned()), pos));
                field.node.arguments.push(after);
            }
        }
    }
    if let Some((name, seen)) = variable {
        prepared.request.variables.insert(name, ConstValue::String(seen));
    }
    prepared.request.set_parsed_query(document);
    Some(key)
}

/// The one field of a subscription, where it stands in the operation itself.
fn root_field<'d>(document: &'d mut ExecutableDocument, name: Option<&str>) -> Option<&'d mut Positioned<Field>> {
    let operation = match (&mut document.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name)?,
        (DocumentOperations::Multiple(operations), None) => operations.values_mut().next()?,
    };
    operation.node.selection_set.node.items.iter_mut().find_map(|item| match &mut item.node {
        Selection::Field(field) => Some(field),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
    })
}

/// Takes the cursor that [`number`] asked for out of a response.
fn take_cursor(response: &mut GraphQlResponse, key: &Name) -> Option<String> {
    let ConstValue::Object(data) = &mut response.data else { return None };
    let ConstValue::Object(item) = data.get_mut(key)? else { return None };
    match item.shift_remove(CURSOR)? {
        ConstValue::String(cursor) if !cursor.contains(['\n', '\r', '\0']) => Some(cursor),
        _ => None,
    }
}
