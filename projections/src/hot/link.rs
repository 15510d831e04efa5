//! The way to a Redis that may be gone: nobody waits long for it, and nobody again at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::RedisError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use crate::hot::BadUrl;

/// Longest wait for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(500);
/// After a failure Redis is left alone for so long: nobody waits for it meanwhile.
const LEAVE_ALONE: Duration = Duration::from_secs(1);

/// A connection that makes itself anew.
pub(super) struct Link {
    connection: ConnectionManager,
    started: Instant,
    /// Milliseconds since `started` until which Redis is left alone.
    alone_until: AtomicU64,
    failing: AtomicBool,
}

impl Link {
    /// To a Redis that need not be there yet. Needs a tokio runtime.
    pub(super) fn open(url: &str, response_timeout: Duration) -> Result<Self, BadUrl> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_response_timeout(Some(response_timeout))
            .set_connection_timeout(Some(CONNECTION_TIMEOUT));
        let connection = ConnectionManager::new_lazy_with_config(redis::Client::open(url)?, config)?;
        Ok(Self { connection, started: Instant::now(), alone_until: AtomicU64::new(0), failing: AtomicBool::new(false) })
    }

    /// Asks Redis; `None` when it does not answer, or was silent a moment ago.
    pub(super) async fn ask<T>(&self, asked: impl AsyncFnOnce(ConnectionManager) -> Result<T, RedisError>) -> Option<T> {
        if self.elapsed_ms() < self.alone_until.load(Ordering::Relaxed) {
            return None;
        }
        match asked(self.connection.clone()).await {
            Ok(answer) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("Redis answers again");
                }
                Some(answer)
            }
            Err(error) => {
                let until = self.elapsed_ms() + u64::try_from(LEAVE_ALONE.as_millis()).unwrap_or(0);
                self.alone_until.store(until, Ordering::Relaxed);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "Redis does not answer, going on without it");
                }
                None
            }
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
