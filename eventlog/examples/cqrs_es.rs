//! An aggregate and a query as the documentation of cqrs-es writes them for postgres-es, unchanged, on a Daybook log:
//! only the line that makes the store is another one.
//!
//! `cargo run --example cqrs_es` keeps the book in a folder of its own; an address (`postgres://…`) keeps it there.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, CqrsFramework, DomainEvent, EventEnvelope, Query};
use daybook_eventlog::cqrs::Store;
use daybook_eventlog::{Config, KeySource, Log, StoreUrl};
use serde::{Deserialize, Serialize};

/// What may be asked of an account.
#[derive(Debug, Serialize, Deserialize)]
pub enum BankAccountCommand {
    /// Opens it.
    OpenAccount {
        /// Whose it is.
        account_id: String,
    },
    /// Pays in.
    DepositMoney {
        /// In won.
        amount: i64,
    },
    /// Takes out.
    WithdrawMoney {
        /// In won.
        amount: i64,
    },
}

/// What happened to an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BankAccountEvent {
    /// It was opened.
    AccountOpened {
        /// Whose it is.
        account_id: String,
    },
    /// Money came in.
    CustomerDepositedMoney {
        /// How much.
        amount: i64,
        /// What there is now.
        balance: i64,
    },
    /// Money went out.
    CustomerWithdrewCash {
        /// How much.
        amount: i64,
        /// What there is now.
        balance: i64,
    },
}

impl DomainEvent for BankAccountEvent {
    fn event_type(&self) -> String {
        match self {
            Self::AccountOpened { .. } => "AccountOpened",
            Self::CustomerDepositedMoney { .. } => "CustomerDepositedMoney",
            Self::CustomerWithdrewCash { .. } => "CustomerWithdrewCash",
        }
        .to_string()
    }

    fn event_version(&self) -> String {
        "1.0".to_string()
    }
}

/// Why not.
#[derive(Debug, PartialEq, Eq)]
pub struct BankAccountError(String);

impl Display for BankAccountError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BankAccountError {}

impl From<&str> for BankAccountError {
    fn from(message: &str) -> Self {
        Self(message.to_string())
    }
}

/// An account with its balance.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BankAccount {
    opened: bool,
    balance: i64,
}

impl Aggregate for BankAccount {
    const TYPE: &'static str = "BankAccount";
    type Command = BankAccountCommand;
    type Event = BankAccountEvent;
    type Error = BankAccountError;
    type Services = ();

    async fn handle(&mut self, command: Self::Command, (): &(), sink: &EventSink<Self>) -> Result<(), Self::Error> {
        match command {
            BankAccountCommand::OpenAccount { account_id } => {
                if self.opened {
                    return Err("it is open already".into());
                }
                sink.write(BankAccountEvent::AccountOpened { account_id }, self).await;
            }
            BankAccountCommand::DepositMoney { amount } => {
                let balance = self.balance + amount;
                sink.write(BankAccountEvent::CustomerDepositedMoney { amount, balance }, self).await;
            }
            BankAccountCommand::WithdrawMoney { amount } => {
                let balance = self.balance - amount;
                if balance < 0 {
                    return Err("funds not available".into());
                }
                sink.write(BankAccountEvent::CustomerWithdrewCash { amount, balance }, self).await;
            }
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        match event {
            BankAccountEvent::AccountOpened { .. } => self.opened = true,
            BankAccountEvent::CustomerDepositedMoney { balance, .. } | BankAccountEvent::CustomerWithdrewCash { balance, .. } => {
                self.balance = balance;
            }
        }
    }
}

/// A query that keeps a line for each event that it is told of.
#[derive(Clone, Default)]
pub struct Statement(Arc<Mutex<Vec<String>>>);

impl Statement {
    /// The lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().map(|lines| lines.clone()).unwrap_or_default()
    }
}

#[async_trait]
impl Query<BankAccount> for Statement {
    async fn dispatch(&self, aggregate_id: &str, events: &[EventEnvelope<BankAccount>]) {
        if let Ok(mut lines) = self.0.lock() {
            lines.extend(events.iter().map(|event| format!("{aggregate_id}-{}: {:?}", event.sequence, event.payload)));
        }
    }
}

/// Opens an account, uses it, and gives what its query was told.
///
/// # Errors
/// When the log fails, or the account is not as it should be.
pub async fn run(log: Log, account: &str) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let statement = Statement::default();
    // Instead of `postgres_es::postgres_cqrs(pool, queries, services)`.
    let cqrs = CqrsFramework::new(Store::<BankAccount>::new(log), vec![Box::new(statement.clone())], ());
    cqrs.execute(account, BankAccountCommand::OpenAccount { account_id: account.to_string() }).await?;
    let metadata = [("user".to_string(), "teller-7".to_string())].into();
    cqrs.execute_with_metadata(account, BankAccountCommand::DepositMoney { amount: 1_000 }, metadata).await?;
    cqrs.execute(account, BankAccountCommand::WithdrawMoney { amount: 300 }).await?;
    match cqrs.execute(account, BankAccountCommand::WithdrawMoney { amount: 701 }).await {
        Err(refused) if refused.to_string() == "funds not available" => Ok(statement.lines()),
        other => Err(format!("an overdrawn account: {other:?}").into()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = std::env::temp_dir().join(format!("daybook-cqrs-es-{}", uuid::Uuid::now_v7()));
    let url: StoreUrl = match std::env::args().nth(1) {
        Some(address) => address.parse()?,
        None => StoreUrl::Sqlite(folder),
    };
    let keys = KeySource::beside(&url);
    let log = Log::open(Config { url, secret: [0; 32], migrate: true, keys }).await?;
    for line in run(log.clone(), "ACCT-0001").await? {
        println!("{line}");
    }
    log.close().await;
    Ok(())
}
