//! How fast a whole book is verified: what `daybook-replay verify` does, read models and signed head included.

use std::time::Instant;

use eventlog::tree::{Sealing, SigningKey, seal_now};
use eventlog::verify::{Observer, Range, Verdict, verify};
use eventlog::{Config, LeafRecord, Log};
use projections::books::Books;
use projections::models::{AccountBalances, Journal, LedgerLines};
use projections::views::Views;
use projections::views::rebuild::RebuildOptions;
use uuid::Uuid;

use crate::error::Failure;
use crate::place::Server;
use crate::rebuild;
use crate::report::{Printer, rss_mib};

/// Times that the book is verified; the first one reads what nobody has read since it was written.
const TIMES: u64 = 3;

/// Posts every event again beside the verification of the log.
struct Posting(Books);

impl Observer for Posting {
    fn event(&mut self, record: &LeafRecord<'_>, payload: &str) -> Result<(), String> {
        self.0.event(record, payload).map_err(|mismatch| mismatch.wrong)
    }
}

/// Fills a log with bookings and their payments, a receipt for each ten events, rebuilds what finance reads, seals it, and verifies it all.
pub async fn measure(server: &Server, printer: Printer, events: u64) -> Result<(), Failure> {
    let place = server.fresh().await?;
    let log = place.log().await?;
    let began = Instant::now();
    let filled = rebuild::keyed(&log, events).await?;
    printer.figures("filled", &[("events", filled as f64), ("events_per_s", (filled as f64 / began.elapsed().as_secs_f64()).round())])?;
    server.settle().await?;
    let views = Views::open(log.clone(), projections::decode).await?;
    views.install::<Journal>().await?;
    views.install::<LedgerLines>().await?;
    views.install::<AccountBalances>().await?;
    for name in ["journal", "ledger_lines", "account_balances"] {
        views.rebuild(name, &RebuildOptions::default(), &mut ()).await?;
    }
    views.close().await;
    sealed(&log).await?;
    log.close().await;
    for _ in 0..TIMES {
        once(place.config(), printer, filled).await?;
    }
    Ok(())
}

/// Under a head of its own, in a folder that is gone afterwards: `verify` finds it in the database.
async fn sealed(log: &Log) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(error.to_string());
    let folder = std::env::temp_dir().join(format!("daybook-bench-heads-{}", Uuid::new_v4().simple()));
    let key = SigningKey::generate("bench.local/verify").map_err(|e| wrong(&e))?;
    let sealing = Sealing::new(vec![key], folder.clone()).map_err(|e| wrong(&e))?;
    let head = seal_now(log, &sealing).await.map_err(|e| wrong(&e))?;
    // Best effort: it is in the folder for temporary files.
    let _ = std::fs::remove_dir_all(folder);
    head.map(|_| ()).ok_or_else(|| wrong(&"somebody else seals"))
}

async fn once(config: Config, printer: Printer, filled: u64) -> Result<(), Failure> {
    let began = Instant::now();
    let mut posting = Posting(Books::open(&config.url, true).await?);
    let verified = match verify(&config.url, Range::default(), &mut posting).await? {
        Verdict::Holds(verified) => verified,
        Verdict::Broken(fault) => return Err(Failure::Wrong(fault.to_string())),
    };
    let log = Log::open(config).await?;
    let compared = posting.0.finish(&log, verified.to).await?;
    log.close().await;
    let seconds = began.elapsed().as_secs_f64();
    let compared = compared.map_err(|mismatch| Failure::Wrong(format!("position {}: {}", mismatch.position, mismatch.wrong)))?;
    if verified.to != filled || compared.journal_at != Some(filled) || compared.lines_at != Some(filled) || verified.heads == 0 {
        return Err(Failure::Wrong(format!("of {filled} events: {verified:?}, {compared:?}")));
    }
    let figures = [
        ("events", verified.to as f64),
        ("receipts", verified.receipts as f64),
        ("entries", compared.entries as f64),
        ("seconds", seconds),
        ("events_per_s", (verified.to as f64 / seconds).round()),
        ("rss_mib", rss_mib() as f64),
    ];
    printer.figures("verify", &figures)
}
