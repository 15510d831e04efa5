//! Readers that wait for a position: each is woken once, when it is reached, and costs nothing until then.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

/// How far something is, and who waits for it to be further.
pub(crate) struct Gate {
    state: Mutex<State>,
    /// Rings when somebody begins to wait.
    wanted: Notify,
}

struct State {
    reached: u64,
    serial: u64,
    /// By position, then by arrival.
    waiting: BTreeMap<(u64, u64), oneshot::Sender<u64>>,
}

/// A place in the queue, given back when its reader goes away.
struct Place<'g> {
    gate: &'g Gate,
    key: (u64, u64),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.lock().waiting.remove(&self.key);
    }
}

impl Gate {
    pub(crate) fn new(reached: u64) -> Self {
        Self { state: Mutex::new(State { reached, serial: 0, waiting: BTreeMap::new() }), wanted: Notify::new() }
    }

    /// Never held across an await; it guards plain data.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reached(&self) -> u64 {
        self.lock().reached
    }

    /// It has come to a position; says whether that is news.
    pub(crate) fn reach(&self, position: u64) -> bool {
        let mut state = self.lock();
        if position <= state.reached {
            return false;
        }
        state.reached = position;
        let later = state.waiting.split_off(&(position + 1, 0));
        let ready = std::mem::replace(&mut state.waiting, later);
        drop(state);
        for waiting in ready.into_values() {
            // A reader that went away meanwhile needs no answer.
            let _ = waiting.send(position);
        }
        true
    }

    /// Completes with the position reached, once it is this one or a later one.
    pub(crate) async fn wait(&self, position: u64) -> u64 {
        let (place, told) = {
            let mut state = self.lock();
            if state.reached >= position {
                return state.reached;
            }
            state.serial += 1;
            let (key, (tell, told)) = ((position, state.serial), oneshot::channel());
            state.waiting.insert(key, tell);
            (Place { gate: self, key }, told)
        };
        self.wanted.notify_one();
        let reached = told.await;
        drop(place);
        // The sender is dropped only after it has told, or with the gate, which is borrowed here.
        reached.unwrap_or(position)
    }

    /// Does anybody wait for this position or an earlier one?
    pub(crate) fn is_wanted(&self, position: u64) -> bool {
        self.lock().waiting.first_key_value().is_some_and(|((first, _), _)| *first <= position)
    }

    /// Completes when somebody has begun to wait since it was last asked; sometimes earlier.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// How many wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn each_is_woken_once_and_nobody_too_early() {
        let gate = Arc::new(Gate::new(3));
        assert_eq!(gate.wait(2).await, 3);
        let wait = |position: u64| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.wait(position).await })
        };
        let (five, seven, gone) = (wait(5), wait(7), wait(6));
        while gate.waiting() < 3 {
            tokio::task::yield_now().await;
        }
        gone.abort();
        assert!(gone.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!((gate.waiting(), gate.is_wanted(4), gate.is_wanted(5)), (2, false, true));
        assert!(gate.reach(6) && !gate.reach(6) && !gate.reach(4));
        assert_eq!(five.await.ok(), Some(6));
        assert_eq!((gate.waiting(), gate.reached()), (1, 6));
        assert!(gate.reach(9));
        assert_eq!((seven.await.ok(), gate.waiting()), (Some(9), 0));
    }
}
