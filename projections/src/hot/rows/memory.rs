//! Hot rows within one process: the embedded default.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::geo::GeoPoint;
use tokio::time::Instant;

use super::{Advance, Answer, Ask, HotRows, MAX_FOUND, Mark, Told};
use crate::models::search;

/// How long a silent holder keeps a model.
const LEASE: Duration = Duration::from_secs(5);

/// Keeps rows in memory. Shared by clones of one `Arc`, it may have several workers, as Redis has.
#[derive(Debug, Default)]
pub struct MemoryRows {
    models: Mutex<HashMap<String, Rows>>,
}

#[derive(Debug, Default)]
struct Rows {
    mark: Mark,
    holder: Option<(String, Instant)>,
    docs: HashMap<String, String>,
    /// Term and key.
    index: BTreeSet<(String, String)>,
    /// By latitude and key; and each key's point.
    places: BTreeMap<(i32, String), GeoPoint>,
    placed: HashMap<String, GeoPoint>,
}

impl MemoryRows {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Never held across an await; it guards plain data.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Rows>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, model: &str, act: impl FnOnce(&mut Rows) -> T) -> T {
        let mut models = self.lock();
        if let Some(rows) = models.get_mut(model) {
            return act(rows);
        }
        act(models.entry(model.to_owned()).or_default())
    }

    /// Forgets everything, as a Redis that was emptied.
    pub fn clear(&self) {
        self.lock().clear();
    }
}

impl Rows {
    fn take(&mut self, holder: &str) -> Option<Mark> {
        let now = Instant::now();
        if self.holder.as_ref().is_some_and(|(other, until)| other != holder && *until >= now) {
            return None;
        }
        self.holder = Some((holder.to_owned(), now + LEASE));
        let clock = u64::try_from(kernel::Timestamp::now().as_millisecond()).unwrap_or(0);
        self.mark.epoch = clock.max(self.mark.epoch + 1);
        Some(self.mark.clone())
    }

    fn advance(&mut self, step: &Advance<'_>) -> bool {
        if self.mark != *step.from {
            return false;
        }
        for change in step.changes {
            for term in &change.old_terms {
                self.index.remove(&(term.clone(), change.key.clone()));
            }
            if let Some(place) = self.placed.remove(&change.key) {
                self.places.remove(&(place.lat_e7(), change.key.clone()));
            }
            let Some(row) = &change.new else {
                self.docs.remove(&change.key);
                continue;
            };
            self.docs.insert(change.key.clone(), row.doc.clone());
            self.index.extend(row.terms.iter().map(|term| (term.clone(), change.key.clone())));
            if let Some(place) = row.place {
                self.placed.insert(change.key.clone(), place);
                self.places.insert((place.lat_e7(), change.key.clone()), place);
            }
        }
        self.mark = Mark { position: step.position, hash: step.hash.to_owned(), ..self.mark.clone() };
        if let Some((_, until)) = &mut self.holder {
            *until = Instant::now() + LEASE;
        }
        true
    }

    fn reset(&mut self, from: &Mark) -> bool {
        let same = self.mark == *from;
        if same {
            *self = Self { mark: Mark { epoch: from.epoch, ..Mark::default() }, holder: self.holder.take(), ..Self::default() };
        }
        same
    }

    fn ask(&self, question: &Ask<'_>) -> Told {
        match question {
            Ask::Keys(keys) => Told::Docs(keys.iter().map(|key| self.docs.get(key).cloned()).collect()),
            Ask::Count(term) => Told::Count(self.having(term).count() as u64),
            Ask::Find(term) => Told::Keys(self.having(term).take(MAX_FOUND).cloned().collect()),
            Ask::Near(centre, radius_m) => Told::Keys(self.near(*centre, *radius_m)),
        }
    }

    fn having(&self, term: &str) -> impl Iterator<Item = &String> {
        let from = (term.to_owned(), String::new());
        self.index.range(from..).take_while(move |(found, _)| found == term).map(|(_, key)| key)
    }

    fn near(&self, centre: GeoPoint, radius_m: u32) -> Vec<String> {
        let reach = search::reach_e7(radius_m);
        let from = (centre.lat_e7().saturating_sub(reach), String::new());
        let last = centre.lat_e7().saturating_add(reach);
        let band = self.places.range(from..).take_while(|((lat, _), _)| *lat <= last);
        let near = band.filter(|(_, place)| search::distance_m(**place, centre) <= f64::from(radius_m));
        near.take(MAX_FOUND).map(|((_, key), _)| key.clone()).collect()
    }
}

impl HotRows for MemoryRows {
    fn take<'a>(&'a self, model: &'a str, holder: &'a str) -> Answer<'a, Option<Mark>> {
        Box::pin(async move { Ok(self.with(model, |rows| rows.take(holder))) })
    }

    fn advance<'a>(&'a self, model: &'a str, step: Advance<'a>) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.with(model, |rows| rows.advance(&step))) })
    }

    fn reset<'a>(&'a self, model: &'a str, from: &'a Mark) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.with(model, |rows| rows.reset(from))) })
    }

    fn release<'a>(&'a self, model: &'a str, from: &'a Mark) -> Answer<'a, ()> {
        Box::pin(async move {
            self.with(model, |rows| {
                if rows.mark.epoch == from.epoch {
                    rows.holder = None;
                }
            });
            Ok(())
        })
    }

    fn ask<'a>(&'a self, model: &'a str, question: Ask<'a>) -> Answer<'a, (Mark, Told)> {
        Box::pin(async move { Ok(self.with(model, |rows| (rows.mark.clone(), rows.ask(&question)))) })
    }
}
