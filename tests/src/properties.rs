//! Property tests (domain.md §6: D1–D8, L1–L8, S1–S3, E1–E3): random commands of random people over a small world, clock jumps,
//! and a provider and a bank that answer late, twice, wrongly or never; held against a naive model and against auditors
//! who read nothing but the log.

#![allow(missing_docs, reason = "the tests are its only readers")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

pub mod action;
pub mod audit;
pub mod burst;
pub mod dice;
pub mod driver;
pub mod model;
pub mod outside;
pub mod play;
pub mod sabotage;
pub mod sequence;
pub mod shop;
pub mod work;
pub mod world;

pub use audit::{Property, Violation};
pub use sabotage::Sabotage;
pub use sequence::{Plan, Report, run};
