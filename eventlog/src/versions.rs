//! The versions of streams, for many who ask at once: one question is on its way at a time, and whoever asks meanwhile shares the next.
//!
//! Nobody is told what was true before they asked: a round is closed before its question is sent.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use kernel::StreamName;

use crate::error::LogError;
use crate::store::Store;

/// Most names of one question.
const MOST: usize = 512;

/// Asks for versions.
#[derive(Default)]
pub(crate) struct Versions {
    /// The round that whoever comes now joins.
    open: Mutex<Arc<Round>>,
    turn: tokio::sync::Mutex<()>,
}

/// Those who share a question.
#[derive(Default)]
struct Round {
    names: Mutex<BTreeSet<StreamName>>,
    answer: OnceLock<Result<HashMap<StreamName, u64>, LogError>>,
}

impl Versions {
    /// The versions of those of these streams that exist, as of some moment of this call.
    pub(crate) async fn ask(&self, store: &Store, streams: &[StreamName]) -> Result<HashMap<StreamName, u64>, LogError> {
        if streams.len() > MOST {
            return store.versions(&streams.iter().map(StreamName::as_str).collect::<Vec<_>>()).await;
        }
        let round = self.join(streams);
        let _turn = self.turn.lock().await;
        if round.answer.get().is_none() {
            self.close(&round);
            let answer = store.versions(&round.padded()).await;
            // Only whoever has the turn answers.
            let _ = round.answer.set(answer);
        }
        let versions = match round.answer.get() {
            Some(Ok(versions)) => versions,
            Some(Err(error)) => return Err(error.clone()),
            None => return Err(LogError::Session("its question for versions has no answer")),
        };
        let known = |stream: &StreamName| versions.get(stream).map(|version| (stream.clone(), *version));
        Ok(streams.iter().filter_map(known).collect())
    }

    fn join(&self, streams: &[StreamName]) -> Arc<Round> {
        let mut open = plain(&self.open);
        if plain(&open.names).len() + streams.len() > MOST {
            *open = Arc::default();
        }
        plain(&open.names).extend(streams.iter().cloned());
        Arc::clone(&open)
    }

    fn close(&self, round: &Arc<Round>) {
        let mut open = plain(&self.open);
        if Arc::ptr_eq(&open, round) {
            *open = Arc::default();
        }
    }
}

impl Round {
    /// Its names, some of them again: a power of two of them, so that few statements are prepared for all questions.
    fn padded(&self) -> Vec<String> {
        let names: Vec<_> = plain(&self.names).iter().map(ToString::to_string).collect();
        let count = names.len();
        names.into_iter().cycle().take(if count == 0 { 0 } else { count.next_power_of_two() }).collect()
    }
}

/// Never held across an await; a panic leaves plain data behind.
fn plain<T>(data: &Mutex<T>) -> MutexGuard<'_, T> {
    data.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn stream(id: usize) -> StreamName {
        StreamName::new("tally", id).unwrap()
    }

    #[test]
    fn who_comes_while_a_question_waits_joins_it_and_who_comes_later_does_not() {
        let versions = Versions::default();
        let (one, two) = (versions.join(&[stream(1)]), versions.join(&[stream(2), stream(1)]));
        assert!(Arc::ptr_eq(&one, &two));
        versions.close(&one);
        let three = versions.join(&[stream(3)]);
        assert!(!Arc::ptr_eq(&one, &three));
        assert_eq!(*plain(&one.names), [stream(1), stream(2)].into());
        // Closed once more by nobody's fault: the open round stays.
        versions.close(&one);
        assert!(Arc::ptr_eq(&three, &versions.join(&[stream(4)])));
    }

    #[test]
    fn a_round_is_bounded_and_its_names_are_padded() {
        let versions = Versions::default();
        let full: Vec<_> = (0..MOST).map(stream).collect();
        let first = versions.join(&full);
        let second = versions.join(&[stream(0)]);
        assert!(!Arc::ptr_eq(&first, &second));
        let third = versions.join(&[stream(1), stream(2)]);
        let padded = third.padded();
        assert!(Arc::ptr_eq(&second, &third));
        assert_eq!(padded.len(), 4);
        assert_eq!(padded.iter().collect::<BTreeSet<_>>().len(), 3);
        assert!(Round::default().padded().is_empty());
    }
}
