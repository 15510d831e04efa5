//! A decided command on its way to the store, and what becomes of it.

use std::collections::HashMap;
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
    /// Kept when the command has a key.
    pub receipt: Option<ReceiptDraft>,
    /// The versions that must hold, written or not; each stream once, and each stream of `events` among them.
    pub expected: Vec<Expected>,
    pub events: Vec<Draft>,
    pub secrets: Vec<Secret>,
    /// What becomes of it, for those who build on it before it is durable.
    pub fate: Arc<Fate>,
    /// The commands, all ahead of it in the queue, that it stands and falls with.
    pub rests_on: Vec<Arc<Fate>>,
}

/// A stream and the version that it must have; 0: it must not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub stream: StreamName,
    pub version: u64,
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

/// What a receipt says, before its command has a place. Either refusal or result, as JSON.
#[derive(Clone, Debug)]
pub(crate) struct ReceiptDraft {
    pub key: [u8; 32],
    pub fingerprint: [u8; 32],
    pub refusal: Option<String>,
    pub result: Option<String>,
}

/// A receipt as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredReceipt {
    pub fingerprint: [u8; 32],
    pub command_id: Uuid,
    pub correlation_id: Uuid,
    /// Position of the first event; the one after the head when there was none.
    pub first_position: u64,
    pub events: u64,
    pub refusal: Option<String>,
    pub result: Option<String>,
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
}

/// A stream as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamHead {
    pub id: Uuid,
    pub version: u64,
}

/// What the store holds of a batch's keys and streams, read under the head lock.
#[derive(Debug)]
pub(crate) struct Found {
    pub head: Head,
    pub receipts: HashMap<[u8; 32], StoredReceipt>,
    pub streams: HashMap<StreamName, StreamHead>,
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
