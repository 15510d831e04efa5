//! Tiles (c2sp.org/tlog-tiles): the tree's hashes in blocks of 256, eight levels of the tree high. Pure.

use std::fmt;
use std::str::FromStr;

use super::head::decimal;
use crate::merkle::{Frontier, Hash};

/// Levels of the tree in a tile.
pub(crate) const HEIGHT: u32 = 8;
/// Hashes of a full tile.
pub(crate) const WIDTH: u64 = 1 << HEIGHT;
/// Bytes of a full tile.
pub(crate) const TILE_BYTES: usize = 8_192;
/// The highest level of which a tree of 2^64 leaves has tiles.
pub(crate) const MAX_LEVEL: u32 = 7;

/// What a tile is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes at a level; 0 is that of the leaves.
    Hashes(u32),
    /// The leaves' own bytes.
    Entries,
}

/// The name of a tile: which one, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileName {
    /// Of what.
    pub kind: TileKind,
    /// Its place in its level, from 0.
    pub number: u64,
    /// Hashes or entries: 1 to 256.
    pub width: u64,
}

impl TileName {
    /// Does a signed tree of this size have as much of the tile?
    #[must_use]
    pub fn within(&self, size: u64) -> bool {
        let level = match self.kind {
            TileKind::Hashes(level) => level,
            TileKind::Entries => 0,
        };
        let hashes = size.checked_shr(HEIGHT * level).unwrap_or(0);
        self.number.checked_mul(WIDTH).and_then(|start| start.checked_add(self.width)).is_some_and(|end| end <= hashes)
    }
}

/// As in a path: `0/x001/x234/067`, `entries/003.p/17`.
impl fmt::Display for TileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "{level}/")?,
            TileKind::Entries => f.write_str("entries/")?,
        }
        let mut groups = vec![format!("{:03}", self.number % 1_000)];
        let mut rest = self.number / 1_000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        groups.reverse();
        f.write_str(&groups.join("/"))?;
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// The path names no tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it names no tile")]
pub struct NoTile;

impl FromStr for TileName {
    type Err = NoTile;

    fn from_str(path: &str) -> Result<Self, NoTile> {
        // 2^64 has seven groups of three digits, and there is one way to write each name.
        let read = || {
            let (kind, rest) = path.split_once('/')?;
            let kind = if kind == "entries" { TileKind::Entries } else { TileKind::Hashes(u32::try_from(decimal(kind)?).ok()?) };
            let (number, width) = match rest.split_once(".p/") {
                Some((number, width)) => (number, decimal(width).filter(|width| (1..WIDTH).contains(width))?),
                None => (rest, WIDTH),
            };
            let digits: String = number.split('/').map(|group| group.strip_prefix('x').unwrap_or(group)).collect();
            let name = Self { kind, number: digits.parse().ok()?, width };
            (name.to_string() == path && !matches!(kind, TileKind::Hashes(level) if level > 63)).then_some(name)
        };
        if path.len() > 64 { Err(NoTile) } else { read().ok_or(NoTile) }
    }
}

/// A tile that is full and will never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FullTile {
    pub level: u32,
    pub number: u64,
    /// The hash that stands for it one level up.
    pub root: Hash,
    pub hashes: Vec<Hash>,
}

/// The unfinished tiles of a growing tree, one for each level; from them come its root and every tile that gets full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tiler {
    size: u64,
    /// By level, fewer than 256 hashes each.
    open: Vec<Vec<Hash>>,
}

