//! What is served of the tree: the newest head, the keys, tiles, entries, proofs. Whatever a signed head does not cover is not there.

use std::collections::HashMap;
use std::ops::Range;

use super::head::SignedHead;
use super::note::{SignedNote, VerifierKey};
use super::proof;
use super::store;
use super::tile::{HEIGHT, TileKind, TileName, WIDTH, root};
use super::tlog_proof::TlogProof;
use crate::config::{Config, KeySource, StoreUrl};
use crate::error::LogError;
use crate::filter::{Query, Value};
use crate::log::Log;
use crate::merkle::{Frontier, Hash};
use crate::recorded::Recorded;
use crate::store::Store;

/// Most keys that are listed.
const MAX_KEYS: i64 = 1_000;

/// The tree of one log, read. Cheap to clone.
#[derive(Clone)]
pub struct Tree {
    store: Store,
}

impl Log {
    /// The tree over this log.
    #[must_use]
    pub fn tree(&self) -> Tree {
        Tree { store: self.inner.store.clone() }
    }
}

impl Tree {
    /// The tree of a book that is not opened otherwise; nothing is written.
    ///
    /// # Errors
    /// When the store cannot be reached or is not of this program's schema.
    pub async fn open(url: &StoreUrl) -> Result<Self, LogError> {
        let config = Config { url: url.clone(), secret: [0; 32], migrate: false, keys: KeySource::Absent };
        Ok(Self { store: Store::open(&config, false).await? })
    }

    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// Closes what [`Tree::open`] has opened.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// The head that was signed last; none before the log was sealed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn head(&self) -> Result<Option<SignedHead>, LogError> {
        Ok(store::newest(&self.store, None).await?.map(|head| head.signed))
    }

    /// Every public key that ever signed: those of the newest head first, then the others of its origin, then the rest.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn keys(&self) -> Result<Vec<VerifierKey>, LogError> {
        let query = Query::new("select vkey from tree_keys order by first_used_at desc, vkey").bind(" limit ", Value::Integer(MAX_KEYS));
        let rows = self.store.fetch::<(String,)>(query).await?;
        let read = |(vkey,): &(String,)| vkey.parse().map_err(|_| LogError::Damaged(format!("the key {vkey}")));
        let mut keys: Vec<VerifierKey> = rows.iter().map(read).collect::<Result<_, _>>()?;
        if let Some(newest) = self.head().await? {
            let note: Option<SignedNote> = newest.note.parse().ok();
            let signs = |key: &VerifierKey| note.as_ref().is_some_and(|note| note.names(key));
            keys.sort_by_key(|key| (!signs(key), key.name() != newest.head.origin));
        }
        Ok(keys)
    }

    /// The public keys that have signed for one origin, the latest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn keys_of(&self, origin: &str) -> Result<Vec<VerifierKey>, LogError> {
        store::keys(&self.store, origin).await
    }

    /// The bytes of a tile (c2sp.org/tlog-tiles); none when the newest head does not cover as much of it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tile(&self, name: TileName) -> Result<Option<Vec<u8>>, LogError> {
        let Some(newest) = self.head().await?.filter(|newest| name.within(newest.head.size)) else { return Ok(None) };
        match name.kind {
            TileKind::Hashes(level) => {
                Ok(Some(store::tile_hashes(&self.store, &newest.head.origin, level, name.number, name.width).await?.concat()))
            }
            TileKind::Entries => self.entries(name.number * WIDTH, name.width).await.map(Some),
        }
    }

    /// The leaf records after a position, each behind its length in two bytes.
    async fn entries(&self, after: u64, count: u64) -> Result<Vec<u8>, LogError> {
        let events = self.store.read(after, usize::try_from(count).unwrap_or(usize::MAX)).await?;
        let mut bundle = Vec::new();
        for (expected, event) in (after + 1..).zip(&events) {
            let record = event.leaf_bytes().ok().filter(|_| event.position == expected);
            let record = record.and_then(|record| Some((u16::try_from(record.len()).ok()?, record)));
            let (length, record) = record.ok_or_else(|| altered(expected))?;
            bundle.extend(length.to_be_bytes());
            bundle.extend(record);
        }
        if events.len() as u64 == count { Ok(bundle) } else { Err(altered(after + 1 + events.len() as u64)) }
    }

    /// The event at a position; none when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn event(&self, position: u64) -> Result<Option<Recorded>, LogError> {
        let Some(after) = position.checked_sub(1) else { return Ok(None) };
        Ok(self.store.read(after, 1).await?.pop().filter(|event| event.position == position))
    }

    /// The proof that the event at a position is under the newest head; none while it is not sealed. What is given holds: an event that
    /// was altered since, or a tree that does not lead to its head, is an error.
    ///
    /// # Errors
    /// When the store cannot be read; [`LogError::Damaged`].
    pub async fn prove(&self, position: u64) -> Result<Option<TlogProof>, LogError> {
        match self.head().await? {
            Some(head) => self.prove_under(position, head).await,
            None => Ok(None),
        }
    }

    /// [`Tree::prove`] under a head that this log has signed before; none when that does not cover the position.
    ///
    /// # Errors
    /// Like [`Tree::prove`]; a head that is not this log's does not follow from its tiles, and is damage, too.
    pub async fn prove_under(&self, position: u64, head: SignedHead) -> Result<Option<TlogProof>, LogError> {
        let size = head.head.size;
        let index = position.checked_sub(1);
        let Some((index, ranges)) = index.and_then(|index| Some((index, proof::inclusion(index, size)?))) else { return Ok(None) };
        let event = self.event(position).await?.ok_or_else(|| altered(position))?;
        let mut hashes = Hashes::new(&self.store, &head.head.origin, size);
        let leaf = hashes.range(index..position).await?;
        if event.leaf_hash().ok() != Some(leaf) {
            return Err(altered(position));
        }
        let path = hashes.all(ranges).await?;
        if proof::root_of_inclusion(index, size, &leaf, &path) != Some(head.head.root) {
            return Err(LogError::Damaged(format!("the tiles do not lead to the root that was signed at {size} events")));
        }
        Ok(Some(TlogProof { extra: None, index, path, head }))
    }

    /// The proof that a tree of `old` leaves is the beginning of the newest one; none when it is not smaller or equal.
    ///
    /// # Errors
    /// When the store cannot be read; [`LogError::Damaged`].
    pub async fn consistency(&self, old: u64) -> Result<Option<Vec<Hash>>, LogError> {
        let Some(SignedHead { head, .. }) = self.head().await? else { return Ok(None) };
        let Some(ranges) = proof::consistency(old, head.size) else { return Ok(None) };
        Hashes::new(&self.store, &head.origin, head.size).all(ranges).await.map(Some)
    }
}

