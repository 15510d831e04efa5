//! The log in one file: WAL, synchronous FULL, one writing connection, a pool of reading ones.

mod at_once;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fail::fail_point;
use kernel::StreamName;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, QueryBuilder, Sqlite as Db, SqliteConnection, Transaction};
use uuid::Uuid;

use super::{
    AppendFailure, Mark, ReceiptRow, StreamRow, bound, clock, keys, names, receipts, receipts_query, resolve, stream_heads, unknown,
};
use crate::config::LOG_FILE;
use crate::error::LogError;
use crate::filter::{Query, Value};
use crate::leaf;
use crate::memory::Memory;
use crate::migrations;
use crate::outcome::{Append, Found, Head, Outcome, Secret, StreamHead};
use crate::plan::{EventInsert, Plan, ReceiptInsert, plan};
use crate::recorded::signed;

/// How long a writer waits for another process's write, in milliseconds.
const BUSY_TIMEOUT_MS: u64 = 10_000;
/// Pages that the writer keeps, as SQLite says kibibytes: the upper levels of all indexes, or each row would read them again.
const WRITER_CACHE: &str = "-32768";
/// Reading connections.
const READERS: u32 = 4;
/// Rows of one insert; 17 columns of 128 rows stay far below SQLite's 32,766 parameters.
const CHUNK: usize = 128;
/// Values of one `in` list.
const LIST: usize = 500;
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
            .statement_cache_capacity(STATEMENTS);
        let writing = options
            .clone()
            .create_if_missing(migrate)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Without it `insert or replace` would delete rows behind the back of the triggers.
            .pragma("recursive_triggers", "on")
            .pragma("cache_size", WRITER_CACHE);
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

    /// Appends a batch by one call, planned on what is remembered; none when the store holds something else.
    ///
    /// The positions are the guard: had another process written, the first one would be taken.
    pub(crate) async fn append_at_once(&self, batch: &[Append], memory: &Memory) -> Result<Option<Vec<Outcome>>, AppendFailure> {
        let Some(head) = memory.head() else { return Ok(None) };
        let mut found = memory.recall(batch, head);
        let unknown = unknown(batch, &found, true);
        if !unknown.is_empty() {
            found.streams.extend(heads(&mut *self.writer.acquire().await?, &unknown).await?);
        }
        let plan = plan(found, clock(), batch, Uuid::now_v7);
        if !plan.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Appended(_))) {
            return Ok(Some(plan.outcomes));
        }
        if plan.events.is_empty() || !plan.secrets.is_empty() || plan.events.len() > at_once::MAX_EVENTS {
            return Ok(None);
        }
        fail_point!("append::before_call", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        let mut connection = self.writer.acquire().await?;
        if let Err(error) = at_once::call(&mut connection, &plan).await {
            // The text ends wherever it failed; its database transaction must not outlive it.
            if sqlx::query("rollback").execute(&mut *connection).await.is_err() {
                drop(connection.detach());
            }
            return if at_once::does_not_fit(&error) { Ok(None) } else { Err(AppendFailure::Nothing(error)) };
        }
        fail_point!("append::after_call", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        memory.committed(&plan);
        Ok(Some(plan.outcomes))
    }

    /// Appends a batch, looking at everything under the write lock.
    pub(crate) async fn append(&self, batch: &[Append], memory: &Memory) -> Result<Vec<Outcome>, AppendFailure> {
        // Deferred would fail at once, whatever the timeout, when another process wrote after our first read.
        let mut db = self.writer.begin_with("begin immediate").await?;
        let found = find(&mut db, batch).await?;
        fail_point!("append::locked", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        let plan = plan(found, clock(), batch, Uuid::now_v7);
        if plan.is_empty() {
            db.rollback().await?;
            return Ok(plan.outcomes);
        }
        write(&mut db, &plan).await?;
        fail_point!("append::before_commit", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        if let Err(error) = db.commit().await {
            resolve(Mark::of(&plan), error, |mark| self.holds(mark)).await?;
        }
        fail_point!("append::after_commit", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        memory.committed(&plan);
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
            Mark::Event(id) => sqlx::query_scalar("select position from events where event_id = $1").bind(id),
            Mark::Receipt(key) => sqlx::query_scalar("select events from receipts where key = $1").bind(key.to_vec()),
        }
        .fetch_optional(&mut *db)
        .await?;
        db.rollback().await?;
        Ok(found.is_some())
    }
}

async fn find(db: &mut SqliteConnection, batch: &[Append]) -> Result<Found, AppendFailure> {
    let (position, recorded_at): (i64, i64) = sqlx::query_as("select position, recorded_at from log_head").fetch_one(&mut *db).await?;
    let mut found =
        Found { head: Head { position: position.unsigned_abs(), recorded_at }, receipts: HashMap::new(), streams: HashMap::new() };
    for keys in keys(batch).chunks(LIST) {
        let query = receipts_query(keys);
        let rows: Vec<ReceiptRow> = bound(sqlx::query_as(AssertSqlSafe(query.sql)), query.values).fetch_all(&mut *db).await?;
        found.receipts.extend(receipts(rows).map_err(AppendFailure::Damaged)?);
    }
    found.streams = heads(db, &names(batch)).await?;
    Ok(found)
}

async fn heads(db: &mut SqliteConnection, names: &[&str]) -> Result<HashMap<StreamName, StreamHead>, AppendFailure> {
    let mut found = HashMap::new();
    for names in names.chunks(LIST) {
        let names = names.iter().map(|name| Value::Text((*name).to_owned()));
        let query = Query::new("select id, name, version from streams where ").within("name", names);
        let rows: Vec<StreamRow> = bound(sqlx::query_as(AssertSqlSafe(query.sql)), query.values).fetch_all(&mut *db).await?;
        found.extend(stream_heads(rows).map_err(AppendFailure::Damaged)?);
    }
    Ok(found)
}

async fn write(db: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    insert_receipts(db, &plan.receipts, plan.head.recorded_at).await?;
    upsert_streams(db, &plan.streams).await?;
    insert_events(db, &plan.events, plan.head.recorded_at).await?;
    write_secrets(db, &plan.secrets).await?;
    if !plan.events.is_empty() {
        let head = sqlx::query("update log_head set position = $1, recorded_at = $2");
        head.bind(signed(plan.head.position)).bind(plan.head.recorded_at).execute(&mut *db).await?;
    }
    Ok(())
}

async fn insert_receipts(db: &mut SqliteConnection, rows: &[ReceiptInsert<'_>], recorded_at: i64) -> Result<(), sqlx::Error> {
    for rows in rows.chunks(CHUNK) {
        let mut sql = QueryBuilder::<Db>::new(
            "insert into receipts(key, fingerprint, command_id, correlation_id, first_position, events, refusal, result, recorded_at) ",
        );
        sql.push_values(rows, |mut row, receipt| {
            row.push_bind(receipt.draft.key.to_vec())
                .push_bind(receipt.draft.fingerprint.to_vec())
                .push_bind(receipt.command.command_id)
                .push_bind(receipt.command.correlation_id)
                .push_bind(signed(receipt.first_position))
                .push_bind(signed(receipt.event_ids.len() as u64))
                .push_bind(receipt.draft.refusal.clone())
                .push_bind(receipt.draft.result.clone())
                .push_bind(recorded_at);
        });
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Only after the plan has checked the versions under the lock: an upsert alone would create what should exist already.
async fn upsert_streams(db: &mut SqliteConnection, streams: &BTreeMap<StreamName, StreamHead>) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = streams.iter().collect();
    for rows in rows.chunks(CHUNK) {
        let mut sql = QueryBuilder::<Db>::new("insert into streams(id, name, kind, version) ");
        sql.push_values(rows, |mut row, (name, head)| {
            row.push_bind(head.id).push_bind(name.to_string()).push_bind(name.kind().to_owned()).push_bind(signed(head.version));
        });
        sql.push(" on conflict (id) do update set version = excluded.version");
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
}

async fn insert_events(db: &mut SqliteConnection, rows: &[EventInsert<'_>], recorded_at: i64) -> Result<(), sqlx::Error> {
    for rows in rows.chunks(CHUNK) {
        let mut sql = QueryBuilder::<Db>::new(
            "insert into events(position, stream_id, kind, version, event_id, event_type, schema_version, recorded_at, occurred_at, actor, \
             correlation_id, causation_id, command_id, traceparent, digest, leaf, payload) ",
        );
        let leaves = leaf::hashes(rows, recorded_at).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        sql.push_values(rows.iter().zip(leaves), |mut row, (event, leaf)| {
            row.push_bind(signed(event.position))
                .push_bind(event.stream_id)
                .push_bind(event.draft.stream.kind().to_owned())
                .push_bind(signed(event.version))
                .push_bind(event.event_id)
                .push_bind(event.draft.event.event_type.clone())
                .push_bind(i64::from(event.draft.event.schema_version))
                .push_bind(recorded_at)
                .push_bind(event.command.now.as_microsecond())
                .push_bind(event.command.actor.to_string())
                .push_bind(event.command.correlation_id)
                .push_bind(event.command.causation_id)
                .push_bind(event.command.command_id)
                .push_bind(event.command.traceparent.clone())
                .push_bind(event.draft.event.digest.to_vec())
                .push_bind(leaf.to_vec())
                .push_bind(event.draft.event.payload.to_string());
        });
        sql.build().execute(&mut *db).await?;
    }
    Ok(())
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
