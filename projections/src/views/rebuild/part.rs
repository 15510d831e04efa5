//! One part of a load: its keys, folded in memory and written in bulk, rows and position together.

use std::collections::HashSet;
use std::sync::Arc;

use eventlog::Recorded;
use tokio::sync::mpsc;

use super::build::Build;
use super::copy;
use super::load::{Lane, Touch, hash};
use super::{Pace, RebuildError};
use crate::db::{Dialect, Sql};
use crate::views::fold::Parked;
use crate::views::keyed::Keyed;
use crate::views::lead::{PARK_ROWS, lease_ms, park};
use crate::views::schema::{named, table};
use crate::views::sql::Rows;
use crate::views::stored::stored;
use crate::views::{Installed, Views};

/// One part of a load.
pub(super) struct Part<E: Send + Sync + 'static> {
    views: Views<E>,
    model: Arc<Installed<E>>,
    generation: u32,
    epoch: i64,
    part: u32,
    pace: Pace,
    /// Events up to here are applied.
    position: u64,
    /// Events up to here are written.
    written: u64,
    rows: Box<dyn Keyed<E>>,
    parked: HashSet<String>,
    newly_parked: Vec<Parked>,
    /// Hashes of the keys whose rows were written and forgotten; `None`: any may have been, in an earlier run.
    forgotten: Option<HashSet<u64>>,
}

impl<E: Send + Sync + 'static> Part<E> {
    pub(super) fn new(build: &Build<E>, part: u32, position: u64, pace: Pace) -> Self {
        Self {
            views: build.views.clone(),
            model: Arc::clone(&build.model),
            generation: build.lead.generation,
            epoch: build.lead.epoch,
            part,
            pace,
            position,
            written: position,
            rows: (build.model.definition.keyed)(),
            parked: build.lead.parked.clone(),
            newly_parked: Vec::new(),
            forgotten: (position == 0).then(HashSet::new),
        }
    }

    /// Takes pages until there are no more, and writes what is left.
    pub(super) async fn run(mut self, mut pages: mpsc::Receiver<Lane<E>>) -> Result<(), RebuildError> {
        while let Some(page) = pages.recv().await {
            if page.upto <= self.position {
                continue;
            }
            self.recall(&page.touches).await?;
            for touch in &page.touches {
                self.apply(touch)?;
            }
            self.position = page.upto;
            if self.rows.changed() >= self.pace.write_rows || self.position - self.written >= self.pace.write_events {
                self.write().await?;
            }
        }
        self.write().await
    }

    /// Reads the rows that were written and forgotten and are touched again.
    async fn recall(&mut self, touches: &[Touch<E>]) -> Result<(), RebuildError> {
        let forgotten = |key: &str| self.forgotten.as_ref().is_none_or(|forgotten| forgotten.contains(&hash(key)));
        let wanted = touches.iter().map(|touch| &touch.key).filter(|key| !self.rows.holds(key) && forgotten(key));
        let wanted: HashSet<String> = wanted.cloned().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = wanted.into_iter().collect();
        let docs = stored(&self.views, &self.model, self.generation, &keys).await?;
        for key in &keys {
            self.rows.put(key, docs.get(key).map(String::as_str))?;
        }
        Ok(())
    }

    fn apply(&mut self, touch: &Touch<E>) -> Result<(), RebuildError> {
        let Some(Recorded { position, event_type, .. }) = touch.events().first().map(|event| &event.recorded) else { return Ok(()) };
        // An earlier run has come further than the page's beginning.
        if *position <= self.position {
            return Ok(());
        }
        let reason = if self.parked.contains(&touch.key) {
            None
        } else {
            match self.rows.apply(&touch.key, touch.events()) {
                Ok(()) => return Ok(()),
                Err(poison) => Some(poison.to_string()),
            }
        };
        if let (Some(reason), true) = (&reason, self.model.definition.posts_money) {
            let reason = format!("event {event_type} at position {position}: {reason}");
            return Err(RebuildError::Halted { projection: self.model.definition.name, position: *position, reason });
        }
        self.parked.insert(touch.key.clone());
        self.newly_parked.push(Parked { key: touch.key.clone(), position: *position, event_type: event_type.clone(), reason });
        Ok(())
    }

    /// Writes rows, parked events and position in one database transaction, if the rebuild is still ours.
    async fn write(&mut self) -> Result<(), RebuildError> {
        if self.position == self.written {
            return Ok(());
        }
        let (db, definition) = (self.views.db(), &self.model.definition);
        let dialect = db.dialect();
        let changed = self.rows.take()?;
        let mut tx = db.begin().await?;
        if dialect == Dialect::Postgres {
            // What a crash of the server takes, it takes together with the position.
            tx.execute(Sql::new("set local synchronous_commit = off")).await?;
        }
        copy::write(&mut tx, &Rows::new(dialect, definition, self.generation), definition.columns, changed).await?;
        for parked in self.newly_parked.chunks(PARK_ROWS) {
            tx.execute(park(dialect, definition, self.generation, parked)).await?;
        }
        let (generation, part) = (self.generation, self.part);
        let sql = format!(
            "update {} set position = $4 where name = $1 and version = $2 and position = $3 and generation = {generation} and part = {part}",
            table(dialect, "parts")
        );
        let moved = tx.execute(named(sql, definition).number(self.written).number(self.position)).await? == 1;
        let sql = format!(
            "update {} set leased_until = {} + $4 where name = $1 and version = $2 and epoch = $3 and generation = {generation}",
            table(dialect, "projections"),
            dialect.now_ms()
        );
        let ours = tx.execute(named(sql, definition).bind(self.epoch).bind(lease_ms())).await? == 1;
        if !moved || !ours {
            return Err(RebuildError::Overtaken(definition.name));
        }
        tx.commit().await?;
        self.written = self.position;
        self.newly_parked.clear();
        if self.rows.len() > self.pace.kept_rows {
            self.forget();
        }
        Ok(())
    }

    fn forget(&mut self) {
        if let Some(forgotten) = &mut self.forgotten {
            self.rows.each_key(&mut |key| {
                forgotten.insert(hash(key));
            });
        }
        self.rows.clear();
    }
}
