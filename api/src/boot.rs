//! Puts a book together: log, read side, processes, outside systems, edge.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapters::{ConsoleMessenger, ConsolePush, FolderStore, GuardLimits, Guarded, Sandbox, SandboxFiles, SeoulGeocoder, Watched};
use commands::{Clock, Context, Ids, Keys};
use domain::settings::Settings;
use eventlog::tree::{HeadsFolder, Sealer, Sealing};
use eventlog::{Config as LogConfig, KeySource, Log, StoreUrl};
use futures_util::future::BoxFuture;
use kernel::Timestamp;
use kernel::jiff::SignedDuration;
use projections::feed::Feed;
use projections::hot::rows::{HotRows, MemoryRows, RedisRows};
use projections::hot::{BadUrl, Hot, HotWorkers, Memory, Redis};
use projections::models;
use projections::process::{BusinessClock, Runtime};
use projections::processes::{
    Accounts, BookingDeadlines, Desk, FeeInvoices, Geocoding, Notifications, Outside, ProviderCalls, Rebuilds, Settlements,
    ShopOrderDeadlines, TransferDeadlines,
};
use projections::views::{Views, Workers};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;

use crate::app::{AdvanceClock, App};
use crate::password::Passwords;
use crate::tokens::Tokens;

/// The file in the data folder that keeps how far the business clock was moved.
const CLOCK_FILE: &str = "clock";

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// How a book is to be opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the log and the read models are.
    pub store: StoreUrl,
    /// The same database past a pooling proxy, for LISTEN.
    pub listen: Option<String>,
    /// What every key is derived from.
    pub secret: [u8; 32],
    /// Where the keys of personal data are wrapped from.
    pub keys: KeySource,
    /// Photos, and the clock's offset.
    pub data: PathBuf,
    /// The sandbox provider's book; its bank's is beside it.
    pub provider_book: PathBuf,
    /// Shared hot store; without it, in process.
    pub redis_url: Option<String>,
    /// How clients reach this server.
    pub public_url: String,
    /// Bring the schema up to date.
    pub migrate: bool,
    /// Run projectors, processes, timers and effects here.
    pub workers: bool,
    /// Let `advanceClock` move the business clock.
    pub advance_clock: bool,
    /// Accept access tokens without an end (`dev`).
    pub endless_tokens: bool,
    /// Where new ids come from.
    pub ids: Ids,
    /// Fees, windows and limits.
    pub settings: Settings,
    /// How the log is sealed, where the workers run.
    pub sealing: Option<Sealing>,
    /// The folder of signed heads outside of the database.
    pub heads: PathBuf,
}

/// An open book.
pub struct Book {
    /// What requests need.
    pub app: App,
    /// Does the work of the processes.
    pub runtime: Option<Arc<Runtime<Desk>>>,
    workers: Option<Workers>,
    hot_workers: Option<HotWorkers>,
    sealer: Option<Sealer>,
}

/// The business clock with a bell that rings when it is moved.
#[derive(Clone)]
pub struct MovableClock {
    clock: Clock,
    moved: Arc<Notify>,
}

impl MovableClock {
    /// A clock with a bell.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, moved: Arc::default() }
    }

    fn advance_to(&self, at: Timestamp) {
        self.clock.advance_to(at);
        self.moved.notify_waiters();
    }
}

impl BusinessClock for MovableClock {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.moved.notified())
    }
}

/// Moves the clock from timer to timer, so that whatever falls due happens at its own time and in order.
struct Advance {
    clock: MovableClock,
    runtime: Arc<Runtime<Desk>>,
    views: Views,
    file: PathBuf,
    turn: tokio::sync::Mutex<()>,
}

impl Advance {
    async fn run(&self, seconds: u32) -> Result<Timestamp, AnyError> {
        let _turn = self.turn.lock().await;
        let target = self.clock.now().checked_add(SignedDuration::from_secs(i64::from(seconds)))?;
        loop {
            self.runtime.settle().await?;
            match self.runtime.next_timer_due().await? {
                Some(due) if due <= target && due > self.clock.now() => self.move_to(due).await?,
                Some(due) if due <= target => {}
                _ => break,
            }
        }
        self.move_to(target).await?;
        self.runtime.settle().await?;
        let head = self.views.log().head().await?;
        self.views.wait_all(head, std::time::Duration::from_secs(30)).await?;
        Ok(self.clock.now())
    }

