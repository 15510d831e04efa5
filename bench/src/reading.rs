//! What is not about commands a second: folding, reading, opening, and the first command on a long stream.

use std::time::Instant;

use eventlog::Log;
use kernel::Actor;
use uuid::Uuid;

use crate::booking::{Booking, Command, MESSAGE};
use crate::daybook::{requested, send};
use crate::error::Failure;
use crate::fill;
use crate::place::{Place, Server};
use crate::report::{Printer, median, rss_mib};

/// Times that a figure is measured; the median counts.
const TIMES: usize = 5;
/// Where the memory of a growing log is looked at, in events.
const MARKS: [u64; 3] = [1_000_000, 5_000_000, 10_000_000];

/// Folds a stream of so many events, and reads a log of so many with decoding, each after the log was opened anew.
pub async fn load(server: &Server, printer: Printer, stream_events: u64, log_events: u64) -> Result<(), Failure> {
    let place = server.fresh().await?;
    let log = place.log().await?;
    let booking = requested(&log).await?;
    fill::notes(&log, booking, stream_events.saturating_sub(1)).await?;
    log.close().await;
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let log = place.log().await?;
        first.push(fold(&log, booking, stream_events).await?);
        again.push(fold(&log, booking, stream_events).await?);
        log.close().await;
    }
    let rate = |rates| median(rates).unwrap_or_default().round();
    let figures = [("events", stream_events as f64), ("events_per_s", rate(first)), ("again_events_per_s", rate(again))];
    printer.figures("fold", &figures)?;

    let place = server.fresh().await?;
    let log = place.log().await?;
    let events = fill::bookings(&log, log_events).await?;
    log.close().await;
    let mut rates = Vec::new();
    for _ in 0..TIMES {
        let log = place.log().await?;
        let began = Instant::now();
        expect("events read", fill::read_all(&log).await?, events)?;
        rates.push(events as f64 / began.elapsed().as_secs_f64());
        log.close().await;
    }
    printer.figures("read", &[("events", events as f64), ("events_per_s", rate(rates))])
}

async fn fold(log: &Log, booking: Uuid, events: u64) -> Result<f64, Failure> {
    let began = Instant::now();
    let (_, version) = log.load::<Booking>(booking).await?;
    let rate = events as f64 / began.elapsed().as_secs_f64();
    expect("the version folded", version, events)?;
    Ok(rate)
}

/// Fills a log, looks at this process's memory on the way, and opens it anew.
pub async fn open(server: &Server, printer: Printer, events: u64) -> Result<(), Failure> {
    let place = server.fresh().await?;
    let log = place.log().await?;
    let mut filled = 0;
    let marks = MARKS.into_iter().filter(|&mark| mark < events).chain([events]);
    for mark in marks {
        let (began, before) = (Instant::now(), filled);
        filled += fill::bookings(&log, mark.saturating_sub(filled)).await?;
        let rate = (filled - before) as f64 / began.elapsed().as_secs_f64();
        printer.figures("filled", &[("events", filled as f64), ("events_per_s", rate.round()), ("rss_mib", rss_mib() as f64)])?;
    }
    log.close().await;
    expect("events in the database", place.count_events().await?, filled)?;
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let (log, took) = opened(&place).await?;
        times.push(took);
        expect("the head", log.head().await?, filled)?;
        log.close().await;
    }
    printer.figures("open", &[("events", filled as f64), ("open_ms", median(times).unwrap_or_default()), ("rss_mib", rss_mib() as f64)])
}

/// The first command on a stream of so many events, after the log was opened anew.
pub async fn snapshot(server: &Server, printer: Printer, events: u64) -> Result<(), Failure> {
    let place = server.fresh().await?;
    let log = place.log().await?;
    let booking = requested(&log).await?;
    fill::notes(&log, booking, events.saturating_sub(1)).await?;
    log.close().await;
    let (mut opens, mut firsts, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let (log, took) = opened(&place).await?;
        opens.push(took);
        firsts.push(note(&log, booking).await?);
        seconds.push(note(&log, booking).await?);
        log.close().await;
    }
    expect("events in the database", place.count_events().await?, events + 2 * TIMES as u64)?;
    let middle = |times| median(times).unwrap_or_default();
    let figures = [("open_ms", middle(opens)), ("first_command_ms", middle(firsts)), ("second_command_ms", middle(seconds))];
    printer.figures("snapshot", &[[("events", events as f64)].as_slice(), &figures].concat())
}

async fn opened(place: &Place) -> Result<(Log, f64), Failure> {
    let began = Instant::now();
    let log = place.log().await?;
    Ok((log, began.elapsed().as_secs_f64() * 1e3))
}

/// Milliseconds that a note takes.
async fn note(log: &Log, booking: Uuid) -> Result<f64, Failure> {
    let (guest, key) = (Uuid::now_v7(), Uuid::new_v4().to_string());
    let command = Command::Note { guest, note: MESSAGE.to_owned() };
    let began = Instant::now();
    send(log, &Actor::User(guest), &key, booking, &command, None).await?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn expect(what: &str, found: u64, expected: u64) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(Failure::Wrong(format!("{what}: {found} instead of {expected}"))) }
}
