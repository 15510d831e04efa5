//! Searching the log: which events, and which page of them.

use kernel::{Actor, StreamName, Timestamp};
use uuid::Uuid;

use crate::recorded::{Recorded, signed};

/// Which events; all that are given must hold. Kind, type, stream and correlation are found by index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// One of these types; empty: any. At most 100 are looked at.
    pub types: Vec<String>,
    /// Of streams of this kind.
    pub stream_kind: Option<String>,
    /// Of this stream.
    pub stream: Option<StreamName>,
    /// Of this interaction.
    pub correlation_id: Option<Uuid>,
    /// With this id.
    pub event_id: Option<Uuid>,
    /// Caused by this actor.
    pub actor: Option<Actor>,
    /// Recorded at or after.
    pub recorded_from: Option<Timestamp>,
    /// Recorded before.
    pub recorded_to: Option<Timestamp>,
    /// Up to and with this position.
    pub up_to: Option<u64>,
}

/// The order of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// Which page of the events found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// Positions above this one only.
    pub after: Option<u64>,
    /// Positions below this one only.
    pub before: Option<u64>,
    /// Oldest or newest first.
    pub order: Order,
    /// At most so many, and never more than [`crate::MAX_READ`].
    pub limit: usize,
}

/// A page of the events that a filter finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Searched {
    /// In the page's order.
    pub events: Vec<Recorded>,
    /// The last position that was looked at, in the page's order: it and all before it are done. Oldest first, a search that found less than
    /// a page has looked up to the head as it stood; newest first, down to where the page ends.
    pub scanned_to: u64,
}

/// Most types that a filter may name.
const MAX_TYPES: usize = 100;

/// How the events of one interaction are found by index, up to its id.
pub(crate) const OF_INTERACTION: &str = " and e.correlation_id = ";
/// The same on SQLite, whose index is one of stretches of the log: each of them is looked into.
pub(crate) const OF_INTERACTION_BY_STRETCH: &str = " and e.position >> 12 in (with recursive stretch(n) as (select 0 union all \
     select n + 1 from stretch where n < (select position >> 12 from log_head)) select n from stretch) and e.correlation_id = ";

/// How a query for events begins; each store says itself which columns it reads ([`Query::selecting`]).
pub(crate) const EVENTS: &str = " from events e";

/// A bound value of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Integer(i64),
    Text(String),
    Uuid(Uuid),
    Bytes(Vec<u8>),
}

/// A query in the text that both stores understand (`$1`), with its values.
#[derive(Debug)]
pub(crate) struct Query {
    pub sql: String,
    pub values: Vec<Value>,
}

impl Query {
    pub(crate) fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    /// Adds text and one value after it.
    pub(crate) fn bind(mut self, text: &str, value: Value) -> Self {
        self.values.push(value);
        self.sql.push_str(&format!("{text}${}", self.values.len()));
        self
    }

    /// The query for these columns; they bind no values.
    pub(crate) fn selecting(self, columns: &str) -> Self {
        Self { sql: format!("select {columns}{}", self.sql), ..self }
    }

    /// Adds text.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.sql.push_str(text);
        self
    }

    fn when(self, text: &str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.bind(text, value),
            None => self,
        }
    }

    /// `in ($1, $2, …)`; the caller sees to it that there is at least one value.
    pub(crate) fn within(mut self, text: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.sql.push_str(text);
        for (i, value) in values.into_iter().enumerate() {
            self = self.bind(if i == 0 { " in (" } else { ", " }, value);
        }
        self.text(")")
    }
}

