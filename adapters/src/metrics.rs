//! How the services outside answer, for operators: numbers of the whole process.

use std::sync::LazyLock;

use prometheus::{IntCounterVec, IntGaugeVec, Opts};

struct Metrics {
    effects: IntCounterVec,
    open: IntGaugeVec,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let effects =
        IntCounterVec::new(Opts::new("daybook_effects_total", "Calls to services outside, by what they came to."), &["service", "outcome"]);
    let open = IntGaugeVec::new(Opts::new("daybook_breaker_open", "1 while the service is left alone, else 0."), &["service"]);
    let metrics = Metrics {
        effects: effects.unwrap_or_else(|_| unreachable!("names and labels are well-formed")),
        open: open.unwrap_or_else(|_| unreachable!("names and labels are well-formed")),
    };
    let collectors: [Box<dyn prometheus::core::Collector>; 2] = [Box::new(metrics.effects.clone()), Box::new(metrics.open.clone())];
    for collector in collectors {
        prometheus::default_registry().register(collector).unwrap_or_else(|_| unreachable!("each is registered once, here"));
    }
    metrics
});

/// A call ended.
pub(crate) fn called(service: &str, outcome: &str) {
    METRICS.effects.with_label_values(&[service, outcome]).inc();
}

/// The breaker of a service is open, or not.
pub(crate) fn breaker(service: &str, open: bool) {
    METRICS.open.with_label_values(&[service]).set(i64::from(open));
}
