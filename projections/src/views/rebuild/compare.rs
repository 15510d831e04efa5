//! Comparing two sets of rows at one position, key by key: counts, digests, and which rows differ.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::build::{Build, live};
use super::{RebuildError, Stage, Watch};
use crate::db::{Dialect, Sql, Tx, unsigned};
use crate::model::{Column, Value};
use crate::views::Views;
use crate::views::definition::{Definition, StoredRow};
use crate::views::schema::{self, named, table};

/// Differences that are told one by one; the others are counted.
pub const TOLD: u64 = 1_000;
/// Rows of one page.
const PAGE: usize = 2_000;
/// How long a live model that is behind is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(200);
/// Ends a column's text.
const END: char = '\u{1f}';
/// Stands for an empty column.
const EMPTY: char = '\u{1e}';

/// How two models compare at one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The position of both.
    pub position: u64,
    /// Rows of the live model.
    pub live_rows: u64,
    /// Rows of the other.
    pub built_rows: u64,
    /// SHA-256 over the live rows in the order of their keys: key, row, position and columns.
    pub live_digest: [u8; 32],
    /// The same over the other's.
    pub built_digest: [u8; 32],
    /// Keys whose rows differ.
    pub differences: u64,
}

/// A key whose rows differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key.
    pub key: String,
    /// The live row as JSON; `None` where there is none.
    pub live: Option<String>,
    /// The row that the log makes.
    pub built: Option<String>,
}

/// A row with all that is stored of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub key: String,
    pub doc: String,
    pub position: u64,
    /// Its columns, each as text with [`END`] after it.
    pub columns: String,
}

impl Stored {
    /// A folded row as the database would show it.
    pub(super) fn of(dialect: Dialect, key: String, row: StoredRow, position: u64) -> Self {
        let mut columns = String::new();
        for value in &row.index {
            match (value, dialect) {
                (Value::Null, _) => columns.push(EMPTY),
                (Value::Text(text), _) => columns.push_str(text),
                (Value::Uuid(uuid), _) => columns.push_str(&uuid.to_string()),
                (Value::BigInt(number), _) => columns.push_str(&number.to_string()),
                (Value::Bool(yes), Dialect::Postgres) => columns.push_str(if *yes { "true" } else { "false" }),
                (Value::Bool(yes), Dialect::Sqlite) => columns.push(if *yes { '1' } else { '0' }),
                (Value::Timestamp(at), _) => columns.push_str(&at.as_microsecond().to_string()),
            }
            columns.push(END);
        }
        Self { key, doc: row.doc, position, columns }
    }
}

/// The rows of a generation in the order of their keys, at one snapshot.
pub(super) struct Side {
    tx: Tx,
    sql: String,
    after: String,
    page: VecDeque<Stored>,
    ended: bool,
}

impl Side {
    pub(super) fn new<E>(tx: Tx, dialect: Dialect, definition: &Definition<E>, generation: u32) -> Self {
        let columns = columns_text(dialect, definition.columns);
        let rows = table(dialect, &schema::rows_of(definition, generation));
        let sql = format!("select key, doc, position, {columns} from {rows} where key > $1 order by key limit {PAGE}");
        Self { tx, sql, after: String::new(), page: VecDeque::new(), ended: false }
    }

    async fn fill(&mut self) -> Result<(), sqlx::Error> {
        if self.ended || !self.page.is_empty() {
            return Ok(());
        }
        let found = self.tx.all::<(String, String, i64, String)>(Sql::new(self.sql.clone()).bind(self.after.as_str())).await?;
        self.ended = found.len() < PAGE;
        let stored = |(key, doc, position, columns)| Stored { key, doc, position: unsigned(position), columns };
        self.page.extend(found.into_iter().map(stored));
        if let Some(last) = self.page.back() {
            self.after.clone_from(&last.key);
        }
        Ok(())
    }

    /// The snapshot, for another pass.
    pub(super) fn into_snapshot(self) -> Tx {
        self.tx
    }

    /// The next row.
    pub(super) async fn next(&mut self) -> Result<Option<Stored>, sqlx::Error> {
        self.fill().await?;
        Ok(self.page.pop_front())
    }
}

fn columns_text(dialect: Dialect, columns: &[Column]) -> String {
    let chr = match dialect {
        Dialect::Sqlite => "char",
        Dialect::Postgres => "chr",
    };
    let (end, empty) = (u32::from(END), u32::from(EMPTY));
    let column = |column: &Column| format!("coalesce(cast(\"{}\" as text), {chr}({empty})) || {chr}({end})", column.name);
    let columns = columns.iter().map(column).collect::<Vec<_>>();
    if columns.is_empty() { "''".to_owned() } else { columns.join(" || ") }
}

