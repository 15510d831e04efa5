//! Clients that keep a log busy and remember what they heard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use daybook_eventlog::Log;
use tokio::task::JoinSet;

use crate::chain::{Heard, Op, What, Words};
use crate::random::Random;

/// Chains that the clients meet on.
const CHAINS: u64 = 5;

/// Clients at work.
pub struct Load {
    pub answered: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<Words>,
}

/// The `n`th command of a client: mostly additions with a key, and some of everything else.
pub fn op(prefix: &str, client: usize, n: usize, random: &mut Random) -> Op {
    let name = format!("{prefix}-{client}-{n}");
    let chain = format!("c{}", random.below(CHAINS));
    match random.below(10) {
        0 => Op::on(name, &chain, What::Hold),
        1 => Op::on(name, &chain, What::Free),
        2 => Op::add(name, &chain).unkeyed(),
        3 => Op::add(name, &chain).locked(),
        4 => {
            let other = format!("d{}", random.below(CHAINS));
            Op { chains: vec![chain, other], ..Op::add(name, "") }
        }
        5 => Op::add(name.clone(), &name),
        _ => Op::add(name, &chain),
    }
}

impl Load {
    /// Starts clients, spread over the nodes. `hear` is told of every answer at once.
    pub fn start(logs: &[Log], clients: usize, prefix: &str, seed: u64, hear: impl Fn(&Op, &Heard) + Send + Sync + 'static) -> Self {
        let (answered, stop, hear) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default(), Arc::new(hear));
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let (log, prefix, answered, stop, hear) =
                (logs[client % logs.len()].clone(), prefix.to_owned(), answered.clone(), stop.clone(), hear.clone());
            tasks.spawn(async move {
                let mut random = Random(seed ^ ((client as u64) << 32));
                let mut words = Words::new();
                for n in 0.. {
                    if stop.load(SeqCst) {
                        break;
                    }
                    let op = op(&prefix, client, n, &mut random);
                    let heard = if op.keyed { op.insist(&log).await } else { op.run(&log).await };
                    hear(&op, &heard);
                    answered.fetch_add(1, SeqCst);
                    words.insert(op.name.clone(), (op, heard));
                }
                words
            });
        }
        Self { answered, stop, clients: tasks }
    }

    /// Waits for so many answers more.
    pub async fn more(&mut self, answers: usize) {
        let goal = self.answered.load(SeqCst) + answers;
        while self.answered.load(SeqCst) < goal {
            if let Some(ended) = self.clients.try_join_next() {
                panic!("a client has given up: {ended:?}");
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// Lets every client finish what it does; gives what they heard.
    pub async fn finish(self) -> Words {
        self.stop.store(true, SeqCst);
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

/// Runs commands side by side; gives what they hear.
pub async fn all(log: &Log, ops: Vec<Op>) -> Words {
    let mut tasks = JoinSet::new();
    for op in ops {
        let log = log.clone();
        tasks.spawn(async move {
            let heard = op.run(&log).await;
            (op.name.clone(), (op, heard))
        });
    }
    tasks.join_all().await.into_iter().collect()
}
