//! The log in one file: WAL, synchronous FULL, one writing connection, a pool of reading ones.

mod at_once;
mod packed;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fail::fail_point;
use kernel::StreamName;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Sqlite as Db, SqliteConnection, Transaction};
use uuid::Uuid;

use super::rows::{HEAD, HeadRow, ReceiptRow, head, keys, names, receipts, receipts_query, versions, versions_query};
use super::{AppendFailure, Mark, Written, bound, clock, resolve};
use crate::config::LOG_FILE;
use crate::error::LogError;
use crate::filter::Query;
use crate::memory::Memory;
use crate::migrations;
use crate::outcome::{Append, Found, Outcome, Secret};
use crate::plan::{Plan, plan};
use crate::recorded::{Recorded, signed};

use packed::{PACKED, Packed};

/// How long a writer waits for another process's write, in milliseconds.
const BUSY_TIMEOUT_MS: u64 = 10_000;
/// Pages that the writer keeps, as SQLite says kibibytes: the upper levels of all indexes, or each row would read them again. No more:
/// leaves of random keys are rarely met again, and SQLite walks through all that is kept at the end of nearly every batch.
const WRITER_CACHE: &str = "-8192";
/// Pages of the WAL before they are moved to the file, 64 MiB: a page that many batches write is moved once.
const CHECKPOINT: &str = "16384";
/// Reading connections.
const READERS: u32 = 4;
/// Values of one `in` list.
const LIST: usize = 500;
/// Rows that SQLite's thread may be ahead of who reads them: a page, or the two would wake each other for every few rows.
const ROWS_AHEAD: usize = 1_024;
/// Prepared statements kept: one for each size of a batch.
const STATEMENTS: usize = 100;

