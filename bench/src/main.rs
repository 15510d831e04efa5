//! How fast the log is, beside its peers and beside what the server could do at most. See README.md.

mod booking;
mod clients;
mod contest;
mod cpu;
mod daybook;
mod error;
mod fill;
mod http;
mod limit;
mod peer;
mod place;
mod profile;
mod proof;
mod reading;
mod real;
mod rebuild;
mod report;
mod requests;
#[cfg(test)]
mod tests;
mod transfers;
mod transfers_http;
mod trial;
mod verify;
mod views;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::contest::{Contest, Name, Question};
use crate::error::Failure;
use crate::place::Server;
use crate::report::Printer;

/// Clients of a hot stream, unless told otherwise.
const HOT_CLIENTS: usize = 256;
/// Clients otherwise.
const CLIENTS: usize = 64;

/// The product's own allocator, for everybody.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "bench", about = "Measures the log beside its peers, on one server, in one run")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Commands a second: the log, postgres-es, bare inserts and the product's own commands.
    Log(LogArgs),
    /// Folding a long stream, and reading a whole log with decoding.
    Load {
        #[command(flatten)]
        common: Common,
        /// Events of the stream that is folded.
        #[arg(long, default_value_t = 10_000)]
        events: u64,
        /// Events of the log that is read.
        #[arg(long, default_value_t = 300_000)]
        log_events: u64,
    },
    /// Fills a log, reports memory at 1, 5 and 10 million events, and times its opening.
    Open {
        #[command(flatten)]
        common: Common,
        /// Events to append.
        #[arg(long, default_value_t = 10_000_000)]
        events: u64,
    },
    /// Rebuild read models from a whole log, beside the peer's replay of the same events of bookings.
    Rebuild {
        #[command(flatten)]
        common: Common,
        /// Events of the log, ten for each booking and its payment.
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
        /// Events that the peer replays, at most all of the bookings; 0: none.
        #[arg(long, default_value_t = 100_000)]
        peer_events: u64,
    },
    /// Seals a log of many events and times the proofs of events all over it.
    Proof {
        #[command(flatten)]
        common: Common,
        /// Events of the log.
        #[arg(long, default_value_t = 10_000_000)]
        events: u64,
        /// Events to prove.
        #[arg(long, default_value_t = 2_000)]
        proofs: u64,
    },
    /// Transfers between accounts: batches of 8,000, and one a call.
    Transfers {
        #[command(flatten)]
        common: Common,
        /// Accounts.
        #[arg(long, default_value_t = 10_000)]
        accounts: u64,
        /// Clients that send batches at a time; 0: none.
        #[arg(long, default_value_t = 2)]
        batch_clients: usize,
        /// Clients that send one transfer a call; 0: none.
        #[arg(long, default_value_t = CLIENTS)]
        clients: usize,
        /// Seconds that count.
        #[arg(long, default_value_t = 6)]
        seconds: u64,
    },
    /// Transfers over HTTP, against a server that runs already.
    TransfersHttp(transfers_http::HttpArgs),
    /// The trial balance of a large ledger, now and as of positions of its past.
    Trial {
        #[command(flatten)]
        common: Common,
        /// Journal entries.
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
        entries: u64,
        /// Positions of the past.
        #[arg(long, default_value_t = 20)]
        positions: u64,
    },
    /// What `daybook-replay verify` does with a whole book.
    Verify {
        #[command(flatten)]
        common: Common,
        /// Events of the book.
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
    },
    /// Mutations of people who are signed in, over HTTP, against the same crates wired the usual way. PostgreSQL.
    Http {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        served: ServedArgs,
        /// Runs; the ratios are medians over them.
        #[arg(long, default_value_t = 1)]
        runs: usize,
    },
    /// A query of one booking with three nested objects, over HTTP. PostgreSQL.
    Point {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        served: ServedArgs,
    },
    /// Memory of idle subscribers, and the time until one event has reached all of them. PostgreSQL.
    Sockets {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        binary: BinaryArgs,
        /// Sockets; this process and the server need a file handle for each.
        #[arg(long, default_value_t = 10_000)]
        sockets: usize,
    },
    /// Serves the peer of `http`.
    #[command(hide = true)]
    HttpPeer {
        /// A fresh database.
        #[arg(long, env = "DAYBOOK_BENCH_DATABASE_URL")]
        database_url: String,
        /// Where to listen.
        #[arg(long)]
        listen: std::net::SocketAddr,
    },
    /// The first command on a long stream after a restart.
    Snapshot {
        #[command(flatten)]
        common: Common,
        /// Events of the stream.
        #[arg(long, default_value_t = 100_000)]
        events: u64,
    },
    /// The highest rate of the product's commands at which the lag of all read models stays bounded, and what it is there.
    Lag {
        #[command(flatten)]
        common: Common,
        /// Seconds of each load.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
        /// Commands a second of the first load.
        #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..))]
        from: u64,
        /// Clients of the load.
        #[arg(long, default_value_t = CLIENTS as u32, value_parser = clap::value_parser!(u32).range(1..))]
        clients: u32,
    },
    /// Queries by key, and of a first page by filter, on a big model; 32 clients.
    Query {
        #[command(flatten)]
        common: Common,
        /// Rows of the model.
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..))]
        rows: u64,
        /// Seconds of each kind.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
    /// What readers cost that wait for a position.
    Wait {
        #[command(flatten)]
        common: Common,
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        readers: usize,
        /// Seconds.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
}