    /// The offset is durable before anything happens at the new time: after a crash the clock does not run backwards.
    async fn move_to(&self, at: Timestamp) -> Result<(), AnyError> {
        let offset_us = at.as_microsecond() - Timestamp::now().as_microsecond();
        let part = self.file.with_extension("part");
        let mut file = tokio::fs::File::create(&part).await?;
        file.write_all(offset_us.max(self.clock.clock.offset_us()).to_string().as_bytes()).await?;
        file.sync_all().await?;
        tokio::fs::rename(part, &self.file).await?;
        self.clock.advance_to(at);
        Ok(())
    }
}

impl AdvanceClock for Advance {
    fn advance(&self, seconds: u32) -> BoxFuture<'_, Result<Timestamp, AnyError>> {
        Box::pin(self.run(seconds))
    }
}

/// The systems outside, as they are in `dev` and in tests: a sandbox with books of its own.
///
/// # Errors
/// When the sandbox's books cannot be opened, or another process has them.
pub async fn sandbox(provider_book: &Path, clock: &Clock) -> Result<Sandbox, AnyError> {
    let folder = provider_book.parent().map(Path::to_path_buf).unwrap_or_default();
    let files = SandboxFiles { provider: provider_book.to_path_buf(), bank: folder.join("bank.ndjson") };
    let clock = clock.clone();
    Ok(tokio::task::spawn_blocking(move || Sandbox::open(&files, Arc::new(move || clock.now()))).await??)
}

/// The work of the processes with the sandbox outside, behind breakers unless the clock can be moved: a breaker waits in
/// real time, and would hold up business time that does not.
#[must_use]
pub fn desk(ctx: &Context, sandbox: &Sandbox, breakers: bool) -> Desk {
    let (messenger, push) = (Arc::new(ConsoleMessenger::new()), Arc::new(ConsolePush::new()));
    if !breakers {
        let (provider, bank) = (Arc::new(sandbox.clone()), Arc::new(sandbox.clone()));
        return Desk::new(ctx.clone(), Outside { provider, bank, geocoder: Arc::new(SeoulGeocoder), messenger, push, guards: Vec::new() });
    }
    let provider = Arc::new(Guarded::new("payment-provider", sandbox.clone(), GuardLimits::default()));
    let bank = Arc::new(Guarded::new("bank", sandbox.clone(), GuardLimits::default()));
    let geocoder = Arc::new(Guarded::new("geocoder", SeoulGeocoder, GuardLimits::geocoder()));
    let guards: Vec<Arc<dyn Watched>> = vec![provider.clone(), bank.clone(), geocoder.clone()];
    Desk::new(ctx.clone(), Outside { provider, bank, geocoder, messenger, push, guards })
}

/// Every process of the business.
#[must_use]
pub fn processes(views: &Views, desk: Desk, clock: impl BusinessClock) -> projections::process::Builder<Desk> {
    Runtime::builder(views, desk.reading(views), clock)
        .process::<BookingDeadlines>()
        .process::<ShopOrderDeadlines>()
        .process::<ProviderCalls>()
        .process::<Settlements>()
        .process::<FeeInvoices>()
        .process::<Geocoding>()
        .process::<Accounts>()
        .process::<TransferDeadlines>()
        .process::<Notifications>()
        .process::<Rebuilds>()
}

