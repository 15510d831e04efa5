//! The sandbox: a payment provider and a bank of our own, that keep real books and fail on request.
//!
//! | payment key or payee | confirm, pay | re-query (`find`) |
//! |---|---|---|
//! | `sandbox-ok-…` (any other payee) | yes | found |
//! | `sandbox-twice-…` | yes, and its notice comes twice | found |
//! | `sandbox-declined-…` | declined | declined |
//! | `sandbox-timeout-…` | booked, but unknown | found |
//! | `sandbox-late-…` | booked, but unknown | unknown, then found |
//! | `sandbox-lost-…` | not booked, unknown | not found |
//! | `sandbox-never-…` | not booked, unknown | unknown, for ever |
//! | any other payment key | declined | declined |
//!
//! A payment key with `-refundunknown-` in it books its cancels but loses the answers (found by a re-query), one with
//! `-refundfail-` declines the first cancel, one with `-refundlost-` loses the first. Everything else is scripted:
//! [`Sandbox::script`], or by a file beside the books (`plan`).
//!
//! The same idempotency key again brings the same answer and books nothing; an answer that was lost stays lost until a
//! re-query has told. Every decision has its line in a book ([`Book`]) and is on disk before the answer leaves.
//! What a re-query has told and what was scripted is forgotten over a restart; money never is.

mod book;
mod fault;
mod payments;
mod payouts;
mod plan;
mod request;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::Timestamp;
use kernel::jiff::civil::Date;

pub use book::{Book, BookError, Entry, OrderTotal, Outcome, Subject};
pub use fault::{Call, Fault, ScriptFull};

use self::payments::Payments;
use self::payouts::Payouts;
use self::request::Decision;
use self::writer::Writer;
use crate::provider::{
    Answer, CancelRequest, Cancellation, ConfirmRequest, Confirmation, PaymentProvider, PayoutBank, PayoutOrder, PayoutResult, PayoutState,
    ProviderError, ProviderPayment,
};
use crate::settlements::{SettlementReports, of_book};

/// The business clock.
pub type BusinessClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Told of every capture whose answer left; the provider's webhook, so to speak. Called on the caller's task: keep it short.
pub type NoticeHook = Arc<dyn Fn(&Notice) + Send + Sync>;

/// A capture, as a provider's webhook tells of it. May come twice; the receiver asks by `find` before it believes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The provider's key of the payment.
    pub payment_key: String,
    /// The order that was paid.
    pub order_id: String,
}

/// Where the two books are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxFiles {
    /// The provider's.
    pub provider: PathBuf,
    /// The bank's.
    pub bank: PathBuf,
}

impl SandboxFiles {
    /// `provider.ndjson` and `bank.ndjson` in a data folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { provider: folder.join("provider.ndjson"), bank: folder.join("bank.ndjson") }
    }
}

/// The sandbox; clones share their books. Dropping the last one waits until all that was decided is on disk.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    clock: BusinessClock,
    /// Where the provider's book is read again for its settlement reports.
    provider_book: PathBuf,
    payments: Counter<Payments>,
    payouts: Counter<Payouts>,
    notice: Mutex<Option<NoticeHook>>,
}

impl Sandbox {
    /// Opens or makes both books and takes up where they end. Blocks on the disk: call it at start.
    ///
    /// # Errors
    /// [`BookError`], in particular `InUse` when another sandbox has a book open.
    pub fn open(files: &SandboxFiles, clock: BusinessClock) -> Result<Self, BookError> {
        let payments = Counter::open(&files.provider, |subject| !matches!(subject, Subject::Payout { .. }), Payments::replay)?;
        let payouts = Counter::open(&files.bank, |subject| matches!(subject, Subject::Payout { .. }), Payouts::replay)?;
        let provider_book = files.provider.clone();
        Ok(Self(Arc::new(Inner { clock, provider_book, payments, payouts, notice: Mutex::new(None) })))
    }

    /// Sets whom to tell of captures, in place of whoever was told before. A capture whose answer was lost is not told of:
    /// only a re-query brings it to light.
    pub fn on_notice(&self, hook: NoticeHook) {
        *lock(&self.0.notice) = Some(hook);
    }

