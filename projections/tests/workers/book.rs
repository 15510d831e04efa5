//! A fresh database for one check.

use std::path::PathBuf;

use eventlog::{Config, KeySource, Log, StoreUrl};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::worker::URL;

const NO_SERVER: &str = "DAYBOOK_TEST_DATABASE_URL, the address of a server on which databases may be created; scripts/test sets it";

/// A book under test.
pub struct Book {
    pub url: StoreUrl,
}

/// A folder of one's own.
pub fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{name}-{}", Uuid::now_v7().simple()))
}

impl Book {
    /// A fresh database on the server under test.
    pub async fn on_server() -> Self {
        let server = std::env::var("DAYBOOK_TEST_DATABASE_URL").expect(NO_SERVER);
        let name = format!("workers_{}", Uuid::now_v7().simple());
        let (base, query) = server.split_once('?').unwrap_or((&server, ""));
        let (host, _) = base.rsplit_once('/').expect("the address ends with a database");
        on(&server, format!("create database {name}")).await;
        Self { url: StoreUrl::Postgres(format!("{host}/{name}?{query}")) }
    }

    /// The book that the parent process works at.
    pub fn of_parent() -> Option<Self> {
        Some(Self { url: StoreUrl::Postgres(std::env::var(URL).ok()?) })
    }

    pub fn address(&self) -> &str {
        match &self.url {
            StoreUrl::Postgres(url) => url,
            StoreUrl::Sqlite(_) => panic!("workers of several processes are PostgreSQL's matter"),
        }
    }

    pub async fn log(&self) -> Log {
        Log::open(Config { url: self.url.clone(), secret: [9; 32], migrate: true, keys: KeySource::Absent }).await.unwrap()
    }

    /// Removes the database.
    pub async fn drop(self) {
        let server = std::env::var("DAYBOOK_TEST_DATABASE_URL").expect(NO_SERVER);
        let (base, _) = self.address().split_once('?').unwrap_or((self.address(), ""));
        let (_, name) = base.rsplit_once('/').expect("the address ends with a database");
        on(&server, format!("drop database {name} with (force)")).await;
    }
}

async fn on(server: &str, sql: String) {
    let mut server = PgConnection::connect(server).await.expect(NO_SERVER);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut server).await.unwrap();
}
