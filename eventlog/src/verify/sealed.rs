//! The tree, in step with the events: every signed head against the root at its size, every full tile against its hashes, and the heads
//! that somebody kept outside of the database.
//!
//! Heads and tiles come in pages, so memory does not grow with the log. What does not hold is named by position where a stored tile still
//! tells which event was sealed there, else by the range that no earlier head vouches for.

use std::collections::{HashSet, VecDeque};

use super::check::Checker;
use super::source::Source;
use super::{Fault, Halt, Wrong};
use crate::error::LogError;
use crate::merkle::Hash;
use crate::tree::{FullTile, HeadRow, SignedHead, Tiler, TreeHead, VerifierKey, hashes, head_row};

/// Heads and tiles of one query.
const HEADS: u64 = 1_000;
const TILES: u64 = 64;
/// Signatures that are checked, at least where there are so many heads; besides, that of the newest head of every origin. The root of
/// every head is compared, and whatever a newer head vouches for, an older one does, too.
const SIGNATURES: u64 = 10_000;

/// A tile's row: number, origin, root, hashes.
type TileRow = (i64, String, Vec<u8>, Vec<u8>);

/// A head that was kept outside of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it says.
    pub head: TreeHead,
    /// Who kept it.
    pub by: Keeper,
}

/// Who kept a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Somebody who wants to know: it always counts.
    Auditor,
    /// The server, in its folder of heads: it counts until an operator has begun another origin.
    Server,
}

/// A head to compare with; one without a number was kept outside.
struct Due {
    id: Option<i64>,
    signed: SignedHead,
}

/// What is known of the tree so far.
pub(super) struct Sealed {
    source: Source,
    /// None for a range that does not begin with 1: the tree is not known then.
    tiler: Option<Tiler>,
    kept: VecDeque<TreeHead>,
    /// The next heads by size; `read` is the last that was asked for, none when there are no more.
    heads: VecDeque<Due>,
    read: Option<(u64, i64)>,
    /// The next tiles of level 0, and up to which number they were asked for.
    tiles: VecDeque<TileRow>,
    tiles_to: u64,
    keys: Vec<VerifierKey>,
    /// Numbers of the newest heads, and of how many heads one signature is checked.
    newest: HashSet<i64>,
    one_of: u64,
    /// Size of the last head that holds, and how many do.
    holds: u64,
    seen: u64,
}

impl Sealed {
    pub(super) async fn open(mut source: Source, from: u64, kept: &[Kept]) -> Result<Self, LogError> {
        let origin = source.rows::<(String,)>("select origin from signed_heads order by id desc limit 1").await?.pop();
        let counts = |kept: &&Kept| match kept.by {
            Keeper::Auditor => true,
            Keeper::Server => origin.as_ref().is_none_or(|(origin,)| *origin == kept.head.origin),
        };
        let mut kept: Vec<_> = kept.iter().filter(counts).map(|kept| kept.head.clone()).collect();
        kept.sort_by_key(|head| head.size);
        let keys = source.rows::<(String,)>("select vkey from tree_keys order by vkey").await?;
        let keys = keys.iter().filter_map(|(vkey,)| vkey.parse().ok()).collect();
        let newest = source.rows::<(i64,)>("select max(id) from signed_heads group by origin").await?;
        let count = source.number("select count(*) from signed_heads").await?.unwrap_or(0).unsigned_abs();
        Ok(Self {
            source,
            tiler: (from == 1).then(Tiler::default),
            kept: kept.into(),
            heads: VecDeque::new(),
            read: Some((0, i64::MIN)),
            tiles: VecDeque::new(),
            tiles_to: 0,
            keys,
            newest: newest.into_iter().map(|(id,)| id).collect(),
            one_of: count.div_ceil(SIGNATURES).max(1),
            holds: 0,
            seen: 0,
        })
    }

    /// How many heads hold.
    pub(super) const fn seen(&self) -> u64 {
        self.seen
    }

    /// Before the first event: the heads of the empty log.
    pub(super) async fn begin(&mut self, checker: &Checker) -> Result<(), Halt> {
        self.heads_at(0, checker).await
    }

    /// The next event, which the checker has just taken.
    pub(super) async fn event(&mut self, checker: &Checker) -> Result<(), Halt> {
        let Some(tiler) = &mut self.tiler else { return Ok(()) };
        let full = tiler.push(checker.leaf());
        let size = tiler.size();
        for tile in full {
            self.tile(&tile).await?;
        }
        self.heads_at(size, checker).await
    }

    /// At the log's head: nothing more was signed.
    pub(super) async fn end(&mut self, position: u64) -> Result<(), Halt> {
        if self.tiler.is_none() {
            return Ok(());
        }
        self.refill().await?;
        match self.heads.front().map(|due| due.signed.head.clone()).or_else(|| self.kept.front().cloned()) {
            Some(TreeHead { origin, size, .. }) => Err(Fault::at(position + 1, Wrong::Ahead { origin, size }).into()),
            None => Ok(()),
        }
    }

