//! Races made certain: everybody has loaded before anybody appends, on two nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use daybook_eventlog::{ExecuteError, Log, Recorded, Stop};
use kernel::Refused;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::book::Book;
use crate::tally::{Command, Tally, add, command, decide, execute};

const WRITERS: usize = 16;
const ROUNDS: usize = 50;

/// N writers on one expected version: exactly one wins, every time.
pub async fn one_winner_per_version(book: &Book) {
    let nodes = [book.open().await, book.open().await];
    for round in 0..ROUNDS {
        let barrier = Arc::new(Barrier::new(WRITERS));
        let mut writers = JoinSet::new();
        for i in 0..WRITERS {
            // Half of the rounds race for the creation of a stream, the others for its next version.
            let id = format!("r{}", round / 2);
            writers.spawn(one_try(nodes[i % 2].clone(), barrier.clone(), id));
        }
        let results = writers.join_all().await;
        assert_eq!(results.iter().filter(|won| **won).count(), 1, "round {round}");
    }
    assert_eq!(nodes[0].head().await.unwrap(), ROUNDS as u64);
    assert_eq!(nodes[1].load::<Tally>("r0").await.unwrap().1, 2);
}

/// Adds on the version that all have loaded, or gives up.
async fn one_try(log: Log, barrier: Arc<Barrier>, id: String) -> bool {
    let runs = AtomicUsize::new(0);
    let meta = command();
    let result = log.execute(&meta, |session| {
        let (barrier, id, first) = (barrier.clone(), id.clone(), runs.fetch_add(1, SeqCst) == 0);
        async move {
            if !first {
                return Err(Stop::Refused(Refused::code("LOST")));
            }
            let mut tally = session.load::<Tally>(id).await?;
            barrier.wait().await;
            session.decide(&mut tally, Command::Add(1))?;
            Ok(())
        }
    });
    match result.await {
        Ok(_) => true,
        Err(ExecuteError::Refused { refused, .. }) if refused.code == "LOST" => false,
        Err(error) => panic!("{error}"),
    }
}

/// Everybody who meets a conflict is decided again and ends with a right answer, also on a stream that all want.
pub async fn everybody_is_decided_in_the_end(book: &Book) {
    const CROWD: usize = 64;
    let nodes = [book.open().await, book.open().await];
    let mut writers = JoinSet::new();
    for i in 0..CROWD {
        let log = nodes[i % 2].clone();
        writers.spawn(async move { execute(&log, &command(), "hot", Command::Add(1)).await.unwrap().value });
    }
    let mut totals = writers.join_all().await;
    totals.sort_unstable();
    assert!(totals.into_iter().eq(1..=CROWD as i64));
    let mut claims = JoinSet::new();
    for i in 0..WRITERS {
        let log = nodes[i % 2].clone();
        claims.spawn(async move { execute(&log, &command(), "hot", Command::Claim).await });
    }
    let claims = claims.join_all().await;
    assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
    assert!(claims.iter().all(|c| matches!(c, Ok(_) | Err(ExecuteError::Refused { replayed: false, .. }))));
}

/// E1: a reader that tails by position sees 1..n without a gap, in order, while many write on two nodes.
pub async fn a_tailing_reader_sees_no_gap(book: &Book) {
    const EACH: usize = 12;
    let (nodes, reader) = ([book.open().await, book.open().await], book.open().await);
    let mut writers = JoinSet::new();
    for i in 0..32 {
        let log = nodes[i % 2].clone();
        writers.spawn(async move {
            for n in 0..EACH {
                // Streams of their own, and now and then one that all share.
                let id = if n % 4 == 3 { "shared".to_owned() } else { format!("own-{i}") };
                add(&log, &id, 1).await;
            }
        });
    }
    let tail = tokio::spawn(async move {
        let mut seen: Vec<Recorded> = Vec::new();
        while seen.len() < 32 * EACH {
            seen.extend(reader.read(seen.len() as u64, 7).await.unwrap());
        }
        seen
    });
    writers.join_all().await;
    let seen = tail.await.unwrap();
    assert!(seen.iter().map(|e| e.position).eq(1..=(32 * EACH) as u64));
    assert!(seen.windows(2).all(|w| w[0].recorded_at <= w[1].recorded_at));
    assert_eq!(nodes[0].load::<Tally>("shared").await.unwrap().0.total, (32 * EACH / 4) as i64);
    assert_eq!(seen, nodes[0].read(0, 1_000).await.unwrap());
}

/// Commands that wait while the head is held go in as one batch: those on their own streams at the first attempt, of two
/// on one stream the second on the first's state, and what the database refuses fails alone.
pub async fn neighbours_in_a_batch_are_unaffected(book: &Book) {
    let log = book.open().await;
    add(&log, "contested", 1).await;
    let mut lock = book.raw().await;
    lock.hold_head().await;
    let loaded = Arc::new(AtomicUsize::new(0));
    let mut commands = JoinSet::new();
    for i in 0..12 {
        let (log, loaded) = (log.clone(), loaded.clone());
        commands.spawn(async move {
            let id = if i < 2 { "contested".to_owned() } else { format!("own-{i}") };
            let meta = command();
            let result = log.execute(&meta, |session| {
                let (id, loaded) = (id.clone(), loaded.clone());
                async move {
                    let value = decide(session.clone(), id, Command::Add(1)).await?;
                    if i == 11 {
                        session.put_secret("poison", "a \0 that PostgreSQL cannot keep");
                    }
                    loaded.fetch_add(1, SeqCst);
                    Ok(value)
                }
            });
            (i, result.await)
        });
    }
    while loaded.load(SeqCst) < 12 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    lock.run("commit").await.unwrap();
    for (i, result) in commands.join_all().await {
        assert_eq!(result.is_ok(), i != 11 || !book.is_postgres(), "command {i}: {result:?}");
    }
    assert!(loaded.load(SeqCst) <= 13, "at most one of the contested two was decided again, nobody else");
    assert_eq!(log.load::<Tally>("contested").await.unwrap().0.total, 3);
}
