//! Whose a thing is: found out once for all who listen. With thousands of listeners, each of them asking for itself would be
//! thousands of questions for one event.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::ids::UserId;
use tokio::sync::OnceCell;

use crate::errors::ApiError;

/// Things of one generation; twice as many are kept at most.
const KEPT: usize = 50_000;

type People = Box<[UserId]>;

/// The people that things belong to, by the things' streams. Nothing changes hands: what was found once stays true. Clones see the
/// same.
#[derive(Clone, Debug, Default)]
pub struct Parties(Arc<Mutex<Recent>>);

/// Two generations: the older goes when the newer is full, what is asked for in time comes over.
#[derive(Debug, Default)]
struct Recent {
    newer: HashMap<String, Arc<OnceCell<People>>>,
    older: HashMap<String, Arc<OnceCell<People>>>,
}

impl Recent {
    fn cell(&mut self, stream: &str) -> Arc<OnceCell<People>> {
        if let Some(cell) = self.newer.get(stream) {
            return Arc::clone(cell);
        }
        let cell = self.older.remove(stream).unwrap_or_default();
        if self.newer.len() >= KEPT {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(stream.to_owned(), Arc::clone(&cell));
        cell
    }
}

impl Parties {
    /// Is this stream somebody's? None when nobody has found out yet.
    #[must_use]
    pub fn known(&self, stream: &str, user: UserId) -> Option<bool> {
        self.lock().newer.get(stream)?.get().map(|people| people.contains(&user))
    }

    /// Notes whose a stream is.
    pub fn learn(&self, stream: &str, people: impl Into<People>) {
        // Whoever was quicker noted the same.
        let _ = self.lock().cell(stream).set(people.into());
    }

    /// Is this stream somebody's? The first who asks finds out, the others wait for that.
    ///
    /// # Errors
    /// Those of finding out; the next one tries again.
    pub async fn is_of<F>(&self, stream: &str, user: UserId, find: impl FnOnce() -> F) -> Result<bool, ApiError>
    where
        F: Future<Output = Result<People, ApiError>>,
    {
        let cell = self.lock().cell(stream);
        cell.get_or_try_init(find).await.map(|people| people.contains(&user))
    }

    /// It guards plain maps.
    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use uuid::Uuid;

    use super::*;

    fn person(n: u128) -> UserId {
        UserId::new(Uuid::from_u128(n))
    }

    #[tokio::test]
    async fn it_is_found_out_once() {
        let (parties, asked) = (Parties::default(), AtomicUsize::new(0));
        let ask = async |n| {
            let find = async || {
                asked.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok([person(1), person(2)].into())
            };
            parties.is_of("booking-a", person(n), find).await.unwrap()
        };
        assert_eq!(parties.known("booking-a", person(1)), None);
        let of: Vec<_> = join_all((0..100).map(ask)).await;
        assert_eq!((of.iter().filter(|mine| **mine).count(), asked.load(Ordering::SeqCst)), (2, 1));
        assert_eq!((parties.known("booking-a", person(1)), parties.known("booking-a", person(3))), (Some(true), Some(false)));
        parties.learn("booking-a", [person(3)]);
        assert_eq!(parties.known("booking-a", person(3)), Some(false), "it never changes");
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let parties = Parties::default();
        let failed = parties.is_of("booking-a", person(1), async || Err(ApiError::code("SYS008"))).await;
        assert!(failed.is_err());
        assert!(parties.is_of("booking-a", person(1), async || Ok([person(1)].into())).await.unwrap());
    }

    #[test]
    fn old_ones_go() {
        let parties = Parties::default();
        for n in 0..2 * KEPT + 1 {
            parties.learn(&format!("booking-{n}"), [person(1)]);
        }
        let kept = parties.lock();
        assert!(kept.newer.len() + kept.older.len() <= 2 * KEPT);
    }
}