/// The page of events found; `types` are those of the filter, or of its kind of stream, `interaction` is how the store finds one.
pub(crate) fn search(filter: &EventFilter, types: &[String], page: &EventPage, limit: usize, interaction: &str) -> Query {
    let order = match page.order {
        Order::Ascending => " order by position",
        Order::Descending => " order by position desc",
    };
    let limit = Value::Integer(signed(limit as u64));
    let paged = |query: Query| {
        query
            .when(" and position > ", page.after.map(|p| Value::Integer(signed(p))))
            .when(" and position < ", page.before.map(|p| Value::Integer(signed(p))))
            .text(order)
            .bind(" limit ", limit.clone())
    };
    let query = Query::new(EVENTS).text(" where true");
    if is_narrow(filter) || types.len() < 2 || types.len() > MAX_TYPES {
        return paged(conditions(query, filter, types, interaction));
    }
    // Each type's own page by the index, then the first of all of them.
    let mut query = query.text(" and e.position in (select position from (");
    for (i, event_type) in types.iter().enumerate() {
        query = query.text(if i == 0 {
            "select position from (select position from events e where true"
        } else {
            " union all select position from (select position from events e where true"
        });
        query = paged(conditions(query, filter, std::slice::from_ref(event_type), interaction)).text(&format!(") of_type_{i}"));
    }
    query.text(") of_types").text(order).bind(" limit ", limit).text(")").text(order)
}

/// How many events are found.
pub(crate) fn count(filter: &EventFilter, types: &[String], interaction: &str) -> Query {
    conditions(Query::new("select count(*) from events e where true"), filter, types, interaction)
}

/// The types that a filter asks for, where it names any.
pub(crate) fn named(filter: &EventFilter) -> Vec<String> {
    filter.types.iter().take(MAX_TYPES).cloned().collect()
}

/// The types in the streams of a kind.
pub(crate) fn types_of(kind: &str) -> Query {
    Query::new("select event_type from event_types").bind(" where kind = ", Value::Text(kind.to_owned()))
}

/// Does it name what has few events, whatever their types?
fn is_narrow(filter: &EventFilter) -> bool {
    filter.stream.is_some() || filter.correlation_id.is_some() || filter.event_id.is_some()
}

