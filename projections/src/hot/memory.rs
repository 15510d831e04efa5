//! The hot store within one process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::hot::{ACKNOWLEDGED_FOR, Bucket, HINTED_FOR, Hot};

/// Most entries of each kind; beyond, those that end soonest go first.
const MOST: usize = 100_000;

/// Keeps everything in memory, bounded. For a single process, and beneath [`crate::hot::Redis`].
#[derive(Debug, Default)]
pub struct Memory {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    sessions: Table<String>,
    denied: Table,
    acknowledged: Table,
    counters: Table,
    /// A bucket that is full again needs no entry: its end is when it will be.
    buckets: Table,
    hints: Table,
}

/// Numbers, or texts, with an end.
#[derive(Debug)]
struct Table<V = u64>(HashMap<String, (V, Instant)>);

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V: Clone> Table<V> {
    fn get(&self, key: &str) -> Option<V> {
        self.0.get(key).filter(|(_, ends)| *ends > Instant::now()).map(|(value, _)| value.clone())
    }

    /// How long an entry lasts from now on.
    fn lasts(&self, key: &str) -> Duration {
        self.0.get(key).map_or(Duration::ZERO, |(_, ends)| ends.saturating_duration_since(Instant::now()))
    }

    /// Sets a value; one that has not ended keeps its end when told so.
    fn set(&mut self, key: &str, value: V, ttl: Duration, keep_end: bool) {
        let now = Instant::now();
        if let Some(entry) = self.0.get_mut(key) {
            let ends = if keep_end && entry.1 > now { entry.1 } else { now + ttl };
            *entry = (value, ends);
            return;
        }
        if self.0.len() >= MOST {
            self.make_room(now);
        }
        self.0.insert(key.to_owned(), (value, now + ttl));
    }

    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, (_, ends)| *ends > now);
        if self.0.len() >= MOST {
            let mut ends: Vec<Instant> = self.0.values().map(|(_, ends)| *ends).collect();
            let (_, tenth, _) = ends.select_nth_unstable(MOST / 10);
            let tenth = *tenth;
            self.0.retain(|_, (_, ends)| *ends > tenth);
        }
    }
}

impl Memory {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Never held across an await; it guards plain data.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep_session_now(&self, session: &str, known: &str, ttl: Duration) {
        self.lock().sessions.set(session, known.to_owned(), ttl, false);
    }

    pub(super) fn kept_session_now(&self, session: &str) -> Option<String> {
        self.lock().sessions.get(session)
    }

    pub(super) fn deny_now(&self, key: &str, ttl: Duration) {
        self.lock().denied.set(key, 1, ttl, false);
    }

    pub(super) fn is_denied_now(&self, key: &str) -> bool {
        self.lock().denied.get(key).is_some()
    }

    pub(super) fn acknowledge_now(&self, user: &str, position: u64) {
        let mut tables = self.lock();
        let newest = tables.acknowledged.get(user).unwrap_or(0).max(position);
        tables.acknowledged.set(user, newest, ACKNOWLEDGED_FOR, false);
    }

    pub(super) fn acknowledged_now(&self, user: &str) -> Option<u64> {
        self.lock().acknowledged.get(user)
    }

    pub(super) fn increment_now(&self, key: &str, window: Duration) -> u64 {
        let mut tables = self.lock();
        let count = tables.counters.get(key).unwrap_or(0).saturating_add(1);
        tables.counters.set(key, count, window, true);
        count
    }

    pub(super) fn count_now(&self, key: &str) -> u64 {
        self.lock().counters.get(key).unwrap_or(0)
    }

    pub(super) fn reset_now(&self, key: &str) {
        self.lock().counters.0.remove(key);
    }

    pub(super) fn spend_now(&self, key: &str, bucket: Bucket, price: u64) -> Result<u64, Duration> {
        let mut tables = self.lock();
        let full_in = bucket.take(tables.buckets.lasts(key), price)?;
        tables.buckets.set(key, 0, full_in, false);
        Ok(bucket.left(full_in))
    }

