//! A generation being built: which one it is, who may write to it, and its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fail::fail_point;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::{Comparison, RebuildError, Rebuilt};
use crate::db::{Sql, Tx, unsigned};
use crate::views::lead::{self, LEASE, Lead, RENEW, Which};
use crate::views::left_out::LeftOut;
use crate::views::schema::{self, named, small, table};
use crate::views::{Installed, Views};

/// How often a lease that another one holds is tried for; the holder may have been killed.
const AGAIN: Duration = Duration::from_millis(250);

/// A generation that is not live, led by us.
pub(super) struct Build<E: Send + Sync + 'static> {
    pub views: Views<E>,
    pub model: Arc<Installed<E>>,
    pub lead: Lead,
    pub live: Live,
    pub left_out: Arc<LeftOut>,
    pub holder: String,
    keeper: Keeper,
}

/// The live generation as it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    pub generation: u32,
    pub position: u64,
    /// Has it ever caught up?
    pub ready: bool,
}

/// Renews the lead while long work says nothing; until it is dropped.
struct Keeper(AbortHandle);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<E: Send + Sync + 'static> Build<E> {
    /// Goes on with an unfinished generation, or begins one.
    pub(super) async fn begin(views: &Views<E>, name: &str, restart: bool) -> Result<Self, RebuildError> {
        let model = views.named(name).ok_or_else(|| RebuildError::Unknown(name.to_owned()))?;
        if restart && let Some(unfinished) = unfinished(views, &model).await? {
            Self::lead(views, &model, unfinished).await?.forget().await?;
        }
        let mut tx = schema::begin_locked(views.db()).await?;
        let (dialect, definition) = (views.db().dialect(), &model.definition);
        let generation = match unfinished_in(&mut tx, dialect, definition).await? {
            Some((generation, shape)) if shape == definition.shape() => generation,
            Some((generation, _)) => {
                let reason = format!("its columns changed since generation {generation} was begun: restart the rebuild");
                return Err(crate::views::ViewError::Definition { projection: definition.name, reason }.into());
            }
            None => {
                let newest = format!("select max(generation) from {} where name = $1 and version = $2", table(dialect, "projections"));
                let newest = tx.first::<(Option<i64>,)>(named(newest, definition)).await?;
                let generation = newest.and_then(|(newest,)| newest).map_or(0, small) + 1;
                let rows = schema::rows_of(definition, generation);
                tx.execute(Sql::new(schema::create_table(dialect, &rows, definition.columns))).await?;
                schema::begin_checkpoint(&mut tx, dialect, definition, generation).await?;
                generation
            }
        };
        tx.commit().await?;
        fail_point!("rebuild::begun", |_| Err(crate::failpoint::broken().into()));
        Self::lead(views, &model, generation).await
    }

    /// The newest generation that was live once.
    pub(super) async fn previous(views: &Views<E>, name: &str) -> Result<Self, RebuildError> {
        let model = views.named(name).ok_or_else(|| RebuildError::Unknown(name.to_owned()))?;
        let (dialect, definition) = (views.db().dialect(), &model.definition);
        let (projections, live) = (table(dialect, "projections"), schema::live_generation(dialect, definition));
        let sql = format!("select max(generation) from {projections} where name = $1 and version = $2 and ready and generation <> {live}");
        let found = views.db().first::<(Option<i64>,)>(named(sql, definition)).await?;
        let previous = found.and_then(|(found,)| found).ok_or(RebuildError::NoPrevious(definition.name))?;
        // A retired one is leased to nobody for ever: the pointer says who may have it.
        let lead = lead::take(views.db(), definition, &Uuid::new_v4().to_string(), Which::Seized(small(previous))).await?;
        let lead = lead.ok_or(RebuildError::NoPrevious(definition.name))?;
        Self::of(views, &model, lead).await
    }

    /// Takes the lead of a generation; one whose leader was killed becomes free after its lease.
    async fn lead(views: &Views<E>, model: &Arc<Installed<E>>, generation: u32) -> Result<Self, RebuildError> {
        let (began, holder) = (Instant::now(), Uuid::new_v4().to_string());
        loop {
            if let Some(lead) = lead::take(views.db(), &model.definition, &holder, Which::Generation(generation)).await? {
                return Self::of(views, model, lead).await;
            }
            if began.elapsed() > LEASE + RENEW {
                return Err(RebuildError::Busy(model.definition.name));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn of(views: &Views<E>, model: &Arc<Installed<E>>, lead: Lead) -> Result<Self, RebuildError> {
        let live = live(views, model).await?;
        let definition = &model.definition;
        let left_out = Arc::new(LeftOut::read(views.log(), definition.name, definition.version).await?);
        let keeper = keep(views, model, &lead);
        Ok(Self { views: views.clone(), model: Arc::clone(model), lead, live, left_out, holder: Uuid::new_v4().to_string(), keeper })
    }

    pub(super) const fn position(&self) -> u64 {
        self.lead.position
    }

    pub(super) fn name(&self) -> &'static str {
        self.model.definition.name
    }

    pub(super) fn report(&self, events: u64, load: Duration, total: Duration, comparison: Option<Comparison>, switched: bool) -> Rebuilt {
        let (name, version) = (self.model.definition.name, self.model.definition.version);
        let (before, generation, position) = (self.live.generation, self.lead.generation, self.lead.position);
        Rebuilt { name, version, before, generation, position, events, load, total, comparison, switched }
    }

    /// Lets go of what was built.
    pub(super) async fn release(self) -> Result<(), RebuildError> {
        drop(self.keeper);
        Ok(self.lead.release(self.views.db(), &self.model.definition).await?)
    }

    /// Throws away what was built.
    pub(super) async fn forget(self) -> Result<(), RebuildError> {
        drop(self.keeper);
        let mut tx = schema::begin_locked(self.views.db()).await?;
        drop_generation(&mut tx, &self.views, &self.model, self.lead.generation).await?;
        Ok(tx.commit().await?)
    }
}

/// The live generation as it is now.
pub(super) async fn live<E: Send + Sync + 'static>(views: &Views<E>, model: &Installed<E>) -> Result<Live, RebuildError> {
    let (dialect, definition) = (views.db().dialect(), &model.definition);
    let (projections, live) = (table(dialect, "projections"), schema::live_generation(dialect, definition));
    let sql = format!("select generation, position, ready from {projections} where name = $1 and version = $2 and generation = {live}");
    let found = views.db().first::<(i64, i64, bool)>(named(sql, definition)).await?;
    let (generation, position, ready) = found.ok_or(crate::views::ViewError::NotInstalled(definition.name))?;
    Ok(Live { generation: small(generation), position: unsigned(position), ready })
}

