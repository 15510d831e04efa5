//! `POST /ledger/transfers`: one transfer a line in, one answer a line out, in the same order (docs/transfers.md).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use commands::transfers::{CreateTransfers, create_transfers};
use commands::{ExecuteError, Executed};
use domain::transfers::{Answer, Answers, MAX_BATCH, Outcome, Transfer, TransferOutcome};
use futures_util::{StreamExt as _, stream};
use kernel::Refused;
use serde::Deserialize;
use serde_json::json;

use super::book;
use super::line;
use crate::access::{self, Root};
use crate::app::App;
use crate::errors::{self, ApiError, facts, text, timestamp};
use crate::mutation::refusal;
use crate::reading::token;
use crate::transport::{CORRELATION_HEADER, RequestMeta, TurnedAway, bearer};
use crate::viewer::{FrontDoor, Viewer};

const PATH: &str = "/ledger/transfers";
/// Most bytes of a body: 8,000 lines of ordinary length.
const MAX_BYTES: usize = 4 << 20;
/// A client that takes longer than this to send its body is dropped.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Answers that leave together.
const LINES: usize = 500;
/// Makes retries harmless.
const KEY_HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// What the command did.
const RECEIPT_HEADER: HeaderName = HeaderName::from_static("daybook-receipt");
const NDJSON: &str = "application/x-ndjson";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    book: Option<String>,
}

/// The route for batches of transfers.
pub fn router(app: Arc<App>) -> Router {
    Router::new().route(PATH, post(serve)).with_state(app)
}

/// Why a request was not answered with lines.
struct Fault {
    refused: Refused,
    /// In English, for the developer of the client.
    details: Option<String>,
    /// Where it is not the code's own.
    status: Option<StatusCode>,
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self { refused, details: None, status: None }
    }
}

impl Fault {
    fn malformed(status: StatusCode, details: impl Into<String>) -> Self {
        Self { details: Some(details.into()), status: Some(status), ..Refused::code(errors::MALFORMED).into() }
    }

    fn response(&self, meta: &RequestMeta) -> Response {
        let code = &self.refused.code;
        let own = || StatusCode::from_u16(facts(code).status).unwrap_or(StatusCode::BAD_REQUEST);
        let status = self.status.unwrap_or_else(own);
        let details = match &self.details {
            Some(reason) => json!({ "reason": reason, "field": self.refused.field }),
            None => json!({ "field": self.refused.field }),
        };
        let body = json!({
            "success": false,
            "error": { "code": code, "message": text(&self.refused, meta.language), "details": details },
            "path": PATH,
            "status": status.as_u16(),
            "timestamp": timestamp(),
        });
        (status, axum::Json(body)).into_response()
    }
}

async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let meta = RequestMeta::read(&parts);
    let mut response = match answer(&app, &parts, body, &meta).await {
        Ok(response) => response,
        Err(fault) => fault.response(&meta),
    };
    if let Ok(id) = HeaderValue::from_str(&meta.correlation_id.to_string()) {
        response.headers_mut().insert(CORRELATION_HEADER, id);
    }
    response
}

