//! Log lines, on standard error: standard output is for data.

mod json;
mod mask;
pub mod otlp;
pub mod trace;

use std::io::{self, IsTerminal as _};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::{EnvFilter, Registry};

pub use mask::masked;

/// The filter cannot be read, or lines are being written somewhere else already.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// Not a filter.
    #[error("`{0}` is no filter of log lines")]
    Filter(String),
    /// Traces have nowhere to go.
    #[error(transparent)]
    Endpoint(#[from] otlp::BadEndpoint),
    /// There is a subscriber already.
    #[error("log lines are being written somewhere else already")]
    Twice,
}

/// Starts writing log lines: for people when standard output and standard error are both a terminal, else JSON. With the address of
/// a collector, spans go there.
///
/// # Errors
/// [`ObserveError`].
pub fn start(filter: &str, collector: Option<&str>) -> Result<(), ObserveError> {
    let filter = EnvFilter::try_new(filter).map_err(|_| ObserveError::Filter(filter.to_owned()))?;
    let lines = tracing_subscriber::fmt::layer::<Registry>().with_writer(Masked);
    let people = io::stderr().is_terminal() && io::stdout().is_terminal();
    let lines = if people {
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines.compact().with_ansi(colour).with_target(false).boxed()
    } else {
        lines.event_format(json::Lines).fmt_fields(tracing_subscriber::fmt::format::JsonFields::new()).boxed()
    };
    let spans = collector.map(otlp::layer).transpose()?;
    let subscriber = Registry::default().with(lines.with_filter(filter)).with(spans.map(|spans| {
        let ours = tracing_subscriber::filter::filter_fn(|metadata| metadata.target() == otlp::TARGET);
        spans.with_filter(ours)
    }));
    tracing::dispatcher::set_global_default(subscriber.into()).map_err(|_| ObserveError::Twice)
}

/// Standard error, with phone numbers masked whatever the line is about.
struct Masked;

impl<'w> MakeWriter<'w> for Masked {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        Self
    }
}

impl io::Write for Masked {
    /// A formatter writes each line whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(masked(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
