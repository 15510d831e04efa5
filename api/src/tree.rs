//! The log's tree over HTTP (c2sp.org/tlog-tiles under `/log`; docs/tree.md): signed head, public keys, tiles, proofs. For everybody: none
//! of it says what a payload says.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use eventlog::LogError;
use eventlog::tree::{TileName, TlogProof};
use kernel::Refused;

use crate::app::App;
use crate::side::{failure, internal};

/// Texts of the formats.
const TEXT: &str = "text/plain; charset=utf-8";
/// Tiles and entries.
const BYTES: &str = "application/octet-stream";
/// What moves on with the log: asked for again each time.
const MOVES: &str = "no-cache";
/// What never changes under its name.
const STAYS: &str = "public, max-age=31536000, immutable";
/// How a proof's name ends.
const PROOF_SUFFIX: &str = ".tlog-proof";

/// The routes under `/log`.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/log/checkpoint", get(head))
        .route("/log/vkey", get(keys))
        .route("/log/tile/{*path}", get(tile))
        .route("/log/proof/{name}", get(proof))
        .with_state(app)
}

/// The path of the proof of a position.
#[must_use]
pub fn proof_path(position: u64) -> String {
    format!("/log/proof/{position}{PROOF_SUFFIX}")
}

async fn head(State(app): State<Arc<App>>) -> Response {
    let tree = app.ctx.log.tree();
    let found = tree.shown(&app.heads).await;
    answer(found.map(|head| head.map(|head| head.note)), TEXT, MOVES, "/log/checkpoint")
}

/// The keys that ever signed, one a line: those of today first.
async fn keys(State(app): State<Arc<App>>) -> Response {
    let lines = |keys: Vec<_>| (!keys.is_empty()).then(|| keys.iter().map(|key| format!("{key}\n")).collect::<String>());
    answer(app.ctx.log.tree().keys().await.map(lines), TEXT, MOVES, "/log/vkey")
}

async fn tile(State(app): State<Arc<App>>, Path(path): Path<String>) -> Response {
    let found = match path.parse::<TileName>() {
        Ok(name) => app.ctx.log.tree().tile(name).await,
        Err(_) => Ok(None),
    };
    answer(found, BYTES, STAYS, "/log/tile/…")
}

async fn proved(app: &App, position: u64) -> Result<Option<TlogProof>, LogError> {
    let tree = app.ctx.log.tree();
    let Some(mut proof) = tree.prove(position).await? else { return Ok(None) };
    proof.head = tree.with_cosignatures(proof.head, &app.heads).await?;
    Ok(Some(proof))
}

/// The proof that the event at a position is under the newest head, to be kept as a file.
async fn proof(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    let position = name.strip_suffix(PROOF_SUFFIX).and_then(|position| position.parse::<u64>().ok());
    // One address for each position.
    let position = position.filter(|position| format!("{position}{PROOF_SUFFIX}") == name);
    let found = match position {
        Some(position) => proved(&app, position).await,
        None => Ok(None),
    };
    let saved = position.map(|position| (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{position}{PROOF_SUFFIX}\"")));
    let response = answer(found.map(|proof| proof.map(|proof| proof.to_string())), TEXT, MOVES, "/log/proof/…");
    match saved.filter(|_| response.status().is_success()) {
        Some(saved) => ([saved], response).into_response(),
        None => response,
    }
}

/// The bytes with their headers; SYS007 for what is not there.
fn answer<B: IntoResponse>(found: Result<Option<B>, LogError>, content: &'static str, cache: &'static str, path: &str) -> Response {
    match found {
        Ok(Some(bytes)) => {
            let headers = [(header::CONTENT_TYPE, content), (header::CACHE_CONTROL, cache), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
            (headers, bytes).into_response()
        }
        // It may be there in a second: nobody keeps that it was not.
        Ok(None) => ([(header::CACHE_CONTROL, "no-store")], failure(Refused::code("SYS007"), path, &HeaderMap::new())).into_response(),
        Err(error) => ([(header::CACHE_CONTROL, "no-store")], failure(internal(error), path, &HeaderMap::new())).into_response(),
    }
}
