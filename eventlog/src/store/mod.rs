//! The two stores behind one face: reads are written once for both, a batch is written by each in its own best way.

mod pages;
mod postgres;
mod rows;
mod sqlite;

use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fail::fail_point;
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
use crate::outcome::{Append, Head, Outcome, StoredReceipt};
use crate::plan::{Plan, plan};
use crate::recorded::{EVENT_COLUMNS, EventRow, Recorded, signed, unsigned};
use crate::snapshot::{self, Snapshot, SnapshotRow};

use pages::Pages;
use rows::{assume, unknown, versions, versions_query};

pub(crate) use postgres::Postgres;
pub(crate) use sqlite::Sqlite;

/// Events that a fold reads at a time.
const FOLD_PAGE: u64 = snapshot::EVERY;
/// Bytes of payload that a fold reads at a time of a stream whose events may be large, unless one event alone has more.
const FOLD_BYTES: u64 = 4 << 20;
/// Most events that one call writes; a text of SQLite binds at most 32,766 values a statement.
const MAX_EVENTS_AT_ONCE: usize = 1_024;
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

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// All of the plan is in.
    All,
    /// Nothing is: the head stands elsewhere, here where it is known.
    Nothing(Option<Head>),
}

impl From<sqlx::Error> for AppendFailure {
    fn from(error: sqlx::Error) -> Self {
        Self::Nothing(error)
    }
}

/// By what a batch is found again.
#[derive(Clone, Copy, Debug)]
enum Mark {
    /// Its first event, where it was to be.
    Event(u64, Uuid),
    Receipt(Uuid),
}

