//! Who may do what in PostgreSQL: the owner's role migrates, the application's role has what it needs and no more
//! (ledger-and-audit, section 3). The triggers hold for both.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::config::StoreUrl;
use crate::error::LogError;
use crate::migrations;
use crate::store::{Postgres, Sqlite, Store};

/// Tables of the log and the application's rights to them; all others hold working state, see [`WORKING`].
const RIGHTS: [(&str, &str); 8] = [
    ("events", "select, insert"),
    ("receipts", "select, insert"),
    ("event_types", "select, insert"),
    ("log_head", "select, update"),
    ("log_migrations", "select"),
    ("signed_heads", "select, insert"),
    ("tree_tiles", "select, insert"),
    ("tree_keys", "select, insert"),
];

/// Rights to working state: vault, keys of persons, caches, checkpoints, timers, effects, leases.
const WORKING: &str = "select, insert, update, delete";

/// Brings a book's schema up to date: SQLite's file as itself, PostgreSQL as the owner if there is one; the application's role is then
/// given its rights, and loses all others. Where both are one role there is nothing to give: it owns everything.
///
/// # Errors
/// When a store cannot be reached or is newer than this program, or when the owner's address is of another database or store.
pub async fn migrate(url: &StoreUrl, owner: Option<&StoreUrl>) -> Result<(), LogError> {
    match (url, owner) {
        (StoreUrl::Sqlite(_), Some(_)) => Err(LogError::Owner("a folder has no owner's address; leave it out")),
        (StoreUrl::Postgres(_), Some(StoreUrl::Sqlite(_))) => Err(LogError::Owner("the owner's address is of another store")),
        (StoreUrl::Postgres(app), Some(StoreUrl::Postgres(owner))) => migrate_as(owner, app).await,
        (url, None) => {
            let store = match url {
                StoreUrl::Sqlite(folder) => Store::Sqlite(Sqlite::open(folder, true).await?),
                StoreUrl::Postgres(url) => Store::Postgres(Postgres::open(url, true, false).await?),
            };
            store.close().await;
            Ok(())
        }
    }
}

async fn migrate_as(owner: &str, app: &str) -> Result<(), LogError> {
    let (owner, app) = (PgConnectOptions::from_str(owner)?, PgConnectOptions::from_str(app)?);
    if owner.get_database() != app.get_database() {
        return Err(LogError::Owner("the owner's address names another database"));
    }
    let mut db = PgConnection::connect_with(&owner.application_name("daybook-migrate")).await?;
    migrations::postgres(&mut db, true).await?;
    grant(&mut db, app.get_username()).await?;
    Ok(db.close().await?)
}

/// Rights of the application's role, all at once.
async fn grant(db: &mut PgConnection, app: &str) -> Result<(), LogError> {
    let (owner, schema): (String, String) = sqlx::query_as("select current_user::text, current_schema()::text").fetch_one(&mut *db).await?;
    if owner == app {
        return Ok(());
    }
    let tables: Vec<String> =
        sqlx::query_scalar("select tablename::text from pg_tables where schemaname = $1").bind(&schema).fetch_all(&mut *db).await?;
    let (app, schema) = (quoted(app), quoted(&schema));
    let mut rights = format!("grant usage on schema {schema} to {app};");
    for table in tables {
        let allowed = RIGHTS.iter().find(|(name, _)| *name == table).map_or(WORKING, |(_, rights)| rights);
        let table = format!("{schema}.{}", quoted(&table));
        rights.push_str(&format!("revoke all on {table} from {app}; grant {allowed} on {table} to {app};"));
    }
    // The read models' own schema: the tables in it are the application's.
    rights.push_str(&format!("create schema if not exists views; grant usage, create on schema views to {app};"));
    let mut transaction = db.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(rights)).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// A name as a statement writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name() {
        assert_eq!(quoted("app"), "\"app\"");
        assert_eq!(quoted("a\"; drop table events; --"), "\"a\"\"; drop table events; --\"");
    }

    #[tokio::test]
    async fn addresses_that_do_not_belong_together_are_refused() {
        let (folder, a, b) = (StoreUrl::Sqlite("x".into()), "postgres://u@h/a", "postgres://o@h/b");
        let (a, b) = (StoreUrl::Postgres(a.into()), StoreUrl::Postgres(b.into()));
        for (url, owner) in [(&folder, &a), (&a, &folder), (&a, &b)] {
            assert!(matches!(migrate(url, Some(owner)).await, Err(LogError::Owner(_))));
        }
    }
}
