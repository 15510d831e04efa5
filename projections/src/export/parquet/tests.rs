use sha2::{Digest as _, Sha256};

use super::*;

const COLUMNS: &[(&str, Kind)] = &[("n", Kind::Number), ("name", Kind::Text), ("amount", Kind::Amount), ("day", Kind::Day)];

fn row(table: &mut Table, n: i64) {
    table.row(&[Cell::Long(n), Cell::Text("이름"), Cell::Amount(-i128::from(n)), Cell::Int(20_000)]);
}

/// The footer's bytes.
fn footer(file: &[u8]) -> &[u8] {
    let end = file.len() - 8;
    let length = u32::from_le_bytes([file[end], file[end + 1], file[end + 2], file[end + 3]]);
    &file[end - usize::try_from(length).unwrap_or(0)..end]
}

#[test]
fn a_file_begins_and_ends_as_the_format_says() {
    let mut table = Table::new(COLUMNS);
    row(&mut table, 7);
    table.finish();
    let file = table.take();
    assert!(file.starts_with(MAGIC) && file.ends_with(MAGIC));
    assert_eq!(footer(&file), table.footer());
    // The first page: its header, then the number as it is.
    let header = page_header(1, 8);
    assert_eq!(file[4..4 + header.len()], header);
    assert_eq!(file[4 + header.len()..][..8], 7_i64.to_le_bytes());
    let name = [&6_u32.to_le_bytes()[..], "이름".as_bytes()].concat();
    assert!(file.windows(name.len()).any(|bytes| bytes == name));
    assert!(file.windows(16).any(|bytes| bytes == (-7_i128).to_be_bytes()));
}

/// These very bytes were read back by another implementation (pyarrow 26): three rows, every value as it went in. The same books are to be
/// the same bytes for ever, since their digest is on record.
#[test]
fn the_bytes_are_those_that_another_implementation_reads() {
    let mut table = Table::new(COLUMNS);
    (1..=3).for_each(|n| row(&mut table, n));
    table.finish();
    let file = table.take();
    assert_eq!(file.len(), 399);
    let digest: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "a6d57a592f2effc5987d6d938648e50595cf05f859b8cbcf04288863018ad026");
}

#[test]
fn groups_leave_as_they_fill() {
    let (mut table, mut file) = (Table::new(COLUMNS), Vec::new());
    for n in 0..2 * GROUP + 3 {
        row(&mut table, long(n));
        assert!(table.waiting() < 600 * GROUP);
        file.extend(table.take());
    }
    table.finish();
    file.extend(table.take());
    assert_eq!(table.groups.iter().map(|group| group.rows).collect::<Vec<_>>(), [8_192, 8_192, 3]);
    for group in &table.groups {
        for chunk in &group.chunks {
            let at = usize::try_from(chunk.offset).unwrap_or(0);
            assert_eq!(file[at], 0x15, "a page's header begins with its type");
        }
    }
    assert_eq!(table.length, long(file.len()));
}

#[test]
fn no_rows_are_a_table_too() {
    let mut table = Table::new(COLUMNS);
    table.finish();
    let file = table.take();
    assert!(file.starts_with(MAGIC) && file.len() == 4 + footer(&file).len() + 8);
}
