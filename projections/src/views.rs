//! The read side of one book: its models' tables, and every way to read them.
//!
//! SQLite: the file `views.db` of the data folder, which may be deleted and is then rebuilt. PostgreSQL: a schema
//! `views` in the log's database.

mod control;
mod counts;
mod current;
pub(crate) mod definition;
mod error;
pub(crate) mod fold;
mod follow;
mod gate;
mod hint;
mod keyed;
mod lead;
pub(crate) mod left_out;
mod lookup;
mod paging;
mod parked;
mod projector;
mod query;
pub mod rebuild;
mod recent;
mod schema;
mod sql;
mod status;
mod stored;
mod wait;
mod workers;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventlog::Log;
use sqlx::sqlite::SqliteSynchronous;
use tokio::sync::Notify;

pub use control::{AskedRebuild, Control, Word};
pub use counts::ProjectorCounts;
pub use error::{PageError, ViewError};
pub use follow::Followed;
pub use parked::ParkedKey;
pub use projector::{Projector, Step};
pub use query::{DEFAULT_PAGE, Direction, Filter, MAX_IN, MAX_PAGE, Op, Page, PageArgs, PageItem, Query};
pub use status::{ProjectionState, ProjectionStatus};
pub use workers::Workers;

use crate::db::{Db, unsigned};
use crate::known::{Decode, Event, Seen};
use crate::model::ReadModel;
use crate::tail::{SharedTail, Tail};
use counts::Counts;
use definition::Definition;
use lookup::Lookups;
use recent::Recent;
use wait::Progress;

/// The name of the SQLite file.
pub(crate) const FILE: &str = "views.db";
/// Most events that [`Views::fresh`] folds by itself; beyond it waits for the projector.
const FRESH_GAP: u64 = 1_000;
/// How long [`Views::fresh`] waits then.
const FRESH_WAIT: Duration = Duration::from_secs(2);
/// Most keys of one query.
const MAX_KEYS: usize = 1_000;

/// The read side of one book. Cheap to clone; every clone is the same.
pub struct Views<E = Event> {
    inner: Arc<Inner<E>>,
}

impl<E> Clone for Views<E> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<E> {
    db: Db,
    tail: SharedTail<E>,
    installed: Mutex<BTreeMap<&'static str, Arc<Installed<E>>>>,
    /// Rings when this process has moved a model.
    moved: Arc<Notify>,
}

/// A model of this process.
pub(crate) struct Installed<E> {
    pub definition: Definition<E>,
    pub progress: Progress,
    pub counts: Counts,
    pub lookups: Lookups,
    pub recent: Recent,
}

