//! The log in PostgreSQL 15 or newer: the head row's lock makes one writer at a time, whatever the number of nodes.

mod at_once;

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::time::Duration;

use fail::fail_point;
use kernel::StreamName;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres as Db, Transaction};
use uuid::Uuid;

use super::{AppendFailure, Mark, RECEIPTS, ReceiptRow, StreamRow, bound, clock, keys, names, receipts, resolve, stream_heads, unknown};
use crate::error::LogError;
use crate::filter::Query;
use crate::leaf;
use crate::memory::Memory;
use crate::migrations;
use crate::outcome::{Append, Found, Head, Outcome, Secret, StreamHead};
use crate::plan::{EventInsert, Plan, ReceiptInsert, plan};
use crate::recorded::signed;

/// Reading connections.
const READERS: u32 = 8;
/// Calls of one batch, while other nodes keep moving the head, before it is done under the head's lock.
const CALLS: usize = 3;
/// A connection idle for longer is tried before it is used: the server may have gone.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// What every connection sets: a plan made while a table was empty must not scan it when it is large.
const SETTINGS: &str = "set enable_seqscan = off; set jit = off";
/// What the appending connection sets too: a dead node must not hold the head, and a live one must not wait for it forever.
const WRITER_SETTINGS: &str =
    "set enable_seqscan = off; set jit = off; set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '10s'";

/// An opened database.
#[derive(Clone)]
pub(crate) struct Postgres {
    writer: PgPool,
    pub(super) readers: PgPool,
}

impl Postgres {
    pub(crate) async fn open(url: &str, migrate: bool) -> Result<Self, LogError> {
        let options = PgConnectOptions::from_str(url)?.application_name("daybook-log");
        let mut connection = PgConnection::connect_with(&options).await?;
        migrations::postgres(&mut connection, migrate).await?;
        connection.close().await?;
        let writer = pool(1, WRITER_SETTINGS).connect_with(options.clone()).await?;
        Ok(Self { writer, readers: pool(READERS, SETTINGS).connect_with(options).await? })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The pool for reading, and for hints.
    pub(crate) fn readers(&self) -> &PgPool {
        &self.readers
    }

    /// Appends a batch by one call, planned on what is remembered; none when the store holds something else.
    pub(crate) async fn append_at_once(&self, batch: &[Append], memory: &Memory) -> Result<Option<Vec<Outcome>>, AppendFailure> {
        let Some(mut head) = memory.head() else { return Ok(None) };
        for _ in 0..CALLS {
            let mut found = memory.recall(batch, head);
            let unknown = unknown(batch, &found, false);
            if !unknown.is_empty() {
                found.streams.extend(heads(&mut *self.readers.acquire().await?, &unknown).await?);
            }
            let plan = plan(found, clock(), batch, Uuid::now_v7);
            if !plan.secrets.is_empty() {
                return Ok(None);
            }
            if !plan.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Appended(_))) {
                return Ok(Some(plan.outcomes));
            }
            fail_point!("append::before_call", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
            match at_once::call(&self.writer, &plan, head).await {
                Ok(None) => {}
                // Another node has written meanwhile: the same from its head on.
                Ok(Some(moved)) => {
                    head = moved;
                    continue;
                }
                Err(error) if at_once::does_not_fit(&error) => return Ok(None),
                Err(error) if at_once::is_certain(&error) => return Err(AppendFailure::Nothing(error)),
                Err(error) => resolve(Mark::of(&plan), error, |mark| self.holds(mark, plan.head.recorded_at)).await?,
            }
            fail_point!("append::after_call", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
            memory.committed(&plan);
            return Ok(Some(plan.outcomes));
        }
        Ok(None)
    }

    /// Appends a batch, looking at everything under the head's lock.
    pub(crate) async fn append(&self, batch: &[Append], memory: &Memory) -> Result<Vec<Outcome>, AppendFailure> {
        // Read committed whatever the database's default: each statement after the lock sees all that came before it.
        let mut db = self.writer.begin_with("begin isolation level read committed").await?;
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
            resolve(Mark::of(&plan), error, |mark| self.holds(mark, plan.head.recorded_at)).await?;
        }
        fail_point!("append::after_commit", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        memory.committed(&plan);
        Ok(plan.outcomes)
    }

    /// Writes what is only a cache.
    pub(super) async fn write_beside(&self, query: Query) -> Result<(), LogError> {
        bound(sqlx::query_as::<_, ()>(AssertSqlSafe(query.sql)), query.values).fetch_all(&self.readers).await?;
        Ok(())
    }

    /// A database transaction of what is written beside the log.
    pub(crate) async fn begin_beside(&self) -> Result<Transaction<'static, Db>, sqlx::Error> {
        self.readers.begin_with("begin isolation level read committed").await
    }

