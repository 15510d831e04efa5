//! `verify`: does the log hold?

use clap::Args;
use eventlog::LeafRecord;
use eventlog::verify::{Fault, Observer, Range, ReceiptsDigest, Verdict, Verified};
use projections::books::Compared;
use serde_json::json;

use crate::cli::{Common, Exit, Failed};
use crate::kept;
use crate::progress::Progress;
use crate::verify_ledger::{self, Ledger};
use crate::verify_receipts::{self, Receipts};

const HINT: &str = "compare with a backup or a replica: `daybook-replay verify` there tells which of them holds";

/// Options of `verify`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The first position to look at; the root of the tree is only given from 1 on.
    #[arg(long, value_name = "POSITION", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub from: u64,
    /// The last position to look at; without it the head, as it is at the start.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    /// Heads that were kept outside of the database, to compare the tree with.
    #[command(flatten)]
    pub kept: kept::KeptHeads,
    /// What to say of the receipts as a whole.
    #[command(flatten)]
    pub receipts: Receipts,
}

struct Watching {
    progress: Progress,
    ledger: Ledger,
}

impl Observer for Watching {
    fn progress(&mut self, position: u64, to: u64) {
        self.progress.at(position, to);
    }

    fn event(&mut self, record: &LeafRecord<'_>, payload: &str) -> Result<(), String> {
        self.ledger.event(record, payload)
    }
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let store = common.store()?;
    if options.to.is_some_and(|to| to < options.from) {
        return Err(Failed::new(Exit::Usage, "--to lies before --from", "positions count from 1, oldest first"));
    }
    let ledger = Ledger::open(&store, options.from == 1).await?;
    let mut watching = Watching { progress: Progress::new("events", common.quiet), ledger };
    let range = Range { from: options.from, to: options.to };
    let verdict = eventlog::verify::verify_against(&store, range, &kept::heads(&store, &options.kept)?, &mut watching).await?;
    let Watching { progress, ledger } = watching;
    match verdict {
        Verdict::Holds(verified) => {
            let receipts = options.receipts.look(&store, verified.to).await.inspect_err(|failed| {
                if common.json {
                    println!("{}", json!({ "holds": false, "position": null, "wrong": failed.message }));
                }
            })?;
            let books = ledger.finish(&store, verified.to).await?;
            let millis = progress.elapsed().as_millis();
            drop(progress);
            match books {
                Ok(books) if common.json => println!("{}", holds_json(&verified, &books, receipts.as_ref(), millis)),
                Ok(books) => println!("{}{}", holds_text(&verified, &books), verify_receipts::text(receipts.as_ref())),
                Err(mismatch) => {
                    if common.json {
                        println!("{}", verify_ledger::broken_json(&mismatch));
                    }
                    return Err(verify_ledger::failed(&mismatch));
                }
            }
            Ok(())
        }
        Verdict::Broken(fault) => {
            if common.json {
                println!("{}", broken_json(&fault));
            }
            Err(Failed::new(Exit::Refused, format!("the log does not hold: {fault}"), HINT))
        }
    }
}

fn holds_text(verified: &Verified, books: &Compared) -> String {
    let Verified { from, to, streams, receipts, heads, .. } = verified;
    let root = verified.root.map_or_else(String::new, |root| format!("\nroot     {}", hex(root)));
    let books = verify_ledger::text(books);
    format!("the log holds\nevents   {from} to {to}\nstreams  {streams}\nreceipts {receipts}\nheads    {heads}{root}\n{books}")
}

fn holds_json(verified: &Verified, books: &Compared, receipts: Option<&ReceiptsDigest>, millis: u128) -> String {
    json!({
        "holds": true,
        "from": verified.from,
        "to": verified.to,
        "head": verified.head,
        "streams": verified.streams,
        "receipts": verified.receipts,
        "keptReceipts": verify_receipts::value(receipts),
        "heads": verified.heads,
        "root": verified.root.map(hex),
        "ledger": verify_ledger::json(books),
        "milliseconds": u64::try_from(millis).unwrap_or(u64::MAX),
    })
    .to_string()
}

fn broken_json(fault: &Fault) -> String {
    json!({ "holds": false, "position": fault.position, "wrong": fault.wrong.to_string() }).to_string()
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use eventlog::verify::Wrong;

    use super::*;

    #[test]
    fn keys_are_stable() {
        let verified = Verified { from: 1, to: 2, head: 3, streams: 1, receipts: 2, heads: 1, root: Some([0xab; 32]) };
        let root = "ab".repeat(32);
        let books = Compared { entries: 4, balances: 3, journal_at: Some(2), lines_at: Some(2), balances_at: None };
        let ledger = r#"{"balances":3,"balances_at":null,"entries":4,"journal_at":2,"lines_at":2}"#;
        assert_eq!(
            holds_json(&verified, &books, None, 5),
            format!(
                r#"{{"from":1,"head":3,"heads":1,"holds":true,"keptReceipts":null,"ledger":{ledger},"milliseconds":5,"receipts":2,"root":"{root}","streams":1,"to":2}}"#
            )
        );
        let said = "entries  4, as stored at 2\nlines    as stored at 2\nbalances 3, not compared";
        assert_eq!(
            holds_text(&verified, &books),
            format!("the log holds\nevents   1 to 2\nstreams  1\nreceipts 2\nheads    1\nroot     {root}\n{said}")
        );
        let fault = Fault { position: Some(7), wrong: Wrong::Missing };
        assert_eq!(broken_json(&fault), r#"{"holds":false,"position":7,"wrong":"there is no event"}"#);
    }
}
