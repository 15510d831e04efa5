//! Rows that the projector of this process has just written, or that were just read, for those who ask for them at once: whoever writes hears
//! the answer from here, without asking the database for what was in this process's hands.
//!
//! What is kept are facts: a row with all events of its key up to a position. They hold whoever moves the model meanwhile, because the
//! log never changes; they only grow old, and are dropped when this process no longer moves the model.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::views::fold::Changes;

/// Rows of one generation; twice as many are kept at most.
const KEPT: usize = 2_000;
/// A longer row is not kept, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// A row as it is stored, or that there is none.
type Doc = Option<Arc<str>>;

/// The recent rows of a model. Empty until somebody asks, and while another process moves the model.
#[derive(Default)]
pub(crate) struct Recent {
    asked: AtomicBool,
    rows: Mutex<Rows>,
}

/// Two generations: the older goes when the newer is full, what is asked for in time comes over.
#[derive(Default)]
struct Rows {
    /// Up to where each row has all events of its key; none while this process does not move the model.
    upto: Option<u64>,
    /// The last position at which a row was written: whoever has read one there or later has read what it is now.
    changed: u64,
    newer: HashMap<String, Doc>,
    older: HashMap<String, Doc>,
}

impl Recent {
    /// The row of a key, with the position up to which it has all that happened to it; none when it is not known here.
    pub(crate) fn get(&self, key: &str) -> Option<(Doc, u64)> {
        self.asked.store(true, Ordering::Relaxed);
        let mut rows = self.lock();
        let upto = rows.upto?;
        rows.find(key).map(|doc| (doc, upto))
    }

    /// Keeps a row that was read at a position, if nothing was written since.
    pub(crate) fn keep(&self, key: &str, doc: Option<&str>, position: u64) {
        let mut rows = self.lock();
        if rows.upto.is_some_and(|upto| (rows.changed..=upto).contains(&position)) && rows.find(key).is_none() {
            rows.put(key, doc);
        }
    }

    /// This process moves the model from a position on.
    pub(crate) fn begin(&self, position: u64) {
        *self.lock() = Rows { upto: Some(position), changed: position, ..Rows::default() };
    }

    /// What a step is about to write. Taken before it is written: [`Recent::moved`] keeps it once it is.
    pub(crate) fn note(&self, changes: &Changes) -> Noted {
        let asked = self.asked.load(Ordering::Relaxed);
        if !asked {
            return Noted { all: changes.is_empty(), changes: !changes.is_empty(), ..Noted::default() };
        }
        let written = changes.upserts.iter().map(|upsert| (upsert.key.clone(), Some(upsert.row.doc.as_str().into())));
        let gone = changes.deletes.iter().map(|key| (key.clone(), None));
        let parked = changes.parked.iter().map(|parked| parked.key.clone());
        Noted { all: true, changes: !changes.is_empty(), rows: written.chain(gone).collect(), parked: parked.collect() }
    }

    /// The model has come to a position with what was noted.
    pub(crate) fn moved(&self, upto: u64, noted: Noted) {
        let mut rows = self.lock();
        if rows.upto.is_none() {
            return;
        }
        rows.upto = Some(upto);
        if noted.changes {
            rows.changed = upto;
        }
        if !noted.all {
            // Somebody has begun to ask meanwhile, and may have read what was then written over.
            rows.newer.clear();
            rows.older.clear();
        }
        for (key, doc) in noted.rows {
            rows.put(&key, doc.as_deref());
        }
        for key in noted.parked {
            // Its row stands still before what could not be applied: the database says so.
            rows.newer.remove(&key);
            rows.older.remove(&key);
        }
    }

    /// This process no longer moves the model.
    pub(crate) fn forget(&self) {
        *self.lock() = Rows::default();
    }

