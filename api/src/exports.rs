//! `GET /exports/{kind}`: the books as a file, streamed, for finance and auditors. That it is read is on record before its first
//! byte leaves, and its digest after the last (api.md §5; `projections::export`).

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use commands::ExecuteError;
use futures_util::stream;
use kernel::Refused;
use projections::export::{self, ExportError, Format, Range, Summary};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::access::rules::EXPORTS;
use crate::app::App;
use crate::errors::{FORBIDDEN, INTERNAL, MALFORMED, TOKEN_REFUSED, UNAVAILABLE, limited};
use crate::side::failure;
use crate::transport::{RequestMeta, TurnedAway, bearer};
use crate::viewer::FrontDoor;

/// Exports that are written at a time; each walks the log.
const AT_ONCE: usize = 4;
/// Chunks that wait for a slow reader.
const CHUNKS: usize = 8;
/// When to come again while too many are being written, in seconds.
const RETRY_SECONDS: u64 = 10;
/// Names the export in the log: its events carry the digest.
const EXPORT_HEADER: header::HeaderName = header::HeaderName::from_static("daybook-export");

#[derive(Clone)]
struct Exports {
    door: FrontDoor,
    turns: Arc<Semaphore>,
}

/// Which positions.
#[derive(Deserialize)]
struct Wanted {
    from: Option<u64>,
    to: Option<u64>,
}

/// The route of exports.
pub fn router(app: Arc<App>) -> Router {
    let exports = Exports { door: FrontDoor(app), turns: Arc::new(Semaphore::new(AT_ONCE)) };
    Router::new().route("/exports/{kind}", get(show)).with_state(exports)
}

async fn show(State(exports): State<Exports>, Path(kind): Path<String>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let wanted = Query::<Wanted>::from_request_parts(&mut parts, &()).await;
    let wanted = wanted.map(|Query(wanted)| wanted).map_err(|_| Refused::at(MALFORMED, &["from"]));
    let given = match wanted {
        Ok(wanted) => begin(&exports, &kind, &wanted, &RequestMeta::read(&parts), &parts.headers).await,
        Err(refused) => Err(refused),
    };
    match given {
        Ok(response) => response,
        Err(refused) => failure(refused, "/exports/…", &parts.headers),
    }
}

async fn begin(exports: &Exports, kind: &str, wanted: &Wanted, meta: &RequestMeta, headers: &HeaderMap) -> Result<Response, Refused> {
    let viewer = exports.door.viewer_of(bearer(headers)).await.map_err(turned_away)?;
    EXPORTS.admit(&viewer)?;
    let format: Format = kind.parse().map_err(|_| Refused::at("SYS007", &["kind"]))?;
    let app = &exports.door.0;
    let head = app.ctx.log.head().await.map_err(internal)?;
    let range = Range { from: wanted.from.unwrap_or(1), to: wanted.to.map_or(head, |to| to.min(head)) };
    let turn = Arc::clone(&exports.turns).try_acquire_owned().map_err(|_| limited(RETRY_SECONDS))?;
    let caller = viewer.caller(None, meta)?;
    let id = export::begin(&app.ctx, &caller, format, range).await.map_err(refused)?.value;
    let (sender, chunks) = mpsc::channel(CHUNKS);
    let ctx = app.ctx.clone();
    let work = tokio::spawn(async move { export::finish(&ctx, &caller, id, format, range, &sender).await });
    let name = format!("attachment; filename=\"daybook-{}-{}.{}\"", range.from, range.to, format.extension());
    let said = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (EXPORT_HEADER, id.to_string()),
    ];
    Ok((said, streamed(chunks, work, turn)).into_response())
}

/// The chunks as they come. An export that fails ends the body without its end, so that nobody takes a part for the whole.
fn streamed(chunks: mpsc::Receiver<Vec<u8>>, work: JoinHandle<Result<Summary, ExportError>>, turn: OwnedSemaphorePermit) -> Body {
    let start = Some((chunks, work, turn));
    Body::from_stream(stream::unfold(start, |state| async move {
        let (mut chunks, work, turn) = state?;
        if let Some(chunk) = chunks.recv().await {
            return Some((Ok(Bytes::from(chunk)), Some((chunks, work, turn))));
        }
        let failed = match work.await {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(error = failed, "an export was broken off");
        Some((Err(std::io::Error::other(failed)), None))
    }))
}

fn turned_away(why: TurnedAway) -> Refused {
    match why {
        TurnedAway::Unauthenticated => Refused::code(TOKEN_REFUSED),
        TurnedAway::Forbidden => Refused::code(FORBIDDEN),
        TurnedAway::Limited { retry_after } => limited(retry_after.as_secs().max(1)),
        TurnedAway::Unavailable => Refused::code(UNAVAILABLE),
    }
}

fn refused(error: ExecuteError) -> Refused {
    match error {
        ExecuteError::Refused { refused, .. } => refused,
        other => internal(other),
    }
}

fn internal(error: impl std::fmt::Display) -> Refused {
    tracing::error!(%error, "an export could not begin");
    Refused::code(INTERNAL)
}
