//! What does not hold, and where.

use crate::leaf::LeafError;

/// The first thing that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{wrong}", .position.map_or_else(String::new, |position| format!("position {position}: ")))]
pub struct Fault {
    /// Where; `None` when it belongs to no event.
    pub position: Option<u64>,
    /// What.
    pub wrong: Wrong,
}

impl Fault {
    pub(super) fn at(position: u64, wrong: Wrong) -> Self {
        Self { position: Some(position), wrong }
    }
}

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The positions have a gap.
    #[error("there is no event")]
    Missing,
    /// A position below 1, or a second time.
    #[error("there is an event too many")]
    Surplus,
    /// The head row stands elsewhere than the last event.
    #[error("the head row says that {head} is the last position")]
    Head {
        /// What it says.
        head: u64,
    },
    /// The payload is not the one that was digested.
    #[error("the payload does not have its digest")]
    Payload,
    /// A column other than the payload is not what was appended.
    #[error("the row does not have its leaf hash: a column was altered")]
    Leaf,
    /// A column holds what no version of the program wrote.
    #[error(transparent)]
    Text(#[from] LeafError),
    /// A number that cannot be.
    #[error("{0} is not possible")]
    Number(&'static str),
    /// The row or page cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Its type is not listed under its kind of stream.
    #[error("searches by kind miss it: its type is not listed there")]
    Unlisted,
    /// The version does not follow the one before.
    #[error("version {found} of its stream follows version {before}")]
    Version {
        /// Version of the event.
        found: u64,
        /// Version of the stream's event before it; 0 when there is none.
        before: u64,
    },
    /// Earlier than the event before.
    #[error("it was recorded before the event that precedes it")]
    RecordedAt,
    /// Two events have one id.
    #[error("its id is that of an earlier event")]
    EventId,
    /// The receipt and the events disagree.
    #[error("the receipt of command {command} {says}")]
    Receipt {
        /// The command.
        command: uuid::Uuid,
        /// In what.
        says: &'static str,
    },
    /// The event agrees with itself, but another one was sealed in its place.
    #[error("it is not the event that was sealed as {origin}: its leaf is another one")]
    Sealed {
        /// The log's name in its tree.
        origin: String,
    },
    /// The tree does not have a root that was signed.
    #[error("positions {since} to {size} are not those that were signed: the root at {size} events is not the one of {origin}")]
    SignedHead {
        /// The log's name in its tree.
        origin: String,
        /// The first position that no earlier head vouches for.
        since: u64,
        /// Size of the head.
        size: u64,
    },
    /// More events were signed than there are.
    #[error("there is no event, and {origin} was signed with {size}")]
    Ahead {
        /// The log's name in its tree.
        origin: String,
        /// Size of the head.
        size: u64,
    },
    /// A signed head is not what its note says, or nobody signed it.
    #[error("the signed head of {size} events of {origin}: {says}")]
    Note {
        /// The log's name in its tree.
        origin: String,
        /// Size of the head.
        size: u64,
        /// In what.
        says: String,
    },
    /// A stored tile does not follow from the events.
    #[error("the tile {number} of level {level} of {origin} does not follow from the events")]
    Tile {
        /// The log's name in its tree.
        origin: String,
        /// Its level.
        level: u32,
        /// Its place in the level.
        number: u64,
    },
    /// The database finds fault with its own pages.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// What the observer says.
    #[error("{0}")]
    Observed(String),
}
