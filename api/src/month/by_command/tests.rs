#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use eventlog::{KeySource, StoreUrl};

use super::*;
use crate::month::plan::Plan;
use crate::month::report::Report;

const SEED: u64 = 7;

/// A small month in a folder of its own, and what the world outside has of it.
async fn month(folder: &Path) -> (Report, Books) {
    let begins = Timestamp::from_second(1_788_188_400).unwrap();
    let store = StoreUrl::Sqlite(folder.to_path_buf());
    let place = Place {
        keys: KeySource::beside(&store),
        store,
        secret: [7; 32],
        data: folder.to_path_buf(),
        provider_book: folder.join("provider.ndjson"),
        migrate: true,
    };
    let mut driver = CommandDriver::open(&place, SEED, begins).await.unwrap();
    let report = crate::month::run(&mut driver, Plan::new(SEED, 1, begins), &mut |_, _| ()).await.unwrap();
    let books = driver.books().await.unwrap();
    driver.close().await;
    let again = CommandDriver::open(&place, SEED, begins).await;
    assert!(again.err().unwrap().is::<NotEmpty>());
    std::fs::remove_dir_all(folder).unwrap();
    (report, books)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_is_the_same_month() {
    let folder = |name: &str| std::env::temp_dir().join(format!("daybook-month-{name}-{}", uuid::Uuid::new_v4().simple()));
    let (one, other) = (folder("one"), folder("other"));
    let (one, other) = tokio::join!(month(&one), month(&other));
    assert!(one.0.holds(), "{}", one.0);
    assert_eq!(one.0.tally, other.0.tally);
    assert!(one.1.provider == other.1.provider && one.1.bank == other.1.bank);
    assert!(one.1.provider.entries.len() > 10);
}