impl Mark {
    /// The mark of a plan; none where writing it again changes nothing.
    fn of(plan: &Plan<'_>) -> Option<Self> {
        let event = plan.events.first().map(|event| Self::Event(event.position, event.event_id));
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
    /// `proxied`: connections are not ours alone, so that nothing may be set on them.
    pub(crate) async fn open(config: &Config, proxied: bool) -> Result<Self, LogError> {
        match &config.url {
            StoreUrl::Sqlite(folder) => Ok(Self::Sqlite(Sqlite::open(folder, config.migrate).await?)),
            StoreUrl::Postgres(url) => Ok(Self::Postgres(Postgres::open(url, config.migrate, proxied).await?)),
        }
    }

    /// A batch planned on what is remembered and nothing else, to be written by one call; none where that cannot be done.
    pub(crate) async fn foresee<'b>(&self, batch: &'b [Append], memory: &Memory) -> Result<Option<Plan<'b>>, AppendFailure> {
        let Some(head) = memory.head() else { return Ok(None) };
        let mut found = memory.recall(batch, head);
        if let Self::Sqlite(store) = self {
            let unknown = unknown(batch, &found);
            let versions = store.versions(&unknown).await?;
            for name in unknown {
                let Ok(stream) = name.parse::<StreamName>() else { continue };
                // Also of those that do not exist: what a command expects must not pass for what there is.
                let version = versions.get(&stream).copied().unwrap_or(0);
                found.streams.insert(stream, version);
            }
        }
        assume(batch, &mut found);
        let plan = plan(found, clock(), batch, &memory.dead(), Uuid::now_v7);
        let fits = plan.secrets.is_empty() && memory.knows(plan.types()) && plan.events.len() <= MAX_EVENTS_AT_ONCE;
        Ok(fits.then_some(plan))
    }

    /// Writes a plan by one call, in one database transaction, provided that all that it assumes holds under the head's lock.
    pub(crate) async fn call(&self, plan: &Plan<'_>) -> Result<Written, AppendFailure> {
        if !plan.passes() {
            return Ok(Written::All);
        }
        fail_point!("append::before_call", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        let written = match self {
            Self::Sqlite(store) => store.call(plan).await,
            Self::Postgres(store) => store.call(plan).await,
        };
        if matches!(written, Ok(Written::All)) {
            fail_point!("append::after_call", |what: Option<String>| Err(crate::failpoint::failed(what.as_deref())));
        }
        written
    }

    /// Appends a batch in one database transaction, looking at everything under the head's lock.
    pub(crate) async fn append(&self, batch: &[Append], memory: &Memory) -> Result<Vec<Outcome>, AppendFailure> {
        match self {
            Self::Sqlite(store) => store.append(batch, memory).await,
            Self::Postgres(store) => store.append(batch, memory).await,
        }
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
    pub(crate) async fn fetch<T>(&self, query: Query) -> Result<Vec<T>, sqlx::Error>
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

    /// The texts that a query yields.
    pub(crate) async fn texts(&self, query: Query) -> Result<Vec<String>, LogError> {
        Ok(self.fetch::<(String,)>(query).await?.into_iter().map(|(text,)| text).collect())
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
        let query = Query::new(format!("select {EVENT_COLUMNS} from events e"))
            .bind(" where e.position > ", Value::Integer(signed(after)))
            .bind(" order by e.position limit ", Value::Integer(signed(limit as u64)));
        self.events(query).await
    }

    /// Events of a stream by version, after one and up to another.
    pub(crate) async fn read_stream(&self, stream: &StreamName, after: u64, up_to: u64, limit: usize) -> Result<Vec<Recorded>, LogError> {
        let query = Query::new(format!("select {EVENT_COLUMNS} from events e"))
            .bind(" where e.stream = ", Value::Text(stream.to_string()))
            .bind(" and e.version > ", Value::Integer(signed(after)))
            // Versions are dense: a range is a page.
            .bind(" and e.version <= ", Value::Integer(signed(up_to.min(after.saturating_add(limit as u64)))))
            .text(" order by e.version");
        let page = self.events(query).await?;
        let end = after.saturating_add(page.len() as u64);
        if page.len() < limit && end < up_to {
            let next = Query::new("select version from events")
                .bind(" where stream = ", Value::Text(stream.to_string()))
                .bind(" and version > ", Value::Integer(signed(end)))
                .bind(" and version <= ", Value::Integer(signed(up_to)))
                .text(" order by version limit 1");
            // Appended meanwhile, or behind a gap.
            if self.number(next).await? > end + 1 {
                return Err(LogError::Damaged(format!("{stream} has no version {}", end + 1)));
            }
        }
        Ok(page)
    }

    /// The state of a stream and its version; a long one from its snapshot on.
    pub(crate) async fn fold<D: Decider>(&self, stream: &StreamName) -> Result<(D, u64), LogError> {
        // `end`: the stream's last version, as the last page that had events said.
        let (mut state, mut version, mut end) = (D::default(), 0, 0);
        let mut pages = Pages::of::<D>();
        loop {
            let Some(limit) = pages.next(self, stream, version).await? else { return Ok((state, version)) };
            let page = self.history(stream, version, limit).await?;
            let full = page.len() as u64 == limit;
            end = page.last().map_or(end, |row| unsigned(row.4).unwrap_or(u64::MAX));
            for (found, event_type, schema_version, payload, _) in page {
                if unsigned(found) != Some(version + 1) {
                    return Err(LogError::Damaged(format!("{stream} has no version {}", version + 1)));
                }
                let schema_version =
                    u32::try_from(schema_version).map_err(|_| LogError::Damaged(format!("{stream} at version {found}")))?;
                let events = upcast::decode::<D::Event>(&event_type, schema_version, &payload)?;
                state = events.as_slice().iter().fold(state, D::evolve);
                version += 1;
            }
            if !full && end > version {
                return Err(LogError::Damaged(format!("{stream} has no version {}", version + 1)));
            }
            if !full {
                return Ok((state, version));
            }
            if version == FOLD_PAGE
                && !D::BULKY
                && let Some((kept, at)) = snapshot::load::<D>(self, stream).await?
                && at > version
            {
                (state, version) = (kept, at);
            }
        }
    }

    /// What a fold needs of a stream's events after a version: a page of them.
    async fn history(&self, stream: &StreamName, after: u64, limit: u64) -> Result<Vec<HistoryRow>, LogError> {
        let query = Query::new("select version, event_type, schema_version, payload, (select max(version) from events")
            .bind(" where stream = ", Value::Text(stream.to_string()))
            .text(") from events where stream = $1")
            .bind(" and version > ", Value::Integer(signed(after)))
            // Versions are dense. Without an end the planner may fetch and sort all that the stream has.
            .bind(" and version <= ", Value::Integer(signed(after.saturating_add(limit))))
            .text(" order by version");
        Ok(self.fetch(query).await?)
    }

    /// How large a stream's events after a version are, as stored: of the next page of a fold.
    async fn sizes(&self, stream: &StreamName, after: u64) -> Result<Vec<u64>, LogError> {
        let query = Query::new("select cast(octet_length(payload) as bigint) from events")
            .bind(" where stream = ", Value::Text(stream.to_string()))
            .bind(" and version > ", Value::Integer(signed(after)))
            .bind(" and version <= ", Value::Integer(signed(after.saturating_add(FOLD_PAGE))))
            .text(" order by version");
        Ok(self.fetch::<(i64,)>(query).await?.into_iter().map(|(size,)| size.unsigned_abs()).collect())
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
                 checksum = excluded.checksum, state = excluded.state \
                 where excluded.version > snapshots.version or excluded.schema_hash <> snapshots.schema_hash",
            );
        match self {
            Self::Sqlite(store) => store.write_beside(query).await,
            Self::Postgres(store) => store.write_beside(query).await,
        }
    }

    /// The versions of those of these streams that exist; at most a few thousand names.
    pub(crate) async fn versions<S: AsRef<str> + Sync>(&self, names: &[S]) -> Result<HashMap<StreamName, u64>, LogError> {
        match names {
            [] => Ok(HashMap::new()),
            names => versions(self.fetch(versions_query(names)).await?),
        }
    }

    pub(crate) async fn streams_of_kind(&self, kind: &str, after: Option<&str>, limit: usize) -> Result<Vec<StreamName>, LogError> {
        // Names of a kind lie between its dash and what follows a dash.
        let query = Query::new("select stream from events where version = 1")
            .bind(" and stream > ", Value::Text(format!("{kind}-")))
            .bind(" and stream < ", Value::Text(format!("{kind}.")))
            .bind(" and stream > ", Value::Text(after.unwrap_or_default().to_owned()))
            .bind(" order by stream limit ", Value::Integer(signed(limit.min(MAX_STREAMS) as u64)));
        self.fetch::<(String,)>(query).await?.into_iter().map(|(name,)| Ok(name.parse()?)).collect()
    }

    /// The receipt of a key.
    pub(crate) async fn receipt(&self, key: Uuid) -> Result<Option<StoredReceipt>, LogError> {
        Ok(rows::receipts(self.fetch(rows::receipts_query([&key])).await?)?.remove(&key))
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
pub(crate) fn bound<'q, DB, T>(
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

/// An event's row of a fold: version, type, schema version, payload, and the stream's last version.
type HistoryRow = (i64, String, i32, String, i64);

/// The store's clock in microseconds.
fn clock() -> i64 {
    // A clock before 1970 reads as 1970: `recorded_at` then stays where it was.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
