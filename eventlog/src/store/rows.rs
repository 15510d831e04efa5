//! What both stores ask of receipts, streams and the head, and how their rows are read.

use std::collections::{HashMap, HashSet};

use kernel::StreamName;
use uuid::Uuid;

use super::Store;
use crate::error::LogError;
use crate::filter::{OF_INTERACTION, OF_INTERACTION_BY_STRETCH, Query, Value};
use crate::outcome::{Append, Expected, Found, Head, StoredReceipt};
use crate::recorded::unsigned;

impl Store {
    /// How it finds the events of one interaction.
    pub(crate) fn of_interaction(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => OF_INTERACTION_BY_STRETCH,
            Self::Postgres(_) => OF_INTERACTION,
        }
    }
}

/// A receipt's row, in the order of [`RECEIPTS`].
pub(super) type ReceiptRow = (Uuid, Uuid, Uuid, Option<Uuid>, i64, i32, bool, String, Option<i64>);

/// Receipts with the circumstances of their commands: those of the events, where there are any.
pub(super) const RECEIPTS: &str = "select r.key, r.fingerprint, r.command_id, coalesce(e.correlation_id, r.correlation_id), \
     r.first_position, r.events, r.refused, r.answer, coalesce(e.recorded_at, r.recorded_at) \
     from receipts r left join events e on e.position = r.first_position and r.events > 0 where r.key";

pub(super) fn receipts_query<'k>(keys: impl IntoIterator<Item = &'k Uuid>) -> Query {
    Query::new(RECEIPTS).within("", keys.into_iter().map(|key| Value::Uuid(*key)))
}

pub(super) fn receipts(rows: Vec<ReceiptRow>) -> Result<HashMap<Uuid, StoredReceipt>, LogError> {
    rows.into_iter().map(|row| receipt(row).ok_or_else(|| LogError::Damaged("a receipt".into()))).collect()
}

fn receipt(row: ReceiptRow) -> Option<(Uuid, StoredReceipt)> {
    let (key, fingerprint, command_id, correlation_id, first_position, events, refused, answer, recorded_at) = row;
    let receipt = StoredReceipt {
        fingerprint,
        command_id,
        correlation_id: correlation_id?,
        first_position: unsigned(first_position)?,
        events: u64::try_from(events).ok()?,
        refused,
        answer,
        recorded_at: recorded_at?,
        event_ids: None,
    };
    Some((key, receipt))
}

/// The head's row: position, time, last event.
pub(super) type HeadRow = (i64, i64, Option<Uuid>);

pub(super) const HEAD: &str = "select position, recorded_at, last_event_id from log_head";

pub(super) fn head((position, recorded_at, last_event): HeadRow) -> Head {
    Head { position: position.unsigned_abs(), recorded_at, last_event }
}

/// The versions of these streams; null where there is none. An index tells each by its end.
pub(super) fn versions_query<S: AsRef<str>>(names: &[S]) -> Query {
    let mut query = Query::new("with named(name) as (values ");
    for (i, name) in names.iter().enumerate() {
        query = query.bind(if i == 0 { "(" } else { "), (" }, Value::Text(name.as_ref().to_owned()));
    }
    query.text(")) select name, (select max(version) from events where stream = name) from named")
}

pub(super) fn versions(rows: Vec<(String, Option<i64>)>) -> Result<HashMap<StreamName, u64>, LogError> {
    let version = |(name, version): (String, Option<i64>)| {
        let damaged = |name: &str| LogError::Damaged(format!("the version of {name}"));
        let version = version.map(|version| unsigned(version).ok_or_else(|| damaged(&name))).transpose()?;
        version.map(|version| Ok((name.parse()?, version))).transpose()
    };
    rows.into_iter().filter_map(|row| version(row).transpose()).collect()
}

/// The distinct keys of a batch.
pub(super) fn keys(batch: &[Append]) -> Vec<Uuid> {
    let mut keys: Vec<_> = batch.iter().flat_map(|append| &append.receipts).map(|receipt| receipt.key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The distinct streams of a batch of which nothing is remembered, but for those that are to begin: these meet the unique versions.
pub(super) fn unknown<'b>(batch: &'b [Append], found: &Found) -> Vec<&'b str> {
    let mut names = Vec::new();
    for append in batch {
        let written: HashSet<_> = append.events.iter().map(|draft| &draft.stream).collect();
        let begins = |expected: &Expected| expected.version == 0 && written.contains(&expected.stream);
        let asked = |expected: &&Expected| !begins(expected) && !found.streams.contains_key(&expected.stream);
        names.extend(append.expected.iter().filter(asked).map(|expected| expected.stream.as_str()));
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Takes what a batch expects for what there is, where nothing is remembered and what it builds on is committed: the call checks it.
pub(super) fn assume(batch: &[Append], found: &mut Found) {
    let lasting = |expected: &&Expected| expected.version > 0 && expected.rests_on.as_ref().is_none_or(|fate| fate.is_committed());
    for expected in batch.iter().flat_map(|append| &append.expected).filter(lasting) {
        if !found.streams.contains_key(&expected.stream) {
            found.streams.insert(expected.stream.clone(), expected.version);
            found.assumed.insert(expected.stream.clone());
        }
    }
}

/// The distinct stream names of a batch.
pub(super) fn names(batch: &[Append]) -> Vec<&str> {
    let mut names: Vec<_> = batch.iter().flat_map(|append| &append.expected).map(|expected| expected.stream.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