    /// Never held across an await; it guards plain data.
    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a step is about to write.
#[derive(Default)]
pub(crate) struct Noted {
    /// Is everything here that changes?
    all: bool,
    /// Does anything change?
    changes: bool,
    rows: Vec<(String, Doc)>,
    parked: Vec<String>,
}

impl Rows {
    fn find(&mut self, key: &str) -> Option<Doc> {
        if let Some(doc) = self.newer.get(key) {
            return Some(doc.clone());
        }
        let doc = self.older.remove(key)?;
        self.put(key, doc.as_deref());
        Some(doc)
    }

    fn put(&mut self, key: &str, doc: Option<&str>) {
        self.older.remove(key);
        if doc.is_some_and(|doc| doc.len() > MAX_BYTES) {
            self.newer.remove(key);
            return;
        }
        if self.newer.len() >= KEPT {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key.to_owned(), doc.map(Into::into));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::definition::StoredRow;
    use crate::views::sql::Upsert;

    fn changes(upserts: &[(&str, &str)], deletes: &[&str]) -> Changes {
        let row = |doc: &str| StoredRow { doc: doc.to_owned(), index: Vec::new(), place: None };
        let upserts = upserts.iter().map(|(key, doc)| Upsert { key: (*key).to_owned(), row: row(doc), position: 0 }).collect();
        Changes { upserts, deletes: deletes.iter().map(|key| (*key).to_owned()).collect(), parked: Vec::new() }
    }

    fn got(recent: &Recent, key: &str) -> Option<(Option<String>, u64)> {
        recent.get(key).map(|(doc, upto)| (doc.map(|doc| doc.to_string()), upto))
    }

    #[test]
    fn what_was_written_and_read_is_known_up_to_where_the_model_is() {
        let recent = Recent::default();
        recent.keep("a", Some("read"), 3);
        assert_eq!(got(&recent, "a"), None, "another process moves the model");
        recent.begin(3);
        recent.keep("a", Some("read"), 3);
        assert_eq!(got(&recent, "a"), Some((Some("read".to_owned()), 3)));
        recent.moved(5, recent.note(&changes(&[("b", "new")], &["c"])));
        assert_eq!(got(&recent, "a"), Some((Some("read".to_owned()), 5)), "nothing happened to it");
        assert_eq!((got(&recent, "b"), got(&recent, "c")), (Some((Some("new".to_owned()), 5)), Some((None, 5))));
        recent.moved(9, recent.note(&changes(&[], &[])));
        recent.keep("b", Some("old"), 5);
        assert_eq!(got(&recent, "b"), Some((Some("new".to_owned()), 9)), "what is known is newer");
        recent.keep("d", None, 5);
        assert_eq!(got(&recent, "d"), Some((None, 9)), "nothing was written since");
        recent.keep("e", None, 4);
        assert_eq!(got(&recent, "e"), None, "something was");
        recent.forget();
        assert_eq!(got(&recent, "b"), None);
    }

    /// The first question comes between what a step has noted and what it has written.
    #[test]
    fn what_was_read_before_a_write_that_nobody_noted_goes() {
        let recent = Recent::default();
        recent.begin(3);
        let noted = recent.note(&changes(&[("a", "new")], &[]));
        assert_eq!(got(&recent, "a"), None);
        recent.keep("a", Some("old"), 3);
        recent.moved(5, noted);
        assert_eq!(got(&recent, "a"), None);
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let recent = Recent::default();
        recent.begin(0);
        assert_eq!(got(&recent, "used"), None);
        recent.moved(1, recent.note(&changes(&[("used", "1"), ("idle", "1")], &[])));
        for n in 0..2 * KEPT as u64 {
            recent.moved(n + 2, recent.note(&changes(&[(&format!("n{n}"), "1")], &[])));
            assert!(got(&recent, "used").is_some());
        }
        assert_eq!(got(&recent, "idle"), None);
        recent.moved(9_999, recent.note(&changes(&[("used", &"x".repeat(MAX_BYTES + 1))], &[])));
        assert_eq!(got(&recent, "used"), None, "it is too long, and not what it was");
    }
}
