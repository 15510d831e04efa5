//! How far a long command is: a line that is rewritten on a terminal, else a line every five seconds; on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Time between two looks of a person at the terminal.
const TERMINAL_PACE: Duration = Duration::from_millis(200);
/// Time between two lines of a log.
const LINE_PACE: Duration = Duration::from_secs(5);

/// Characters of a bar.
const BAR: u64 = 20;

/// Tells how far a command is.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    quiet: bool,
    json: bool,
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
        Self { what, quiet, json: false, terminal: std::io::stderr().is_terminal(), started: now, told: now, open: false }
    }

    /// The same, said as JSON, one object a line.
    #[must_use]
    pub fn json(mut self, json: bool) -> Self {
        (self.json, self.terminal) = (json, self.terminal && !json);
        self
    }

    /// Counts something else from now on.
    pub fn begin(&mut self, what: &'static str) {
        let now = Instant::now();
        (self.what, self.started, self.told) = (what, now, now);
    }

    /// `done` of `all` are done.
    pub fn at(&mut self, done: u64, all: u64) {
        let pace = if self.terminal { TERMINAL_PACE } else { LINE_PACE };
        if self.quiet || self.told.elapsed() < pace {
            return;
        }
        self.told = Instant::now();
        let elapsed = self.started.elapsed();
        let line = match (self.json, self.terminal) {
            (true, _) => self.object(done, all, elapsed),
            (false, true) => format!("{} {}", bar(done, all), self.line(done, all, elapsed)),
            (false, false) => self.line(done, all, elapsed),
        };
        // A closed standard error is no reason to stop.
        let _ = if self.terminal { write!(std::io::stderr(), "\r\x1b[K{line}") } else { writeln!(std::io::stderr(), "{line}") };
        self.open = self.terminal;
    }

    fn line(&self, done: u64, all: u64, elapsed: Duration) -> String {
        let rate = rate(done, elapsed);
        let percent = done.saturating_mul(100).checked_div(all).unwrap_or(100);
        let left = all.saturating_sub(done).checked_div(rate).map_or_else(String::new, |left| format!(", {left} s left"));
        format!("{done} of {all} {} ({percent} %), {rate}/s{left}", self.what)
    }

    fn object(&self, done: u64, all: u64, elapsed: Duration) -> String {
        let rate = rate(done, elapsed);
        let left = all.saturating_sub(done).checked_div(rate);
        serde_json::json!({ "progress": self.what, "done": done, "all": all, "per_second": rate, "seconds_left": left }).to_string()
    }

    /// How long it has taken so far.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// So many a second.
fn rate(done: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    done.saturating_mul(1_000) / millis
}

/// How much of it, to look at.
fn bar(done: u64, all: u64) -> String {
    let full = done.saturating_mul(BAR).checked_div(all).unwrap_or(BAR).min(BAR);
    (0..BAR).map(|at| if at < full { '#' } else { '.' }).collect()
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
        assert_eq!(progress.object(25, 100, second), r#"{"all":100,"done":25,"per_second":25,"progress":"events","seconds_left":3}"#);
        assert_eq!((bar(5, 10), bar(0, 0)), ("##########..........".to_owned(), "#".repeat(20)));
    }
}
