//! How read models, processes and hot rows are: looked at when somebody asks, from tables that are the same on every node.

use std::sync::LazyLock;

use projections::process::BookFigures;
use projections::views::{ParkedKey, ProjectionState, ProjectionStatus};
use prometheus::{Gauge, GaugeVec, IntGauge, IntGaugeVec, Opts};

use super::{gauges, registered, whole};
use crate::app::App;

/// Most failing events that are told one by one.
const MOST_FAILING: u64 = 50;
/// Longest reason as a label, in characters.
const MAX_REASON: usize = 120;

struct ReadSide {
    position: IntGaugeVec,
    lag_seconds: GaugeVec,
    lag_events: IntGaugeVec,
    parked: IntGaugeVec,
    halted: IntGaugeVec,
    paused: IntGaugeVec,
    failing: IntGaugeVec,
    effects: IntGaugeVec,
    timers: IntGauge,
    overdue: Gauge,
    processes: IntGaugeVec,
    hot_applied: IntGaugeVec,
    hot_reads: IntGaugeVec,
    hot_resets: IntGaugeVec,
}

static READ_SIDE: LazyLock<ReadSide> = LazyLock::new(|| ReadSide {
    position: gauges("daybook_projection_position", "The last position that a read model has applied.", &["projection"]),
    lag_seconds: registered(GaugeVec::new(
        Opts::new("daybook_projection_lag_seconds", "Age of the oldest event that a read model has not applied."),
        &["projection"],
    )),
    lag_events: gauges("daybook_projection_lag_events", "Events that a read model has not applied.", &["projection"]),
    parked: gauges(
        "daybook_projection_parked_keys",
        "Rows that stand still because of an event that could not be applied.",
        &["projection"],
    ),
    halted: gauges("daybook_projection_halted", "1 while an event that it cannot apply stops a read model, else 0.", &["projection"]),
    paused: gauges("daybook_projection_paused", "1 while an operator has a read model stand still, else 0.", &["projection"]),
    failing: gauges(
        "daybook_projection_failing_position",
        "Position of an event that could not be applied, with its type and the reason; ids and numbers are left out.",
        &["projection", "event_type", "reason"],
    ),
    effects: gauges(
        "daybook_effects_queue",
        "Effects of all nodes: pending, leased (under way), parked (waiting for an operator).",
        &["state"],
    ),
    timers: registered(IntGauge::new("daybook_timers_pending", "Timers that are set.")),
    overdue: registered(Gauge::new(
        "daybook_timer_overdue_seconds",
        "How long ago the oldest timer was due that has not fired; 0 when none is.",
    )),
    processes: gauges("daybook_process_position", "Up to where a process has read the log, as it was stored last.", &["process"]),
    hot_applied: gauges(
        "daybook_hot_position",
        "The last position that this process has applied to hot rows; 0 while another one does.",
        &["model"],
    ),
    hot_reads: gauges(
        "daybook_hot_reads",
        "Questions to hot rows by this process since its start: answered, or referred to the tables.",
        &["model", "outcome"],
    ),
    hot_resets: gauges(
        "daybook_hot_resets",
        "How often this process has thrown hot rows away since its start because they were not the log's.",
        &["model"],
    ),
});

/// Looks at everything; what cannot be looked at now is left as it was.
pub(super) async fn look(app: &App) {
    let seen = &*READ_SIDE;
    if let Ok(models) = app.views.status().await {
        let controls = app.views.controls().await.unwrap_or_default();
        for model in &models {
            let paused = controls.get(&model.name).is_some_and(|control| control.paused.is_some());
            note(seen, model, paused);
        }
    }
    if let Ok(parked) = app.views.parked(MOST_FAILING).await {
        // What was mended is told of no more.
        seen.failing.reset();
        parked.iter().for_each(|parked| note_failing(seen, parked));
    }
    if let Ok(figures) = app.letters.figures().await {
        note_processes(seen, &figures, app.ctx.clock.now());
    }
    for hot in app.live.figures() {
        seen.hot_applied.with_label_values(&[hot.model]).set(whole(hot.applied));
        seen.hot_reads.with_label_values(&[hot.model, "answered"]).set(whole(hot.answered));
        seen.hot_reads.with_label_values(&[hot.model, "referred"]).set(whole(hot.referred));
        seen.hot_resets.with_label_values(&[hot.model]).set(whole(hot.resets));
    }
}

fn note(seen: &ReadSide, model: &ProjectionStatus, paused: bool) {
    let label = &[model.name.as_str()];
    seen.position.with_label_values(label).set(whole(model.position));
    seen.lag_events.with_label_values(label).set(whole(model.lag_events));
    seen.lag_seconds.with_label_values(label).set(std::time::Duration::from_millis(model.lag_ms).as_secs_f64());
    seen.parked.with_label_values(label).set(whole(model.parked_keys));
    seen.halted.with_label_values(label).set(i64::from(model.state == ProjectionState::Halted));
    seen.paused.with_label_values(label).set(i64::from(paused));
}

fn note_failing(seen: &ReadSide, parked: &ParkedKey) {
    let event_type = parked.event_type.as_deref().unwrap_or_default();
    let reason = bounded(parked.reason.as_deref().unwrap_or_default());
    seen.failing.with_label_values(&[&parked.projection, event_type, &reason]).set(whole(parked.position));
}

fn note_processes(seen: &ReadSide, figures: &BookFigures, now: kernel::Timestamp) {
    for (state, count) in [("pending", figures.queue.pending), ("leased", figures.queue.leased), ("parked", figures.queue.parked)] {
        seen.effects.with_label_values(&[state]).set(whole(count));
    }
    seen.timers.set(whole(figures.queue.timers));
    let overdue = figures.next_timer_due.map_or(0, |due| now.as_second().saturating_sub(due.as_second()).max(0));
    seen.overdue.set(std::time::Duration::from_secs(u64::try_from(overdue).unwrap_or(0)).as_secs_f64());
    for (process, position) in &figures.processes {
        seen.processes.with_label_values(&[process]).set(whole(*position));
    }
}

/// A reason as a label: words with digits in them (ids, positions, amounts) are left out, so that the same fault is the same series.
fn bounded(reason: &str) -> String {
    let word = |word: &str| if word.chars().any(|c| c.is_ascii_digit()) { "#".to_owned() } else { word.to_owned() };
    let words: Vec<_> = reason.split_whitespace().map(word).collect();
    words.join(" ").chars().take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_the_fault_and_no_thing() {
        assert_eq!(bounded("booking-0193ab has no row at position 17: unknown"), "# has no row at position # unknown");
        assert_eq!(bounded(&"x".repeat(500)).len(), MAX_REASON);
    }
}
