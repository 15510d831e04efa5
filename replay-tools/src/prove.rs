//! `prove`: the proof that an event is in the log, as a file that needs this log no more.

use std::path::PathBuf;

use clap::Args;
use eventlog::LogError;
use eventlog::tree::{SignedHead, TlogProof, Tree};
use serde_json::json;

use crate::cli::{Common, Exit, Failed};
use crate::kept;

/// Options of `prove`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The position of the event.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    pub position: u64,
    /// A signed head of this log that you have kept: the proof is under that one, for example because it was cosigned or time-stamped.
    #[arg(long = "signed-head", value_name = "FILE")]
    pub signed_head: Option<PathBuf>,
    /// The file to write, by habit `….tlog-proof`; without it, standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let under = options.signed_head.as_ref().map(|path| kept::head(path)).transpose()?;
    let tree = Tree::open(&common.store()?).await?;
    let proved = prove(&tree, options.position, under).await;
    tree.close().await;
    let proof = proved?;
    let Some(file) = &options.output else {
        print!("{proof}");
        return Ok(());
    };
    let failed = |error| Failed::new(Exit::Failure, format!("{}: {error}", file.display()), "check the path and its permissions");
    std::fs::write(file, proof.to_string()).map_err(failed)?;
    let head = &proof.head.head;
    if common.json {
        let line = json!({ "position": options.position, "index": proof.index, "origin": head.origin, "size": head.size, "file": file });
        println!("{line}");
    } else if !common.quiet {
        println!("position {} is in {} with {} events\n{}", options.position, head.origin, head.size, file.display());
    }
    Ok(())
}

async fn prove(tree: &Tree, position: u64, under: Option<SignedHead>) -> Result<TlogProof, Failed> {
    let covers = under.as_ref().map(|head| head.head.size);
    let proved = match under {
        Some(head) => tree.prove_under(position, head).await,
        None => tree.prove(position).await,
    };
    match proved {
        Ok(Some(proof)) => Ok(proof),
        Ok(None) => {
            let signed = match covers {
                Some(size) => size,
                None => tree.head().await?.map_or(0, |head| head.head.size),
            };
            let why = format!("position {position} is not sealed: the signed head covers {signed} events");
            Err(Failed::new(Exit::Refused, why, "a running server seals every second; `daybook doctor` says how far it is"))
        }
        Err(LogError::Damaged(what)) => Err(Failed::new(
            Exit::Refused,
            format!("nothing can be proved: {what}"),
            "`daybook-replay verify` says where the log does not hold",
        )),
        Err(error) => Err(error.into()),
    }
}
