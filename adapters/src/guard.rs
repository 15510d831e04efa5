//! The wrapper around every outside service: a timeout and a circuit breaker (EXT-08, EXT-09, domain.md §3.0).
//!
//! No retries: those are the effect queue's business, since only it keeps the idempotency key over a restart (EXT-07).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::BoxFuture;
use crate::geocoder::{GeoPoint, GeocodeError, Geocoder};
use crate::metrics;
use crate::provider::{
    Answer, CancelRequest, Cancellation, ConfirmRequest, Confirmation, PaymentProvider, PayoutBank, PayoutOrder, PayoutResult, PayoutState,
    ProviderError, ProviderPayment,
};

/// A clock that never goes back, as time since some fixed moment.
pub type Monotonic = Arc<dyn Fn() -> Duration + Send + Sync>;

/// What a guarded service may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardLimits {
    /// How long a call may take; past it its outcome is unknown.
    pub timeout: Duration,
    /// Consecutive calls without an answer that open the breaker.
    pub failures: u32,
    /// How long the breaker stays open before it lets one probe through.
    pub open_for: Duration,
}

impl Default for GuardLimits {
    /// The payment provider's: 30 s (EXT-09), 5 failures, 30 s open (EXT-08).
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), failures: 5, open_for: Duration::from_secs(30) }
    }
}

impl GuardLimits {
    /// The geocoder's: 10 s (EXT-09), the same breaker.
    #[must_use]
    pub fn geocoder() -> Self {
        Self { timeout: Duration::from_secs(10), ..Self::default() }
    }
}

/// When to ask again while a probe is under way: it mostly ends soon.
const PROBE_UNDER_WAY: Duration = Duration::from_secs(1);

/// Where a breaker stands; for metrics and alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Calls are refused unsent.
    Open,
    /// One probe is under way; its outcome decides.
    HalfOpen,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Duration },
    HalfOpen,
}

/// What came of the calls to a guarded service since the start, and where its breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardFigures {
    /// The service.
    pub service: &'static str,
    /// Where the breaker stands.
    pub state: BreakerState,
    /// Calls that were answered: a yes, or a definite no.
    pub answered: u64,
    /// Calls whose outcome is unknown.
    pub unknown: u64,
    /// Calls that the open breaker refused unsent.
    pub refused: u64,
}

/// A guarded service, whatever it does; for metrics.
pub trait Watched: Send + Sync {
    /// How it is.
    fn figures(&self) -> GuardFigures;
}

/// What a guard may have to answer in the service's place.
trait Unanswered {
    /// The breaker is open for so many milliseconds.
    fn refused(retry_in_ms: u64) -> Self;
    /// It did not answer in time.
    fn silent(cause: String) -> Self;
    /// Is nothing known of the outcome?
    fn is_unanswered(&self) -> bool;
    /// What it comes to, for operators.
    fn outcome(&self) -> &'static str;
}

impl Unanswered for ProviderError {
    fn refused(retry_in_ms: u64) -> Self {
        Self::Unavailable { retry_in_ms }
    }

    fn silent(cause: String) -> Self {
        Self::unknown(cause)
    }

    fn is_unanswered(&self) -> bool {
        self.is_unknown()
    }

    fn outcome(&self) -> &'static str {
        match self {
            Self::Declined { .. } => "declined",
            Self::Unknown { .. } => "unknown",
            Self::NotFound => "not_found",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

impl Unanswered for GeocodeError {
    fn refused(retry_in_ms: u64) -> Self {
        Self::Unavailable { cause: format!("not asked for another {retry_in_ms} ms") }
    }

    fn silent(cause: String) -> Self {
        Self::Unavailable { cause }
    }

    fn is_unanswered(&self) -> bool {
        self.retryable()
    }

    fn outcome(&self) -> &'static str {
        if self.retryable() { "unknown" } else { "declined" }
    }
}

/// A circuit breaker: pure, its time comes in with every call.
#[derive(Debug)]
pub struct Breaker {
    limits: GuardLimits,
    phase: Phase,
    /// Counts changes of phase, so that a call from an earlier phase no longer has a say when it ends.
    epoch: u64,
}

/// The right to make one call; goes back to [`Breaker::settle`].
#[derive(Debug)]
pub struct Permit {
    epoch: u64,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub const fn new(limits: GuardLimits) -> Self {
        Self { limits, phase: Phase::Closed { failures: 0 }, epoch: 0 }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// May a call be made now?
    ///
    /// # Errors
    /// How long to wait before it makes sense to ask again.
    pub fn admit(&mut self, now: Duration) -> Result<Permit, Duration> {
        match self.phase {
            Phase::Closed { .. } => Ok(Permit { epoch: self.epoch }),
            Phase::Open { until } if now < until => Err(until.saturating_sub(now)),
            Phase::Open { .. } => {
                self.change(Phase::HalfOpen);
                Ok(Permit { epoch: self.epoch })
            }
            Phase::HalfOpen => Err(PROBE_UNDER_WAY),
        }
    }

    /// Reports how a call ended: `answered` is true for a yes and for a definite no.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is good for one call")]
    pub fn settle(&mut self, permit: Permit, answered: bool, now: Duration) {
        if permit.epoch != self.epoch {
            return;
        }
        match self.phase {
            Phase::Closed { .. } if answered => self.phase = Phase::Closed { failures: 0 },
            Phase::Closed { failures } if failures + 1 < self.limits.failures => self.phase = Phase::Closed { failures: failures + 1 },
            Phase::HalfOpen if answered => self.change(Phase::Closed { failures: 0 }),
            Phase::Closed { .. } | Phase::HalfOpen => self.change(Phase::Open { until: now.saturating_add(self.limits.open_for) }),
            // No permit is ever given out in this phase.
            Phase::Open { .. } => {}
        }
    }

    const fn change(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }
}

/// An outside service behind a timeout and a circuit breaker. Clones of the inner service may be guarded apart.
pub struct Guarded<P> {
    inner: P,
    service: &'static str,
    limits: GuardLimits,
    clock: Monotonic,
    breaker: Mutex<Breaker>,
    answered: AtomicU64,
    unknown: AtomicU64,
    refused: AtomicU64,
}

impl<P> Guarded<P> {
    /// Guards a service with the machine's own monotonic clock; `service` names it in the log.
    pub fn new(service: &'static str, inner: P, limits: GuardLimits) -> Self {
        let started = Instant::now();
        Self::with_clock(service, inner, limits, Arc::new(move || started.elapsed()))
    }

