//! The pure rules of Daybook: no I/O, no clock, no randomness, no floats.
//!
//! Every module has the same shape: the story, Event, State, Command, Refusal, `decide` and `evolve`.

pub mod adjustment;
pub mod admins;
pub mod api_key;
pub mod booking;
pub mod calendar;
pub mod cancellation;
pub mod catalogue;
pub mod claim;
pub mod corporate;
pub mod deadletter;
pub mod device;
pub mod event;
pub mod exchange_key;
pub mod export;
pub mod fee_invoice;
pub mod geo;
pub mod ids;
pub mod inbox;
pub mod ledger;
pub mod payable;
pub mod payment;
pub mod payout;
pub mod pending;
pub mod period;
pub mod pricing;
pub mod product;
pub mod projection;
pub mod purpose;
pub mod recon;
pub mod sabotage;
pub mod schedule;
pub mod session;
pub mod settings;
pub mod settlement;
pub mod shop_order;
pub mod state;
pub mod statement;
pub mod stock;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod transfers;
pub mod upcasts;
pub mod upload;
pub mod user;
pub mod vehcal;
pub mod vehicle;

pub use event::Event;
