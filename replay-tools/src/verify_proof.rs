//! `verify-proof`: does a proof prove an event? Three files, no database.

use std::path::PathBuf;

use clap::Args;
use eventlog::tree::TlogProof;
use serde_json::json;

use crate::cli::{Common, Exit, Failed};
use crate::event_file::Event;
use crate::kept;

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
    let head = &proof.head.head;
    if common.json {
        println!("{}", json!({ "holds": true, "position": position, "origin": head.origin, "size": head.size, "type": event.event_type }));
    } else {
        println!("proved: position {position} of {}, among {} events, is {} of {}", head.origin, head.size, event.event_type, event.stream);
    }
    Ok(())
}
