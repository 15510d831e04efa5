//! What each command of the command line does.

mod admin;
mod dev;
mod hints;
mod seed;
mod serve;
mod tree;

use clap::CommandFactory;

use crate::cli::{Cli, Command, Exit, Failed};

/// Does what was asked.
///
/// # Errors
/// [`Failed`] with the exit code and the fix.
pub async fn run(cli: Cli) -> Result<(), Failed> {
    match cli.command {
        Command::Dev(options) => Box::pin(dev::run(options, cli.quiet)).await,
        Command::Serve(flags) => Box::pin(serve::serve(&flags)).await,
        Command::Worker(flags) => Box::pin(serve::worker(&flags)).await,
        Command::Migrate { action, dry_run, settings } => Box::pin(serve::migrate(action, dry_run, cli.quiet, &settings)).await,
        Command::Schema { .. } => {
            print!("{}", crate::schema::sdl());
            Ok(())
        }
        Command::Config { show: _, sources, settings } => serve::show(&settings, sources),
        Command::Doctor { settings, json } => Box::pin(serve::doctor(&settings, json)).await,
        Command::Admin { action } => Box::pin(admin::run(action)).await,
        Command::Tree { action } => tree::run(action),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "daybook", &mut std::io::stdout());
            Ok(())
        }
        Command::Seed(options) => Box::pin(seed::run(options)).await,
    }
}

/// A failure of the machinery, with the fix that is most often right.
fn failed(error: impl std::fmt::Display) -> Failed {
    Failed::new(Exit::Failure, error, "")
}

/// A service that does not answer.
fn unavailable(error: impl std::fmt::Display, hint: &str) -> Failed {
    Failed::new(Exit::Unavailable, error, hint)
}
