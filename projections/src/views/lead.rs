//! Who may move a model: a lease with an epoch on its checkpoint row, checked again by every write.

use std::collections::HashSet;
use std::time::Duration;

use fail::fail_point;

use crate::db::{Db, Dialect, Sql, Tx, signed, unsigned};
use crate::views::definition::Definition;
use crate::views::error::ViewError;
use crate::views::fold::{Changes, Halt, Parked};
use crate::views::schema::{live_generation, named, small, table};
use crate::views::sql::Rows;

/// How long a silent holder keeps a model.
pub(crate) const LEASE: Duration = Duration::from_secs(5);
/// How often an idle holder renews.
pub(crate) const RENEW: Duration = Duration::from_millis(1_500);
/// Parked events written by one statement.
pub(crate) const PARK_ROWS: usize = 100;

/// The right to move a model from a position, until somebody else takes it over.
pub(crate) struct Lead {
    /// Up to where the rows are the fold.
    pub position: u64,
    /// The checkpoint that is stored: no further, and no event between the two touches a row.
    stored: u64,
    pub generation: u32,
    pub epoch: i64,
    pub ready: bool,
    pub parked: HashSet<String>,
}

/// What a batch wants to write.
pub(crate) struct Advance {
    pub upto: u64,
    pub changes: Changes,
    pub halt: Option<Halt>,
}

/// Which generation somebody wants to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that is read.
    Live,
    /// This one, if nobody leads it.
    Generation(u32),
    /// This one, whoever leads it: the former leader's next write is refused.
    Seized(u32),
}

/// Takes the lead unless somebody else holds it.
pub(crate) async fn take<E>(db: &Db, definition: &Definition<E>, holder: &str, which: Which) -> Result<Option<Lead>, ViewError> {
    let (projections, now) = (table(db.dialect(), "projections"), db.dialect().now_ms());
    let free = format!("(holder is null or holder = $3 or leased_until < {now})");
    let generation = match which {
        // What a switch retires is leased to nobody for ever: who waits here for its end does not get the old one.
        Which::Live => format!("{} and {free}", live_generation(db.dialect(), definition)),
        Which::Generation(generation) => format!("{generation} and {free}"),
        Which::Seized(generation) => generation.to_string(),
    };
    let sql = format!(
        "update {projections} set holder = $3, epoch = epoch + 1, leased_until = {now} + $4
         where name = $1 and version = $2 and generation = {generation}
         returning position, epoch, ready, generation"
    );
    let taken = db.returning::<(i64, i64, bool, i64)>(named(sql, definition).bind(holder).bind(lease_ms())).await?;
    let Some((position, epoch, ready, generation)) = taken.into_iter().next() else { return Ok(None) };
    let sql = format!(
        "select distinct key from {} where name = $1 and version = $2 and generation = {generation}",
        table(db.dialect(), "parked")
    );
    let parked = db.all::<(String,)>(named(sql, definition)).await?;
    let parked = parked.into_iter().map(|(key,)| key).collect();
    let position = unsigned(position);
    Ok(Some(Lead { position, stored: position, generation: small(generation), epoch, ready, parked }))
}

impl Lead {
    /// What a renewal needs of it.
    pub(crate) fn mark(&self) -> Self {
        Self { parked: HashSet::new(), ..*self }
    }

    /// Keeps the lead; false when it is lost.
    pub(crate) async fn renew<E>(&self, db: &Db, definition: &Definition<E>) -> Result<bool, ViewError> {
        let (projections, now) = (table(db.dialect(), "projections"), db.dialect().now_ms());
        let generation = self.generation;
        let sql = format!(
            "update {projections} set leased_until = {now} + $4
             where name = $1 and version = $2 and epoch = $3 and generation = {generation}"
        );
        Ok(db.execute(named(sql, definition).bind(self.epoch).bind(lease_ms())).await? == 1)
    }

    /// Lets go, so that another worker need not wait.
    pub(crate) async fn release<E>(self, db: &Db, definition: &Definition<E>) -> Result<(), ViewError> {
        let projections = table(db.dialect(), "projections");
        let generation = self.generation;
        let sql = format!(
            "update {projections} set holder = null, leased_until = 0
             where name = $1 and version = $2 and epoch = $3 and generation = {generation}"
        );
        db.execute(named(sql, definition).bind(self.epoch)).await?;
        Ok(())
    }

    /// The checkpoint was stored at a position.
    pub(crate) fn stand_at(&mut self, position: u64) {
        (self.position, self.stored) = (position, position);
    }

    /// Goes on to a position that no row changes on the way to, and stores that later.
    pub(crate) fn pass(&mut self, position: u64) {
        self.position = position;
    }

    /// Stores what was passed; false when the lead is lost.
    pub(crate) async fn store<E>(&mut self, db: &Db, definition: &Definition<E>) -> Result<bool, ViewError> {
        let advance = Advance { upto: self.position, changes: Changes::default(), halt: None };
        Ok(self.stored == self.position || self.advance(db, definition, advance).await?)
    }

