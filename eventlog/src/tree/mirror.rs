//! The audit of a copy of what a log serves, in a folder, without a database: do the tiles lead to its signed head, do the entries hash to
//! their leaves, and is every head that was kept the beginning of it?

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::head::{HeadError, SignedHead, TreeHead};
use super::note::VerifierKey;
use super::store::hashes;
use super::tile::{TILE_BYTES, TileKind, TileName, Tiler, WIDTH};
use crate::leaf::MAX_LEAF_BYTES;
use crate::merkle::Hash;

/// Bytes of a leaf record before and after its position.
const POSITION: std::ops::Range<usize> = 1..9;

/// What does not hold.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MirrorError {
    /// A file is not there or cannot be read.
    #[error("{path}: {cause}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: Arc<Error>,
    },
    /// A signed head cannot be trusted.
    #[error("{which}: {cause}")]
    Head {
        /// Which one.
        which: String,
        /// Why not.
        cause: HeadError,
    },
    /// A head that was kept is of another log.
    #[error("the head that was kept is of {0}, which is another log")]
    Origin(String),
    /// The log has become smaller than a head that was kept.
    #[error("the log signed {kept} events before and shows {now} now: events were taken away")]
    Shorter {
        /// Size of the head that was kept.
        kept: u64,
        /// Size of the head that is served.
        now: u64,
    },
    /// The log's beginning is not the one that it signed before.
    #[error("the first {0} events are not those that the log signed before: its history was rewritten")]
    Rewritten(u64),
    /// A tile has another length than its name says.
    #[error("the tile {0} is not as long as its name says")]
    Length(String),
    /// The tiles do not lead to the head that is served with them.
    #[error("the tiles do not lead to the root that the log signed at {0} events")]
    Root(u64),
    /// A tile does not follow from those below it.
    #[error("the tile {0} does not follow from those below it")]
    Tile(String),
    /// The bytes of an entry are not those of its leaf.
    #[error("position {0}: the entry is not the one that was sealed")]
    Entry(u64),
}

/// A copy that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// The head that is served.
    pub head: TreeHead,
    /// Entries that were there, and hash to their leaves.
    pub entries: u64,
    /// Full tiles above the leaves that were there, and follow from those below.
    pub tiles: u64,
}

/// Audits a copy: `checkpoint` and `tile/…` as they are served. `kept` are notes that the auditor has kept; `progress` is told how many
/// leaves of how many were looked at.
///
/// # Errors
/// [`MirrorError`] names the first thing that does not hold.
pub fn audit(folder: &Path, keys: &[VerifierKey], kept: &[String], mut progress: impl FnMut(u64, u64)) -> Result<Mirrored, MirrorError> {
    let path = folder.join("checkpoint");
    let note = std::fs::read_to_string(&path).map_err(|cause| failed(&path, cause))?;
    let head = trusted("checkpoint".to_owned(), &note, keys)?;
    let mut kept =
        kept.iter().enumerate().map(|(i, note)| trusted(format!("kept head {}", i + 1), note, keys)).collect::<Result<Vec<_>, _>>()?;
    kept.sort_by_key(|kept| kept.size);
    if let Some(other) = kept.iter().find(|kept| kept.origin != head.origin) {
        return Err(MirrorError::Origin(other.origin.clone()));
    }
    if let Some(longer) = kept.iter().find(|kept| kept.size > head.size) {
        return Err(MirrorError::Shorter { kept: longer.size, now: head.size });
    }
    let mut audit = Audit { folder, tiler: Tiler::default(), kept: kept.into_iter().peekable(), entries: 0, tiles: 0 };
    audit.kept_heads()?;
    while audit.tiler.size() < head.size {
        audit.tile(head.size)?;
        progress(audit.tiler.size(), head.size);
    }
    if audit.tiler.root() != head.root {
        return Err(MirrorError::Root(head.size));
    }
    Ok(Mirrored { head, entries: audit.entries, tiles: audit.tiles })
}

