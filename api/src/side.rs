//! HTTP beside GraphQL (api.md §5): photos in and out, health.

use std::sync::Arc;

use adapters::{ContentType, Object, ObjectError, ObjectName};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use commands::upload::StoreUpload;
use commands::{Caller, ExecuteError};
use domain::ids::{UploadId, UserId};
use domain::upload::MAX_BYTES;
use kernel::Refused;
use projections::models::Users;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use crate::app::{App, real_now};
use crate::errors::{Language, MALFORMED, facts, text, timestamp};
use crate::health;
use crate::tokens::Purpose;
use crate::transport::preferred_language;

#[derive(Clone)]
struct Side {
    app: Arc<App>,
    draining: watch::Receiver<bool>,
}

/// The routes beside GraphQL.
pub fn router(app: Arc<App>, draining: watch::Receiver<bool>) -> Router {
    let limit = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    Router::new()
        .route("/uploads/{ticket}", put(store_photo).layer(DefaultBodyLimit::max(limit)))
        .route("/documents/{code}", get(show_document))
        .route("/photos/{upload}", get(show_photo))
        .route("/photos/{person}/{upload}", get(show_picture))
        .with_state(Side { app: Arc::clone(&app), draining: draining.clone() })
        .merge(operating(app, draining))
}

/// What those who run it ask of a process: all that a worker answers.
pub fn operating(app: Arc<App>, draining: watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async |State(side): State<Side>| crate::metrics::scrape(&side.app).await))
        .with_state(Side { app, draining })
}

/// Keeps the bytes that belong to a ticket; the same bytes again change nothing.
async fn store_photo(
    State(side): State<Side>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let path = "/uploads/…";
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return Failure { status: Some(rejection.status()), ..Failure::of(Refused::code("FILE001"), path, &headers) }.into_response();
        }
        Err(_) => return Failure::of(Refused::code(MALFORMED), path, &headers).into_response(),
    };
    match store(&side.app, &ticket, &headers, body).await {
        Ok(upload) => success(json!({ "uploadId": upload.to_string() })),
        Err(refused) => Failure::of(refused, path, &headers).into_response(),
    }
}

async fn store(app: &App, ticket: &str, headers: &HeaderMap, body: Bytes) -> Result<UploadId, Refused> {
    let now = real_now();
    let unknown = |_| Refused::code("AUTH008");
    let upload = UploadId::new(app.tokens.verify_code(Purpose::Upload, ticket, now.as_second()).map_err(unknown)?);
    let (known, _) = app.ctx.log.load::<domain::upload::Upload>(upload.uuid()).await.map_err(internal)?;
    let announced = known.ticket().ok_or_else(|| Refused::code("SYS007"))?;
    let (content_type, file) = (announced.content_type, object_type(announced.content_type));
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sha256: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    let wrong_type = !given.is_empty() && given.split(';').next().map(str::trim) != Some(content_type.name());
    if wrong_type || sha256 != announced.sha256 || !file.matches(&body) {
        return Err(Refused::code("FILE001"));
    }
    let name: ObjectName = upload.to_string().parse().map_err(internal)?;
    let (bytes, content) = (body.len() as u64, body.to_vec());
    // The bytes first: an upload that is on record has its bytes.
    app.objects.put(name, file, content).await.map_err(internal)?;
    let caller = Caller::system("uploads", None, Uuid::new_v4());
    let command = StoreUpload { upload_id: upload, sha256, bytes };
    match commands::upload::store_upload(&app.ctx, &caller, &command, now).await {
        Ok(_) => Ok(upload),
        Err(ExecuteError::Refused { refused, .. }) => Err(refused),
        Err(error) => Err(internal(error)),
    }
}

const fn object_type(content_type: domain::upload::ContentType) -> ContentType {
    match content_type {
        domain::upload::ContentType::Jpeg => ContentType::Jpeg,
        domain::upload::ContentType::Png => ContentType::Png,
        domain::upload::ContentType::Webp => ContentType::Webp,
    }
}

/// A vehicle's photo or a person's picture, for everybody; photos of trips and papers are not served here.
async fn show_photo(State(side): State<Side>, Path(upload): Path<String>, headers: HeaderMap) -> Response {
    shown(photo(&side.app, &upload).await, "/photos/…", "public, max-age=31536000, immutable", &headers)
}

/// The picture that a person shows, for everybody, whoever has uploaded it.
async fn show_picture(State(side): State<Side>, Path((person, upload)): Path<(String, String)>, headers: HeaderMap) -> Response {
    shown(picture(&side.app, &person, &upload).await, "/photos/…", "public, max-age=31536000, immutable", &headers)
}

/// A paper, for whoever was given its address not long ago.
async fn show_document(State(side): State<Side>, Path(code): Path<String>, headers: HeaderMap) -> Response {
    let named = side.app.tokens.verify_code(Purpose::Document, &code, real_now().as_second());
    let found = match named {
        Ok(upload) => object(&side.app, UploadId::new(upload)).await,
        Err(_) => Err(Refused::code("AUTH008")),
    };
    shown(found, "/documents/…", "private, no-store", &headers)
}

