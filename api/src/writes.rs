//! Whether the log takes what commands append, as far as this process has seen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A failure is remembered for so long, unless something is appended before. Then the next command may try: nobody else could tell
/// that the disk has room again.
const REMEMBERED: Duration = Duration::from_secs(10);

/// What became of the last commands. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Writes(Arc<Mutex<Option<Instant>>>);

impl Writes {
    /// A command went through.
    pub fn went_through(&self) {
        *self.lock() = None;
    }

    /// The log was unavailable for a command.
    pub fn failed(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// Did the last command fail for the log's sake, a moment ago?
    #[must_use]
    pub fn failing(&self) -> bool {
        self.lock().is_some_and(|at| at.elapsed() < REMEMBERED)
    }

    /// It guards an instant.
    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_command_says_how_it_is() {
        let writes = Writes::default();
        assert!(!writes.failing());
        writes.failed();
        assert!(writes.clone().failing());
        writes.went_through();
        assert!(!writes.failing());
    }
}