/// An opened file.
#[derive(Clone)]
pub(crate) struct Sqlite {
    writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

impl Sqlite {
    pub(crate) async fn open(folder: &Path, migrate: bool) -> Result<Self, LogError> {
        let file = folder.join(LOG_FILE);
        if migrate {
            tokio::fs::create_dir_all(folder).await.map_err(|e| LogError::Folder(Arc::new(e)))?;
        } else if !tokio::fs::try_exists(&file).await.map_err(|e| LogError::Folder(Arc::new(e)))? {
            return Err(migrations::nothing_there());
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))
            .statement_cache_capacity(STATEMENTS)
            .row_buffer_size(ROWS_AHEAD);
        let writing = options
            .clone()
            .create_if_missing(migrate)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Without it `insert or replace` would delete rows behind the back of the triggers.
            .pragma("recursive_triggers", "on")
            .pragma("cache_size", WRITER_CACHE)
            // What each statement keeps to be undone alone: otherwise a file is made, written and deleted for every batch.
            .pragma("temp_store", "memory")
            .pragma("wal_autocheckpoint", CHECKPOINT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            // Where SQLite has rolled back by itself (a full disk), sqlx still counts the database transaction and never begins again.
            .after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(writing)
            .await?;
        let mut connection = writer.acquire().await?;
        migrations::sqlite(&mut connection, migrate).await?;
        drop(connection);
        let pool = SqlitePoolOptions::new().max_connections(READERS).test_before_acquire(false);
        Ok(Self { writer, readers: pool.connect_with(options.read_only(true)).await? })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Writes a plan by one text, if all that it assumes holds.
    pub(super) async fn call(&self, plan: &Plan<'_>) -> Result<Written, AppendFailure> {
        let leaves = at_once::leaves(plan)?;
        let call = at_once::call(plan, &leaves);
        let mut connection = self.writer.acquire().await?;
        let Err(error) = call.execute(&mut *connection).await else { return Ok(Written::All) };
        // The text ends wherever it failed; its database transaction must not outlive it. What does not fit has undone it already.
        let fits = !at_once::does_not_fit(&error);
        if sqlx::query("rollback").execute(&mut *connection).await.is_err() && fits {
            drop(connection.detach());
        }
        if fits { Err(AppendFailure::Nothing(error)) } else { Ok(Written::Nothing(None)) }
    }

    /// The events that a query finds, unpacked while the next rows are read.
    pub(super) async fn events(&self, query: Query) -> Result<Vec<Recorded>, LogError> {
        let query = query.selecting(PACKED);
        let rows: Vec<Packed> = bound(sqlx::query_as(AssertSqlSafe(query.sql)), query.values).fetch_all(&self.readers).await?;
        rows.into_iter().map(|row| row.0).collect()
    }

    /// The versions of those of these streams that exist.
    pub(super) async fn versions(&self, names: &[&str]) -> Result<HashMap<StreamName, u64>, AppendFailure> {
        match names {
            [] => Ok(HashMap::new()),
            names => find_versions(&mut *self.readers.acquire().await?, names).await,
        }
    }

    /// Appends a batch, looking at everything under the write lock.
    pub(crate) async fn append(&self, batch: &[Append], memory: &Memory) -> Result<Vec<Outcome>, AppendFailure> {
        // Deferred would fail at once, whatever the timeout, when another process wrote after our first read.
        let mut db = self.writer.begin_with("begin immediate").await?;
        let found = find(&mut db, batch).await?;
        fail_point!("append::locked", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        if memory.head() != Some(found.head) {
            memory.forget();
            memory.stands(found.head);
        }
        let plan = plan(found, clock(), batch, &[], Uuid::now_v7);
        if plan.is_empty() {
            db.rollback().await?;
            memory.stands(plan.base);
            return Ok(plan.outcomes);
        }
        write(&mut db, &plan).await?;
        fail_point!("append::before_commit", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        if let Err(error) = db.commit().await {
            resolve(Mark::of(&plan), error, |mark| self.holds(mark)).await?;
        }
        fail_point!("append::after_commit", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        memory.learn(&plan);
        memory.committed(&plan);
        memory.listed(plan.types());
        Ok(plan.outcomes)
    }

    /// A database transaction of what is written beside the log; appends wait for its end.
    pub(crate) async fn begin_beside(&self) -> Result<Transaction<'static, Db>, sqlx::Error> {
        self.writer.begin_with("begin immediate").await
    }

    /// Writes what is only a cache.
    pub(super) async fn write_beside(&self, query: Query) -> Result<(), LogError> {
        bound(sqlx::query_as::<_, (i64,)>(AssertSqlSafe(query.sql)), query.values).fetch_all(&self.writer).await?;
        Ok(())
    }

    /// Does the log hold a batch? Asked under the write lock.
    async fn holds(&self, mark: Mark) -> Result<bool, sqlx::Error> {
        let mut db = self.writer.begin_with("begin immediate").await?;
        let found: Option<i64> = match mark {
            Mark::Event(position, id) => {
                sqlx::query_scalar("select position from events where position = $1 and event_id = $2").bind(signed(position)).bind(id)
            }
            Mark::Receipt(key) => sqlx::query_scalar("select events from receipts where key = $1").bind(key),
        }
        .fetch_optional(&mut *db)
        .await?;
        db.rollback().await?;
        Ok(found.is_some())
    }
}

async fn find(db: &mut SqliteConnection, batch: &[Append]) -> Result<Found, AppendFailure> {
    let row: HeadRow = sqlx::query_as(HEAD).fetch_one(&mut *db).await?;
    let mut found = Found::at(head(row));
    for keys in keys(batch).chunks(LIST) {
        let query = receipts_query(keys);
        let rows: Vec<ReceiptRow> = bound(sqlx::query_as(AssertSqlSafe(query.sql)), query.values).fetch_all(&mut *db).await?;
        found.receipts.extend(receipts(rows).map_err(AppendFailure::Damaged)?);
    }
    found.streams = find_versions(db, &names(batch)).await?;
    Ok(found)
}

async fn find_versions(db: &mut SqliteConnection, names: &[&str]) -> Result<HashMap<StreamName, u64>, AppendFailure> {
    let mut found = HashMap::new();
    for names in names.chunks(LIST) {
        let query = versions_query(names);
        let rows = bound(sqlx::query_as(AssertSqlSafe(query.sql)), query.values).fetch_all(&mut *db).await?;
        found.extend(versions(rows).map_err(AppendFailure::Damaged)?);
    }
    Ok(found)
}

async fn write(db: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    write_secrets(db, &plan.secrets).await?;
    for (kind, event_type) in plan.types().collect::<BTreeSet<_>>() {
        let listed = sqlx::query("insert into event_types(kind, event_type) values (?, ?) on conflict do nothing");
        listed.bind(kind).bind(event_type).execute(&mut *db).await?;
    }
    at_once::rows(db, plan).await
}

/// One by one: a later row of the same name wins.
async fn write_secrets(db: &mut SqliteConnection, secrets: &[&Secret]) -> Result<(), sqlx::Error> {
    for secret in secrets {
        let query = match &secret.value {
            Some(value) => {
                sqlx::query("insert into vault(name, value) values ($1, $2) on conflict (name) do update set value = excluded.value")
                    .bind(secret.name.clone())
                    .bind(value.clone())
            }
            None => sqlx::query("delete from vault where name = $1").bind(secret.name.clone()),
        };
        query.execute(&mut *db).await?;
    }
    Ok(())
}
