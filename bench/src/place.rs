//! Fresh databases and folders on the server under test, made and removed by the bench.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use eventlog::{Config, KeySource, Log, StoreUrl};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::error::Failure;

/// The secret of every book of the bench: its bytes differ, so that `daybook serve` takes it as one.
pub const SECRET: [u8; 32] = *b"the bench's secret of 32 letters";

/// The server, or the folder, that all contestants share.
pub struct Server {
    address: StoreUrl,
    made: Mutex<Vec<Place>>,
}

/// A database or folder of one contestant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A database by its address and name.
    Postgres {
        /// Its address.
        url: String,
        /// Its name.
        name: String,
        /// A folder for the keys of personal data.
        keys: PathBuf,
    },
    /// A folder; the keys of personal data are a folder in it.
    Sqlite(PathBuf),
}

/// A bare connection to a place.
pub enum Raw {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a database.
    Postgres(PgConnection),
}

impl Server {
    /// Takes `postgres://USER@HOST/DATABASE` or `sqlite://FOLDER`.
    pub fn new(url: &str) -> Result<Self, Failure> {
        let address = url.parse().map_err(|e: eventlog::InvalidUrl| Failure::Usage(e.to_string()))?;
        Ok(Self { address, made: Mutex::default() })
    }

    /// Is it PostgreSQL?
    pub fn is_postgres(&self) -> bool {
        matches!(self.address, StoreUrl::Postgres(_))
    }

    /// A fresh, empty place, which [`Server::clean_up`] removes.
    pub async fn fresh(&self) -> Result<Place, Failure> {
        let name = format!("bench_{}", Uuid::now_v7().simple());
        let place = match &self.address {
            StoreUrl::Sqlite(folder) => {
                let folder = folder.join(&name);
                std::fs::create_dir_all(&folder)?;
                Place::Sqlite(folder)
            }
            StoreUrl::Postgres(server) => {
                let (base, query) = server.split_once('?').unwrap_or((server, ""));
                let (host, _) = base.rsplit_once('/').ok_or_else(|| Failure::Usage("the address ends with a database".into()))?;
                run(&mut PgConnection::connect(server).await?, format!("create database {name}")).await?;
                let keys = std::env::temp_dir().join(&name);
                Place::Postgres { url: format!("{host}/{name}?{query}"), name, keys }
            }
        };
        self.made().push(place.clone());
        Ok(place)
    }

    /// Removes every place that was made, then lets the server write down what it has in memory: the next contestant
    /// must not pay for this one.
    pub async fn clean_up(&self) -> Result<(), Failure> {
        let made = std::mem::take(&mut *self.made());
        for place in &made {
            match (place, &self.address) {
                (Place::Sqlite(folder), _) => std::fs::remove_dir_all(folder)?,
                (Place::Postgres { name, keys, .. }, StoreUrl::Postgres(server)) => {
                    run(&mut PgConnection::connect(server).await?, format!("drop database {name} with (force)")).await?;
                    // Only a log makes it: the peer has none.
                    if keys.exists() {
                        std::fs::remove_dir_all(keys)?;
                    }
                }
                (Place::Postgres { .. }, StoreUrl::Sqlite(_)) => {}
            }
        }
        self.settle().await
    }

    /// A checkpoint between two contestants. A user who may not ask for one goes without.
    pub async fn settle(&self) -> Result<(), Failure> {
        if let StoreUrl::Postgres(server) = &self.address {
            let mut connection = PgConnection::connect(server).await?;
            if let Err(error) = run(&mut connection, "checkpoint".to_owned()).await {
                eprintln!("no checkpoint between contestants: {error}");
            }
        }
        Ok(())
    }

    /// Version and durability settings of the server.
    pub async fn settings(&self) -> Result<Vec<(String, String)>, Failure> {
        match &self.address {
            StoreUrl::Sqlite(_) => {
                let mut file = SqliteConnection::connect("sqlite::memory:").await?;
                let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(&mut file).await?;
                Ok(vec![("server".into(), format!("SQLite {version}")), ("fsync".into(), "on (WAL, synchronous=FULL)".into())])
            }
            StoreUrl::Postgres(server) => {
                let mut server = PgConnection::connect(server).await?;
                let mut found = Vec::new();
                for name in ["server_version", "fsync", "synchronous_commit", "shared_buffers", "max_wal_size"] {
                    let value: String = sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(&mut server).await?;
                    let name = if name == "server_version" { "server" } else { name };
                    let value = if name == "server" { format!("PostgreSQL {value}") } else { value };
                    found.push((name.to_owned(), value));
                }
                Ok(found)
            }
        }
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Vec<Place>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The log of this place, with its schema.
    pub async fn log(&self) -> Result<Log, Failure> {
        Ok(Log::open(self.config()).await?)
    }

    /// How the log of this place is opened.
    pub fn config(&self) -> Config {
        match self {
            Self::Sqlite(folder) => config(StoreUrl::Sqlite(folder.clone()), folder.join("keys")),
            Self::Postgres { url, keys, .. } => config(StoreUrl::Postgres(url.clone()), keys.clone()),
        }
    }

    /// A connection past the log.
    pub async fn raw(&self) -> Result<Raw, Failure> {
        match self {
            Self::Sqlite(folder) => {
                let options = SqliteConnectOptions::new().filename(log_file(folder));
                Ok(Raw::Sqlite(SqliteConnection::connect_with(&options).await?))
            }
            Self::Postgres { url, .. } => Ok(Raw::Postgres(PgConnection::connect(url).await?)),
        }
    }

    /// How many events the database holds, whatever the contestant says.
    pub async fn count_events(&self) -> Result<u64, Failure> {
        let sql = "select count(*) from events";
        let count: i64 = match self.raw().await? {
            Raw::Sqlite(mut db) => sqlx::query_scalar(sql).fetch_one(&mut db).await?,
            Raw::Postgres(mut db) => sqlx::query_scalar(sql).fetch_one(&mut db).await?,
        };
        Ok(count.unsigned_abs())
    }
}

/// The file in which a log in this folder is kept.
pub fn log_file(folder: &Path) -> PathBuf {
    StoreUrl::Sqlite(folder.to_owned()).log_file().unwrap_or_else(|| folder.to_owned())
}

/// How the bench opens a log: the one place that names the fields of [`Config`].
fn config(url: StoreUrl, keys: PathBuf) -> Config {
    Config { url, secret: SECRET, migrate: true, keys: KeySource::Folder(keys) }
}

/// Runs a statement of the bench's own making.
pub async fn run(db: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.map(|_| ())
}
