//! The tree's tables: signed heads, full tiles, public keys; and the leaves, which are columns of the events.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, Transaction};

use super::head::{SignedHead, TreeHead};
use super::note::VerifierKey;
use super::tile::{FullTile, HEIGHT, MAX_LEVEL, TILE_BYTES, Tiler, WIDTH};
use crate::error::LogError;
use crate::filter::{Query, Value};
use crate::merkle::Hash;
use crate::recorded::{signed, unsigned};
use crate::store::{Store, bound};

/// A database transaction that writes; dropped without a commit it is rolled back.
pub(super) enum Tx {
    Sqlite(Transaction<'static, sqlx::Sqlite>),
    Postgres(Transaction<'static, sqlx::Postgres>),
}

impl Tx {
    pub(super) async fn begin(store: &Store) -> Result<Self, sqlx::Error> {
        Ok(match store {
            Store::Sqlite(store) => Self::Sqlite(store.begin_beside().await?),
            Store::Postgres(store) => Self::Postgres(store.begin_beside().await?),
        })
    }

    /// Runs a statement; the rows that it gives.
    pub(super) async fn run<T>(&mut self, query: Query) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let sql = AssertSqlSafe(query.sql);
        match self {
            Self::Sqlite(tx) => bound(sqlx::query_as(sql), query.values).fetch_all(&mut **tx).await,
            Self::Postgres(tx) => bound(sqlx::query_as(sql), query.values).fetch_all(&mut **tx).await,
        }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}

/// A signed head with its number, which tells the newest whatever its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NumberedHead {
    pub id: i64,
    pub signed: SignedHead,
}

/// A head's row: id, origin, size, root, note.
pub(crate) type HeadRow = (i64, String, i64, Vec<u8>, String);

/// A head as its row has it.
pub(crate) fn head_row((id, origin, size, root, note): HeadRow) -> Result<(i64, SignedHead), LogError> {
    let damaged = || LogError::Damaged(format!("the signed head {id}"));
    let head = TreeHead { origin, size: unsigned(size).ok_or_else(damaged)?, root: fixed(root).ok_or_else(damaged)? };
    Ok((id, SignedHead { head, note }))
}

fn fixed(bytes: Vec<u8>) -> Option<Hash> {
    bytes.try_into().ok()
}

/// The newest head, of one origin or of any.
pub(super) async fn newest(store: &Store, origin: Option<&str>) -> Result<Option<NumberedHead>, LogError> {
    let query = Query::new("select id, origin, size, root, note from signed_heads");
    let query = match origin {
        Some(origin) => query.bind(" where origin = ", Value::Text(origin.to_owned())),
        None => query,
    };
    let row = store.fetch::<HeadRow>(query.text(" order by id desc limit 1")).await?.pop();
    row.map(|row| head_row(row).map(|(id, signed)| NumberedHead { id, signed })).transpose()
}

/// The heads of an origin at a size, each with when it was signed; with the newest one first.
pub(super) async fn at_size(store: &Store, origin: &str, size: u64) -> Result<Vec<(SignedHead, i64)>, LogError> {
    let query = Query::new("select id, origin, size, root, note, signed_at from signed_heads")
        .bind(" where origin = ", Value::Text(origin.to_owned()))
        .bind(" and size = ", Value::Integer(signed(size)))
        .text(" order by id desc");
    let rows = store.fetch::<(i64, String, i64, Vec<u8>, String, i64)>(query).await?;
    let read = |(id, origin, size, root, note, at)| head_row((id, origin, size, root, note)).map(|(_, head)| (head, at));
    rows.into_iter().map(read).collect()
}

/// The public keys that have signed for an origin, the latest first.
pub(super) async fn keys(store: &Store, origin: &str) -> Result<Vec<VerifierKey>, LogError> {
    let query = Query::new("select vkey from tree_keys").bind(" where origin = ", Value::Text(origin.to_owned()));
    let rows = store.fetch::<(String,)>(query.text(" order by first_used_at desc, vkey")).await?;
    rows.iter().map(|(vkey,)| vkey.parse().map_err(|_| LogError::Damaged(format!("the key {vkey}")))).collect()
}

/// The leaves after a position, up to another; all of them, or the log is damaged.
pub(super) async fn leaves(store: &Store, after: u64, up_to: u64) -> Result<Vec<Hash>, LogError> {
    let query = Query::new("select position, leaf from events")
        .bind(" where position > ", Value::Integer(signed(after)))
        .bind(" and position <= ", Value::Integer(signed(up_to)))
        .text(" order by position");
    let rows = store.fetch::<(i64, Vec<u8>)>(query).await?;
    let leaf = |(expected, (position, leaf)): (u64, (i64, Vec<u8>))| {
        (unsigned(position) == Some(expected)).then(|| fixed(leaf)).flatten().ok_or_else(|| missing(expected))
    };
    let leaves = (after + 1..).zip(rows).map(leaf).collect::<Result<Vec<_>, _>>()?;
    if leaves.len() as u64 == up_to - after { Ok(leaves) } else { Err(missing(after + 1 + leaves.len() as u64)) }
}

fn missing(position: u64) -> LogError {
    LogError::Damaged(format!("there is no leaf at position {position}"))
}

/// A full tile, if it was stored.
async fn full_tile(store: &Store, origin: &str, level: u32, number: u64) -> Result<Option<Vec<Hash>>, LogError> {
    let query = Query::new("select hashes from tree_tiles")
        .bind(" where level = ", Value::Integer(i64::from(level)))
        .bind(" and number = ", Value::Integer(signed(number)))
        .bind(" and origin = ", Value::Text(origin.to_owned()));
    let row = store.fetch::<(Vec<u8>,)>(query).await?.pop();
    row.map(|(bytes,)| hashes(&bytes).ok_or_else(|| LogError::Damaged(format!("the tile {number} of level {level}")))).transpose()
}

/// The hashes of a full tile.
pub(crate) fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (bytes.len() == TILE_BYTES && rest.is_empty()).then(|| hashes.to_vec())
}

