//! A PostgreSQL database for one test.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

const NO_SERVER: &str = "the server variant needs DAYBOOK_TEST_DATABASE_URL, the address of a server on which databases may be \
     created; scripts/test starts one and sets it";

/// A database of its own; dropped with this.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Creates one.
    ///
    /// # Panics
    /// When the server is not there or does not allow it.
    #[must_use]
    pub fn create() -> Self {
        let server = std::env::var("DAYBOOK_TEST_DATABASE_URL").expect(NO_SERVER);
        let name = format!("scenario_{}", Uuid::now_v7().simple());
        on_server(&server, format!("create database {name}")).expect(NO_SERVER);
        Self { server, name }
    }

    /// Its address.
    ///
    /// # Panics
    /// When the server's address names no database.
    #[must_use]
    pub fn url(&self) -> String {
        self.on(&self.server)
    }

    /// Its address past the proxy, where the tests go through one.
    ///
    /// # Panics
    /// When the server's address names no database.
    #[must_use]
    pub fn listen_url(&self) -> Option<String> {
        std::env::var("DAYBOOK_TEST_LISTEN_DATABASE_URL").ok().map(|server| self.on(&server))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn on(&self, server: &str) -> String {
        let (base, query) = server.split_once('?').map_or((server, String::new()), |(b, q)| (b, format!("?{q}")));
        let (host, _) = base.rsplit_once('/').expect("the address ends with a database");
        format!("{host}/{}{query}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Best effort: a database that stays behind harms no other test.
        let _ = on_server(&self.server, format!("drop database {} with (force)", self.name));
    }
}

fn on_server(url: &str, sql: String) -> Result<(), sqlx::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut server = PgConnection::connect(url).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut server).await?;
        server.close().await
    })
}
