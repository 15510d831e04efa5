//! The rows of a SQLite log, through `insert … values (…), (…)` with 256 rows.

use std::path::Path;
use std::time::Instant;

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Row, Sqlite, SqliteConnection, TypeInfo, ValueRef};

use super::{Meter, ROWS, share};
use crate::clients::Measured;
use crate::error::Failure;
use crate::place::log_file;

/// A value as SQLite keeps it.
enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A table whose rows are copied.
struct Table {
    name: String,
    columns: String,
    width: usize,
    rows: u64,
}

/// A table on its way: its rows, and how many of them are due by now.
struct Flow<'a> {
    table: &'a Table,
    rows: BoxStream<'a, Result<SqliteRow, sqlx::Error>>,
    due: f64,
}

pub(super) async fn copy(from: &Path, to: &Path) -> Result<Measured, Failure> {
    let options = SqliteConnectOptions::new().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    // As the log's own writer.
    let options = options.pragma("cache_size", "-32768").pragma("wal_autocheckpoint", "16384");
    let reading = SqliteConnectOptions::new().filename(log_file(from));
    let mut target = SqliteConnection::connect_with(&options.filename(log_file(to))).await?;
    let mut source = SqliteConnection::connect_with(&reading).await?;
    let (mut events, mut others) = (None, Vec::new());
    for name in tables(&mut target).await? {
        let table = Table::read(&mut source, name).await?;
        match table.name.as_str() {
            "events" => events = Some(table),
            _ if table.rows > 0 => others.push(table),
            _ => {}
        }
    }
    let Some(events) = events else { return Err(Failure::Wrong("the log has no table of events".into())) };
    let mut readers = Vec::new();
    for _ in 0..=others.len() {
        readers.push(SqliteConnection::connect_with(&reading).await?);
    }
    let mut flows: Vec<_> = std::iter::once(&events).chain(&others).zip(&mut readers).map(|(table, db)| Flow::start(table, db)).collect();
    let mut meter = Meter::new(events.rows);
    loop {
        let mut chunks = Vec::with_capacity(flows.len());
        for flow in &mut flows {
            chunks.push((flow.table, flow.take(events.rows).await?));
        }
        let written = chunks[0].1.len() as u64;
        if written == 0 {
            return Ok(meter.measured);
        }
        let began = Instant::now();
        let mut db = target.begin_with("begin immediate").await?;
        for (table, mut rows) in chunks {
            while !rows.is_empty() {
                let rest = rows.split_off(rows.len().min(ROWS));
                table.insert(&mut db, rows).await?;
                rows = rest;
            }
        }
        db.commit().await?;
        meter.chunk(written, began);
    }
}

/// Tables that are empty in a fresh log; those with rows of their own describe the schema.
async fn tables(db: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let sql = "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name";
    let names: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *db).await?;
    let mut empty = Vec::new();
    for name in names {
        let any: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select exists (select 1 from {name})"))).fetch_one(&mut *db).await?;
        if any == 0 {
            empty.push(name);
        }
    }
    Ok(empty)
}

impl Table {
    async fn read(db: &mut SqliteConnection, name: String) -> Result<Self, sqlx::Error> {
        // Generated columns are not in this list.
        let columns: Vec<String> = sqlx::query_scalar("select name from pragma_table_info($1)").bind(&name).fetch_all(&mut *db).await?;
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {name}"))).fetch_one(db).await?;
        Ok(Self { name, width: columns.len(), columns: columns.join(", "), rows: rows.unsigned_abs() })
    }

    async fn insert(&self, db: &mut SqliteConnection, rows: Vec<Vec<Value>>) -> Result<(), sqlx::Error> {
        let row = format!("({})", vec!["?"; self.width].join(","));
        let sql = format!("insert into {} ({}) values {}", self.name, self.columns, vec![row; rows.len()].join(","));
        let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(sql));
        for value in rows.into_iter().flatten() {
            query = bind(query, value);
        }
        query.execute(db).await?;
        Ok(())
    }
}

fn bind(query: sqlx::query::Query<'_, Sqlite, SqliteArguments>, value: Value) -> sqlx::query::Query<'_, Sqlite, SqliteArguments> {
    match value {
        Value::Null => query.bind(None::<i64>),
        Value::Integer(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    }
}

/// The row's values, out of the row: a row holds on to its statement.
fn values(row: &SqliteRow) -> Result<Vec<Value>, sqlx::Error> {
    (0..row.len())
        .map(|index| {
            let value = row.try_get_raw(index)?;
            if value.is_null() {
                return Ok(Value::Null);
            }
            match value.type_info().name() {
                "INTEGER" => row.try_get_unchecked(index).map(Value::Integer),
                "TEXT" => row.try_get_unchecked(index).map(Value::Text),
                _ => row.try_get_unchecked(index).map(Value::Bytes),
            }
        })
        .collect()
}

impl<'a> Flow<'a> {
    fn start(table: &'a Table, db: &'a mut SqliteConnection) -> Self {
        let select = format!("select {} from {}", table.columns, table.name);
        Self { table, rows: sqlx::query(AssertSqlSafe(select)).fetch(db), due: 0.0 }
    }

    /// The next rows, as many as belong to a chunk of events.
    async fn take(&mut self, events: u64) -> Result<Vec<Vec<Value>>, Failure> {
        self.due += share(self.table.rows, events);
        let mut rows = Vec::new();
        while self.due >= 1.0 {
            self.due -= 1.0;
            match self.rows.try_next().await? {
                Some(row) => rows.push(values(&row)?),
                None => break,
            }
        }
        Ok(rows)
    }
}
