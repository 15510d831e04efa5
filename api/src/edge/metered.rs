//! A door that also counts those who are turned away: whoever sends nonsense, or guesses tokens, is limited like everybody.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Meter;
use crate::transport::{Admitted, Door, RequestMeta, TurnedAway};

/// A door with a meter before it; without a meter nobody is counted. What is executed is counted where its operations are known
/// ([`Meter::charge`]).
#[derive(Clone)]
pub struct Metered<D> {
    door: D,
    meter: Option<Meter>,
}

impl<D> Metered<D> {
    /// Puts a meter before a door.
    pub const fn new(door: D, meter: Option<Meter>) -> Self {
        Self { door, meter }
    }
}

impl<D: Door> Door for Metered<D> {
    fn enter<'a>(&'a self, bearer: Option<&'a str>, meta: &'a RequestMeta) -> BoxFuture<'a, Result<Admitted, TurnedAway>> {
        self.door.enter(bearer, meta)
    }

    fn refused<'a>(&'a self, meta: &'a RequestMeta) -> BoxFuture<'a, Option<Duration>> {
        Box::pin(async move { self.meter.as_ref()?.visit(meta.remote?).await.map(Duration::from_secs) })
    }
}
