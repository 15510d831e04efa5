//! What went wrong on the read side, for operators: numbers of the whole process.

use std::sync::LazyLock;

use prometheus::{IntCounter, Opts};

static ERRORS: LazyLock<IntCounter> = LazyLock::new(|| {
    let options = Opts::new("daybook_projection_errors_total", "Steps that failed, events that could not be applied, and halts.");
    let errors = IntCounter::with_opts(options).unwrap_or_else(|_| unreachable!("the name is well-formed"));
    prometheus::default_registry().register(Box::new(errors.clone())).unwrap_or_else(|_| unreachable!("registered once, here"));
    errors
});

/// Something went wrong with a model.
pub(crate) fn failed() {
    ERRORS.inc();
}

/// The counter is there from the start, so that an alert can tell zero from absent.
pub fn announce() {
    LazyLock::force(&ERRORS);
}
