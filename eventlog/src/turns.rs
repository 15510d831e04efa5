//! Turns: commands of one node that met on a stream queue for it, instead of racing each other again and again.
//!
//! Only fairness: the version check alone keeps the log right, with or without a turn. A command takes turns when it was
//! overtaken, on all the streams that it loaded, in sorted order of their names, so that nobody waits in a circle, and gives
//! them back once it is on its way. Meanwhile nobody else's decision on these streams leaves.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::StreamName;
use tokio::sync::OwnedMutexGuard;

/// Longest wait for a turn; whoever has waited as long goes on without one.
const MAX_WAIT: Duration = Duration::from_secs(5);

type Queue = Arc<tokio::sync::Mutex<()>>;

/// The queues of one log; a stream that nobody waits for has none.
#[derive(Default)]
pub(crate) struct Turns {
    queues: Mutex<HashMap<StreamName, Queue>>,
}

/// A command's turns on its streams, until it is dropped.
pub(crate) struct Turn<'t> {
    turns: &'t Turns,
    streams: BTreeSet<StreamName>,
    held: Vec<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for the turn on each of the streams.
    pub(crate) async fn take(&self, streams: BTreeSet<StreamName>) -> Turn<'_> {
        // Made first: it also forgets the queues when the wait is given up or cancelled.
        let mut turn = Turn { turns: self, streams, held: Vec::new() };
        let all = async {
            for stream in &turn.streams {
                let queue = self.queues().entry(stream.clone()).or_default().clone();
                turn.held.push(queue.lock_owned().await);
            }
        };
        if tokio::time::timeout(MAX_WAIT, all).await.is_err() {
            turn.held.clear();
        }
        turn
    }

    /// Is one of these streams somebody else's turn? Whoever holds one goes first, or it would never end.
    pub(crate) fn yields_to_others<'s>(&self, mut streams: impl Iterator<Item = &'s StreamName>, own: Option<&Turn<'_>>) -> bool {
        let queues = self.queues();
        let held = |stream: &StreamName| queues.contains_key(stream) && !own.is_some_and(|turn| turn.holds(stream));
        !queues.is_empty() && streams.any(held)
    }

    /// Never held across an await; a panic leaves a plain map behind.
    fn queues(&self) -> MutexGuard<'_, HashMap<StreamName, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    fn holds(&self, stream: &StreamName) -> bool {
        !self.held.is_empty() && self.streams.contains(stream)
    }

    /// Does the turn cover all of these streams?
    pub(crate) fn covers(&self, streams: &BTreeSet<StreamName>) -> bool {
        (!self.held.is_empty() || streams.is_empty()) && streams.is_subset(&self.streams)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held.clear();
        let mut queues = self.turns.queues();
        for stream in &self.streams {
            // Whoever holds or waits has a handle of its own: with the map's alone nobody does.
            if queues.get(stream).is_some_and(|queue| Arc::strong_count(queue) == 1) {
                queues.remove(stream);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn streams(ids: &[&str]) -> BTreeSet<StreamName> {
        ids.iter().map(|id| StreamName::new("tally", id).unwrap()).collect()
    }

    #[tokio::test]
    async fn one_at_a_time_and_nothing_is_left_behind() {
        let turns = Turns::default();
        let first = turns.take(streams(&["a", "b"])).await;
        assert!(first.covers(&streams(&["b"])) && !first.covers(&streams(&["c"])));
        let other = turns.take(streams(&["c"])).await;
        let waiting = turns.take(streams(&["b", "c"]));
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut waiting).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut waiting).await.is_err());
        drop(other);
        drop(waiting.await);
        assert!(turns.queues().is_empty());
    }

    #[tokio::test]
    async fn a_cancelled_wait_leaves_nothing_behind() {
        let turns = Turns::default();
        let first = turns.take(streams(&["a"])).await;
        assert!(tokio::time::timeout(Duration::from_millis(20), turns.take(streams(&["a", "b"]))).await.is_err());
        drop(first);
        assert!(turns.queues().is_empty());
    }
}
