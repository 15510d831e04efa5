//! One event after the other. Pure: rows go in, a fault or nothing comes out.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use uuid::Uuid;

use super::{Fault, Wrong};
use crate::leaf::{LeafRecord, MAX_LEAF_BYTES, payload_digest};
use crate::merkle::Frontier;

/// Streams followed, by a hash of their names: at most some 64 MiB.
pub(super) const MAX_FOLLOWED: usize = 1 << 21;

/// An event's row as it is stored, borrowed from the database's answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'r> {
    pub position: i64,
    pub stream: &'r str,
    pub version: i64,
    pub event_id: Uuid,
    pub event_type: &'r str,
    pub schema_version: i64,
    pub recorded_at: i64,
    pub occurred_at: i64,
    pub actor: &'r str,
    pub correlation_id: Uuid,
    pub causation_id: Option<Uuid>,
    pub command_id: Uuid,
    pub digest: &'r [u8],
    pub leaf: &'r [u8],
    pub payload: &'r str,
}

/// What is known of the events before.
#[derive(Debug)]
pub(super) struct Checker {
    from: u64,
    position: u64,
    recorded_at: i64,
    /// Versions of the streams by a hash that nobody can foresee; `None` when there are too many, or two seem to meet in it.
    followed: Option<HashMap<u64, u64>>,
    hasher: RandomState,
    begun: u64,
    /// Types that are listed for searches, each under the kind of its streams.
    types: HashMap<String, HashSet<String>>,
    tree: Option<Frontier>,
    leaf: [u8; 32],
    buffer: Vec<u8>,
}

impl Checker {
    /// Before the first event that is looked at.
    pub(super) fn new(from: u64, listed: Vec<(String, String)>) -> Self {
        let mut types = HashMap::<_, HashSet<_>>::new();
        for (kind, event_type) in listed {
            types.entry(kind).or_default().insert(event_type);
        }
        Self {
            from,
            position: from - 1,
            recorded_at: i64::MIN,
            followed: Some(HashMap::new()),
            hasher: RandomState::new(),
            begun: 0,
            types,
            tree: (from == 1).then(Frontier::default),
            leaf: [0; 32],
            buffer: Vec::with_capacity(MAX_LEAF_BYTES),
        }
    }

    /// The last position that holds.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// When its event was recorded.
    pub(super) const fn recorded_at(&self) -> i64 {
        self.recorded_at
    }

    /// Streams that have begun.
    pub(super) const fn streams(&self) -> u64 {
        self.begun
    }

    /// Must the database tell whether the versions hold?
    pub(super) const fn lost_track(&self) -> bool {
        self.followed.is_none()
    }

    /// Root over all events, when the first was among them.
    pub(super) fn root(&self) -> Option<[u8; 32]> {
        self.tree.as_ref().map(Frontier::root)
    }

    /// Leaf hash of the last event that holds.
    pub(super) const fn leaf(&self) -> [u8; 32] {
        self.leaf
    }

