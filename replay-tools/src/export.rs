//! `export`: the ledger or the events as a file, whose digest is logged as an event of the book. It appends two events and nothing else.

use std::path::PathBuf;

use clap::Args;
use eventlog::{Config, KeySource, Log};
use projections::export::{ExportError, Format, Range, Tool};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::cli::{Common, Exit, Failed};

/// Chunks between the reader of the log and the writer of the file.
const CHUNKS: usize = 16;

/// Options of `export`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// hledger, beancount, ledger, csv, ndjson or parquet: the journal; events: every event of the log as NDJSON.
    #[arg(long, value_name = "FORMAT")]
    pub format: Format,
    /// The first position; what lies before it is opened with as balances.
    #[arg(long, value_name = "POSITION", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub from: u64,
    /// The last position; without it the head, as it is at the start.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    /// Where to write; it has its name once it is whole.
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    if options.to.is_some_and(|to| to < options.from) {
        return Err(Failed::new(Exit::Usage, "--to lies before --from", "positions count from 1, oldest first"));
    }
    // Receipts need no secret here: the commands have no keys.
    let log = Log::open(Config { url: common.store()?, secret: [0; 32], migrate: false, keys: KeySource::Absent }).await?;
    let done = write(&log, common, options).await;
    log.close().await;
    done
}

async fn write(log: &Log, common: &Common, options: &Options) -> Result<(), Failed> {
    let head = log.head().await?;
    let range = Range { from: options.from, to: options.to.map_or(head, |to| to.min(head)) };
    // Never half a file under its own name.
    let part = options.output.with_added_extension("part");
    let mut target = tokio::fs::File::create(&part).await.map_err(|error| unwritable(&error))?;
    let (sender, mut chunks) = mpsc::channel::<Vec<u8>>(CHUNKS);
    let tool = Tool::new(log.clone());
    let export = async {
        let done = tool.export(options.format, range, &sender).await;
        drop(sender);
        done
    };
    let file = async {
        while let Some(chunk) = chunks.recv().await {
            target.write_all(&chunk).await?;
        }
        target.sync_all().await
    };
    let (done, written) = tokio::join!(export, file);
    written.map_err(|error| unwritable(&error))?;
    let (export, summary) = done?;
    tokio::fs::rename(&part, &options.output).await.map_err(|error| unwritable(&error))?;
    let (from, to) = (range.from, range.to);
    let (records, bytes, sha256) = (summary.records, summary.bytes, summary.sha256);
    let said = if common.json {
        let (export, format) = (export.to_string(), options.format.name());
        json!({ "export": export, "format": format, "from": from, "to": to, "records": records, "bytes": bytes, "sha256": sha256 })
            .to_string()
    } else {
        format!("exported\npositions {from} to {to}\nrecords   {records}\nbytes     {bytes}\nsha256    {sha256}\nlogged as {export}")
    };
    println!("{said}");
    Ok(())
}

fn unwritable(error: &std::io::Error) -> Failed {
    Failed::new(Exit::Failure, format_args!("the file cannot be written: {error}"), "check the folder, its permissions and the space left")
}

impl From<ExportError> for Failed {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Log(error) => error.into(),
            ExportError::Event { .. } => Self::new(Exit::Refused, error, "run `daybook-replay verify`: the log may not hold"),
            ExportError::NotLogged(_) => Self::new(Exit::Failure, error, "the role of --database-url must be allowed to append"),
            ExportError::Zone(_) | ExportError::Closed => Self::new(Exit::Failure, error, ""),
        }
    }
}
