//! What went wrong on the read side, for operators: numbers of the whole process.

use std::sync::LazyLock;

use prometheus::{IntCounter, IntCounterVec, Opts};

static ERRORS: LazyLock<IntCounter> = LazyLock::new(|| {
    let options = Opts::new("daybook_projection_errors_total", "Steps that failed, events that could not be applied, and halts.");
    let errors = IntCounter::with_opts(options).unwrap_or_else(|_| unreachable!("the name is well-formed"));
    prometheus::default_registry().register(Box::new(errors.clone())).unwrap_or_else(|_| unreachable!("registered once, here"));
    errors
});

static LEASES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let options = Opts::new(
        "daybook_leases_total",
        "Leases of read models, processes and hot rows that were taken, denied because another worker holds them, or lost.",
    );
    let leases =
        IntCounterVec::new(options, &["kind", "name", "outcome"]).unwrap_or_else(|_| unreachable!("names and labels are well-formed"));
    prometheus::default_registry().register(Box::new(leases.clone())).unwrap_or_else(|_| unreachable!("registered once, here"));
    leases
});

/// What is leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leased {
    /// A read model.
    Projection,
    /// A process, or its timers.
    Process,
    /// Hot rows.
    Hot,
}

/// What became of a try for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseOutcome {
    /// It is ours.
    Taken,
    /// Another worker holds it.
    Denied,
    /// It was ours; another worker has taken over, and refuses our writes.
    Lost,
}

/// Somebody tried for a lease, or lost one.
pub(crate) fn lease(kind: Leased, name: &str, outcome: LeaseOutcome) {
    let kind = match kind {
        Leased::Projection => "projection",
        Leased::Process => "process",
        Leased::Hot => "hot",
    };
    let outcome = match outcome {
        LeaseOutcome::Taken => "taken",
        LeaseOutcome::Denied => "denied",
        LeaseOutcome::Lost => "lost",
    };
    LEASES.with_label_values(&[kind, name, outcome]).inc();
}

/// Something went wrong with a model.
pub(crate) fn failed() {
    ERRORS.inc();
}

/// The counter is there from the start, so that an alert can tell zero from absent.
pub fn announce() {
    LazyLock::force(&ERRORS);
    LazyLock::force(&LEASES);
}
