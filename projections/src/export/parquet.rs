//! Apache Parquet, as far as a table of our postings needs it: one flat table, required columns, plain encoding, no compression.
//!
//! A file is `PAR1`, groups of rows (each column's values of the group behind a header), a footer that says where they are, the footer's
//! length, `PAR1`. Headers and footer are Thrift structures in its compact protocol (`thrift`). Groups leave as they fill, so that memory
//! does not grow with the log; the same table is always the same bytes.

mod thrift;

use thrift::{Field, Value, structure};

/// Rows of a group.
const GROUP: usize = 8_192;
/// What a file begins and ends with.
const MAGIC: &[u8] = b"PAR1";
/// Bytes of an amount: a decimal of 38 digits.
const AMOUNT_BYTES: i32 = 16;
/// What is said of who wrote the file; of no version, so that the same books are the same bytes.
const WRITER: &str = "daybook";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number.
    Number,
    /// A small number.
    Small,
    /// A day.
    Day,
    /// A moment in microseconds.
    Moment,
    /// A text.
    Text,
    /// A whole number of up to 38 digits.
    Amount,
}

impl Kind {
    /// Parquet's own type: INT32, INT64, BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY.
    const fn physical(self) -> i32 {
        match self {
            Self::Small | Self::Day => 1,
            Self::Number | Self::Moment => 2,
            Self::Text => 6,
            Self::Amount => 7,
        }
    }

    /// How it is to be understood: UTF8, DECIMAL, DATE, TIMESTAMP_MICROS.
    const fn converted(self) -> Option<i32> {
        match self {
            Self::Number | Self::Small => None,
            Self::Text => Some(0),
            Self::Amount => Some(5),
            Self::Day => Some(6),
            Self::Moment => Some(10),
        }
    }
}

/// One value; its kind is that of its column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'c> {
    /// A number or a moment.
    Long(i64),
    /// A small number, or a day since 1970-01-01.
    Int(i32),
    /// A text.
    Text(&'c str),
    /// An amount.
    Amount(i128),
}

impl Cell<'_> {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Long(value) => out.extend(value.to_le_bytes()),
            Self::Int(value) => out.extend(value.to_le_bytes()),
            Self::Text(text) => {
                // Ours are short; what is longer than 4 GiB cannot come.
                out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                out.extend(text.as_bytes());
            }
            Self::Amount(minor) => out.extend(minor.to_be_bytes()),
        }
    }
}

/// Where the values of one column in one group are.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    offset: i64,
    bytes: i64,
}

/// A group that was written.
#[derive(Clone, Debug)]
struct Group {
    rows: i64,
    chunks: Vec<Chunk>,
}

/// A table on its way into a file.
#[derive(Debug)]
pub(super) struct Table {
    columns: &'static [(&'static str, Kind)],
    /// Values of the rows that are in no group yet, by column.
    values: Vec<Vec<u8>>,
    rows: usize,
    groups: Vec<Group>,
    /// Written, and not taken yet.
    out: Vec<u8>,
    /// Bytes of the file so far.
    length: i64,
}

