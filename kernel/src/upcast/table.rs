//! The table of today's shapes and of the steps from all older ones.

use std::collections::BTreeSet;

use crate::upcast::{Failed, Fields, Known, Shape, Unreadable};

/// What a step does.
type Upcast = fn(Fields) -> Result<Vec<Shape>, Failed>;

/// One step from an old shape towards today's. Pure; it says where it leads, so that a missing path is found without a book.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    event_type: &'static str,
    version: u32,
    to: &'static [(&'static str, u32)],
    change: Change,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// The same members under another name.
    Name,
    Function(Upcast),
}

impl Step {
    /// From a type and version, by a function, to events of any of the shapes `to`.
    #[must_use]
    pub const fn new((event_type, version): (&'static str, u32), to: &'static [(&'static str, u32)], upcast: Upcast) -> Self {
        Self { event_type, version, to, change: Change::Function(upcast) }
    }

    /// The same event under another name or version; `to` has one element.
    #[must_use]
    pub const fn renamed((event_type, version): (&'static str, u32), to: &'static [(&'static str, u32); 1]) -> Self {
        Self { event_type, version, to, change: Change::Name }
    }

    /// An event that no longer means anything.
    #[must_use]
    pub const fn dropped((event_type, version): (&'static str, u32)) -> Self {
        Self { event_type, version, to: &[], change: Change::Function(|_| Ok(Vec::new())) }
    }

    pub(super) fn take(&self, shape: Shape) -> Result<Vec<Shape>, Unreadable> {
        let shapes = match self.change {
            Change::Name => self.to.iter().map(|&(event_type, version)| Shape::new(event_type, version, shape.fields.clone())).collect(),
            Change::Function(upcast) => upcast(shape.fields).map_err(|reason| self.failed(reason))?,
        };
        let declared = |shape: &Shape| self.to.contains(&(&*shape.event_type, shape.version));
        if shapes.iter().all(declared) {
            return Ok(shapes);
        }
        Err(Unreadable::Astray { event_type: self.event_type.to_owned(), version: self.version })
    }

    fn failed(&self, reason: Failed) -> Unreadable {
        Unreadable::Failed { event_type: self.event_type.to_owned(), version: self.version, reason }
    }
}

/// Every shape that a kind of book may hold: today's, and the step from each older one.
#[derive(Clone, Copy, Debug)]
pub struct Upcasts {
    /// Type and version that are written today, in the order of the types.
    today: &'static [(&'static str, u32)],
    /// The steps from all others.
    steps: &'static [Step],
}

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// Today's shapes are not sorted by type, each type once.
    #[error("{0} is not in its place among today's shapes")]
    Order(&'static str),
    /// Two steps, or a step and today, claim one shape.
    #[error("{0} of schema {1} is there twice")]
    Twice(&'static str, u32),
    /// A step leads to a shape from which nothing leads on.
    #[error("nothing leads on from {0} of schema {1}")]
    End(&'static str, u32),
    /// Steps lead in a circle.
    #[error("the steps from {0} of schema {1} lead in a circle")]
    Circle(&'static str, u32),
}

impl Upcasts {
    /// A table: type and version of all that is written today, sorted by type, and a step from each older shape.
    #[must_use]
    pub const fn new(today: &'static [(&'static str, u32)], steps: &'static [Step]) -> Self {
        Self { today, steps }
    }

    /// Types and versions that are written today.
    #[must_use]
    pub const fn today(&self) -> &'static [(&'static str, u32)] {
        self.today
    }

    /// Types and versions that are no longer written.
    pub fn old(&self) -> impl Iterator<Item = (&'static str, u32)> + use<> {
        self.steps.iter().map(|step| (step.event_type, step.version))
    }

    /// Does this table say what becomes of such an event?
    #[must_use]
    pub fn knows(&self, event_type: &str, version: u32) -> bool {
        self.find(event_type, version).is_some()
    }

    pub(super) fn find(&self, event_type: &str, version: u32) -> Option<Known<'_>> {
        if let Ok(at) = self.today.binary_search_by_key(&event_type, |&(today, _)| today)
            && self.today[at].1 == version
        {
            return Some(Known::Today);
        }
        self.steps.iter().find(|step| step.event_type == event_type && step.version == version).map(Known::Old)
    }

    /// Proves that every shape has a path to today's.
    ///
    /// # Errors
    /// The first [`Defect`] found.
    pub fn check(&self) -> Result<(), Defect> {
        if let Some(pair) = self.today.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            return Err(Defect::Order(pair[1].0));
        }
        let mut seen: BTreeSet<_> = self.today.iter().copied().collect();
        if let Some((event_type, version)) = self.old().find(|old| !seen.insert(*old)) {
            return Err(Defect::Twice(event_type, version));
        }
        let mut arrive: BTreeSet<_> = self.today.iter().copied().collect();
        let targets = || self.steps.iter().flat_map(|step| step.to);
        if let Some(&(event_type, version)) = targets().find(|target| !seen.contains(target)) {
            return Err(Defect::End(event_type, version));
        }
        // In each round at least one more shape is found to arrive; those that never do lead in a circle.
        for _ in self.steps {
            arrive
                .extend(self.steps.iter().filter(|step| step.to.iter().all(|to| arrive.contains(to))).map(Step::from).collect::<Vec<_>>());
        }
        self.old().find(|old| !arrive.contains(old)).map_or(Ok(()), |(event_type, version)| Err(Defect::Circle(event_type, version)))
    }
}

impl Step {
    const fn from(&self) -> (&'static str, u32) {
        (self.event_type, self.version)
    }
}
