//! Transfers between accounts, through the product's own command: in large batches, and one a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use commands::transfers::{CreateAccounts, CreateTransfers, create_accounts, create_transfers};
use commands::{Caller, Clock, Context, Ids, Keys};
use domain::settings::Settings;
use domain::transfers::{Account, LedgerName, Transfer, TransferLedger, TransferOutcome};
use domain::user::Role;
use eventlog::Log;
use kernel::Actor;
use uuid::Uuid;

use crate::clients::{Client, Contestant, Load, drive};
use crate::error::Failure;
use crate::place::Server;
use crate::report::{Printer, rss_mib};

/// Items of one batch.
const BATCH: u64 = 8_000;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Accounts between which is transferred.
    pub accounts: u64,
    /// Clients that send batches.
    pub batch_clients: usize,
    /// Clients that send one transfer a call.
    pub single_clients: usize,
    /// Before anything counts.
    pub warm_up: Duration,
    /// What counts.
    pub measured: Duration,
}

impl Plan {
    /// So many accounts, at least two; clients that send batches, and clients that send one a call; seconds that count, at least one.
    pub fn new(accounts: u64, batch_clients: usize, single_clients: usize, seconds: u64) -> Self {
        let (warm_up, measured) = (Duration::from_secs(1), Duration::from_secs(seconds.max(1)));
        Self { accounts: accounts.max(2), batch_clients, single_clients, warm_up, measured }
    }
}

/// Clients of one ledger.
struct Tellers {
    ctx: Context,
    accounts: u64,
    size: u64,
    next_id: Arc<AtomicU64>,
}

/// One of them.
struct Teller {
    ctx: Context,
    caller: Caller,
    accounts: u64,
    size: u64,
    next_id: Arc<AtomicU64>,
    dice: u64,
}

impl Contestant for Tellers {
    type Client = Teller;

    async fn client(&self) -> Result<Teller, Failure> {
        let (ctx, next_id, caller) = (self.ctx.clone(), Arc::clone(&self.next_id), caller());
        Ok(Teller { ctx, caller, accounts: self.accounts, size: self.size, next_id, dice: Uuid::new_v4().as_u64_pair().0 | 1 })
    }
}

impl Client for Teller {
    async fn next(&mut self) -> Result<u64, Failure> {
        let first = self.next_id.fetch_add(self.size, Ordering::Relaxed);
        let transfers: Arc<[Transfer]> = (first..first + self.size).map(|id| self.transfer(id)).collect();
        self.caller.key = Some(Uuid::new_v4().to_string());
        let done = create_transfers(&self.ctx, &self.caller, &CreateTransfers { book: LedgerName::main(), transfers }).await?;
        match done.value.0.iter().find(|answer| answer.outcome != TransferOutcome::Created) {
            None if !done.receipt.replayed => Ok(self.size),
            _ => Err(Failure::Wrong(format!("fresh transfers were answered with {:?}", done.receipt))),
        }
    }
}

impl Teller {
    fn below(&mut self, end: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % end
    }

    fn transfer(&mut self, id: u64) -> Transfer {
        let debit = self.below(self.accounts);
        let credit = (debit + 1 + self.below(self.accounts - 1)) % self.accounts;
        Transfer {
            id: id.into(),
            debit_account_id: u128::from(debit) + 1,
            credit_account_id: u128::from(credit) + 1,
            amount: (1 + self.below(10_000)).into(),
            ledger: 700,
            code: 10,
            ..Transfer::default()
        }
    }
}

/// A program with the right to move value.
fn caller() -> Caller {
    let caller = Caller::system("bench", None, Uuid::new_v4());
    Caller { actor: Actor::User(Uuid::from_u128(7)), roles: [Role::Service].into(), ..caller }
}

/// Measures both, each on a ledger of its own, and checks that the log holds what was acknowledged.
pub async fn measure(server: &Server, printer: Printer, plan: Plan) -> Result<bool, Failure> {
    let mut right = true;
    for (name, clients, size) in [("batches", plan.batch_clients, BATCH), ("single", plan.single_clients, 1)] {
        if clients > 0 {
            right &= run(server, printer, plan, (name, clients, size)).await?;
        }
    }
    Ok(right)
}

async fn run(server: &Server, printer: Printer, plan: Plan, (name, clients, size): (&str, usize, u64)) -> Result<bool, Failure> {
    let place = server.fresh().await?;
    let ctx = context(place.log().await?);
    open_accounts(&ctx, plan.accounts).await?;
    let tellers = Tellers { ctx: ctx.clone(), accounts: plan.accounts, size, next_id: Arc::new(AtomicU64::new(1)) };
    let measured = drive(&tellers, &Load { clients, warm_up: plan.warm_up, measured: plan.measured }).await?;
    if let Some(error) = &measured.first_error {
        eprintln!("{name}: {error}");
    }
    ctx.log.close().await;
    // From the stored events alone.
    let log = place.log().await?;
    let began = Instant::now();
    let (ledger, events) = log.load::<TransferLedger>("main").await?;
    let fold_s = began.elapsed().as_secs_f64();
    let totals = ledger.totals();
    log.close().await;
    let recorded = (1..tellers.next_id.load(Ordering::Relaxed)).filter(|id| ledger.transfer(u128::from(*id)).is_some()).count() as u64;
    let quantile = |q| measured.latencies.value_at_quantile(q) as f64 / 1_000.0;
    printer.figures(
        name,
        &[
            ("clients", clients as f64),
            ("transfers_per_s", measured.rate() * size as f64),
            ("p50_ms", quantile(0.5)),
            ("p99_ms", quantile(0.99)),
            ("acknowledged", measured.acknowledged as f64),
            ("recorded", recorded as f64),
            ("events", events as f64),
            ("errors", measured.errors as f64),
            ("fold_per_s", recorded as f64 / fold_s),
            ("rss_mib", rss_mib() as f64),
        ],
    )?;
    Ok(measured.errors == 0
        && recorded == measured.acknowledged
        && totals.debits_posted == totals.credits_posted
        && totals.debits_posted > 0)
}

fn context(log: Log) -> Context {
    let settings = Arc::new(Settings::default());
    Context { log, clock: Clock::shifted(0), ids: Ids::time_ordered(), settings, keys: Keys::new([9; 32]) }
}

async fn open_accounts(ctx: &Context, accounts: u64) -> Result<(), Failure> {
    let all: Vec<_> = (1..=accounts).map(|id| Account { id: id.into(), ledger: 700, code: 1, ..Account::default() }).collect();
    for chunk in all.chunks(8_000) {
        create_accounts(ctx, &caller(), &CreateAccounts { book: LedgerName::main(), accounts: chunk.into() }).await?;
    }
    Ok(())
}
