//! Ten thousand readers that wait, and what they cost.

use std::time::Duration;

use daybook_projections::views::{Projector, Step, ViewError};
use tokio::task::JoinSet;

use crate::book::on_sqlite;
use crate::toy::{Tallies, added, append};

const READERS: usize = 10_000;
const LONG: Duration = Duration::from_secs(60);

/// CPU time of this thread so far: user and system, from its line in /proc (hundredths of a second).
fn cpu_of_this_thread() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

// One thread on purpose: everything that the readers cost is on its account.
#[tokio::test]
async fn ten_thousand_waiting_readers_cost_next_to_nothing() {
    on_sqlite(async |book| {
        let views = book.views().await;
        views.install::<Tallies>().await.unwrap();
        let mut worker = Projector::new::<Tallies>(&views).unwrap();
        let head = append(&book.log, "a", vec![added(1)]).await;
        assert_eq!(worker.step(1).await.unwrap(), Step::Advanced(head));
        let (last, steps) = (head + 101, 100);
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            let views = views.clone();
            readers.spawn(async move { views.wait::<Tallies>(last, LONG).await });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        // They wait while the model moves a hundred times, and then for a while in which nothing happens.
        let before = cpu_of_this_thread();
        for _ in 0..steps {
            append(&book.log, "a", vec![added(1)]).await;
            assert!(matches!(worker.step(1).await.unwrap(), Step::Advanced(_)));
        }
        let moving = cpu_of_this_thread() - before;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let idle = cpu_of_this_thread() - before - moving;
        // A hundred steps are well under a second of work; a million wake-ups would be many. Nothing to do is nothing.
        assert!(moving < Duration::from_secs(3), "{moving:?} while moving");
        assert!(idle < Duration::from_millis(500), "{idle:?} while idle");
        assert_eq!(readers.try_join_next().map(|_| ()), None);
        append(&book.log, "a", vec![added(1)]).await;
        worker.step(1).await.unwrap();
        while let Some(told) = readers.join_next().await {
            assert_eq!(told.unwrap().unwrap(), last);
        }
        // Those who wait in vain are told how far it is.
        let vain = views.wait::<Tallies>(last + 1, Duration::from_millis(50)).await;
        assert!(matches!(vain, Err(ViewError::Lagging { applied, required, .. }) if applied == last && required == last + 1));
    })
    .await;
}
