//! `daybook-replay`: looks into a book and proves what it finds, beside a running server. One module for each subcommand.
//!
//! Data goes to standard output, everything else to standard error. A subcommand reads unless it says otherwise.

mod audit;
mod book;
pub mod cli;
mod cosign;
mod cosignature;
mod diff;
mod event_file;
mod events;
mod export;
mod import;
mod kept;
pub mod progress;
mod prove;
mod rebuild;
mod state;
mod time_token;
mod trace;
mod verify;
mod verify_ledger;
mod verify_proof;
mod verify_receipts;
mod witness;

use cli::{Cli, Command, Exit, Failed};

/// Does what was asked, until it is done or interrupted.
///
/// # Errors
/// [`Failed`] with the exit code and the fix.
pub async fn run(cli: Cli) -> Result<(), Failed> {
    let Cli { common, command } = cli;
    let work = async {
        match command {
            Command::Diff(options) => diff::run(&common, &options).await,
            Command::Events(options) => events::run(&common, &options).await,
            Command::ImportPostgresEs(options) => import::run(&common, &options).await,
            Command::Rebuild(options) => rebuild::run(&common, &options).await,
            Command::State(options) => state::run(&common, &options).await,
            Command::Trace(options) => trace::run(&common, &options).await,
            Command::Export(options) => export::run(&common, &options).await,
            Command::Verify(options) => verify::run(&common, &options).await,
            Command::Prove(options) => prove::run(&common, &options).await,
            Command::VerifyProof(options) => verify_proof::run(&common, &options),
            Command::Audit(options) => audit::run(&common, &options),
            Command::Witness(options) => witness::run(&common, &options).await,
            Command::Cosign(options) => cosign::run(&common, &options).await,
        }
    };
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(Failed::new(Exit::Interrupted, "interrupted", "")),
    }
}