    /// Does the log hold a batch that was to be recorded at a time? Asked under the head's lock. If not, the head's time is
    /// moved past that one: a call that reaches the server only after this no then fits no more.
    async fn holds(&self, mark: Mark, recorded_at: i64) -> Result<bool, sqlx::Error> {
        let mut db = self.writer.begin_with("begin isolation level read committed").await?;
        sqlx::query("select from log_head for update").execute(&mut *db).await?;
        let found = match mark {
            Mark::Event(id) => sqlx::query("select from events where event_id = $1").bind(id).fetch_optional(&mut *db).await?,
            Mark::Receipt(key) => sqlx::query("select from receipts where key = $1").bind(key.to_vec()).fetch_optional(&mut *db).await?,
        };
        if found.is_none() {
            let fence = sqlx::query("update log_head set recorded_at = greatest(recorded_at, $1 + 1)");
            fence.bind(recorded_at).execute(&mut *db).await?;
        }
        db.commit().await?;
        Ok(found.is_some())
    }
}

fn pool(connections: u32, settings: &'static str) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .after_connect(move |connection, _| Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(|_| ()) }))
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .before_acquire(|connection, used| Box::pin(async move { Ok(used.idle_for < TRUSTED_IDLE || connection.ping().await.is_ok()) }))
}

/// The head's lock first, then everything else: locks taken in another order would meet in a deadlock.
async fn find(db: &mut PgConnection, batch: &[Append]) -> Result<Found, AppendFailure> {
    let head = sqlx::query_as("select position, recorded_at from log_head for update");
    let (position, recorded_at): (i64, i64) = head.fetch_one(&mut *db).await?;
    let mut found =
        Found { head: Head { position: position.unsigned_abs(), recorded_at }, receipts: HashMap::new(), streams: HashMap::new() };
    let keys = keys(batch);
    if !keys.is_empty() {
        let keys = column(&keys, |key| key.to_vec());
        // One text whatever the number of keys, so that it stays prepared.
        let rows: Vec<ReceiptRow> = sqlx::query_as(AssertSqlSafe(format!("{RECEIPTS} = any($1)"))).bind(keys).fetch_all(&mut *db).await?;
        found.receipts = receipts(rows).map_err(AppendFailure::Damaged)?;
    }
    let names = names(batch);
    if !names.is_empty() {
        found.streams = heads(db, &names).await?;
    }
    Ok(found)
}

async fn heads(db: &mut PgConnection, names: &[&str]) -> Result<HashMap<StreamName, StreamHead>, AppendFailure> {
    let rows: Vec<StreamRow> =
        sqlx::query_as("select id, name, version from streams where name = any($1)").bind(names).fetch_all(db).await?;
    stream_heads(rows).map_err(AppendFailure::Damaged)
}

async fn write(db: &mut PgConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    if !plan.receipts.is_empty() {
        insert_receipts(db, &plan.receipts, plan.head.recorded_at).await?;
    }
    write_secrets(db, &plan.secrets).await?;
    if !plan.events.is_empty() {
        upsert_streams(db, &plan.streams).await?;
        insert_events(db, &plan.events, plan.head.recorded_at).await?;
        let head = sqlx::query("update log_head set position = $1, recorded_at = $2");
        head.bind(signed(plan.head.position)).bind(plan.head.recorded_at).execute(&mut *db).await?;
    }
    Ok(())
}

