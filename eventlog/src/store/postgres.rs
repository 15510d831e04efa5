//! The log in PostgreSQL 15 or newer: the head row's lock makes one writer at a time, whatever the number of nodes.

mod at_once;
mod row;

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use fail::fail_point;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres as Db, Transaction};
use uuid::Uuid;

use super::rows::{HEAD, HeadRow, RECEIPTS, ReceiptRow, head, keys, names, receipts, versions};
use super::{AppendFailure, Mark, Written, bound, clock, resolve};
use crate::appender::BATCHES_ON_THEIR_WAY;
use crate::error::LogError;
use crate::filter::Query;
use crate::memory::Memory;
use crate::migrations;
use crate::outcome::{Append, Found, Outcome, Secret};
use crate::plan::{Plan, plan};
use crate::recorded::signed;

/// Reading connections.
const READERS: u32 = 8;
/// The versions of streams; null where there is none.
const VERSIONS: &str = "select n.name, (select max(version) from events where stream = n.name) from unnest($1::text[]) n(name)";
/// A connection idle for longer is tried before it is used: the server may have gone.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// What every connection sets: a plan made while a table was empty must not scan it when it is large.
const SETTINGS: &str = "set enable_seqscan = off; set jit = off";
/// What the appending connections set too: a dead node must not hold the head, and a live one must not wait for it forever.
const WRITER_SETTINGS: &str = "set default_transaction_isolation = 'read committed'; set enable_seqscan = off; set jit = off; set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '10s'";

/// An opened database.
#[derive(Clone)]
pub(crate) struct Postgres {
    writer: PgPool,
    pub(super) readers: PgPool,
}

/// Behind a pooling proxy: what one sets there the next one finds. The proxy or the role has the settings (docs/pooling.md).
const NO_SETTINGS: &str = "select 1";

impl Postgres {
    pub(crate) async fn open(url: &str, migrate: bool, proxied: bool) -> Result<Self, LogError> {
        let options = PgConnectOptions::from_str(url)?.application_name("daybook-log");
        let mut connection = PgConnection::connect_with(&options).await?;
        migrations::postgres(&mut connection, migrate).await?;
        connection.close().await?;
        let (writing, reading) = if proxied { (NO_SETTINGS, NO_SETTINGS) } else { (WRITER_SETTINGS, SETTINGS) };
        let writer = pool(BATCHES_ON_THEIR_WAY as u32, writing).connect_with(options.clone()).await?;
        Ok(Self { writer, readers: pool(READERS, reading).connect_with(options).await? })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The pool for reading, and for hints.
    pub(crate) fn readers(&self) -> &PgPool {
        &self.readers
    }

    /// Writes a plan by one call, if all that it assumes holds.
    pub(super) async fn call(&self, plan: &Plan<'_>) -> Result<Written, AppendFailure> {
        match at_once::call(&self.writer, plan).await {
            Ok(None) => Ok(Written::All),
            Ok(Some(head)) => Ok(Written::Nothing(Some(head))),
            Err(error) if at_once::does_not_fit(&error) => Ok(Written::Nothing(None)),
            Err(error) if at_once::is_certain(&error) => Err(AppendFailure::Nothing(error)),
            Err(error) => resolve(Mark::of(plan), error, |mark| self.holds(mark, plan.head.recorded_at)).await.map(|()| Written::All),
        }
    }

    /// Appends a batch, looking at everything under the head's lock.
    pub(crate) async fn append(&self, batch: &[Append], memory: &Memory) -> Result<Vec<Outcome>, AppendFailure> {
        // Read committed whatever the database's default: each statement after the lock sees all that came before it.
        let mut db = self.writer.begin_with("begin isolation level read committed").await?;
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
            resolve(Mark::of(&plan), error, |mark| self.holds(mark, plan.head.recorded_at)).await?;
        }
        fail_point!("append::after_commit", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        memory.learn(&plan);
        memory.committed(&plan);
        memory.listed(plan.types());
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
            Mark::Event(position, id) => {
                let query = sqlx::query("select from events where position = $1 and event_id = $2");
                query.bind(signed(position)).bind(id).fetch_optional(&mut *db).await?
            }
            Mark::Receipt(key) => sqlx::query("select from receipts where key = $1").bind(key).fetch_optional(&mut *db).await?,
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
    let row: HeadRow = sqlx::query_as(AssertSqlSafe(format!("{HEAD} for update"))).fetch_one(&mut *db).await?;
    let mut found = Found::at(head(row));
    let keys = keys(batch);
    if !keys.is_empty() {
        // One text whatever the number of keys, so that it stays prepared.
        let rows: Vec<ReceiptRow> = sqlx::query_as(AssertSqlSafe(format!("{RECEIPTS} = any($1)"))).bind(keys).fetch_all(&mut *db).await?;
        found.receipts = receipts(rows).map_err(AppendFailure::Damaged)?;
    }
    let names = names(batch);
    if !names.is_empty() {
        let rows = sqlx::query_as(VERSIONS).bind(names).fetch_all(db).await?;
        found.streams = versions(rows).map_err(AppendFailure::Damaged)?;
    }
    Ok(found)
}

async fn write(db: &mut PgConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    write_secrets(db, &plan.secrets).await?;
    let (kinds, types): (Vec<_>, Vec<_>) = plan.types().collect::<BTreeSet<_>>().into_iter().unzip();
    sqlx::query("insert into event_types (kind, event_type) select * from unnest($1::text[], $2::text[]) on conflict do nothing")
        .bind(kinds)
        .bind(types)
        .execute(&mut *db)
        .await?;
    match at_once::call(&mut *db, plan).await? {
        None => Ok(()),
        Some(_) => Err(sqlx::Error::Protocol("the head moved under its own lock".into())),
    }
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
