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

/// A migration that a database says was applied: its version, and the checksum of its text as it then was.
type Applied = (i64, Vec<u8>);

const APPLIED: &str = "select version, checksum from log_migrations order by version";

/// Brings a file up to date, or only checks that it is.
pub(crate) async fn sqlite(db: &mut SqliteConnection, migrate: bool) -> Result<(), LogError> {
    // Taken before the first look: of processes that start together, one migrates and the others find it done.
    let mut transaction = db.begin_with("begin immediate").await?;
    check(&in_file(&mut transaction).await?, SQLITE, migrate)?;
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
    check(&in_database(&mut transaction).await?, POSTGRES, migrate)?;
    if migrate {
        run(POSTGRES, &mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Refuses a file whose schema is not this program's; writes nothing.
pub(crate) async fn current_sqlite(db: &mut SqliteConnection) -> Result<(), LogError> {
    check(&in_file(db).await?, SQLITE, false)
}

/// Refuses a database whose schema is not this program's; writes nothing.
pub(crate) async fn current_postgres(db: &mut PgConnection) -> Result<(), LogError> {
    check(&in_database(db).await?, POSTGRES, false)
}

/// What was applied to a file.
async fn in_file(db: &mut SqliteConnection) -> Result<Vec<Applied>, sqlx::Error> {
    let table = "select count(*) from sqlite_schema where type = 'table' and name = 'log_migrations'";
    let exists: i64 = sqlx::query_scalar(table).fetch_one(&mut *db).await?;
    if exists == 0 { Ok(Vec::new()) } else { sqlx::query_as(APPLIED).fetch_all(db).await }
}

/// What was applied to a database.
async fn in_database(db: &mut PgConnection) -> Result<Vec<Applied>, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("select to_regclass('log_migrations') is not null").fetch_one(&mut *db).await?;
    if exists { sqlx::query_as(APPLIED).fetch_all(db).await } else { Ok(Vec::new()) }
}

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
/// When the database cannot be read; [`LogError::Altered`] when it is none of this program's schemas.
pub async fn schema_status(url: &StoreUrl) -> Result<SchemaStatus, LogError> {
    let (applied, steps) = match url {
        StoreUrl::Sqlite(folder) => (in_folder(folder).await?, SQLITE),
        StoreUrl::Postgres(address) => {
            let mut db = PgConnection::connect_with(&PgConnectOptions::from_str(address)?).await?;
            (in_database(&mut db).await?, POSTGRES)
        }
    };
    let (found, known) = (reached(&applied, steps)?, newest(steps));
    let missing = steps.iter().filter(|step| step.0 > found).map(|step| step.1).collect();
    Ok(SchemaStatus { found, known, missing })
}

/// What was applied to a folder's log.
async fn in_folder(folder: &Path) -> Result<Vec<Applied>, LogError> {
    let file = folder.join(LOG_FILE);
    if !tokio::fs::try_exists(&file).await.map_err(|e| LogError::Folder(Arc::new(e)))? {
        return Ok(Vec::new());
    }
    let mut db = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file).read_only(true)).await?;
    Ok(in_file(&mut db).await?)
}

/// The refusal of a file that is not there and not to be made.
pub(crate) fn nothing_there() -> LogError {
    LogError::Outdated { found: 0, known: newest(SQLITE) }
}

fn newest(steps: &[Step]) -> i64 {
    steps.last().map_or(0, |step| step.0)
}

fn migration(&(version, name, sql): &Step) -> Migration {
    Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
}

/// The version of a schema; 0 when there is none. Beyond what this program knows nothing can be said of it but that. Up to there, what
/// was applied must be this program's own migrations, in order and to the letter: a name and a number do not make a schema.
fn reached(applied: &[Applied], steps: &[Step]) -> Result<i64, LogError> {
    let found = applied.last().map_or(0, |last| last.0);
    if found > newest(steps) {
        return Ok(found);
    }
    let mut own = steps.iter();
    for (version, checksum) in applied {
        let same = own.next().map(migration).is_some_and(|step| step.version == *version && step.checksum[..] == checksum[..]);
        if !same {
            return Err(LogError::Altered { version: *version });
        }
    }
    Ok(found)
}

fn check(applied: &[Applied], steps: &[Step], migrate: bool) -> Result<(), LogError> {
    let (found, known) = (reached(applied, steps)?, newest(steps));
    match found {
        _ if found > known => Err(LogError::Newer { found, known }),
        _ if found < known && !migrate => Err(LogError::Outdated { found, known }),
        _ => Ok(()),
    }
}

async fn run<C: Migrate>(steps: &[Step], db: &mut C) -> Result<(), LogError> {
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

    fn applied(steps: &[Step]) -> Vec<Applied> {
        steps.iter().map(migration).map(|step| (step.version, step.checksum.into_owned())).collect()
    }

    #[test]
    fn a_newer_schema_is_refused_and_an_older_one_only_migrated() {
        let known = newest(SQLITE);
        let newer = [applied(SQLITE), vec![(known + 1, vec![1])]].concat();
        assert!(matches!(check(&newer, SQLITE, true), Err(LogError::Newer { found, known: k }) if (found, k) == (known + 1, known)));
        let older = applied(&SQLITE[..1]);
        assert!(matches!(check(&older, SQLITE, false), Err(LogError::Outdated { found: 1, known: k }) if k == known));
        assert!(matches!(check(&[], SQLITE, false), Err(LogError::Outdated { found: 0, .. })));
        assert!(check(&older, SQLITE, true).is_ok() && check(&applied(SQLITE), SQLITE, false).is_ok());
    }

    #[test]
    fn other_migrations_than_this_programs_are_refused() {
        let refused = |applied: &[Applied], at: i64| {
            for migrate in [true, false] {
                assert!(matches!(check(applied, POSTGRES, migrate), Err(LogError::Altered { version }) if version == at), "{at}");
            }
        };
        let mut other = applied(POSTGRES);
        other[1].1[0] ^= 1;
        refused(&other, POSTGRES[1].0);
        // One is missing between two, or is in between.
        let mut gap = applied(POSTGRES);
        gap.remove(2);
        refused(&gap, POSTGRES[3].0);
        let mut more = applied(POSTGRES);
        more.insert(4, (7, vec![1]));
        refused(&more, 7);
        refused(&applied(SQLITE), 1);
    }
}
