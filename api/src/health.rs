//! `/readyz`: should requests come here? Each check says so for itself (API-10).

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use projections::views::ProjectionState;
use serde_json::{Value, json};

use crate::app::App;

/// A store that takes longer than this for its answer is none to work with.
const PATIENCE: Duration = Duration::from_secs(2);
/// Read models further behind than this make a node one to avoid.
const MOST_LAG_MS: u64 = 30_000;

/// Looks at everything that requests need: the store, its schema, how far behind the read models are, and whether this process is
/// about to end.
pub async fn ready(app: &App, draining: bool) -> Response {
    // All at once: a prober does not wait three times for the same store.
    let (store, migrations, projections) = tokio::join!(
        tokio::time::timeout(PATIENCE, app.ctx.log.head()),
        tokio::time::timeout(PATIENCE, app.ctx.log.check_schema()),
        tokio::time::timeout(PATIENCE, projections(app)),
    );
    let store = said(store.map(|head| head.map(|head| json!({ "position": head.to_string() }))));
    let migrations = said(migrations.map(|current| current.map(|()| json!({}))));
    let projections = projections.unwrap_or_else(|_| (false, json!({})));
    let checks = [("store", store), ("migrations", migrations), ("projections", projections), ("draining", (!draining, json!({})))];
    let ok = checks.iter().all(|(_, (ok, _))| *ok);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks: serde_json::Map<_, _> = checks.into_iter().map(|(name, (ok, more))| (name.to_owned(), check(ok, more))).collect();
    (status, axum::Json(json!({ "ready": ok, "checks": checks }))).into_response()
}

type Check = (bool, Value);

/// A check with what it found; a failure is for the log, not for whoever asks.
fn said<E: std::fmt::Display, T: std::fmt::Display>(found: Result<Result<Value, E>, T>) -> Check {
    match found {
        Ok(Ok(found)) => (true, found),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            (false, json!({}))
        }
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (false, json!({}))
        }
    }
}

async fn projections(app: &App) -> Check {
    let built = app.views.wait_ready(Duration::ZERO).await.is_ok();
    let (Ok(models), Ok(controls)) = (app.views.status().await, app.views.controls().await) else { return (false, json!({})) };
    // One that an operator has stopped is behind on purpose, on every node: no reason to send requests elsewhere.
    let stands = |name: &str| controls.get(name).is_some_and(|control| control.paused.is_some());
    let running = models.iter().filter(|model| model.state == ProjectionState::Running && !stands(&model.name));
    let (lag_ms, lag_events) = running.fold((0, 0), |(ms, events), model| (model.lag_ms.max(ms), model.lag_events.max(events)));
    (built && lag_ms <= MOST_LAG_MS, json!({ "lagMs": lag_ms.to_string(), "lagEvents": lag_events.to_string() }))
}

fn check(ok: bool, mut more: Value) -> Value {
    more["ok"] = ok.into();
    more
}
