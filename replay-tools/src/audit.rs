//! `audit`: a copy of what a log serves of its tree, checked without the log.

use std::path::PathBuf;

use clap::Args;
use eventlog::tree::MirrorError;
use serde_json::json;

use crate::cli::{Common, Exit, Failed};
use crate::cosignature::WitnessKey;
use crate::kept;
use crate::progress::Progress;
use crate::time_token::TimeToken;

const HINT: &str = "show this line, the copy and the heads that you have kept to whoever runs the log";

/// Options of `audit`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The copy: `checkpoint` and `tile/…` as the log serves them under /log (scripts/mirror-log makes one).
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The log's public key, or a file with keys.
    #[arg(long = "vkey", value_name = "KEY", required = true)]
    pub vkeys: Vec<String>,
    /// A signed head that you have kept: the log must go on from it. May be given several times.
    #[arg(long = "signed-head", value_name = "FILE")]
    pub signed_heads: Vec<PathBuf>,
    /// A witness that must have cosigned the copy's checkpoint, by its public key. May be given several times.
    #[arg(long = "witness", value_name = "KEY")]
    pub witnesses: Vec<WitnessKey>,
    /// A time token for the copy's checkpoint.
    #[command(flatten)]
    pub stamped: TimeToken,
}

/// What others say of the copy's checkpoint: who cosigned it and when, and the time of its token.
fn vouched(options: &Options) -> Result<Vec<String>, Failed> {
    let file = options.folder.join("checkpoint");
    let (note, mut said) = (kept::note(&file)?, Vec::new());
    for key in &options.witnesses {
        let time = key.seen_at(&note).map_err(|error| Failed::new(Exit::Refused, error, HINT))?;
        said.push(format!("cosigned {key} at {time}"));
    }
    if let Some(time) = options.stamped.time(&[&note])? {
        said.push(format!("time     {time}"));
    }
    Ok(said)
}

pub(crate) fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let keys = kept::keys(&options.vkeys)?;
    let heads = options.signed_heads.iter().map(|path| kept::note(path)).collect::<Result<Vec<_>, _>>()?;
    let mut progress = Progress::new("events", common.quiet);
    let audited = eventlog::tree::audit(&options.folder, &keys, &heads, |done, all| progress.at(done, all));
    drop(progress);
    match audited {
        Ok(found) => {
            let vouched = vouched(options)?;
            let (head, kept) = (&found.head, heads.len());
            if common.json {
                let line = json!({ "holds": true, "origin": head.origin, "size": head.size, "entries": found.entries, "tiles": found.tiles, "signedHeads": kept, "vouched": vouched });
                println!("{line}");
            } else {
                println!(
                    "the copy holds\norigin   {}\nevents   {}\nentries  {}\nkept     {kept} signed heads are beginnings of it",
                    head.origin, head.size, found.entries
                );
                vouched.iter().for_each(|line| println!("{line}"));
            }
            Ok(())
        }
        Err(error @ MirrorError::File { .. }) => Err(Failed::new(Exit::Failure, error, "is the copy whole? scripts/mirror-log makes one")),
        Err(error) => {
            if common.json {
                println!("{}", json!({ "holds": false, "wrong": error.to_string() }));
            }
            Err(Failed::new(Exit::Refused, error, HINT))
        }
    }
}