    /// Lets a later call of this kind fail: each scripted fault meets one call that would otherwise move money, in order.
    ///
    /// # Errors
    /// [`ScriptFull`] when 10,000 faults wait already.
    pub fn script(&self, call: Call, fault: Fault) -> Result<(), ScriptFull> {
        match call {
            Call::Confirm => lock(&self.0.payments.memory).confirm_script.push(fault),
            Call::Cancel => lock(&self.0.payments.memory).cancel_script.push(fault),
            Call::Pay => lock(&self.0.payouts.memory).script.push(fault),
        }
    }

    /// Scripts what somebody has asked for beside the books since the last call.
    fn planned(&self) {
        for (call, fault) in plan::take(&self.0.provider_book.with_file_name(plan::FILE)) {
            if let Err(error) = self.script(call, fault) {
                tracing::warn!(%error, "a fault of the sandbox's plan is left out");
            }
        }
    }

    fn now(&self) -> Timestamp {
        let now = (self.0.clock)();
        // Microseconds, as everywhere.
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn notify(&self, notice: &Notice) {
        let hook = lock(&self.0.notice).clone();
        if let Some(hook) = hook {
            (0..fault::notices(&notice.payment_key)).for_each(|_| hook(notice));
        }
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sandbox")
    }
}

impl SettlementReports for Sandbox {
    fn settlements(&self, from: Date, to: Date) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            let path = self.0.provider_book.clone();
            let read = move || Book::read(&path).map_err(|error| error.to_string()).and_then(|book| of_book(&book, from, to));
            let report = tokio::task::spawn_blocking(read).await.map_err(ProviderError::unknown)?;
            report.map_err(ProviderError::unknown)
        })
    }
}

impl PaymentProvider for Sandbox {
    fn confirm(&self, request: ConfirmRequest) -> Answer<'_, Confirmation> {
        Box::pin(async move {
            self.planned();
            let (now, mut booked) = (self.now(), false);
            let notice = Notice { payment_key: request.payment_key.clone(), order_id: request.order_id.clone() };
            let decide = |payments: &mut Payments| {
                let decision = payments.confirm(request, now);
                booked = decision.entry.is_some();
                decision
            };
            let answer = self.0.payments.serve(decide).await;
            if booked && answer.is_ok() {
                self.notify(&notice);
            }
            answer
        })
    }

    fn find<'a>(&'a self, payment_key: &'a str, order_id: &'a str) -> Answer<'a, ProviderPayment> {
        Box::pin(self.0.payments.serve(move |payments| Decision::unbooked(payments.find(payment_key, order_id))))
    }

    fn cancel(&self, request: CancelRequest) -> Answer<'_, Cancellation> {
        self.planned();
        let now = self.now();
        Box::pin(self.0.payments.serve(move |payments| payments.cancel(request, now)))
    }
}

impl PayoutBank for Sandbox {
    fn pay(&self, order: PayoutOrder) -> Answer<'_, PayoutResult> {
        self.planned();
        let now = self.now();
        Box::pin(self.0.payouts.serve(move |payouts| payouts.pay(order, now)))
    }

    fn find<'a>(&'a self, idempotency_key: &'a str) -> Answer<'a, PayoutState> {
        Box::pin(self.0.payouts.serve(move |payouts| Decision::unbooked(payouts.find(idempotency_key))))
    }
}

/// What is known, and the book that it is known from.
struct Counter<M> {
    memory: Mutex<M>,
    writer: Writer,
}

impl<M> Counter<M> {
    fn open(path: &Path, belongs: impl Fn(&Subject) -> bool, replay: impl FnOnce(&[Entry]) -> M) -> Result<Self, BookError> {
        let (writer, entries) = Writer::open(path)?;
        if let Some(stray) = entries.iter().position(|entry| !belongs(&entry.subject)) {
            return Err(BookError::Corrupt { line: stray + 1, cause: "a line of the other book".to_owned() });
        }
        Ok(Self { memory: Mutex::new(replay(&entries)), writer })
    }

    /// Decides, and answers once the decision, and all that it rests on, is on disk. Decisions and lines have one order,
    /// because the line takes its place in the queue while the memory is locked.
    async fn serve<T>(&self, decide: impl FnOnce(&mut M) -> Decision<T>) -> Result<T, ProviderError> {
        let slot = self.writer.reserve().await.map_err(ProviderError::unknown)?;
        let (answer, durable) = {
            let mut memory = lock(&self.memory);
            let decision = decide(&mut memory);
            (decision.answer, slot.write(decision.entry.as_ref()))
        };
        durable.wait().await.map_err(ProviderError::unknown)?;
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
