//! `events`: the log's tail, or what the filters find.

use std::time::Duration;

use clap::Args;
use eventlog::{EventFilter, EventPage, Log, MAX_READ, Order, Recorded};
use kernel::{Actor, StreamName, Timestamp};
use uuid::Uuid;

use crate::book::{self, event_json, event_text};
use crate::cli::{Common, Failed};

/// How often the log is looked at while it is followed.
const LOOK: Duration = Duration::from_millis(300);

/// Options of `events`. All that are given must hold.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Of this type; may be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    /// Of streams of this kind, for example `booking`.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Of this stream.
    #[arg(long, value_name = "STREAM")]
    pub stream: Option<StreamName>,
    /// Of this interaction.
    #[arg(long, value_name = "UUID")]
    pub correlation: Option<Uuid>,
    /// Caused by this actor, for example `user-0190…`.
    #[arg(long, value_name = "ACTOR")]
    pub actor: Option<Actor>,
    /// Recorded at or after (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Recorded before.
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// All after this position, oldest first, instead of the newest.
    #[arg(long, value_name = "POSITION")]
    pub after: Option<u64>,
    /// At most so many; without it the 20 newest, or all after --after.
    #[arg(long, short = 'n', value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Go on with what is appended from now on, until it is interrupted.
    #[arg(long, short)]
    pub follow: bool,
}

/// Events of the tail, unless another number is asked for.
const TAIL: u64 = 20;

pub(crate) async fn run(common: &Common, options: &Options) -> Result<(), Failed> {
    let log = book::log(common).await?;
    let shown = show(common, options, &log).await;
    log.close().await;
    shown
}

async fn show(common: &Common, options: &Options, log: &Log) -> Result<(), Failed> {
    let filter = filter(options);
    let print = |event: &Recorded| println!("{}", if common.json { event_json(event).to_string() } else { event_text(event) });
    // Found before anything is shown: what is appended meanwhile is followed from here.
    let head = log.head().await?;
    match options.after {
        Some(after) => {
            forward(log, &filter, after, options.limit.unwrap_or(u64::MAX), &print).await?;
        }
        None => newest(log, &filter, options.limit.unwrap_or(TAIL), &print).await?,
    }
    if !options.follow {
        return Ok(());
    }
    let mut seen = head;
    loop {
        tokio::time::sleep(LOOK).await;
        seen = seen.max(forward(log, &filter, seen, u64::MAX, &print).await?);
    }
}

/// Shows what comes after a position, oldest first; the last position looked at.
async fn forward(log: &Log, filter: &EventFilter, after: u64, limit: u64, print: &impl Fn(&Recorded)) -> Result<u64, Failed> {
    let (mut reached, mut left) = (after, limit);
    while left > 0 {
        let limit = usize::try_from(left).unwrap_or(MAX_READ).min(MAX_READ);
        let page = EventPage { after: Some(reached), before: None, order: Order::Ascending, limit };
        let found = log.search(filter, page).await?;
        let whole = found.events.len() < limit;
        (reached, left) = (found.scanned_to, left - found.events.len() as u64);
        found.events.iter().for_each(print);
        if whole {
            break;
        }
    }
    Ok(reached)
}

/// Shows the newest, oldest of them first.
async fn newest(log: &Log, filter: &EventFilter, limit: u64, print: &impl Fn(&Recorded)) -> Result<(), Failed> {
    let limit = usize::try_from(limit).unwrap_or(MAX_READ).min(MAX_READ);
    let page = EventPage { after: None, before: None, order: Order::Descending, limit };
    log.search(filter, page).await?.events.iter().rev().for_each(print);
    Ok(())
}

fn filter(options: &Options) -> EventFilter {
    EventFilter {
        types: options.types.clone(),
        stream_kind: options.kind.clone(),
        stream: options.stream.clone(),
        correlation_id: options.correlation,
        actor: options.actor.clone(),
        recorded_from: options.from,
        recorded_to: options.to,
        ..EventFilter::default()
    }
}
