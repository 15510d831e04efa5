//! The rows of a PostgreSQL log, through arrays and `unnest`: the cheapest form of a multi-row insert.

use std::time::Instant;

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Row};
use uuid::Uuid;

use super::{Meter, ROWS, share};
use crate::clients::Measured;
use crate::error::Failure;

/// A column; types that are not named travel as text.
struct Column {
    name: String,
    sql_type: String,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Long,
    Int,
    Uuid,
    Bytes,
    Text,
}

/// A table whose rows are copied.
struct Table {
    columns: Vec<Column>,
    insert: String,
    select: String,
    rows: u64,
}

/// A table on its way: its rows, and how many of them are due by now.
struct Flow<'a> {
    table: &'a Table,
    rows: BoxStream<'a, Result<PgRow, sqlx::Error>>,
    due: f64,
}

pub(super) async fn copy(source: &str, mut target: PgConnection) -> Result<Measured, Failure> {
    let mut from = PgConnection::connect(source).await?;
    let (mut events, mut others) = (None, Vec::new());
    for name in tables(&mut target).await? {
        let table = Table::read(&mut from, &name).await?;
        match name.as_str() {
            "events" => events = Some(table),
            _ if table.rows > 0 => others.push(table),
            _ => {}
        }
    }
    let Some(events) = events else { return Err(Failure::Wrong("the log has no table of events".into())) };
    let mut readers = Vec::new();
    for _ in 0..=others.len() {
        readers.push(PgConnection::connect(source).await?);
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
        let mut db = target.begin().await?;
        for (table, rows) in &chunks {
            for rows in rows.chunks(ROWS) {
                table.insert(rows)?.execute(&mut *db).await?;
            }
        }
        db.commit().await?;
        meter.chunk(written, began);
    }
}

/// Tables that are empty in a fresh log; those with rows of their own describe the schema.
async fn tables(db: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let names: Vec<String> =
        sqlx::query_scalar("select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1")
            .fetch_all(&mut *db)
            .await?;
    let mut empty = Vec::new();
    for name in names {
        let any: bool = sqlx::query_scalar(AssertSqlSafe(format!("select exists (select 1 from {name})"))).fetch_one(&mut *db).await?;
        if !any {
            empty.push(name);
        }
    }
    Ok(empty)
}

impl Table {
    async fn read(db: &mut PgConnection, name: &str) -> Result<Self, sqlx::Error> {
        let sql = "select attname::text, format_type(atttypid, atttypmod) from pg_attribute
                   where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum";
        let found: Vec<(String, String)> = sqlx::query_as(sql).bind(name).fetch_all(&mut *db).await?;
        let columns: Vec<_> = found.into_iter().map(|(name, sql_type)| Column { kind: Kind::of(&sql_type), name, sql_type }).collect();
        let list = |of: &dyn Fn(usize, &Column) -> String| columns.iter().enumerate().map(|(i, c)| of(i, c)).collect::<Vec<_>>().join(", ");
        let (names, values) = (list(&|_, c| c.name.clone()), list(&|i, c| c.parameter(i + 1)));
        let insert = format!("insert into {name} ({names}) overriding system value select * from unnest({values})");
        let select =
            format!("select {} from {name}{}", list(&|_, c| c.selected()), if name == "events" { " order by position" } else { "" });
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {name}"))).fetch_one(db).await?;
        Ok(Self { columns, insert, select, rows: rows.unsigned_abs() })
    }

    /// The statement for these rows; its text is the same for any number of them, so that it stays prepared.
    fn insert(&self, rows: &[PgRow]) -> Result<Query<'_, Postgres, PgArguments>, sqlx::Error> {
        let mut query = sqlx::query(AssertSqlSafe(self.insert.clone()));
        for (index, column) in self.columns.iter().enumerate() {
            query = match column.kind {
                Kind::Long => query.bind(values::<i64>(rows, index)?),
                Kind::Int => query.bind(values::<i32>(rows, index)?),
                Kind::Uuid => query.bind(values::<Uuid>(rows, index)?),
                Kind::Bytes => query.bind(values::<Vec<u8>>(rows, index)?),
                Kind::Text => query.bind(values::<String>(rows, index)?),
            };
        }
        Ok(query)
    }
}

fn values<'r, T>(rows: &'r [PgRow], index: usize) -> Result<Vec<Option<T>>, sqlx::Error>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    rows.iter().map(|row| row.try_get(index)).collect()
}

impl Kind {
    fn of(sql_type: &str) -> Self {
        match sql_type {
            "bigint" => Self::Long,
            "integer" => Self::Int,
            "uuid" => Self::Uuid,
            "bytea" => Self::Bytes,
            _ => Self::Text,
        }
    }
}

impl Column {
    fn selected(&self) -> String {
        match self.kind {
            Kind::Long | Kind::Int | Kind::Uuid | Kind::Bytes => self.name.clone(),
            Kind::Text => format!("{}::text", self.name),
        }
    }

    fn parameter(&self, number: usize) -> String {
        format!("${number}::{}[]", self.sql_type)
    }
}

impl<'a> Flow<'a> {
    fn start(table: &'a Table, db: &'a mut PgConnection) -> Self {
        Self { table, rows: sqlx::query(AssertSqlSafe(table.select.clone())).fetch(db), due: 0.0 }
    }

    /// The next rows, as many as belong to a chunk of events.
    async fn take(&mut self, events: u64) -> Result<Vec<PgRow>, sqlx::Error> {
        self.due += share(self.table.rows, events);
        let mut rows = Vec::new();
        while self.due >= 1.0 {
            self.due -= 1.0;
            match self.rows.try_next().await? {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }
}
