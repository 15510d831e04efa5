//! One function per intent: load what it needs, decide, commit all of it or nothing.

pub mod access;
pub mod adjustment;
pub mod api_key;
pub mod booking;
pub mod context;
pub mod corporate;
pub mod deadletter;
pub mod device;
pub mod escrow;
pub mod exchange_key;
pub mod export;
pub mod fee_invoice;
pub mod inbox;
pub mod payment;
pub mod period;
pub mod product;
pub mod projection;
pub mod purchase;
pub mod recon;
pub mod session;
pub mod settlement;
pub mod shop_order;
pub mod stock;
#[cfg(test)]
mod testing;
pub mod transfers;
pub mod upload;
pub mod user;
pub mod vehcal;
pub mod vehicle;

pub use context::{Caller, Clock, Context, Ids, Keys};
pub use eventlog::{ExecuteError, Executed};
