//! The words that every crate shares: deciders, typed ids, money, periods, personal data, refusals and journal entries.
//!
//! Ground floor of the workspace: no I/O, no clock, no randomness, no business noun.

pub mod actor;
pub mod decider;
pub mod id;
pub mod journal;
pub mod money;
pub mod period;
pub mod personal;
pub mod refusal;
pub mod stream;
pub mod upcast;

pub use actor::Actor;
pub use cqrs_es::DomainEvent;
pub use decider::{At, Decider, EventSourced, Fact};
pub use id::Id;
pub use jiff;
pub use jiff::Timestamp;
pub use journal::{JournalEntry, Posting, Side, Unbalanced};
pub use money::{Currency, Money, MoneyError};
pub use period::Period;
pub use personal::{KeyClass, Opened, Opener, Personal, SealError, Sealed, Sealer, sealing};
pub use refusal::{Refusal, Refused};
pub use stream::{NotAStream, StreamName};