async fn insert_receipts(db: &mut PgConnection, rows: &[ReceiptInsert<'_>], recorded_at: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into receipts(key, fingerprint, command_id, correlation_id, first_position, events, refusal, result, recorded_at)
         select u.*, $9 from unnest($1::bytea[], $2::bytea[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::json[], $8::json[]) u",
    )
    .bind(column(rows, |r| r.draft.key.to_vec()))
    .bind(column(rows, |r| r.draft.fingerprint.to_vec()))
    .bind(column(rows, |r| r.command.command_id))
    .bind(column(rows, |r| r.command.correlation_id))
    .bind(column(rows, |r| signed(r.first_position)))
    .bind(column(rows, |r| signed(r.event_ids.len() as u64)))
    .bind(column(rows, |r| r.draft.refusal.clone()))
    .bind(column(rows, |r| r.draft.result.clone()))
    .bind(recorded_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Only after the plan has checked the versions under the lock: an upsert alone would create what should exist already.
async fn upsert_streams(db: &mut PgConnection, streams: &BTreeMap<StreamName, StreamHead>) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = streams.iter().collect();
    sqlx::query(
        "insert into streams(id, name, kind, version) select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
         on conflict (id) do update set version = excluded.version",
    )
    .bind(column(&rows, |(_, head)| head.id))
    .bind(column(&rows, |(name, _)| name.to_string()))
    .bind(column(&rows, |(name, _)| name.kind().to_owned()))
    .bind(column(&rows, |(_, head)| signed(head.version)))
    .execute(db)
    .await?;
    Ok(())
}

async fn insert_events(db: &mut PgConnection, rows: &[EventInsert<'_>], recorded_at: i64) -> Result<(), sqlx::Error> {
    let leaves = leaf::hashes(rows, recorded_at).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query(
        "insert into events(position, stream_id, kind, version, event_id, event_type, schema_version, occurred_at, actor, correlation_id,
                            causation_id, command_id, traceparent, payload, digest, leaf, recorded_at)
         select u.*, $17 from unnest($1::bigint[], $2::uuid[], $3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::int[], $8::bigint[],
                                     $9::text[], $10::uuid[], $11::uuid[], $12::uuid[], $13::text[], $14::json[], $15::bytea[],
                                     $16::bytea[]) u",
    )
    .bind(column(rows, |r| signed(r.position)))
    .bind(column(rows, |r| r.stream_id))
    .bind(column(rows, |r| r.draft.stream.kind().to_owned()))
    .bind(column(rows, |r| signed(r.version)))
    .bind(column(rows, |r| r.event_id))
    .bind(column(rows, |r| r.draft.event.event_type.clone()))
    .bind(column(rows, |r| i32::try_from(r.draft.event.schema_version).unwrap_or(i32::MAX)))
    .bind(column(rows, |r| r.command.now.as_microsecond()))
    .bind(column(rows, |r| r.command.actor.to_string()))
    .bind(column(rows, |r| r.command.correlation_id))
    .bind(column(rows, |r| r.command.causation_id))
    .bind(column(rows, |r| r.command.command_id))
    .bind(column(rows, |r| r.command.traceparent.clone()))
    .bind(column(rows, |r| r.draft.event.payload.to_string()))
    .bind(column(rows, |r| r.draft.event.digest))
    .bind(leaves)
    .bind(recorded_at)
    .execute(db)
    .await?;
    Ok(())
}

/// One by one: a later row of the same name wins.
async fn write_secrets(db: &mut PgConnection, secrets: &[&Secret]) -> Result<(), sqlx::Error> {
    for secret in secrets {
        let query = match &secret.value {
            Some(value) => {
                sqlx::query("insert into vault(name, value) values ($1, $2) on conflict (name) do update set value = excluded.value")
                    .bind(&secret.name)
                    .bind(value)
            }
            None => sqlx::query("delete from vault where name = $1").bind(&secret.name),
        };
        query.execute(&mut *db).await?;
    }
    Ok(())
}

/// One column of many rows.
fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
