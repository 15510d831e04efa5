//! Digests of what both sides store. Defined in docs/import-postgres-es.md.

use sha2::{Digest, Sha256};

use crate::cqrs::import::AggregateSum;
use crate::cqrs::import::source::Row;

/// Begins every digest of this kind, so that none is taken for another.
const AGGREGATE: &[u8] = b"daybook import-postgres-es aggregate 1\n";
const TOTAL: &[u8] = b"daybook import-postgres-es total 1\n";

/// The digest of one aggregate's events, in the making.
pub(super) struct AggregateDigest {
    aggregate_type: String,
    aggregate_id: String,
    events: u64,
    sum: Sha256,
}

impl AggregateDigest {
    pub(super) fn new(aggregate_type: &str, aggregate_id: &str) -> Self {
        let (aggregate_type, aggregate_id) = (aggregate_type.to_owned(), aggregate_id.to_owned());
        Self { aggregate_type, aggregate_id, events: 0, sum: Sha256::new_with_prefix(AGGREGATE) }
    }

    pub(super) fn of(row: &Row) -> Self {
        Self::new(&row.aggregate_type, &row.aggregate_id)
    }

    pub(super) fn is_of(&self, row: &Row) -> bool {
        self.aggregate_type == row.aggregate_type && self.aggregate_id == row.aggregate_id
    }

    pub(super) fn row(&mut self, row: &Row) {
        self.event(row.sequence, &row.event_type, &row.event_version, &row.payload, &row.metadata);
    }

    pub(super) fn event(&mut self, sequence: u64, event_type: &str, event_version: &str, payload: &str, metadata: &str) {
        self.events += 1;
        self.sum.update(sequence.to_be_bytes());
        for text in [event_type, event_version, payload, metadata] {
            with_length(&mut self.sum, text);
        }
    }

    pub(super) fn sum(self) -> AggregateSum {
        let Self { aggregate_type, aggregate_id, events, sum } = self;
        AggregateSum { aggregate_type, aggregate_id, events, source: sum.finalize().into(), log: None }
    }
}

/// The digest over all aggregates, in the order of types and ids.
pub(super) struct Total(Sha256);

impl Default for Total {
    fn default() -> Self {
        Self(Sha256::new_with_prefix(TOTAL))
    }
}

impl Total {
    pub(super) fn add(&mut self, sum: &AggregateSum, digest: [u8; 32]) {
        with_length(&mut self.0, &sum.aggregate_type);
        with_length(&mut self.0, &sum.aggregate_id);
        self.0.update(sum.events.to_be_bytes());
        self.0.update(digest);
    }

    pub(super) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

fn with_length(sum: &mut Sha256, text: &str) {
    sum.update((text.len() as u64).to_be_bytes());
    sum.update(text);
}
