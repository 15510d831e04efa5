//! What to look for in a model's table, and which page of it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::model::{Column, ColumnKind, Value};
use crate::views::error::PageError;

/// Rows of a page when the client says nothing.
pub const DEFAULT_PAGE: u32 = 25;
/// Most rows of a page.
pub const MAX_PAGE: u32 = 100;
/// Most values of one `in` filter.
pub const MAX_IN: usize = 1_000;

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Equal; with [`Value::Null`]: is empty.
    Eq,
    /// Not equal; with [`Value::Null`]: is not empty. An empty column is not unequal to a value.
    Ne,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// A text that holds this one anywhere, character by character; fast where the column is searched.
    Contains,
}

/// One condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// A column compared with a value. The column may be `key`.
    Compare(&'static str, Op, Value),
    /// A column is one of these values (at most [`MAX_IN`]); none: no row.
    In(&'static str, Vec<Value>),
    /// At least one of these holds; none: no row.
    Any(Vec<Filter>),
}

/// A direction of sorting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Greatest first.
    Desc,
}

/// Which rows, in which order. The key is always the last sort column, so that the order is total.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// All of them must hold.
    pub filters: Vec<Filter>,
    /// Columns to sort by: never empty ones, and never ones that change while a reader pages.
    pub order: Vec<(&'static str, Direction)>,
}

impl Query {
    /// All rows, by key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Adds a comparison.
    #[must_use]
    pub fn compare(self, column: &'static str, op: Op, value: impl Into<Value>) -> Self {
        self.filter(Filter::Compare(column, op, value.into()))
    }

    /// The column has this value.
    #[must_use]
    pub fn eq(self, column: &'static str, value: impl Into<Value>) -> Self {
        self.compare(column, Op::Eq, value)
    }

    /// The column has another value.
    #[must_use]
    pub fn ne(self, column: &'static str, value: impl Into<Value>) -> Self {
        self.compare(column, Op::Ne, value)
    }

    /// The column is less.
    #[must_use]
    pub fn lt(self, column: &'static str, value: impl Into<Value>) -> Self {
        self.compare(column, Op::Lt, value)
    }

    /// The column is less or equal.
    #[must_use]
    pub fn le(self, column: &'static str, value: impl Into<Value>) -> Self {
        self.compare(column, Op::Le, value)
    }

    /// The column is greater.
    #[must_use]
    pub fn gt(self, column: &'static str, value: impl Into<Value>) -> Self {
        self.compare(column, Op::Gt, value)
    }

    /// The column is greater or equal.
    #[must_use]
    pub fn ge(self, column: &'static str, value: impl Into<Value>) -> Self {
        self.compare(column, Op::Ge, value)
    }

    /// The column holds this text anywhere.
    #[must_use]
    pub fn contains(self, column: &'static str, part: &str) -> Self {
        self.compare(column, Op::Contains, part)
    }

    /// The column has one of these values.
    #[must_use]
    pub fn within<V: Into<Value>>(self, column: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        self.filter(Filter::In(column, values.into_iter().map(Into::into).collect()))
    }

    /// Sorts by a column, after those already named.
    #[must_use]
    pub fn order_by(mut self, column: &'static str, direction: Direction) -> Self {
        self.order.push((column, direction));
        self
    }

    /// The order's name, kept in cursors: a cursor of one order says nothing about another.
    fn order_name(&self) -> String {
        let name = |(column, direction): &(&str, Direction)| match direction {
            Direction::Asc => format!("{column}+"),
            Direction::Desc => format!("{column}-"),
        };
        self.order.iter().map(name).collect()
    }
}

/// Which page, in the words of Relay's connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageArgs {
    /// So many rows from the start; excludes `last`.
    pub first: Option<u32>,
    /// Only rows after this cursor.
    pub after: Option<String>,
    /// So many rows from the end; excludes `first`.
    pub last: Option<u32>,
    /// Only rows before this cursor.
    pub before: Option<String>,
    /// Count all rows of the query too; costs a scan of them.
    pub total: bool,
}

