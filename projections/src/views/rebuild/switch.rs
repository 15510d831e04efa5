//! The switch: one row says which generation is read, and the former one's leader can write no more.

use std::time::Duration;

use fail::fail_point;

use super::RebuildError;
use super::build::{Build, drop_generation, live};
use crate::db::{Dialect, Sql, Tx};
use crate::views::lead::{self, Lead, Which};
use crate::views::schema::{self, named, table};

/// How long the switch waits for those who read the stable SQL view, each time that it tries.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '2s'";
/// How often it tries.
const TRIES: u32 = 10;
/// The time between two tries.
const PAUSE: Duration = Duration::from_millis(300);
/// SQLSTATE of a lock that was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

impl<E: Send + Sync + 'static> Build<E> {
    /// Stops the live generation for a moment, catches up with it, and takes its place.
    pub(super) async fn switch(&mut self) -> Result<(), RebuildError> {
        let mut tries = 0;
        loop {
            // Far behind is caught up with before anything is stopped.
            let now = live(&self.views, &self.model).await?;
            self.live = now;
            self.tail(now.position, &mut ()).await?;
            let (db, definition) = (self.views.db(), &self.model.definition);
            let seized = lead::take(db, definition, &self.holder, Which::Seized(now.generation)).await?;
            let seized = seized.ok_or(crate::views::ViewError::NotInstalled(definition.name))?;
            fail_point!("rebuild::seized", |_| Err(crate::failpoint::broken().into()));
            let ended = self.switch_from(&seized, now.ready).await;
            tries += 1;
            match ended {
                Ok(true) => break,
                // Somebody seized it from us, or has a lock: the live model goes on meanwhile.
                Ok(false) if tries < TRIES => {}
                Err(RebuildError::View(crate::views::ViewError::Store(error))) if tries < TRIES && is_lock_timeout(&error) => {}
                Ok(false) => return Err(RebuildError::Overtaken(self.name())),
                Err(error) => {
                    seized.release(self.views.db(), &self.model.definition).await?;
                    return Err(error);
                }
            }
            seized.release(self.views.db(), &self.model.definition).await?;
            tokio::time::sleep(PAUSE).await;
        }
        fail_point!("rebuild::told", |_| Err(crate::failpoint::broken().into()));
        self.model.progress.switched(self.lead.generation);
        if let Err(error) = self.drop_older().await {
            tracing::warn!(projection = self.name(), %error, "an old generation was not removed, the next rebuild tries again");
        }
        Ok(())
    }

    /// Changes the pointer in one database transaction, by compare-and-set on both epochs; false when an epoch has moved on.
    async fn switch_from(&mut self, seized: &Lead, ready: bool) -> Result<bool, RebuildError> {
        if ready && self.lead.position > seized.position {
            let (built, live) = (self.lead.position, seized.position);
            return Err(RebuildError::LiveBehind { projection: self.name(), built, live });
        }
        self.tail(seized.position, &mut ()).await?;
        let (db, definition) = (self.views.db(), &self.model.definition);
        let dialect = db.dialect();
        let mut tx = schema::begin_locked(db).await?;
        if dialect == Dialect::Postgres {
            tx.execute(Sql::new(LOCK_TIMEOUT)).await?;
        }
        let projections = table(dialect, "projections");
        let of = |generation: u32, set: &str| {
            let sql = format!(
                "update {projections} set epoch = epoch + 1, {set}
                 where name = $1 and version = $2 and epoch = $3 and generation = {generation}"
            );
            named(sql, definition)
        };
        // Leased to nobody for ever: a worker that waits for this row finds it taken, and the pointer moved.
        let retire = format!("holder = 'retired', leased_until = {}", i64::MAX);
        let retired = tx.execute(of(seized.generation, &retire).bind(seized.epoch)).await? == 1;
        let begin = "holder = null, leased_until = 0, ready = true";
        let begun = tx.execute(of(self.lead.generation, begin).bind(self.lead.epoch)).await? == 1;
        let pointer = format!("update {} set generation = $4 where name = $1 and version = $2 and generation = $3", table(dialect, "live"));
        let pointer = named(pointer, definition).bind(i64::from(seized.generation)).bind(i64::from(self.lead.generation));
        let pointed = tx.execute(pointer).await? == 1;
        if !(retired && begun && pointed) {
            return Ok(false);
        }
        self.show(&mut tx).await?;
        fail_point!("rebuild::pointed", |_| Err(crate::failpoint::broken().into()));
        tx.commit().await?;
        fail_point!("rebuild::switched", |_| Err(crate::failpoint::broken().into()));
        Ok(true)
    }

    /// Lets the stable SQL view show the new table, unless it shows a newer version.
    async fn show(&self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        let (dialect, definition) = (self.views.db().dialect(), &self.model.definition);
        if schema::shown_version(tx, dialect, definition).await?.is_none_or(|shown| shown <= definition.version) {
            schema::point(tx, dialect, definition, self.lead.generation).await?;
        }
        Ok(())
    }

    /// Removes what was live before the generation that we go back to, if need be.
    async fn drop_older(&self) -> Result<(), sqlx::Error> {
        let (db, definition) = (self.views.db(), &self.model.definition);
        let dialect = db.dialect();
        let mut tx = schema::begin_locked(db).await?;
        if dialect == Dialect::Postgres {
            tx.execute(Sql::new(LOCK_TIMEOUT)).await?;
        }
        let sql = format!(
            "select generation from {} where name = $1 and version = $2 and ready and generation not in ({}, {})",
            table(dialect, "projections"),
            self.lead.generation,
            self.live.generation
        );
        for (old,) in tx.all::<(i64,)>(named(sql, definition)).await? {
            drop_generation(&mut tx, &self.views, &self.model, schema::small(old)).await?;
        }
        tx.commit().await
    }
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == LOCK_NOT_AVAILABLE)
}
