//! The two stores behind one face: reads are written once for both, a batch is written by each in its own best way.

mod postgres;
mod sqlite;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kernel::{Decider, StreamName, upcast};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, Type};
use uuid::Uuid;

use crate::config::{Config, StoreUrl};
use crate::error::LogError;
use crate::filter::{Query, Value};
use crate::memory::Memory;
use crate::migrations;
use crate::outcome::{Append, Expected, Found, Outcome, StoredReceipt, StreamHead};
use crate::plan::Plan;
use crate::recorded::{EVENT_COLUMNS, EventRow, Recorded, signed, unsigned};
use crate::snapshot::{self, Snapshot, SnapshotRow};

pub(crate) use postgres::Postgres;
pub(crate) use sqlite::Sqlite;

/// Events that a fold reads at a time.
const FOLD_PAGE: u64 = snapshot::EVERY;
/// Most stream names in one page.
const MAX_STREAMS: usize = 10_000;
/// How often, and how long, an unanswered commit is looked for before its outcome is called unknown; meanwhile nobody appends.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOKING: Duration = Duration::from_secs(10);

/// An opened store. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Store {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// A batch that was not appended, or perhaps.
#[derive(Debug)]
pub(crate) enum AppendFailure {
    /// Failed before it was committed: nothing of it is in.
    Nothing(sqlx::Error),
    /// What was read under the lock makes no sense; nothing is in.
    Damaged(LogError),
    /// Failed while it committed.
    Unknown(sqlx::Error),
}

impl From<sqlx::Error> for AppendFailure {
    fn from(error: sqlx::Error) -> Self {
        Self::Nothing(error)
    }
}

/// By what a batch is found again.
#[derive(Clone, Copy, Debug)]
enum Mark {
    Event(Uuid),
    Receipt([u8; 32]),
}

impl Mark {
    /// The mark of a plan; none where writing it again changes nothing.
    fn of(plan: &Plan<'_>) -> Option<Self> {
        let event = plan.events.first().map(|event| Self::Event(event.event_id));
        event.or_else(|| plan.receipts.first().map(|receipt| Self::Receipt(receipt.draft.key)))
    }
}

/// After a commit without an answer: looks, until the store answers, whether the batch is in. `look` asks under the head's
/// lock, so that whoever may still be writing has ended.
async fn resolve<Fut>(mark: Option<Mark>, error: sqlx::Error, look: impl Fn(Mark) -> Fut) -> Result<(), AppendFailure>
where
    Fut: Future<Output = Result<bool, sqlx::Error>>,
{
    let Some(mark) = mark else { return Err(AppendFailure::Nothing(error)) };
    let began = Instant::now();
    while began.elapsed() < LOOKING {
        tokio::time::sleep(LOOK_AGAIN).await;
        match look(mark).await {
            Ok(true) => return Ok(()),
            Ok(false) => return Err(AppendFailure::Nothing(error)),
            Err(still) => tracing::warn!(error = %still, "cannot yet see whether the last batch was committed"),
        }
    }
    Err(AppendFailure::Unknown(error))
}

impl Store {
    pub(crate) async fn open(config: &Config) -> Result<Self, LogError> {
        match &config.url {
            StoreUrl::Sqlite(folder) => Ok(Self::Sqlite(Sqlite::open(folder, config.migrate).await?)),
            StoreUrl::Postgres(url) => Ok(Self::Postgres(Postgres::open(url, config.migrate).await?)),
        }
    }

    /// Appends a batch in one database transaction; one outcome for each command, in order.
    ///
    /// First in one call, planned on what is remembered and checked by the store as it writes. Where that does not fit
    /// (another node has written, a key is older than the memory), everything is looked at under the head's lock.
    pub(crate) async fn append(&self, batch: &[Append], memory: &Memory) -> Result<Vec<Outcome>, AppendFailure> {
        let done = match self {
            Self::Sqlite(store) => store.append_at_once(batch, memory).await,
            Self::Postgres(store) => store.append_at_once(batch, memory).await,
        };
        let done = match done {
            Ok(None) => {
                memory.forget();
                match self {
                    Self::Sqlite(store) => store.append(batch, memory).await,
                    Self::Postgres(store) => store.append(batch, memory).await,
                }
            }
            Ok(Some(outcomes)) => Ok(outcomes),
            Err(failure) => Err(failure),
        };
        match &done {
            Ok(outcomes) => memory.doubt(batch, outcomes),
            Err(_) => memory.forget(),
        }
        done
    }