/// A page of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<R> {
    /// The rows, in the order of the query.
    pub items: Vec<PageItem<R>>,
    /// Do more follow?
    pub has_next: bool,
    /// Do some come before?
    pub has_previous: bool,
    /// How many rows the query has at all, when asked for.
    pub total: Option<u64>,
}

/// A row of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct PageItem<R> {
    /// Its place in the order; opaque to clients.
    pub cursor: String,
    /// Its key.
    pub key: String,
    /// What it says.
    pub row: R,
}

/// A page's size and the end that it is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub size: u32,
    pub backward: bool,
}

impl PageArgs {
    /// The first so many rows.
    #[must_use]
    pub fn first(size: u32) -> Self {
        Self { first: Some(size), ..Self::default() }
    }

    pub(crate) fn slice(&self) -> Result<Slice, PageError> {
        let (size, backward) = match (self.first, self.last) {
            (Some(_), Some(_)) => return Err(PageError::FirstWithLast),
            (Some(size), None) => (size, false),
            (None, Some(size)) => (size, true),
            (None, None) => (DEFAULT_PAGE, false),
        };
        if !(1..=MAX_PAGE).contains(&size) {
            return Err(PageError::Size { asked: size, max: MAX_PAGE });
        }
        Ok(Slice { size, backward })
    }
}

/// A place in an order: the values of its sort columns and the key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub values: Vec<Value>,
    pub key: String,
}

/// A cursor's content: order, values, key.
#[derive(Serialize, Deserialize)]
struct Cursor<'c, V> {
    o: Cow<'c, str>,
    v: Vec<V>,
    k: Cow<'c, str>,
}

/// A value as a cursor has it.
struct Plain<'v>(&'v Value);

impl Serialize for Plain<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => to.serialize_unit(),
            Value::Text(text) => to.serialize_str(text),
            Value::Uuid(uuid) => to.collect_str(uuid),
            Value::BigInt(number) => to.serialize_i64(*number),
            Value::Bool(yes) => to.serialize_bool(*yes),
            Value::Timestamp(at) => to.serialize_i64(at.as_microsecond()),
        }
    }
}

/// What the cursors of a query's rows have in common.
pub(crate) struct Cursors {
    order: String,
    /// Where the sort columns are among the model's; none: the key.
    columns: Vec<Option<usize>>,
}

impl Cursors {
    pub(crate) fn of(query: &Query, columns: &[Column]) -> Self {
        let place = |name: &str| columns.iter().position(|column| column.name == name);
        Self { order: query.order_name(), columns: query.order.iter().map(|(name, _)| place(name)).collect() }
    }

    /// The cursor of a row, from its column values.
    pub(crate) fn cursor(&self, key: &str, index: &[Value]) -> String {
        let by_key = Value::from(key);
        let value = |at: &Option<usize>| Plain(at.map_or(&by_key, |at| index.get(at).unwrap_or(&Value::Null)));
        let cursor = Cursor { o: Cow::Borrowed(&self.order), v: self.columns.iter().map(value).collect(), k: Cow::Borrowed(key) };
        // Strings, numbers and booleans: nothing in it can fail to serialise.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
    }
}

impl Query {
    /// The place that a cursor names.
    pub(crate) fn place(&self, columns: &[Column], cursor: &str) -> Result<Place, PageError> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| PageError::Cursor)?;
        let cursor: Cursor<'_, serde_json::Value> = serde_json::from_slice(&bytes).map_err(|_| PageError::Cursor)?;
        if cursor.o != self.order_name() || cursor.v.len() != self.order.len() || cursor.k.contains('\0') {
            return Err(PageError::Cursor);
        }
        let kind = |name: &str| columns.iter().find(|column| column.name == name).map_or(ColumnKind::Text, |column| column.kind);
        let values = self.order.iter().zip(&cursor.v).map(|((name, _), json)| Value::from_json(kind(name), json));
        let values: Vec<Value> = values.collect::<Option<_>>().ok_or(PageError::Cursor)?;
        if values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0'))) {
            return Err(PageError::Cursor);
        }
        Ok(Place { values, key: cursor.k.into_owned() })
    }
}
