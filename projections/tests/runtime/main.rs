//! One suite that both backends pass, and the hot store on both of its.
//!
//! SQLite runs in folders of its own. PostgreSQL needs `DAYBOOK_TEST_DATABASE_URL` and Redis `DAYBOOK_TEST_REDIS_URL`
//! (scripts/test sets both); without them those tests fail rather than pass unseen.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod book;
mod crowd;
mod echo;
mod feed;
mod folding;
mod hot;
mod hot_rows;
mod letters;
mod on_postgres;
mod on_sqlite;
mod processes;
mod reading;
mod rebuilding;
mod redis_server;
mod toy;
mod upcasts;