    /// Guards a service with another clock for the breaker (the timeout always runs on real time).
    pub fn with_clock(service: &'static str, inner: P, limits: GuardLimits, clock: Monotonic) -> Self {
        metrics::breaker(service, false);
        let (answered, unknown, refused) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { inner, service, limits, clock, breaker: Mutex::new(Breaker::new(limits)), answered, unknown, refused }
    }

    /// Where the breaker stands.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner).state()
    }

    /// The guarded service itself.
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    fn with_breaker<T>(&self, act: impl FnOnce(&mut Breaker, Duration) -> T) -> T {
        let now = (self.clock)();
        act(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    /// `start` begins the call; it does not run while the breaker is open.
    async fn call<'a, T, E: Unanswered>(&'a self, start: impl FnOnce(&'a P) -> BoxFuture<'a, Result<T, E>>) -> Result<T, E> {
        let permit = self.with_breaker(Breaker::admit).map_err(|wait| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            // Rounded up, so that waiting just this long is enough.
            E::refused(u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX))
        })?;
        let mut pass = Pass { guard: self, permit: Some(permit) };
        let result = match tokio::time::timeout(self.limits.timeout, start(&self.inner)).await {
            Ok(result) => result,
            Err(_) => Err(E::silent(format!("{} did not answer within {:?}", self.service, self.limits.timeout))),
        };
        pass.settle(!result.as_ref().is_err_and(E::is_unanswered));
        metrics::called(self.service, result.as_ref().map_or_else(E::outcome, |_| "done"));
        result
    }
}

/// A call under way. Dropped unsettled (its caller gave up), it counts as one without an answer, so that a probe never hangs.
struct Pass<'a, P> {
    guard: &'a Guarded<P>,
    permit: Option<Permit>,
}

impl<P> Pass<'_, P> {
    fn settle(&mut self, answered: bool) {
        let Some(permit) = self.permit.take() else { return };
        let counter = if answered { &self.guard.answered } else { &self.guard.unknown };
        counter.fetch_add(1, Ordering::Relaxed);
        let (before, after) = self.guard.with_breaker(|breaker, now| {
            let before = breaker.state();
            breaker.settle(permit, answered, now);
            (before, breaker.state())
        });
        metrics::breaker(self.guard.service, after == BreakerState::Open);
        if before != after {
            tracing::warn!(target: "daybook::guard", service = self.guard.service, ?before, ?after, "circuit breaker changed");
        }
    }
}

impl<P> Drop for Pass<'_, P> {
    fn drop(&mut self) {
        self.settle(false);
    }
}

impl<P: Send + Sync> Watched for Guarded<P> {
    fn figures(&self) -> GuardFigures {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (answered, unknown, refused) = (count(&self.answered), count(&self.unknown), count(&self.refused));
        GuardFigures { service: self.service, state: self.state(), answered, unknown, refused }
    }
}

impl<P: Geocoder> Geocoder for Guarded<P> {
    fn geocode<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<GeoPoint, GeocodeError>> {
        Box::pin(self.call(move |inner| inner.geocode(address)))
    }
}

impl<P: PaymentProvider> PaymentProvider for Guarded<P> {
    fn confirm(&self, request: ConfirmRequest) -> Answer<'_, Confirmation> {
        Box::pin(self.call(move |inner| inner.confirm(request)))
    }

    fn find<'a>(&'a self, payment_key: &'a str, order_id: &'a str) -> Answer<'a, ProviderPayment> {
        Box::pin(self.call(move |inner| inner.find(payment_key, order_id)))
    }

    fn cancel(&self, request: CancelRequest) -> Answer<'_, Cancellation> {
        Box::pin(self.call(move |inner| inner.cancel(request)))
    }
}

impl<B: PayoutBank> PayoutBank for Guarded<B> {
    fn pay(&self, order: PayoutOrder) -> Answer<'_, PayoutResult> {
        Box::pin(self.call(move |inner| inner.pay(order)))
    }

    fn find<'a>(&'a self, idempotency_key: &'a str) -> Answer<'a, PayoutState> {
        Box::pin(self.call(move |inner| inner.find(idempotency_key)))
    }
}

#[cfg(test)]
mod tests;
