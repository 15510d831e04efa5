//! One function per intent: load what it needs, decide, commit all of it or nothing.

pub mod access;
pub mod booking;
pub mod context;
pub mod escrow;
pub mod payment;
pub mod session;
pub mod settlement;
#[cfg(test)]
mod testing;
pub mod upload;
pub mod user;
pub mod vehcal;
pub mod vehicle;

pub use context::{Caller, Clock, Context, Ids, Keys};
pub use eventlog::{ExecuteError, Executed};