    /// Is the schema still this program's?
    pub(crate) async fn check_schema(&self) -> Result<(), LogError> {
        match self {
            Self::Sqlite(store) => migrations::current_sqlite(&mut *store.readers.acquire().await?).await,
            Self::Postgres(store) => migrations::current_postgres(&mut *store.readers.acquire().await?).await,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }

    /// Runs a reading query.
    async fn fetch<T>(&self, query: Query) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let sql = AssertSqlSafe(query.sql);
        match self {
            Self::Sqlite(store) => bound(sqlx::query_as(sql), query.values).fetch_all(&store.readers).await,
            Self::Postgres(store) => bound(sqlx::query_as(sql), query.values).fetch_all(&store.readers).await,
        }
    }

    /// Runs a query for events.
    pub(crate) async fn events(&self, query: Query) -> Result<Vec<Recorded>, LogError> {
        self.fetch::<EventRow>(query).await?.into_iter().map(Recorded::try_from).collect()
    }

    /// The one number that a query yields; 0 when it yields none.
    pub(crate) async fn number(&self, query: Query) -> Result<u64, LogError> {
        let rows = self.fetch::<(i64,)>(query).await?;
        let number = rows.first().map_or(0, |row| row.0);
        unsigned(number).ok_or_else(|| LogError::Damaged(format!("a negative number: {number}")))
    }

    pub(crate) async fn head(&self) -> Result<u64, LogError> {
        self.number(Query::new("select position from log_head")).await
    }

    /// Events by position, after one.
    pub(crate) async fn read(&self, after: u64, limit: usize) -> Result<Vec<Recorded>, LogError> {
        let query = Query::new(format!("select {EVENT_COLUMNS} from events e join streams s on s.id = e.stream_id"))
            .bind(" where e.position > ", Value::Integer(signed(after)))
            .bind(" order by e.position limit ", Value::Integer(signed(limit as u64)));
        self.events(query).await
    }

    /// Events of a stream by version, after one and up to another.
    pub(crate) async fn read_stream(&self, stream: &StreamName, after: u64, up_to: u64, limit: usize) -> Result<Vec<Recorded>, LogError> {
        let query = Query::new(format!("select {EVENT_COLUMNS} from streams s join events e on e.stream_id = s.id"))
            .bind(" where s.name = ", Value::Text(stream.to_string()))
            .bind(" and e.version > ", Value::Integer(signed(after)))
            .bind(" and e.version <= ", Value::Integer(signed(up_to)))
            .bind(" order by e.version limit ", Value::Integer(signed(limit as u64)));
        self.events(query).await
    }

    /// The state of a stream and its version; a long one from its snapshot on.
    pub(crate) async fn fold<D: Decider>(&self, stream: &StreamName) -> Result<(D, u64), LogError> {
        let (mut state, mut version) = (D::default(), 0);
        loop {
            let page = self.history(stream, version).await?;
            let full = page.len() as u64 == FOLD_PAGE;
            for (found, event_type, schema_version, payload) in page {
                if unsigned(found) != Some(version + 1) {
                    return Err(LogError::Damaged(format!("{stream} has no version {}", version + 1)));
                }
                let schema_version =
                    u32::try_from(schema_version).map_err(|_| LogError::Damaged(format!("{stream} at version {found}")))?;
                let events = upcast::decode::<D::Event>(&event_type, schema_version, &payload)?;
                state = events.as_slice().iter().fold(state, D::evolve);
                version += 1;
            }
            if !full {
                return Ok((state, version));
            }
            if version == FOLD_PAGE
                && let Some((kept, at)) = snapshot::load::<D>(self, stream).await?
                && at > version
            {
                (state, version) = (kept, at);
            }
        }
    }

