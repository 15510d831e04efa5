//! GraphQL over HTTP: <https://graphql.github.io/graphql-over-http/draft/>.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_graphql::Response as GraphQlResponse;
use async_graphql::parser::types::OperationType;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, StreamExt};
use kernel::Refused;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::admission::{Unprepared, seconds};
use super::document::{BadParams, Params, Prepared};
use super::negotiation::{Events, Media, is_json};
use super::{CORRELATION_HEADER, Endpoint, RequestMeta, TurnedAway, bearer, sse, websocket};
use crate::errors::{self, RequestError};

/// A client that takes longer than this to send its body is dropped.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// Of a body that is too large anyway, so much is read and thrown away…
const MAX_IGNORED_BYTES: usize = 16 << 20;
/// …in so much time.
const MAX_IGNORED_TIME: Duration = Duration::from_secs(5);

/// Answers a request to the endpoint, whatever it is.
pub(super) async fn serve(State(endpoint): State<Endpoint>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let meta = RequestMeta::read(&parts);
    let mut response = if websocket::is_upgrade(&parts) {
        match websocket::upgrade(&endpoint, &mut parts, meta.clone()).await {
            Ok(response) => response,
            Err(turned_away) => Fault::TurnedAway(turned_away).response(Media::Json, &meta),
        }
    } else {
        let accept = parts.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
        let wanted = Wanted { media: Media::preferred(accept), events: Events::wanted(accept) };
        match answer(&endpoint, &parts, body, &wanted, &meta).await {
            Ok(response) => response,
            Err(fault) => counted(&endpoint, fault, &meta).await.response(wanted.media.unwrap_or(Media::Json), &meta),
        }
    };
    if let Ok(id) = HeaderValue::from_str(&meta.correlation_id.to_string()) {
        response.headers_mut().insert(CORRELATION_HEADER, id);
    }
    response
}

/// Whoever is refused is counted, too: nobody sends nonsense or guesses tokens without an end.
async fn counted(endpoint: &Endpoint, fault: Fault, meta: &RequestMeta) -> Fault {
    if matches!(fault, Fault::Draining | Fault::TurnedAway(TurnedAway::Limited { .. } | TurnedAway::Unavailable)) {
        return fault;
    }
    match endpoint.door.refused(meta).await {
        Some(retry_after) => Fault::TurnedAway(TurnedAway::Limited { retry_after }),
        None => fault,
    }
}

/// The formats in which a client takes its answer.
struct Wanted {
    media: Option<Media>,
    events: Events,
}

async fn answer(endpoint: &Endpoint, parts: &Parts, body: Body, wanted: &Wanted, meta: &RequestMeta) -> Result<Response, Fault> {
    if endpoint.is_draining() {
        return Err(Fault::Draining);
    }
    if wanted.media.is_none() && wanted.events == Events::No {
        return Err(Fault::NotAcceptable);
    }
    let params = match parts.method {
        Method::GET => from_query(parts, endpoint.limits.body_bytes)?,
        Method::POST => from_body(parts, body, endpoint.limits.body_bytes).await?,
        _ => return Err(Fault::Method("GET, POST")),
    };
    let token = bearer(&parts.headers);
    let viewer = endpoint.door.enter(token, meta).await.map_err(Fault::TurnedAway)?;
    let prepared = match endpoint.prepare(params, &viewer, meta) {
        Ok(mut prepared) => endpoint.charge(&mut prepared).await.map(|()| prepared),
        Err(unprepared) => Err(unprepared),
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(Unprepared::Bad(bad)) => return Err(Fault::Params(bad)),
        Err(Unprepared::Limited { retry_after }) => return Err(Fault::TurnedAway(TurnedAway::Limited { retry_after })),
        // An event stream begins whatever is in the document, and says in it what is wrong.
        Err(Unprepared::Request(fault)) if wanted.events == Events::Preferred => {
            return match counted(endpoint, Fault::Request(fault), meta).await {
                Fault::Request(fault) => Ok(sse::refused(errors::finished(fault, meta))),
                limited => Err(limited),
            };
        }
        Err(Unprepared::Request(fault)) => return Err(Fault::Request(fault)),
    };
    let subscription = prepared.operation == OperationType::Subscription;
    let streamed = wanted.events == Events::Preferred || (subscription && wanted.events == Events::Accepted);
    // A link or a form must never change anything.
    if parts.method == Method::GET && prepared.operation != OperationType::Query && !(subscription && streamed) {
        return Err(Fault::Method("POST"));
    }
    if streamed {
        let visitor = sse::Visitor { viewer, token: token.map(str::to_owned), meta: meta.clone() };
        let resumed = parts.headers.get("last-event-id").and_then(|v| v.to_str().ok()).filter(|id| !id.is_empty());
        return Ok(sse::serve(endpoint, prepared, visitor, resumed));
    }
    if subscription {
        let reason = "subscriptions are served over WebSocket (graphql-transport-ws) and as server-sent events (text/event-stream)";
        return Err(Fault::Request(RequestError::new(errors::VALIDATION_FAILED, reason)));
    }
    Ok(executed(&run(endpoint, prepared, meta).await, wanted.media.unwrap_or(Media::Json)))
}