#[derive(Args)]
struct Common {
    /// A PostgreSQL server on which databases may be created (postgres://USER@HOST/DATABASE), or a folder (sqlite://FOLDER).
    #[arg(long, env = "DAYBOOK_BENCH_DATABASE_URL")]
    database_url: String,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct BinaryArgs {
    /// The product's binary, as `cargo build --release` of the main workspace makes it.
    #[arg(long, value_name = "PATH", default_value = "../target/release/daybook")]
    daybook_bin: PathBuf,
    /// The product's shared hot store; without one it keeps that in its own memory.
    #[arg(long, value_name = "URL", env = "DAYBOOK_BENCH_REDIS_URL")]
    redis_url: Option<String>,
}

#[derive(Args)]
struct ServedArgs {
    #[command(flatten)]
    binary: BinaryArgs,
    /// Clients at a time, each on a connection of its own.
    #[arg(long, default_value_t = CLIENTS)]
    clients: usize,
    /// Seconds that count.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds before anything counts.
    #[arg(long, default_value_t = 2)]
    warm_up: u64,
    /// Requests a second of all clients together; without it, as many as are answered.
    #[arg(long)]
    rate: Option<f64>,
    /// Show what the database does meanwhile, and how long each mutation takes (costs a little of what is measured).
    #[arg(long)]
    profile: bool,
}

impl BinaryArgs {
    fn plan(self, rate: Option<f64>, profile: bool) -> Result<http::Plan, Failure> {
        // The server runs in a folder of its own.
        let binary = std::path::absolute(&self.daybook_bin)?;
        Ok(http::Plan { binary, redis_url: self.redis_url, rate, profile })
    }
}

impl ServedArgs {
    fn load(&self) -> clients::Load {
        let (warm_up, measured) = (Duration::from_secs(self.warm_up), Duration::from_secs(self.seconds.max(1)));
        clients::Load { clients: self.clients.max(1), warm_up, measured }
    }
}

#[derive(Args)]
struct LogArgs {
    #[command(flatten)]
    common: Common,
    /// Clients at a time; several numbers are measured one after the other [default: 64, with --hot 256].
    #[arg(long, value_delimiter = ',')]
    clients: Vec<usize>,
    /// Seconds that count.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Seconds before anything counts.
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
    /// Runs; the ratios are medians over them.
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Compare with a run in which so many commands of a hundred are replays of old keys or on stale versions.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=100), conflicts_with = "hot")]
    bad: Option<u32>,
    /// Compare with a run in which every client writes on the same aggregate.
    #[arg(long)]
    hot: bool,
    /// Only these contestants (`limit` needs `daybook`, whose rows it inserts).
    #[arg(long, value_delimiter = ',')]
    only: Vec<Name>,
    /// Show what the PostgreSQL server does meanwhile (costs a little of what is measured).
    #[arg(long)]
    profile: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().task).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a contestant had errors, or the database does not hold what it acknowledged");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Is what was measured right?