/// Removes a generation's table and all that is noted of it.
pub(super) async fn drop_generation<E: Send + Sync + 'static>(
    tx: &mut Tx,
    views: &Views<E>,
    model: &Installed<E>,
    generation: u32,
) -> Result<(), sqlx::Error> {
    let (dialect, definition) = (views.db().dialect(), &model.definition);
    tx.execute(Sql::new(format!("drop table if exists {}", table(dialect, &schema::rows_of(definition, generation))))).await?;
    for noted in ["parked", "parts", "projections"] {
        let sql = format!("delete from {} where name = $1 and version = $2 and generation = {generation}", table(dialect, noted));
        tx.execute(named(sql, definition)).await?;
    }
    Ok(())
}

async fn unfinished<E: Send + Sync + 'static>(views: &Views<E>, model: &Installed<E>) -> Result<Option<u32>, RebuildError> {
    let mut tx = schema::begin_locked(views.db()).await?;
    let found = unfinished_in(&mut tx, views.db().dialect(), &model.definition).await?;
    tx.commit().await?;
    Ok(found.map(|(generation, _)| generation))
}

/// The generation that is being built, with the shape of its columns.
async fn unfinished_in<E>(
    tx: &mut Tx,
    dialect: crate::db::Dialect,
    definition: &crate::views::definition::Definition<E>,
) -> Result<Option<(u32, String)>, sqlx::Error> {
    let (projections, live) = (table(dialect, "projections"), schema::live_generation(dialect, definition));
    let sql = format!(
        "select generation, shape from {projections}
         where name = $1 and version = $2 and not ready and generation <> {live} order by generation desc limit 1"
    );
    let found = tx.first::<(i64, String)>(named(sql, definition)).await?;
    Ok(found.map(|(generation, shape)| (small(generation), shape)))
}

fn keep<E: Send + Sync + 'static>(views: &Views<E>, model: &Arc<Installed<E>>, lead: &Lead) -> Keeper {
    let (views, model, lead) = (views.clone(), Arc::clone(model), lead.mark());
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(RENEW).await;
            match lead.renew(views.db(), &model.definition).await {
                Ok(true) => {}
                // The next write finds out.
                Ok(false) => break,
                Err(error) => tracing::warn!(projection = model.definition.name, %error, "the lease of a rebuild was not renewed"),
            }
        }
    });
    Keeper(task.abort_handle())
}
