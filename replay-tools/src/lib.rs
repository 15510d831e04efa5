//! `daybook-replay`: looks into a book and proves what it finds, beside a running server. One module for each subcommand.
//!
//! Data goes to standard output, everything else to standard error. A subcommand reads unless it says otherwise.

pub mod cli;
mod export;
mod import;
pub mod progress;
mod verify;
mod verify_ledger;

use cli::{Cli, Command, Exit, Failed};

/// Does what was asked, until it is done or interrupted.
///
/// # Errors
/// [`Failed`] with the exit code and the fix.
pub async fn run(cli: Cli) -> Result<(), Failed> {
    let Cli { common, command } = cli;
    let work = async {
        match command {
            Command::ImportPostgresEs(options) => import::run(&common, &options).await,
            Command::Export(options) => export::run(&common, &options).await,
            Command::Verify(options) => verify::run(&common, &options).await,
        }
    };
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(Failed::new(Exit::Interrupted, "interrupted", "")),
    }
}
