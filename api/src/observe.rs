//! Log lines, on standard error: standard output is for data.

mod json;
mod mask;

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

pub use mask::masked;

/// The filter cannot be read, or lines are being written somewhere else already.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// Not a filter.
    #[error("`{0}` is no filter of log lines")]
    Filter(String),
    /// There is a subscriber already.
    #[error("log lines are being written somewhere else already")]
    Twice,
}

/// Starts writing log lines: JSON when standard error is no terminal, else compact.
///
/// # Errors
/// [`ObserveError`].
pub fn start(filter: &str) -> Result<(), ObserveError> {
    let filter = EnvFilter::try_new(filter).map_err(|_| ObserveError::Filter(filter.to_owned()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Masked);
    let started = if io::stderr().is_terminal() {
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines.compact().with_ansi(colour).with_target(false).finish_with()
    } else {
        lines.event_format(json::Lines).fmt_fields(tracing_subscriber::fmt::format::JsonFields::new()).finish_with()
    };
    started.map_err(|()| ObserveError::Twice)
}

/// Installs a subscriber for the whole process.
trait FinishWith {
    fn finish_with(self) -> Result<(), ()>;
}

impl<N, E, F, W> FinishWith for tracing_subscriber::fmt::SubscriberBuilder<N, E, F, W>
where
    Self: Into<tracing::Dispatch>,
{
    fn finish_with(self) -> Result<(), ()> {
        tracing::dispatcher::set_global_default(self.into()).map_err(|_| ())
    }
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
