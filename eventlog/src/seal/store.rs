//! The tables of keys, in the log's database: every subject's wrapped keys, and which epoch wraps them.
//!
//! Connections of its own: a key is fetched or made while the appender works, and never within its database transaction.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use kernel::KeyClass;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite, Transaction, Type};
use uuid::Uuid;

use super::cipher::KeyId;
use crate::config::{LOG_FILE, StoreUrl};
use crate::error::LogError;
use crate::filter::{Query, Value};
use crate::recorded::{signed, unsigned};

/// Connections; opened when first needed.
const CONNECTIONS: u32 = 2;
/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(10);
/// Keys of one statement.
pub(super) const CHUNK: usize = 500;

/// The database of a log, for its keys.
#[derive(Clone)]
pub(super) enum KeyStore {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A database transaction of either store.
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// How a database transaction holds the row of epochs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// No epoch begins meanwhile.
    Shared,
    /// Nobody makes keys or moves epochs meanwhile.
    Alone,
}

/// The row of epochs.
pub(super) struct Epochs {
    /// The epoch whose key wraps; 0: none yet.
    pub current: u64,
    /// Tells the right epoch key from a wrong one.
    pub check_value: Option<Vec<u8>>,
    /// Every destruction recorded up to this position is carried out.
    pub destroyed_to: u64,
}

/// A subject's key as it is stored; without bytes once it was destroyed.
pub(super) struct StoredKey {
    pub id: KeyId,
    pub epoch: u64,
    pub wrapped: Option<Vec<u8>>,
}

type KeyRow = (Uuid, String, i64, Option<Vec<u8>>);
const KEYS: &str = "select subject, class, epoch, wrapped from subject_keys";

impl KeyStore {
    pub(super) fn open(url: &StoreUrl) -> Result<Self, LogError> {
        match url {
            StoreUrl::Sqlite(folder) => Ok(Self::Sqlite(sqlite(folder))),
            StoreUrl::Postgres(url) => {
                let options = PgConnectOptions::from_str(url)?.application_name("daybook-keys");
                let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(BUSY);
                Ok(Self::Postgres(pool.connect_lazy_with(options)))
            }
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }

    pub(super) async fn begin(&self) -> Result<Tx, LogError> {
        Ok(match self {
            Self::Sqlite(pool) => Tx::Sqlite(pool.begin_with("begin immediate").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin_with("begin isolation level read committed").await?),
        })
    }

    async fn rows<T>(&self, query: Query) -> Result<Vec<T>, LogError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
    {
        let sql = AssertSqlSafe(query.sql);
        match self {
            Self::Sqlite(pool) => read(&bind(sqlx::query::<Sqlite>(sql), query.values).fetch_all(pool).await?),
            Self::Postgres(pool) => read(&bind(sqlx::query::<Postgres>(sql), query.values).fetch_all(pool).await?),
        }
    }

    pub(super) async fn epochs(&self) -> Result<Epochs, LogError> {
        epochs(self.rows(Query::new(EPOCHS)).await?)
    }

    /// The stored keys of some subjects, both classes; what is not there is left out.
    pub(super) async fn keys(&self, subjects: &[Uuid]) -> Result<Vec<StoredKey>, LogError> {
        let mut found = Vec::new();
        for subjects in subjects.chunks(CHUNK) {
            let query = Query::new(format!("{KEYS} where ")).within("subject", subjects.iter().copied().map(Value::Uuid));
            for row in self.rows::<KeyRow>(query).await? {
                found.push(stored(row)?);
            }
        }
        Ok(found)
    }

    /// Is there a key that an earlier epoch's key wraps?
    pub(super) async fn has_before(&self, epoch: u64) -> Result<bool, LogError> {
        let query = Query::new("select count(*) from (select 1 from subject_keys").bind(" where epoch < ", Value::Integer(signed(epoch)));
        Ok(self.rows::<(i64,)>(query.text(" limit 1) old")).await?.iter().any(|row| row.0 > 0))
    }
}

const EPOCHS: &str = "select current_epoch, check_value, destroyed_to from key_epochs";

impl Tx {
    pub(super) async fn epochs(&mut self, hold: Hold) -> Result<Epochs, LogError> {
        let lock = match (&self, hold) {
            // The whole file is ours already.
            (Self::Sqlite(_), Hold::Shared | Hold::Alone) => "",
            (Self::Postgres(_), Hold::Shared) => " for share",
            (Self::Postgres(_), Hold::Alone) => " for update",
        };
        epochs(self.rows(Query::new(format!("{EPOCHS}{lock}"))).await?)
    }

    /// Keys of subjects that have none; those that are there stay as they are.
    pub(super) async fn add(&mut self, keys: &[(KeyId, u64, Vec<u8>)]) -> Result<(), LogError> {
        for keys in keys.chunks(CHUNK) {
            let mut query = Query::new("insert into subject_keys (subject, class, epoch, wrapped) values ");
            for (i, (id, epoch, wrapped)) in keys.iter().enumerate() {
                query = query
                    .bind(if i == 0 { "(" } else { ", (" }, Value::Uuid(id.subject))
                    .bind(", ", Value::Text(id.class.name().to_owned()))
                    .bind(", ", Value::Integer(signed(*epoch)))
                    .bind(", ", Value::Bytes(wrapped.clone()))
                    .text(")");
            }
            self.execute(query.text(" on conflict (subject, class) do nothing")).await?;
        }
        Ok(())
    }

