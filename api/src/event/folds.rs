//! Rows that many watch: what an event makes of one is found out once for all of them.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use projections::ReadModel;

/// So many steps are noted before those that nobody holds any more are looked for.
const FEW: usize = 64;

/// A row right after an event of its streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step<R> {
    /// The row; none before its first event, and after its last.
    pub(super) row: Option<R>,
    /// Did that event touch it?
    pub(super) touched: bool,
}

/// What a step is of: model, row, and the position of the last event of the row's streams. Folds are pure, so that this says what the
/// row is.
type Name = (&'static str, String, u64);

/// The steps that somebody holds. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Folds(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    steps: HashMap<Name, Weak<dyn Any + Send + Sync>>,
    /// When there are more, whatever nobody holds is thrown out.
    room: usize,
}

impl Folds {
    /// The row of a model after the event at a position, when somebody holds it.
    pub(super) fn found<M: ReadModel>(&self, key: &str, position: u64) -> Option<Arc<Step<M::Row>>>
    where
        M::Row: 'static,
    {
        let held = self.lock().steps.get(&(M::NAME, key.to_owned(), position))?.upgrade()?;
        held.downcast().ok()
    }

    /// The same, by finding out where nobody holds it. Several may find out at once: they find the same.
    ///
    /// # Errors
    /// Those of finding out.
    pub(super) fn step<M: ReadModel, E>(
        &self,
        key: &str,
        position: u64,
        find: impl FnOnce() -> Result<Step<M::Row>, E>,
    ) -> Result<Arc<Step<M::Row>>, E>
    where
        M::Row: 'static,
    {
        if let Some(found) = self.found::<M>(key, position) {
            return Ok(found);
        }
        let step = Arc::new(find()?);
        let any: Arc<dyn Any + Send + Sync> = Arc::<Step<M::Row>>::clone(&step);
        self.lock().note((M::NAME, key.to_owned(), position), Arc::downgrade(&any));
        Ok(step)
    }

    /// It guards a plain map.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn note(&mut self, name: Name, step: Weak<dyn Any + Send + Sync>) {
        if self.steps.len() >= self.room.max(FEW) {
            self.steps.retain(|_, step| step.strong_count() > 0);
            self.room = self.steps.len() * 2;
        }
        self.steps.insert(name, step);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::cell::Cell;

    use projections::models::StockLevels;

    use super::*;

    #[test]
    fn whoever_watches_the_same_row_holds_the_same_step() {
        let (folds, asked) = (Folds::default(), Cell::new(0));
        let step = |key: &str, position| {
            let find = || {
                asked.set(asked.get() + 1);
                Ok::<_, ()>(Step { row: None, touched: position == 7 })
            };
            folds.step::<StockLevels, _>(key, position, find).unwrap()
        };
        let (one, two) = (step("sku-a", 7), step("sku-a", 7));
        assert!(Arc::ptr_eq(&one, &two) && asked.get() == 1);
        assert!(one.touched && !step("sku-a", 8).touched && step("sku-b", 7).touched, "each of its row and position");
        drop((one, two));
        assert!(folds.found::<StockLevels>("sku-a", 7).is_none(), "nobody holds it, so nobody keeps it");
    }

    #[test]
    fn what_cannot_be_found_out_is_not_noted() {
        let folds = Folds::default();
        assert_eq!(folds.step::<StockLevels, _>("sku-a", 7, || Err("poison")).err(), Some("poison"));
        assert!(folds.step::<StockLevels, _>("sku-a", 7, || Ok::<_, ()>(Step { row: None, touched: false })).is_ok());
    }

    #[test]
    fn what_nobody_holds_goes() {
        let folds = Folds::default();
        let step = |n: usize| folds.step::<StockLevels, _>(&format!("sku-{n}"), 1, || Ok::<_, ()>(Step { row: None, touched: true }));
        let kept: Vec<_> = (0..10).map(|n| step(n).unwrap()).collect();
        for n in 10..10 * FEW {
            step(n).unwrap();
        }
        assert!(folds.lock().steps.len() <= FEW + kept.len());
        assert!((0..10).all(|n| folds.found::<StockLevels>(&format!("sku-{n}"), 1).is_some()));
    }
}