/// Executes a query or mutation to a finished response. A panic is an internal error; a mutation ends even when its client has gone.
pub(super) async fn run(endpoint: &Endpoint, prepared: Prepared, meta: &RequestMeta) -> GraphQlResponse {
    let execution = AssertUnwindSafe(endpoint.schema.execute(prepared.request)).catch_unwind();
    let outcome = if prepared.operation == OperationType::Mutation {
        let guard = endpoint.in_flight.subscribe();
        let task = tokio::spawn(async move {
            let outcome = execution.await;
            drop(guard);
            outcome
        });
        task.await.ok().and_then(Result::ok)
    } else {
        execution.await.ok()
    };
    match outcome {
        Some(mut response) => {
            endpoint.finish(&mut response, &prepared.source, meta);
            prepared.cost.write(&mut response);
            response
        }
        None => panicked(meta),
    }
}

/// The finished response of an operation that panicked; the panic itself was logged where it happened.
pub(super) fn panicked(meta: &RequestMeta) -> GraphQlResponse {
    tracing::error!(correlation_id = %meta.correlation_id, "a resolver panicked");
    errors::finished(Refused::code(errors::INTERNAL).into(), meta)
}

/// Why a request has no GraphQL response.
#[derive(Debug)]
enum Fault {
    NotAcceptable,
    Method(&'static str),
    ContentType,
    TooLarge,
    Slow,
    Params(BadParams),
    Draining,
    TurnedAway(TurnedAway),
    Request(RequestError),
}

impl Fault {
    fn response(self, media: Media, meta: &RequestMeta) -> Response {
        let status = self.status(media);
        let header = self.header();
        let of_document = matches!(self, Self::Request(_));
        let mut said = errors::finished(self.error(), meta);
        if !of_document {
            // The code of a malformed request is one for many statuses.
            said.errors.iter_mut().filter_map(|error| error.extensions.as_mut()).for_each(|e| e.set("status", status.as_u16()));
        }
        let mut response = written(status, media, &said);
        response.headers_mut().extend(header);
        response
    }

    const fn status(&self, media: Media) -> StatusCode {
        match self {
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Params(_) => StatusCode::BAD_REQUEST,
            Self::Draining | Self::TurnedAway(TurnedAway::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TurnedAway(TurnedAway::Unauthenticated) => StatusCode::UNAUTHORIZED,
            Self::TurnedAway(TurnedAway::Forbidden) => StatusCode::FORBIDDEN,
            Self::TurnedAway(TurnedAway::Limited { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Request(_) => match media {
                Media::Json => StatusCode::OK,
                Media::GraphQlResponse => StatusCode::BAD_REQUEST,
            },
        }
    }

    fn header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::Method(methods) => Some((header::ALLOW, HeaderValue::from_static(methods))),
            Self::TurnedAway(TurnedAway::Unauthenticated) => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\"")))
            }
            Self::TurnedAway(TurnedAway::Limited { retry_after }) => Some((header::RETRY_AFTER, seconds(*retry_after).into())),
            Self::Draining | Self::TurnedAway(TurnedAway::Unavailable) => Some((header::RETRY_AFTER, 1.into())),
            Self::NotAcceptable
            | Self::ContentType
            | Self::TooLarge
            | Self::Slow
            | Self::Params(_)
            | Self::TurnedAway(TurnedAway::Forbidden)
            | Self::Request(_) => None,
        }
    }

    fn error(self) -> RequestError {
        let malformed = |reason: &str| RequestError::new(errors::MALFORMED, reason);
        match self {
            Self::NotAcceptable => malformed("acceptable are application/graphql-response+json, application/json and text/event-stream"),
            Self::Method(methods) => malformed(&format!("send this by {methods}")),
            Self::ContentType => malformed("the body must be application/json in UTF-8"),
            Self::TooLarge => malformed("the request is too large"),
            Self::Slow => malformed("the body did not arrive in time"),
            Self::Params(bad) => malformed(&bad.0),
            Self::Draining | Self::TurnedAway(TurnedAway::Unavailable) => Refused::code(errors::UNAVAILABLE).into(),
            Self::TurnedAway(TurnedAway::Unauthenticated) => Refused::code(errors::TOKEN_REFUSED).into(),
            Self::TurnedAway(TurnedAway::Forbidden) => Refused::code(errors::FORBIDDEN).into(),
            Self::TurnedAway(TurnedAway::Limited { retry_after }) => errors::limited(seconds(retry_after)).into(),
            Self::Request(fault) => fault,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetParams {
    query: Option<String>,
    variables: Option<String>,
    operation_name: Option<String>,
    extensions: Option<String>,
}

fn from_query(parts: &Parts, limit: usize) -> Result<Params, Fault> {
    let bytes = parts.uri.query().map_or(0, str::len);
    if bytes > limit {
        return Err(Fault::TooLarge);
    }
    let bad = |reason: String| Fault::Params(BadParams(reason));
    let Query(get) = Query::<GetParams>::try_from_uri(&parts.uri).map_err(|e| bad(e.body_text()))?;
    let json = |name: &str, text: Option<String>| match text.filter(|t| !t.is_empty()) {
        None => Ok(Json::Null),
        Some(text) => serde_json::from_str(&text).map_err(|e| bad(format!("`{name}` is no JSON: {e}"))),
    };
    let fields = serde_json::Map::from_iter([
        ("query".to_owned(), get.query.into()),
        ("operationName".to_owned(), get.operation_name.into()),
        ("variables".to_owned(), json("variables", get.variables)?),
        ("extensions".to_owned(), json("extensions", get.extensions)?),
    ]);
    Params::from_json(Json::Object(fields), bytes).map_err(Fault::Params)
}

async fn from_body(parts: &Parts, body: Body, limit: usize) -> Result<Params, Fault> {
    if !is_json(parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok())) {
        return Err(Fault::ContentType);
    }
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limit as u64) {
        take_the_rest(parts, body);
        return Err(Fault::TooLarge);
    }
    let bytes = read(body, limit).await?;
    let json = serde_json::from_slice(&bytes).map_err(|e| Fault::Params(BadParams(format!("the body is no JSON: {e}"))))?;
    Params::from_json(json, bytes.len()).map_err(Fault::Params)
}

