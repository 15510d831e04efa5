//! `state`: what a stream's events add up to, at any moment.

use clap::Args;
use domain::state::{self, Stored};
use eventlog::{Log, MAX_READ, Recorded};
use kernel::{StreamName, Timestamp};
use serde_json::json;

use crate::book;
use crate::cli::{Common, Exit, Failed};

/// Most events of one stream.
const MAX_EVENTS: usize = 1_000_000;

/// Options of `state`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The stream, for example `booking-0190…`.
    #[arg(value_name = "STREAM")]
    pub stream: StreamName,
    /// After the event of this version.
    #[arg(long, value_name = "VERSION", conflicts_with = "at", value_parser = clap::value_parser!(u64).range(1..))]
    pub version: Option<u64>,
    /// After everything that was recorded up to this instant (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let log = book::log(common).await?;
    let events = history(&log, options).await;
    log.close().await;
    let events = events?;
    let Some(last) = events.last() else {
        let message = format!("there is no event of {} at that moment", options.stream);
        return Err(Failed::new(Exit::Failure, message, "`daybook-replay events --kind KIND` shows what there is"));
    };
    let stored: Vec<Stored<'_>> = events
        .iter()
        .map(|event| Stored { event_type: &event.event_type, version: event.schema_version, payload: &event.payload })
        .collect();
    let folded = state::of(options.stream.kind(), &stored).map_err(|error| Failed::new(Exit::Failure, error, ""))?;
    let state = folded
        .ok_or_else(|| Failed::new(Exit::Failure, format!("nothing here knows what streams of kind {} mean", options.stream.kind()), ""))?;
    let whole = json!({
        "stream": options.stream.to_string(),
        "version": last.version,
        "position": last.position,
        "recorded_at": last.recorded_at.to_string(),
        "state": state,
    });
    if common.json {
        println!("{whole}");
    } else {
        println!("{} at version {}, position {}, {}", options.stream, last.version, last.position, last.recorded_at);
        println!("{:#}", whole["state"]);
    }
    Ok(())
}

async fn history(log: &Log, options: &Options) -> Result<Vec<Recorded>, Failed> {
    let mut events = Vec::<Recorded>::new();
    loop {
        let after = events.last().map_or(0, |event| event.version);
        let page = log.read_stream(&options.stream, after, MAX_READ).await?;
        let full = page.len() == MAX_READ;
        let wanted = |event: &Recorded| {
            options.version.is_none_or(|version| event.version <= version) && options.at.is_none_or(|at| event.recorded_at <= at)
        };
        let before = events.len();
        let read = page.len();
        events.extend(page.into_iter().take_while(wanted));
        if !full || events.len() - before < read {
            return Ok(events);
        }
        if events.len() > MAX_EVENTS {
            return Err(Failed::new(Exit::Failure, format!("more than {MAX_EVENTS} events"), "ask for an earlier --version"));
        }
    }
}