    /// Forgets a key for good, whether there was one or not: none is made again.
    pub(super) async fn forget(&mut self, id: KeyId, epoch: u64) -> Result<(), LogError> {
        let query = Query::new("insert into subject_keys (subject, class, epoch, wrapped)")
            .bind(" values (", Value::Uuid(id.subject))
            .bind(", ", Value::Text(id.class.name().to_owned()))
            .bind(", ", Value::Integer(signed(epoch)))
            .text(", null) on conflict (subject, class) do update set wrapped = null");
        self.execute(query).await
    }

    /// Some keys of earlier epochs.
    pub(super) async fn before(&mut self, epoch: u64) -> Result<Vec<StoredKey>, LogError> {
        let query = Query::new(KEYS)
            .bind(" where epoch < ", Value::Integer(signed(epoch)))
            .bind(" order by epoch limit ", Value::Integer(signed(CHUNK as u64)));
        self.rows::<KeyRow>(query).await?.into_iter().map(stored).collect()
    }

    /// Puts a key under another epoch's.
    pub(super) async fn rewrap(&mut self, id: KeyId, epoch: u64, wrapped: Option<Vec<u8>>) -> Result<(), LogError> {
        let query = Query::new("update subject_keys").bind(" set epoch = ", Value::Integer(signed(epoch)));
        let query = match wrapped {
            Some(wrapped) => query.bind(", wrapped = ", Value::Bytes(wrapped)),
            None => query,
        };
        let query = query.bind(" where subject = ", Value::Uuid(id.subject));
        self.execute(query.bind(" and class = ", Value::Text(id.class.name().to_owned()))).await
    }

    pub(super) async fn begin_epoch(&mut self, epoch: u64, check_value: Vec<u8>) -> Result<(), LogError> {
        let query = Query::new("update key_epochs").bind(" set current_epoch = ", Value::Integer(signed(epoch)));
        self.execute(query.bind(", check_value = ", Value::Bytes(check_value))).await
    }

    pub(super) async fn destroyed_to(&mut self, position: u64) -> Result<(), LogError> {
        let query = Query::new("update key_epochs").bind(" set destroyed_to = ", Value::Integer(signed(position)));
        self.execute(query.bind(" where destroyed_to < ", Value::Integer(signed(position)))).await
    }

    /// The log ends at this position: it was restored from a backup, and what follows now is new.
    pub(super) async fn destroyed_at_most(&mut self, position: u64) -> Result<(), LogError> {
        let query = Query::new("update key_epochs").bind(" set destroyed_to = ", Value::Integer(signed(position)));
        self.execute(query.bind(" where destroyed_to > ", Value::Integer(signed(position)))).await
    }

    pub(super) async fn commit(self) -> Result<(), LogError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    async fn execute(&mut self, query: Query) -> Result<(), LogError> {
        let sql = AssertSqlSafe(query.sql);
        match self {
            Self::Sqlite(tx) => {
                bind(sqlx::query::<Sqlite>(sql), query.values).execute(&mut **tx).await?;
            }
            Self::Postgres(tx) => {
                bind(sqlx::query::<Postgres>(sql), query.values).execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    async fn rows<T>(&mut self, query: Query) -> Result<Vec<T>, LogError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow>,
    {
        let sql = AssertSqlSafe(query.sql);
        match self {
            Self::Sqlite(tx) => read(&bind(sqlx::query::<Sqlite>(sql), query.values).fetch_all(&mut **tx).await?),
            Self::Postgres(tx) => read(&bind(sqlx::query::<Postgres>(sql), query.values).fetch_all(&mut **tx).await?),
        }
    }
}

fn sqlite(folder: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(folder.join(LOG_FILE)).busy_timeout(BUSY).synchronous(SqliteSynchronous::Full);
    SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_lazy_with(options)
}

fn epochs(rows: Vec<(i64, Option<Vec<u8>>, i64)>) -> Result<Epochs, LogError> {
    let damaged = || LogError::Damaged("the row of key epochs".into());
    let (current, check_value, destroyed_to) = rows.into_iter().next().ok_or_else(damaged)?;
    let (current, destroyed_to) = (unsigned(current).ok_or_else(damaged)?, unsigned(destroyed_to).ok_or_else(damaged)?);
    Ok(Epochs { current, check_value, destroyed_to })
}

fn stored((subject, class, epoch, wrapped): KeyRow) -> Result<StoredKey, LogError> {
    let damaged = || LogError::Damaged(format!("a key of subject {subject}"));
    let class = KeyClass::ALL.into_iter().find(|known| known.name() == class).ok_or_else(damaged)?;
    Ok(StoredKey { id: KeyId { subject, class }, epoch: unsigned(epoch).ok_or_else(damaged)?, wrapped })
}

fn read<T, R>(rows: &[R]) -> Result<Vec<T>, LogError>
where
    R: sqlx::Row,
    T: for<'r> FromRow<'r, R>,
{
    rows.iter().map(|row| T::from_row(row).map_err(LogError::from)).collect()
}

/// Binds a query's values, in order.
fn bind<DB>(query: sqlx::query::Query<'_, DB, DB::Arguments>, values: Vec<Value>) -> sqlx::query::Query<'_, DB, DB::Arguments>
where
    DB: sqlx::Database,
    for<'v> i64: sqlx::Encode<'v, DB> + Type<DB>,
    for<'v> String: sqlx::Encode<'v, DB> + Type<DB>,
    for<'v> Uuid: sqlx::Encode<'v, DB> + Type<DB>,
    for<'v> Vec<u8>: sqlx::Encode<'v, DB> + Type<DB>,
{
    values.into_iter().fold(query, |query, value| match value {
        Value::Integer(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Uuid(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}
