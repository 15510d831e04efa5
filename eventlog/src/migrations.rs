//! The log's schema and its version.

use std::borrow::Cow;
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, PgConnection, SqlSafeStr, SqliteConnection};

use crate::config::{LOG_FILE, StoreUrl};
use crate::error::LogError;

/// A migration: version, name, text.
type Step = (i64, &'static str, &'static str);

const SQLITE: &[Step] = &[
    (1, "log", include_str!("../../migrations/sqlite/log/0001_log.sql")),
    (2, "processes", include_str!("../../migrations/sqlite/log/0002_processes.sql")),
    (3, "subject_keys", include_str!("../../migrations/sqlite/log/0003_subject_keys.sql")),
    (4, "append", include_str!("../../migrations/sqlite/log/0004_append.sql")),
    (10, "tree", include_str!("../../migrations/sqlite/log/0010_tree.sql")),
];

const POSTGRES: &[Step] = &[
    (1, "log", include_str!("../../migrations/postgres/log/0001_log.sql")),
    (2, "processes", include_str!("../../migrations/postgres/log/0002_processes.sql")),
    (3, "subject_keys", include_str!("../../migrations/postgres/log/0003_subject_keys.sql")),
    (4, "append", include_str!("../../migrations/postgres/log/0004_append.sql")),
    (10, "tree", include_str!("../../migrations/postgres/log/0010_tree.sql")),
];

/// Where the applied versions are kept; a name of its own, beside those of the read models.
const TABLE: &str = "log_migrations";
/// Key of the advisory lock under which nodes that start together migrate one after another ("daybook" in ASCII).
const LOCK: i64 = 0x0064_6179_626f_6f6b;

/// Brings a file up to date, or only checks that it is.
pub(crate) async fn sqlite(db: &mut SqliteConnection, migrate: bool) -> Result<(), LogError> {
    // Taken before the first look: of processes that start together, one migrates and the others find it done.
    let mut transaction = db.begin_with("begin immediate").await?;
    check(sqlite_version(&mut transaction).await?, SQLITE, migrate)?;
    if migrate {
        run(SQLITE, &mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Brings a database up to date, or only checks that it is.
pub(crate) async fn postgres(db: &mut PgConnection, migrate: bool) -> Result<(), LogError> {
    // Read committed whatever the database's default: who waited for the lock sees what the winner has migrated.
    let mut transaction = db.begin_with("begin isolation level read committed").await?;
    if migrate {
        sqlx::query("select pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
    }
    check(postgres_version(&mut transaction).await?, POSTGRES, migrate)?;
    if migrate {
        run(POSTGRES, &mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Refuses a file whose schema is not this program's; writes nothing.
pub(crate) async fn current_sqlite(db: &mut SqliteConnection) -> Result<(), LogError> {
    check(sqlite_version(db).await?, SQLITE, false)
}

/// Refuses a database whose schema is not this program's; writes nothing.
pub(crate) async fn current_postgres(db: &mut PgConnection) -> Result<(), LogError> {
    check(postgres_version(db).await?, POSTGRES, false)
}

/// Version of a file's schema; 0 when there is none.
async fn sqlite_version(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let table = "select count(*) from sqlite_schema where type = 'table' and name = 'log_migrations'";
    let exists: i64 = sqlx::query_scalar(table).fetch_one(&mut *db).await?;
    if exists == 0 { Ok(0) } else { sqlx::query_scalar(VERSION).fetch_one(db).await }
}

/// Version of a database's schema; 0 when there is none.
async fn postgres_version(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("select to_regclass('log_migrations') is not null").fetch_one(&mut *db).await?;
    if exists { sqlx::query_scalar(VERSION).fetch_one(db).await } else { Ok(0) }
}

const VERSION: &str = "select coalesce(max(version), 0) from log_migrations";

/// A schema and the one that this program knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Version of the schema that is there; 0 when there is none.
    pub found: i64,
    /// Version that this program needs.
    pub known: i64,
    /// Names of the migrations that are missing, in order.
    pub missing: Vec<&'static str>,
}

/// How the schema of a log is; changes nothing.
///
/// # Errors
/// When the database cannot be read.
pub async fn schema_status(url: &StoreUrl) -> Result<SchemaStatus, LogError> {
    let (found, steps) = match url {
        StoreUrl::Sqlite(folder) => (sqlite_file_version(folder).await?, SQLITE),
        StoreUrl::Postgres(address) => {
            let mut db = PgConnection::connect_with(&PgConnectOptions::from_str(address)?).await?;
            (postgres_version(&mut db).await?, POSTGRES)
        }
    };
    let missing = steps.iter().filter(|step| step.0 > found).map(|step| step.1).collect();
    Ok(SchemaStatus { found, known: newest(steps), missing })
}

/// Version of a folder's log; 0 when there is none.
async fn sqlite_file_version(folder: &Path) -> Result<i64, LogError> {
    let file = folder.join(LOG_FILE);
    if !tokio::fs::try_exists(&file).await.map_err(|e| LogError::Folder(Arc::new(e)))? {
        return Ok(0);
    }
    let mut db = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file).read_only(true)).await?;
    Ok(sqlite_version(&mut db).await?)
}

/// The refusal of a file that is not there and not to be made.
pub(crate) fn nothing_there() -> LogError {
    LogError::Outdated { found: 0, known: newest(SQLITE) }
}

fn newest(steps: &[Step]) -> i64 {
    steps.last().map_or(0, |step| step.0)
}

fn check(found: i64, steps: &[Step], migrate: bool) -> Result<(), LogError> {
    let known = newest(steps);
    match found {
        _ if found > known => Err(LogError::Newer { found, known }),
        _ if found < known && !migrate => Err(LogError::Outdated { found, known }),
        _ => Ok(()),
    }
}

async fn run<C: Migrate>(steps: &[Step], db: &mut C) -> Result<(), LogError> {
    let migration =
        |&(version, name, sql): &Step| Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false);
    let mut migrator = Migrator::with_migrations(steps.iter().map(migration).collect());
    migrator.dangerous_set_table_name(TABLE);
    migrator.set_locking(false);
    migrator.run_direct(None, db, false).await.map_err(|e: MigrateError| LogError::Migration(Arc::new(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_stores_have_the_same_versions() {
        assert!(SQLITE.iter().map(|s| (s.0, s.1)).eq(POSTGRES.iter().map(|s| (s.0, s.1))));
    }

    #[test]
    fn a_newer_schema_is_refused_and_an_older_one_only_migrated() {
        let newest = newest(SQLITE);
        assert!(matches!(check(newest + 1, SQLITE, true), Err(LogError::Newer { found, known }) if (found, known) == (newest + 1, newest)));
        assert!(matches!(check(1, SQLITE, false), Err(LogError::Outdated { found: 1, known }) if known == newest));
        assert!(check(1, SQLITE, true).is_ok() && check(newest, SQLITE, false).is_ok());
    }
}
