//! The hash tree over the log (RFC 6962, 2.1; the same in RFC 9162 with SHA-256), as far as its root needs it.

use sha2::{Digest, Sha256};

/// What sets an inner node apart from a leaf.
const NODE_PREFIX: u8 = 1;

/// A hash of the tree: SHA-256.
pub type Hash = [u8; 32];

/// The hash of an inner node.
pub(crate) fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([NODE_PREFIX]).chain_update(left).chain_update(right).finalize().into()
}

/// The right edge of a growing tree: the roots of its perfect subtrees, the largest first; one for each bit of the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<[u8; 32]>,
}

impl Frontier {
    /// Adds the next leaf by its hash.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut hash = leaf;
        // Like a carry: every full subtree of equal size becomes the left half of the next larger one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// Adds the root of the next perfect subtree of `1 << height` leaves, where the tree ends at a multiple of that.
    pub(crate) fn push_subtree(&mut self, root: Hash, height: u32) {
        let mut hash = root;
        for _ in 0..(self.size >> height).trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1 << height;
    }

    /// Leaves so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves so far; over none, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let joined = self.subtrees.iter().rev().copied().reduce(|right, left| node(&left, &right));
        joined.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves and roots of the reference implementation's tests (Certificate Transparency, `merkle_tree_test`).
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaf(data: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update([0]).chain_update(data).finalize().into()
    }

    fn hex(bytes: [u8; 32]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_known_roots_come_out() {
        let mut tree = Frontier::default();
        assert_eq!(hex(tree.root()), ROOTS[0]);
        for (data, root) in LEAVES.iter().zip(&ROOTS[1..]) {
            tree.push(leaf(data));
            assert_eq!(hex(tree.root()), *root);
        }
    }

    /// The definition, word by word: split at the largest power of two below the size.
    fn by_definition(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [only] => *only,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node(&by_definition(left), &by_definition(right))
            }
        }
    }

    #[test]
    fn any_size_agrees_with_the_definition() {
        let (mut tree, mut leaves) = (Frontier::default(), Vec::new());
        for i in 0..300_u32 {
            assert_eq!((tree.size(), tree.root()), (u64::from(i), by_definition(&leaves)));
            leaves.push(leaf(&i.to_be_bytes()));
            tree.push(leaf(&i.to_be_bytes()));
        }
    }
}