/// Adds rows of both sides up, in the order of the keys.
pub(super) struct Tally {
    live: (u64, Sha256),
    built: (u64, Sha256),
    differences: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { live: (0, Sha256::new()), built: (0, Sha256::new()), differences: 0 }
    }

    /// The rows of one key.
    pub(super) fn add(&mut self, live: Option<Stored>, built: Option<Stored>, watch: &mut dyn Watch) {
        for (row, (rows, digest)) in [(&live, &mut self.live), (&built, &mut self.built)] {
            if let Some(row) = row {
                *rows += 1;
                for part in [row.key.as_bytes(), row.doc.as_bytes(), &row.position.to_be_bytes(), row.columns.as_bytes()] {
                    digest.update((part.len() as u64).to_be_bytes());
                    digest.update(part);
                }
            }
        }
        if live == built {
            return;
        }
        self.differences += 1;
        let key = live.as_ref().or(built.as_ref()).map(|row| row.key.clone());
        if let (Some(key), true) = (key, self.differences <= TOLD) {
            watch.difference(&Difference { key, live: live.map(|row| row.doc), built: built.map(|row| row.doc) });
        }
    }

    pub(super) const fn live_rows(&self) -> u64 {
        self.live.0
    }

    pub(super) fn end(self, position: u64) -> Comparison {
        Comparison {
            position,
            live_rows: self.live.0,
            built_rows: self.built.0,
            live_digest: self.live.1.finalize().into(),
            built_digest: self.built.1.finalize().into(),
            differences: self.differences,
        }
    }
}

/// A snapshot of the read side, and where the live model stands in it.
pub(super) async fn snapshot<E: Send + Sync + 'static>(
    views: &Views<E>,
    definition: &Definition<E>,
) -> Result<(Tx, u32, u64), RebuildError> {
    let dialect = views.db().dialect();
    let mut tx = views.db().snapshot().await?;
    let (projections, live) = (table(dialect, "projections"), schema::live_generation(dialect, definition));
    let sql = format!("select generation, position from {projections} where name = $1 and version = $2 and generation = {live}");
    let found = tx.first::<(i64, i64)>(named(sql, definition)).await?;
    let (generation, position) = found.ok_or(crate::views::ViewError::NotInstalled(definition.name))?;
    Ok((tx, schema::small(generation), unsigned(position)))
}

impl<E: Send + Sync + 'static> Build<E> {
    /// Compares with the live model at the position where that stands now; it goes on meanwhile.
    pub(super) async fn compare(&mut self, watch: &mut dyn Watch) -> Result<Option<Comparison>, RebuildError> {
        if !live(&self.views, &self.model).await?.ready {
            return Ok(None);
        }
        let (tx, generation, position) = self.snapshot_ahead().await?;
        watch.stage(Stage::Tailing);
        self.tail(position, watch).await?;
        watch.stage(Stage::Comparing);
        let (dialect, definition) = (self.views.db().dialect(), &self.model.definition);
        let mut one = Side::new(tx, dialect, definition, generation);
        let mut other = Side::new(self.views.db().snapshot().await?, dialect, definition, self.lead.generation);
        let rows = format!("select count(*) from {}", table(dialect, &schema::rows_of(definition, self.lead.generation)));
        let all = self.views.db().first::<(i64,)>(Sql::new(rows)).await?.map_or(0, |(rows,)| unsigned(rows));
        let mut tally = Tally::new();
        let (mut left, mut right) = (one.next().await?, other.next().await?);
        loop {
            let order = match (&left, &right) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(left), Some(right)) => left.key.cmp(&right.key),
            };
            let here = (if order.is_le() { left.take() } else { None }, if order.is_ge() { right.take() } else { None });
            tally.add(here.0, here.1, watch);
            if order.is_le() {
                left = one.next().await?;
            }
            if order.is_ge() {
                right = other.next().await?;
            }
            if tally.live_rows().is_multiple_of(PAGE as u64) {
                watch.progress(tally.live_rows(), all);
            }
        }
        Ok(Some(tally.end(position)))
    }

    /// A snapshot in which the live model stands where this one does, or later.
    async fn snapshot_ahead(&self) -> Result<(Tx, u32, u64), RebuildError> {
        let began = Instant::now();
        loop {
            let (tx, generation, position) = snapshot(&self.views, &self.model.definition).await?;
            if position >= self.lead.position {
                return Ok((tx, generation, position));
            }
            drop(tx);
            if began.elapsed() > PATIENCE {
                return Err(RebuildError::LiveBehind { projection: self.name(), built: self.lead.position, live: position });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
