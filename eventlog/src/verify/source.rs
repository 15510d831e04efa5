//! What a verification reads, from either store: one connection, one snapshot, rows borrowed as they come.

use std::str::FromStr;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ColumnIndex, Connection as _, Decode, FromRow, PgConnection, SqliteConnection, Type};
use uuid::Uuid;

use super::check::Stored;
use super::kept_receipts::WholeReceipt;
use super::receipts::StoredReceipt;
use crate::config::{LOG_FILE, StoreUrl};
use crate::error::LogError;
use crate::migrations;
use crate::recorded::{signed, unsigned};

/// How long a read waits for a lock of SQLite's recovery.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows that SQLite's thread may be ahead.
const ROWS_AHEAD: usize = 512;

/// The events in the order of [`event`]; the same text for both stores.
const EVENTS: &str = "select position, stream, version, event_id, event_type, cast(schema_version as bigint), recorded_at, occurred_at, \
     actor, correlation_id, causation_id, command_id, digest, leaf, payload from events where position > $1 and position <= $2 \
     order by position";

/// The receipts in the order of [`ReceiptRow`].
const RECEIPTS: &str = "select first_position, events, command_id, refused, correlation_id is not null, recorded_at is not null from receipts \
     where first_position >= $1 order by first_position, events";

/// The receipts in the order of [`WholeReceipt`].
const WHOLE_RECEIPTS: &str = "select key, fingerprint, command_id, first_position, events, refused, correlation_id, recorded_at, answer \
     from receipts where first_position <= $1 order by first_position, key";

type ReceiptRow = (i64, i32, Uuid, bool, bool, bool);

/// One snapshot; read only, so that no mistake here can harm a log.
const POSTGRES_BEGIN: &str = "begin isolation level repeatable read read only; set local statement_timeout = 0; \
     set local idle_in_transaction_session_timeout = 0; set local jit = off";

/// A connection to a store, at one snapshot.
pub(super) enum Source {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

/// The head row.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadRow {
    pub position: u64,
    pub recorded_at: i64,
}

/// The receipts, one after the other.
pub(super) type ReceiptStream<'c> = BoxStream<'c, Result<StoredReceipt, sqlx::Error>>;

/// An event's row.
pub(super) enum EventRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl EventRow {
    /// What the row says.
    pub(super) fn event(&self) -> Result<Stored<'_>, sqlx::Error> {
        match self {
            Self::Sqlite(row) => event(row),
            Self::Postgres(row) => event(row),
        }
    }
}

fn event<'r, R>(row: &'r R) -> Result<Stored<'r>, sqlx::Error>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(Stored {
        position: row.try_get(0)?,
        stream: row.try_get(1)?,
        version: row.try_get(2)?,
        event_id: row.try_get(3)?,
        event_type: row.try_get(4)?,
        schema_version: row.try_get(5)?,
        recorded_at: row.try_get(6)?,
        occurred_at: row.try_get(7)?,
        actor: row.try_get(8)?,
        correlation_id: row.try_get(9)?,
        causation_id: row.try_get(10)?,
        command_id: row.try_get(11)?,
        digest: row.try_get(12)?,
        leaf: row.try_get(13)?,
        payload: row.try_get(14)?,
    })
}

fn receipt((first_position, events, command_id, refused, correlation, time): ReceiptRow) -> StoredReceipt {
    StoredReceipt { first_position, events: events.into(), command_id, refused, alone: correlation && time, torn: correlation != time }
}

impl Source {
    /// Connects, and refuses a schema that is not this program's.
    pub(super) async fn open(url: &StoreUrl) -> Result<Self, LogError> {
        match url {
            StoreUrl::Sqlite(folder) => {
                let file = folder.join(LOG_FILE);
                if !file.exists() {
                    return Err(migrations::nothing_there());
                }
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .read_only(true)
                    .busy_timeout(BUSY_TIMEOUT)
                    .row_buffer_size(ROWS_AHEAD)
                    .pragma("cache_size", "-65536");
                let mut db = SqliteConnection::connect_with(&options).await?;
                sqlx::raw_sql("begin").execute(&mut db).await?;
                migrations::current_sqlite(&mut db).await?;
                Ok(Self::Sqlite(Box::new(db)))
            }
            StoreUrl::Postgres(url) => {
                let options = PgConnectOptions::from_str(url)?.application_name("daybook-replay");
                let mut db = PgConnection::connect_with(&options).await?;
                sqlx::raw_sql(POSTGRES_BEGIN).execute(&mut db).await?;
                migrations::current_postgres(&mut db).await?;
                Ok(Self::Postgres(Box::new(db)))
            }
        }
    }

