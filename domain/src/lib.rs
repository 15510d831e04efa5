//! The pure rules of Daybook: no I/O, no clock, no randomness, no floats.
//!
//! Every module has the same shape: the story, Event, State, Command, Refusal, `decide` and `evolve`.

pub mod booking;
pub mod cancellation;
pub mod catalogue;
pub mod claim;
pub mod event;
pub mod geo;
pub mod ids;
pub mod ledger;
pub mod payable;
pub mod payment;
pub mod payout;
pub mod pending;
pub mod pricing;
pub mod product;
pub mod purpose;
pub mod sabotage;
pub mod schedule;
pub mod session;
pub mod settings;
pub mod settlement;
pub mod shop_order;
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
