//! One thin face over the two databases: a statement with its values, a pool, a database transaction.
//!
//! Both take `$1` for the first value, so that a statement is written once.

mod readers;
mod sql;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use eventlog::StoreUrl;
pub(crate) use readers::Readers;
pub(crate) use sql::{Array, Sql};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{Connection as _, FromRow, PgPool, Postgres, Sqlite, SqlitePool, Transaction};

/// How long a statement waits for SQLite's one writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Readers of a SQLite file.
const SQLITE_READERS: u32 = 4;
/// Connections to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 10;
/// A connection idle for longer is tried before it is used: the server may have gone. Trying each would double the round trips.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// Statements that a connection keeps prepared; each model has about a dozen.
const STATEMENTS: usize = 512;

/// Which database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The database's own clock in milliseconds since 1970, as an expression: leases compare no two hosts' clocks.
    pub(crate) const fn now_ms(self) -> &'static str {
        match self {
            Self::Sqlite => "cast(unixepoch('subsec') * 1000 as integer)",
            Self::Postgres => "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
        }
    }
}

/// A position as the databases keep it.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A position as it was kept.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A row that either database can give.
pub(crate) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for R {}

/// A database: a SQLite file with one writer and several readers, or a PostgreSQL pool, with connections beside it for those who only ask.
#[derive(Clone, Debug)]
pub(crate) enum Db {
    Sqlite { write: SqlitePool, read: SqlitePool },
    Postgres(PgPool, Readers),
}

/// A database transaction; dropped without a commit it is rolled back.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens a file of the data folder, or the PostgreSQL database.
    pub(crate) async fn open(url: &StoreUrl, file: &str, synchronous: SqliteSynchronous) -> Result<Self, sqlx::Error> {
        match url {
            StoreUrl::Sqlite(folder) => Self::open_file(&folder.join(file), synchronous).await,
            StoreUrl::Postgres(address) => {
                let options = PgConnectOptions::from_str(address)?.application_name("daybook-projections");
                let options = options.statement_cache_capacity(STATEMENTS);
                let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).test_before_acquire(false).before_acquire(
                    |connection, used| Box::pin(async move { Ok(used.idle_for < TRUSTED_IDLE || connection.ping().await.is_ok()) }),
                );
                Ok(Self::postgres(pool.connect_with(options).await?))
            }
        }
    }

    /// Opens what is there, to read only; `None` when there is nothing.
    pub(crate) async fn open_to_read(url: &StoreUrl, file: &str) -> Result<Option<Self>, sqlx::Error> {
        match url {
            StoreUrl::Sqlite(folder) => {
                let path = folder.join(file);
                if !path.exists() {
                    return Ok(None);
                }
                let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY_TIMEOUT);
                let read = SqlitePoolOptions::new().max_connections(SQLITE_READERS).connect_with(options).await?;
                Ok(Some(Self::Sqlite { write: read.clone(), read }))
            }
            StoreUrl::Postgres(_) => {
                let db = Self::open(url, file, SqliteSynchronous::Normal).await?;
                let there = "select cast(1 as bigint) from pg_namespace where nspname = 'views'";
                let there = db.first::<(i64,)>(Sql::new(there)).await?.is_some();
                Ok(there.then_some(db))
            }
        }
    }

    fn postgres(pool: PgPool) -> Self {
        let readers = Readers::new(pool.clone());
        Self::Postgres(pool, readers)
    }

    async fn open_file(path: &Path, synchronous: SqliteSynchronous) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .statement_cache_capacity(STATEMENTS)
            .busy_timeout(BUSY_TIMEOUT);
        // A file does not go away: nothing is to be tried before a connection is used.
        let pool = || SqlitePoolOptions::new().test_before_acquire(false);
        let write = pool().max_connections(1).connect_with(options.clone()).await?;
        let read = pool().max_connections(SQLITE_READERS).connect_with(options.read_only(true)).await?;
        Ok(Self::Sqlite { write, read })
    }

    /// Connections that are in use, and that wait to be.
    pub(crate) fn connections(&self) -> (u32, u32) {
        let (all, idle, (asking, resting)) = match self {
            Self::Sqlite { write, read } => (write.size() + read.size(), write.num_idle() + read.num_idle(), (0, 0)),
            Self::Postgres(pool, readers) => (pool.size(), pool.num_idle(), readers.count()),
        };
        let idle = u32::try_from(idle).unwrap_or(all).min(all);
        (all - idle + asking, idle + resting)
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres(..) => Dialect::Postgres,
        }
    }

    /// All rows of a query that somebody waits for: such have connections of their own, first come, first served.
    pub(crate) async fn ask<R: Row>(&self, sql: Sql) -> Result<Vec<R>, sqlx::Error> {
        match self {
            Self::Sqlite { .. } => self.all(sql).await,
            Self::Postgres(_, readers) => readers.all(sql).await,
        }
    }

    /// All rows of a query.
    pub(crate) async fn all<R: Row>(&self, sql: Sql) -> Result<Vec<R>, sqlx::Error> {
        match self {
            Self::Sqlite { read, .. } => {
                let (text, values) = sql.split();
                sqlx::query_as_with(text, values).fetch_all(read).await
            }
            Self::Postgres(pool, _) => {
                let mut others = POSTGRES_CONNECTIONS;
                loop {
                    let (text, values) = sql.clone().split();
                    match sqlx::query_as_with(text, values).fetch_all(pool).await {
                        Err(error) if others > 0 && is_lost(&error) => others -= 1,
                        answer => return answer,
                    }
                }
            }
        }
    }

    /// All rows of a query of somebody who writes them next. SQLite's readers throw their pages away whenever the writer has
    /// written; the writer has them at hand.
    pub(crate) async fn all_to_write<R: Row>(&self, sql: Sql) -> Result<Vec<R>, sqlx::Error> {
        match self {
            Self::Sqlite { .. } => self.returning(sql).await,
            Self::Postgres(..) => self.all(sql).await,
        }
    }

    /// The first row of a query.
    pub(crate) async fn first<R: Row>(&self, sql: Sql) -> Result<Option<R>, sqlx::Error> {
        match self {
            Self::Sqlite { read, .. } => {
                let (text, values) = sql.split();
                sqlx::query_as_with(text, values).fetch_optional(read).await
            }
            Self::Postgres(pool, _) => {
                let mut others = POSTGRES_CONNECTIONS;
                loop {
                    let (text, values) = sql.clone().split();
                    match sqlx::query_as_with(text, values).fetch_optional(pool).await {
                        Err(error) if others > 0 && is_lost(&error) => others -= 1,
                        answer => return answer,
                    }
                }
            }
        }
    }

    /// Runs one statement in a database transaction of its own; the number of rows that it touched.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64, sqlx::Error> {
        let (text, values) = sql.split();
        Ok(match self {
            Self::Sqlite { write, .. } => sqlx::query_with(text, values).execute(write).await?.rows_affected(),
            Self::Postgres(pool, _) => sqlx::query_with(text, values).execute(pool).await?.rows_affected(),
        })
    }

    /// Runs one writing statement that returns rows.
    pub(crate) async fn returning<R: Row>(&self, sql: Sql) -> Result<Vec<R>, sqlx::Error> {
        let (text, values) = sql.split();
        match self {
            Self::Sqlite { write, .. } => sqlx::query_as_with(text, values).fetch_all(write).await,
            Self::Postgres(pool, _) => sqlx::query_as_with(text, values).fetch_all(pool).await,
        }
    }

    /// Begins a database transaction that writes (a deferred one of SQLite would fail instead of wait).
    pub(crate) async fn begin(&self) -> Result<Tx, sqlx::Error> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("begin immediate").await?),
            Self::Postgres(pool, _) => Tx::Postgres(begin_uncancelled(pool.clone(), "begin isolation level read committed").await?),
        })
    }

    /// Begins a database transaction that only reads, and sees one moment from its first statement on.
    pub(crate) async fn snapshot(&self) -> Result<Tx, sqlx::Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => Tx::Sqlite(read.begin().await?),
            Self::Postgres(pool, _) => {
                Tx::Postgres(begin_uncancelled(pool.clone(), "begin isolation level repeatable read, read only").await?)
            }
        })
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool, readers) => {
                pool.close().await;
                readers.close();
            }
        }
    }
}

