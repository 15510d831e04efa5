//! HTTP beside GraphQL (api.md §5): photos in and out, health.

use std::sync::Arc;

use adapters::{ContentType, Object, ObjectError, ObjectName};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use commands::upload::StoreUpload;
use commands::{Caller, ExecuteError};
use domain::ids::UploadId;
use domain::upload::MAX_BYTES;
use kernel::Refused;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use crate::app::{App, real_now};
use crate::errors::{Language, facts, text, timestamp};
use crate::health;
use crate::tokens::Purpose;

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
        .route("/photos/{upload}", get(show_photo))
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(async |State(side): State<Side>| crate::metrics::scrape(&side.app).await))
        .with_state(Side { app, draining })
}

/// Keeps the bytes that belong to a ticket; the same bytes again change nothing.
async fn store_photo(State(side): State<Side>, Path(ticket): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let path = "/uploads/…";
    match store(&side.app, &ticket, &headers, body).await {
        Ok(upload) => success(json!({ "uploadId": upload.to_string() })),
        Err(refused) => failure(&refused, path),
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

/// A vehicle's photo, for everybody; photos of trips are not served here.
async fn show_photo(State(side): State<Side>, Path(upload): Path<String>) -> Response {
    match photo(&side.app, &upload).await {
        Ok(Some(Object { content_type, bytes })) => {
            let headers = [
                (header::CONTENT_TYPE, content_type.mime()),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, bytes).into_response()
        }
        Ok(None) => failure(&Refused::code("SYS007"), "/photos/…"),
        Err(refused) => failure(&refused, "/photos/…"),
    }
}

async fn photo(app: &App, upload: &str) -> Result<Option<Object>, Refused> {
    let Ok(id) = upload.parse::<UploadId>() else { return Ok(None) };
    let (known, _) = app.ctx.log.load::<domain::upload::Upload>(id.uuid()).await.map_err(internal)?;
    let public = matches!(known.ticket().map(|ticket| ticket.target), Some(domain::upload::Target::Vehicle(_)));
    if !public {
        return Ok(None);
    }
    match app.objects.get(upload.parse().map_err(internal)?).await {
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

fn internal(error: impl std::fmt::Display) -> Refused {
    tracing::error!(%error, "a request beside GraphQL failed");
    Refused::code(crate::errors::INTERNAL)
}

fn success(data: serde_json::Value) -> Response {
    axum::Json(json!({ "success": true, "data": data, "message": null, "timestamp": timestamp() })).into_response()
}

/// A failure beside GraphQL, as every endpoint there answers (api.md §5).
pub(crate) fn failure(refused: &Refused, path: &str) -> Response {
    let status = facts(&refused.code).status;
    let message = text(refused, Language::Ko);
    let body = json!({
        "success": false,
        "error": { "code": refused.code, "message": message, "details": null },
        "path": path,
        "status": status,
        "timestamp": timestamp(),
    });
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), axum::Json(body)).into_response()
}
