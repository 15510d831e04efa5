//! The edge of Daybook: GraphQL over HTTP and WebSocket, identity at the door, configuration and the command line.
//!
//! Thin on purpose: it parses, asks `commands` and `projections`, and prints.

// The schema is one type of all its parts, each nested in the next.
#![recursion_limit = "256"]

pub mod access;
pub mod adjustment;
pub mod api_key;
pub mod app;
pub mod booking;
pub mod boot;
pub mod cli;
pub mod config;
pub mod connection;
pub mod consistency;
pub mod console;
pub mod corporate;
pub mod crowd;
pub mod deadletter;
pub mod demo;
pub mod edge;
pub mod errors;
pub mod event;
pub mod exchange_key;
pub mod exports;
pub mod fee_invoice;
pub mod graphiql;
pub mod health;
pub mod inbox;
pub mod input;
pub mod ledger;
pub mod metrics;
pub mod month;
pub mod mutation;
pub mod node;
pub mod observe;
pub mod password;
pub mod payment;
pub mod period;
pub mod product;
pub mod projection;
pub mod proof;
pub mod reading;
pub mod recon;
pub mod run;
pub mod scalars;
pub mod schema;
pub mod server;
pub mod session;
pub mod settlement;
pub mod shop_order;
pub mod side;
pub mod stock;
pub mod tokens;
pub mod transfers;
pub mod transport;
pub mod tree;
pub mod user;
pub mod vehicle;
pub mod viewer;
pub mod webhook;
pub mod writes;
