//! The whole way over HTTP: `daybook serve` as it is released, beside the same crates wired the usual way. Each server is a process of its own.

mod figures;
mod peer;
mod product;
mod served;
mod sockets;
mod usual;
mod wire;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::figures::{Lag, Usage};
use self::product::{Points, Product};
use self::served::Served;
use self::usual::Usual;
use crate::clients::{Contestant, Load, Measured, drive};
use crate::error::Failure;
use crate::place::{Place, Server};
use crate::profile::{self, Profile};
use crate::report::{Printer, median};

pub use peer::serve as serve_peer;
pub use sockets::measure as sockets;

/// Read models that are further behind than this do not keep up.
const KEPT_UP: Duration = Duration::from_secs(1);
/// Longest wait for them when the load is over.
const CATCH_UP: Duration = Duration::from_secs(120);

/// How the servers are started and driven.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The `daybook` binary that is measured.
    pub binary: PathBuf,
    /// Its shared hot store; without one it keeps that in its own memory.
    pub redis_url: Option<String>,
    /// Mutations a second of all clients; without it, as many as are answered.
    pub rate: Option<f64>,
    /// Show what the database does meanwhile, and how long each mutation takes.
    pub profile: bool,
}

/// Mutations, run by run, ours and the usual wiring's; then the medians of their ratios.
pub async fn mutations(server: &Server, printer: Printer, plan: &Plan, load: Load, runs: usize) -> Result<bool, Failure> {
    let (mut rates, mut tails, mut right) = (Vec::new(), Vec::new(), true);
    for run in 1..=runs {
        let ours_first = !run.is_multiple_of(2);
        let (mut ours, mut theirs) = (None, None);
        for our_turn in [ours_first, !ours_first] {
            if our_turn {
                ours = Some(product(server, printer, plan, &load).await?);
            } else {
                theirs = Some(usual(server, printer, plan, &load).await?);
            }
            server.clean_up().await?;
        }
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            right &= ours.errors == 0 && theirs.errors == 0;
            rates.push(ours.rate() / theirs.rate().max(f64::EPSILON));
            tails.push(p99_us(&ours) / p99_us(&theirs).max(1.0));
        }
    }
    let ratios = [("mutations_per_s", median(rates).unwrap_or(0.0)), ("p99", median(tails).unwrap_or(0.0))];
    printer.ratios("daybook-http / usual-http", &ratios)?;
    Ok(right)
}

async fn product(server: &Server, printer: Printer, plan: &Plan, load: &Load) -> Result<Measured, Failure> {
    let place = server.fresh().await?;
    let product = Product::start(&place, plan).await?;
    let lag = Lag::watch(product.served.address);
    let (measured, usage) = observed(&product, &product.served, &place, printer, plan, load).await?;
    let worst = lag.worst().await?;
    let began = Instant::now();
    let end = figures::lag_events(product.served.address).await?;
    figures::caught_up(product.served.address, CATCH_UP).await?;
    let mut more = usage.figures();
    more.extend([
        ("lag_at_end_events", end),
        ("worst_lag_ms", worst.as_secs_f64() * 1_000.0),
        ("caught_up_after_ms", began.elapsed().as_secs_f64() * 1_000.0),
        ("kept_up", f64::from(u8::from(worst < KEPT_UP))),
    ]);
    print(printer, "daybook-http", "mutations_per_s", load, &measured, &more)?;
    if plan.profile {
        product.steps.print(printer)?;
    }
    product.stop().await?;
    Ok(measured)
}

async fn usual(server: &Server, printer: Printer, plan: &Plan, load: &Load) -> Result<Measured, Failure> {
    let place = server.fresh().await?;
    let usual = Usual::start(&place, plan.rate.map(|rate| rate / load.clients as f64)).await?;
    let (measured, usage) = observed(&usual, &usual.served, &place, printer, plan, load).await?;
    print(printer, "usual-http", "mutations_per_s", load, &measured, &usage.figures())?;
    usual.served.stop().await?;
    Ok(measured)
}

/// Point queries: one booking with three nested objects.
pub async fn points(server: &Server, printer: Printer, plan: &Plan, load: Load) -> Result<bool, Failure> {
    let place = server.fresh().await?;
    let product = Product::start(&place, plan).await?;
    let points = Points(&product);
    let (measured, usage) = observed(&points, &product.served, &place, printer, plan, &load).await?;
    print(printer, "daybook-point", "requests_per_s", &load, &measured, &usage.figures())?;
    product.stop().await?;
    Ok(measured.errors == 0)
}

/// Drives a contestant, with an eye on the processors and, if asked for, on the database.
async fn observed<C: Contestant>(
    contestant: &C,
    served: &Served,
    place: &Place,
    printer: Printer,
    plan: &Plan,
    load: &Load,
) -> Result<(Measured, Usage), Failure> {
    let profile = if plan.profile { Profile::start(place).await? } else { None };
    let usage = Usage::since(served.pid());
    let measured = drive(contestant, load).await?;
    let usage = usage.until_now();
    if let Some(profile) = profile {
        profile.print(printer).await?;
        profile::tables(place, measured.acknowledged, printer).await?;
    }
    Ok((measured, usage))
}

fn p99_us(measured: &Measured) -> f64 {
    measured.latencies.value_at_quantile(0.99) as f64
}

fn print(printer: Printer, name: &str, rate: &str, load: &Load, measured: &Measured, more: &[(&str, f64)]) -> Result<(), Failure> {
    let mut figures = vec![
        ("clients", load.clients as f64),
        (rate, measured.rate()),
        ("p50_us", measured.latencies.value_at_quantile(0.5) as f64),
        ("p99_us", p99_us(measured)),
        ("answered", measured.latencies.len() as f64),
        ("errors", measured.errors as f64),
    ];
    figures.extend_from_slice(more);
    printer.figures(name, &figures)?;
    if let Some(error) = &measured.first_error {
        eprintln!("{name}: {error}");
    }
    Ok(())
}
