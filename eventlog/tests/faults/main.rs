//! What the log does when things break.
//!
//! Every check ends with the same question (`check`): is everything that anybody was told true of the log that is left?
//! `DAYBOOK_FAULT_SEED` gives another run of what is random, `DAYBOOK_FAULT_ROUNDS` that many times the rounds.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test stops at the first surprise")]

mod book;
mod chain;
mod check;
mod child;
mod cluster;
mod cut;
mod full;
mod interleavings;
mod kills;
mod load;
mod nodes;
mod places;
mod proxy;
mod random;
mod stale;

/// Not a check: the process that others start and kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the checks that kill it"]
async fn works_until_killed() {
    child::work_until_killed().await;
}
