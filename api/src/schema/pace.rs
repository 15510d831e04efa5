//! When this node heard of which position: how old what a read has not seen is can be said without asking the log each time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::Timestamp;
use tokio::sync::watch;

/// Positions that are remembered: twenty seconds of a busy log.
const KEPT: usize = 4_096;
/// Positions closer together than this are one.
const GRAIN_MS: i64 = 5;

/// The log's latest positions with the real time at which each was heard of.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Arc<Mutex<VecDeque<(u64, i64)>>>);

impl Pace {
    /// Listens to the log's end as long as there is a log, or the pace is asked.
    pub(super) fn follow(mut end: watch::Receiver<u64>) -> Self {
        let pace = Self::default();
        pace.note(*end.borrow_and_update(), now_ms());
        let heard = Arc::downgrade(&pace.0);
        tokio::spawn(async move {
            while end.changed().await.is_ok() {
                let Some(heard) = heard.upgrade() else { return };
                Self(heard).note(*end.borrow_and_update(), now_ms());
            }
        });
        pace
    }

    fn note(&self, position: u64, at_ms: i64) {
        let mut heard = self.lock();
        if heard.back().is_some_and(|(last, at)| *last >= position || at_ms - at < GRAIN_MS) {
            return;
        }
        if heard.len() == KEPT {
            heard.pop_front();
        }
        heard.push_back((position, at_ms));
    }

    /// For how long there has been more than a position, in milliseconds; none where that is too long ago to be remembered.
    pub(super) fn since(&self, position: u64) -> Option<i64> {
        self.since_at(position, now_ms())
    }

    fn since_at(&self, position: u64, now_ms: i64) -> Option<i64> {
        let heard = self.lock();
        let next = heard.partition_point(|(heard, _)| *heard <= position);
        // What came after the last one that was noted came within its grain.
        let (_, at) = heard.get(next).filter(|_| next > 0).or_else(|| heard.back().filter(|_| next > 0))?;
        Some((now_ms - at).max(0))
    }

    /// It guards plain numbers.
    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn what_was_heard_of_has_an_age() {
        let pace = Pace::default();
        assert_eq!(pace.since_at(0, 0), None);
        for (position, at) in [(10, 1_000), (20, 2_000), (25, 2_003), (30, 3_000)] {
            pace.note(position, at);
        }
        assert_eq!(pace.since_at(9, 4_000), None, "it began before anybody listened");
        assert_eq!(pace.since_at(10, 4_000), Some(2_000), "the eleventh came with the twentieth");
        assert_eq!(pace.since_at(19, 4_000), Some(2_000));
        assert_eq!(pace.since_at(20, 4_000), Some(1_000), "what came within the grain of another is counted from the next");
        assert_eq!(pace.since_at(30, 4_000), Some(1_000), "and at the end from the last");
        for n in 0..2 * KEPT as u64 {
            pace.note(31 + n, 4_000 + i64::try_from(n).unwrap() * GRAIN_MS);
        }
        let kept = pace.lock().len();
        assert_eq!((kept, pace.since_at(31, 100_000)), (KEPT, None));
    }

    #[tokio::test]
    async fn it_follows_the_log() {
        let end = watch::Sender::new(5);
        let pace = Pace::follow(end.subscribe());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        end.send_replace(6);
        for _ in 0..500 {
            if pace.lock().len() == 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(pace.since(5).is_some_and(|age| age < 10_000) && pace.since(4).is_none());
    }
}