impl<E: Send + Sync + 'static> Views<E> {
    /// Opens the read side of a log. Needs a tokio runtime. `decode` is [`crate::decode`] except in tests.
    ///
    /// # Errors
    /// When the database cannot be opened or its tables not be made.
    pub async fn open(log: Log, decode: Decode<E>) -> Result<Self, ViewError> {
        // NORMAL: a power cut may lose the last rows together with their checkpoint; they are folded again.
        let db = Db::open(log.url(), FILE, SqliteSynchronous::Normal).await?;
        schema::prepare(&db).await?;
        let tail = Tail::start(log, decode);
        let inner = Arc::new(Inner { db, tail, installed: Mutex::default(), moved: Arc::default() });
        hint::start(&inner);
        Ok(Self { inner })
    }

    /// Makes a model's table, indexes and stable SQL view where they are missing; reads of it work from now on.
    ///
    /// # Errors
    /// [`ViewError::Definition`] when names are impossible or columns changed within a version; else the database's.
    pub async fn install<M: ReadModel<E>>(&self) -> Result<(), ViewError> {
        let definition = Definition::of::<M>()?;
        let mut found = schema::install(&self.inner.db, &definition).await?;
        if !found.ready && found.position >= self.log().head().await? {
            schema::make_ready(&self.inner.db, &definition, found.generation).await?;
            found.ready = true;
        }
        let progress = Progress::new(&found, Arc::clone(&self.inner.moved));
        let installed =
            Arc::new(Installed { definition, progress, counts: Counts::default(), lookups: Lookups::default(), recent: Recent::default() });
        self.lock().insert(M::NAME, installed);
        Ok(())
    }

    /// A row by its key, as of the model's checkpoint.
    ///
    /// # Errors
    /// [`ViewError::Lagging`] while the model is built for the first time; else the database's.
    pub async fn get<M: ReadModel<E>>(&self, key: &str) -> Result<Option<M::Row>, ViewError> {
        let installed = self.ready::<M>().await?;
        let doc = self.look_up(&installed, key).await?;
        doc.map(|doc| definition::read::<E, M>(key, &doc)).transpose()
    }

    /// Rows by their keys, in one query per 1,000 keys; keys without a row are left out.
    ///
    /// # Errors
    /// [`ViewError::Lagging`] while the model is built for the first time; else the database's.
    pub async fn get_many<M: ReadModel<E>>(&self, keys: &[String]) -> Result<HashMap<String, M::Row>, ViewError> {
        let installed = self.ready::<M>().await?;
        let mut found = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(MAX_KEYS) {
            for (key, doc, _) in self.current::<(String, String, i64)>(&installed, |rows| Ok(rows.by_keys(keys))).await? {
                let row = definition::read::<E, M>(&key, &doc)?;
                found.insert(key, row);
            }
        }
        Ok(found)
    }

    /// The row with every event of its key up to a position, whether the projector has come that far or not: a caller
    /// sees its own write.
    ///
    /// # Errors
    /// [`ViewError::Parked`] when a poison event stands before that; [`ViewError::Lagging`] when the model is so far
    /// behind that it must be waited for in vain, or the position is not in the log.
    pub async fn fresh<M: ReadModel<E>>(&self, key: &str, at_least: u64) -> Result<Option<M::Row>, ViewError> {
        Ok(self.fresh_at::<M>(key, at_least).await?.0)
    }

    /// That row, with the position that it stands at.
    async fn fresh_at<M: ReadModel<E>>(&self, key: &str, at_least: u64) -> Result<(Option<M::Row>, u64), ViewError> {
        let (mut row, mut position) = self.row_at_checkpoint::<M>(key).await?;
        if position.saturating_add(FRESH_GAP) < at_least {
            self.wait::<M>(at_least, FRESH_WAIT).await?;
            (row, position) = self.row_at_checkpoint::<M>(key).await?;
        }
        while position < at_least {
            let missing = usize::try_from(at_least - position).unwrap_or(usize::MAX);
            let stretch = self.inner.tail.read(position, missing).await?;
            if stretch.events.is_empty() {
                return Err(ViewError::Lagging { projection: M::NAME.to_owned(), applied: position, required: at_least });
            }
            for (at, seen) in stretch.positions() {
                advance::<E, M>(key, &mut row, seen)?;
                position = at;
            }
        }
        Ok((row, position))
    }

    /// A row and the checkpoint that it stands at: from memory where this process has just had it, else in one consistent read.
    async fn row_at_checkpoint<M: ReadModel<E>>(&self, key: &str) -> Result<(Option<M::Row>, u64), ViewError> {
        let installed = self.installed::<M>()?;
        let row = |doc: Option<&str>| doc.map(|doc| definition::read::<E, M>(key, doc)).transpose();
        if let Some((doc, position)) = installed.recent.get(key) {
            return Ok((row(doc.as_deref())?, position));
        }
        let (doc, position) = self.read_at_checkpoint(&installed, key).await?;
        installed.recent.keep(key, doc.as_deref(), position);
        Ok((row(doc.as_deref())?, position))
    }

    async fn read_at_checkpoint(&self, installed: &Installed<E>, key: &str) -> Result<(Option<String>, u64), ViewError> {
        let dialect = self.inner.db.dialect();
        let table = |name: &str| schema::table(dialect, name);
        let (projections, parked, live) = (table("projections"), table("parked"), table("live"));
        let statement = |generation: u32| {
            let rows = table(&schema::rows_of(&installed.definition, generation));
            let sql = format!(
                "select c.position, r.doc, (select count(*) from {parked} p
                     where p.name = c.name and p.version = c.version and p.generation = c.generation and p.key = $3), l.generation
                 from {live} l join {projections} c on c.name = l.name and c.version = l.version and c.generation = l.generation
                 left join {rows} r on r.key = $3 where l.name = $1 and l.version = $2"
            );
            Ok(schema::named(sql, &installed.definition).bind(key))
        };
        let found = self.current::<(i64, Option<String>, i64, i64)>(installed, |rows| statement(rows.generation())).await?;
        let found = found.into_iter().next().map(|(position, doc, parked, _)| (position, doc, parked));
        let name = installed.definition.name;
        let (position, doc, parked) = found.ok_or(ViewError::NotInstalled(name))?;
        if parked > 0 {
            return Err(ViewError::Parked { projection: name, key: key.to_owned() });
        }
        Ok((doc, unsigned(position)))
    }

    /// The log that this is the read side of.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.inner.tail.log()
    }

    /// Closes the database of the read models. Workers are stopped first.
    pub async fn close(&self) {
        self.inner.db.close().await;
    }

    pub(crate) fn tail(&self) -> &SharedTail<E> {
        &self.inner.tail
    }

    pub(crate) fn db(&self) -> &Db {
        &self.inner.db
    }

    fn installed<M: ReadModel<E>>(&self) -> Result<Arc<Installed<E>>, ViewError> {
        let found = self.lock().get(M::NAME).filter(|found| found.definition.version == M::VERSION).cloned();
        found.ok_or(ViewError::NotInstalled(M::NAME))
    }

    /// An installed model by its name.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Installed<E>>> {
        self.lock().get(name).cloned()
    }

    pub(crate) fn all_installed(&self) -> Vec<Arc<Installed<E>>> {
        self.lock().values().cloned().collect()
    }

    /// Never held across an await; it guards plain data.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Arc<Installed<E>>>> {
        self.inner.installed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a stored row of a model.
