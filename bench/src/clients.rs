//! Clients in a closed loop: each sends its next command when the one before was answered.

use std::future::Future;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::error::Failure;

/// Longest latency that is told apart from longer ones, in microseconds.
const MAX_LATENCY_US: u64 = 60_000_000;
/// A client gives up after so many errors.
const MAX_ERRORS: u64 = 10;

/// A store under test.
pub trait Contestant {
    /// One of its clients.
    type Client: Client;

    /// Prepares a client; not measured.
    fn client(&self) -> impl Future<Output = Result<Self::Client, Failure>> + Send;
}

/// One client; it sends one command after the other.
pub trait Client: Send + 'static {
    /// Waits until its next command is due; nothing of it is measured. At once, unless a rate was asked for.
    fn due(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Sends the next command, and says how many events it was acknowledged for.
    fn next(&mut self) -> impl Future<Output = Result<u64, Failure>> + Send;
}

/// How long to measure, and with how many clients.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Clients at a time.
    pub clients: usize,
    /// Before anything counts.
    pub warm_up: Duration,
    /// What counts.
    pub measured: Duration,
}

/// What was measured.
pub struct Measured {
    /// Latencies in microseconds of the commands that count.
    pub latencies: Histogram<u64>,
    /// What counts, in time.
    pub elapsed: Duration,
    /// Events acknowledged since the start, warm-up included.
    pub acknowledged: u64,
    /// Commands that failed.
    pub errors: u64,
    /// The first failure.
    pub first_error: Option<String>,
}

impl Measured {
    /// Nothing yet. Two significant digits keep a client's histogram small beside its store's own memory.
    pub fn new() -> Self {
        let latencies = Histogram::new_with_bounds(1, MAX_LATENCY_US, 2).unwrap_or_else(|_| unreachable!("the bounds are right"));
        Self { latencies, elapsed: Duration::ZERO, acknowledged: 0, errors: 0, first_error: None }
    }

    /// Counts a command, or many that were answered together.
    pub fn record(&mut self, took: Duration, commands: u64) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(MAX_LATENCY_US);
        self.latencies.saturating_record_n(micros.max(1), commands);
    }

    /// Commands a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    fn absorb(&mut self, other: &Self) {
        // The bounds are the same, so that nothing can be out of range.
        self.latencies.add(&other.latencies).unwrap_or_else(|_| unreachable!("histograms of the same bounds"));
        self.acknowledged += other.acknowledged;
        self.errors += other.errors;
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }
}

/// Runs a contestant under a load.
pub async fn drive<C: Contestant>(contestant: &C, load: &Load) -> Result<Measured, Failure> {
    let mut ready = Vec::with_capacity(load.clients);
    for _ in 0..load.clients {
        ready.push(contestant.client().await?);
    }
    let from = Instant::now() + load.warm_up;
    let until = from + load.measured;
    let mut clients: JoinSet<Measured> = ready.into_iter().map(|client| run(client, from, until)).collect();
    let mut all = Measured { elapsed: load.measured, ..Measured::new() };
    while let Some(client) = clients.join_next().await {
        all.absorb(&client.map_err(|e| Failure::Wrong(format!("a client died: {e}")))?);
    }
    Ok(all)
}

/// A command counts when it was answered within the window.
async fn run<C: Client>(mut client: C, from: Instant, until: Instant) -> Measured {
    let mut measured = Measured::new();
    loop {
        client.due().await;
        let began = Instant::now();
        if began >= until {
            return measured;
        }
        match client.next().await {
            Ok(events) => {
                measured.acknowledged += events;
                let ended = Instant::now();
                if (from..until).contains(&ended) {
                    measured.record(ended - began, 1);
                }
            }
            Err(error) => {
                measured.errors += 1;
                measured.first_error.get_or_insert(error.to_string());
                if measured.errors >= MAX_ERRORS {
                    return measured;
                }
            }
        }
    }
}
