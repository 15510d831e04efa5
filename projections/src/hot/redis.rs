//! The hot store shared by all nodes, with this process's own memory beneath.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{RedisError, Script};

use crate::hot::{ACKNOWLEDGED_FOR, HINTED_FOR, Hot, Memory};

/// Longest wait for an answer; longer than Redis ever needs for one key.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
/// Longest wait for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_millis(500);
/// After a failure Redis is left alone for so long: nobody waits for it meanwhile.
const LEAVE_ALONE: Duration = Duration::from_secs(1);

/// Sets a number to the greater of the old and the new one, with a fresh end.
const RAISE: &str = "local old = tonumber(redis.call('get', KEYS[1]) or '0')
redis.call('set', KEYS[1], math.max(old, tonumber(ARGV[1])), 'px', ARGV[2])";
/// Counts one more; the first count sets the end.
const COUNT: &str = "local count = redis.call('incr', KEYS[1])
if count == 1 then redis.call('pexpire', KEYS[1], ARGV[1]) end
return count";

/// The address is no Redis address.
#[derive(Debug, thiserror::Error)]
#[error("not a Redis address: {0}")]
pub struct BadUrl(#[from] RedisError);

/// Keeps everything in Redis and, for the time when Redis is gone, in this process's memory.
pub struct Redis {
    connection: ConnectionManager,
    memory: Memory,
    namespace: String,
    raise: Script,
    count: Script,
    started: Instant,
    /// Milliseconds since `started` until which Redis is left alone.
    alone_until: AtomicU64,
    failing: AtomicBool,
}

impl Redis {
    /// A hot store of a book, by its name, in a Redis that need not be there yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BadUrl`] when the address is none; never because Redis is out of reach.
    pub fn open(url: &str, book: &str) -> Result<Self, BadUrl> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECTION_TIMEOUT));
        let connection = ConnectionManager::new_lazy_with_config(redis::Client::open(url)?, config)?;
        Ok(Self {
            connection,
            memory: Memory::new(),
            namespace: format!("daybook:{book}"),
            raise: Script::new(RAISE),
            count: Script::new(COUNT),
            started: Instant::now(),
            alone_until: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        })
    }

    fn key(&self, kind: &str, key: &str) -> String {
        format!("{}:{kind}:{key}", self.namespace)
    }

    /// Asks Redis; `None` when it does not answer.
    async fn ask<T>(&self, asked: impl AsyncFnOnce(ConnectionManager) -> Result<T, RedisError>) -> Option<T> {
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
                    tracing::warn!(%error, "Redis does not answer, going on with this process's own memory");
                }
                None
            }
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Hot for Redis {
    fn deny<'a>(&'a self, key: &'a str, ttl: Duration) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.memory.deny_now(key, ttl);
            let name = self.key("denied", key);
            let set = async |mut c| redis::cmd("SET").arg(&name).arg(1).arg("PX").arg(millis(ttl)).query_async::<()>(&mut c).await;
            self.ask(set).await;
        })
    }

    fn is_denied<'a>(&'a self, key: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            if self.memory.is_denied_now(key) {
                return true;
            }
            let name = self.key("denied", key);
            self.ask(async |mut c| redis::cmd("EXISTS").arg(&name).query_async::<bool>(&mut c).await).await.unwrap_or(false)
        })
    }

    fn acknowledge<'a>(&'a self, user: &'a str, position: u64) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.memory.acknowledge_now(user, position);
            let name = self.key("acknowledged", user);
            let raise = async |mut c| self.raise.key(&name).arg(position).arg(millis(ACKNOWLEDGED_FOR)).invoke_async::<()>(&mut c).await;
            self.ask(raise).await;
        })
    }

    fn acknowledged<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Option<u64>> {
        Box::pin(async move {
            let name = self.key("acknowledged", user);
            let shared = self.ask(async |mut c| redis::cmd("GET").arg(&name).query_async::<Option<u64>>(&mut c).await).await.flatten();
            self.memory.acknowledged_now(user).max(shared)
        })
    }

    fn increment<'a>(&'a self, key: &'a str, window: Duration) -> BoxFuture<'a, u64> {
        Box::pin(async move {
            let own = self.memory.increment_now(key, window);
            let name = self.key("count", key);
            let shared = self.ask(async |mut c| self.count.key(&name).arg(millis(window)).invoke_async::<u64>(&mut c).await).await;
            // The greater one: a Redis that lost its data does not forgive what this process has counted.
            own.max(shared.unwrap_or(0))
        })
    }

    fn count<'a>(&'a self, key: &'a str) -> BoxFuture<'a, u64> {
        Box::pin(async move {
            let name = self.key("count", key);
            let shared = self.ask(async |mut c| redis::cmd("GET").arg(&name).query_async::<Option<u64>>(&mut c).await).await.flatten();
            self.memory.count_now(key).max(shared.unwrap_or(0))
        })
    }

    fn reset<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.memory.reset_now(key);
            let name = self.key("count", key);
            self.ask(async |mut c| redis::cmd("DEL").arg(&name).query_async::<()>(&mut c).await).await;
        })
    }

    fn hint<'a>(&'a self, key: &'a str, number: Option<u64>) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.memory.hint_now(key, number);
            let name = self.key("hint", key);
            let command = match number {
                Some(number) => redis::cmd("SET").arg(&name).arg(number).arg("PX").arg(millis(HINTED_FOR)).to_owned(),
                None => redis::cmd("DEL").arg(&name).to_owned(),
            };
            self.ask(async |mut c| command.query_async::<()>(&mut c).await).await;
        })
    }

    fn hinted<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<u64>> {
        Box::pin(async move {
            let name = self.key("hint", key);
            let shared = self.ask(async |mut c| redis::cmd("GET").arg(&name).query_async::<Option<u64>>(&mut c).await).await;
            // Another node may have forgotten it: what this one remembers counts only while Redis is silent.
            shared.unwrap_or_else(|| self.memory.hinted_now(key))
        })
    }
}

/// At least one: Redis refuses an end that is now.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