impl Tiler {
    /// The tiler of a tree of a size; `open` are the hashes of its unfinished tiles by level.
    pub(crate) fn at(size: u64, open: Vec<Vec<Hash>>) -> Self {
        Self { size, open }
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Hashes of the unfinished tile of the leaves.
    pub(crate) fn last_leaves(&self) -> &[Hash] {
        self.open.first().map_or(&[], Vec::as_slice)
    }

    /// Adds a leaf; gives the tiles that got full by it, the lowest first.
    pub(crate) fn push(&mut self, leaf: Hash) -> Vec<FullTile> {
        self.size += 1;
        let (mut full, mut hash) = (Vec::new(), leaf);
        for level in 0.. {
            if self.open.len() <= level {
                self.open.push(Vec::with_capacity(WIDTH_HASHES));
            }
            self.open[level].push(hash);
            if self.open[level].len() < WIDTH_HASHES {
                break;
            }
            let hashes = std::mem::replace(&mut self.open[level], Vec::with_capacity(WIDTH_HASHES));
            hash = root(&hashes);
            let level = level as u32;
            full.push(FullTile { level, number: (self.size >> (HEIGHT * (level + 1))) - 1, root: hash, hashes });
        }
        full
    }

    /// The root of the whole tree.
    pub(crate) fn root(&self) -> Hash {
        let mut tree = Frontier::default();
        for (level, hashes) in self.open.iter().enumerate().rev() {
            for hash in hashes {
                tree.push_subtree(*hash, HEIGHT * level as u32);
            }
        }
        tree.root()
    }
}

const WIDTH_HASHES: usize = WIDTH as usize;

/// The root over some hashes.
pub(crate) fn root(hashes: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    hashes.iter().for_each(|hash| tree.push(*hash));
    tree.root()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use proptest::prelude::*;

    use super::*;

    fn leaf(index: u64) -> Hash {
        tlog_tiles::record_hash(&index.to_be_bytes()).0
    }

    fn name(text: &str) -> Result<TileName, NoTile> {
        text.parse()
    }

    #[test]
    fn names_are_those_of_the_format() {
        let name = |kind, number, width| TileName { kind, number, width };
        for (name, path) in [
            (name(TileKind::Hashes(0), 1_234_067, 256), "0/x001/x234/067"),
            (name(TileKind::Hashes(2), 0, 1), "2/000.p/1"),
            (name(TileKind::Entries, 273, 112), "entries/273.p/112"),
            (name(TileKind::Entries, 1_000, 256), "entries/x001/000"),
            (name(TileKind::Hashes(63), u64::MAX, 255), "63/x018/x446/x744/x073/x709/x551/615.p/255"),
        ] {
            assert_eq!((name.to_string().as_str(), path.parse()), (path, Ok(name)));
            let hashes = matches!(name.kind, TileKind::Hashes(level) if level < 63);
            assert!(!hashes || tlog_tiles::Tile::from_path(&format!("tile/8/{path}")).is_ok(), "{path}");
        }
    }

    #[test]
    fn other_paths_name_nothing() {
        for path in [
            "",
            "0",
            "0/",
            "0/0",
            "0/00",
            "0/0000",
            "00/000",
            "-1/000",
            "64/000",
            "0/x000/000",
            "0/001/000",
            "0/x001",
            "0/000.p",
            "0/000.p/",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000/",
            "/0/000",
            "entry/000",
            "0/x18x",
            "0/+01",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
            "0/000.p/1.p/1",
        ] {
            assert_eq!(name(path), Err(NoTile), "{path}");
        }
    }

    #[test]
    fn a_tree_has_the_tiles_that_the_format_says() {
        // 70,000 leaves: the example of the specification.
        for (path, has) in [
            ("0/272", true),
            ("0/273", false),
            ("0/273.p/112", true),
            ("0/273.p/113", false),
            ("1/000", true),
            ("1/001.p/17", true),
            ("1/001.p/18", false),
            ("2/000.p/1", true),
            ("2/000.p/2", false),
            ("3/000.p/1", false),
            ("63/000.p/1", false),
            ("entries/273.p/112", true),
            ("entries/274.p/1", false),
            ("0/x018/x446/x744/x073/x709/x551/615", false),
        ] {
            assert_eq!(name(path).unwrap().within(70_000), has, "{path}");
        }
        assert!(!name("0/000.p/1").unwrap().within(0) && name("1/000.p/1").unwrap().within(256));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Against the naive tree: the root at every step, and each tile when it gets full.
        #[test]
        fn tiles_are_those_of_the_naive_tree(size in 1_u64..1_100, begin in 0_u64..600) {
            let leaves: Vec<_> = (0..size).map(leaf).collect();
            let (mut tiler, mut naive, mut full) = (Tiler::default(), Frontier::default(), Vec::new());
            for hash in &leaves {
                naive.push(*hash);
                full.extend(tiler.push(*hash));
                prop_assert_eq!((tiler.size(), tiler.root()), (naive.size(), naive.root()));
            }
            prop_assert_eq!(full.len() as u64, size / 256);
            for (number, tile) in (0..).zip(&full) {
                let hashes = &leaves[number as usize * 256..][..256];
                prop_assert_eq!((tile.level, tile.number, &tile.hashes[..]), (0, number, hashes));
                prop_assert_eq!(tile.root, root(hashes));
            }
            // Begun again at any size, from its unfinished tiles, it goes on as if it had never stopped.
            let begin = begin.min(size);
            let count = |n: u64| usize::try_from(n).unwrap();
            let open = vec![leaves[count(begin / 256 * 256)..count(begin)].to_vec(), full[..count(begin / 256)].iter().map(|tile| tile.root).collect()];
            let mut again = Tiler::at(begin, open);
            for hash in &leaves[count(begin)..] {
                again.push(*hash);
            }
            prop_assert_eq!(again.root(), naive.root());
        }
    }

    #[test]
    fn higher_tiles_are_made_of_lower_ones() {
        let mut tiler = Tiler::default();
        let full: Vec<_> = (0..WIDTH * WIDTH).flat_map(|index| tiler.push(leaf(index))).collect();
        let higher: Vec<_> = full.iter().filter(|tile| tile.level == 1).collect();
        assert_eq!((full.len(), higher.len(), higher[0].number), (257, 1, 0));
        assert!(higher[0].hashes.iter().eq(full.iter().filter(|tile| tile.level == 0).map(|tile| &tile.root)));
        assert_eq!(tiler.root(), higher[0].root);
    }
}
