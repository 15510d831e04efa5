//! Random commands on few streams over two nodes, with random failures, against the simplest model of a log: the events so
//! far, folded (E1, E2, E3).

use daybook_eventlog::Log;
use kernel::Decider;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::task::JoinSet;

use crate::book::{Book, alone, alone_on_postgres, alone_on_sqlite};
use crate::chain::{Chain, Event, Heard, Op, What, Words, link};
use crate::check::{check, everything, retries_hear_the_same};

/// What goes wrong while a group of commands runs.
const FAILURES: [(&str, &str); 10] = [
    ("append::before_call", "1*return"),
    ("append::before_call", "1*return(unknown)"),
    ("append::after_call", "1*return(unknown)"),
    ("append::locked", "2*return"),
    ("append::locked", "1*return(unknown)"),
    ("append::before_commit", "2*return"),
    ("append::after_commit", "1*return(unknown)"),
    ("append::gathered", "2*delay(3)"),
    ("append::decided", "3*yield"),
    ("append::before_settling", "1*delay(3)"),
];

/// A command of a step, before it has a name.
#[derive(Clone, Debug)]
struct Draft {
    node: usize,
    chains: Vec<u8>,
    what: What,
    keyed: bool,
    secret: bool,
}

/// Commands that run side by side, or one alone.
#[derive(Clone, Debug)]
struct Step {
    commands: Vec<Draft>,
    failure: Option<usize>,
}

fn draft() -> impl Strategy<Value = Draft> {
    let chains = prop_oneof![(0..3_u8).prop_map(|chain| vec![chain]), Just(vec![0, 1]), Just(vec![2, 0])];
    let what = prop_oneof![3 => Just(What::Add), 2 => Just(What::Hold), 2 => Just(What::Free)];
    (0..2_usize, chains, what, prop::bool::weighted(0.7), prop::bool::weighted(0.2)).prop_map(|(node, chains, what, keyed, secret)| Draft {
        node,
        chains,
        what,
        keyed,
        secret,
    })
}

fn step() -> impl Strategy<Value = Step> {
    (vec(draft(), 1..6), prop::option::weighted(0.4, 0..FAILURES.len())).prop_map(|(commands, failure)| Step { commands, failure })
}

impl Draft {
    fn op(&self, name: String) -> Op {
        let chains = self.chains.iter().map(|chain| format!("c{chain}")).collect();
        Op { name, chains, what: self.what, keyed: self.keyed, secret: self.secret }
    }
}

/// What the model says of a command that is alone: may it go in?
async fn passes(log: &Log, op: &Op) -> bool {
    let events = everything(log).await;
    op.chains.iter().all(|chain| {
        let links: Vec<_> = events.iter().filter(|event| event.stream.id() == chain).map(|event| Event::Linked(link(event))).collect();
        let held = Chain::fold(&links).held_by.is_some();
        match op.what {
            What::Add => true,
            What::Hold => !held,
            What::Free => held,
        }
    })
}

async fn run(book: &Book, steps: &[Step]) {
    let nodes = [book.open().await, book.open().await];
    let mut words = Words::new();
    for (n, step) in steps.iter().enumerate() {
        let ops: Vec<_> = step.commands.iter().enumerate().map(|(i, draft)| (draft.node, draft.op(format!("s{n}-{i}")))).collect();
        let certain = match (&ops[..], step.failure) {
            ([(_, op)], None) => Some(passes(&nodes[0], op).await),
            _ => None,
        };
        let heard = side_by_side(&nodes, &ops, step.failure).await;
        if let (Some(passes), Some((op, heard))) = (certain, heard.values().next()) {
            assert_eq!(matches!(heard, Heard::In(_)), passes, "{op:?}: {heard:?}");
        }
        words.extend(heard);
    }
    // Whoever has a key and does not know asks the other node.
    for (op, heard) in words.values_mut().filter(|(op, heard)| op.keyed && matches!(heard, Heard::Unknown | Heard::Failed(_))) {
        *heard = op.insist(&nodes[1]).await;
    }
    for node in &nodes {
        retries_hear_the_same(node, &words).await;
    }
    check(book, &words).await;
    for node in nodes {
        node.close().await;
    }
}

async fn side_by_side(nodes: &[Log; 2], ops: &[(usize, Op)], failure: Option<usize>) -> Words {
    if let Some((place, action)) = failure.map(|failure| FAILURES[failure]) {
        fail::cfg(place, action).unwrap();
    }
    let mut tasks = JoinSet::new();
    for (node, op) in ops.iter().cloned() {
        let log = nodes[node].clone();
        tasks.spawn(async move {
            let heard = op.run(&log).await;
            (op.name.clone(), (op, heard))
        });
    }
    let heard = tasks.join_all().await.into_iter().collect();
    if let Some((place, _)) = failure.map(|failure| FAILURES[failure]) {
        fail::remove(place);
    }
    heard
}

/// The same cases every time.
fn cases(count: u32, case: impl AsyncFn(&[Step])) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _alone = runtime.block_on(alone());
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let ran = runner.run(&vec(step(), 1..14), |steps| {
        runtime.block_on(case(&steps));
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn random_interleavings_on_sqlite() {
    cases(40, async |steps| alone_on_sqlite(async |book| run(book, steps).await).await);
}

#[test]
fn random_interleavings_on_postgres() {
    cases(12, async |steps| alone_on_postgres(async |book| run(book, steps).await).await);
}