    /// What a fold needs of a stream's events after a version: a page of them.
    async fn history(&self, stream: &StreamName, after: u64) -> Result<Vec<HistoryRow>, LogError> {
        let query = Query::new(
            "select e.version, e.event_type, e.schema_version, cast(e.payload as text) from streams s join events e on e.stream_id = s.id",
        )
        .bind(" where s.name = ", Value::Text(stream.to_string()))
        .bind(" and e.version > ", Value::Integer(signed(after)))
        .bind(" order by e.version limit ", Value::Integer(signed(FOLD_PAGE)));
        Ok(self.fetch(query).await?)
    }

    pub(crate) async fn snapshot(&self, stream: &StreamName) -> Result<Option<SnapshotRow>, LogError> {
        let query = Query::new("select version, schema_hash, checksum, state from snapshots");
        Ok(self.fetch(query.bind(" where stream = ", Value::Text(stream.to_string()))).await?.pop())
    }

    pub(crate) async fn put_snapshot(&self, stream: &StreamName, snapshot: Snapshot) -> Result<(), LogError> {
        let query = Query::new("insert into snapshots(stream, version, schema_hash, checksum, state) values (")
            .bind("", Value::Text(stream.to_string()))
            .bind(", ", Value::Integer(signed(snapshot.version)))
            .bind(", ", Value::Bytes(snapshot.schema_hash.to_vec()))
            .bind(", ", Value::Bytes(snapshot.checksum.to_vec()))
            .bind(", ", Value::Text(snapshot.state))
            .text(
                ") on conflict (stream) do update set version = excluded.version, schema_hash = excluded.schema_hash, \
                 checksum = excluded.checksum, state = excluded.state",
            );
        match self {
            Self::Sqlite(store) => store.write_beside(query).await,
            Self::Postgres(store) => store.write_beside(query).await,
        }
    }

    /// The versions of those of these streams that exist; at most a few thousand names.
    pub(crate) async fn versions(&self, names: &[&str]) -> Result<HashMap<StreamName, u64>, LogError> {
        let names = names.iter().map(|name| Value::Text((*name).to_owned()));
        let rows = self.fetch::<(String, i64)>(Query::new("select name, version from streams where name").within("", names)).await?;
        let version = |(name, version): (String, i64)| {
            let damaged = || LogError::Damaged(format!("the version of {name}"));
            Ok((name.parse()?, unsigned(version).ok_or_else(damaged)?))
        };
        rows.into_iter().map(version).collect()
    }