/// Lets a client that sends far too much finish, within reason: most read no answer before they have said everything, and take a
/// connection that is closed meanwhile for a broken one. One that asked whether to send (`Expect`) has its answer already.
fn take_the_rest(parts: &Parts, body: Body) {
    if parts.headers.contains_key(header::EXPECT) {
        return;
    }
    let rest = async move {
        let mut chunks = body.into_data_stream();
        let mut left = MAX_IGNORED_BYTES;
        while let Some(Ok(chunk)) = chunks.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => break,
            }
        }
    };
    tokio::spawn(tokio::time::timeout(MAX_IGNORED_TIME, rest));
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Fault> {
    let mut chunks = body.into_data_stream();
    let collect = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Fault::Params(BadParams("the body ended early".to_owned())))?;
            if bytes.len() + chunk.len() > limit {
                return Err(Fault::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Bytes::from(bytes))
    };
    tokio::time::timeout(BODY_TIMEOUT, collect).await.unwrap_or(Err(Fault::Slow))
}

fn executed(response: &GraphQlResponse, media: Media) -> Response {
    let broke = response.errors.iter().any(|e| e.extensions.as_ref().and_then(|x| x.get("code")) == Some(&errors::INTERNAL.into()));
    let status = match (media, errors::missing_data(response)) {
        (Media::Json, _) | (Media::GraphQlResponse, false) => StatusCode::OK,
        (Media::GraphQlResponse, true) if broke => StatusCode::INTERNAL_SERVER_ERROR,
        (Media::GraphQlResponse, true) => StatusCode::BAD_REQUEST,
    };
    written(status, media, response)
}

/// A response as it is written: errors first, and no `data` at all when nothing was executed.
#[derive(Serialize)]
pub(super) struct Written<'r> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'r [async_graphql::ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'r async_graphql::Value>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extensions: &'r std::collections::BTreeMap<String, async_graphql::Value>,
}

impl<'r> From<&'r GraphQlResponse> for Written<'r> {
    fn from(response: &'r GraphQlResponse) -> Self {
        let data = (!errors::missing_data(response)).then_some(&response.data);
        Self { errors: &response.errors, data, extensions: &response.extensions }
    }
}

fn written(status: StatusCode, media: Media, response: &GraphQlResponse) -> Response {
    let body = serde_json::to_vec(&Written::from(response)).unwrap_or_else(|error| {
        tracing::error!(%error, "a response could not be written");
        br#"{"errors":[{"message":"internal error","extensions":{"code":"SYS001","status":500}}]}"#.to_vec()
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media.content_type())),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("accept, accept-language, authorization")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let mut answer = (status, headers, body).into_response();
    answer.headers_mut().extend(response.http_headers.clone());
    answer
}