fn conditions(query: Query, filter: &EventFilter, types: &[String], interaction: &str) -> Query {
    // An expression has no index: a type of a million events is not to be preferred to a stream of ten.
    let column = if is_narrow(filter) { " and e.event_type || ''" } else { " and e.event_type" };
    let query = match types {
        [] => query,
        [one] => query.text(column).bind(" = ", Value::Text(one.clone())),
        types => query.within(column, types.iter().cloned().map(Value::Text)),
    };
    let query = match &filter.stream_kind {
        // Names of a kind lie between its dash and what follows a dash.
        Some(kind) => {
            query.bind(" and e.stream > ", Value::Text(format!("{kind}-"))).bind(" and e.stream < ", Value::Text(format!("{kind}.")))
        }
        None => query,
    };
    query
        .when(" and e.stream = ", filter.stream.as_ref().map(|stream| Value::Text(stream.to_string())))
        .when(interaction, filter.correlation_id.map(Value::Uuid))
        .when(" and e.event_id = ", filter.event_id.map(Value::Uuid))
        .when(" and e.actor = ", filter.actor.as_ref().map(|actor| Value::Text(actor.to_string())))
        .when(" and e.recorded_at >= ", filter.recorded_from.map(|at| Value::Integer(at.as_microsecond())))
        .when(" and e.recorded_at < ", filter.recorded_to.map(|at| Value::Integer(at.as_microsecond())))
        .when(" and e.position <= ", filter.up_to.map(|p| Value::Integer(signed(p))))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

    use super::*;

    /// How SQLite would run a search, step by step.
    async fn plan(db: &mut SqliteConnection, filter: &EventFilter, types: &[String], order: Order) -> Vec<String> {
        let page = EventPage { after: Some(7), before: Some(1_000), order, limit: 100 };
        let query = search(filter, types, &page, 100, OF_INTERACTION_BY_STRETCH).selecting("e.position");
        let explained = sqlx::query_as::<_, (i64, i64, i64, String)>(AssertSqlSafe(format!("explain query plan {}", query.sql)));
        let steps = crate::store::bound(explained, query.values).fetch_all(db).await.unwrap();
        steps.into_iter().map(|step| step.3).collect()
    }

    /// Kind, type, stream, correlation and id are found by index; whatever is read by position is a stretch of it.
    #[tokio::test]
    async fn a_search_goes_through_an_index() {
        let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        crate::migrations::sqlite(&mut db, true).await.unwrap();
        let (any, kind) = (EventFilter::default, Some("tally".to_owned()));
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let of_stream = EventFilter { stream: Some(StreamName::new("tally", "a").unwrap()), ..any() };
        let of_correlation = EventFilter { correlation_id: Some(Uuid::nil()), ..any() };
        let cases = [
            (any(), names(&[]), "(rowid>? AND rowid<?)"),
            (any(), names(&["Added"]), "events_type (event_type=?"),
            (any(), names(&["Added", "Claimed"]), "events_type (event_type=?"),
            (EventFilter { stream_kind: kind.clone(), ..any() }, names(&["Added"]), "events_type (event_type=?"),
            (EventFilter { stream_kind: kind, ..any() }, names(&["Added", "Claimed", "Posted"]), "events_type (event_type=?"),
            (of_stream.clone(), names(&[]), "(stream=?"),
            (of_stream.clone(), names(&["Added"]), "(stream=?"),
            (of_stream, names(&["Added", "Claimed"]), "(stream=?"),
            (of_correlation.clone(), names(&[]), "events_correlation (<expr>=? AND correlation_id=?"),
            (of_correlation, names(&["Added"]), "events_correlation (<expr>=? AND correlation_id=?"),
            (EventFilter { event_id: Some(Uuid::nil()), ..any() }, names(&["Added"]), "(event_id=?)"),
        ];
        for (filter, types, index) in cases {
            for order in [Order::Ascending, Order::Descending] {
                let steps = plan(&mut db, &filter, &types, order).await;
                assert!(steps.iter().any(|step| step.contains(index)), "{filter:?} {types:?}: {steps:?}");
                assert!(!steps.iter().any(|step| step.starts_with("SCAN e")), "{filter:?} {types:?}: {steps:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_interaction_is_found_in_every_stretch_of_the_log() {
        let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        crate::migrations::sqlite(&mut db, true).await.unwrap();
        for (position, correlation) in [(1, 7), (2, 8), (4_095, 7), (4_096, 7), (20_000, 7), (20_001, 8)] {
            let row = format!(
                "insert into events (position, version, recorded_at, occurred_at, event_id, correlation_id, command_id, schema_version, \
                 digest, leaf, stream, event_type, actor, payload) values ({position}, {position}, 1, 1, x'{position:032x}', \
                 x'{correlation:032x}', x'00', 1, zeroblob(32), zeroblob(32), 'tally-a', 'Added', 'anonymous', '{{}}')"
            );
            sqlx::query(AssertSqlSafe(row)).execute(&mut db).await.unwrap();
        }
        let head = "update log_head set position = 20001, recorded_at = 1, last_event_id = x'01'";
        sqlx::query(head).execute(&mut db).await.unwrap();
        let filter = EventFilter { correlation_id: Some(Uuid::from_u128(7)), ..EventFilter::default() };
        for (order, after, expected) in [
            (Order::Ascending, None, vec![1, 4_095, 4_096]),
            (Order::Ascending, Some(4_095), vec![4_096, 20_000]),
            (Order::Descending, None, vec![20_000, 4_096, 4_095]),
        ] {
            let page = EventPage { after, before: None, order, limit: 3 };
            let query = search(&filter, &[], &page, 3, OF_INTERACTION_BY_STRETCH).selecting("e.position");
            let found = crate::store::bound(sqlx::query_as::<_, (i64,)>(AssertSqlSafe(query.sql)), query.values);
            let found: Vec<i64> = found.fetch_all(&mut db).await.unwrap().into_iter().map(|row| row.0).collect();
            assert_eq!(found, expected, "{order:?}");
        }
        let counted = count(&filter, &[], OF_INTERACTION_BY_STRETCH);
        let counted = crate::store::bound(sqlx::query_as::<_, (i64,)>(AssertSqlSafe(counted.sql)), counted.values);
        assert_eq!(counted.fetch_one(&mut db).await.unwrap().0, 4);
    }
}