    pub(crate) async fn streams_of_kind(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<StreamName>, LogError> {
        let query = Query::new("select name from streams")
            .bind(" where kind = ", Value::Text(kind.to_owned()))
            .bind(" and name > ", Value::Text(after.unwrap_or_default().to_owned()))
            .bind(" order by name limit ", Value::Integer(signed(limit.min(MAX_STREAMS) as u64)));
        self.fetch::<(String,)>(query).await?.into_iter().map(|(name,)| Ok(name.parse()?)).collect()
    }

    pub(crate) async fn secret(&self, name: &str) -> Result<Option<String>, LogError> {
        let query = Query::new("select value from vault").bind(" where name = ", Value::Text(name.to_owned()));
        Ok(self.fetch::<(String,)>(query).await?.pop().map(|(value,)| value))
    }

    /// The ids of the events that a receipt names.
    pub(crate) async fn event_ids(&self, receipt: &StoredReceipt) -> Result<Vec<Uuid>, LogError> {
        let query = Query::new("select event_id from events")
            .bind(" where position >= ", Value::Integer(signed(receipt.first_position)))
            .bind(" and position < ", Value::Integer(signed(receipt.first_position + receipt.events)))
            .text(" order by position");
        let ids = self.fetch::<(Uuid,)>(query).await?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }
}

/// Binds a query's values, in order.
fn bound<'q, DB, T>(
    query: sqlx::query::QueryAs<'q, DB, T, DB::Arguments>,
    values: Vec<Value>,
) -> sqlx::query::QueryAs<'q, DB, T, DB::Arguments>
where
    DB: sqlx::Database,
    for<'v> i64: sqlx::Encode<'v, DB> + Type<DB>,
    for<'v> String: sqlx::Encode<'v, DB> + Type<DB>,
    for<'v> Uuid: sqlx::Encode<'v, DB> + Type<DB>,
    for<'v> Vec<u8>: sqlx::Encode<'v, DB> + Type<DB>,
{
    values.into_iter().fold(query, |query, value| match value {
        Value::Integer(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Uuid(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}

/// An event's row of a fold: version, type, schema version, payload.
type HistoryRow = (i64, String, i32, String);

/// A receipt's row, in the order of [`RECEIPTS`].
type ReceiptRow = (Vec<u8>, Vec<u8>, Uuid, Uuid, i64, i64, Option<String>, Option<String>, i64);

const RECEIPTS: &str = "select key, fingerprint, command_id, correlation_id, first_position, events, cast(refusal as text), \
     cast(result as text), recorded_at from receipts where key";

fn receipts_query<'k>(keys: impl IntoIterator<Item = &'k [u8; 32]>) -> Query {
    Query::new(RECEIPTS).within("", keys.into_iter().map(|key| Value::Bytes(key.to_vec())))
}

fn receipts(rows: Vec<ReceiptRow>) -> Result<HashMap<[u8; 32], StoredReceipt>, LogError> {
    rows.into_iter().map(|row| receipt(row).ok_or_else(|| LogError::Damaged("a receipt".into()))).collect()
}

fn receipt(row: ReceiptRow) -> Option<([u8; 32], StoredReceipt)> {
    let (key, fingerprint, command_id, correlation_id, first_position, events, refusal, result, recorded_at) = row;
    let receipt = StoredReceipt {
        fingerprint: fingerprint.try_into().ok()?,
        command_id,
        correlation_id,
        first_position: unsigned(first_position)?,
        events: unsigned(events)?,
        refusal,
        result,
        recorded_at,
        event_ids: None,
    };
    Some((key.try_into().ok()?, receipt))
}

/// A stream's row: id, name, version.
type StreamRow = (Uuid, String, i64);

fn stream_heads(rows: Vec<StreamRow>) -> Result<HashMap<StreamName, StreamHead>, LogError> {
    let head = |(id, name, version): StreamRow| {
        let version = unsigned(version).ok_or_else(|| LogError::Damaged(format!("the version of {name}")))?;
        Ok((name.parse()?, StreamHead { id, version }))
    };
    rows.into_iter().map(head).collect()
}

/// The store's clock in microseconds.
fn clock() -> i64 {
    // A clock before 1970 reads as 1970: `recorded_at` then stays where it was.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The distinct keys of a batch.
fn keys(batch: &[Append]) -> Vec<[u8; 32]> {
    let mut keys: Vec<_> = batch.iter().filter_map(|append| Some(append.receipt.as_ref()?.key)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The distinct streams of a batch that must be asked for: those that should exist and, where `checked`, those that are only
/// read. That a stream to be created does not exist yet is found out by creating it.
fn unknown<'b>(batch: &'b [Append], found: &Found, checked: bool) -> Vec<&'b str> {
    let mut names = Vec::new();
    for append in batch {
        let written: HashSet<_> = append.events.iter().map(|draft| &draft.stream).collect();
        let asked = |expected: &&Expected| expected.version > 0 || (checked && !written.contains(&expected.stream));
        let unknown = append.expected.iter().filter(asked).filter(|expected| !found.streams.contains_key(&expected.stream));
        names.extend(unknown.map(|expected| expected.stream.as_str()));
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The distinct stream names of a batch.
fn names(batch: &[Append]) -> Vec<&str> {
    let mut names: Vec<_> = batch.iter().flat_map(|append| &append.expected).map(|expected| expected.stream.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
