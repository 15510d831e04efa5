//! Everything that a request may need, put together once per book.

use std::sync::Arc;

use adapters::{Messenger, ObjectStore, SettlementReports};
use commands::Context;
use eventlog::tree::HeadsFolder;
use futures_util::future::BoxFuture;
use kernel::Timestamp;
use projections::feed::Feed;
use projections::hot::{Hot, HotViews};
use projections::views::Views;

use crate::event::{Folds, Parties};
use crate::password::Passwords;
use crate::tokens::Tokens;
use crate::writes::Writes;

/// One book with its read side and its edge. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// Commands and the log under them.
    pub ctx: Context,
    /// Read models.
    pub views: Views,
    /// Reactions that do not go through.
    pub letters: projections::process::Letters,
    /// Whether the log's database takes writes: tried,
    pub probe: projections::process::Probe,
    /// and seen.
    pub writes: Writes,
    /// What is hot and may be lost.
    pub hot: Arc<dyn Hot>,
    /// Read models that are kept hot.
    pub live: HotViews,
    /// What happens, for those who subscribe.
    pub feed: Feed,
    /// Whose it is that it happens to.
    pub parties: Parties,
    /// What it makes of the things that are watched.
    pub folds: Folds,
    /// Signs and verifies.
    pub tokens: Tokens,
    /// Hashes and verifies.
    pub passwords: Passwords,
    /// Where the last signed head lies, and what witnesses have cosigned.
    pub heads: HeadsFolder,
    /// Photos.
    pub objects: Arc<dyn ObjectStore>,
    /// The payment provider's settlement reports, where this process talks to it.
    pub reports: Option<Arc<dyn SettlementReports>>,
    /// Mail and SMS.
    pub messenger: Arc<dyn Messenger>,
    /// Where clients reach us, without a slash at the end.
    pub public_url: Arc<str>,
    /// Lock an address after too many failed sign-ins; off in `dev`, like every limit.
    pub lockout: bool,
    /// Moves the business clock; only in `dev` and in tests.
    pub advance: Option<Arc<dyn AdvanceClock>>,
}

/// Moves the business clock and answers when all that fell due has run.
pub trait AdvanceClock: Send + Sync {
    /// Forward by so many seconds; 0 reads the clock.
    fn advance(&self, seconds: u32) -> BoxFuture<'_, Result<Timestamp, Box<dyn std::error::Error + Send + Sync>>>;
}

/// Real time in whole microseconds, for tokens and sessions; never for business.
#[must_use]
pub fn real_now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