    pub(super) fn hint_now(&self, key: &str, number: Option<u64>) {
        let mut tables = self.lock();
        match number {
            Some(number) => tables.hints.set(key, number, HINTED_FOR, false),
            None => drop(tables.hints.0.remove(key)),
        }
    }

    pub(super) fn hinted_now(&self, key: &str) -> Option<u64> {
        self.lock().hints.get(key)
    }
}

impl Hot for Memory {
    fn keep_session<'a>(&'a self, session: &'a str, known: &'a str, ttl: Duration) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.keep_session_now(session, known, ttl) })
    }

    fn kept_session<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move { self.kept_session_now(session) })
    }

    fn deny<'a>(&'a self, key: &'a str, ttl: Duration) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.deny_now(key, ttl) })
    }

    fn is_denied<'a>(&'a self, key: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move { self.is_denied_now(key) })
    }

    fn acknowledge<'a>(&'a self, user: &'a str, position: u64) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.acknowledge_now(user, position) })
    }

    fn acknowledged<'a>(&'a self, user: &'a str) -> BoxFuture<'a, Option<u64>> {
        Box::pin(async move { self.acknowledged_now(user) })
    }

    fn increment<'a>(&'a self, key: &'a str, window: Duration) -> BoxFuture<'a, u64> {
        Box::pin(async move { self.increment_now(key, window) })
    }

    fn count<'a>(&'a self, key: &'a str) -> BoxFuture<'a, u64> {
        Box::pin(async move { self.count_now(key) })
    }

    fn reset<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.reset_now(key) })
    }

    fn spend<'a>(&'a self, key: &'a str, bucket: Bucket, price: u64) -> BoxFuture<'a, Result<u64, Duration>> {
        Box::pin(async move { self.spend_now(key, bucket, price) })
    }

    fn hint<'a>(&'a self, key: &'a str, number: Option<u64>) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.hint_now(key, number) })
    }

    fn hinted<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<u64>> {
        Box::pin(async move { self.hinted_now(key) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn everything_ends() {
        let (hot, minute) = (Memory::new(), Duration::from_secs(60));
        hot.deny("s", minute).await;
        assert_eq!(hot.increment("c", minute).await, 1);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(hot.is_denied("s").await);
        // The window starts at the first count and is not stretched by the second.
        assert_eq!(hot.increment("c", minute).await, 2);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!hot.is_denied("s").await);
        assert_eq!(hot.count("c").await, 0);
        assert_eq!(hot.increment("c", minute).await, 1);
        hot.hint("stock:1", Some(3)).await;
        assert_eq!(hot.hinted("stock:1").await, Some(3));
        tokio::time::advance(HINTED_FOR).await;
        assert_eq!(hot.hinted("stock:1").await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_empties_and_fills_again() {
        let (hot, bucket) = (Memory::new(), Bucket { points: 60, window: Duration::from_secs(60) });
        let seconds = Duration::from_secs;
        assert_eq!(hot.spend("ann", bucket, 40).await, Ok(20));
        assert_eq!(hot.spend("ann", bucket, 30).await, Err(seconds(10)));
        assert_eq!(hot.spend("bob", bucket, 60).await, Ok(0), "everybody has their own");
        tokio::time::advance(seconds(10)).await;
        assert_eq!(hot.spend("ann", bucket, 30).await, Ok(0));
        tokio::time::advance(seconds(4_000)).await;
        assert_eq!(hot.spend("ann", bucket, 1).await, Ok(59));
        // What costs more than a bucket holds needs a full one, and takes it all.
        assert_eq!(hot.spend("cleo", bucket, 1_000).await, Ok(0));
        assert_eq!(hot.spend("cleo", bucket, 1_000).await, Err(seconds(60)));
    }

    #[tokio::test(start_paused = true)]
    async fn full_tables_drop_what_ends_soonest() {
        let hot = Memory::new();
        for i in 0..=MOST {
            hot.deny_now(&i.to_string(), Duration::from_secs(1 + i as u64));
        }
        assert!(hot.lock().denied.0.len() <= MOST);
        assert!(hot.is_denied_now(&MOST.to_string()) && !hot.is_denied_now("0"));
    }
}
