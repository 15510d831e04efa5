//! A fresh book for one check: a folder of its own, or a database of its own.

use daybook_projections::views::Views;
use eventlog::{Config, KeySource, Log, StoreUrl};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::toy::{self, Toy};

const NO_SERVER: &str = "the PostgreSQL half of the conformance suite needs DAYBOOK_TEST_DATABASE_URL, the address of a server on which \
     databases may be created; scripts/test starts one and sets it";

/// A book under test.
pub struct Book {
    pub url: StoreUrl,
    pub log: Log,
}

/// Runs a check on a fresh SQLite book.
pub async fn on_sqlite(check: impl AsyncFnOnce(&Book)) {
    let folder = std::env::temp_dir().join(format!("daybook-views-{}", Uuid::now_v7()));
    let url = StoreUrl::Sqlite(folder.clone());
    let book = Book { log: open(&url).await, url };
    check(&book).await;
    book.log.close().await;
    std::fs::remove_dir_all(folder).unwrap();
}

/// Runs a check on a fresh PostgreSQL database.
pub async fn on_postgres(check: impl AsyncFnOnce(&Book)) {
    let server = std::env::var("DAYBOOK_TEST_DATABASE_URL").expect(NO_SERVER);
    let name = format!("views_{}", Uuid::now_v7().simple());
    let (base, query) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = base.rsplit_once('/').expect("the address ends with a database");
    on_server(&server, format!("create database {name}")).await;
    let url = StoreUrl::Postgres(format!("{host}/{name}?{query}"));
    let book = Book { log: open(&url).await, url };
    check(&book).await;
    book.log.close().await;
    on_server(&server, format!("drop database {name} with (force)")).await;
}

async fn on_server(url: &str, sql: String) {
    let mut server = PgConnection::connect(url).await.expect(NO_SERVER);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut server).await.unwrap();
}

async fn open(url: &StoreUrl) -> Log {
    let config = Config { url: url.clone(), secret: [9; 32], migrate: true, keys: KeySource::beside(url) };
    Log::open_listening(config, past_the_proxy(url)).await.unwrap()
}

/// The same database past the proxy, where the tests go through one (tests/pooling/run).
fn past_the_proxy(url: &StoreUrl) -> Option<String> {
    let StoreUrl::Postgres(url) = url else { return None };
    let direct = std::env::var("DAYBOOK_TEST_LISTEN_DATABASE_URL").ok()?;
    let name = url.split('?').next()?.rsplit_once('/')?.1;
    Some(format!("{}/{name}", direct.split('?').next()?.rsplit_once('/')?.0))
}

impl Book {
    /// Another node's log of the same book: it remembers nothing.
    pub async fn another(&self) -> Log {
        open(&self.url).await
    }

    /// Opens the read side; every call is another process.
    pub async fn views(&self) -> Views<Toy> {
        Views::open(self.log.clone(), toy::decode).await.unwrap()
    }

    /// A statement past the runtime, in the database of the read models.
    pub async fn sql(&self, sqlite: &str, postgres: &str) {
        match self.raw("views.db").await {
            Raw::Sqlite(mut db) => drop(sqlx::raw_sql(AssertSqlSafe(sqlite.to_owned())).execute(&mut db).await.unwrap()),
            Raw::Postgres(mut db) => drop(sqlx::raw_sql(AssertSqlSafe(postgres.to_owned())).execute(&mut db).await.unwrap()),
        }
    }

    /// A number past the runtime.
    pub async fn number(&self, sqlite: &str, postgres: &str) -> i64 {
        match self.raw("views.db").await {
            Raw::Sqlite(mut db) => sqlx::query_scalar(AssertSqlSafe(sqlite.to_owned())).fetch_one(&mut db).await.unwrap(),
            Raw::Postgres(mut db) => sqlx::query_scalar(AssertSqlSafe(postgres.to_owned())).fetch_one(&mut db).await.unwrap(),
        }
    }

    /// Texts and numbers past the runtime.
    pub async fn pairs(&self, sqlite: &str, postgres: &str) -> Vec<(String, i64)> {
        match self.raw("views.db").await {
            Raw::Sqlite(mut db) => sqlx::query_as(AssertSqlSafe(sqlite.to_owned())).fetch_all(&mut db).await.unwrap(),
            Raw::Postgres(mut db) => sqlx::query_as(AssertSqlSafe(postgres.to_owned())).fetch_all(&mut db).await.unwrap(),
        }
    }

    /// A statement past the runtime, in the log's database.
    pub async fn log_sql(&self, sql: &'static str) {
        match self.raw("log.db").await {
            Raw::Sqlite(mut db) => drop(sqlx::raw_sql(sql).execute(&mut db).await.unwrap()),
            Raw::Postgres(mut db) => drop(sqlx::raw_sql(sql).execute(&mut db).await.unwrap()),
        }
    }

    async fn raw(&self, file: &str) -> Raw {
        match &self.url {
            StoreUrl::Sqlite(folder) => {
                Raw::Sqlite(SqliteConnection::connect(&format!("sqlite://{}/{file}", folder.display())).await.unwrap())
            }
            StoreUrl::Postgres(url) => Raw::Postgres(PgConnection::connect(url).await.unwrap()),
        }
    }
}

enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}
