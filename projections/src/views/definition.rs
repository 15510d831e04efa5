//! A read model without its types: what the storage and the projector need to know of it.

use std::sync::Arc;

use domain::geo::GeoPoint;

use crate::known::Known;
use crate::model::{Column, ColumnKind, Poison, ReadModel, Value};
use crate::views::error::ViewError;
use crate::views::keyed::{self, Keyed};

/// Names that a column or model may not take.
const RESERVED: [&str; 8] = ["key", "doc", "position", "projections", "parked", "pointers", "live", "parts"];
/// Longest name of a model or column; PostgreSQL cuts index names at 63 bytes.
const MAX_NAME: usize = 40;

/// One model, its types erased.
pub(crate) struct Definition<E> {
    pub name: &'static str,
    pub version: u32,
    pub posts_money: bool,
    pub columns: &'static [Column],
    pub keys: fn(&Known<E>) -> Vec<String>,
    pub fold: Fold<E>,
    /// Begins to fold many keys in memory.
    pub keyed: fn() -> Box<dyn Keyed<E>>,
}

/// Folds events over one stored row.
type Fold<E> = fn(&str, Option<&str>, &[Arc<Known<E>>]) -> Result<Folded, ViewError>;

/// One key's row after its events.
pub(crate) struct Folded {
    pub row: Option<StoredRow>,
    /// Which of the events could not be applied, and why; those before it were.
    pub poison: Option<(usize, Poison)>,
}

/// A row as it is stored.
pub(crate) struct StoredRow {
    pub doc: String,
    pub index: Vec<Value>,
    pub place: Option<GeoPoint>,
}

impl<E: 'static> Definition<E> {
    /// The definition of a model, checked.
    pub(crate) fn of<M: ReadModel<E>>() -> Result<Self, ViewError> {
        let columns = M::columns();
        let names = || std::iter::once(M::NAME).chain(columns.iter().map(|column| column.name));
        if let Some(wrong) = names().find(|name| !is_name(name)) {
            return Err(ViewError::Definition { projection: M::NAME, reason: format!("{wrong:?} is no name for a model or column") });
        }
        if let Some(column) = columns.iter().find(|column| column.searched && column.kind != ColumnKind::Text) {
            return Err(ViewError::Definition { projection: M::NAME, reason: format!("only text is searched, not {}", column.name) });
        }
        let lists = |column: &&Column| column.then.is_some_and(|then| !columns.iter().any(|other| other.name == then && !other.nullable));
        if let Some(column) = columns.iter().find(lists) {
            let reason = format!("{} is listed by what is no column, or may be empty", column.name);
            return Err(ViewError::Definition { projection: M::NAME, reason });
        }
        let (name, version, posts_money) = (M::NAME, M::VERSION, M::POSTS_MONEY);
        Ok(Self { name, version, posts_money, columns, keys: keys::<E, M>, fold: fold::<E, M>, keyed: keyed::begin::<E, M> })
    }

    /// Describes the columns, to notice a change of them without a new version.
    pub(crate) fn shape(&self) -> String {
        // Said only where it is so: the shapes that are stored already stay what they are.
        let searched = |c: &Column| if c.searched { ":searched" } else { "" };
        let then = |c: &Column| c.then.map(|then| format!(":by-{then}")).unwrap_or_default();
        let column = |c: &Column| format!("{}:{:?}:{}:{}{}{}", c.name, c.kind, c.nullable, c.indexed, then(c), searched(c));
        self.columns.iter().map(column).collect::<Vec<_>>().join(",")
    }
}

fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(word) && !RESERVED.contains(&name)
}

/// The keys of an event, each once.
fn keys<E, M: ReadModel<E>>(event: &Known<E>) -> Vec<String> {
    let mut keys = M::keys(event);
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn fold<E, M: ReadModel<E>>(key: &str, doc: Option<&str>, events: &[Arc<Known<E>>]) -> Result<Folded, ViewError> {
    let mut row = doc.map(|doc| read::<E, M>(key, doc)).transpose()?;
    let mut poison = None;
    for (i, event) in events.iter().enumerate() {
        match M::apply(key, row.clone(), event) {
            Ok(next) => row = next,
            Err(reason) => {
                poison = Some((i, reason));
                break;
            }
        }
    }
    let row = row.map(|row| stored::<E, M>(key, &row)).transpose()?;
    Ok(Folded { row, poison })
}

/// Reads a stored row.
pub(crate) fn read<E, M: ReadModel<E>>(key: &str, doc: &str) -> Result<M::Row, ViewError> {
    serde_json::from_str(doc).map_err(|e| ViewError::Row { projection: M::NAME, key: key.to_owned(), reason: e.to_string() })
}

/// A row as it is stored, checked against the columns.
pub(crate) fn stored<E, M: ReadModel<E>>(key: &str, row: &M::Row) -> Result<StoredRow, ViewError> {
    let wrong = |reason: String| ViewError::Row { projection: M::NAME, key: key.to_owned(), reason };
    let doc = serde_json::to_string(row).map_err(|e| wrong(e.to_string()))?;
    let index = M::index(key, row);
    let columns = M::columns();
    if index.len() != columns.len() {
        return Err(wrong(format!("{} values for {} columns", index.len(), columns.len())));
    }
    match columns.iter().zip(&index).find(|(column, value)| !column.takes(value)) {
        Some((column, _)) => Err(wrong(format!("a value of another type for column {}", column.name))),
        None => Ok(StoredRow { doc, index, place: M::place(row) }),
    }
}
