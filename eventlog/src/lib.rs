//! The only writer of events: one append-only log per book, on SQLite or PostgreSQL.
//!
//! [`Log::execute`] is the one way in: it looks a command's receipt up, runs the command's function over a [`Session`]
//! (load, decide), and appends all that it decided at once or nothing. Positions are dense from 1 and their order is the
//! commit order, so a reader needs `position > checkpoint` and never skips an event (E1–E3 of the domain specification).
//!
//! This crate knows no business module. Nothing in it is global: a process may open as many books as it likes.

mod answer;
mod appender;
mod codec;
mod command;
mod config;
pub mod cqrs;
mod error;
mod execute;
#[cfg(feature = "failpoints")]
mod failpoint;
mod filter;
mod hint;
mod leaf;
mod log;
mod memory;
mod merkle;
mod metrics;
mod migrations;
mod newest;
mod obstacle;
mod outcome;
mod plan;
mod recent;
mod recorded;
mod roles;
mod seal;
mod session;
mod snapshot;
mod states;
mod store;
mod together;
pub mod tree;
mod turns;
mod upcast;
pub mod verify;
mod versions;

pub use codec::DecodeError;
pub use command::{CommandMeta, Executed, Receipt};
pub use config::{Config, InvalidUrl, KeySource, StoreUrl};
pub use error::{ExecuteError, LogError, Stop};
pub use filter::{EventFilter, EventPage, Order, Searched};
pub use leaf::{LEAF_FORMAT, LeafError, LeafRecord, MAX_LEAF_BYTES, payload_digest};
pub use log::{Log, MAX_READ};
pub use merkle::{Frontier, Hash};
pub use migrations::{SchemaStatus, schema_status};
pub use obstacle::Obstacle;
pub use recorded::Recorded;
pub use roles::migrate;
pub use seal::{KeyError, subject};
pub use session::{Loaded, Session};
pub use together::{Decision, Joint, MAX_WEIGHT};
