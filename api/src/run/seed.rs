//! `daybook seed --month`: a month of generated traffic, and its proof.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use eventlog::StoreUrl;
use kernel::Timestamp;

use super::failed;
use crate::cli::{Exit, Failed, Seed};
use crate::config::{Config, Settings};
use crate::month;
use crate::month::by_command::{CommandDriver, NotEmpty, Place};
use crate::month::plan::Plan;
use crate::observe;

/// Midnight in Seoul before the first of September 2026: always the same month, harvest festival and all.
const BEGINS: Timestamp = Timestamp::constant(1_788_188_400, 0);
/// Between two lines of progress where nobody watches.
const SAY_EVERY: Duration = Duration::from_secs(5);

pub(super) async fn run(options: Seed) -> Result<(), Failed> {
    let flags = &options.settings;
    let file = Settings::file(flags.config.as_deref());
    let config = Config::read(&Settings::resolve(&flags.flags(), std::env::vars(), file.as_deref())?)?;
    observe::start("warn", None).map_err(failed)?;
    let percent = usize::try_from(options.scale).map_err(failed)?;
    let plan = Plan::new(options.seed, percent, BEGINS);
    let mut driver = CommandDriver::open(&place(&config).await?, options.seed, BEGINS).await.map_err(|error| {
        if error.is::<NotEmpty>() {
            Failed::new(Exit::Refused, error, "give an empty folder with --data, or an empty database with --database-url")
        } else {
            failed(error)
        }
    })?;
    let mut said = Said::new();
    let played = month::run(&mut driver, plan, &mut |asked, all| said.progress(asked, all)).await;
    said.end();
    driver.close().await;
    let report = played.map_err(failed)?;
    if options.json {
        println!("{}", report.json());
    } else {
        println!("{report}");
    }
    if report.holds() {
        Ok(())
    } else {
        Err(Failed::new(Exit::Refused, "the month does not hold", "the report says what differs; run it again with the same --seed"))
    }
}

/// The configured database, else SQLite in the data folder with a secret of its own.
async fn place(config: &Config) -> Result<Place, Failed> {
    tokio::fs::create_dir_all(&config.data).await.map_err(failed)?;
    let store = match &config.database_url {
        Some(url) => url.0.parse().map_err(|error| Failed::new(Exit::Usage, error, "postgres://user@host/database or sqlite://FOLDER"))?,
        None => StoreUrl::Sqlite(config.data.clone()),
    };
    let secret = match &config.secret {
        Some(secret) => secret.0,
        None => super::dev::secret(&config.data.join("secret")).await?,
    };
    let keys = config.keys(&store)?;
    let (data, provider_book) = (config.data.clone(), config.provider_book.clone());
    Ok(Place { store, secret, keys, data, provider_book, migrate: config.migrate })
}

/// Progress on standard error: one line that changes where somebody watches, else a line now and then.
struct Said {
    watched: bool,
    began: Instant,
    last: Option<Instant>,
}

impl Said {
    fn new() -> Self {
        Self { watched: std::io::stderr().is_terminal(), began: Instant::now(), last: None }
    }

    fn progress(&mut self, asked: usize, all: usize) {
        let pause = if self.watched { Duration::from_millis(100) } else { SAY_EVERY };
        if self.last.is_some_and(|last| last.elapsed() < pause) && asked < all {
            return;
        }
        self.last = Some(Instant::now());
        let text = format!("{asked} of {all} requests, {} s", self.began.elapsed().as_secs());
        if self.watched { eprint!("\r{text}") } else { eprintln!("{text}") }
    }

    fn end(&self) {
        if self.watched {
            eprintln!();
        }
    }
}