async fn run(task: Task) -> Result<bool, Failure> {
    let (common, server) = match &task {
        Task::TransfersHttp(args) => return transfers_http::measure(args).await,
        Task::HttpPeer { database_url, listen } => return http::serve_peer(database_url, *listen).await.map(|()| true),
        Task::Log(LogArgs { common, .. })
        | Task::Load { common, .. }
        | Task::Open { common, .. }
        | Task::Proof { common, .. }
        | Task::Rebuild { common, .. }
        | Task::Transfers { common, .. }
        | Task::Trial { common, .. }
        | Task::Verify { common, .. }
        | Task::Http { common, .. }
        | Task::Point { common, .. }
        | Task::Sockets { common, .. }
        | Task::Snapshot { common, .. }
        | Task::Lag { common, .. }
        | Task::Query { common, .. }
        | Task::Wait { common, .. } => (common, Server::new(&common.database_url)?),
    };
    let printer = Printer { json: common.json };
    printer.settings(&server.settings().await?)?;
    let result = tokio::select! {
        result = measure(&server, printer, task) => result,
        stopped = tokio::signal::ctrl_c() => Err(stopped.map_or_else(Failure::from, |()| Failure::Usage("stopped".into()))),
    };
    server.clean_up().await?;
    result
}

async fn measure(server: &Server, printer: Printer, task: Task) -> Result<bool, Failure> {
    match task {
        Task::Log(args) => return contest(server, printer, args).await,
        Task::Load { events, log_events, .. } => reading::load(server, printer, events, log_events).await?,
        Task::Open { events, .. } => reading::open(server, printer, events).await?,
        Task::Rebuild { events, peer_events, .. } => rebuild::rebuild(server, printer, events, peer_events).await?,
        Task::Proof { events, proofs, .. } => proof::proof(server, printer, events, proofs).await?,
        Task::Transfers { accounts, batch_clients, clients, seconds, .. } => {
            return transfers::measure(server, printer, transfers::Plan::new(accounts, batch_clients, clients, seconds)).await;
        }
        Task::TransfersHttp(args) => return transfers_http::measure(&args).await,
        Task::Verify { events, .. } => verify::measure(server, printer, events).await?,
        Task::Trial { entries, positions, .. } => trial::trial(server, printer, entries, positions).await?,
        Task::Http { served, runs, .. } => {
            let (load, rate, profile) = (served.load(), served.rate, served.profile);
            return http::mutations(server, printer, &served.binary.plan(rate, profile)?, load, runs.max(1)).await;
        }
        Task::Point { served, .. } => {
            let (load, rate, profile) = (served.load(), served.rate, served.profile);
            return http::points(server, printer, &served.binary.plan(rate, profile)?, load).await;
        }
        Task::Sockets { binary, sockets, .. } => return http::sockets(server, printer, &binary.plan(None, false)?, sockets.max(1)).await,
        Task::HttpPeer { .. } => {}
        Task::Snapshot { events, .. } => reading::snapshot(server, printer, events).await?,
        Task::Lag { seconds, from, clients, .. } => views::lag(server, printer, seconds, from, clients).await?,
        Task::Query { rows, seconds, .. } => views::query(server, printer, rows, seconds).await?,
        Task::Wait { readers, seconds, .. } => views::wait(server, printer, readers, seconds).await?,
    }
    Ok(true)
}

async fn contest(server: &Server, printer: Printer, args: LogArgs) -> Result<bool, Failure> {
    let question = match (args.bad, args.hot) {
        (Some(percent), _) => Question::Bad(percent),
        (None, true) => Question::Hot,
        (None, false) => Question::Peers,
    };
    let default = if args.hot { HOT_CLIENTS } else { CLIENTS };
    let clients = if args.clients.is_empty() { vec![default] } else { args.clients };
    let (warm_up, measured) = (Duration::from_secs(args.warm_up), Duration::from_secs(args.seconds.max(1)));
    let contest = Contest { server, printer, question, only: args.only, runs: args.runs.max(1), warm_up, measured, profile: args.profile };
    let mut right = true;
    for clients in clients {
        right &= contest.hold(clients).await?.iter().all(report::Line::is_right);
    }
    Ok(right)
}
