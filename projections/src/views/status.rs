//! How the models are, read from the tables and so from any node.

use kernel::Timestamp;

use crate::db::{Sql, unsigned};
use crate::views::error::ViewError;
use crate::views::{Views, schema};

/// What a model is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectionState {
    /// It follows the log.
    Running,
    /// It is built for the first time and not read yet.
    Rebuilding,
    /// An event that it cannot apply or read stopped it; see the last error.
    Halted,
}

/// How one version of a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectionStatus {
    /// The model.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What it is doing.
    pub state: ProjectionState,
    /// The last position applied.
    pub position: u64,
    /// Events not yet applied.
    pub lag_events: u64,
    /// Age of the oldest event not yet applied, in milliseconds; 0 when there is none.
    pub lag_ms: u64,
    /// Keys parked by a poison event.
    pub parked_keys: u64,
    /// Why it halted, or why the last key was parked.
    pub last_error: Option<String>,
    /// Up to where a new one has been built beside it, while one is.
    pub built_beside: Option<u64>,
}

type StatusRow = (String, i64, i64, bool, bool, Option<String>, i64, Option<i64>, Option<i64>);

impl<E: Send + Sync + 'static> Views<E> {
    /// The state of every model that this database holds, other versions than this program's included.
    ///
    /// # Errors
    /// When the database or the log cannot be read.
    pub async fn status(&self) -> Result<Vec<ProjectionStatus>, ViewError> {
        let table = |name: &str| schema::table(self.db().dialect(), name);
        let sql = Sql::new(format!(
            "select c.name, c.version, c.position, c.ready, c.halted, c.last_error,
                 (select count(distinct p.key) from {} p where p.name = c.name and p.version = c.version and p.generation = c.generation),
                 (select max(b.position) from {} b
                     where b.name = c.name and b.version = c.version and b.generation <> c.generation and not b.ready),
                 (select min(t.position) from {} t where t.name = c.name and t.version = c.version and t.generation <> c.generation)
             from {} c join {} l on l.name = c.name and l.version = c.version and l.generation = c.generation
             order by c.name, c.version",
            table("parked"),
            table("projections"),
            table("parts"),
            table("projections"),
            table("live")
        ));
        let rows = self.db().all::<StatusRow>(sql).await?;
        let head = self.log().head().await?;
        let mut all = Vec::with_capacity(rows.len());
        for (name, version, position, ready, halted, last_error, parked, beside, loaded) in rows {
            let version = u32::try_from(version).unwrap_or(u32::MAX);
            // What is passed without a change need not be written yet; whoever moves the model says so.
            let told = self.named(&name).filter(|model| model.definition.version == version).map_or(0, |model| model.progress.applied());
            let position = unsigned(position).max(told.min(head));
            let state = match (halted, ready) {
                (true, _) => ProjectionState::Halted,
                (false, false) => ProjectionState::Rebuilding,
                (false, true) => ProjectionState::Running,
            };
            all.push(ProjectionStatus {
                name,
                version,
                state,
                position,
                lag_events: head.saturating_sub(position),
                lag_ms: if head > position { self.age_of_next(position).await? } else { 0 },
                parked_keys: unsigned(parked),
                last_error,
                // Its own position moves when all parts are loaded; until then the slowest part tells.
                built_beside: beside.map(|beside| unsigned(beside.max(loaded.unwrap_or(0)))),
            });
        }
        Ok(all)
    }

    /// Connections to the database that are in use, and that wait to be.
    #[must_use]
    pub fn connections(&self) -> (u32, u32) {
        self.db().connections()
    }

    /// Up to where a model has applied the log, whichever process moves it.
    ///
    /// # Errors
    /// [`ViewError::NotInstalled`]; else the database's.
    pub async fn checkpoint<M: crate::model::ReadModel<E>>(&self) -> Result<u64, ViewError> {
        let (dialect, installed) = (self.db().dialect(), self.installed::<M>()?);
        let (table, live) = (schema::table(dialect, "projections"), schema::live_generation(dialect, &installed.definition));
        let sql = format!("select position from {table} where name = $1 and version = $2 and generation = {live}");
        let found = self.db().first::<(i64,)>(schema::named(sql, &installed.definition)).await?;
        let stored = found.map(|(position,)| unsigned(position)).ok_or(ViewError::NotInstalled(M::NAME))?;
        Ok(stored.max(installed.progress.applied()))
    }

    /// How long ago the event after a position was recorded, in milliseconds.
    async fn age_of_next(&self, position: u64) -> Result<u64, ViewError> {
        let next = self.log().read(position, 1).await?;
        let age = next.first().map(|event| Timestamp::now().as_millisecond() - event.recorded_at.as_millisecond());
        Ok(age.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0))
    }
}