/// The first hashes of a tile; the caller knows that a signed tree has them. A tile that is full is read as such; of another, the
/// hashes are the leaves themselves or stand beside the full tiles one level down.
pub(super) async fn tile_hashes(store: &Store, origin: &str, level: u32, number: u64, width: u64) -> Result<Vec<Hash>, LogError> {
    let wanted = usize::try_from(width.min(WIDTH)).unwrap_or(usize::MAX);
    if wanted == 0 {
        return Ok(Vec::new());
    }
    if let Some(mut hashes) = full_tile(store, origin, level, number).await? {
        hashes.truncate(wanted);
        return Ok(hashes);
    }
    let from = number * WIDTH;
    if level == 0 {
        return leaves(store, from, from + width).await;
    }
    let query = Query::new("select number, root from tree_tiles")
        .bind(" where level = ", Value::Integer(i64::from(level - 1)))
        .bind(" and number >= ", Value::Integer(signed(from)))
        .bind(" and number < ", Value::Integer(signed(from + width)))
        .bind(" and origin = ", Value::Text(origin.to_owned()))
        .text(" order by number");
    let rows = store.fetch::<(i64, Vec<u8>)>(query).await?;
    let root = |(expected, (number, root)): (u64, (i64, Vec<u8>))| (unsigned(number) == Some(expected)).then(|| fixed(root)).flatten();
    let roots: Option<Vec<_>> = (from..).zip(rows).map(root).collect();
    let damaged = || LogError::Damaged(format!("tiles of level {} are missing", level - 1));
    roots.filter(|roots| roots.len() == wanted).ok_or_else(damaged)
}

/// The tiler of an origin's tree at a size that it has reached.
pub(super) async fn tiler_at(store: &Store, origin: &str, size: u64) -> Result<Tiler, LogError> {
    let mut open = Vec::new();
    for level in 0..=MAX_LEVEL {
        let hashes = size >> (HEIGHT * level);
        open.push(tile_hashes(store, origin, level, hashes / WIDTH, hashes % WIDTH).await?);
    }
    Ok(Tiler::at(size, open))
}

/// Writes tiles within a database transaction.
pub(super) async fn insert_tiles(tx: &mut Tx, origin: &str, tiles: &[FullTile]) -> Result<(), sqlx::Error> {
    if tiles.is_empty() {
        return Ok(());
    }
    let mut query = Query::new("insert into tree_tiles (origin, level, number, root, hashes) values ");
    for (i, tile) in tiles.iter().enumerate() {
        query = query
            .bind(if i == 0 { "(" } else { "), (" }, Value::Text(origin.to_owned()))
            .bind(", ", Value::Integer(i64::from(tile.level)))
            .bind(", ", Value::Integer(signed(tile.number)))
            .bind(", ", Value::Bytes(tile.root.to_vec()))
            .bind(", ", Value::Bytes(tile.hashes.concat()));
    }
    tx.run::<()>(query.text(")")).await?;
    Ok(())
}

/// Writes a head within a database transaction. Its number is the guard: of two who seal at once, the second finds it taken.
pub(super) async fn insert_head(tx: &mut Tx, head: &NumberedHead, signed_at: i64) -> Result<(), sqlx::Error> {
    let query = Query::new("insert into signed_heads (id, origin, size, root, note, signed_at) values (")
        .bind("", Value::Integer(head.id))
        .bind(", ", Value::Text(head.signed.head.origin.clone()))
        .bind(", ", Value::Integer(signed(head.signed.head.size)))
        .bind(", ", Value::Bytes(head.signed.head.root.to_vec()))
        .bind(", ", Value::Text(head.signed.note.clone()))
        .bind(", ", Value::Integer(signed_at));
    tx.run::<()>(query.text(")")).await?;
    Ok(())
}

/// Notes a public key that signs, where it is new.
pub(super) async fn insert_key(tx: &mut Tx, key: &VerifierKey, at: i64) -> Result<(), sqlx::Error> {
    let query = Query::new("insert into tree_keys (vkey, origin, first_used_at) select ")
        .bind("", Value::Text(key.to_string()))
        .bind(", ", Value::Text(key.name().to_owned()))
        .bind(", ", Value::Integer(at))
        .bind(" where not exists (select 1 from tree_keys where vkey = ", Value::Text(key.to_string()));
    tx.run::<()>(query.text(")")).await?;
    Ok(())
}