fn trusted(which: String, note: &str, keys: &[VerifierKey]) -> Result<TreeHead, MirrorError> {
    SignedHead::trusted(note, keys).map(|signed| signed.head).map_err(|cause| MirrorError::Head { which, cause })
}

struct Audit<'f, K: Iterator<Item = TreeHead>> {
    folder: &'f Path,
    tiler: Tiler,
    kept: std::iter::Peekable<K>,
    entries: u64,
    tiles: u64,
}

impl<K: Iterator<Item = TreeHead>> Audit<'_, K> {
    /// The next tile of leaves, with its entries and the tiles that get full by it.
    fn tile(&mut self, size: u64) -> Result<(), MirrorError> {
        let number = self.tiler.size() / WIDTH;
        let width = (size - number * WIDTH).min(WIDTH);
        let name = |kind| TileName { kind, number, width };
        let wanted = name(TileKind::Hashes(0));
        let mut bytes = self.read(&wanted)?.ok_or_else(|| failed(&self.path(&wanted), ErrorKind::NotFound.into()))?;
        // A full tile may stand in for a part of it.
        let length = usize::try_from(width * 32).unwrap_or(TILE_BYTES);
        if bytes.len() != length && bytes.len() != TILE_BYTES {
            return Err(MirrorError::Length(wanted.to_string()));
        }
        bytes.truncate(length);
        let leaves: Vec<Hash> = bytes.as_chunks::<32>().0.to_vec();
        if let Some(bundle) = self.read(&name(TileKind::Entries))? {
            self.entries(number * WIDTH, &leaves, &bundle)?;
        }
        for leaf in leaves {
            for full in self.tiler.push(leaf).into_iter().filter(|full| full.level > 0) {
                let name = TileName { kind: TileKind::Hashes(full.level), number: full.number, width: WIDTH };
                match self.read(&name)? {
                    Some(bytes) if hashes(&bytes).as_ref() == Some(&full.hashes) => self.tiles += 1,
                    Some(_) => return Err(MirrorError::Tile(name.to_string())),
                    None => {}
                }
            }
            self.kept_heads()?;
        }
        Ok(())
    }

    /// Every entry hashes to its leaf and says its own position, so that none is missing.
    fn entries(&mut self, after: u64, leaves: &[Hash], bundle: &[u8]) -> Result<(), MirrorError> {
        let mut rest = bundle;
        for (position, leaf) in (after + 1..).zip(leaves) {
            let entry =
                rest.split_first_chunk::<2>().and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
            let (entry, after) = entry.ok_or(MirrorError::Entry(position))?;
            let hash: Hash = Sha256::new().chain_update([0]).chain_update(entry).finalize().into();
            let says = entry.get(POSITION).is_some_and(|bytes| bytes == position.to_be_bytes());
            if hash != *leaf || !says || entry.len() > MAX_LEAF_BYTES {
                return Err(MirrorError::Entry(position));
            }
            rest = after;
            self.entries += 1;
        }
        Ok(())
    }

    fn kept_heads(&mut self) -> Result<(), MirrorError> {
        while let Some(kept) = self.kept.next_if(|kept| kept.size == self.tiler.size()) {
            if kept.root != self.tiler.root() {
                return Err(MirrorError::Rewritten(kept.size));
            }
        }
        Ok(())
    }

    fn path(&self, name: &TileName) -> PathBuf {
        self.folder.join("tile").join(name.to_string())
    }

    /// A tile, or the full one of which it is a part; none when neither is there.
    fn read(&self, name: &TileName) -> Result<Option<Vec<u8>>, MirrorError> {
        for name in [*name, TileName { width: WIDTH, ..*name }] {
            let path = self.path(&name);
            match std::fs::read(&path) {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Ok(None)
    }
}

fn failed(path: &Path, cause: Error) -> MirrorError {
    MirrorError::File { path: path.to_owned(), cause: Arc::new(cause) }
}
