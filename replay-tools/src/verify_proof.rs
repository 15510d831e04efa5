//! `verify-proof`: does a proof prove an event? Three files, no database.

use std::path::PathBuf;

use clap::Args;
use eventlog::tree::{SignedHead, TlogProof};
use serde_json::json;

use crate::cli::{Common, Exit, Failed};
use crate::cosignature::WitnessKey;
use crate::event_file::Event;
use crate::kept;
use crate::time_token::TimeToken;

/// Options of `verify-proof`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The proof: a `.tlog-proof`.
    #[arg(value_name = "FILE")]
    pub proof: PathBuf,
    /// The log's public key, or a file with keys of which one must have signed.
    #[arg(long = "vkey", value_name = "KEY", required = true)]
    pub vkeys: Vec<String>,
    /// The event as GraphQL gives it: position, stream, version, id, type, schemaVersion, recordedAt, occurredAt, actor, correlationId,
    /// causationId, commandId and payloadText; or an answer of GraphQL with the event in it.
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// A witness that must have cosigned the proof's head, by its public key. May be given several times.
    #[arg(long = "witness", value_name = "KEY")]
    pub witnesses: Vec<WitnessKey>,
    /// A time token for the proof's head: as it stands in the proof, without the lines of witnesses, or only its three lines.
    #[command(flatten)]
    pub stamped: TimeToken,
}

/// What others say of a head.
struct Vouched {
    /// Witnesses, and when they saw it, in seconds of Unix time.
    cosigned: Vec<(String, u64)>,
    /// When it was stamped.
    time: Option<String>,
}

fn vouched(options: &Options, head: &SignedHead) -> Result<Vouched, Failed> {
    let seen = |key: &WitnessKey| key.seen_at(&head.note).map(|time| (key.to_string(), time));
    let cosigned = options.witnesses.iter().map(seen).collect::<Result<Vec<_>, _>>();
    let cosigned =
        cosigned.map_err(|error| Failed::new(Exit::Refused, error, "the proof has the head as it was served; is it cosigned?"))?;
    // Whoever stamped the head may have done so before a witness added a line.
    let (text, lines) = head.note.split_at(head.note.rfind("\n\n").map_or(head.note.len(), |end| end + 1));
    let mark = format!("\u{2014} {} ", head.head.origin);
    let own: String = lines.split_inclusive('\n').filter(|line| *line == "\n" || line.starts_with(&mark)).collect();
    let time = options.stamped.time(&[&head.note, &format!("{text}{own}"), text])?;
    Ok(Vouched { cosigned, time })
}

pub(crate) fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let keys = kept::keys(&options.vkeys)?;
    let (proof, event) = (kept::note(&options.proof)?, kept::note(&options.event)?);
    let refused = |what: String, hint: &str| {
        if common.json {
            println!("{}", json!({ "holds": false, "wrong": what }));
        }
        Failed::new(Exit::Refused, format!("it is not proved: {what}"), hint)
    };
    let proof: TlogProof = proof.parse().map_err(|error| refused(format!("{}: {error}", options.proof.display()), "is the file whole?"))?;
    let position = proof.index + 1;
    let event = Event::find(&event, position).map_err(|error| {
        refused(format!("{}: {error}", options.event.display()), "save the event with every field that --help names, as GraphQL gives it")
    })?;
    let leaf = event.leaf_hash().map_err(|error| refused(error.to_string(), ""))?;
    proof.verify(&leaf, &keys).map_err(|error| {
        refused(error.to_string(), "either the event is not what the log has at this position, or proof and key are of another log")
    })?;
    let vouched = vouched(options, &proof.head)?;
    let head = &proof.head.head;
    if common.json {
        let cosigned: Vec<_> = vouched.cosigned.iter().map(|(key, at)| json!({ "witness": key, "at": at })).collect();
        println!(
            "{}",
            json!({
                "holds": true, "position": position, "origin": head.origin, "size": head.size, "type": event.event_type,
                "cosigned": cosigned, "time": vouched.time,
            })
        );
    } else {
        println!("proved: position {position} of {}, among {} events, is {} of {}", head.origin, head.size, event.event_type, event.stream);
        vouched.cosigned.iter().for_each(|(key, at)| println!("cosigned {key} at {at}"));
        vouched.time.iter().for_each(|time| println!("time     {time}"));
    }
    Ok(())
}
