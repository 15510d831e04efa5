//! The read side and the processes of a book: pure folds from events to rows, pure reactions from events to commands,
//! and the runtime that makes each happen exactly once.
//!
//! [`ReadModel`] and [`views::Views`]: rows and how they are read. [`views::Workers`]: what moves them along the log.
//! [`process::Process`], [`process::Work`] and [`process::Runtime`]: reactions, timers and outside calls.

mod backoff;
pub mod books;
pub mod closing;
mod db;
pub mod export;
pub mod feed;
pub mod hot;
mod known;
pub mod metrics;
mod model;
pub mod models;
mod pace;
pub mod process;
pub mod processes;
mod tail;
mod tasks;
pub mod views;

pub use known::{Decode, Event, Known, Unreadable, decode};
pub use model::{Column, ColumnKind, Poison, ReadModel, Value};
