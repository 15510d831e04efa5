//! The log in PostgreSQL 15 or newer: the head row's lock makes one writer at a time, whatever the number of nodes.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::time::Duration;

use kernel::StreamName;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::{AppendFailure, RECEIPTS, ReceiptRow, StreamRow, clock, keys, names, receipts, stream_heads};
use crate::error::LogError;
use crate::migrations;
use crate::outcome::{Append, EventInsert, Found, Head, Outcome, Plan, ReceiptInsert, Secret, StreamHead, plan};
use crate::recorded::signed;

/// Reading connections.
const READERS: u32 = 8;
/// A connection idle for longer is tried before it is used: the server may have gone.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// What the appending connection sets: a dead node must not hold the head, and a live one must not wait for it forever.
const WRITER_SETTINGS: &str = "set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '10s'";

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
        let writer = pool(1)
            .after_connect(|connection, _| Box::pin(async move { sqlx::raw_sql(WRITER_SETTINGS).execute(connection).await.map(|_| ()) }));
        Ok(Self { writer: writer.connect_with(options.clone()).await?, readers: pool(READERS).connect_with(options).await? })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The pool for reading, and for hints.
    pub(crate) fn readers(&self) -> &PgPool {
        &self.readers
    }

    pub(crate) async fn append(&self, batch: &[Append]) -> Result<Vec<Outcome>, AppendFailure> {
        // Read committed whatever the database's default: each statement after the lock sees all that came before it.
        let mut db = self.writer.begin_with("begin isolation level read committed").await?;
        let found = find(&mut db, batch).await?;
        let plan = plan(found, clock(), batch, Uuid::now_v7);
        if plan.is_empty() {
            db.rollback().await?;
            return Ok(plan.outcomes);
        }
        write(&mut db, &plan).await?;
        db.commit().await.map_err(AppendFailure::Unknown)?;
        Ok(plan.outcomes)
    }
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
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
        let rows: Vec<StreamRow> =
            sqlx::query_as("select id, name, version from streams where name = any($1)").bind(names).fetch_all(&mut *db).await?;
        found.streams = stream_heads(rows).map_err(AppendFailure::Damaged)?;
    }
    Ok(found)
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
    .bind(column(rows, |r| signed(r.events)))
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
    sqlx::query(
        "insert into events(position, stream_id, kind, version, event_id, event_type, schema_version, occurred_at, actor, correlation_id,
                            causation_id, command_id, traceparent, payload, recorded_at)
         select u.*, $15 from unnest($1::bigint[], $2::uuid[], $3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::int[], $8::bigint[],
                                     $9::text[], $10::uuid[], $11::uuid[], $12::uuid[], $13::text[], $14::json[]) u",
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
