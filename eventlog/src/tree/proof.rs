//! Proofs of the tree (RFC 6962, 2.1.1 and 2.1.2): which hashes they consist of, and whether they hold (RFC 9162, 2.1.3.2 and 2.1.4.2).
//!
//! Pure. A hash is named by the range of leaves under it; where it comes from is the caller's business.

use std::ops::Range;

use crate::merkle::{Hash, node};

/// The largest power of two below a size of at least 2.
const fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The ranges whose hashes prove that the leaf at an index is in a tree of a size, from the leaf's sibling to the root's child; none
/// when there is no such leaf.
pub(crate) fn inclusion(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut path, mut within) = (Vec::new(), 0..size);
    while within.end - within.start > 1 {
        let middle = within.start + split(within.end - within.start);
        if index < middle {
            path.push(middle..within.end);
            within.end = middle;
        } else {
            path.push(within.start..middle);
            within.start = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The ranges whose hashes prove that a tree of `old` leaves is the beginning of one of `size`; none when it is not smaller or equal.
/// Empty for equal sizes and for the empty tree, which need no proof.
pub(crate) fn consistency(old: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if old > size {
        return None;
    }
    let (mut path, mut within, mut whole) = (Vec::new(), 0..size, true);
    while old > 0 && within.end != old {
        let middle = within.start + split(within.end - within.start);
        if old <= middle {
            path.push(middle..within.end);
            within.end = middle;
        } else {
            path.push(within.start..middle);
            within.start = middle;
            whole = false;
        }
    }
    if old > 0 && !whole {
        path.push(within);
    }
    path.reverse();
    Some(path)
}

/// The root that an inclusion proof leads to; none when its length is not that of a leaf at this index in a tree of this size.
#[must_use]
pub fn root_of_inclusion(index: u64, size: u64, leaf: &Hash, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut root) = (index, size - 1, *leaf);
    for hash in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node(hash, &root);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            root = node(&root, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// Is the tree of `old` leaves with its root the beginning of the tree of `new` leaves with its?
#[must_use]
pub fn consistency_holds(old: (u64, &Hash), new: (u64, &Hash), path: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size > new_size {
        return false;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == crate::merkle::Frontier::default().root();
    }
    // A perfect old tree is itself the first hash of its proof.
    let mut hashes = old_size.is_power_of_two().then_some(old_root).into_iter().chain(path);
    let Some(first) = hashes.next() else { return false };
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut before, mut after) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            before = node(hash, &before);
            after = node(hash, &after);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            after = node(&after, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && before == *old_root && after == *new_root
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::merkle::Frontier;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|i| Sha256::new().chain_update([0]).chain_update(i.to_be_bytes()).finalize().into()).collect()
    }

    fn root(leaves: &[Hash]) -> Hash {
        let mut tree = Frontier::default();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        tree.root()
    }

    fn hashes(leaves: &[Hash], ranges: Vec<Range<u64>>) -> Vec<Hash> {
        ranges.into_iter().map(|r| root(&leaves[usize::try_from(r.start).unwrap()..usize::try_from(r.end).unwrap()])).collect()
    }

    /// RFC 6962, 2.1.3: the example of seven leaves, whose paths are named by what they cover.
    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(inclusion(0, 7).unwrap(), [1..2, 2..4, 4..7]);
        assert_eq!(inclusion(3, 7).unwrap(), [2..3, 0..2, 4..7]);
        assert_eq!(inclusion(4, 7).unwrap(), [5..6, 6..7, 0..4]);
        assert_eq!(inclusion(6, 7).unwrap(), [4..6, 0..4]);
        assert_eq!(consistency(3, 7).unwrap(), [2..3, 3..4, 0..2, 4..7]);
        assert_eq!(consistency(4, 7).unwrap(), [4..7]);
        assert_eq!(consistency(6, 7).unwrap(), [4..6, 6..7, 0..4]);
    }

    #[test]
    fn every_leaf_of_small_trees_is_proved_and_no_other() {
        for size in 1..=40 {
            let leaves = leaves(size);
            let whole = root(&leaves);
            for index in 0..size {
                let path = hashes(&leaves, inclusion(index, size).unwrap());
                let leaf = &leaves[usize::try_from(index).unwrap()];
                for (at, other) in (0..).zip(&leaves) {
                    let holds = root_of_inclusion(index, size, other, &path) == Some(whole);
                    assert_eq!(holds, at == index, "leaf {at} by the path of {index} of {size}");
                }
                for claimed in 0..=size {
                    let holds = root_of_inclusion(claimed, size, leaf, &path) == Some(whole);
                    assert_eq!(holds, claimed == index, "leaf {index} as {claimed} of {size}");
                }
                let shorter = path.split_last().map(|(_, shorter)| root_of_inclusion(index, size, leaf, shorter));
                assert_ne!(shorter.flatten(), Some(whole));
                assert_eq!(root_of_inclusion(index, size, leaf, &[&path[..], &[whole]].concat()), None);
            }
            assert_eq!(inclusion(size, size), None);
        }
        assert_eq!(root_of_inclusion(0, 0, &[0; 32], &[]), None);
    }

    #[test]
    fn every_beginning_of_small_trees_is_proved_and_no_other() {
        let leaves = leaves(41);
        let roots: Vec<_> = (0..=leaves.len()).map(|size| root(&leaves[..size])).collect();
        let of = |size: u64| roots[usize::try_from(size).unwrap()];
        for new in 0..=40 {
            for old in 0..=new {
                let path = hashes(&leaves, consistency(old, new).unwrap());
                for claimed in 0..=new {
                    let holds = consistency_holds((claimed, &of(claimed)), (new, &of(new)), &path);
                    // Some sizes share a proof's hashes; a wrong root never holds.
                    assert!(holds || claimed != old, "{old} of {new}");
                    assert!(!consistency_holds((claimed, &[7; 32]), (new, &of(new)), &path));
                }
                assert!(old == new || !consistency_holds((old, &of(old)), (new, &of(new + 1)), &path) || old == 0);
                assert!(!consistency_holds((new + 1, &of(new)), (new, &of(new)), &path));
            }
            assert_eq!(consistency(new + 1, new), None);
        }
    }

    /// Inclusion and consistency of the reference implementation's tests (Certificate Transparency), over its eight leaves.
    #[test]
    fn the_vectors_of_the_reference_hold() {
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
        let leaves = LEAVES.map(|data| Hash::from(Sha256::new().chain_update([0]).chain_update(data).finalize()));
        let begins = |hashes: Vec<Hash>| {
            hashes.iter().map(|hash| format!("{:08x}", u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))).collect::<Vec<_>>()
        };
        for (index, size, path) in [
            (0, 8, &["96a296d2", "5f083f0a", "6b47aaf2"][..]),
            (5, 8, &["bc1a0643", "ca854ea1", "d37ee418"]),
            (2, 3, &["fac54203"]),
            (1, 5, &["6e340b9c", "5f083f0a", "bc1a0643"]),
        ] {
            assert_eq!(begins(hashes(&leaves, inclusion(index, size).unwrap())), path, "leaf {index} of {size}");
        }
        for (old, size, path) in [
            (1, 8, &["96a296d2", "5f083f0a", "6b47aaf2"][..]),
            (6, 8, &["0ebc5d34", "ca854ea1", "d37ee418"]),
            (2, 5, &["5f083f0a", "bc1a0643"]),
        ] {
            assert_eq!(begins(hashes(&leaves, consistency(old, size).unwrap())), path, "{old} of {size}");
        }
    }

    #[test]
    fn the_largest_trees_end() {
        assert_eq!(inclusion(u64::MAX - 1, u64::MAX).unwrap().len(), 63);
        assert!(consistency(1, u64::MAX).unwrap().len() <= 64);
    }
}
