#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicI64, Ordering};

use kernel::{Currency, Money};

use super::*;
use crate::provider::PaymentOutcome;

mod bank;
mod books;
mod provider;

/// A folder with books, and a clock that moves a second with every look.
struct Scratch {
    files: SandboxFiles,
    folder: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("daybook-sandbox-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        Self { files: SandboxFiles::in_folder(&folder), folder }
    }

    fn open(&self) -> Sandbox {
        let seconds = AtomicI64::new(1_780_000_000);
        let clock = move || Timestamp::from_second(seconds.fetch_add(1, Ordering::Relaxed)).unwrap();
        Sandbox::open(&self.files, Arc::new(clock)).unwrap()
    }

    fn provider_book(&self) -> Book {
        Book::read(&self.files.provider).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn won(minor: i128) -> Money {
    Money::new(minor, Currency::Krw)
}

/// A confirm of order `order-{payment_key}`.
fn asking(payment_key: &str, minor: i128, key: &str) -> ConfirmRequest {
    let order_id = format!("order-{payment_key}");
    ConfirmRequest { payment_key: payment_key.to_owned(), order_id, amount: won(minor), idempotency_key: key.to_owned() }
}

fn refunding(payment_key: &str, minor: i128, key: &str) -> CancelRequest {
    let reason = "call me on 010-1234-5678".to_owned();
    CancelRequest { payment_key: payment_key.to_owned(), amount: won(minor), reason, idempotency_key: key.to_owned() }
}

fn paying(payout: &str, payee: &str, minor: i128, key: &str) -> PayoutOrder {
    PayoutOrder { payout: payout.to_owned(), payee: payee.to_owned(), amount: won(minor), idempotency_key: key.to_owned() }
}

async fn find(sandbox: &Sandbox, payment_key: &str) -> Result<ProviderPayment, ProviderError> {
    PaymentProvider::find(sandbox, payment_key, &format!("order-{payment_key}")).await
}

async fn find_payout(sandbox: &Sandbox, key: &str) -> Result<PayoutState, ProviderError> {
    PayoutBank::find(sandbox, key).await
}

/// `yes`, `unknown`, `not found` or the code of a no.
fn word<T>(answer: &Result<T, ProviderError>) -> String {
    match answer {
        Ok(_) => "yes".to_owned(),
        Err(ProviderError::Declined { code, .. }) => code.clone(),
        Err(ProviderError::Unknown { .. }) => "unknown".to_owned(),
        Err(ProviderError::NotFound) => "not found".to_owned(),
        Err(ProviderError::Unavailable { .. }) => "unavailable".to_owned(),
    }
}

/// As [`word`], but a payment or payout that was found declined shows its code.
fn found(answer: &Result<ProviderPayment, ProviderError>) -> String {
    match answer {
        Ok(ProviderPayment { outcome: PaymentOutcome::Declined { code, .. }, .. }) => format!("found {code}"),
        other => word(other),
    }
}
