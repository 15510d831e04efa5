//! Fresh books to break: a folder or a database each.

use std::path::PathBuf;

use daybook_eventlog::{Config, KeySource, Log, LogError, StoreUrl};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::sync::{RwLock, RwLockWriteGuard};
use uuid::Uuid;

const NO_SERVER: &str = "the PostgreSQL half of the fault suite needs DAYBOOK_TEST_DATABASE_URL, the address of a server on which \
     databases may be created; scripts/test starts one and sets it";

/// A book under test.
#[derive(Clone)]
pub struct Book {
    pub url: StoreUrl,
}

/// The named places are of the whole process: whoever sets one is alone in it.
static PLACES: RwLock<()> = RwLock::const_new(());

/// Sets named places; nobody else runs meanwhile. All are clear when it is dropped.
pub struct Alone {
    _scenario: fail::FailScenario<'static>,
    _guard: RwLockWriteGuard<'static, ()>,
}

pub async fn alone() -> Alone {
    let guard = PLACES.write().await;
    Alone { _scenario: fail::FailScenario::setup(), _guard: guard }
}

/// Runs a check while nobody sets named places.
pub async fn undisturbed(check: impl Future<Output = ()>) {
    let _guard = PLACES.read().await;
    check.await;
}

/// Runs a check on a fresh SQLite book.
pub async fn on_sqlite(check: impl AsyncFnOnce(&Book)) {
    undisturbed(alone_on_sqlite(check)).await;
}

/// Runs a check on a fresh database of the shared server.
pub async fn on_postgres(check: impl AsyncFnOnce(&Book)) {
    undisturbed(alone_on_postgres(check)).await;
}

/// The same for whoever is alone.
pub async fn alone_on_sqlite(check: impl AsyncFnOnce(&Book)) {
    let folder = temporary("daybook-faults");
    check(&Book { url: StoreUrl::Sqlite(folder.clone()) }).await;
    std::fs::remove_dir_all(folder).unwrap();
}

/// The same for whoever is alone.
pub async fn alone_on_postgres(check: impl AsyncFnOnce(&Book)) {
    let server = std::env::var("DAYBOOK_TEST_DATABASE_URL").expect(NO_SERVER);
    let name = format!("faults_{}", Uuid::now_v7().simple());
    let (base, query) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = base.rsplit_once('/').expect("the address ends with a database");
    on_server(&server, format!("create database {name}")).await;
    check(&Book { url: StoreUrl::Postgres(format!("{host}/{name}?{query}")) }).await;
    on_server(&server, format!("drop database {name} with (force)")).await;
}

async fn on_server(url: &str, sql: String) {
    let mut server = PgConnection::connect(url).await.expect(NO_SERVER);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut server).await.unwrap();
}

/// A name in the folder for temporary files that nobody else has.
pub fn temporary(prefix: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{prefix}-{}", Uuid::now_v7().simple()))
}

impl Book {
    /// A book at an address.
    pub fn at(address: &str) -> Self {
        Self { url: address.parse().unwrap() }
    }

    /// Opens the log of the book; every call is another node.
    pub async fn open(&self) -> Log {
        self.try_open().await.unwrap()
    }

    pub async fn try_open(&self) -> Result<Log, LogError> {
        Log::open(Config { url: self.url.clone(), secret: [9; 32], migrate: true, keys: KeySource::Absent }).await
    }

    /// The address, in the form that `StoreUrl` reads.
    pub fn address(&self) -> String {
        match &self.url {
            StoreUrl::Sqlite(folder) => format!("sqlite://{}", folder.display()),
            StoreUrl::Postgres(url) => url.clone(),
        }
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.url, StoreUrl::Postgres(_))
    }

    /// A connection of its own, past the log.
    pub async fn raw(&self) -> Raw {
        match &self.url {
            StoreUrl::Sqlite(_) => {
                let file = self.url.log_file().unwrap();
                Raw::Sqlite(SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap())
            }
            StoreUrl::Postgres(url) => Raw::Postgres(PgConnection::connect(url).await.unwrap()),
        }
    }
}

/// A bare connection to a book's database.
pub enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub async fn run(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(db) => sqlx::raw_sql(sql).execute(db).await.map(|_| ()),
            Self::Postgres(db) => sqlx::raw_sql(sql).execute(db).await.map(|_| ()),
        }
        .unwrap();
    }

    pub async fn rows<T>(&mut self, sql: &str) -> Vec<T>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(db) => sqlx::query_as(sql).fetch_all(db).await,
            Self::Postgres(db) => sqlx::query_as(sql).fetch_all(db).await,
        }
        .unwrap()
    }
}
