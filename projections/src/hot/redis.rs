//! The hot store shared by all nodes, with this process's own memory beneath.

use std::time::Duration;

use futures_util::future::BoxFuture;
use redis::{RedisError, Script};

use crate::hot::link::Link;
use crate::hot::{ACKNOWLEDGED_FOR, Bucket, HINTED_FOR, Hot, Memory};

/// Longest wait for an answer; longer than Redis ever needs for one key.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);

/// Sets a number to the greater of the old and the new one, with a fresh end.
const RAISE: &str = "local old = tonumber(redis.call('get', KEYS[1]) or '0')
redis.call('set', KEYS[1], math.max(old, tonumber(ARGV[1])), 'px', ARGV[2])";
/// Counts one more; the first count sets the end.
const COUNT: &str = "local count = redis.call('incr', KEYS[1])
if count == 1 then redis.call('pexpire', KEYS[1], ARGV[1]) end
return count";
/// Takes a price (in microseconds of filling) out of a bucket: whether there was enough, and when it will be full, or how long to
/// wait. By the clock of Redis: those of the nodes may differ.
const SPEND: &str = "local time = redis.call('time')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local full_at = tonumber(redis.call('get', KEYS[1]) or '0')
local full_in = math.max(full_at - now, 0) + tonumber(ARGV[1])
local window = tonumber(ARGV[2])
if full_in > window then return {0, full_in - window} end
redis.call('set', KEYS[1], string.format('%.0f', now + full_in), 'px', math.ceil(full_in / 1000) + 1)
return {1, full_in}";

