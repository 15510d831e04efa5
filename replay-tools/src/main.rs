//! The `daybook-replay` binary.

use std::process::ExitCode;

use clap::Parser;
use daybook_replay_tools::cli::{Cli, Exit};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return Exit::Failure.into();
        }
    };
    match runtime.block_on(daybook_replay_tools::run(cli)) {
        Ok(()) => Exit::Done.into(),
        Err(failed) => {
            eprint!("{}", failed.report());
            failed.exit.into()
        }
    }
}
