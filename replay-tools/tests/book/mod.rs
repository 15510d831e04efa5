//! A book with payouts in it, in a folder that goes with the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use domain::ids::{PayoutId, SettlementId, UserId};
use domain::payout::{Command as Change, Order, Payout};
use eventlog::{CommandMeta, Config, KeySource, Log, StoreUrl};
use kernel::{Actor, Currency, Money, Timestamp};
use uuid::Uuid;

/// A book on SQLite.
pub struct Book(PathBuf);

impl Drop for Book {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Book {
    /// So many payouts, ten days apart, each asked for and paid: two entries each.
    pub async fn with_payouts(name: &str, payouts: u128) -> Self {
        let folder = std::env::temp_dir().join(format!("daybook-replay-{name}-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let book = Self(folder);
        let log = book.open(true).await;
        for number in 1..=payouts {
            let (payout, host) = (PayoutId::new(Uuid::from_u128(number)), UserId::new(Uuid::from_u128(0xa_000 + number % 3)));
            let at = Timestamp::from_second(1_767_225_600 + i64::try_from(number).unwrap() * 864_000).unwrap();
            let amount = Money::new(10_000 + i128::try_from(number).unwrap(), Currency::Krw);
            let settlement = SettlementId::new(Uuid::from_u128(1));
            let order = Order { payout, settlement, host, amount, lines: Vec::new(), attempt: 1 };
            for change in [Change::Request(Box::new(order)), Change::Complete { reference: format!("bank-{number}") }] {
                let meta = CommandMeta::new("payout", Actor::system("test"), at);
                let run = |s: eventlog::Session| {
                    let change = change.clone();
                    async move {
                        let mut state = s.load::<Payout>(payout.uuid()).await?;
                        s.decide(&mut state, change)?;
                        Ok(())
                    }
                };
                log.execute::<(), _, _>(&meta, run).await.unwrap();
            }
        }
        log.close().await;
        book
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Its log.
    pub async fn log(&self) -> Log {
        self.open(false).await
    }

    async fn open(&self, migrate: bool) -> Log {
        let config = Config { url: StoreUrl::Sqlite(self.0.clone()), secret: [0; 32], migrate, keys: KeySource::Absent };
        Log::open(config).await.unwrap()
    }

    /// Runs the tool over it.
    pub fn replay(&self, arguments: &[&str]) -> Output {
        self.tool(arguments).output().unwrap()
    }

    /// The tool over it, not started yet.
    pub fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daybook-replay"));
        command.env("DATABASE_URL", format!("sqlite://{}", self.0.display())).args(arguments);
        command
    }
}
