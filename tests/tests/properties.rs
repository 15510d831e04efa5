//! Random sequences against a naive model (domain.md §6), and the proof that each check would notice.
//!
//! `DAYBOOK_PROPERTY_SEQUENCES` (40) sequences of `DAYBOOK_PROPERTY_COMMANDS` (120) commands, from `DAYBOOK_PROPERTY_SEED` on (random).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use daybook_tests::properties::sabotage::SABOTAGES;
use daybook_tests::properties::{Plan, Property, Report, burst, run};

/// So many of a hundred new things happen in the shop.
const SHOP: u64 = 20;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// A seed from the clock, unless one is given.
fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    number("DAYBOOK_PROPERTY_SEED", now.as_secs())
}

/// One thread decides everything of a sequence: broken rules are broken for their thread only.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn fail(report: &Report, commands: u64) -> ! {
    let last: Vec<_> = report.last.iter().map(String::as_str).collect();
    let found: Vec<_> = report.violations.iter().take(5).map(ToString::to_string).collect();
    panic!(
        "{}\n\nthe last commands:\n{}\n\nagain: DAYBOOK_PROPERTY_SEED={} DAYBOOK_PROPERTY_SEQUENCES=1 DAYBOOK_PROPERTY_COMMANDS={commands}",
        found.join("\n"),
        last.join("\n"),
        report.seed
    )
}

#[test]
fn random_sequences_hold_every_property() {
    let (first, sequences, commands) = (seed(), number("DAYBOOK_PROPERTY_SEQUENCES", 40), number("DAYBOOK_PROPERTY_COMMANDS", 120));
    println!("DAYBOOK_PROPERTY_SEED={first}: {sequences} sequences of {commands} commands");
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let run_share = |worker: u64| {
        let seeds = (0..sequences).filter(move |n| n % workers == worker).map(move |n| first.wrapping_add(n));
        let plan = |seed| Plan { seed, commands: usize::try_from(commands).unwrap(), shop: SHOP, sabotage: None, until: None };
        seeds
            .map(|seed| block_on(run(plan(seed))))
            .inspect(|report| {
                if !report.violations.is_empty() {
                    fail(report, commands)
                }
            })
            .collect()
    };
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|worker| scope.spawn(move || -> Vec<Report> { run_share(worker) })).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let (people, driver) = reports.iter().fold((0, 0), |sum, report| (sum.0 + report.commands.0, sum.1 + report.commands.1));
    println!("{people} commands of people, {driver} of the driver");
    println!("answers: {:?}", total(reports.iter().map(|report| &report.answers)));
    println!("events: {:?}", total(reports.iter().map(|report| &report.facts)));
}

/// How often each kind occurred in all.
fn total<'r>(counts: impl Iterator<Item = &'r BTreeMap<String, usize>>) -> BTreeMap<&'r str, usize> {
    let mut total = BTreeMap::new();
    for (kind, times) in counts.flatten() {
        *total.entry(kind.as_str()).or_default() += times;
    }
    total
}

#[test]
fn of_many_requests_for_one_instant_one_is_accepted() {
    let seed = seed();
    let violations = block_on(burst::run(seed, 20, None));
    assert!(violations.is_empty(), "DAYBOOK_PROPERTY_SEED={seed}: {}", violations[0]);
}

#[test]
fn every_check_notices_its_broken_rule() {
    // A rule must be met before it can be broken: a few sequences, always the same ones.
    let noticed = |property, sabotage| {
        (1..=40).find(|seed| {
            // What slots and trips may be is met soonest where nobody goes shopping.
            let shop = match property {
                Property::S1 | Property::S2 | Property::S3 => 60,
                Property::D1 | Property::D2 | Property::D3 | Property::D4 | Property::D6 | Property::D7 | Property::D8 => 0,
                _ => SHOP,
            };
            let plan = Plan { seed: *seed, commands: 150, shop, sabotage: Some(sabotage), until: Some(property) };
            let violations = match property {
                Property::D5 => block_on(burst::run(*seed, 1, Some(sabotage))),
                _ => block_on(run(plan)).violations,
            };
            violations.iter().any(|violation| violation.property == property)
        })
    };
    // Rules are broken for one thread, so that each has its own.
    std::thread::scope(|scope| {
        let check = |(property, sabotage)| (property, sabotage, scope.spawn(move || noticed(property, sabotage)));
        let threads: Vec<_> = SABOTAGES.into_iter().map(check).collect();
        for (property, sabotage, thread) in threads {
            let noticed = thread.join().unwrap();
            println!("{property:?} is broken by {sabotage:?}: noticed in sequence {noticed:?}");
            assert!(noticed.is_some(), "{property:?} does not notice {sabotage:?}");
        }
    });
}
