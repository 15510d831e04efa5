//! A fresh book for one check: a folder of its own, or a database of its own.

use std::path::PathBuf;

use daybook_eventlog::{Config, KeySource, Log, LogError, StoreUrl};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

const NO_SERVER: &str = "the PostgreSQL half of the conformance suite needs DAYBOOK_TEST_DATABASE_URL, the address of a server on which \
     databases may be created; scripts/test starts one and sets it";

/// A book under test.
pub struct Book {
    url: StoreUrl,
    keys: PathBuf,
}

/// Runs a check on a fresh SQLite book.
pub async fn on_sqlite(check: impl AsyncFnOnce(&Book)) {
    let folder = std::env::temp_dir().join(format!("daybook-log-{}", Uuid::now_v7()));
    check(&Book { url: StoreUrl::Sqlite(folder.clone()), keys: folder.join("keys") }).await;
    std::fs::remove_dir_all(folder).unwrap();
}

/// Runs a check on a fresh PostgreSQL database.
pub async fn on_postgres(check: impl AsyncFnOnce(&Book)) {
    let server = server();
    let name = format!("log_{}", Uuid::now_v7().simple());
    let (base, query) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = base.rsplit_once('/').expect("the address ends with a database");
    on_server(&server, format!("create database {name}")).await;
    let keys = std::env::temp_dir().join(format!("daybook-keys-{name}"));
    check(&Book { url: StoreUrl::Postgres(format!("{host}/{name}?{query}")), keys: keys.clone() }).await;
    // Only litter is left behind when it fails.
    std::fs::remove_dir_all(keys).ok();
    on_server(&server, format!("drop database {name} with (force)")).await;
}

fn server() -> String {
    std::env::var("DAYBOOK_TEST_DATABASE_URL").expect(NO_SERVER)
}

/// The name of the database in an address.
fn database(url: &str) -> &str {
    url.split('?').next().and_then(|base| base.rsplit('/').next()).unwrap()
}

async fn on_server(url: &str, sql: String) {
    let mut server = PgConnection::connect(url).await.expect(NO_SERVER);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut server).await.unwrap();
}

impl Book {
    /// Keeps a backup of the whole database; nobody may have it open.
    pub async fn back_up(&self) {
        match &self.url {
            StoreUrl::Sqlite(_) => {
                std::fs::copy(self.file(), self.file().with_extension("backup")).unwrap();
            }
            StoreUrl::Postgres(url) => {
                let name = database(url);
                on_server(&server(), format!("create database {name}_backup template {name}")).await;
            }
        }
    }

    /// Puts the backup in the database's place.
    pub async fn restore(&self) {
        match &self.url {
            StoreUrl::Sqlite(_) => {
                for rest in ["log.db-wal", "log.db-shm"] {
                    std::fs::remove_file(self.file().with_file_name(rest)).ok();
                }
                std::fs::copy(self.file().with_extension("backup"), self.file()).unwrap();
            }
            StoreUrl::Postgres(url) => {
                let name = database(url);
                on_server(&server(), format!("drop database {name} with (force)")).await;
                on_server(&server(), format!("create database {name} template {name}_backup")).await;
                on_server(&server(), format!("drop database {name}_backup")).await;
            }
        }
    }

    /// Opens the log of the book; every call is another node.
    pub async fn open(&self) -> Log {
        self.try_open(true).await.unwrap()
    }

    /// Opens the log of the book.
    pub async fn try_open(&self, migrate: bool) -> Result<Log, LogError> {
        Log::open(Config { url: self.url.clone(), secret: [9; 32], migrate, keys: KeySource::Folder(self.keys.clone()) }).await
    }

    /// The address, in the form that `StoreUrl` reads.
    pub fn address(&self) -> String {
        match &self.url {
            StoreUrl::Sqlite(folder) => format!("sqlite://{}", folder.display()),
            StoreUrl::Postgres(url) => url.clone(),
        }
    }

    /// Is the book kept by PostgreSQL?
    pub fn is_postgres(&self) -> bool {
        matches!(self.url, StoreUrl::Postgres(_))
    }

    /// A connection of its own, past the log.
    pub async fn raw(&self) -> Raw {
        match &self.url {
            StoreUrl::Sqlite(_) => Raw::Sqlite(SqliteConnection::connect(&format!("sqlite://{}", self.file().display())).await.unwrap()),
            StoreUrl::Postgres(url) => Raw::Postgres(PgConnection::connect(url).await.unwrap()),
        }
    }

    /// The log's file, on SQLite.
    pub fn file(&self) -> PathBuf {
        self.url.log_file().unwrap()
    }
}

/// A bare connection to a book's database.
pub enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(db) => sqlx::raw_sql(sql).execute(db).await.map(|_| ()),
            Self::Postgres(db) => sqlx::raw_sql(sql).execute(db).await.map(|_| ()),
        }
    }

    /// A connection to PostgreSQL under any address.
    pub async fn connect(url: &str) -> Self {
        Self::Postgres(PgConnection::connect(url).await.unwrap())
    }

    /// Closes the connection, which brings SQLite's file up to date.
    pub async fn close(self) {
        match self {
            Self::Sqlite(db) => db.close().await.unwrap(),
            Self::Postgres(db) => db.close().await.unwrap(),
        }
    }

    /// The texts that a query yields.
    pub async fn texts(&mut self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(db) => sqlx::query_scalar(sql).fetch_all(db).await.unwrap(),
            Self::Postgres(db) => sqlx::query_scalar(sql).fetch_all(db).await.unwrap(),
        }
    }

    /// Takes the log's head, so that every append waits until [`Raw::run`] of `commit`.
    pub async fn hold_head(&mut self) {
        let sql = match self {
            Self::Sqlite(_) => "begin immediate",
            Self::Postgres(_) => "begin; select 1 from log_head for update",
        };
        self.run(sql).await.unwrap();
    }
}