    /// The heads of this size. Those of a smaller one cannot be left.
    async fn heads_at(&mut self, size: u64, checker: &Checker) -> Result<(), Halt> {
        if self.tiler.is_none() {
            return Ok(());
        }
        loop {
            if self.heads.is_empty() {
                self.refill().await?;
            }
            if self.heads.front().is_none_or(|due| due.signed.head.size > size) {
                break;
            }
            if let Some(due) = self.heads.pop_front() {
                self.note(&due)?;
                self.head(&due.signed.head, checker).await?;
            }
        }
        while self.kept.front().is_some_and(|head| head.size <= size) {
            if let Some(head) = self.kept.pop_front() {
                self.head(&head, checker).await?;
            }
        }
        Ok(())
    }

    /// The next page of heads, by size.
    async fn refill(&mut self) -> Result<(), Halt> {
        let Some((size, id)) = self.read.filter(|_| self.heads.is_empty()) else { return Ok(()) };
        let sql = format!(
            "select id, origin, size, root, note from signed_heads where size > {size} or (size = {size} and id > {id})
             order by size, id limit {HEADS}"
        );
        let rows = self.source.rows::<HeadRow>(&sql).await?;
        self.read = None;
        for row in rows {
            let (id, signed) = head_row(row).map_err(|error| Fault { position: None, wrong: Wrong::Damaged(error.to_string()) })?;
            self.read = Some((signed.head.size, id));
            self.heads.push_back(Due { id: Some(id), signed });
        }
        Ok(())
    }

    /// The note says what the row says, and is signed.
    fn note(&self, due: &Due) -> Result<(), Halt> {
        let TreeHead { origin, size, .. } = &due.signed.head;
        let wrong = |says: String| Fault { position: None, wrong: Wrong::Note { origin: origin.clone(), size: *size, says } };
        let read = SignedHead::read(&due.signed.note).map_err(|error| wrong(error.to_string()))?;
        if read.head != due.signed.head {
            return Err(wrong("its note says something else".to_owned()).into());
        }
        let asked = due.id.is_some_and(|id| self.newest.contains(&id)) || self.seen.is_multiple_of(self.one_of);
        if asked {
            SignedHead::trusted(&due.signed.note, &self.keys).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(())
    }

    /// The tree has the head's root.
    async fn head(&mut self, head: &TreeHead, checker: &Checker) -> Result<(), Halt> {
        if checker.root() == Some(head.root) {
            self.holds = head.size;
            self.seen += 1;
            return Ok(());
        }
        let since = self.holds + 1;
        let sealed = self.sealed_leaves(&head.origin, head.size).await?;
        let found = self.tiler.as_ref().and_then(|tiler| first_other(tiler.last_leaves(), &sealed));
        let position = found.map(|index| head.size - head.size % 256 + index + 1).filter(|position| *position <= head.size);
        let wrong = match position {
            Some(_) => Wrong::Sealed { origin: head.origin.clone() },
            None => Wrong::SignedHead { origin: head.origin.clone(), since, size: head.size },
        };
        Err(Fault::at(position.unwrap_or(since), wrong).into())
    }

    /// The leaves that were sealed around a head: of the tile that the head has a part of, if it got full later.
    async fn sealed_leaves(&mut self, origin: &str, size: u64) -> Result<Vec<Hash>, Halt> {
        let sql = format!("select number, origin, root, hashes from tree_tiles where level = 0 and number = {}", size / 256);
        let rows = self.source.rows::<TileRow>(&sql).await?;
        let tile = rows.into_iter().find(|(_, of, ..)| of == origin);
        Ok(tile.and_then(|(.., bytes)| hashes(&bytes)).unwrap_or_default())
    }

    /// A tile that got full, against those that were stored for it.
    async fn tile(&mut self, full: &FullTile) -> Result<(), Halt> {
        let rows = if full.level == 0 {
            if full.number >= self.tiles_to {
                self.tiles = self.tiles_between(0, full.number, full.number + TILES).await?;
                self.tiles_to = full.number + TILES;
            }
            let mut rows = VecDeque::new();
            while let Some(row) = self.tiles.pop_front_if(|row| row.0.unsigned_abs() <= full.number) {
                rows.push_back(row);
            }
            rows
        } else {
            self.tiles_between(full.level, full.number, full.number + 1).await?
        };
        for (_, origin, root, bytes) in rows {
            let stored = hashes(&bytes).unwrap_or_default();
            if stored == full.hashes && root == full.root {
                continue;
            }
            let at = first_other(&full.hashes, &stored).filter(|_| full.level == 0);
            return Err(match at {
                Some(index) => Fault::at(full.number * 256 + index + 1, Wrong::Sealed { origin }),
                None => Fault { position: None, wrong: Wrong::Tile { origin, level: full.level, number: full.number } },
            }
            .into());
        }
        Ok(())
    }

    async fn tiles_between(&mut self, level: u32, from: u64, to: u64) -> Result<VecDeque<TileRow>, Halt> {
        let sql = format!(
            "select number, origin, root, hashes from tree_tiles where level = {level} and number >= {from} and number < {to} order by number, origin"
        );
        Ok(self.source.rows::<TileRow>(&sql).await?.into())
    }
}

/// Where two rows of leaves differ first, as far as both go.
fn first_other(leaves: &[Hash], sealed: &[Hash]) -> Option<u64> {
    (0..).zip(leaves.iter().zip(sealed)).find(|(_, (leaf, sealed))| leaf != sealed).map(|(index, _)| index)
}
