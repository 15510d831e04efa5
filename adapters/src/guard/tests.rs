#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::*;

/// Steps of a breaker with 3 failures and 10 s open: `ask` takes a permit, `yes`/`no` settle the oldest one out.
const TABLE: &str = "
    at 0  ask   admitted   closed
    at 0  no    -          closed
    at 0  ask   admitted   closed
    at 0  no    -          closed
    at 0  ask   admitted   closed
    at 1  yes   -          closed
    at 1  ask   admitted   closed
    at 1  no    -          closed
    at 1  ask   admitted   closed
    at 1  no    -          closed
    at 1  ask   admitted   closed
    at 1  ask   admitted   closed
    at 2  no    -          open
    at 2  ask   10         open
    at 3  yes   -          open
    at 11 ask   1          open
    at 12 ask   admitted   half-open
    at 12 ask   1          half-open
    at 14 no    -          open
    at 23 ask   1          open
    at 24 ask   admitted   half-open
    at 24 yes   -          closed
    at 24 ask   admitted   closed
    at 24 no    -          closed
";

#[test]
fn the_breaker_follows_its_table() {
    let mut breaker = Breaker::new(GuardLimits { failures: 3, open_for: Duration::from_secs(10), ..GuardLimits::default() });
    let mut out = VecDeque::new();
    for row in TABLE.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let [_, at, act, expected, state] = row.split_whitespace().collect::<Vec<_>>()[..] else { unreachable!("{row}") };
        let now = Duration::from_secs(at.parse().unwrap());
        let seen = match (act, breaker.state()) {
            ("ask", _) => match breaker.admit(now) {
                Ok(permit) => {
                    out.push_back(permit);
                    "admitted".to_owned()
                }
                Err(wait) => wait.as_secs().to_string(),
            },
            (answer, _) => {
                breaker.settle(out.pop_front().unwrap(), answer == "yes", now);
                "-".to_owned()
            }
        };
        let stands = match breaker.state() {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half-open",
        };
        assert_eq!((seen.as_str(), stands), (expected, state), "{row}");
    }
}

/// A bank that answers as its script says.
struct Scripted {
    answers: Mutex<VecDeque<Option<Result<PayoutState, ProviderError>>>>,
    calls: AtomicUsize,
}

impl PayoutBank for Scripted {
    fn pay(&self, _: PayoutOrder) -> Answer<'_, PayoutResult> {
        Box::pin(std::future::pending())
    }

    fn find<'a>(&'a self, _: &'a str) -> Answer<'a, PayoutState> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match self.answers.lock().unwrap().pop_front().unwrap() {
            Some(answer) => Box::pin(std::future::ready(answer)),
            None => Box::pin(std::future::pending()),
        }
    }
}

fn guarded(answers: Vec<Option<Result<PayoutState, ProviderError>>>) -> (Guarded<Scripted>, Arc<AtomicU64>) {
    let bank = Scripted { answers: Mutex::new(answers.into()), calls: AtomicUsize::new(0) };
    let seconds = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&seconds);
    let limits = GuardLimits { timeout: Duration::from_millis(20), failures: 2, open_for: Duration::from_secs(30) };
    (Guarded::with_clock("bank", bank, limits, Arc::new(move || Duration::from_secs(shown.load(Ordering::Relaxed)))), seconds)
}

fn declined() -> Result<PayoutState, ProviderError> {
    Ok(PayoutState::Declined { code: "NO".to_owned(), message: "no".to_owned() })
}

#[tokio::test]
async fn a_timeout_is_unknown_and_opens_the_breaker_like_any_other_silence() {
    let (bank, seconds) = guarded(vec![None, Some(Err(ProviderError::unknown("503"))), Some(declined())]);
    assert!(bank.find("a").await.unwrap_err().is_unknown());
    assert!(bank.find("a").await.unwrap_err().is_unknown());
    assert_eq!(bank.find("a").await, Err(ProviderError::Unavailable { retry_in_ms: 30_000 }));
    assert_eq!((bank.inner().calls.load(Ordering::Relaxed), bank.state()), (2, BreakerState::Open));
    seconds.store(30, Ordering::Relaxed);
    assert_eq!(bank.find("a").await, declined());
    assert_eq!(bank.state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_definite_no_is_an_answer() {
    let no = || Some(Err(ProviderError::declined("NO", "no")));
    let (bank, _) = guarded(vec![no(), no(), Some(Err(ProviderError::NotFound)), no()]);
    for _ in 0..4 {
        assert!(!bank.find("a").await.unwrap_err().retryable());
    }
    assert_eq!(bank.state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_probe_whose_caller_gave_up_does_not_hang_the_breaker() {
    let (bank, seconds) = guarded(vec![None, None, None, Some(declined())]);
    for _ in 0..2 {
        assert!(bank.find("a").await.is_err());
    }
    seconds.store(30, Ordering::Relaxed);
    let mut probe = bank.find("a");
    tokio::select! {
        biased;
        _ = &mut probe => unreachable!("the bank never answers"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(bank.state(), BreakerState::HalfOpen);
    drop(probe);
    assert_eq!(bank.state(), BreakerState::Open);
    seconds.store(60, Ordering::Relaxed);
    assert_eq!(bank.find("a").await, declined());
}