/// The address is no Redis address.
#[derive(Debug, thiserror::Error)]
#[error("not a Redis address: {0}")]
pub struct BadUrl(#[from] RedisError);

/// Keeps everything in Redis and, for the time when Redis is gone, in this process's memory.
pub struct Redis {
    link: Link,
    memory: Memory,
    namespace: String,
    raise: Script,
    count: Script,
    spend: Script,
}

impl Redis {
    /// A hot store of a book, by its name, in a Redis that need not be there yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BadUrl`] when the address is none; never because Redis is out of reach.
    pub fn open(url: &str, book: &str) -> Result<Self, BadUrl> {
        Ok(Self {
            link: Link::open(url, RESPONSE_TIMEOUT)?,
            memory: Memory::new(),
            namespace: format!("daybook:{book}"),
            raise: Script::new(RAISE),
            count: Script::new(COUNT),
            spend: Script::new(SPEND),
        })
    }

    fn key(&self, kind: &str, key: &str) -> String {
        format!("{}:{kind}:{key}", self.namespace)
    }
}

impl Hot for Redis {
    fn reachable(&self) -> BoxFuture<'_, Option<bool>> {
        Box::pin(async move {
            let ping = async |mut c| redis::cmd("PING").query_async::<String>(&mut c).await;
            Some(self.link.ask(ping).await.is_some())
        })
    }

    fn keep_session<'a>(&'a self, session: &'a str, known: &'a str, ttl: Duration) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.memory.keep_session_now(session, known, ttl);
            let name = self.key("session", session);
            let set = async |mut c| redis::cmd("SET").arg(&name).arg(known).arg("PX").arg(millis(ttl)).query_async::<()>(&mut c).await;
            self.link.ask(set).await;
        })
    }

    fn kept_session<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let name = self.key("session", session);
            let shared = self.link.ask(async |mut c| redis::cmd("GET").arg(&name).query_async::<Option<String>>(&mut c).await).await;
            // What this process remembers counts only while Redis is silent: one that was emptied is filled again.
            shared.unwrap_or_else(|| self.memory.kept_session_now(session))
        })
    }

    fn deny<'a>(&'a self, key: &'a str, ttl: Duration) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.memory.deny_now(key, ttl);
            let name = self.key("denied", key);
            let set = async |mut c| redis::cmd("SET").arg(&name).arg(1).arg("PX").arg(millis(ttl)).query_async::<()>(&mut c).await;
            self.link.ask(set).await;
        })
    }

    fn is_denied<'a>(&'a self, key: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            if self.memory.is_denied_now(key) {
                return true;
            }
            let name = self.key("denied", key);
            self.link.ask(async |mut c| redis::cmd("EXISTS").arg(&name).query_async::<bool>(&mut c).await).await.unwrap_or(false)
        })
    }

    fn acknowledge<'a>(&'a self, user: &'a str, position: u64) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.memory.acknowledge_now(user, position);
            let name = self.key("acknowledged", user);
            let raise = async |mut c| self.raise.key(&name).arg(position).arg(millis(ACKNOWLEDGED_FOR)).invoke_async::<()>(&mut c).await;
            self.link.ask(raise).await;
        })
    }

    fn acknowledged<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Option<u64>> {
        Box::pin(async move {
            let name = self.key("acknowledged", user);
            let shared = self.link.ask(async |mut c| redis::cmd("GET").arg(&name).query_async::<Option<u64>>(&mut c).await).await.flatten();
            // What only this process remembers does not count: another node may have acknowledged more before Redis lost it.
            shared.map(|shared| shared.max(self.memory.acknowledged_now(user).unwrap_or(0)))
        })
    }

    fn increment<'a>(&'a self, key: &'a str, window: Duration) -> BoxFuture<'a, u64> {
        Box::pin(async move {
            let own = self.memory.increment_now(key, window);
            let name = self.key("count", key);
            let shared = self.link.ask(async |mut c| self.count.key(&name).arg(millis(window)).invoke_async::<u64>(&mut c).await).await;
            // The greater one: a Redis that lost its data does not forgive what this process has counted.
            own.max(shared.unwrap_or(0))
        })
    }

    fn count<'a>(&'a self, key: &'a str) -> BoxFuture<'a, u64> {
        Box::pin(async move {
            let name = self.key("count", key);
            let shared = self.link.ask(async |mut c| redis::cmd("GET").arg(&name).query_async::<Option<u64>>(&mut c).await).await.flatten();
            self.memory.count_now(key).max(shared.unwrap_or(0))
        })
    }

    fn reset<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.memory.reset_now(key);
            let name = self.key("count", key);
            self.link.ask(async |mut c| redis::cmd("DEL").arg(&name).query_async::<()>(&mut c).await).await;
        })
    }

    fn spend<'a>(&'a self, key: &'a str, bucket: Bucket, price: u64) -> BoxFuture<'a, Result<u64, Duration>> {
        Box::pin(async move {
            let (name, price_us, window_us) = (self.key("bucket", key), bucket.time(price).as_micros(), bucket.window.as_micros());
            let take = async |mut c| {
                let mut spend = self.spend.key(&name);
                let (price_us, window_us) = (u64::try_from(price_us).unwrap_or(u64::MAX), u64::try_from(window_us).unwrap_or(u64::MAX));
                spend.arg(price_us).arg(window_us).invoke_async::<(bool, u64)>(&mut c).await
            };
            let shared = self.link.ask(take).await;
            if let Some((false, wait_us)) = shared {
                return Err(Duration::from_micros(wait_us));
            }
            // Counted here as well: a Redis that is gone, or has lost its data, does not forgive what this process knows.
            let own = self.memory.spend_now(key, bucket, price)?;
            Ok(shared.map_or(own, |(_, full_in_us)| own.min(bucket.left(Duration::from_micros(full_in_us)))))
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
            self.link.ask(async |mut c| command.query_async::<()>(&mut c).await).await;
        })
    }

    fn hinted<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<u64>> {
        Box::pin(async move {
            let name = self.key("hint", key);
            let shared = self.link.ask(async |mut c| redis::cmd("GET").arg(&name).query_async::<Option<u64>>(&mut c).await).await;
            // Another node may have forgotten it: what this one remembers counts only while Redis is silent.
            shared.unwrap_or_else(|| self.memory.hinted_now(key))
        })
    }
}

/// At least one: Redis refuses an end that is now.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