    /// Takes the next event; gives it as the log commits to it, and its payload.
    pub(super) fn event<'r>(&mut self, row: &Stored<'r>) -> Result<(LeafRecord<'r>, &'r str), Fault> {
        let expected = self.position + 1;
        match u64::try_from(row.position) {
            Ok(position) if position == expected => {}
            Ok(position) if position > expected => return Err(Fault::at(expected, Wrong::Missing)),
            Ok(_) | Err(_) => return Err(Fault::at(self.position, Wrong::Surplus)),
        }
        let record = self.row(row).map_err(|wrong| Fault::at(expected, wrong))?;
        self.position = expected;
        self.recorded_at = row.recorded_at;
        Ok((record, row.payload))
    }

    fn row<'r>(&mut self, row: &Stored<'r>) -> Result<LeafRecord<'r>, Wrong> {
        let record = LeafRecord {
            position: self.position + 1,
            stream: row.stream,
            version: u64::try_from(row.version).map_err(|_| Wrong::Number("the version"))?,
            event_id: row.event_id,
            event_type: row.event_type,
            schema_version: u32::try_from(row.schema_version).map_err(|_| Wrong::Number("the schema version"))?,
            recorded_at: row.recorded_at,
            occurred_at: row.occurred_at,
            actor: row.actor,
            correlation_id: row.correlation_id,
            causation_id: row.causation_id,
            command_id: row.command_id,
            payload_digest: payload_digest(row.payload.as_bytes()),
        };
        if record.payload_digest != row.digest {
            return Err(Wrong::Payload);
        }
        let leaf = record.hash_in(&mut self.buffer)?;
        if leaf != row.leaf {
            return Err(Wrong::Leaf);
        }
        let kind = row.stream.split('-').next().unwrap_or_default();
        if !self.types.get(kind).is_some_and(|types| types.contains(row.event_type)) {
            return Err(Wrong::Unlisted);
        }
        if row.recorded_at < self.recorded_at {
            return Err(Wrong::RecordedAt);
        }
        self.version(row.stream, record.version);
        self.leaf = leaf;
        if let Some(tree) = &mut self.tree {
            tree.push(leaf);
        }
        Ok(record)
    }

    /// The version follows the stream's event before. Where it does not, the database is asked: it knows the names.
    fn version(&mut self, stream: &str, version: u64) {
        self.begun += u64::from(version == 1);
        let Some(followed) = &mut self.followed else { return };
        let before = followed.insert(self.hasher.hash_one(stream), version);
        // Of a range that begins later, the first event seen of a stream may have any version.
        let follows = before.unwrap_or(0) + 1 == version || (before.is_none() && self.from > 1);
        if !follows || followed.len() > MAX_FOLLOWED {
            self.followed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    /// An event of the stream `tally-{stream}`, which has two; digest and leaf are right.
    fn with_event(position: u64, stream: u128, version: u64, change: impl FnOnce(&mut Stored<'_>), check: impl FnOnce(&Stored<'_>)) {
        let name = format!("tally-{stream}");
        let digest = payload_digest(b"{}");
        let record = LeafRecord {
            position,
            stream: &name,
            version,
            event_id: Uuid::from_u128(u128::from(position)),
            event_type: "Added",
            schema_version: 1,
            recorded_at: 10,
            occurred_at: 5,
            actor: "anonymous",
            correlation_id: Uuid::nil(),
            causation_id: None,
            command_id: Uuid::nil(),
            payload_digest: digest,
        };
        let leaf = record.hash().unwrap();
        let mut stored = Stored {
            position: i64::try_from(position).unwrap(),
            stream: &name,
            version: i64::try_from(version).unwrap(),
            event_id: record.event_id,
            event_type: record.event_type,
            schema_version: 1,
            recorded_at: 10,
            occurred_at: 5,
            actor: record.actor,
            correlation_id: record.correlation_id,
            causation_id: None,
            command_id: record.command_id,
            digest: &digest,
            leaf: &leaf,
            payload: "{}",
        };
        change(&mut stored);
        check(&stored);
    }

    fn checker(from: u64) -> Checker {
        Checker::new(from, vec![("tally".to_owned(), "Added".to_owned())])
    }

    #[test]
    fn a_type_that_searches_would_miss_is_found() {
        let mut checker = Checker::new(1, vec![("tally".to_owned(), "Claimed".to_owned())]);
        assert_eq!(feed(&mut checker, &[(1, 1, 1)]), Err(Fault::at(1, Wrong::Unlisted)));
    }

    fn feed(checker: &mut Checker, events: &[(u64, u128, u64)]) -> Result<(), Fault> {
        let mut result = Ok(());
        for &(position, stream, version) in events {
            with_event(
                position,
                stream,
                version,
                |_| (),
                |stored| {
                    if result.is_ok() {
                        result = checker.event(stored).map(|_| ());
                    }
                },
            );
        }
        result
    }

    #[test]
    fn what_was_appended_holds() {
        let mut checker = checker(1);
        feed(&mut checker, &[(1, 1, 1), (2, 2, 1), (3, 1, 2), (4, 2, 2)]).unwrap();
        assert!(checker.streams() == 2 && checker.position() == 4 && !checker.lost_track() && checker.root().is_some());
    }

    #[test]
    fn gaps_are_found_where_they_are() {
        let fault = |events: &[(u64, u128, u64)]| feed(&mut checker(1), events).unwrap_err();
        assert_eq!(fault(&[(1, 1, 1), (3, 1, 2)]), Fault::at(2, Wrong::Missing));
        assert_eq!(fault(&[(1, 1, 1), (1, 2, 1)]), Fault::at(1, Wrong::Surplus));
    }

    #[test]
    fn versions_that_do_not_follow_are_asked_about() {
        for events in [&[(1, 1, 2)][..], &[(1, 1, 1), (2, 1, 1)], &[(1, 1, 1), (2, 1, 3)]] {
            let mut checker = checker(1);
            feed(&mut checker, events).unwrap();
            assert!(checker.lost_track(), "{events:?}");
        }
    }

    #[test]
    fn a_range_may_begin_anywhere() {
        let mut checker = checker(7);
        feed(&mut checker, &[(7, 1, 2), (8, 2, 1), (9, 2, 2)]).unwrap();
        assert_eq!((checker.position(), checker.root()), (9, None));
    }

    /// What somebody did to a row.
    type Change = fn(&mut Stored<'_>);

    #[test]
    fn an_altered_column_is_found() {
        let changes: [(Change, Wrong); 8] = [
            (|row| row.payload = "{ }", Wrong::Payload),
            (|row| row.digest = &[0; 32], Wrong::Payload),
            (|row| row.leaf = &[0; 32], Wrong::Leaf),
            (|row| row.actor = "system-x", Wrong::Leaf),
            (|row| row.event_type = "Claimed", Wrong::Leaf),
            (|row| row.occurred_at = 6, Wrong::Leaf),
            (|row| row.command_id = Uuid::max(), Wrong::Leaf),
            (|row| row.stream = "tally-2", Wrong::Leaf),
        ];
        for (change, wrong) in changes {
            with_event(1, 1, 1, change, |stored| assert_eq!(checker(1).event(stored).unwrap_err(), Fault::at(1, wrong)));
        }
    }
}
