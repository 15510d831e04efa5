//! When pending transfers expire, the earliest first; cheap to clone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::decimal;

/// Most entries of one chunk: what is copied when a clone is changed.
const CHUNK: usize = 256;

/// A pending transfer's end. In the order in which they are released: by end, then by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Deadline {
    /// Nanoseconds since 1970.
    pub expires_at: u64,
    /// When the transfer was created, in nanoseconds.
    pub timestamp: u64,
    /// Which.
    #[serde(with = "decimal")]
    pub id: u128,
}

/// A sorted set of deadlines in chunks; no chunk is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Deadline>", into = "Vec<Deadline>")]
pub(super) struct Deadlines {
    chunks: Arc<Vec<Arc<Vec<Deadline>>>>,
}

impl Deadlines {
    /// The next one.
    pub(super) fn first(&self) -> Option<Deadline> {
        self.chunks.first().and_then(|chunk| chunk.first()).copied()
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Deadline> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().copied())
    }

    pub(super) fn insert(&mut self, deadline: Deadline) {
        let at = self.chunk_of(deadline);
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(chunk) = chunks.get_mut(at) else { return chunks.push(Arc::new(vec![deadline])) };
        let chunk = Arc::make_mut(chunk);
        if let Err(place) = chunk.binary_search(&deadline) {
            chunk.insert(place, deadline);
        }
        if chunk.len() > CHUNK {
            let rest = chunk.split_off(CHUNK / 2);
            chunks.insert(at + 1, Arc::new(rest));
        }
    }

    pub(super) fn remove(&mut self, deadline: Deadline) {
        let at = self.chunk_of(deadline);
        let Some(Ok(place)) = self.chunks.get(at).map(|chunk| chunk.binary_search(&deadline)) else { return };
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(&mut chunks[at]);
        chunk.remove(place);
        if chunk.is_empty() {
            chunks.remove(at);
        }
    }

    /// The chunk that a deadline is in, or belongs into.
    fn chunk_of(&self, deadline: Deadline) -> usize {
        self.chunks.partition_point(|chunk| chunk.first().is_some_and(|first| *first <= deadline)).saturating_sub(1)
    }
}

impl From<Vec<Deadline>> for Deadlines {
    fn from(all: Vec<Deadline>) -> Self {
        let mut deadlines = Self::default();
        all.into_iter().for_each(|deadline| deadlines.insert(deadline));
        deadlines
    }
}

impl From<Deadlines> for Vec<Deadline> {
    fn from(deadlines: Deadlines) -> Self {
        deadlines.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn they_stay_in_order_and_a_clone_stays_as_it_was() {
        let deadline = |n: u64| Deadline { expires_at: n * 7_919 % 1_009, timestamp: n, id: n.into() };
        let (mut deadlines, mut set) = (Deadlines::default(), BTreeSet::new());
        for n in 0..5_000 {
            deadlines.insert(deadline(n));
            set.insert(deadline(n));
        }
        let (before, all) = (deadlines.clone(), set.clone());
        for n in (0..5_000).filter(|n| n % 3 != 0) {
            deadlines.remove(deadline(n));
            deadlines.remove(deadline(n));
            set.remove(&deadline(n));
        }
        assert!(deadlines.iter().eq(set.iter().copied()) && deadlines.first() == set.first().copied());
        assert!(before.iter().eq(all));
        set.iter().for_each(|deadline| deadlines.remove(*deadline));
        assert_eq!(deadlines, Deadlines::default());
    }
}