fn altered(position: u64) -> LogError {
    LogError::Damaged(format!("position {position} is not the event that was sealed"))
}

/// Hashes of ranges of a tree, from its tiles; each is read once.
struct Hashes<'a> {
    store: &'a Store,
    origin: &'a str,
    size: u64,
    tiles: HashMap<(u32, u64), Vec<Hash>>,
}

impl<'a> Hashes<'a> {
    fn new(store: &'a Store, origin: &'a str, size: u64) -> Self {
        Self { store, origin, size, tiles: HashMap::new() }
    }

    async fn all(&mut self, ranges: Vec<Range<u64>>) -> Result<Vec<Hash>, LogError> {
        let mut hashes = Vec::with_capacity(ranges.len());
        for range in ranges {
            hashes.push(self.range(range).await?);
        }
        Ok(hashes)
    }

    /// The hash over a range that a proof asks for: it begins at a multiple of the power of two that is not below its length.
    async fn range(&mut self, range: Range<u64>) -> Result<Hash, LogError> {
        let (mut tree, mut at) = (Frontier::default(), range.start);
        while at < range.end {
            let fits = (range.end - at).ilog2();
            let height = fits.min((at - range.start).trailing_zeros());
            tree.push_subtree(self.subtree(height, at >> height).await?, height);
            at += 1 << height;
        }
        Ok(tree.root())
    }

    /// The root of a perfect subtree: some hashes of one tile.
    async fn subtree(&mut self, height: u32, number: u64) -> Result<Hash, LogError> {
        let (level, within) = (height / HEIGHT, height % HEIGHT);
        let first = number << within;
        let (tile, offset) = (first / WIDTH, first % WIDTH);
        if !self.tiles.contains_key(&(level, tile)) {
            let width = ((self.size >> (HEIGHT * level)) - tile * WIDTH).min(WIDTH);
            let hashes = store::tile_hashes(self.store, self.origin, level, tile, width).await?;
            self.tiles.insert((level, tile), hashes);
        }
        let range = usize::try_from(offset).ok().and_then(|from| Some(from..from.checked_add(1 << within)?));
        let hashes = self.tiles.get(&(level, tile)).zip(range).and_then(|(hashes, range)| hashes.get(range));
        hashes.map(root).ok_or_else(|| LogError::Damaged(format!("tile {tile} of level {level} is too short")))
    }
}
