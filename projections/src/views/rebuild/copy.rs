//! Rows in bulk: COPY on PostgreSQL, statements of many rows on SQLite.

use sqlx::{Postgres, Transaction};

use crate::db::Tx;
use crate::model::{Column, Value};
use crate::views::error::ViewError;
use crate::views::keyed::Changed;
use crate::views::sql::{Rows, Upsert};

/// Bytes that are sent at once.
const PIECE: usize = 100_000;
/// Keys deleted by one statement.
const DELETES: usize = 1_000;

/// Writes rows of a table that nobody else writes to.
pub(super) async fn write(tx: &mut Tx, rows: &Rows<'_>, columns: &[Column], changed: Vec<Changed>) -> Result<(), ViewError> {
    let (mut new, mut known, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for Changed { key, row, position, stored } in changed {
        match (row, stored) {
            (Some(row), false) => new.push(Upsert { key, row, position }),
            (Some(row), true) => known.push(Upsert { key, row, position }),
            (None, true) => gone.push(key),
            (None, false) => {}
        }
    }
    match tx {
        Tx::Postgres(postgres) => copy(postgres, rows, columns, &new).await?,
        Tx::Sqlite(_) => known.append(&mut new),
    }
    for statement in rows.upserts(known)? {
        tx.execute(statement).await?;
    }
    for gone in gone.chunks(DELETES) {
        tx.execute(rows.delete(gone)).await?;
    }
    Ok(())
}

async fn copy(tx: &mut Transaction<'static, Postgres>, rows: &Rows<'_>, columns: &[Column], new: &[Upsert]) -> Result<(), sqlx::Error> {
    if new.is_empty() {
        return Ok(());
    }
    let names = columns.iter().map(|column| format!(", \"{}\"", column.name)).collect::<String>();
    let mut sink = tx.copy_in_raw(&format!("copy {} (key, doc, position{names}) from stdin", rows.table())).await?;
    let mut piece = Vec::with_capacity(PIECE + PIECE / 4);
    for row in new {
        line(&mut piece, row);
        if piece.len() >= PIECE {
            sink.send(piece.as_slice()).await?;
            piece.clear();
        }
    }
    sink.send(piece.as_slice()).await?;
    sink.finish().await?;
    Ok(())
}

/// One row in COPY's text format.
fn line(out: &mut Vec<u8>, Upsert { key, row, position }: &Upsert) {
    escaped(out, key);
    out.push(b'\t');
    escaped(out, &row.doc);
    out.push(b'\t');
    out.extend_from_slice(position.to_string().as_bytes());
    for value in &row.index {
        out.push(b'\t');
        match value {
            Value::Null => out.extend_from_slice(b"\\N"),
            Value::Text(text) => escaped(out, text),
            Value::Uuid(uuid) => out.extend_from_slice(uuid.to_string().as_bytes()),
            Value::BigInt(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Bool(yes) => out.push(if *yes { b't' } else { b'f' }),
            Value::Timestamp(at) => out.extend_from_slice(at.as_microsecond().to_string().as_bytes()),
        }
    }
    out.push(b'\n');
}

fn escaped(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::definition::StoredRow;

    #[test]
    fn what_would_end_a_field_is_escaped() {
        let row = StoredRow {
            doc: "{\"a\":\"b\\\\c\"}".to_owned(),
            index: vec![Value::Null, "x\ty\nz\\".into(), true.into(), (-7_i64).into()],
            place: None,
        };
        let mut out = Vec::new();
        line(&mut out, &Upsert { key: "k".to_owned(), row, position: 9 });
        assert_eq!(String::from_utf8_lossy(&out), "k\t{\"a\":\"b\\\\\\\\c\"}\t9\t\\N\tx\\ty\\nz\\\\\tt\t-7\n");
    }
}