impl Book {
    /// Opens a book as the options say.
    ///
    /// # Errors
    /// When a store, a file or Redis's address is not usable; the text names it.
    pub async fn open(options: &Options) -> Result<Self, AnyError> {
        tokio::fs::create_dir_all(&options.data).await?;
        let clock_file = options.data.join(CLOCK_FILE);
        let clock = Clock::shifted(read_offset(&clock_file).await?);
        let (url, keys) = (options.store.clone(), options.keys.clone());
        let config = LogConfig { url, secret: options.secret, migrate: options.migrate, keys };
        let log = Log::open_listening(config, options.listen.clone()).await?;
        let views = Views::open(log.clone(), projections::decode).await?;
        models::install_all(&views).await?;
        let ctx = Context {
            log,
            clock: clock.clone(),
            ids: options.ids.clone(),
            settings: Arc::new(options.settings.clone()),
            keys: Keys::new(options.secret),
        };
        let movable = MovableClock::new(clock.clone());
        let (mut runtime, mut workers, mut reports) = (None, None, None);
        if options.workers {
            workers = Some(Workers::start(&views));
            let sandbox = sandbox(&options.provider_book, &clock).await?;
            reports = Some(Arc::new(sandbox.clone()) as Arc<dyn adapters::SettlementReports>);
            let desk = desk(&ctx, &sandbox, !options.advance_clock);
            runtime = Some(Arc::new(processes(&views, desk, movable.clone()).start().await?));
        }
        let advance = runtime.clone().filter(|_| options.advance_clock).map(|runtime| {
            let (views, turn) = (views.clone(), tokio::sync::Mutex::new(()));
            Arc::new(Advance { clock: movable, runtime, views, file: clock_file, turn }) as Arc<dyn AdvanceClock>
        });
        let HotStores { hot, rows } = hot_stores(options)?;
        let feed = Feed::start(views.log().clone());
        let live = models::install_hot(&views, rows)?;
        // What is in this process's memory nobody else moves.
        let hot_workers = (options.workers || options.redis_url.is_none()).then(|| HotWorkers::start(&live));
        let sealer = options.sealing.clone().filter(|_| options.workers).map(|sealing| Sealer::start(&ctx.log, sealing));
        let tokens = Tokens::new(&options.secret);
        let letters = projections::process::Letters::open(views.log().url()).await?;
        let app = App {
            ctx,
            probe: letters.probe(),
            writes: crate::writes::Writes::default(),
            letters,
            views,
            hot,
            live,
            feed,
            parties: crate::event::Parties::default(),
            folds: crate::event::Folds::default(),
            tokens: if options.endless_tokens { tokens.with_endless() } else { tokens },
            passwords: Passwords::new()?,
            heads: HeadsFolder::new(&options.heads),
            objects: Arc::new(FolderStore::open(options.data.join("photos"), adapters::objects::DEFAULT_MAX_BYTES)?),
            reports,
            messenger: Arc::new(ConsoleMessenger::new()),
            public_url: options.public_url.as_str().into(),
            lockout: !options.endless_tokens,
            advance,
        };
        Ok(Self { app, runtime, workers, hot_workers, sealer })
    }

    /// Stops the workers and closes the stores.
    pub async fn close(self) {
        if let Some(runtime) = &self.runtime {
            runtime.stop().await;
        }
        if let Some(workers) = self.workers {
            workers.stop().await;
        }
        if let Some(workers) = self.hot_workers {
            workers.stop().await;
        }
        self.app.letters.close().await;
        if let Some(sealer) = self.sealer {
            sealer.stop().await;
        }
        self.app.views.close().await;
        self.app.ctx.log.close().await;
    }
}

/// What is hot: answers and counters, and rows.
struct HotStores {
    hot: Arc<dyn Hot>,
    rows: Arc<dyn HotRows>,
}

/// The hot stores of a book: in Redis, else in this process.
fn hot_stores(options: &Options) -> Result<HotStores, BadUrl> {
    Ok(match &options.redis_url {
        Some(url) => {
            let book = hot_name(options);
            HotStores { hot: Arc::new(Redis::open(url, &book)?), rows: Arc::new(RedisRows::open(url, &book)?) }
        }
        None => HotStores { hot: Arc::new(Memory::new()), rows: Arc::new(MemoryRows::new()) },
    })
}

/// What a book is called in Redis, where it may not be the only one: the same for all its nodes, whatever way each has to the
/// database, and no other book's, since no two share secret and database.
fn hot_name(options: &Options) -> String {
    let place = match &options.store {
        StoreUrl::Sqlite(folder) => folder.display().to_string(),
        StoreUrl::Postgres(url) => {
            let path = url.split('?').next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        }
    };
    let digest = Sha256::new().chain_update(b"daybook hot store").chain_update(options.secret).chain_update(place).finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

async fn read_offset(file: &Path) -> Result<i64, AnyError> {
    match tokio::fs::read_to_string(file).await {
        Ok(text) => Ok(text.trim().parse()?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error.into()),
    }
}