impl Table {
    /// An empty table.
    pub fn new(columns: &'static [(&'static str, Kind)]) -> Self {
        let mut table = Self { columns, values: vec![Vec::new(); columns.len()], rows: 0, groups: Vec::new(), out: Vec::new(), length: 0 };
        table.write(MAGIC);
        table
    }

    /// Adds a row: a cell for each column, in their order.
    pub fn row(&mut self, cells: &[Cell<'_>]) {
        debug_assert_eq!(cells.len(), self.columns.len());
        for (cell, values) in cells.iter().zip(&mut self.values) {
            cell.write(values);
        }
        self.rows += 1;
        if self.rows == GROUP {
            self.group();
        }
    }

    /// Writes what is left, and the footer.
    pub fn finish(&mut self) {
        self.group();
        let footer = self.footer();
        self.write(&footer);
        self.write(&u32::try_from(footer.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.write(MAGIC);
    }

    /// What was written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// How much is waiting to be taken, in bytes.
    pub const fn waiting(&self) -> usize {
        self.out.len()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
        self.length += long(bytes.len());
    }

    /// Writes the rows that wait, as a group of one page a column.
    fn group(&mut self) {
        if self.rows == 0 {
            return;
        }
        let rows = long(std::mem::take(&mut self.rows));
        let mut chunks = Vec::with_capacity(self.columns.len());
        for column in 0..self.columns.len() {
            let values = std::mem::take(&mut self.values[column]);
            let (offset, header) = (self.length, page_header(rows, values.len()));
            self.write(&header);
            self.write(&values);
            chunks.push(Chunk { offset, bytes: self.length - offset });
        }
        self.groups.push(Group { rows, chunks });
    }

    fn footer(&self) -> Vec<u8> {
        let root = vec![Field(4, Value::Text("postings")), Field(5, Value::Int(int(self.columns.len())))];
        let columns = self.columns.iter().map(|(name, kind)| Value::Struct(element(name, *kind)));
        let schema = std::iter::once(Value::Struct(root)).chain(columns).collect();
        let groups = self.groups.iter().map(|group| Value::Struct(self.group_of(group))).collect();
        structure(&[
            Field(1, Value::Int(1)),
            Field(2, Value::List(schema)),
            Field(3, Value::Long(self.groups.iter().map(|group| group.rows).sum())),
            Field(4, Value::List(groups)),
            Field(6, Value::Text(WRITER)),
        ])
    }

    /// RowGroup: its columns, bytes and rows.
    fn group_of(&self, group: &Group) -> Vec<Field<'_>> {
        let chunks = self.columns.iter().zip(&group.chunks).map(|((name, kind), chunk)| {
            let meta = vec![
                Field(1, Value::Int(kind.physical())),
                // Plain values.
                Field(2, Value::List(vec![Value::Int(0)])),
                Field(3, Value::List(vec![Value::Text(name)])),
                // Not compressed.
                Field(4, Value::Int(0)),
                Field(5, Value::Long(group.rows)),
                Field(6, Value::Long(chunk.bytes)),
                Field(7, Value::Long(chunk.bytes)),
                Field(9, Value::Long(chunk.offset)),
            ];
            Value::Struct(vec![Field(2, Value::Long(chunk.offset)), Field(3, Value::Struct(meta))])
        });
        vec![
            Field(1, Value::List(chunks.collect())),
            Field(2, Value::Long(group.chunks.iter().map(|chunk| chunk.bytes).sum())),
            Field(3, Value::Long(group.rows)),
        ]
    }
}

/// SchemaElement of a required column.
fn element(name: &'static str, kind: Kind) -> Vec<Field<'static>> {
    let mut fields = vec![Field(1, Value::Int(kind.physical()))];
    if kind == Kind::Amount {
        fields.push(Field(2, Value::Int(AMOUNT_BYTES)));
    }
    fields.extend([Field(3, Value::Int(0)), Field(4, Value::Text(name))]);
    fields.extend(kind.converted().map(|converted| Field(6, Value::Int(converted))));
    if kind == Kind::Amount {
        fields.extend([Field(7, Value::Int(0)), Field(8, Value::Int(38))]);
    }
    fields
}

/// PageHeader of plain values without levels.
fn page_header(rows: i64, bytes: usize) -> Vec<u8> {
    // Levels are absent where columns are required; the format wants their encoding all the same (RLE).
    let data = vec![
        Field(1, Value::Int(i32::try_from(rows).unwrap_or(i32::MAX))),
        Field(2, Value::Int(0)),
        Field(3, Value::Int(3)),
        Field(4, Value::Int(3)),
    ];
    structure(&[Field(1, Value::Int(0)), Field(2, Value::Int(int(bytes))), Field(3, Value::Int(int(bytes))), Field(5, Value::Struct(data))])
}

/// A group's page is far smaller than what these hold.
fn int(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn long(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
