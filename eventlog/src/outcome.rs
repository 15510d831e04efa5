//! A decided command on its way to the store, and what becomes of it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use kernel::StreamName;
use uuid::Uuid;

use crate::codec::Encoded;
use crate::command::CommandMeta;
use crate::states::Fate;

/// One command's decision, ready to be appended.
#[derive(Debug)]
pub(crate) struct Append {
    pub command: Arc<CommandMeta>,
    /// One when the command has a key; where several commands were decided together, one for each that has.
    pub receipts: Vec<ReceiptDraft>,
    /// The versions that must hold, written or not; each stream once, and each stream of `events` among them.
    pub expected: Vec<Expected>,
    pub events: Vec<Draft>,
    pub secrets: Vec<Secret>,
    /// What becomes of it, for those who build on it before it is durable.
    pub fate: Arc<Fate>,
}

/// A stream and the version that it must have; 0: it must not exist.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub stream: StreamName,
    pub version: u64,
    /// The command, ahead of this one in the queue, that makes the version; this one stands and falls with it.
    pub rests_on: Option<Arc<Fate>>,
}

/// An event before it has a place.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub stream: StreamName,
    pub event: Encoded,
    /// Its own circumstances, where they are not its command's.
    pub command: Option<Arc<CommandMeta>>,
}

/// A row of the vault to write, or to remove.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub name: String,
    pub value: Option<String>,
}

/// What a receipt says, before its command has a place.
#[derive(Clone, Debug)]
pub(crate) struct ReceiptDraft {
    pub key: Uuid,
    pub fingerprint: Uuid,
    /// Is the answer a refusal rather than a result?
    pub refused: bool,
    /// JSON.
    pub answer: String,
    /// Its command, where that is not the append's.
    pub command: Option<Arc<CommandMeta>>,
    /// Which of the append's events are its command's.
    pub events: Range<usize>,
}

/// A receipt as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredReceipt {
    pub fingerprint: Uuid,
    pub command_id: Uuid,
    pub correlation_id: Uuid,
    /// Position of the first event; the one after the head when there was none.
    pub first_position: u64,
    pub events: u64,
    /// Is the answer a refusal rather than a result?
    pub refused: bool,
    /// JSON.
    pub answer: String,
    /// Microseconds.
    pub recorded_at: i64,
    /// The ids of its events, where they are at hand.
    pub event_ids: Option<Vec<Uuid>>,
}

/// The head row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub position: u64,
    /// Of the last event, in microseconds.
    pub recorded_at: i64,
    /// Id of the last event: two heads that once stood at the same place differ in it.
    pub last_event: Option<Uuid>,
}

/// What the store holds of a batch's keys and streams, read under the head lock.
#[derive(Debug)]
pub(crate) struct Found {
    pub head: Head,
    pub receipts: HashMap<Uuid, StoredReceipt>,
    /// The versions of those that exist.
    pub streams: HashMap<StreamName, u64>,
}

/// One command's own answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its versions held; its events and receipt are in.
    Appended(Placed),
    /// Its key was used before, with the same input.
    Replayed(StoredReceipt),
    /// Its key was used before, with another input.
    KeyReused,
    /// A version did not hold.
    Conflict,
}

/// Where a command's events went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Of the last event, or the head when there is none.
    pub position: u64,
    pub event_ids: Vec<Uuid>,
    /// Microseconds.
    pub recorded_at: i64,
}