async fn answer(app: &Arc<App>, parts: &Parts, body: Body, meta: &RequestMeta) -> Result<Response, Fault> {
    let viewer = viewer(app, parts).await?;
    if !parts.headers.get(header::CONTENT_TYPE).is_some_and(is_ndjson) {
        return Err(Fault::malformed(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/x-ndjson"));
    }
    let key = parts.headers.get(KEY_HEADER).and_then(|value| value.to_str().ok());
    let key = key.ok_or_else(|| Fault::malformed(StatusCode::BAD_REQUEST, "the header Idempotency-Key is required"))?;
    let caller = viewer.caller(Some(key.to_owned()), meta)?;
    let params = Query::<Params>::try_from_uri(&parts.uri).map_err(|wrong| Fault::malformed(StatusCode::BAD_REQUEST, wrong.to_string()))?;
    let book = book(params.0.book.as_deref())?;
    let transfers = read(&gathered(body).await?)?;
    let ids: Vec<_> = transfers.iter().map(|transfer| transfer.id).collect();
    // Goes on to its end even when its client has gone.
    let (ctx, command) = (app.ctx.clone(), CreateTransfers { book, transfers });
    let task = tokio::spawn(async move { create_transfers(&ctx, &caller, &command).await });
    let done = task.await.map_err(|_| Refused::code(errors::INTERNAL))?.map_err(refused)?;
    if let Some(user) = viewer.user {
        app.hot.acknowledge(&user.to_string(), done.receipt.position).await;
    }
    Ok(lines(&done, ids))
}

/// The signed-in caller, who may do here what they may do by `createTransfers`.
async fn viewer(app: &Arc<App>, parts: &Parts) -> Result<Viewer, Fault> {
    let door = FrontDoor(Arc::clone(app));
    let viewer = door.viewer_of(bearer(&parts.headers)).await.map_err(turned_away)?;
    access::admit(Root::Mutation, "createTransfers", &viewer)?;
    Ok(viewer)
}

fn turned_away(why: TurnedAway) -> Fault {
    let code = match why {
        TurnedAway::Unauthenticated => errors::TOKEN_REFUSED,
        TurnedAway::Forbidden => errors::FORBIDDEN,
        TurnedAway::Limited { retry_after } => return errors::limited(retry_after.as_secs().max(1)).into(),
        TurnedAway::Unavailable => errors::UNAVAILABLE,
    };
    Refused::code(code).into()
}

fn is_ndjson(value: &HeaderValue) -> bool {
    let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(NDJSON) || kind.eq_ignore_ascii_case("application/ndjson")
}

async fn gathered(body: Body) -> Result<Bytes, Fault> {
    let too_large = || Fault::malformed(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has at most {MAX_BYTES} bytes"));
    match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MAX_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Fault::malformed(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

/// The transfers of a body; an empty last line is none.
fn read(body: &[u8]) -> Result<Arc<[Transfer]>, Fault> {
    let lines = body.strip_suffix(b"\n").unwrap_or(body).split(|byte| *byte == b'\n');
    let mut transfers = Vec::new();
    for (row, number) in lines.zip(1_usize..) {
        if number > MAX_BATCH {
            return Err(Fault::malformed(StatusCode::BAD_REQUEST, format!("a batch has 1 to {MAX_BATCH} lines")));
        }
        let wrong = |wrong| Fault::malformed(StatusCode::BAD_REQUEST, format!("line {number}: {wrong}"));
        transfers.push(line::read(row).map_err(wrong)?);
    }
    Ok(transfers.into())
}

fn refused(error: ExecuteError) -> Fault {
    match refusal(error) {
        Ok(refused) | Err(ApiError::Refused(refused)) => refused.into(),
        Err(ApiError::Lagging { .. } | ApiError::Slow { .. }) => Refused::code(errors::INTERNAL).into(),
        Err(ApiError::Internal(cause)) => {
            tracing::error!(%cause, "a batch of transfers failed");
            Refused::code(errors::INTERNAL).into()
        }
    }
}

/// One line for each transfer, streamed.
fn lines(done: &Executed<Answers<TransferOutcome>>, ids: Vec<u128>) -> Response {
    let receipt = &done.receipt;
    let events: Vec<_> = receipt.event_ids.iter().map(|id| format!("event-{id}")).collect();
    let receipt = json!({
        "commandId": receipt.command_id.to_string(),
        "correlationId": receipt.correlation_id.to_string(),
        "eventIds": events,
        "position": receipt.position.to_string(),
        "token": token(receipt.position),
        "replayed": receipt.replayed,
        "committedAt": format!("{:.6}", receipt.committed_at),
    });
    let answers: Vec<_> = ids.into_iter().zip(done.value.0.iter().copied()).collect();
    let chunks: Vec<_> = answers.chunks(LINES).map(<[_]>::to_vec).collect();
    let chunks = stream::iter(chunks).map(|chunk| Ok::<_, std::convert::Infallible>(chunk.into_iter().map(told).collect::<String>()));
    let mut response = Body::from_stream(chunks).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    if let Ok(value) = HeaderValue::from_str(&receipt.to_string()) {
        response.headers_mut().insert(RECEIPT_HEADER, value);
    }
    response
}

/// An answer as a line; names and digits need no escapes.
fn told((id, Answer { outcome, timestamp }): (u128, Answer<TransferOutcome>)) -> String {
    let result = Outcome::name(outcome);
    match timestamp {
        0 => format!("{{\"id\":\"{id}\",\"result\":\"{result}\"}}\n"),
        at => format!("{{\"id\":\"{id}\",\"result\":\"{result}\",\"timestamp\":\"{at}\"}}\n"),
    }
}