pub(crate) fn read_row<M: ReadModel>(key: &str, doc: &str) -> Result<M::Row, ViewError> {
    definition::read::<Event, M>(key, doc)
}

/// The live generation of a model with the table of its rows, as a statement writes it; `None` when it was never built.
pub(crate) async fn live_rows<M: ReadModel>(db: &Db) -> Result<Option<(u32, String)>, ViewError> {
    let (definition, live) = (Definition::of::<M>()?, runtime_table(db, "live"));
    let sql = schema::named(format!("select generation from {live} where name = $1 and version = $2"), &definition);
    let found = db.first::<(i64,)>(sql).await?.map(|(generation,)| schema::small(generation));
    Ok(found.map(|generation| (generation, schema::table(db.dialect(), &schema::rows_of(&definition, generation)))))
}

/// A table of the runtime's own, as a statement writes it.
pub(crate) fn runtime_table(db: &Db, name: &str) -> String {
    schema::table(db.dialect(), name)
}

/// One more event on a row. What is not the row's leaves it where it is: a reader comes past many events of others.
fn advance<E: 'static, M: ReadModel<E>>(key: &str, row: &mut Option<M::Row>, seen: &Seen<E>) -> Result<(), ViewError> {
    let parked = || ViewError::Parked { projection: M::NAME, key: key.to_owned() };
    for event in seen.events().map_err(|_| parked())? {
        if M::keys(event).iter().any(|touched| touched == key) {
            *row = M::apply(key, row.take(), event).map_err(|_| parked())?;
        }
    }
    Ok(())
}
