//! What a read model is: a pure fold from events to rows, written once for every backend.

use domain::geo::GeoPoint;
use kernel::{Id, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::known::{Event, Known};

/// A read model: for each key one row, folded from the events that touch the key.
///
/// All functions are pure and total: the same events give the same rows on every backend, at every speed and after
/// any crash.
pub trait ReadModel<E = Event>: Send + Sync + 'static {
    /// Lower-case snake-case word of at most 40 characters; also the name of its stable SQL view.
    const NAME: &'static str;
    /// Raise it whenever columns, keys, rows or the fold change: the new one is built beside the old.
    const VERSION: u32;
    /// A poison event parks its key; a model that posts money halts instead.
    const POSTS_MONEY: bool = false;

    /// What a row says; stored as JSON.
    type Row: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync;

    /// The typed columns to filter and sort by, beside the key and the row itself.
    fn columns() -> &'static [Column];

    /// The rows that the event touches; none, for an event that the model does not look at.
    fn keys(event: &Known<E>) -> Vec<String>;

    /// The row after the event; `None` deletes it.
    ///
    /// # Errors
    /// [`Poison`] when the event makes no sense on this row.
    fn apply(key: &str, row: Option<Self::Row>, event: &Known<E>) -> Result<Option<Self::Row>, Poison>;

    /// The row's column values, in the order of [`ReadModel::columns`].
    fn index(key: &str, row: &Self::Row) -> Vec<Value>;

    /// Where on Earth the row is, for the index of places of a model that is kept hot; nowhere, for most.
    #[must_use]
    fn place(_row: &Self::Row) -> Option<GeoPoint> {
        None
    }

    /// The streams whose events make the row: where its past is.
    #[must_use]
    fn streams(key: &str) -> Vec<String> {
        vec![key.to_owned()]
    }
}

/// An event that a model cannot apply, with the reason for a person to read. Never holds personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Poison(String);

impl Poison {
    /// An event that cannot be applied because of this.
    #[must_use]
    pub fn new(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text, compared byte by byte.
    Text,
    /// A UUID.
    Uuid,
    /// A whole number of 64 bits.
    BigInt,
    /// Yes or no.
    Bool,
    /// A point in time, kept in microseconds.
    Timestamp,
}

/// A typed column of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Lower-case snake-case word; not `key`, `doc` or `position`.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnKind,
    /// May it be empty? Pages cannot be ordered by such a column.
    pub nullable: bool,
    /// Has it an index (column, key)?
    pub indexed: bool,
    /// Which column its index goes on by before the key, so that the rows of one value can be read in that order.
    pub then: Option<&'static str>,
    /// Has it an index of its parts, so that [`crate::views::Op::Contains`] need not look at every row?
    pub searched: bool,
}

impl Column {
    const fn new(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, nullable: false, indexed: false, then: None, searched: false }
    }

    /// A text column.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Text)
    }

    /// A UUID column.
    #[must_use]
    pub const fn uuid(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Uuid)
    }

    /// A column of whole numbers.
    #[must_use]
    pub const fn bigint(name: &'static str) -> Self {
        Self::new(name, ColumnKind::BigInt)
    }

    /// A column of yes and no.
    #[must_use]
    pub const fn bool(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Bool)
    }

    /// A column of points in time.
    #[must_use]
    pub const fn timestamp(name: &'static str) -> Self {
        Self::new(name, ColumnKind::Timestamp)
    }

    /// The same column, allowed to be empty.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// The same column with an index.
    #[must_use]
    pub const fn indexed(self) -> Self {
        Self { indexed: true, ..self }
    }

    /// The same column with an index (column, other, key): lists of one value in the order of the other are read from it, a page at a
    /// time. The other may not be empty.
    #[must_use]
    pub const fn listed_by(self, other: &'static str) -> Self {
        Self { indexed: true, then: Some(other), ..self }
    }

    /// The same column of text with an index of its parts.
    #[must_use]
    pub const fn searched(self) -> Self {
        Self { searched: true, ..self }
    }

    /// Does the value belong into this column?
    pub(crate) fn takes(&self, value: &Value) -> bool {
        value.kind().map_or(self.nullable, |kind| kind == self.kind)
    }
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// A UUID.
    Uuid(Uuid),
    /// A whole number.
    BigInt(i64),
    /// Yes or no.
    Bool(bool),
    /// A point in time.
    Timestamp(Timestamp),
}

impl Value {
    /// The kind of column that it belongs into; `None` for nothing.
    #[must_use]
    pub const fn kind(&self) -> Option<ColumnKind> {
        match self {
            Self::Null => None,
            Self::Text(_) => Some(ColumnKind::Text),
            Self::Uuid(_) => Some(ColumnKind::Uuid),
            Self::BigInt(_) => Some(ColumnKind::BigInt),
            Self::Bool(_) => Some(ColumnKind::Bool),
            Self::Timestamp(_) => Some(ColumnKind::Timestamp),
        }
    }

    /// From a cursor's JSON; `None` when it is no value of that kind.
    pub(crate) fn from_json(kind: ColumnKind, json: &serde_json::Value) -> Option<Self> {
        match kind {
            ColumnKind::Text => json.as_str().map(Self::from),
            ColumnKind::Uuid => json.as_str().and_then(|text| Uuid::try_parse(text).ok()).map(Self::Uuid),
            ColumnKind::BigInt => json.as_i64().map(Self::BigInt),
            ColumnKind::Bool => json.as_bool().map(Self::Bool),
            ColumnKind::Timestamp => json.as_i64().and_then(|micros| Timestamp::from_microsecond(micros).ok()).map(Self::Timestamp),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<Uuid> for Value {
    fn from(uuid: Uuid) -> Self {
        Self::Uuid(uuid)
    }
}
impl<K> From<Id<K>> for Value {
    fn from(id: Id<K>) -> Self {
        Self::Uuid(id.uuid())
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::BigInt(number)
    }
}
impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::BigInt(number.into())
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::BigInt(number.into())
    }
}
impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}
impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Timestamp(at)
    }
}
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
