//! Signed heads and public keys that were kept outside of a book's database.

use std::path::{Path, PathBuf};

use clap::Args;
use eventlog::StoreUrl;
use eventlog::tree::{HeadsFolder, SignedHead, VerifierKey};
use eventlog::verify::{Keeper, Kept};

use crate::cli::{Exit, Failed};

const KEY_HINT: &str = "--vkey takes NAME+HEX+BASE64, as the log serves it under /log/vkey, or a file with such lines";

/// Which heads to compare a book's tree with, besides those in its database.
#[derive(Clone, Debug, Default, Args)]
pub struct KeptHeads {
    /// A signed head that you have kept (a file with the note); may be given several times.
    #[arg(long = "signed-head", value_name = "FILE")]
    pub signed_heads: Vec<PathBuf>,
    /// The public key that must have signed those heads, or a file with keys; without it they are taken as they are.
    #[arg(long = "vkey", value_name = "KEY")]
    pub vkeys: Vec<String>,
    /// The folder in which the server keeps its last head; of a data folder, `heads` in it.
    #[arg(long = "heads", value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// The heads to compare with.
pub(crate) fn heads(store: &StoreUrl, options: &KeptHeads) -> Result<Vec<Kept>, Failed> {
    let keys = keys(&options.vkeys)?;
    let mut kept = Vec::new();
    for path in &options.signed_heads {
        let note = note(path)?;
        let head = if keys.is_empty() { SignedHead::read(&note) } else { SignedHead::trusted(&note, &keys) };
        let head = head.map_err(|error| {
            Failed::new(Exit::Refused, format!("{}: {error}", path.display()), "is it the head, and --vkey the key, of this log?")
        })?;
        kept.push(Kept { head: head.head, by: Keeper::Auditor });
    }
    if let Some(folder) = folder(store, options.folder.as_ref()) {
        let found = folder.all();
        let found =
            found.map_err(|error| Failed::new(Exit::Failure, error, "the folder has one signed head for each origin (docs/tree.md)"))?;
        kept.extend(found.into_iter().map(|signed| Kept { head: signed.head, by: Keeper::Server }));
    }
    Ok(kept)
}

/// A signed head in a file; nobody has asked yet who signed it.
pub(crate) fn head(path: &Path) -> Result<SignedHead, Failed> {
    let read = SignedHead::read(&note(path)?);
    read.map_err(|error| {
        Failed::new(Exit::Refused, format!("{}: {error}", path.display()), "is it a signed head, as /log/checkpoint has it?")
    })
}

/// The folder in which a server keeps its heads: the one that was given, or of a data folder, `heads` in it.
pub(crate) fn folder(store: &StoreUrl, given: Option<&PathBuf>) -> Option<HeadsFolder> {
    let beside = match store {
        StoreUrl::Sqlite(folder) => Some(folder.join("heads")),
        StoreUrl::Postgres(_) => None,
    };
    given.cloned().or(beside).map(HeadsFolder::new)
}

/// The keys that were given, each as itself or as a file with one a line.
pub(crate) fn keys(given: &[String]) -> Result<Vec<VerifierKey>, Failed> {
    let mut keys = Vec::new();
    for text in given {
        let wrong = |error: eventlog::tree::NoteError| Failed::new(Exit::Usage, format!("--vkey {text}: {error}"), KEY_HINT);
        match text.parse::<VerifierKey>() {
            Ok(key) => keys.push(key),
            Err(error) => {
                let lines = std::fs::read_to_string(text).map_err(|_| wrong(error))?;
                let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
                keys.extend(lines.map(str::parse).collect::<Result<Vec<_>, _>>().map_err(wrong)?);
            }
        }
    }
    Ok(keys)
}

/// The text of a file.
pub(crate) fn note(path: &Path) -> Result<String, Failed> {
    std::fs::read_to_string(path).map_err(|error| Failed::new(Exit::Failure, format!("{}: {error}", path.display()), "check the path"))
}