    /// Does the database check its own pages when it is asked?
    pub(super) const fn checks_pages(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// The rows that a query without values yields.
    pub(super) async fn rows<T>(&mut self, sql: &str) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(db) => sqlx::query_as(sql).fetch_all(&mut **db).await,
            Self::Postgres(db) => sqlx::query_as(sql).fetch_all(&mut **db).await,
        }
    }

    /// The one number that a query yields.
    pub(super) async fn number(&mut self, sql: &str) -> Result<Option<i64>, sqlx::Error> {
        Ok(self.rows::<(Option<i64>,)>(sql).await?.first().and_then(|row| row.0))
    }

    /// The head of the snapshot.
    pub(super) async fn head(&mut self) -> Result<HeadRow, LogError> {
        let rows = self.rows::<(i64, i64)>("select position, recorded_at from log_head").await?;
        let head = rows.first().and_then(|&(position, recorded_at)| Some(HeadRow { position: unsigned(position)?, recorded_at }));
        head.ok_or_else(|| LogError::Damaged("the head row".into()))
    }

    /// Events by position, after one and up to another.
    pub(super) fn events(&mut self, after: u64, up_to: u64) -> BoxStream<'_, Result<EventRow, sqlx::Error>> {
        let (after, up_to) = (signed(after), signed(up_to));
        match self {
            Self::Sqlite(db) => sqlx::query(EVENTS).bind(after).bind(up_to).fetch(&mut **db).map_ok(EventRow::Sqlite).boxed(),
            Self::Postgres(db) => sqlx::query(EVENTS).bind(after).bind(up_to).fetch(&mut **db).map_ok(EventRow::Postgres).boxed(),
        }
    }

    /// Receipts by first position, from one on; from the first position, all that there are.
    pub(super) fn receipts(&mut self, from: u64) -> ReceiptStream<'_> {
        let from = if from <= 1 { i64::MIN } else { signed(from) };
        match self {
            Self::Sqlite(db) => sqlx::query_as::<_, ReceiptRow>(RECEIPTS).bind(from).fetch(&mut **db).map_ok(receipt).boxed(),
            Self::Postgres(db) => sqlx::query_as::<_, ReceiptRow>(RECEIPTS).bind(from).fetch(&mut **db).map_ok(receipt).boxed(),
        }
    }

    /// Receipts, whole, up to a first position.
    pub(super) fn whole_receipts(&mut self, to: u64) -> BoxStream<'_, Result<WholeReceipt, sqlx::Error>> {
        match self {
            Self::Sqlite(db) => sqlx::query_as(WHOLE_RECEIPTS).bind(signed(to)).fetch(&mut **db),
            Self::Postgres(db) => sqlx::query_as(WHOLE_RECEIPTS).bind(signed(to)).fetch(&mut **db),
        }
    }

    /// The first position after one and up to another that cannot be read; none when all can.
    pub(super) async fn first_unreadable(&mut self, after: u64, up_to: u64) -> Result<Option<u64>, sqlx::Error> {
        let (mut readable, mut damaged) = (after, up_to);
        if self.can_read(after, up_to).await? {
            return Ok(None);
        }
        while damaged - readable > 1 {
            let middle = readable + (damaged - readable) / 2;
            if self.can_read(readable, middle).await? { readable = middle } else { damaged = middle }
        }
        self.begin_again().await?;
        Ok(Some(damaged))
    }

    async fn can_read(&mut self, after: u64, up_to: u64) -> Result<bool, sqlx::Error> {
        self.begin_again().await?;
        match self.events(after, up_to).try_for_each(|_| std::future::ready(Ok(()))).await {
            Ok(()) => Ok(true),
            Err(error) if damage(&error).is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A new snapshot: PostgreSQL answers nothing more in one that has failed.
    pub(super) async fn begin_again(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(db) => sqlx::raw_sql("rollback; begin").execute(&mut **db).await?.rows_affected(),
            Self::Postgres(db) => {
                sqlx::raw_sql("rollback").execute(&mut **db).await?;
                sqlx::raw_sql(POSTGRES_BEGIN).execute(&mut **db).await?.rows_affected()
            }
        };
        Ok(())
    }
}

/// What an error says about the stored bytes, when it says that they are damaged.
pub(super) fn damage(error: &sqlx::Error) -> Option<String> {
    let sqlx::Error::Database(error) = error else { return None };
    let code = error.code()?;
    let damaged = match code.parse::<u32>() {
        // 11 corrupt, 26 not a database, 522 a file that ends too early; with a subcode in the upper bits.
        Ok(sqlite) if code.len() != 5 => matches!(sqlite & 0xff, 11 | 26) || sqlite == 522,
        // Class XX internal (XX001 a damaged page, XX002 a damaged index), 58 the system's (a file that cannot be read), 22021 bytes
        // that are no text.
        Ok(_) | Err(_) => ["XX", "58", "22021"].iter().any(|class| code.starts_with(class)),
    };
    damaged.then(|| error.message().to_owned())
}
