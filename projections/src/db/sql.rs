//! A statement with its values, for either database.

use sea_query_sqlx::SqlxValues;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, IntoArguments, Postgres, Sqlite};
use uuid::Uuid;

use super::signed;

/// A statement and its values. The text is ours: names come from `&'static` definitions, never from input.
#[derive(Clone)]
pub(crate) struct Sql {
    text: String,
    values: Vec<sea_query::Value>,
    arrays: Vec<Array>,
}

impl Sql {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new(), arrays: Vec::new() }
    }

    /// The text, for a statement that this one becomes a part of; its values stay.
    pub(crate) fn reword(mut self, words: impl FnOnce(String) -> String) -> Self {
        self.text = words(self.text);
        self
    }

    /// How many values it has; the first array is the next one.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Arrays come after all other values. PostgreSQL only.
    pub(crate) fn arrays(mut self, arrays: impl IntoIterator<Item = Array>) -> Self {
        self.arrays.extend(arrays);
        self
    }

    pub(crate) fn bind(mut self, value: impl Into<sea_query::Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// A position, count or time, none of which leaves 63 bits.
    pub(crate) fn number(self, value: u64) -> Self {
        self.bind(signed(value))
    }

    pub(super) fn split(self) -> (AssertSqlSafe<String>, Bound) {
        (AssertSqlSafe(self.text), Bound { values: SqlxValues(sea_query::Values(self.values)), arrays: self.arrays })
    }
}

/// Many values as one, so that a statement's text, and with it its plan, is the same however many they are.
#[derive(Clone)]
pub(crate) enum Array {
    Text(Vec<Option<String>>),
    Uuid(Vec<Option<Uuid>>),
    BigInt(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
}

/// What a statement is sent with.
pub(super) struct Bound {
    values: SqlxValues,
    arrays: Vec<Array>,
}

impl IntoArguments<Sqlite> for Bound {
    fn into_arguments(self) -> SqliteArguments {
        debug_assert!(self.arrays.is_empty(), "SQLite has no arrays");
        IntoArguments::<Sqlite>::into_arguments(self.values)
    }
}

impl IntoArguments<Postgres> for Bound {
    fn into_arguments(self) -> PgArguments {
        let mut arguments = IntoArguments::<Postgres>::into_arguments(self.values);
        for array in self.arrays {
            // Texts and numbers of a length that memory holds can always be encoded.
            let _ = match array {
                Array::Text(texts) => arguments.add(texts),
                Array::Uuid(uuids) => arguments.add(uuids),
                Array::BigInt(numbers) => arguments.add(numbers),
                Array::Bool(bools) => arguments.add(bools),
            };
        }
        arguments
    }
}

impl From<(String, SqlxValues)> for Sql {
    fn from((text, values): (String, SqlxValues)) -> Self {
        Self { text, values: values.0.0, arrays: Vec::new() }
    }
}
