//! `daybook tree`, and how the tree of a book is doing.

use eventlog::Log;
use eventlog::tree::{HeadsFolder, key_file};

use super::failed;
use crate::cli::{Exit, Failed, TreeAction};
use crate::config::Config;

pub(super) fn run(action: TreeAction) -> Result<(), Failed> {
    let TreeAction::NewKey { origin, output } = action;
    if output.exists() {
        let why = format!("{} exists", output.display());
        return Err(Failed::new(Exit::Refused, why, "name a file that is not there: a key is never overwritten"));
    }
    let keys = key_file(&output, &origin).map_err(failed)?;
    for key in keys {
        println!("{}", key.verifier());
    }
    Ok(())
}

/// What `doctor` says: how much is signed, and whether it is still this log.
pub(super) async fn check(log: &Log, config: &Config) -> Result<String, String> {
    if config.workers {
        config.sealing().map_err(|error| format!("{error}; {}", error.hint()))?;
    }
    let (events, newest) = (log.head().await.map_err(|e| e.to_string())?, log.tree().head().await.map_err(|e| e.to_string())?);
    let kept = HeadsFolder::new(&config.heads_dir).read(&config.origin).map_err(|e| e.to_string())?;
    match (newest, kept) {
        (_, Some(kept)) if kept.head.size > events => Err(format!(
            "{} was signed with {} events, and there are {events}: an old backup? see docs/tree.md",
            config.origin, kept.head.size
        )),
        (Some(newest), _) => Ok(format!("{} of {events} events signed as {}", newest.head.size, newest.head.origin)),
        (None, _) => Ok("nothing signed yet".to_owned()),
    }
}
