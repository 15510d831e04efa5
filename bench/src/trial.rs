//! The trial balance of a large ledger: as of now, and as of positions all over its past.

use std::time::Instant;

use eventlog::{CommandMeta, Log, Stop};
use kernel::{Actor, Timestamp};
use projections::models::balances::{AsOf, TrialBalance, trial_balance};
use projections::models::{LedgerBlocks, LedgerLines, LedgerTotals};
use projections::views::rebuild::RebuildOptions;
use projections::views::{Views, Workers};
use tokio::task::JoinSet;

use crate::error::Failure;
use crate::place::Server;
use crate::rebuild::{Paid, paid};
use crate::report::Printer;

/// Entries of one payment: its capture, and the release of its escrow.
const ENTRIES: u64 = 2;
/// Payments that one command appends.
const BATCH: u64 = 200;
/// Commands under way at a time.
const WRITERS: u64 = 8;
/// Trial balances as of now.
const NOW: u64 = 200;
/// A step through the log that meets every stretch sooner or later (a prime).
const STRIDE: u64 = 7_368_787;

/// Fills a log with payments, rebuilds the ledger's models, and times trial balances now and at so many positions of the past.
pub async fn trial(server: &Server, printer: Printer, entries: u64, positions: u64) -> Result<(), Failure> {
    let place = server.fresh().await?;
    let log = place.log().await?;
    let payments = entries.div_ceil(ENTRIES).div_ceil(BATCH) * BATCH;
    let began = Instant::now();
    fill(&log, payments).await?;
    let events = payments * ENTRIES;
    printer.figures("filled", &[("entries", events as f64), ("entries_per_s", (events as f64 / began.elapsed().as_secs_f64()).round())])?;
    server.settle().await?;
    let views = Views::open(log.clone(), projections::decode).await?;
    views.install::<LedgerTotals>().await?;
    views.install::<LedgerBlocks>().await?;
    views.install::<LedgerLines>().await?;
    for name in ["ledger_totals", "ledger_blocks", "ledger_lines"] {
        let rebuilt = views.rebuild(name, &RebuildOptions::default(), &mut ()).await?;
        printer.figures(name, &[("events", rebuilt.events as f64), ("seconds", rebuilt.total.as_secs_f64())])?;
    }
    let workers = Workers::start(&views);
    let measured = times(&views, printer, events, positions).await;
    workers.stop().await;
    views.close().await;
    log.close().await;
    measured
}

async fn times(views: &Views, printer: Printer, events: u64, positions: u64) -> Result<(), Failure> {
    let (mut now, mut past) = (Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..NOW {
        let began = Instant::now();
        let found = trial_balance(views, &AsOf::default()).await?;
        now.push(began.elapsed().as_secs_f64() * 1e3);
        last = Some(balanced(found, events)?);
    }
    for i in 1..=positions {
        let position = i.wrapping_mul(STRIDE) % events + 1;
        let began = Instant::now();
        let found = trial_balance(views, &AsOf { position: Some(position), ..AsOf::default() }).await?;
        past.push(began.elapsed().as_secs_f64() * 1e3);
        balanced(found, position)?;
    }
    // The sums that are kept are those of the lines.
    let at_the_end = trial_balance(views, &AsOf { position: Some(events), ..AsOf::default() }).await?;
    let sums = |found: TrialBalance| found.rows.into_iter().map(|row| (row.account, row.debits, row.credits)).collect::<Vec<_>>();
    if last.map(sums) != Some(sums(at_the_end)) {
        return Err(Failure::Wrong("the trial balance as of now is not that of the last position".into()));
    }
    for (name, times) in [("now", &mut now), ("past", &mut past)] {
        times.sort_by(f64::total_cmp);
        let quantile = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        let worst = times.last().copied().unwrap_or_default();
        printer
            .figures(name, &[("balances", times.len() as f64), ("p50_ms", quantile(50)), ("p99_ms", quantile(99)), ("worst_ms", worst)])?;
    }
    Ok(())
}

/// A trial balance of that position whose debits equal its credits.
fn balanced(found: TrialBalance, position: u64) -> Result<TrialBalance, Failure> {
    let totals = found.totals().map_err(|error| Failure::Wrong(error.to_string()))?;
    let balances = totals.values().all(|sums| sums.debits == sums.credits && sums.debits.is_positive());
    match balances && !totals.is_empty() && found.position == position {
        true => Ok(found),
        false => Err(Failure::Wrong(format!("the trial balance at {position} is {found:?}"))),
    }
}

async fn fill(log: &Log, payments: u64) -> Result<(), Failure> {
    let mut writers = JoinSet::new();
    let share = (payments / BATCH).div_ceil(WRITERS) * BATCH;
    for writer in 0..WRITERS {
        let log = log.clone();
        let (from, to) = ((writer * share).min(payments), ((writer + 1) * share).min(payments));
        writers.spawn(async move {
            for first in (from..to).step_by(usize::try_from(BATCH).unwrap_or(1)) {
                let meta = CommandMeta::new("fill", Actor::system("bench"), Timestamp::now());
                let stories = (first..first + BATCH).map(paid).collect::<Result<Vec<_>, _>>()?;
                let stories = &stories;
                log.execute(&meta, |session| async move {
                    for (id, events) in stories {
                        let mut payment = session.fresh::<Paid>(id.uuid()).await?;
                        session.decide(&mut payment, events.clone())?;
                    }
                    Ok::<_, Stop>(())
                })
                .await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.map_err(|e| Failure::Wrong(format!("a writer died: {e}")))??;
    }
    Ok(())
}
