//! A tenth of the month in Seoul, through GraphQL only.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use api::month;
use api::month::plan::Plan;
use daybook_tests::graphql_driver::GraphQlDriver;
use daybook_tests::server::{Daybook, Variant};

/// Percent of the whole.
const PERCENT: usize = 10;
const SEED: u64 = 2026;

#[tokio::test]
async fn a_tenth_of_the_month_holds() {
    let percent = std::env::var("DAYBOOK_MONTH_PERCENT").ok().map_or(PERCENT, |text| text.parse().unwrap());
    let book = Daybook::start(Variant::Embedded);
    let mut driver = GraphQlDriver::new(&book).unwrap();
    let plan = Plan::new(SEED, percent, driver.next_midnight().unwrap());
    let report = month::run(&mut driver, plan, &mut |_, _| ()).await.unwrap();
    println!("{report}");
    assert!(report.holds(), "{report}");
}
