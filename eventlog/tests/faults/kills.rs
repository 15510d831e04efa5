//! Death without a warning, at random moments under load: of the process, of PostgreSQL, of one of its processes.

use std::ops::Range;

use crate::book::{Book, on_postgres, on_sqlite, undisturbed};
use crate::chain::{Heard, Words};
use crate::check::{check, retries_hear_the_same};
use crate::child::Child;
use crate::cluster::Cluster;
use crate::load::Load;
use crate::random::{Random, seed};

/// Answers after which it happens.
const MOMENT: Range<u64> = 1..120;

/// Rounds of one kind; `DAYBOOK_FAULT_ROUNDS` times as many where it is set.
fn rounds(rounds: usize) -> usize {
    let times = std::env::var("DAYBOOK_FAULT_ROUNDS").map_or(1, |times| times.parse().expect("DAYBOOK_FAULT_ROUNDS is a number"));
    rounds * times
}

fn moment(random: &mut Random) -> usize {
    (MOMENT.start + random.below(MOMENT.end - MOMENT.start)) as usize
}

/// The process dies. What it acknowledged is there; a later process gives the same answers under the same keys.
async fn processes_die(book: &Book, count: usize) {
    let mut random = Random(seed());
    let mut words = Words::new();
    for round in 0..count {
        let mut children = vec![Child::start(book, &format!("r{round}"), None)];
        if round % 3 == 2 {
            children.push(Child::start(book, &format!("s{round}"), None));
        }
        let answers = moment(&mut random);
        children.iter_mut().for_each(|child| child.more(answers));
        let mut of_round = Words::new();
        for child in children {
            of_round.extend(child.kill().await.heard);
        }
        assert!(of_round.values().any(|(_, heard)| !matches!(heard, Heard::Unknown)));
        words.extend(of_round.clone());
        check(book, &words).await;
        let log = book.open().await;
        retries_hear_the_same(&log, &of_round).await;
        for (op, heard) in of_round.values().filter(|(op, heard)| op.keyed && matches!(heard, Heard::Unknown)) {
            words.insert(op.name.clone(), (op.clone(), heard.clone())).expect("asked before");
            let answer = op.insist(&log).await;
            words.insert(op.name.clone(), (op.clone(), answer));
        }
        log.close().await;
    }
    check(book, &words).await;
}

/// The server dies under two nodes that stay, and is started again: every client with a key hears its answer in the end.
async fn the_server_dies(count: usize, salt: u64, die: impl AsyncFn(&mut Cluster, &mut Random)) {
    let mut random = Random(seed() ^ salt);
    let mut cluster = Cluster::start().await;
    let book = cluster.book("killed", "").await;
    let nodes = [book.open().await, book.open().await];
    let mut words = Words::new();
    for round in 0..count {
        let mut load = Load::start(&nodes, 8, &format!("r{round}"), seed() + round as u64, |_, _| ());
        load.more(moment(&mut random)).await;
        die(&mut cluster, &mut random).await;
        load.more(20).await;
        words.extend(load.finish().await);
        check(&book, &words).await;
    }
    retries_hear_the_same(&nodes[0], &words).await;
    check(&book, &words).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_on_sqlite() {
    on_sqlite(async |book| processes_die(book, rounds(12)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_on_postgres() {
    on_postgres(async |book| processes_die(book, rounds(12)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_server() {
    let killed = async |cluster: &mut Cluster, _: &mut Random| {
        cluster.kill_all();
        cluster.restart().await;
    };
    undisturbed(the_server_dies(rounds(9), 1, killed)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_by_immediate_stop() {
    let stopped = async |cluster: &mut Cluster, _: &mut Random| {
        cluster.stop_immediately();
        cluster.restart().await;
    };
    undisturbed(the_server_dies(rounds(9), 2, stopped)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_of_the_server() {
    let killed = async |cluster: &mut Cluster, random: &mut Random| cluster.kill_one(random.below(64) as usize);
    undisturbed(the_server_dies(rounds(8), 3, killed)).await;
}