fn shown(found: Result<Option<Object>, Refused>, path: &str, cache: &'static str, headers: &HeaderMap) -> Response {
    match found {
        Ok(Some(Object { content_type, bytes })) => {
            let headers =
                [(header::CONTENT_TYPE, content_type.mime()), (header::CACHE_CONTROL, cache), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
            (headers, bytes).into_response()
        }
        Ok(None) => failure(Refused::code("SYS007"), path, headers),
        Err(refused) => failure(refused, path, headers),
    }
}

async fn photo(app: &App, upload: &str) -> Result<Option<Object>, Refused> {
    let Ok(id) = upload.parse::<UploadId>() else { return Ok(None) };
    let (known, _) = app.ctx.log.load::<domain::upload::Upload>(id.uuid()).await.map_err(internal)?;
    let public = match known.ticket().map(|ticket| ticket.target) {
        Some(domain::upload::Target::Vehicle(_)) => true,
        // Their papers are uploaded the same way: only the picture that they show is for everybody.
        Some(domain::upload::Target::Person(user)) => shows(app, user, id).await?,
        Some(domain::upload::Target::Booking(_)) | None => false,
    };
    if public { object(app, id).await } else { Ok(None) }
}

async fn picture(app: &App, person: &str, upload: &str) -> Result<Option<Object>, Refused> {
    let (Ok(person), Ok(id)) = (person.parse::<UserId>(), upload.parse::<UploadId>()) else { return Ok(None) };
    if shows(app, person, id).await? { object(app, id).await } else { Ok(None) }
}

/// Is it the picture that this person shows?
async fn shows(app: &App, person: UserId, upload: UploadId) -> Result<bool, Refused> {
    let head = app.ctx.log.head().await.map_err(internal)?;
    let row = app.views.fresh::<Users>(&person.to_string(), head).await.map_err(internal)?;
    Ok(row.and_then(|row| row.image).is_some_and(|image| image.upload == upload))
}

async fn object(app: &App, upload: UploadId) -> Result<Option<Object>, Refused> {
    match app.objects.get(upload.to_string().parse().map_err(internal)?).await {
        Ok(object) => Ok(Some(object)),
        Err(ObjectError::NotFound) => Ok(None),
        Err(error) => Err(internal(error)),
    }
}

/// Ready when every check holds; 503 else, and while draining.
async fn ready(State(side): State<Side>) -> Response {
    let draining = *side.draining.borrow();
    health::ready(&side.app, draining).await
}

pub(crate) fn internal(error: impl std::fmt::Display) -> Refused {
    tracing::error!(%error, "a request beside GraphQL failed");
    Refused::code(crate::errors::INTERNAL)
}

/// Something beside GraphQL that went well.
pub(crate) fn success(data: serde_json::Value) -> Response {
    axum::Json(json!({ "success": true, "data": data, "message": null, "timestamp": timestamp() })).into_response()
}

/// A failure as every endpoint beside GraphQL answers it, with the status of its code.
pub(crate) fn failure(refused: Refused, path: &str, headers: &HeaderMap) -> Response {
    Failure::of(refused, path, headers).into_response()
}

/// The same, with a status of its own.
pub(crate) fn failure_as(status: StatusCode, refused: Refused, path: &str, headers: &HeaderMap) -> Response {
    Failure { status: Some(status), ..Failure::of(refused, path, headers) }.into_response()
}

/// Whatever path nobody serves.
pub async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    Failure::of(Refused::code("SYS007"), uri.path(), &headers).into_response()
}

/// A path that is served, but not by this method; the header `Allow` names those that it is.
pub async fn wrong_method(uri: Uri, headers: HeaderMap) -> Response {
    let failure = Failure::of(Refused::code(MALFORMED), uri.path(), &headers);
    Failure { status: Some(StatusCode::METHOD_NOT_ALLOWED), ..failure }.into_response()
}

/// Bytes of a path that are repeated in an answer.
const MAX_PATH: usize = 200;

/// A failure as every endpoint beside GraphQL answers it (api.md §5).
struct Failure<'f> {
    refused: Refused,
    path: &'f str,
    language: Language,
    /// Where it is not the code's own.
    status: Option<StatusCode>,
}

impl<'f> Failure<'f> {
    fn of(refused: Refused, path: &'f str, headers: &HeaderMap) -> Self {
        Self { refused, path, language: preferred_language(headers), status: None }
    }
}

impl IntoResponse for Failure<'_> {
    fn into_response(self) -> Response {
        let own = StatusCode::from_u16(facts(&self.refused.code).status).unwrap_or(StatusCode::BAD_REQUEST);
        let status = self.status.unwrap_or(own);
        let body = json!({
            "success": false,
            "error": { "code": self.refused.code, "message": text(&self.refused, self.language), "details": null },
            "path": self.path.chars().take(MAX_PATH).collect::<String>(),
            "status": status.as_u16(),
            "timestamp": timestamp(),
        });
        (status, axum::Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests;
