//! The transport against a toy schema.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod crowd;
mod http;
mod sse;
mod websocket;
mod welcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::{Context, EmptySubscription, Object, Result, Schema, Subscription};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream, StreamExt};
use kernel::{Refused, Timestamp};
use tokio::sync::watch;

use super::{Admitted, Door, Endpoint, RequestMeta, SocketLimits, TurnedAway};
use crate::errors::ApiError;
use crate::scalars::{DateTime, Json, MoneyInput};

/// Counts what was changed, so that a test can tell that nothing was.
#[derive(Clone, Default)]
struct Changes(Arc<AtomicUsize>);

impl Changes {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Viewer(String);

#[derive(Clone, Copy, PartialEq, Eq, async_graphql::Enum)]
enum Colour {
    Green,
    Blue,
}

struct Query;

#[Object]
impl Query {
    async fn me(&self, ctx: &Context<'_>) -> String {
        ctx.data_unchecked::<Viewer>().0.clone()
    }

    async fn echo(&self, value: Option<i32>, at: Option<DateTime>, price: Option<MoneyInput>, json: Option<Json>) -> String {
        format!("{value:?} {} {} {}", at.is_some(), price.is_some(), json.is_some())
    }

    async fn needs(&self, value: i32) -> i32 {
        value
    }

    async fn correlation(&self, ctx: &Context<'_>) -> String {
        ctx.data_unchecked::<RequestMeta>().correlation_id.to_string()
    }

    async fn nested(&self) -> Query {
        Query
    }

    async fn colour(&self, of: Option<Colour>) -> Option<Colour> {
        of
    }

    async fn pages(&self, first: Option<i32>, after: Option<String>) -> Option<Query> {
        (first.is_some() || after.is_some()).then_some(Query)
    }

    async fn secret_failure(&self) -> Result<Option<i32>> {
        Err(std::io::Error::other("password=hunter2"))?
    }

    async fn untyped_failure(&self) -> Result<Option<i32>> {
        Err(async_graphql::Error::new("table users is gone"))
    }

    async fn signed_in(&self) -> Result<Option<i32>, ApiError> {
        Err(ApiError::sign_in())
    }

    async fn lagging(&self) -> Result<Option<i32>, ApiError> {
        Err(ApiError::Lagging { projection: "bookings".to_owned(), applied: 3, required: 5, retry_after_ms: 200 })
    }

    async fn refused(&self) -> Result<Option<i32>, ApiError> {
        Err(Refused::at("SYS003", &["input", "amount"]).into())
    }

    async fn panics(&self) -> i32 {
        broken()
    }

    async fn slow(&self) -> i32 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        1
    }
}

fn broken() -> i32 {
    panic!("on purpose")
}

struct Mutation;

#[Object]
impl Mutation {
    async fn change(&self, ctx: &Context<'_>, delay_ms: Option<u64>) -> usize {
        tokio::time::sleep(Duration::from_millis(delay_ms.unwrap_or(0))).await;
        ctx.data_unchecked::<Changes>().0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

struct Tick(i32);

#[Object]
impl Tick {
    async fn cursor(&self) -> String {
        self.0.to_string()
    }

    async fn number(&self) -> i32 {
        self.0
    }
}

struct Subscriptions;

#[Subscription]
impl Subscriptions {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        stream::iter(0..to)
    }

    /// Numbers from the one after the cursor up to a bound, as a list with cursors has them.
    async fn ticks(&self, to: i32, after: Option<String>) -> Result<impl Stream<Item = Tick>, ApiError> {
        let after = after.map_or(Ok(0), |after| after.parse::<i32>().map_err(|_| Refused::at("SYS003", &["after"])))?;
        Ok(stream::iter(after + 1..=to).map(Tick))
    }

    async fn never(&self) -> impl Stream<Item = i32> {
        stream::pending()
    }

    async fn forbidden(&self) -> Result<stream::Empty<i32>, ApiError> {
        Err(ApiError::forbidden())
    }

    async fn flood(&self) -> impl Stream<Item = String> {
        stream::repeat("x".repeat(1_000)).take(100_000)
    }
}

/// `good-NAME` is let in as NAME; `short` for a moment; no token as nobody.
struct Gate;

impl Door for Gate {
    fn enter<'a>(&'a self, bearer: Option<&'a str>, _: &'a RequestMeta) -> BoxFuture<'a, std::result::Result<Admitted, TurnedAway>> {
        let soon = Timestamp::from_millisecond(Timestamp::now().as_millisecond() + 300).unwrap();
        let outcome = match bearer {
            None => Ok(Admitted::new(Viewer("nobody".to_owned()), None)),
            Some("short") => Ok(Admitted::new(Viewer("short".to_owned()), Some(soon))),
            Some("limited") => Err(TurnedAway::Limited { retry_after: Duration::from_secs(7) }),
            Some("banned") => Err(TurnedAway::Forbidden),
            Some("unsure") => Err(TurnedAway::Unavailable),
            Some(token) => token
                .strip_prefix("good-")
                .map(|name| Admitted::new(Viewer(name.to_owned()), None).paying_as(name))
                .ok_or(TurnedAway::Unauthenticated),
        };
        Box::pin(std::future::ready(outcome))
    }
}

struct Toy {
    endpoint: Endpoint,
    changes: Changes,
    draining: watch::Sender<bool>,
}

impl Toy {
    fn new() -> Self {
        Self::behind(Gate)
    }

    fn behind(door: impl Door + 'static) -> Self {
        let changes = Changes::default();
        let schema = Schema::build(Query, Mutation, Subscriptions).data(changes.clone()).finish();
        let draining = watch::Sender::new(false);
        let endpoint = Endpoint::new(schema, door, draining.subscribe());
        Self { endpoint, changes, draining }
    }

    fn sockets(mut self, change: impl FnOnce(&mut SocketLimits)) -> Self {
        let mut limits = SocketLimits::default();
        change(&mut limits);
        self.endpoint = self.endpoint.sockets(limits);
        self
    }
}

/// A schema without subscriptions or mutations is served too.
#[test]
fn any_schema_is_an_executor() {
    let schema = Schema::new(Query, async_graphql::EmptyMutation, EmptySubscription);
    let _ = Endpoint::new(schema, Gate, watch::Sender::new(false).subscribe());
}
