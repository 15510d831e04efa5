//! One suite that both stores pass.
//!
//! SQLite runs in folders of its own. PostgreSQL needs `DAYBOOK_TEST_DATABASE_URL` (scripts/test sets it); without it that
//! half fails rather than pass unseen.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod append;
mod book;
mod cache;
mod cosigned;
mod cqrs;
mod damage;
mod drill;
mod durable;
#[path = "../../examples/cqrs_es.rs"]
#[expect(dead_code, reason = "its main function")]
mod example;
mod immutable;
mod import;
mod postgres;
mod race;
mod reading;
mod receipts;
mod sealing;
mod sqlite;
mod tally;
mod together;
mod tree;
mod verify;

/// Not a check: the process that [`durable::a_killed_writer_loses_nothing`] starts and kills.
#[tokio::test]
#[ignore = "started by the check that kills it"]
async fn writes_until_killed() {
    durable::write_until_killed().await;
}
