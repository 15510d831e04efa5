//! The only writer of events: one append-only log per book, on SQLite or PostgreSQL.
//!
//! [`Log::execute`] is the one way in: it looks a command's receipt up, runs the command's function over a [`Session`]
//! (load, decide), and appends all that it decided at once or nothing. Positions are dense from 1 and their order is the
//! commit order, so a reader needs `position > checkpoint` and never skips an event (E1–E3 of the domain specification).
//!
//! This crate knows no business module. Nothing in it is global: a process may open as many books as it likes.

mod appender;
mod codec;
mod command;
mod config;
mod error;
mod execute;
mod filter;
mod hint;
mod log;
mod migrations;
mod outcome;
mod recorded;
mod session;
mod store;
mod turns;

pub use codec::DecodeError;
pub use command::{CommandMeta, Executed, Receipt};
pub use config::{Config, InvalidUrl, StoreUrl};
pub use error::{ExecuteError, LogError, Stop};
pub use filter::{EventFilter, EventPage, Order};
pub use log::{Log, MAX_READ};
pub use recorded::Recorded;
pub use session::{Loaded, Session};
