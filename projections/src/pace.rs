//! How often what follows the log takes a step: with nothing to do at once, under load with what has gathered.
//!
//! A database transaction for each event of each model would take from the commands what nobody asks for.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::tasks::stopped;

/// How long events gather after a step, unless a reader waits for them.
const GATHER: Duration = Duration::from_millis(20);
/// Events that are enough for a step of their own.
const ENOUGH: u64 = 250;

/// When somebody that follows the log last moved.
#[derive(Default)]
pub(crate) struct Pace {
    moved: Option<Instant>,
}

impl Pace {
    /// It has just moved.
    pub(crate) fn moved(&mut self) {
        self.moved = Some(Instant::now());
    }

    /// Lets events gather for a moment after the last step: until there are enough of them behind a position, until somebody waits for the
    /// newest one or an earlier one, or until the stop. `wanted` completes when somebody begins to wait; it may do so in vain.
    pub(crate) async fn gather<F: Future<Output = ()>>(
        &self,
        news: &watch::Receiver<u64>,
        position: u64,
        stop: &mut watch::Receiver<bool>,
        is_wanted: impl Fn(u64) -> bool,
        wanted: impl Fn() -> F,
    ) {
        let mut news = news.clone();
        while let Some(left) = self.moved.map(|at| GATHER.saturating_sub(at.elapsed())).filter(|left| !left.is_zero()) {
            let newest = *news.borrow_and_update();
            if newest.saturating_sub(position) >= ENOUGH || is_wanted(newest) || *stop.borrow() {
                return;
            }
            tokio::select! {
                () = stopped(stop) => {}
                () = tokio::time::sleep(left) => {}
                () = wanted() => {}
                // Somebody may wait for an event that is only heard of now.
                Ok(()) = news.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::Notify;

    use super::*;

    /// How long it gathers behind position 7, with this news and this wish.
    async fn gathers(pace: &Pace, newest: u64, wish: Option<u64>) -> Duration {
        let (news, (_tell, mut stop)) = (watch::Sender::new(newest).subscribe(), watch::channel(false));
        let since = Instant::now();
        let wanted = |newest: u64| wish.is_some_and(|wish| wish <= newest);
        pace.gather(&news, 7, &mut stop, wanted, pending).await;
        since.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn events_gather_unless_there_are_many_or_one_is_wanted() {
        let mut pace = Pace::default();
        assert!(gathers(&pace, 8, None).await.is_zero(), "nothing went before");
        pace.moved();
        assert!(gathers(&pace, 7 + ENOUGH, None).await.is_zero());
        assert!(gathers(&pace, 9, Some(9)).await.is_zero());
        assert!(gathers(&pace, 9, Some(10)).await >= GATHER, "what is wanted is not there yet");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_and_a_stop_end_it() {
        let mut pace = Pace::default();
        let (news, (tell, mut stop)) = (watch::Sender::new(9).subscribe(), watch::channel(false));
        let (wished, bell) = (std::sync::atomic::AtomicBool::new(false), Notify::new());
        pace.moved();
        let gathered = pace.gather(&news, 7, &mut stop, |_| wished.load(std::sync::atomic::Ordering::Relaxed), || bell.notified());
        let wish = async {
            wished.store(true, std::sync::atomic::Ordering::Relaxed);
            bell.notify_one();
        };
        let since = Instant::now();
        tokio::join!(gathered, wish);
        assert!(since.elapsed().is_zero());
        tell.send_replace(true);
        pace.gather(&news, 7, &mut stop, |_| false, pending).await;
        assert!(since.elapsed().is_zero());
    }
}
