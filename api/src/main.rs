//! The `daybook` binary.

// A server's future is deep: commands within spans within connections.
#![recursion_limit = "256"]

use std::process::ExitCode;

use clap::Parser;
use daybook_api::cli::{Cli, Exit};

/// Many small values, made on one thread and dropped on another: glibc spends a fifth of a busy log's time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return Exit::Failure.into();
        }
    };
    match runtime.block_on(daybook_api::run::run(cli)) {
        Ok(()) => Exit::Done.into(),
        Err(failed) => {
            eprint!("{}", failed.report());
            failed.exit.into()
        }
    }
}
