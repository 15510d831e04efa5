//! What this process has appended, for operators: numbers of the whole process, over all of its books.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts};

use crate::error::ExecuteError;
use crate::outcome::{Append, Outcome};

/// From a millisecond to the ten seconds that a payment may wait.
const SECONDS: [f64; 13] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Commands in one batch, up to its limit.
const COMMANDS_A_BATCH: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

struct Metrics {
    commands: IntCounterVec,
    duration: Histogram,
    events: IntCounterVec,
    conflicts: IntCounter,
    batch: Histogram,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let metrics = Metrics {
        commands: counters("daybook_commands_total", "Commands by what became of them.", &["command", "outcome"]),
        duration: histogram("daybook_command_duration_seconds", "From a command to its answer.", &SECONDS),
        events: counters("daybook_events_appended_total", "Events appended by this process.", &["type"]),
        conflicts: IntCounter::new(
            "daybook_append_conflicts_total",
            "Commands that had to be decided again because another writer was faster.",
        )
        .unwrap_or_else(|_| unreachable!("the name is well-formed")),
        batch: histogram("daybook_append_batch_size", "Commands in one append.", &COMMANDS_A_BATCH),
    };
    let collectors: [Box<dyn prometheus::core::Collector>; 5] = [
        Box::new(metrics.commands.clone()),
        Box::new(metrics.duration.clone()),
        Box::new(metrics.events.clone()),
        Box::new(metrics.conflicts.clone()),
        Box::new(metrics.batch.clone()),
    ];
    for collector in collectors {
        prometheus::default_registry().register(collector).unwrap_or_else(|_| unreachable!("each is registered once, here"));
    }
    metrics
});

fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), labels).unwrap_or_else(|_| unreachable!("names and labels are well-formed"))
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    Histogram::with_opts(options).unwrap_or_else(|_| unreachable!("names and buckets are well-formed"))
}

/// A command was answered.
pub(crate) fn command<T>(name: &str, result: &Result<crate::command::Executed<T>, ExecuteError>, took: Duration) {
    let outcome = match result {
        Ok(done) if done.receipt.replayed => "replayed",
        Ok(_) => "done",
        Err(ExecuteError::Refused { .. }) => "refused",
        Err(ExecuteError::KeyReused) => "key_reused",
        Err(ExecuteError::Conflict) => "conflict",
        Err(ExecuteError::Log(_) | ExecuteError::Unbalanced(_)) => "failed",
    };
    METRICS.commands.with_label_values(&[name, outcome]).inc();
    METRICS.duration.observe(took.as_secs_f64());
}

/// A batch was answered by the store.
pub(crate) fn batch(batch: &[Append], outcomes: &[Outcome]) {
    METRICS.batch.observe(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
    for (append, outcome) in batch.iter().zip(outcomes) {
        match outcome {
            Outcome::Appended(_) => {
                append.events.iter().for_each(|draft| METRICS.events.with_label_values(&[draft.event.event_type.as_str()]).inc());
            }
            Outcome::Conflict => METRICS.conflicts.inc(),
            Outcome::Replayed(_) | Outcome::KeyReused => {}
        }
    }
}
