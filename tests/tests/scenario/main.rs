//! The product as its users meet it: through GraphQL only, on SQLite and on PostgreSQL with Redis.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod authorisation;
mod bad_input;
mod cast;
mod cli;
mod closing;
mod contention;
mod contract;
mod crash;
mod deploy;
mod dev;
mod door;
mod drain;
mod drill;
mod endings;
mod examples;
mod finance;
mod hostile;
mod identity;
mod main_path;
mod notices;
mod notifications;
mod operators;
mod outage;
mod past;
mod paying;
mod payouts;
mod pooling;
mod production;
mod proofs;
mod redis;
mod refunds;
mod repeats;
mod schema;
mod sealing;
mod settling;
mod shop;
mod signals;
mod slow_readers;
mod subscriptions;
mod tls;
mod transfers;
