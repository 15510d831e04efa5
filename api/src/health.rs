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

/// Looks at everything that requests need: the store, its schema, whether it takes writes, how far behind the read models are, and
/// whether this process is about to end. What is missing without anybody being refused anything (Redis) is told, and does not count.
pub async fn ready(app: &App, draining: bool) -> Response {
    // All at once: a prober does not wait three times for the same store.
    let (store, migrations, writes, projections, redis) = tokio::join!(
        tokio::time::timeout(PATIENCE, app.ctx.log.head()),
        tokio::time::timeout(PATIENCE, app.ctx.log.check_schema()),
        writes(app),
        tokio::time::timeout(PATIENCE, projections(app)),
        tokio::time::timeout(PATIENCE, app.hot.reachable()),
    );
    let store = said(store.map(|head| head.map(|head| json!({ "position": head.to_string() }))), "the store does not answer");
    let migrations = said(migrations.map(|current| current.map(|()| json!({}))), "the schema is not the one that this program knows");
    let projections = projections.unwrap_or_else(|_| failed("the read side does not answer"));
    let drains = if draining { failed("this process is about to end") } else { Check::good(json!({})) };
    let mut checks =
        vec![("store", store), ("migrations", migrations), ("writes", writes), ("projections", projections), ("draining", drains)];
    if let Some(there) = redis.unwrap_or(Some(false)) {
        let found =
            if there { Check::good(json!({})) } else { failed("Redis does not answer; every node goes on with what it knows itself") };
        checks.push(("redis", Check { required: false, ..found }));
    }
    let ok = checks.iter().all(|(_, check)| check.ok || !check.required);
    let degraded = checks.iter().any(|(_, check)| !check.ok);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks: serde_json::Map<_, _> = checks.into_iter().map(|(name, check)| (name.to_owned(), check.shown())).collect();
    (status, axum::Json(json!({ "ready": ok, "degraded": degraded, "checks": checks }))).into_response()
}

/// A check with what it found.
struct Check {
    ok: bool,
    /// Is nobody served without it?
    required: bool,
    more: Value,
}

impl Check {
    const fn good(more: Value) -> Self {
        Self { ok: true, required: true, more }
    }

    fn shown(self) -> Value {
        let mut shown = self.more;
        shown["ok"] = self.ok.into();
        shown["required"] = self.required.into();
        shown
    }
}

fn failed(reason: &str) -> Check {
    Check { ok: false, required: true, more: json!({ "reason": reason }) }
}

/// What was found; the cause of a failure is for the log, not for whoever asks.
fn said<E: std::fmt::Display, T: std::fmt::Display>(found: Result<Result<Value, E>, T>, reason: &str) -> Check {
    match found {
        Ok(Ok(found)) => Check::good(found),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            failed(reason)
        }
        Err(error) => {
            tracing::warn!(%error, "not ready");
            failed(reason)
        }
    }
}

/// Does the log take writes? A small one may go through where the last command's did not: both must.
async fn writes(app: &App) -> Check {
    const REASON: &str = "the store takes no writes (a full disk, or a standby)";
    let probed = tokio::time::timeout(PATIENCE, app.probe.writes()).await;
    let found = said(probed.map(|probed| probed.map(|()| json!({}))), REASON);
    if found.ok && app.writes.failing() { failed(REASON) } else { found }
}

async fn projections(app: &App) -> Check {
    let built = app.views.wait_ready(Duration::ZERO).await.is_ok();
    let (Ok(models), Ok(controls)) = (app.views.status().await, app.views.controls().await) else {
        return failed("the read side does not answer");
    };
    // One that an operator has stopped is behind on purpose, on every node: no reason to send requests elsewhere.
    let stands = |name: &str| controls.get(name).is_some_and(|control| control.paused.is_some());
    let running = models.iter().filter(|model| model.state == ProjectionState::Running && !stands(&model.name));
    let (lag_ms, lag_events) = running.fold((0, 0), |(ms, events), model| (model.lag_ms.max(ms), model.lag_events.max(events)));
    let mut more = json!({ "lagMs": lag_ms.to_string(), "lagEvents": lag_events.to_string() });
    let ok = built && lag_ms <= MOST_LAG_MS;
    if !ok {
        more["reason"] = if built { "the read models are behind" } else { "a read model is being built for the first time" }.into();
    }
    Check { ok, required: true, more }
}
