//! What is hot and may be lost: revoked sessions, acknowledged positions, counters with an end, hints.
//!
//! The truth is in the log; this spares looking there. Redis shares it between nodes; its loss refuses nobody anything,
//! every node then goes on with what it knows itself.

mod bucket;
mod keeper;
mod link;
mod memory;
mod ping;
mod redis;
pub mod rows;
mod worker;

use std::time::Duration;

use futures_util::future::BoxFuture;

pub use self::bucket::Bucket;
pub use self::keeper::{HotFault, HotFigures, HotViews};
pub use self::memory::Memory;
pub use self::ping::{PingError, ping};
pub use self::redis::{BadUrl, Redis};
pub use self::worker::{HotProjector, HotStep, HotWorkers};

/// The hot store of one book. Nothing here fails: what cannot be known is answered as if it had never been said.
pub trait Hot: Send + Sync + 'static {
    /// Denies a key (a revoked session) for a time.
    fn deny<'a>(&'a self, key: &'a str, ttl: Duration) -> BoxFuture<'a, ()>;

    /// Was the key denied, and is the time not over?
    fn is_denied<'a>(&'a self, key: &'a str) -> BoxFuture<'a, bool>;

    /// Keeps what is known of a session, for a time; who reads it holds it against the log.
    fn keep_session<'a>(&'a self, session: &'a str, known: &'a str, ttl: Duration) -> BoxFuture<'a, ()>;

    /// What was kept of a session.
    fn kept_session<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Option<String>>;

    /// Notes the position of a user's newest write; a lower one than before changes nothing.
    fn acknowledge<'a>(&'a self, user: &'a str, position: u64) -> BoxFuture<'a, ()>;

    /// The position of the user's newest write of the last minutes; where it is missing, take the log's present end.
    fn acknowledged<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Option<u64>>;

    /// Counts one more; the counter starts at its first count and ends a window later. Returns the new count.
    fn increment<'a>(&'a self, key: &'a str, window: Duration) -> BoxFuture<'a, u64>;

    /// The present count.
    fn count<'a>(&'a self, key: &'a str) -> BoxFuture<'a, u64>;

    /// Ends a counter.
    fn reset<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()>;

    /// Takes a price out of a bucket, and says what is left in it. A price beyond what a bucket holds takes all of a full one. The
    /// error is how long to wait until there is enough; nothing is taken then.
    fn spend<'a>(&'a self, key: &'a str, bucket: Bucket, price: u64) -> BoxFuture<'a, Result<u64, Duration>>;

    /// Keeps a number that readers may show for a moment without asking a model; `None` forgets it. Nothing is decided by it.
    fn hint<'a>(&'a self, key: &'a str, number: Option<u64>) -> BoxFuture<'a, ()>;

    /// Does the shared store answer? None where nothing is shared.
    fn reachable(&self) -> BoxFuture<'_, Option<bool>> {
        Box::pin(std::future::ready(None))
    }

    /// The number that was kept, while its moment lasts.
    fn hinted<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<u64>>;
}

/// How long a user's acknowledged position is kept: much longer than any model may lag.
const ACKNOWLEDGED_FOR: Duration = Duration::from_secs(600);
/// How old a hint may be.
const HINTED_FOR: Duration = Duration::from_secs(5);
