//! The events table of postgres-es, read by plain SQL: page by page, within one snapshot, never written.

use kernel::{StreamName, Timestamp};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::cqrs::form;
use crate::cqrs::import::{ImportError, Source};
use crate::recorded::{timestamp, unsigned};

/// Rows that are fetched at a time.
const PAGE: usize = 1_000;

/// An event of the source.
pub(super) struct Row {
    pub aggregate_type: String,
    pub aggregate_id: String,
    /// From 1 on.
    pub sequence: u64,
    pub event_type: String,
    pub event_version: String,
    /// Both as they are stored.
    pub payload: String,
    pub metadata: String,
    /// What its metadata says.
    pub occurred_at: Option<Timestamp>,
    /// Where it belongs in the log.
    pub stream: StreamName,
}

impl Row {
    pub(super) fn aggregate(&self) -> String {
        format!("{} {}", self.aggregate_type, self.aggregate_id)
    }
}

type RawRow = (String, String, i64, String, String, String, String, Option<i64>);

/// One snapshot of the source.
pub(super) struct Reader {
    db: PgConnection,
    table: String,
    /// The time of an event by its metadata: SQL of type timestamptz.
    time: String,
}

impl Reader {
    pub(super) async fn open(source: &Source) -> Result<Self, ImportError> {
        let mut db = PgConnection::connect(&source.url).await?;
        // UTC for times that name no zone; standard strings, so that a literal is what it says.
        let begin = "set timezone = 'UTC'; set standard_conforming_strings = on; begin isolation level repeatable read, read only";
        sqlx::raw_sql(begin).execute(&mut db).await?;
        let table = source.table.split('.').map(|name| quoted(name, '"')).collect::<Vec<_>>().join(".");
        let mut reader = Self { db, table, time: time(source.time_key.as_deref()) };
        reader.check().await?;
        Ok(reader)
    }

    /// The number of events and of aggregates.
    pub(super) async fn count(&mut self) -> Result<(u64, u64), ImportError> {
        let sql = format!(
            "select coalesce(sum(events), 0)::bigint, count(*) from \
             (select count(*) as events from {} group by aggregate_type, aggregate_id) as aggregates",
            self.table
        );
        let (events, aggregates): (i64, i64) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut self.db).await?;
        Ok((unsigned(events).unwrap_or_default(), unsigned(aggregates).unwrap_or_default()))
    }

    /// Every aggregate's events must go from 1 on: their number is their version.
    async fn check(&mut self) -> Result<(), ImportError> {
        let sql = format!(
            "select aggregate_type, aggregate_id, count(*), min(sequence)::bigint, max(sequence)::bigint from {} \
             group by 1, 2 having min(sequence) <> 1 or max(sequence) <> count(*) \
             order by aggregate_type collate \"C\", aggregate_id collate \"C\" limit 1",
            self.table
        );
        let found: Option<(String, String, i64, i64, i64)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_optional(&mut self.db).await?;
        match found {
            None => Ok(()),
            Some((kind, id, events, first, last)) => Err(ImportError::Gap { aggregate: format!("{kind} {id}"), events, first, last }),
        }
    }

    /// From now on pages come in the order in which events go into the log.
    pub(super) async fn in_log_order(&mut self) -> Result<(), ImportError> {
        // An aggregate's events stay in their own order, also where its clock went back.
        let order = "max(occurred) over (partition by aggregate_type, aggregate_id order by sequence) nulls first, sequence, \
                     aggregate_type collate \"C\", aggregate_id collate \"C\"";
        self.declare(order).await
    }

    /// From now on pages come aggregate by aggregate.
    pub(super) async fn in_aggregate_order(&mut self) -> Result<(), ImportError> {
        self.declare("aggregate_type collate \"C\", aggregate_id collate \"C\", sequence").await
    }

    async fn declare(&mut self, order: &str) -> Result<(), ImportError> {
        let Self { table, time, .. } = &self;
        let sql = format!(
            "close all; declare source no scroll cursor for \
             select aggregate_type, aggregate_id, sequence::bigint, event_type, event_version, payload::text, metadata::text, \
             (extract(epoch from occurred) * 1000000)::bigint from (select *, {time} as occurred from {table}) as timed order by {order}"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.db).await?;
        Ok(())
    }

    /// The next events; none when there are no more.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<Row>>, ImportError> {
        let sql = AssertSqlSafe(format!("fetch {PAGE} from source"));
        let rows: Vec<RawRow> = sqlx::query_as(sql).persistent(false).fetch_all(&mut self.db).await?;
        let rows = rows.into_iter().map(row).collect::<Result<Vec<_>, _>>()?;
        Ok((!rows.is_empty()).then_some(rows))
    }

    pub(super) async fn close(self) {
        // Nothing was written: there is nothing to lose.
        let _ = self.db.close().await;
    }
}

fn row(
    (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, occurred): RawRow,
) -> Result<Row, ImportError> {
    let sequence = unsigned(sequence).unwrap_or_default();
    let unfit = |reason| ImportError::Event { aggregate: format!("{aggregate_type} {aggregate_id}"), sequence, reason };
    let stream = form::stream_of(&aggregate_type, &aggregate_id).map_err(unfit)?;
    let occurred_at = occurred.map(timestamp).transpose().map_err(unfit)?;
    let (payload, metadata) = (trimmed(payload), trimmed(metadata));
    Ok(Row { aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, occurred_at, stream })
}

/// JSON without the white space around it, which a column of type `json` keeps and which means nothing.
fn trimmed(json: String) -> String {
    let inner = json.trim_matches([' ', '\t', '\n', '\r']);
    if inner.len() == json.len() { json } else { inner.to_owned() }
}

/// SQL for the time that the metadata names: RFC 3339, or seconds or milliseconds since 1970.
fn time(key: Option<&str>) -> String {
    let Some(key) = key else { return "null::timestamptz".into() };
    let text = format!("nullif(metadata->>{}, '')", quoted(key, '\''));
    format!(
        "case when {text} ~ '^-?[0-9]{{1,11}}$' then to_timestamp(({text})::double precision) \
         when {text} ~ '^-?[0-9]{{12,15}}$' then to_timestamp(({text})::double precision / 1000) \
         else ({text})::timestamptz end"
    )
}

fn quoted(text: &str, mark: char) -> String {
    let mark = mark.to_string();
    format!("{mark}{}{mark}", text.replace(&mark, &mark.repeat(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_keys_are_quoted() {
        assert_eq!(quoted("e\"vents", '"'), "\"e\"\"vents\"");
        assert!(time(Some("at'; drop")).contains("metadata->>'at''; drop'"));
        assert_eq!(trimmed(" {\"a\": 1}\n".into()), "{\"a\": 1}");
    }
}
