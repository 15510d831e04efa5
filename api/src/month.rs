//! A month in Seoul: realistic traffic from a seed, and the proof that its books are right.
//!
//! A [`Plan`](plan::Plan) says who takes part and what is to become of each request; the [`City`](city::City) plays it on
//! the business clock through a [`Driver`]; the [`audit`] works out from the price list and the books of the provider and
//! the bank what every account must show. No network, no real time: the same seed gives the same commands and table.

pub mod audit;
pub mod by_command;
pub mod city;
pub mod driver;
pub mod market;
pub mod plan;
pub mod report;
pub mod rng;
pub mod shop;
pub mod story;

use std::collections::BTreeMap;
use std::time::Instant;

use self::audit::Expected;
use self::city::City;
use self::driver::{AnyError, Driver};
use self::plan::Plan;
use self::report::{Family, Report};

/// Told of how far the month is: requests made, of how many.
pub type Progress<'p> = &'p mut dyn FnMut(usize, usize);

/// Plays a plan through a driver, to the last refund, and checks everything.
///
/// # Errors
/// When something breaks; what does not hold is in the report.
pub async fn run<D: Driver>(driver: &mut D, plan: Plan, progress: Progress<'_>) -> Result<Report, AnyError> {
    let began = Instant::now();
    let percent = plan.percent;
    let mut city = City::open(driver, plan).await?;
    city.play(progress).await?;
    let played = city.close().await?;
    let books = driver.books().await?;
    let ours = driver.balances().await?;
    let Expected { accounts, findings } = audit::expected(&played.records, &played.sales, &books);
    let mut report = Report {
        percent,
        tally: played.tally,
        bank_in_reach: played.bank_in_reach,
        families: families(&ours, &accounts),
        differences: audit::differences(&ours, &accounts),
        findings: played.findings.into_iter().chain(findings).collect(),
        finished: played.records.iter().filter(|record| record.finished).count(),
        sold: played.sales.iter().filter(|sale| sale.finished).count(),
        slot_checks: played.slot_checks,
        surprises: played.surprises,
        took: began.elapsed(),
    };
    let sum: i128 = ours.values().sum();
    if sum != 0 {
        report.findings.push(format!("the trial balance is off by {sum} won"));
    }
    audit::count_outside(&mut report.tally, &played.records, &played.sales, &books);
    Ok(report)
}

fn families(ours: &BTreeMap<String, i128>, expected: &BTreeMap<String, i128>) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::<String, Family>::new();
    let family = |account: &str| account.split(':').next().unwrap_or_default().to_owned();
    for (account, won) in ours {
        let found = families.entry(family(account)).or_default();
        found.accounts += 1;
        found.ours_won += won;
    }
    for (account, won) in expected {
        families.entry(family(account)).or_default().expected_won += won;
    }
    families
}