    /// Writes rows and checkpoint in one database transaction, by compare-and-set on position and epoch; false, and
    /// nothing written, when the lead is lost.
    pub(crate) async fn advance<E>(&mut self, db: &Db, definition: &Definition<E>, advance: Advance) -> Result<bool, ViewError> {
        let Advance { upto, mut changes, halt } = advance;
        let error = halt.as_ref().map(|halt| &halt.reason).or_else(|| changes.parked.iter().find_map(|parked| parked.reason.as_ref()));
        let moving = self.move_checkpoint(db.dialect(), definition, upto, halt.is_some(), error.cloned());
        let rows = Rows::new(db.dialect(), definition, self.generation);
        let only_upserts = changes.deletes.is_empty() && changes.parked.is_empty();
        let moved = if only_upserts && changes.upserts.is_empty() {
            db.execute(moving).await? > 0
        } else if only_upserts && db.dialect() == Dialect::Postgres {
            // Most steps: one statement is a database transaction too, and one journey instead of four.
            db.execute(rows.upsert_after(moving, changes.upserts)?).await? > 0
        } else {
            let mut tx = db.begin().await?;
            // First of all, so that the checkpoint's row lock keeps everybody else out until the end.
            if tx.execute(moving).await? == 0 {
                return Ok(false);
            }
            fail_point!("view::checkpoint_moved", |_| Err(crate::failpoint::broken().into()));
            write_changes(&mut tx, db.dialect(), definition, self.generation, &mut changes).await?;
            fail_point!("view::rows_written", |_| Err(crate::failpoint::broken().into()));
            tx.commit().await?;
            fail_point!("view::committed", |_| Err(crate::failpoint::broken().into()));
            true
        };
        if moved {
            self.stand_at(upto);
            self.parked.extend(changes.parked.into_iter().map(|parked| parked.key));
        }
        Ok(moved)
    }

    /// Writes what became of a parked key's events, and parks what is still in the way; false when the lead is lost.
    pub(crate) async fn unpark<E>(
        &mut self,
        db: &Db,
        definition: &Definition<E>,
        parked: (&str, u64),
        advance: Advance,
    ) -> Result<bool, ViewError> {
        let Advance { upto, mut changes, .. } = advance;
        let error = changes.parked.iter().find_map(|parked| parked.reason.clone());
        let mut tx = db.begin().await?;
        if tx.execute(self.move_checkpoint(db.dialect(), definition, upto, false, error)).await? == 0 {
            return Ok(false);
        }
        let gone = format!(
            "delete from {} where name = $1 and version = $2 and generation = {} and key = $3 and position <= $4",
            table(db.dialect(), "parked"),
            self.generation
        );
        let (key, upto_parked) = parked;
        tx.execute(named(gone, definition).bind(key).number(upto_parked)).await?;
        fail_point!("unpark::gone", |_| Err(crate::failpoint::broken().into()));
        write_changes(&mut tx, db.dialect(), definition, self.generation, &mut changes).await?;
        fail_point!("unpark::rows_written", |_| Err(crate::failpoint::broken().into()));
        tx.commit().await?;
        fail_point!("unpark::committed", |_| Err(crate::failpoint::broken().into()));
        Ok(true)
    }

    /// Moves the checkpoint, or touches no row when the lead is lost.
    fn move_checkpoint<E>(&self, dialect: Dialect, definition: &Definition<E>, upto: u64, halted: bool, error: Option<String>) -> Sql {
        let (projections, now) = (table(dialect, "projections"), dialect.now_ms());
        let sql = format!(
            "update {projections} set position = $5, leased_until = {now} + $6,
                 last_error = coalesce($8, case when halted then null else last_error end), halted = $7
             where name = $1 and version = $2 and epoch = $3 and position = $4 and generation = {}",
            self.generation
        );
        let sql = named(sql, definition).bind(self.epoch).number(self.stored).number(upto);
        sql.bind(lease_ms()).bind(halted).bind(error)
    }
}

/// Writes rows and what was parked; the rows to write are taken.
async fn write_changes<E>(
    tx: &mut Tx,
    dialect: Dialect,
    definition: &Definition<E>,
    generation: u32,
    changes: &mut Changes,
) -> Result<(), ViewError> {
    let rows = Rows::new(dialect, definition, generation);
    for statement in rows.upserts(std::mem::take(&mut changes.upserts))? {
        tx.execute(statement).await?;
    }
    if !changes.deletes.is_empty() {
        tx.execute(rows.delete(&changes.deletes)).await?;
    }
    for parked in changes.parked.chunks(PARK_ROWS) {
        tx.execute(park(dialect, definition, generation, parked)).await?;
    }
    Ok(())
}

/// Notes events that were not applied; at most [`PARK_ROWS`] of them.
pub(crate) fn park<E>(dialect: Dialect, definition: &Definition<E>, generation: u32, parked: &[Parked]) -> Sql {
    let places = (0..parked.len()).map(|i| {
        let n = 3 + i * 4;
        format!("($1, $2, {generation}, ${n}, ${}, ${}, ${})", n + 1, n + 2, n + 3)
    });
    let places = places.collect::<Vec<_>>().join(", ");
    let sql =
        format!("insert into {} (name, version, generation, key, position, event_type, reason) values {places}", table(dialect, "parked"));
    parked.iter().fold(named(sql, definition), |sql, parked| {
        sql.bind(parked.key.as_str()).bind(signed(parked.position)).bind(parked.event_type.as_str()).bind(parked.reason.clone())
    })
}

/// A lease in milliseconds.
pub(crate) fn lease_ms() -> i64 {
    i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
}
