//! `/metrics`: the numbers of api.md §6 in Prometheus' text format. Labels are bounded: never a user, an id or a query's text.
//!
//! What this process does is counted where it happens (`eventlog`, `projections`, `adapters`, here); how the book stands is looked
//! at when somebody asks.

mod read_side;

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_graphql::parser::types::OperationType;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use projections::models::balances::{self, AsOf};
use prometheus::{Encoder, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, TextEncoder};

use crate::app::App;

/// From a millisecond to the ten seconds that a payment may wait.
const SECONDS: [f64; 13] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// What documents cost, up to the most that is let pass.
const COSTS: [f64; 12] = [1.0, 5.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 20_000.0];

/// How often the books are added up.
const ADD_UP_EVERY: Duration = Duration::from_secs(60);
/// A scrape waits no longer than this for the database.
const PATIENCE: Duration = Duration::from_secs(2);

struct Metrics {
    requests: IntCounterVec,
    duration: Histogram,
    cost: Histogram,
    notices: IntCounterVec,
    subscriptions: IntGaugeVec,
    cut_off: IntCounter,
    log_position: IntGauge,
    unbalanced: IntGauge,
    pool: IntGaugeVec,
    up_since: Gauge,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let subscriptions = gauges("daybook_subscriptions_active", "Subscriptions that are open.", &["transport"]);
    for transport in [Transport::WebSocket, Transport::Sse] {
        subscriptions.with_label_values(&[transport.name()]).set(0);
    }
    let build = gauges("daybook_build_info", "1; its labels say what runs here.", &["version", "rust_version"]);
    build.with_label_values(&[env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_RUST_VERSION")]).set(1);
    projections::metrics::announce();
    let up_since = registered(Gauge::new("daybook_start_time_seconds", "When this process started, in seconds of Unix time."));
    #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium fit a float exactly")]
    up_since.set(kernel::Timestamp::now().as_second() as f64);
    let notices = registered(IntCounterVec::new(
        Opts::new("daybook_provider_notices_total", "Notices of the payment provider by what became of them."),
        &["outcome"],
    ));
    for outcome in [Noticed::Recorded, Noticed::Ignored, Noticed::Malformed, Noticed::Failed] {
        notices.with_label_values(&[outcome.name()]).inc_by(0);
    }
    Metrics {
        notices,
        requests: registered(IntCounterVec::new(
            Opts::new("daybook_graphql_requests_total", "GraphQL operations by what became of them."),
            &["operation_type", "outcome"],
        )),
        duration: histogram("daybook_graphql_duration_seconds", "Executing an operation.", &SECONDS),
        cost: histogram("daybook_graphql_cost", "What operations cost, in fields written out.", &COSTS),
        subscriptions,
        cut_off: registered(IntCounter::new(
            "daybook_connections_cut_off_total",
            "Connections that were closed because their client did not read.",
        )),
        log_position: registered(IntGauge::new("daybook_log_position", "The log's last position.")),
        unbalanced: registered(IntGauge::new("daybook_trial_balance_nonzero", "Currencies whose debits and credits differ: must be 0.")),
        pool: gauges("daybook_db_pool_connections", "Connections of the read side to its database.", &["state"]),
        up_since,
    }
});

/// A name and labels that are written here are well-formed, and each is registered once.
fn registered<C: prometheus::core::Collector + Clone + 'static>(made: prometheus::Result<C>) -> C {
    let collector = made.unwrap_or_else(|_| unreachable!("names and labels are well-formed"));
    let registered = prometheus::default_registry().register(Box::new(collector.clone()));
    registered.unwrap_or_else(|_| unreachable!("each is registered once, here"));
    collector
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    registered(IntGaugeVec::new(Opts::new(name, help), labels))
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> Histogram {
    registered(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
}

/// A connection was closed because its client does not read.
pub fn cut_off() {
    METRICS.cut_off.inc();
}

/// What a subscription comes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// graphql-transport-ws.
    WebSocket,
    /// Server-sent events.
    Sse,
}

impl Transport {
    const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
        }
    }
}

/// An open subscription; dropping it ends the counting.
#[derive(Debug)]
pub struct Subscribed(Transport);

impl Subscribed {
    /// One more.
    #[must_use]
    pub fn over(transport: Transport) -> Self {
        METRICS.subscriptions.with_label_values(&[transport.name()]).inc();
        Self(transport)
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        METRICS.subscriptions.with_label_values(&[self.0.name()]).dec();
    }
}

/// What became of a notice of the payment provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// On record; the provider is asked.
    Recorded,
    /// There is nothing to ask, or no such payment.
    Ignored,
    /// No notice at all.
    Malformed,
    /// It could not be kept; the provider sends it again.
    Failed,
}

impl Noticed {
    /// As in the metric's label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Ignored => "ignored",
            Self::Malformed => "malformed",
            Self::Failed => "failed",
        }
    }
}

/// A notice of the payment provider came.
pub fn noticed(outcome: Noticed) {
    METRICS.notices.with_label_values(&[outcome.name()]).inc();
}

/// An operation was executed, or turned down.
pub fn executed(kind: OperationType, outcome: &'static str, took: Duration) {
    let kind = match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    };
    METRICS.requests.with_label_values(&[kind, outcome]).inc();
    METRICS.duration.observe(took.as_secs_f64());
}

/// What an operation costs.
pub fn cost(cost: u64) {
    METRICS.cost.observe(f64::from(u32::try_from(cost).unwrap_or(u32::MAX)));
}

/// Everything, as Prometheus reads it. What cannot be looked at now is left as it was.
pub async fn scrape(app: &App) -> Response {
    look(app).await;
    let mut text = Vec::new();
    match TextEncoder::new().encode(&prometheus::gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn look(app: &App) {
    let metrics = &*METRICS;
    metrics.up_since.get();
    let asked = async {
        if let Ok(head) = app.ctx.log.head().await {
            metrics.log_position.set(whole(head));
        }
        read_side::look(app).await;
    };
    // A database that does not answer is when everything else is looked at most.
    if tokio::time::timeout(PATIENCE, asked).await.is_err() {
        tracing::warn!("the database did not answer in time: some metrics are older ones");
    }
    add_up_now_and_then(app);
    let (busy, idle) = app.views.connections();
    metrics.pool.with_label_values(&["in_use"]).set(busy.into());
    metrics.pool.with_label_values(&["idle"]).set(idle.into());
}

/// Adds the books up, beside the scrape and at most once in [`ADD_UP_EVERY`]: a long ledger takes its time.
fn add_up_now_and_then(app: &App) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_some_and(|at| at.elapsed() < ADD_UP_EVERY) {
        return;
    }
    *last = Some(Instant::now());
    let views = app.views.clone();
    tokio::spawn(async move {
        if let Ok(trial) = balances::trial_balance(&views, &AsOf::default()).await {
            // Sums that cannot even be made are no balance either.
            let unequal = trial.totals().map_or(1, |totals| totals.values().filter(|sums| sums.debits != sums.credits).count());
            METRICS.unbalanced.set(i64::try_from(unequal).unwrap_or(i64::MAX));
        }
    });
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
