//! A map that is cheap to clone: clones share all that they have in common. Keys are the numbers that clients choose.
//!
//! A tree over the bits of each key's hash: a leaf of up to [`LEAF`] entries becomes a branch of [`WIDTH`] children. What is changed
//! is copied along one path, or changed in place where nobody else holds it. Nothing is ever removed.

use std::array;
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Children of a branch: four bits of the hash.
const WIDTH: usize = 16;
const BITS: u32 = WIDTH.ilog2();
/// Most entries of a leaf, unless their whole hashes are the same.
const LEAF: usize = 32;
/// Keys that differ only in so many low bits have the same hash: neighbours lie in one leaf, so that a batch of ids that were counted up
/// copies few leaves.
const NEIGHBOURS: u32 = 4;
/// Room that a copied leaf has for more entries.
const ROOM: usize = 4;

/// A persistent map from numbers.
#[derive(Clone)]
pub(super) struct Trie<V> {
    root: Arc<Node<V>>,
    len: usize,
}

enum Node<V> {
    Leaf(Vec<(u128, V)>),
    Branch(Box<[Arc<Node<V>>; WIDTH]>),
}

impl<V: Clone> Clone for Node<V> {
    /// A leaf is copied to be added to: room for that is got at once.
    fn clone(&self) -> Self {
        match self {
            Self::Leaf(entries) => {
                let mut copy = Vec::with_capacity(entries.len() + ROOM);
                copy.extend_from_slice(entries);
                Self::Leaf(copy)
            }
            Self::Branch(children) => Self::Branch(children.clone()),
        }
    }
}

/// Spreads the bits of a key: both halves are multiplied by odd constants, and folded.
fn spread(key: u128) -> u64 {
    let key = key >> NEIGHBOURS;
    let [low, high] = [key as u64, (key >> 64) as u64];
    let mixed = (u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93)
        ^ (u128::from(high ^ 0xc2b2_ae3d_27d4_eb4f) * 0xa076_1d64_78bd_642f);
    let folded = (mixed >> 64) as u64 ^ mixed as u64;
    (folded ^ folded >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ folded >> 32
}

const fn child(hash: u64) -> usize {
    hash as usize % WIDTH
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { root: Arc::new(Node::Leaf(Vec::new())), len: 0 }
    }
}

impl<V> Trie<V> {
    /// How many entries there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: u128) -> Option<&V> {
        let (mut node, mut hash) = (&*self.root, spread(key));
        loop {
            match node {
                Node::Leaf(entries) => return entries.iter().find(|(found, _)| *found == key).map(|(_, value)| value),
                Node::Branch(children) => node = &children[child(hash)],
            }
            hash >>= BITS;
        }
    }

    /// Every entry, in an order that depends on the keys alone as far as branches go.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u128, &V)> {
        let mut waiting = vec![&*self.root];
        let mut leaf = [].iter();
        std::iter::from_fn(move || {
            loop {
                if let Some((key, value)) = leaf.next() {
                    return Some((*key, value));
                }
                match waiting.pop()? {
                    Node::Leaf(entries) => leaf = entries.iter(),
                    Node::Branch(children) => waiting.extend(children.iter().rev().map(|child| &**child)),
                }
            }
        })
    }
}

impl<V: Clone> Trie<V> {
    /// Sets a key's value.
    pub(super) fn insert(&mut self, key: u128, value: V) {
        let (mut node, mut hash, mut depth) = (Arc::make_mut(&mut self.root), spread(key), 0);
        loop {
            if let Node::Leaf(entries) = node {
                if let Some((_, old)) = entries.iter_mut().find(|(found, _)| *found == key) {
                    *old = value;
                    return;
                }
                if entries.len() < LEAF || depth >= u64::BITS {
                    entries.push((key, value));
                    self.len += 1;
                    return;
                }
                *node = split(std::mem::take(entries), depth);
            }
            if let Node::Branch(children) = node {
                node = Arc::make_mut(&mut children[child(hash)]);
            }
            hash >>= BITS;
            depth += BITS;
        }
    }

    /// A key's value, to be changed.
    pub(super) fn get_mut(&mut self, key: u128) -> Option<&mut V> {
        // Nothing is copied for a key that is not there.
        self.get(key)?;
        let (mut node, mut hash) = (Arc::make_mut(&mut self.root), spread(key));
        loop {
            match node {
                Node::Leaf(entries) => return entries.iter_mut().find(|(found, _)| *found == key).map(|(_, value)| value),
                Node::Branch(children) => node = Arc::make_mut(&mut children[child(hash)]),
            }
            hash >>= BITS;
        }
    }
}

/// A full leaf as a branch, at so many bits below the root.
fn split<V>(entries: Vec<(u128, V)>, depth: u32) -> Node<V> {
    let mut leaves: [Vec<(u128, V)>; WIDTH] = array::from_fn(|_| Vec::new());
    for (key, value) in entries {
        leaves[child(spread(key) >> depth)].push((key, value));
    }
    Node::Branch(Box::new(leaves.map(|entries| Arc::new(Node::Leaf(entries)))))
}

impl<V: PartialEq> PartialEq for Trie<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<V: fmt::Debug> fmt::Debug for Trie<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<V: Serialize> Serialize for Trie<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|(key, value)| (key.to_string(), value)))
    }
}

impl<'de, V: Clone + Deserialize<'de>> Deserialize<'de> for Trie<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut trie = Self::default();
        for (key, value) in Vec::<(String, V)>::deserialize(deserializer)? {
            trie.insert(key.parse().map_err(D::Error::custom)?, value);
        }
        Ok(trie)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Keys of several habits: counted up, shifted up, spread over everything.
    fn keys() -> impl Iterator<Item = u128> {
        (0..3_000).flat_map(|n: u128| [n, n << 64, n << 116, n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)])
    }

    #[test]
    fn it_is_a_map() {
        let (mut trie, mut map) = (Trie::default(), BTreeMap::new());
        for (value, key) in keys().enumerate() {
            trie.insert(key, value);
            map.insert(key, value);
        }
        assert_eq!(trie.len(), map.len());
        assert!(map.iter().all(|(key, value)| trie.get(*key) == Some(value)));
        assert_eq!(trie.iter().map(|(key, value)| (key, *value)).collect::<BTreeMap<_, _>>(), map);
        assert_eq!(trie.get(u128::MAX), None);
    }

    #[test]
    fn a_clone_stays_as_it_was() {
        let mut trie = Trie::default();
        keys().for_each(|key| trie.insert(key, 1));
        let before = trie.clone();
        for key in keys().step_by(7) {
            *trie.get_mut(key).unwrap_or_else(|| unreachable!("it was inserted")) += 1;
        }
        trie.insert(u128::MAX, 1);
        assert!(before.iter().all(|(_, value)| *value == 1) && before.get(u128::MAX).is_none());
        assert!(keys().step_by(7).all(|key| trie.get(key) > Some(&1)));
        assert!(before != trie && before.len() + 1 == trie.len());
        assert_eq!(trie.get_mut(u128::MAX - 1), None);
    }

    #[test]
    fn counted_keys_are_spread_evenly() {
        let mut buckets = [0_u32; 256];
        (1..=25_600_u128).for_each(|key| buckets[spread(key << NEIGHBOURS) as usize % 256] += 1);
        assert!(buckets.iter().all(|found| (50..150).contains(found)), "{buckets:?}");
    }
}