/// Was the connection lost, or its server stopped? A server that was started again has cut all connections, and one that was used a moment
/// ago is not tried before it is used again: a question, which changes nothing, is then asked on another one.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P01" | "57P02")),
        _ => false,
    }
}

/// Begins in a task of its own, which ends even when the caller is dropped meanwhile. sqlx 0.9 puts a connection whose
/// `begin` was cancelled after it was sent back into the pool without a rollback: the next statement on it would run in
/// that database transaction, keep its locks and never be committed.
async fn begin_uncancelled(pool: PgPool, statement: &'static str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    begun.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

impl Tx {
    /// Runs one statement; the number of rows that it touched.
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<u64, sqlx::Error> {
        let (text, values) = sql.split();
        Ok(match self {
            Self::Sqlite(tx) => sqlx::query_with(text, values).execute(&mut **tx).await?.rows_affected(),
            Self::Postgres(tx) => sqlx::query_with(text, values).execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// All rows of a query.
    pub(crate) async fn all<R: Row>(&mut self, sql: Sql) -> Result<Vec<R>, sqlx::Error> {
        let (text, values) = sql.split();
        match self {
            Self::Sqlite(tx) => sqlx::query_as_with(text, values).fetch_all(&mut **tx).await,
            Self::Postgres(tx) => sqlx::query_as_with(text, values).fetch_all(&mut **tx).await,
        }
    }

    /// The first row of a query.
    pub(crate) async fn first<R: Row>(&mut self, sql: Sql) -> Result<Option<R>, sqlx::Error> {
        let (text, values) = sql.split();
        match self {
            Self::Sqlite(tx) => sqlx::query_as_with(text, values).fetch_optional(&mut **tx).await,
            Self::Postgres(tx) => sqlx::query_as_with(text, values).fetch_optional(&mut **tx).await,
        }
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use sqlx::PgConnection;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cancelled_begin_leaves_no_database_transaction_open() {
        let url = std::env::var("DAYBOOK_TEST_DATABASE_URL").expect("scripts/test sets DAYBOOK_TEST_DATABASE_URL");
        let name = format!("begins-{}", std::process::id());
        let options = PgConnectOptions::from_str(&url).unwrap().application_name(&name);
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await.unwrap();
        let mut observer = PgConnection::connect_with(&options).await.unwrap();
        let db = Db::postgres(pool.clone());
        let open = "select count(*) from pg_stat_activity where application_name = $1 and state like 'idle in transaction%'";
        for polls in (0..8).cycle().take(64) {
            let soon = async {
                for _ in 0..polls {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                biased;
                begun = db.begin() => drop(begun.unwrap()),
                () = soon => {}
            }
            // The cancelled begin ends beside us, and then its connection comes back.
            let mut left = 1;
            for _ in 0..200 {
                left = sqlx::query_scalar::<_, i64>(open).bind(&name).fetch_one(&mut observer).await.unwrap();
                if left == 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(left, 0);
        }
    }
}
