//! How far a long command is: a line that is rewritten on a terminal, else a line every five seconds; on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Time between two looks of a person at the terminal.
const TERMINAL_PACE: Duration = Duration::from_millis(200);
/// Time between two lines of a log.
const LINE_PACE: Duration = Duration::from_secs(5);

/// Tells how far a command is.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    quiet: bool,
    terminal: bool,
    started: Instant,
    told: Instant,
    /// Is a half-written line on the terminal?
    open: bool,
}

impl Progress {
    /// Starts to count `what`, for example `events`.
    #[must_use]
    pub fn new(what: &'static str, quiet: bool) -> Self {
        let now = Instant::now();
        Self { what, quiet, terminal: std::io::stderr().is_terminal(), started: now, told: now, open: false }
    }

    /// `done` of `all` are done.
    pub fn at(&mut self, done: u64, all: u64) {
        let pace = if self.terminal { TERMINAL_PACE } else { LINE_PACE };
        if self.quiet || self.told.elapsed() < pace {
            return;
        }
        self.told = Instant::now();
        let line = self.line(done, all, self.started.elapsed());
        // A closed standard error is no reason to stop.
        let _ = if self.terminal { write!(std::io::stderr(), "\r\x1b[K{line}") } else { writeln!(std::io::stderr(), "{line}") };
        self.open = self.terminal;
    }

    fn line(&self, done: u64, all: u64, elapsed: Duration) -> String {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = done.saturating_mul(1_000) / millis;
        let percent = done.saturating_mul(100).checked_div(all).unwrap_or(100);
        let left = all.saturating_sub(done).checked_div(rate).map_or_else(String::new, |left| format!(", {left} s left"));
        format!("{done} of {all} {} ({percent} %), {rate}/s{left}", self.what)
    }

    /// How long it has taken so far.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.open {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_how_fast_and_how_long() {
        let progress = Progress::new("events", true);
        let second = Duration::from_secs(1);
        assert_eq!(progress.line(25, 100, second), "25 of 100 events (25 %), 25/s, 3 s left");
        assert_eq!(progress.line(0, 100, second), "0 of 100 events (0 %), 0/s");
        assert_eq!(progress.line(0, 0, second), "0 of 0 events (100 %), 0/s");
    }
}
