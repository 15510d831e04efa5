//! Hot rows: a read model kept in Redis, or in this process's memory, instead of in a table: one hash of rows, one index of
//! their indexed columns, one of their places.
//!
//! Rows and the mark of how far they are move together or not at all, and only from the mark that they were folded on. The mark
//! carries the hash of its event, so that rows which are of another past than the log's are noticed, whoever lost what.

mod memory;
mod redis;

use std::fmt::Write as _;

use domain::geo::GeoPoint;
use futures_util::future::BoxFuture;

use crate::model::{Column, Value};

pub use self::memory::MemoryRows;
pub use self::redis::RedisRows;

/// Beyond this latitude, in ten-millionths of a degree, there is no index of places (Redis has none there).
pub const MAX_LAT_E7: i32 = 850_000_000;
/// Most keys that one question answers with; whoever gets so many asks the tables.
pub const MAX_FOUND: usize = 5_000;

/// How far a model's rows are, and who may move them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Mark {
    /// The last position applied.
    pub position: u64,
    /// Grows with every change of the holder, also over a loss of everything.
    pub epoch: u64,
    /// The leaf hash of the event at that position, in hex; empty at position 0.
    pub hash: String,
}

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct HotRow {
    /// What it says, as JSON.
    pub doc: String,
    /// What it is found by ([`term`]).
    pub terms: Vec<String>,
    /// Where it is found.
    pub place: Option<GeoPoint>,
}

/// What becomes of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which row.
    pub key: String,
    /// What it was found by until now.
    pub old_terms: Vec<String>,
    /// The row from now on; `None` takes it away.
    pub new: Option<HotRow>,
}

/// A step: rows and mark at once.
#[derive(Clone, Debug)]
pub struct Advance<'a> {
    /// Where the rows have to stand.
    pub from: &'a Mark,
    /// Where they stand afterwards.
    pub position: u64,
    /// The hash of the event there.
    pub hash: &'a str,
    /// What changes; a key at most once.
    pub changes: &'a [Change],
}

/// A question to the rows of one model.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask<'a> {
    /// These rows.
    Keys(&'a [String]),
    /// How many have this term.
    Count(&'a str),
    /// The keys that have this term, in their order; at most [`MAX_FOUND`].
    Find(&'a str),
    /// The keys of all within so many metres of a point, maybe with a few beyond; at most [`MAX_FOUND`].
    Near(GeoPoint, u32),
}

/// What the rows answer, all at one mark.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Rows in the order of the keys.
    Docs(Vec<Option<String>>),
    /// A number.
    Count(u64),
    /// Keys.
    Keys(Vec<String>),
}

/// The store of hot rows is out of reach, or what it holds cannot be read. Never worse than that: the tables know all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HotError {
    /// It did not answer. Whether a step was taken is not known.
    #[error("the hot store does not answer")]
    Silent,
    /// It answered nonsense, or broke off within a step: the rows have to be made anew.
    #[error("the hot store's rows are not usable")]
    Broken,
}

/// What the store answers, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, HotError>>;

/// Keeps the rows of any number of models. One definition, several keepers: see [`crate::views`] for the tables.
pub trait HotRows: Send + Sync + 'static {
    /// Takes the right to move a model unless somebody else has it: the mark from which to go on.
    fn take<'a>(&'a self, model: &'a str, holder: &'a str) -> Answer<'a, Option<Mark>>;

    /// Writes rows and mark; false, and nothing is written, when the rows do not stand where they have to. A step without changes
    /// to the same position keeps the right.
    fn advance<'a>(&'a self, model: &'a str, step: Advance<'a>) -> Answer<'a, bool>;

    /// Throws all rows away; they stand at position 0 then, under the same holder. False when they have moved meanwhile.
    fn reset<'a>(&'a self, model: &'a str, from: &'a Mark) -> Answer<'a, bool>;

    /// Lets go, so that another worker need not wait.
    fn release<'a>(&'a self, model: &'a str, from: &'a Mark) -> Answer<'a, ()>;

    /// Asks, and where the rows stood.
    fn ask<'a>(&'a self, model: &'a str, question: Ask<'a>) -> Answer<'a, (Mark, Told)>;
}

/// What a row is found by: a column and its value. No term begins another one.
#[must_use]
pub fn term(column: &str, value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Text(text) => text.clone(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::BigInt(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        Value::Timestamp(at) => at.as_microsecond().to_string(),
    };
    Some(format!("{column}:{}:{text}:", text.len()))
}

/// The terms of a row: one for each indexed column that is not empty.
#[must_use]
pub fn terms(columns: &[Column], values: &[Value]) -> Vec<String> {
    let indexed = columns.iter().zip(values).filter(|(column, _)| column.indexed);
    indexed.filter_map(|(column, value)| term(column.name, value)).collect()
}

/// A place that the index can hold.
pub(crate) fn indexable(place: Option<GeoPoint>) -> Option<GeoPoint> {
    place.filter(|place| place.lat_e7().abs() <= MAX_LAT_E7)
}

/// An event's hash as a mark has it.
pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::with_capacity(hash.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
