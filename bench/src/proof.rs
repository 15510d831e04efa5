//! How fast a tree is sealed, and how long the proof of one event takes.

use std::path::PathBuf;
use std::time::Instant;

use eventlog::Log;
use eventlog::tree::{Sealing, SigningKey, TreeHead, VerifierKey, seal_now};
use uuid::Uuid;

use crate::error::Failure;
use crate::fill;
use crate::place::Server;
use crate::report::{Printer, median, rss_mib};

/// The name under which the bench signs.
const ORIGIN: &str = "bench.local/proof";
/// A step through the log that meets every tile sooner or later (a prime).
const STRIDE: u64 = 7_368_787;

/// Fills a log, seals it from the beginning, then proves and checks events all over it.
pub async fn proof(server: &Server, printer: Printer, events: u64, proofs: u64) -> Result<(), Failure> {
    let place = server.fresh().await?;
    let log = place.log().await?;
    let began = Instant::now();
    let filled = fill::bookings(&log, events).await?;
    let rate = filled as f64 / began.elapsed().as_secs_f64();
    printer.figures("filled", &[("events", filled as f64), ("events_per_s", rate.round())])?;
    let folder = std::env::temp_dir().join(format!("daybook-bench-heads-{}", Uuid::new_v4().simple()));
    let measured = sealed_and_proved(&log, printer, folder.clone(), filled, proofs).await;
    log.close().await;
    // Best effort: it is in the folder for temporary files.
    let _ = std::fs::remove_dir_all(folder);
    measured
}

async fn sealed_and_proved(log: &Log, printer: Printer, folder: PathBuf, filled: u64, proofs: u64) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(error.to_string());
    let key = SigningKey::generate(ORIGIN).map_err(|e| wrong(&e))?;
    let keys = [key.verifier().clone()];
    let sealing = Sealing::new(vec![key], folder).map_err(|e| wrong(&e))?;
    let began = Instant::now();
    let head = seal_now(log, &sealing).await.map_err(|e| wrong(&e))?.ok_or_else(|| wrong(&"somebody else seals"))?;
    let rate = head.size as f64 / began.elapsed().as_secs_f64();
    printer.figures("sealed", &[("events", head.size as f64), ("events_per_s", rate.round()), ("rss_mib", rss_mib() as f64)])?;
    if head.size != filled {
        return Err(wrong(&format!("{} of {filled} events were sealed", head.size)));
    }
    times(log, printer, &head, &keys, proofs).await
}

/// Each proof as `prove` makes it, event and head read anew; then checked as `verify-proof` does.
async fn times(log: &Log, printer: Printer, head: &TreeHead, keys: &[VerifierKey], proofs: u64) -> Result<(), Failure> {
    let tree = log.tree();
    let (mut made, mut checked) = (Vec::new(), Vec::new());
    for i in 0..proofs {
        let position = i.wrapping_mul(STRIDE) % head.size + 1;
        let began = Instant::now();
        let proof = tree.prove(position).await?.ok_or_else(|| Failure::Wrong(format!("position {position} has no proof")))?;
        made.push(began.elapsed().as_secs_f64() * 1e3);
        let event = tree.event(position).await?.ok_or_else(|| Failure::Wrong(format!("there is no position {position}")))?;
        let leaf = event.leaf_hash().map_err(|e| Failure::Wrong(e.to_string()))?;
        let began = Instant::now();
        proof.verify(&leaf, keys).map_err(|e| Failure::Wrong(format!("position {position}: {e}")))?;
        checked.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let worst = made.iter().copied().fold(0.0, f64::max);
    let p99 = percentile(&mut made.clone());
    let figures = [
        ("events", head.size as f64),
        ("proofs", proofs as f64),
        ("median_ms", median(made).unwrap_or_default()),
        ("p99_ms", p99),
        ("worst_ms", worst),
        ("check_ms", median(checked).unwrap_or_default()),
    ];
    printer.figures("proof", &figures)
}

/// The ninety-ninth of a hundred.
fn percentile(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}
