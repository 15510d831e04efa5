//! Comparing the live model with a fresh fold of the log at the same position, without writing anything.
//!
//! The fold is done in passes, each over the whole log and for a share of the keys, so that memory does not grow with the model.

use std::pin::pin;

use futures_util::StreamExt as _;

use super::compare::{Comparison, Side, Stored, Tally, snapshot};
use super::load::{Deal, Dealt, hash, pages};
use super::{RebuildError, Stage, Watch};
use crate::db::{Sql, unsigned};
use crate::views::Views;
use crate::views::left_out::LeftOut;
use crate::views::schema::{self, table};

/// Rows folded in one pass, about.
const ROWS_A_PASS: u64 = 200_000;

impl<E: Send + Sync + 'static> Views<E> {
    /// Compares a live model with what the log makes at the same position; the model goes on meanwhile. The digests are over
    /// the passes' rows one after the other.
    ///
    /// # Errors
    /// [`RebuildError::Halted`] when the log holds what the model cannot pass; else the database's or the log's.
    pub async fn diff(&self, name: &str, watch: &mut dyn Watch) -> Result<Comparison, RebuildError> {
        let model = self.named(name).ok_or_else(|| RebuildError::Unknown(name.to_owned()))?;
        let (dialect, definition) = (self.db().dialect(), &model.definition);
        let (mut tx, generation, position) = snapshot(self, definition).await?;
        let rows = format!("select count(*) from {}", table(dialect, &schema::rows_of(definition, generation)));
        let rows = tx.first::<(i64,)>(Sql::new(rows)).await?.map_or(0, |(rows,)| unsigned(rows));
        let passes = usize::try_from(rows / ROWS_A_PASS + 1).unwrap_or(usize::MAX);
        let mut tally = Tally::new();
        for pass in 0..passes {
            watch.stage(Stage::Loading);
            let built = self.fold_pass(&model, position, (pass, passes), watch).await?;
            watch.stage(Stage::Comparing);
            // All passes look at the model as it was at one moment.
            let mut side = Side::new(tx, dialect, definition, generation);
            let mut built = built.into_iter().peekable();
            while let Some(row) = side.next().await? {
                if hash(&row.key) % passes as u64 != pass as u64 {
                    continue;
                }
                while let Some(missing) = built.next_if(|built| built.key < row.key) {
                    tally.add(None, Some(missing), watch);
                }
                let same = built.next_if(|built| built.key == row.key);
                tally.add(Some(row), same, watch);
            }
            for missing in built {
                tally.add(None, Some(missing), watch);
            }
            tx = side.into_snapshot();
        }
        Ok(tally.end(position))
    }

    /// The rows of a share of the keys, as the log makes them.
    async fn fold_pass(
        &self,
        model: &std::sync::Arc<crate::views::Installed<E>>,
        upto: u64,
        (pass, passes): (usize, usize),
        watch: &mut dyn Watch,
    ) -> Result<Vec<Stored>, RebuildError> {
        let definition = &model.definition;
        let mut keyed = (definition.keyed)();
        let mut parked = std::collections::HashSet::new();
        let left_out = LeftOut::read(self.log(), definition.name, definition.version).await?;
        let mut pages = pin!(pages(
            self,
            model,
            &std::sync::Arc::new(left_out),
            (0, upto),
            Deal { parts: passes, only: Some(pass), page: eventlog::MAX_READ }
        ));
        while let Some(page) = pages.next().await {
            let Dealt { upto: reached, lanes } = page?;
            for touch in lanes.into_iter().flatten() {
                if parked.contains(&touch.key) {
                    continue;
                }
                if let Err(poison) = keyed.apply(&touch.key, touch.events()) {
                    let position = touch.events().first().map_or(reached, |event| event.position());
                    if definition.posts_money {
                        return Err(RebuildError::Halted { projection: definition.name, position, reason: poison.to_string() });
                    }
                    parked.insert(touch.key);
                }
            }
            watch.progress(reached, upto);
        }
        let rows = keyed.rows()?.into_iter();
        Ok(rows.map(|(key, row, position)| Stored::of(self.db().dialect(), key, row, position)).collect())
    }
}
