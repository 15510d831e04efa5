//! Many keys folded in memory, their rows kept as what they are: a load reads and writes a row's JSON once, not at every event.

use std::collections::HashMap;
use std::sync::Arc;

use crate::known::Known;
use crate::model::{Poison, ReadModel};
use crate::views::definition::{self, StoredRow};
use crate::views::error::ViewError;

/// Rows of one model in memory, its types erased.
pub(crate) trait Keyed<E>: Send {
    /// Is the key's row, or its absence, known here?
    fn holds(&self, key: &str) -> bool;

    /// Notes the stored row of a key, or that there is none.
    fn put(&mut self, key: &str, doc: Option<&str>) -> Result<(), ViewError>;

    /// Applies what one stored event says to a key, wholly or not at all.
    fn apply(&mut self, key: &str, events: &[Arc<Known<E>>]) -> Result<(), Poison>;

    /// How many rows have changed since they were last taken.
    fn changed(&self) -> usize;

    /// How many keys are held.
    fn len(&self) -> usize;

    /// What has changed, in the order of the keys; it counts as stored from now on.
    fn take(&mut self) -> Result<Vec<Changed>, ViewError>;

    /// Every key with its row and the position of its last event, in the order of the keys.
    fn rows(&self) -> Result<Vec<(String, StoredRow, u64)>, ViewError>;

    /// Every key that is held, in no order.
    fn each_key(&self, look: &mut dyn FnMut(&str));

    /// Forgets everything; what has changed must have been taken.
    fn clear(&mut self);
}

/// A key's row that is to be stored.
pub(crate) struct Changed {
    pub key: String,
    /// None: it is to be deleted.
    pub row: Option<StoredRow>,
    /// Of the last event applied.
    pub position: u64,
    /// Is a row of this key stored already?
    pub stored: bool,
}

struct Slot<R> {
    row: Option<R>,
    position: u64,
    stored: bool,
    changed: bool,
}

struct Rows<M: ReadModel<E>, E: 'static> {
    slots: HashMap<String, Slot<M::Row>>,
    changed: usize,
}

/// Begins without any row.
pub(crate) fn begin<E: 'static, M: ReadModel<E>>() -> Box<dyn Keyed<E>> {
    Box::new(Rows::<M, E> { slots: HashMap::new(), changed: 0 })
}

impl<M: ReadModel<E>, E: 'static> Keyed<E> for Rows<M, E> {
    fn holds(&self, key: &str) -> bool {
        self.slots.contains_key(key)
    }

    fn put(&mut self, key: &str, doc: Option<&str>) -> Result<(), ViewError> {
        let row = doc.map(|doc| definition::read::<E, M>(key, doc)).transpose()?;
        self.slots.insert(key.to_owned(), Slot { stored: row.is_some(), row, position: 0, changed: false });
        Ok(())
    }

    fn apply(&mut self, key: &str, events: &[Arc<Known<E>>]) -> Result<(), Poison> {
        let Some(last) = events.last() else { return Ok(()) };
        let before = self.slots.get(key).and_then(|slot| slot.row.clone());
        let row = events.iter().try_fold(before, |row, event| M::apply(key, row, event))?;
        match self.slots.get_mut(key) {
            Some(slot) => {
                self.changed += usize::from(!slot.changed);
                (slot.row, slot.position, slot.changed) = (row, last.position(), true);
            }
            None => {
                self.changed += 1;
                let slot = Slot { row, position: last.position(), stored: false, changed: true };
                self.slots.insert(key.to_owned(), slot);
            }
        }
        Ok(())
    }

    fn changed(&self) -> usize {
        self.changed
    }

    fn len(&self) -> usize {
        self.slots.len()
    }

    fn take(&mut self) -> Result<Vec<Changed>, ViewError> {
        let mut taken = Vec::with_capacity(self.changed);
        for (key, slot) in self.slots.iter_mut().filter(|(_, slot)| slot.changed) {
            let row = slot.row.as_ref().map(|row| definition::stored::<E, M>(key, row)).transpose()?;
            let (stored, position) = (slot.stored, slot.position);
            (slot.changed, slot.stored) = (false, row.is_some());
            taken.push(Changed { key: key.clone(), row, position, stored });
        }
        self.changed = 0;
        // Sorted: neighbours in the index are written together, and two loads write the same.
        taken.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(taken)
    }

    fn rows(&self) -> Result<Vec<(String, StoredRow, u64)>, ViewError> {
        let kept = self.slots.iter().filter_map(|(key, slot)| slot.row.as_ref().map(|row| (key, row, slot.position)));
        let rows = kept.map(|(key, row, position)| Ok((key.clone(), definition::stored::<E, M>(key, row)?, position)));
        let mut rows = rows.collect::<Result<Vec<_>, ViewError>>()?;
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(rows)
    }

    fn each_key(&self, look: &mut dyn FnMut(&str)) {
        self.slots.keys().for_each(|key| look(key));
    }

    fn clear(&mut self) {
        self.slots.clear();
        self.changed = 0;
    }
}
